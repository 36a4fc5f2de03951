// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving. A message is taken off the ready order, copied out with no
 * spinlock held, and only then settled; where the copying fails it goes back
 * to its place, so nothing is lost.
 */
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "mq.h"

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
	bool whole = done == e->msg->size;
	struct mq_queue *q = f->q;

	mq_lock(q);
	f->last_id = e->id;
	/* Who was killed meanwhile has not seen it: it comes back at close. */
	if (whole && f->ack == DEVMQ_ACK_AUTO &&
	    likely(!fatal_signal_pending(current))) {
		mq_flight_ack_locked(f, e);
	} else {
		mq_flight_hold_locked(f, e);
		if (!whole) {
			WRITE_ONCE(f->partial, e);
			f->partial_done = done;
		}
	}
	mq_unlock(q);
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

/* Copy out what there is room for, of the entry in hand. */
static ssize_t mq_read_entry(struct mq_file *f, struct mq_entry *e,
			     struct iov_iter *to)
{
	u32 done = f->partial_done;
	size_t size, copied;

	lockdep_assert_held(&f->rx);
	size = min_t(size_t, e->msg->size - done, iov_iter_count(to));
	copied = copy_to_iter(mq_msg_payload(e->msg) + done, size, to);
	if (unlikely(!copied && size)) {
		mq_not_delivered(f, e, done);
		return -EFAULT;
	}
	mq_delivered(f, e, done + copied);
	return copied;
}

/* read(2): bytes of one message. */
ssize_t mq_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to)
{
	bool slept = false;
	struct mq_entry *e;
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	if (READ_ONCE(f->ack) == DEVMQ_ACK_MANUAL &&
	    !(iocb->ki_flags & IOCB_NOWAIT))
		mq_own(f);
	ret = mq_iocb_lock(iocb, &f->rx);
	if (ret)
		return ret;
	for (;;) {
		e = mq_pick(f);
		ret = PTR_ERR_OR_ZERO(e);
		if (likely(ret != -EAGAIN && ret != -EBUSY))
			break;
		if (mq_iocb_nowait(iocb)) {
			ret = -EAGAIN;
			break;
		}
		slept = true;
		ret = mq_wait_to_read(f);
		if (ret)
			return ret;
	}
	/* A wake-up is for a message that is ready, not for a half-read one. */
	if (slept && (ret || !e || f->partial_done))
		mq_pass_on(f->q);
	if (!ret && e)
		ret = mq_read_entry(f, e, to);
	mutex_unlock(&f->rx);
	return ret;
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
		size = f->partial->msg->size - f->partial_done;
	else if (!IS_ERR_OR_NULL(e))
		size = e->msg->size;
	mq_unlock(q);
	return size;
}
