// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving. A message is taken off the ready order, copied out with no
 * spinlock held, and only then settled; where the copying fails it goes back
 * to its place, so nothing is lost.
 */
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "mq.h"
#include "trace.h"

/* The half-read message, or the next one; as mq_flight_next_locked(). */
static struct mq_entry *mq_pick(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;

	mq_lock(q);
	e = f->partial;
	if (unlikely(f->lost) && !q->gone) {
		/* The rest of what was half read is somebody else's now. */
		WRITE_ONCE(f->lost, false);
		e = ERR_PTR(-ESTALE);
	} else if (unlikely(e) && !q->gone) {
		mq_flight_unhold_locked(f, e);
	} else {
		f->partial_done = 0;
		e = mq_flight_next_locked(q, f);
		if (!IS_ERR_OR_NULL(e))
			mq_flight_take_locked(f, e);
	}
	mq_unlock(q);
	return e;
}

/*
 * Sleep until there may be something to read, without rx: another thread may
 * want to try meanwhile.
 */
static int mq_wait_to_read(struct mq_file *f)
{
	int err;

	mutex_unlock(&f->rx);
	err = mq_wait_message(f, true, DEVMQ_FOREVER);
	if (!err && mutex_trylock(&f->rx))
		return 0;
	/* Who knows for how long; others may be faster. */
	mq_pass_on(f->q);
	return err ?: mutex_lock_interruptible(&f->rx) ? -ERESTARTSYS : 0;
}

/* A delivery was read up to @done of its bytes. */
static void mq_delivered(struct mq_file *f, struct mq_entry *e, u32 done)
{
	bool whole = done == e->msg.size;
	struct mq_queue *q = f->q;
	/* Who was killed meanwhile has not seen it: it comes back at close. */
	bool ack = likely(whole && !fatal_signal_pending(current));

	mq_lock(q);
	f->last_id = e->id;
	ack = ack && f->ack == DEVMQ_ACK_AUTO;
	if (likely(ack)) {
		mq_flight_finish_locked(f, e);
	} else {
		mq_flight_hold_locked(f, e);
		if (!whole) {
			WRITE_ONCE(f->partial, e);
			f->partial_done = done;
		}
	}
	mq_unlock(q);
	if (likely(ack))
		mq_entry_free(e);
	if (unlikely(!whole))
		mq_wake_file(f);
}

/* Not a byte could be copied. */
static void mq_not_delivered(struct mq_file *f, struct mq_entry *e, u32 done)
{
	struct mq_queue *q = f->q;

	if (done) {
		/* Of the rest: it stays half-read. */
		mq_delivered(f, e, done);
		return;
	}
	mq_lock(q);
	mq_flight_undeliver_locked(f, e);
	mq_unlock(q);
	mq_wake_file(f);
}

/*
 * Take the half-read message, or the next one, with rx held. Return: the entry,
 * NULL at end of file, or an ERR_PTR, but for ERESTARTSYS with rx not held any
 * more.
 */
static noinline struct mq_entry *mq_pick_wait(struct mq_file *f, bool nowait)
{
	struct mq_entry *e;
	int err;

	do {
		if (nowait)
			return ERR_PTR(-EAGAIN);
		err = mq_wait_to_read(f);
		if (err)
			return ERR_PTR(err);
		e = mq_pick(f);
	} while (e == ERR_PTR(-EAGAIN) || e == ERR_PTR(-EBUSY));
	/* A wake-up is for a message that is ready, not for a half-read one. */
	if (IS_ERR_OR_NULL(e) || f->partial_done)
		mq_pass_on(f->q);
	return e;
}

/* What a read takes: an entry in hand, with rx held; NULL or an ERR_PTR: not. */
static noinline struct mq_entry *mq_read_begin(struct mq_file *f, bool nowait)
{
	struct mq_entry *e = mq_pick(f);

	if (unlikely(e == ERR_PTR(-EAGAIN) || e == ERR_PTR(-EBUSY)))
		e = mq_pick_wait(f, nowait);
	if (IS_ERR_OR_NULL(e)) {
		if (e != ERR_PTR(-ERESTARTSYS))
			mutex_unlock(&f->rx);
		return e;
	}
	/* A half-read message has what lease it began with. */
	if (!f->partial_done)
		mq_flight_lease(f, e);
	return e;
}

/* So much of it was copied, behind what had been before. */
static noinline ssize_t mq_read_end(struct mq_file *f, struct mq_entry *e,
				    size_t size, size_t copied)
{
	u32 done = f->partial_done;
	ssize_t ret = copied;

	lockdep_assert_held(&f->rx);
	if (unlikely(!copied && size)) {
		mq_not_delivered(f, e, done);
		ret = -EFAULT;
	} else {
		mq_delivered(f, e, done + copied);
	}
	mutex_unlock(&f->rx);
	return ret;
}

