// SPDX-License-Identifier: GPL-2.0
/*
 * What can happen to a message in its queue. Each change of state is one
 * function, does its counting and its trace event, and runs under
 * mq_queue.lock; none of them sleeps, allocates, frees or wakes anybody.
 *
 *            send               take              ack
 *	(new) ------> READY ------------> IN FLIGHT -----> (gone)
 *	                |  ^                  |
 *	          drop, |  +------------------+
 *	          purge |    release, last close (a failure),
 *	                v    or it was never handed over
 *	             (gone)
 */
#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "mq.h"
#include "trace.h"

/* How many entries one hold of the lock moves, where there may be many. */
#define MQ_PORTION	64

/* Messages stored, whatever their state: what the bounds bound. */
static u64 mq_stored(const struct mq_queue *q)
{
	return READ_ONCE(q->stat.ready) + READ_ONCE(q->stat.in_flight);
}

static bool mq_within(const struct mq_queue *q, u64 messages, u64 bytes)
{
	return messages <= READ_ONCE(q->opt.max_messages) &&
	       bytes <= READ_ONCE(q->opt.max_bytes);
}

/* Is there room for a message of @bytes now? Also without the lock. */
bool mq_queue_fits(const struct mq_queue *q, u64 bytes)
{
	return mq_within(q, mq_stored(q) + 1, READ_ONCE(q->stat.bytes) + bytes);
}

/* Is there no room for even a little? The edge that pollers wait for. */
bool mq_queue_full(const struct mq_queue *q)
{
	return !mq_queue_fits(q, 1);
}

/*
 * Counters that are looked at without the lock, as hints: on 64 bits they are
 * seen whole.
 */
static void mq_count(u64 *counter, s64 by)
{
	WRITE_ONCE(*counter, *counter + by);
}

static void mq_remove_ready(struct mq_queue *q, struct mq_entry *e)
{
	mq_ready_remove(&q->ready, e);
	mq_count(&q->stat.ready, -1);
}

/* The message leaves the queue for good. */
static void mq_forget(struct mq_queue *q, struct mq_entry *e)
{
	mq_count(&q->stat.bytes, -(s64)mq_msg_bytes(e->msg));
}

static void mq_drop_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_remove_ready(q, e);
	mq_forget(q, e);
	q->stat.dropped++;
	trace_mq_drop(q, e);
}

/*
 * Drop from the head until a message of @bytes fits. If dropping all that is
 * ready would not do, as what is in flight stays, nothing is dropped. In
 * portions, since a bound may just have been set much lower.
 */
static int mq_drop_until_fits(struct mq_queue *q, u64 bytes,
			      struct list_head *dropped)
{
	unsigned int n = 0;

	if (!mq_within(q, q->stat.in_flight + 1, q->flying + bytes))
		return -ENOSPC;
	while (!mq_queue_fits(q, bytes)) {
		struct mq_entry *e = mq_ready_first(&q->ready);

		if (WARN_ON_ONCE(!e))
			return -ENOSPC;
		if (n++ == MQ_PORTION)
			return -EBUSY;
		mq_drop_locked(q, e);
		list_add_tail(&e->list, dropped);
	}
	return 0;
}

/**
 * mq_queue_admit_locked - may a message come in?
 * @q: the queue
 * @msg: the message
 * @dropped: takes the entries that had to go for it, for the caller to free
 *
 * Return: 0, ENODEV, EMSGSIZE, ENOSPC, EAGAIN where the overflow option says to wait, or
 * EBUSY where there is more to drop: unlock, free @dropped, try again.
 */
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg,
			  struct list_head *dropped)
{
	u64 bytes = mq_msg_bytes(msg);

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	/* A bound may have been set lower since that was looked at. */
	if (!mq_size_ok(q, msg->size, bytes - msg->size))
		return -EMSGSIZE;
	if (likely(mq_queue_fits(q, bytes)))
		return 0;
	switch (READ_ONCE(q->opt.overflow)) {
	case MQ_OVERFLOW_REJECT:
		return -ENOSPC;
	case MQ_OVERFLOW_DROP_HEAD:
		return mq_drop_until_fits(q, bytes, dropped);
	default:
		return -EAGAIN;
	}
}

/* A message comes in at @now (CLOCK_REALTIME), and gets its id. */
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now)
{
	lockdep_assert_held(&q->lock);
	e->msg->time_ns = now;
	e->id = q->next_id++;
	e->state = DEVMQ_STATE_READY;
	mq_ready_add(&q->ready, e);
	mq_count(&q->stat.ready, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(e->msg));
	q->stat.sent++;
	trace_mq_send(q, e);
}

