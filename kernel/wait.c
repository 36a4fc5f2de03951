// SPDX-License-Identifier: GPL-2.0
/*
 * Who sleeps, and who wakes whom.
 *
 * Readers sleep exclusively: each message that becomes ready wakes one of
 * them. A reader that is woken and leaves without a message, because it may
 * hold no more, passes the wake-up on. A reader that may hold no more waits
 * apart, in mq_file.room, so that it eats no wake-up meant for others.
 *
 * Writers sleep exclusively too, but need room of different size: a wake-up
 * goes past those for whom there is not enough, to the first for whom there
 * is. A writer that got in wakes the next, if there is room left.
 */
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "mq.h"

static bool mq_gone(const struct mq_queue *q)
{
	return READ_ONCE(q->gone);
}

/* May hold another delivery. A look without the lock. */
static bool mq_has_credit(const struct mq_file *f)
{
	u32 prefetch = READ_ONCE(f->prefetch);

	return READ_ONCE(f->ack) == DEVMQ_ACK_AUTO || !prefetch ||
	       READ_ONCE(f->held_count) < prefetch;
}

static bool mq_at_eof(const struct mq_queue *q)
{
	u64 eof = READ_ONCE(q->opt.eof);

	return eof == MQ_EOF_EMPTY ||
	       (eof == MQ_EOF_HANGUP && !READ_ONCE(q->stat.producers));
}

/* Would a read not sleep? A look without the lock. */
bool mq_can_receive(struct mq_file *f)
{
	struct mq_queue *q = f->q;

	if (mq_gone(q) || READ_ONCE(f->partial))
		return true;
	return mq_has_credit(f) &&
	       (READ_ONCE(q->stat.ready) || mq_at_eof(q));
}

/* Would a write of a small message not sleep? A look without the lock. */
bool mq_can_send(struct mq_queue *q)
{
	return mq_gone(q) || READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits(q, 1);
}

/* Sleep until woken; 0, -ERESTARTSYS, or -ETIMEDOUT. */
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
 * @deadline_ns: not longer than this time of CLOCK_MONOTONIC
 *
 * Return: 0 (look again), ERESTARTSYS, or ETIMEDOUT.
 */
int mq_wait_message(struct mq_file *f, u64 deadline_ns)
{
	struct mq_queue *q = f->q;
	bool credit = mq_has_credit(f);
	struct wait_queue_head *wq = credit ? &q->readers : &f->room;
	struct wait_queue_entry wait;
	int err = 0;

	atomic_inc(&f->sleepers);
	init_wait_entry(&wait, credit ? WQ_FLAG_EXCLUSIVE : 0);
	for (;;) {
		int stop = prepare_to_wait_event(wq, &wait, TASK_INTERRUPTIBLE);

		/* Credit came or went: it is the other place to wait in. */
		if (mq_can_receive(f) || mq_has_credit(f) != credit) {
			err = 0;
			break;
		}
		if (!err)
			err = stop;
		if (err)
			break;
		err = mq_sleep(deadline_ns);
	}
	finish_wait(wq, &wait);
	atomic_dec(&f->sleepers);
	if (credit && !mq_has_credit(f) && READ_ONCE(q->stat.ready))
		mq_wake_readers(q, 1);
	return err;
}

/**
 * struct mq_writer - a sleeping writer
 * @wait: in mq_queue.writers
 * @q: the queue
 * @msg: its message
 */
struct mq_writer {
	struct wait_queue_entry	wait;
	struct mq_queue		*q;
	const struct mq_msg	*msg;
};

/* There is room, or there will never be any: both end the wait. */
static bool mq_writer_may_go(const struct mq_writer *w)
{
	struct mq_queue *q = w->q;

	return mq_gone(q) ||
	       READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       mq_queue_fits(q, mq_msg_bytes(w->msg)) ||
	       !mq_msg_ok(q, w->msg);
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
 * @msg: the message
 *
 * Return: 0 (try again) or ERESTARTSYS.
 */
int mq_wait_room(struct mq_queue *q, const struct mq_msg *msg)
{
	struct mq_writer w = { .q = q, .msg = msg };
	int err;

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
	return err;
}

/* @n messages became ready; 0: all readers are to look. */
void mq_wake_readers(struct mq_queue *q, unsigned int n)
{
	if (wq_has_sleeper(&q->readers))
		__wake_up(&q->readers, TASK_INTERRUPTIBLE, n,
			  poll_to_key(EPOLLIN | EPOLLRDNORM));
}

/*
 * @f has a half-read message now. If others sleep in a read or a poll of the
 * same open file, they can go on with it; which of the sleepers they are is
 * not known, so all look.
 */
void mq_wake_sharers(struct mq_file *f)
{
	smp_mb(); /* f->partial, then sleepers; pairs with prepare_to_wait */
	if (unlikely(atomic_read(&f->sleepers) || READ_ONCE(f->polled))) {
		mq_wake_readers(f->q, 0);
		mq_wake_file(f);
	}
}

/* There is more room than before, or some is left. */
void mq_wake_writers(struct mq_queue *q)
{
	if (wq_has_sleeper(&q->writers) && mq_can_send(q))
		wake_up_interruptible_poll(&q->writers,
					   EPOLLOUT | EPOLLWRNORM);
}

/* @f holds fewer deliveries than before, or may hold more. */
void mq_wake_file(struct mq_file *f)
{
	if (wq_has_sleeper(&f->room))
		wake_up_interruptible_all(&f->room);
}

/* An option changed: everybody is to look. */
void mq_wake_options(struct mq_queue *q)
{
	mq_wake_readers(q, 0);
	__wake_up(&q->writers, TASK_INTERRUPTIBLE, 0,
		  poll_to_key(EPOLLOUT | EPOLLWRNORM));
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
		wake_up_all(&f->room);
	spin_unlock(&q->lock);
	mq_budget_wake();
}
