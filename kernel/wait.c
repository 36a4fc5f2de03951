// SPDX-License-Identifier: GPL-2.0
/*
 * Who sleeps, and who wakes whom.
 *
 * Readers sleep exclusively in mq_queue.readers: each message that becomes
 * ready wakes one of them. One that has slept, and may so have been woken for
 * a message, but leaves without taking one that was ready, wakes the next
 * (mq_pass_on) if there still is one. A reader that may hold no more
 * deliveries, or has to wait until it is the active one, is not among them, so
 * that it eats no wake-up meant for others.
 * Besides, all readers of one open file sleep in its own mq_file.own, for what
 * concerns that file alone: that it may hold more again, or that it has a
 * half-read message.
 *
 * Writers sleep exclusively too, but need room of different size: a wake-up
 * goes past those for whom there is not enough, to the first for whom there
 * is. A writer that got in wakes the next, if there is room left.
 *
 * Commands of io_uring that wait without a thread (park.c) stand among both, and
 * keep to the same rules.
 *
 * Pollers are woken with the sleepers. Those that wait to write are, besides,
 * woken on the edge alone: when the queue ceases to be full.
 */
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "mq.h"

#define MQ_IN	poll_to_key(EPOLLIN | EPOLLRDNORM)
#define MQ_OUT	poll_to_key(EPOLLOUT | EPOLLWRNORM)

/* Is that side held off? A look without the lock. */
bool mq_paused(const struct mq_queue *q, u64 side)
{
	return READ_ONCE(q->opt.paused) & side;
}

/* How many messages could be received by somebody. A look without the lock. */
static u64 mq_deliverable(const struct mq_queue *q)
{
	return likely(!q->order) ? READ_ONCE(q->stat.ready) : mq_order_count(q);
}

/* May hold another delivery. A look without the lock. */
bool mq_has_credit(const struct mq_file *f)
{
	u32 prefetch = READ_ONCE(f->prefetch);

	if (unlikely(READ_ONCE(f->q->opt.single_active)) &&
	    READ_ONCE(f->q->active) != f)
		return false;
	return READ_ONCE(f->ack) == DEVMQ_ACK_AUTO || !prefetch ||
	       READ_ONCE(f->held_count) < prefetch;
}

static bool mq_at_eof(const struct mq_queue *q)
{
	u64 eof = READ_ONCE(q->opt.eof);

	if (READ_ONCE(q->stat.ready))
		return false;
	return eof == MQ_EOF_EMPTY ||
	       (eof == MQ_EOF_HANGUP && !READ_ONCE(q->stat.producers));
}

/**
 * mq_can_receive - would a receive not sleep?
 * @f: the consumer
 * @partial: it is a read(2), which may go on with a half-read message
 *
 * A look without the lock.
 */
bool mq_can_receive(const struct mq_file *f, bool partial)
{
	const struct mq_queue *q = f->q;

	if (READ_ONCE(q->gone))
		return true;
	if (partial && (READ_ONCE(f->partial) || READ_ONCE(f->lost)))
		return true;
	return !mq_paused(q, MQ_PAUSED_RECEIVE) && mq_has_credit(f) &&
	       (mq_deliverable(q) || mq_at_eof(q));
}

/* Would a send of @bytes not sleep? A look without the lock. */
bool mq_can_send(const struct mq_queue *q, u64 bytes)
{
	if (READ_ONCE(q->gone))
		return true;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return false;
	return READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits(q, 1, bytes);
}

/* Sleep until woken: 0; or until the deadline: -ETIMEDOUT. */
static int mq_sleep(u64 deadline_ns)
{
	ktime_t deadline = min_t(u64, deadline_ns, KTIME_MAX);

	if (deadline_ns == DEVMQ_FOREVER) {
		schedule();
		return 0;
	}
	return schedule_hrtimeout_range(&deadline, 0, HRTIMER_MODE_ABS) ?
	       0 : -ETIMEDOUT;
}

/**
 * mq_wait_message - sleep until there may be something to receive
 * @f: the consumer
 * @partial: as for mq_can_receive()
 * @deadline_ns: not longer than this time of CLOCK_MONOTONIC
 *
 * Whoever called this and then takes nothing that is ready, or waits for
 * anything else first, calls mq_pass_on().
 *
 * Return: 0 (look again), ERESTARTSYS, or ETIMEDOUT.
 */
int mq_wait_message(struct mq_file *f, bool partial, u64 deadline_ns)
{
	struct wait_queue_entry wait, own;
	struct mq_queue *q = f->q;
	int err = 0;

	init_wait_entry(&wait, WQ_FLAG_EXCLUSIVE);
	init_wait_entry(&own, 0);
	for (;;) {
		bool credit = mq_has_credit(f);
		int stop;

		/* Woken or not, a message that is there is for others now. */
		if (!credit)
			mq_pass_on(q);
		stop = prepare_to_wait_event(&f->own, &own, TASK_INTERRUPTIBLE);
		if (credit)
			prepare_to_wait_exclusive(&q->readers, &wait,
						  TASK_INTERRUPTIBLE);
		if (mq_can_receive(f, partial)) {
			err = 0;
			break;
		}
		err = err ?: stop;
		if (err)
			break;
		/* Another thread of this file was faster: pass on, too. */
		if (!credit || mq_has_credit(f))
			err = mq_sleep(deadline_ns);
		finish_wait(&q->readers, &wait);
	}
	finish_wait(&q->readers, &wait);
	finish_wait(&f->own, &own);
	return err;
}