/* Take the first message, if that and the queue are plain; else NULL. */
static struct mq_entry *mq_plain_take(struct mq_queue *q, struct mq_file *f)
{
	struct mq_entry *e = NULL;

	spin_lock(&q->lock);
	if (likely(q->plain && !q->timed && !f->partial && !f->lost &&
		   !f->lease_ns && f->ack == DEVMQ_ACK_AUTO && !fatal_signal_pending(current) &&
		   q->ready.levels == 1 &&
		   RB_EMPTY_ROOT(&q->ready.returned.rb_root)))
		e = list_first_entry_or_null(q->ready.fifo, struct mq_entry,
					     list);
	if (unlikely(!e || e->more)) {
		spin_unlock(&q->lock);
		return NULL;
	}
	mq_list_remove(&e->list);
	e->state = DEVMQ_STATE_IN_FLIGHT;
	e->holder = f;
	mq_count(&q->stat.ready, -1);
	q->ready_bytes -= mq_msg_bytes(&e->msg);
	mq_count(&q->stat.in_flight, 1);
	q->stat.delivered++;
	if (unlikely(e->attempt++))
		q->stat.redelivered++;
	mq_count(&f->held_count, 1);
	f->partial_done = 0;
	trace_mq_deliver(q, e);
	spin_unlock(&q->lock);
	return e;
}

/* It was read, all of it: acknowledge it. False: it is for mq_read_end(). */
static bool mq_plain_finish(struct mq_queue *q, struct mq_file *f,
			    struct mq_entry *e)
{
	bool was_full;

	spin_lock(&q->lock);
	if (unlikely(q->gone || f->ack != DEVMQ_ACK_AUTO ||
		     fatal_signal_pending(current))) {
		spin_unlock(&q->lock);
		return false;
	}
	f->last_id = e->id;
	mq_count(&f->held_count, -1);
	mq_count(&q->stat.in_flight, -1);
	q->stat.acked++;
	trace_mq_ack(q, e);
	mq_list_remove(&e->all);
	/* Who begins to wait for room only now looks later than this. */
	was_full = !waitqueue_active(&q->writers) || mq_queue_is_full(q);
	mq_count(&q->stored, -1);
	mq_count(&q->stat.bytes, -(s64)mq_msg_bytes(&e->msg));
	spin_unlock(&q->lock);
	mq_wake_writers(q, was_full);
	return true;
}

/* read(2): bytes of one message. */
ssize_t mq_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct mq_file *f = file->private_data;
	struct mq_queue *q = f->q;
	struct mq_entry *e;
	size_t copied;

	if (unlikely(!size))
		return 0;
	if (unlikely(READ_ONCE(f->ack) == DEVMQ_ACK_MANUAL))
		mq_own(f);
	if (mutex_lock_interruptible(&f->rx))
		return -ERESTARTSYS;
	e = mq_plain_take(q, f) ?:
	    mq_read_begin(f, file->f_flags & O_NONBLOCK);
	if (IS_ERR_OR_NULL(e))
		return PTR_ERR_OR_ZERO(e);
	size = min_t(size_t, e->msg.size - f->partial_done, size);
	copied = mq_copy_out(to, e, f->partial_done, size);
	if (unlikely(copied != e->msg.size || e->more || q->order ||
		     !mq_plain_finish(q, f, e)))
		return mq_read_end(f, e, size, copied);
	mutex_unlock(&f->rx);
	mq_plain_free(e);
	return copied;
}

/* The same for what goes out in pieces, to the kernel, or to io_uring. */
ssize_t mq_read_iter(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to)
{
	struct mq_entry *e;
	size_t size;
	int err;

	if (!iov_iter_count(to))
		return 0;
	if (READ_ONCE(f->ack) == DEVMQ_ACK_MANUAL &&
	    !(iocb->ki_flags & IOCB_NOWAIT))
		mq_own(f);
	err = mq_iocb_lock(iocb, &f->rx);
	if (err)
		return err;
	e = mq_read_begin(f, mq_iocb_nowait(iocb));
	if (IS_ERR_OR_NULL(e))
		return PTR_ERR_OR_ZERO(e);
	size = min_t(size_t, e->msg.size - f->partial_done, iov_iter_count(to));
	return mq_read_end(f, e, size,
			   copy_to_iter(mq_payload(e) + f->partial_done, size,
					to));
}

/* FIONREAD: bytes of the next message that this open file would read. */
u32 mq_next_size(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;
	u32 size = 0;

	if (!(f->mode & FMODE_READ))
		return 0;
	mq_lock(q);
	e = mq_flight_next_locked(q, f);
	if (f->partial)
		size = f->partial->msg.size - f->partial_done;
	else if (!IS_ERR_OR_NULL(e))
		size = e->msg.size;
	mq_unlock(q);
	return size;
}