/* What a consumer finds where nothing is ready. */
static struct mq_entry *mq_queue_empty(struct mq_queue *q)
{
	switch (READ_ONCE(q->opt.eof)) {
	case MQ_EOF_EMPTY:
		return NULL;
	case MQ_EOF_HANGUP:
		return q->stat.producers ? ERR_PTR(-EAGAIN) : NULL;
	default:
		return ERR_PTR(-EAGAIN);
	}
}

/**
 * mq_queue_next_locked - what is next for a consumer
 * @q: the queue
 * @f: the consumer
 *
 * Return: the entry, still ready; NULL at end of file; or an ERR_PTR: ENODEV,
 * EAGAIN (nothing there), EBUSY (the consumer holds as many deliveries as it
 * may), EINTR (the caller is being killed).
 */
struct mq_entry *mq_queue_next_locked(struct mq_queue *q, struct mq_file *f)
{
	lockdep_assert_held(&q->lock);
	if (q->gone)
		return ERR_PTR(-ENODEV);
	/* What a dying task takes nobody would ever see. */
	if (unlikely(fatal_signal_pending(current)))
		return ERR_PTR(-EINTR);
	if (f->ack == DEVMQ_ACK_MANUAL && f->prefetch &&
	    f->held_count >= f->prefetch)
		return ERR_PTR(-EBUSY);
	return mq_ready_first(&q->ready) ?: mq_queue_empty(q);
}

/* Hand it out: it is in flight now, and in the caller's hand. */
void mq_queue_take_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_queue *q = f->q;

	mq_remove_ready(q, e);
	mq_count(&q->stat.in_flight, 1);
	q->flying += mq_msg_bytes(e->msg);
	q->stat.delivered++;
	if (e->attempt++)
		q->stat.redelivered++;
	e->state = DEVMQ_STATE_IN_FLIGHT;
	WRITE_ONCE(f->held_count, f->held_count + 1);
	trace_mq_deliver(q, e);
}

/* The consumer keeps the delivery for later: it can be settled and seen. */
void mq_queue_hold_locked(struct mq_file *f, struct mq_entry *e)
{
	lockdep_assert_held(&f->q->lock);
	if (!e->since_ns)
		e->since_ns = ktime_get_real_ns();
	if (!mq_ids_first(&f->held))
		list_add_tail(&f->holder, &f->q->holders);
	mq_ids_insert(&f->held, e);
}

/* Back into the caller's hand. */
void mq_queue_unhold_locked(struct mq_file *f, struct mq_entry *e)
{
	lockdep_assert_held(&f->q->lock);
	rb_erase_cached(&e->node, &f->held);
	if (!mq_ids_first(&f->held))
		list_del_init(&f->holder);
	if (f->partial == e)
		WRITE_ONCE(f->partial, NULL);
}

/* The flight of an entry in hand ends. */
static void mq_land(struct mq_file *f, struct mq_entry *e)
{
	lockdep_assert_held(&f->q->lock);
	mq_count(&f->q->stat.in_flight, -1);
	f->q->flying -= mq_msg_bytes(e->msg);
	WRITE_ONCE(f->held_count, f->held_count - 1);
	e->since_ns = 0;
}

static void mq_land_ready(struct mq_file *f, struct mq_entry *e)
{
	mq_land(f, e);
	e->state = DEVMQ_STATE_READY;
	mq_ready_return(&f->q->ready, e);
	mq_count(&f->q->stat.ready, 1);
}

/* Done. The entry stays in hand, for the caller to free. */
void mq_queue_ack_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_queue *q = f->q;

	mq_land(f, e);
	mq_forget(q, e);
	q->stat.acked++;
	trace_mq_ack(q, e);
}

/* The consumer hands it back in good order: the attempt does not count. */
void mq_queue_release_locked(struct mq_file *f, struct mq_entry *e)
{
	e->attempt--;
	mq_land_ready(f, e);
	trace_mq_release(f->q, e);
}

/* The consumer's file was closed: that is a failure. */
static void mq_queue_crash_locked(struct mq_file *f, struct mq_entry *e)
{
	e->failures++;
	e->failure = DEVMQ_FAILURE_CRASH;
	mq_land_ready(f, e);
	trace_mq_return(f->q, e);
}

/*
 * None of it could be handed over: as if it had never been taken. A queue that
 * has been removed meanwhile takes nothing back; then it is held, and goes
 * with the file.
 */
void mq_queue_undeliver_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_queue *q = f->q;

	if (q->gone) {
		mq_queue_hold_locked(f, e);
		return;
	}
	q->stat.delivered--;
	if (--e->attempt)
		q->stat.redelivered--;
	mq_land_ready(f, e);
	trace_mq_release(q, e);
}