/**
 * struct mq_writer - a sleeping writer
 * @wait: in mq_queue.writers
 * @q: the queue
 * @payload: bytes of its message's payload
 * @meta: bytes of its key and headers
 */
struct mq_writer {
	struct wait_queue_entry	wait;
	struct mq_queue		*q;
	u64			payload;
	u64			meta;
};

/* There is room, or there will never be any: both end the wait. */
static bool mq_writer_may_go(const struct mq_writer *w)
{
	return mq_can_send(w->q, w->payload + w->meta) ||
	       !mq_size_ok(w->q, w->payload, w->meta);
}

/* Not woken is not counted: the wake-up goes on to the next. */
static int mq_writer_wake(struct wait_queue_entry *wait, unsigned int mode,
			  int flags, void *key)
{
	if (!mq_writer_may_go(container_of(wait, struct mq_writer, wait)))
		return 0;
	return autoremove_wake_function(wait, mode, flags, key);
}

/**
 * mq_wait_room - sleep until there may be room
 * @q: the queue
 * @payload: bytes of the message's payload
 * @meta: bytes of its key and headers
 *
 * Return: 0 (try again) or ERESTARTSYS.
 */
int mq_wait_room(struct mq_queue *q, u64 payload, u64 meta)
{
	struct mq_writer w = { .q = q, .payload = payload, .meta = meta };
	int err;

	atomic_inc(&q->blocked);
	init_wait_entry(&w.wait, WQ_FLAG_EXCLUSIVE);
	w.wait.func = mq_writer_wake;
	for (;;) {
		err = prepare_to_wait_event(&q->writers, &w.wait,
					    TASK_INTERRUPTIBLE);
		if (mq_writer_may_go(&w)) {
			err = 0;
			break;
		}
		if (err)
			break;
		schedule();
	}
	finish_wait(&q->writers, &w.wait);
	atomic_dec(&q->blocked);
	return err;
}

/**
 * mq_want_room - remember that a send of this file would have slept
 * @f: the producer
 * @bytes: what it sent, 0: it has got in, or gave up
 *
 * A poll waits for as much, so that who polls and tries again does not spin.
 */
void mq_want_room(struct mq_file *f, u64 bytes)
{
	u64 before = xchg(&f->wants, bytes);

	if (!before && bytes)
		atomic_inc(&f->q->blocked);
	else if (before && !bytes)
		atomic_dec(&f->q->blocked);
}

/* As mq_wake_readers(), where somebody sleeps there. */
void mq_wake_sleeping_readers(struct mq_queue *q, unsigned int n)
{
	__wake_up(&q->readers, TASK_INTERRUPTIBLE, n, MQ_IN);
}

/* What is ready was not for us: wake the next. */
void mq_pass_on(struct mq_queue *q)
{
	if (mq_deliverable(q))
		mq_wake_readers(q, 1);
}

/* As mq_wake_writers(), where somebody sleeps there. */
void mq_wake_sleeping_writers(struct mq_queue *q, bool edge)
{
	if (edge || atomic_read(&q->blocked))
		__wake_up(&q->writers, TASK_INTERRUPTIBLE, 1, MQ_OUT);
}

/* All who poll for room are to look. */
void mq_wake_pollers(struct mq_queue *q)
{
	__wake_up(&q->writers, TASK_INTERRUPTIBLE, 1, MQ_OUT);
}

/* @f may hold more deliveries than before, or has a half-read message. */
void mq_wake_file(struct mq_file *f)
{
	if (wq_has_sleeper(&f->own))
		__wake_up(&f->own, TASK_INTERRUPTIBLE, 0, MQ_IN);
	if (unlikely(READ_ONCE(f->wide)))
		mq_wake_readers(f->q, 0);
}

/* An option changed: everybody is to look. */
void mq_wake_options(struct mq_queue *q)
{
	struct mq_file *f;

	mq_wake_readers(q, 0);
	__wake_up(&q->writers, TASK_INTERRUPTIBLE, 0, MQ_OUT);
	spin_lock(&q->lock);
	list_for_each_entry(f, &q->files, link)
		mq_wake_file(f);
	spin_unlock(&q->lock);
	mq_budget_wake();
}

/* The queue was removed. */
void mq_wake_all(struct mq_queue *q)
{
	struct mq_file *f;

	wake_up_all(&q->readers);
	wake_up_all(&q->writers);
	spin_lock(&q->lock);
	list_for_each_entry(f, &q->files, link)
		wake_up_all(&f->own);
	spin_unlock(&q->lock);
	mq_budget_wake();
}
