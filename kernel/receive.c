// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving. A message is taken off the ready order, copied out with no
 * spinlock held, and only then settled; where the copying fails it goes back
 * to its place, so nothing is lost.
 */
#include <linux/uio.h>

#include "mq.h"

/* The half-read message, or the next one. As mq_queue_take_locked(). */
static struct mq_entry *mq_pick(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;

	spin_lock(&q->lock);
	e = f->partial;
	if (unlikely(e) && !q->gone) {
		mq_queue_unhold_locked(f, e);
	} else {
		f->partial_done = 0;
		e = mq_queue_take_locked(q, f);
	}
	spin_unlock(&q->lock);
	return e;
}

/*
 * Wait for something to read and take it in hand. NULL at end of file, or an
 * ERR_PTR: ENODEV, EAGAIN, EINTR (the caller is being killed), ERESTARTSYS.
 */
static struct mq_entry *mq_next(struct mq_file *f, bool nowait)
{
	lockdep_assert_held(&f->rx);
	for (;;) {
		struct mq_entry *e = mq_pick(f);
		int err = PTR_ERR_OR_ZERO(e);

		if (err == -EINTR)
			mq_wake_readers(f->q, 1);
		if (err != -EAGAIN && err != -EBUSY)
			return e;
		if (nowait)
			return ERR_PTR(-EAGAIN);
		/* Sleep without rx: another thread may want to try. */
		mutex_unlock(&f->rx);
		err = mq_wait_message(f, DEVMQ_FOREVER);
		mutex_lock(&f->rx);
		if (err)
			return ERR_PTR(err);
	}
}

/* Settle a delivery that was read up to @done of its bytes. */
static void mq_delivered(struct mq_file *f, struct mq_entry *e, u32 done)
{
	struct mq_queue *q = f->q;
	bool whole = done == e->msg->size;
	bool acked = false;

	spin_lock(&q->lock);
	f->last_id = e->id;
	if (whole && f->ack == DEVMQ_ACK_AUTO) {
		mq_queue_ack_locked(f, e);
		acked = true;
	} else {
		mq_queue_hold_locked(f, e);
		if (!whole) {
			WRITE_ONCE(f->partial, e);
			f->partial_done = done;
		}
	}
	spin_unlock(&q->lock);
	if (likely(acked)) {
		mq_wake_writers(q);
		mq_entry_free(e);
	} else if (!whole) {
		mq_wake_sharers(f);
	}
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
	spin_lock(&q->lock);
	mq_queue_undeliver_locked(f, e);
	spin_unlock(&q->lock);
	mq_wake_readers(q, 1);
	mq_wake_file(f);
}

/* read(2): bytes of one message. */
ssize_t mq_read(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to)
{
	struct mq_entry *e;
	size_t size, copied;
	u32 done;
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	ret = mq_iocb_lock(iocb, &f->rx);
	if (ret)
		return ret;
	e = mq_next(f, mq_iocb_nowait(iocb));
	ret = PTR_ERR_OR_ZERO(e);
	if (ret || !e)
		goto out_unlock;

	done = f->partial_done;
	size = min_t(size_t, e->msg->size - done, iov_iter_count(to));
	copied = copy_to_iter(mq_msg_payload(e->msg) + done, size, to);
	if (likely(copied || !size)) {
		mq_delivered(f, e, done + copied);
		ret = copied;
	} else {
		mq_not_delivered(f, e, done);
		ret = -EFAULT;
	}
out_unlock:
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
	spin_lock(&q->lock);
	e = mq_ready_first(&q->ready);
	if (f->partial)
		size = f->partial->msg->size - f->partial_done;
	else if (e)
		size = e->msg->size;
	spin_unlock(&q->lock);
	return size;
}