/* Its owner wants it gone. The caller frees it. */
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_remove_ready(q, e);
	mq_forget(q, e);
	q->stat.purged++;
	trace_mq_purge(q, e);
}

/* What dropping all that is ready would give back to the module's budget. */
u64 mq_queue_droppable(struct mq_queue *q)
{
	u64 cost;

	spin_lock(&q->lock);
	cost = q->stat.ready * mq_cost(0) + q->stat.bytes - q->flying;
	spin_unlock(&q->lock);
	return cost;
}

/* Make room in the budget at the cost of this queue. */
bool mq_queue_drop_oldest(struct mq_queue *q)
{
	struct mq_entry *e;

	spin_lock(&q->lock);
	e = q->gone ? NULL : mq_ready_first(&q->ready);
	if (e)
		mq_drop_locked(q, e);
	spin_unlock(&q->lock);
	if (!e)
		return false;
	mq_entry_free(e);
	return true;
}

/*
 * The last close of a consumer: all it holds goes back, newest first, so that
 * each finds its place at the head. In portions, as there is no bound to what
 * one may hold.
 */
void mq_return_all(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	unsigned int n;

	do {
		struct mq_entry *e;

		n = 0;
		spin_lock(&q->lock);
		while (n < MQ_PORTION && !q->gone && (e = mq_ids_last(&f->held))) {
			mq_queue_unhold_locked(f, e);
			mq_queue_crash_locked(f, e);
			n++;
		}
		spin_unlock(&q->lock);
		if (n)
			mq_wake_readers(q, n);
		cond_resched();
	} while (n);
}

/**
 * mq_queue_attach - count an open file in
 * @q: the queue
 * @f: the file
 * @exclusive: it wants to be the only consumer
 *
 * Return: 0, ENODEV, or EBUSY.
 */
int mq_queue_attach(struct mq_queue *q, struct mq_file *f, bool exclusive)
{
	bool reads = f->mode & FMODE_READ;
	int err = 0;

	spin_lock(&q->lock);
	if (q->gone) {
		err = -ENODEV;
	} else if (reads && q->stat.consumers && (exclusive || q->exclusive)) {
		err = -EBUSY;
	} else {
		list_add_tail(&f->link, &q->files);
		if (reads) {
			q->stat.consumers++;
			q->exclusive = exclusive;
		}
		if (f->mode & FMODE_WRITE)
			mq_count(&q->stat.producers, 1);
	}
	spin_unlock(&q->lock);
	return err;
}

void mq_queue_detach(struct mq_queue *q, struct mq_file *f)
{
	bool hangup = false;

	spin_lock(&q->lock);
	list_del(&f->link);
	mq_cursor_unlink(&f->cursor);
	if (f->mode & FMODE_READ) {
		q->stat.consumers--;
		q->exclusive = false;
	}
	if (f->mode & FMODE_WRITE) {
		mq_count(&q->stat.producers, -1);
		hangup = !q->stat.producers;
	}
	spin_unlock(&q->lock);
	/* Edge: the last producer went, and readers may want to know. */
	if (hangup && READ_ONCE(q->opt.eof) == MQ_EOF_HANGUP)
		mq_wake_readers(q, 0);
}

/**
 * mq_queue_close - let nothing more in or out
 * @q: the queue
 * @force: even though it stores messages
 *
 * Return: 0, or ENOTEMPTY and nothing has changed.
 */
int mq_queue_close(struct mq_queue *q, bool force)
{
	int err = 0;

	spin_lock(&q->lock);
	if (!force && mq_stored(q))
		err = -ENOTEMPTY;
	else
		WRITE_ONCE(q->gone, true);
	spin_unlock(&q->lock);
	return err;
}

/* Free what was ready in a queue that is closed. */
void mq_queue_drain(struct mq_queue *q)
{
	struct mq_entry *e;

	WARN_ON_ONCE(!q->gone);
	do {
		spin_lock(&q->lock);
		e = mq_ready_first(&q->ready);
		if (e)
			mq_remove_ready(q, e);
		spin_unlock(&q->lock);
		if (e)
			mq_entry_free(e);
		cond_resched();
	} while (e);
}

/* A consistent snapshot of the counters; ENODEV if the queue is gone. */
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s)
{
	u32 size = s->size, flags = s->flags;
	u64 now = ktime_get_real_ns();
	struct mq_entry *e;
	bool gone;

	spin_lock(&q->lock);
	gone = q->gone;
	*s = q->stat;
	e = mq_ready_first(&q->ready);
	if (e && e->msg->time_ns < now)
		s->oldest_ms = div_u64(now - e->msg->time_ns, NSEC_PER_MSEC);
	spin_unlock(&q->lock);
	s->size = size;
	s->flags = flags;
	return gone ? -ENODEV : 0;
}
