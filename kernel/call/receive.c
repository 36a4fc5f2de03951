// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving. A receiver takes a message out of the ready order, copies it out
 * with no spinlock held, and settles it after that. If the copy fails, the
 * message goes back to its place, so nothing is lost. A small plain message is
 * copied in place, with the lock held and without page faults, and is taken and
 * acknowledged in the same hold.
 */
#include <linux/sched/signal.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/iocb.h"
#include "call/owner.h"
#include "call/receive.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "queue/bounds.h"
#include "queue/ceiling.h"
#include "queue/check.h"
#include "queue/clock.h"
#include "queue/delivery.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/trace.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/wake.h"

/* The most bytes of a payload that is copied with the queue's lock held. */
#define MQ_SMALL	256

/*
 * Return true if read(2) appends a newline to the message. With framing=line,
 * each message that is read ends in a newline, so that a program that reads
 * lines gets the messages one by one. The message itself does not change.
 */
static bool mq_lacks_newline(const struct mq_queue *q, const struct mq_entry *e)
{
	return q->opt.framing == MQ_FRAMING_LINE && !mq_msg_ends_line(mq_msg(e));
}

/* Return how many bytes read(2) gives for a message. */
u32 mq_read_size(const struct mq_queue *q, const struct mq_entry *e)
{
	return mq_entry_size(e) + mq_lacks_newline(q, e);
}

/*
 * Take the half-read message, or the next one if there is none. Return as
 * mq_delivery_next_locked(), or ESTALE if the rest of a half-read message is
 * lost.
 */
static struct mq_entry *mq_pick_now(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;

	mq_lock(q);
	if (unlikely(f->partial) && !q->gone && mq_lease_has_expired(f->partial))
		mq_lease_expire_locked(q, f->partial);
	e = f->partial;
	if (unlikely(f->lost) && !q->gone) {
		/* The delivery that was half read has ended. */
		WRITE_ONCE(f->lost, false);
		e = ERR_PTR(-ESTALE);
	} else if (unlikely(e) && !q->gone) {
		mq_delivery_unhold_locked(f, e);
	} else {
		f->partial_done = 0;
		e = mq_delivery_next_locked(q, f);
		if (!IS_ERR_OR_NULL(e)) {
			mq_delivery_begin_locked(f, e);
			mq_msg(e)->holder = f;
			f->pid = task_tgid_nr(current);
		}
	}
	f->reading = !IS_ERR_OR_NULL(e);
	mq_unlock(q);
	return e;
}

/*
 * As mq_pick_now(), but return EAGAIN only if nothing is due, which might make
 * a message ready.
 */
static struct mq_entry *mq_pick(struct mq_file *f)
{
	struct mq_entry *e;

	while ((e = mq_pick_now(f)) == ERR_PTR(-EAGAIN) && mq_has_due(f->q))
		mq_lock_pause();
	return e;
}

/*
 * As mq_pick(), but wait for the journal if it holds the next message back. Return
 * also ERESTARTSYS, with mq_file.rx released.
 */
static struct mq_entry *mq_pick_unbarred(struct mq_file *f, bool nowait)
{
	struct mq_entry *e;
	int err;

	while (unlikely((e = mq_pick(f)) == ERR_PTR(-EINPROGRESS))) {
		err = mq_persist_unbar(f->q, nowait);
		if (err == -EINTR) {
			mutex_unlock(&f->rx);
			return ERR_PTR(-ERESTARTSYS);
		}
		if (err)
			return ERR_PTR(err);
	}
	return e;
}

/*
 * Sleep until there may be a message. Meanwhile mq_file.rx is released, so that
 * another thread can try. Return 0 with it held, or ERESTARTSYS without.
 */
int mq_wait_to_read(struct mq_file *f, bool *called)
{
	int err;

	mutex_unlock(&f->rx);
	err = mq_wait_message(&f->stand, true, DEVMQ_FOREVER, called);
	if (!err && mutex_trylock(&f->rx))
		return 0;
	/* The mutex may take long: let another receiver try first. */
	mq_answer_message(&f->q->gate, called);
	return err ?: mutex_lock_interruptible(&f->rx) ? -ERESTARTSYS : 0;
}

/* Acknowledge or hold a delivery of which @done bytes have been read. */
static void mq_delivered(struct mq_file *f, struct mq_entry *e, u32 done)
{
	struct mq_queue *q = f->q;
	bool whole = done == mq_read_size(q, e);
	/* A reader that is killed has not seen it: hold it until the close. */
	bool ack = likely(whole && !fatal_signal_pending(current));

	mq_lock(q);
	f->reading = false;
	f->last_id = mq_msg(e)->id;
	ack = ack && f->ack == DEVMQ_ACK_AUTO;
	if (likely(ack)) {
		mq_delivery_ack_keep_locked(f, e);
	} else {
		mq_delivery_hold_locked(f, e);
		if (!whole) {
			WRITE_ONCE(f->partial, e);
			f->partial_done = done;
		}
	}
	mq_unlock(q);
	if (likely(ack))
		mq_entry_free(e);
	if (unlikely(!whole))
		mq_wake_stand(&f->stand);
}

/* End a read of a delivery that could copy no byte. */
static void mq_not_delivered(struct mq_file *f, struct mq_entry *e, u32 done)
{
	struct mq_queue *q = f->q;

	if (done) {
		/* Earlier reads copied a part: it stays half-read. */
		mq_delivered(f, e, done);
		return;
	}
	mq_lock(q);
	f->reading = false;
	mq_delivery_undo_locked(f, e);
	mq_unlock(q);
	mq_wake_stand(&f->stand);
}

/*
 * Take the half-read message, or the next one, and wait for it unless @nowait.
 * The caller holds mq_file.rx. Return the entry; NULL at end of file; or an
 * ERR_PTR, where ERESTARTSYS says that mq_file.rx is not held any more.
 */
static noinline struct mq_entry *mq_pick_wait(struct mq_file *f, bool nowait)
{
	struct mq_wait wait = {};
	bool called = false;
	struct mq_entry *e;
	int err;

	if (nowait) {
		mq_wake_next_without_credit(&f->stand);
		return ERR_PTR(-EAGAIN);
	}
	mq_wait_begin(&f->q->gate.rx, &wait);
	do {
		err = mq_wait_to_read(f, &called);
		e = err ? ERR_PTR(err) : mq_pick_unbarred(f, false);
	} while (e == ERR_PTR(-EAGAIN) || e == ERR_PTR(-EBUSY));
	mq_wait_end(&f->q->gate.rx, &wait);
	if (!err)
		mq_answer_message(&f->q->gate, &called);
	return e;
}

/*
 * Take the message to read. Return its entry, with mq_file.rx held; or NULL or
 * an ERR_PTR, with mq_file.rx released.
 */
static noinline struct mq_entry *mq_read_begin(struct mq_file *f, bool nowait)
{
	struct mq_entry *e = mq_pick_unbarred(f, nowait);

	if (unlikely(e == ERR_PTR(-EAGAIN) || e == ERR_PTR(-EBUSY)))
		e = mq_pick_wait(f, nowait);
	if (IS_ERR_OR_NULL(e)) {
		if (e != ERR_PTR(-ERESTARTSYS))
			mutex_unlock(&f->rx);
		return e;
	}
	/* A half-read message keeps the lease that it began with. */
	if (!f->partial_done)
		mq_delivery_lease(f, e);
	return e;
}

/*
 * End a read that copied @copied of @size bytes, behind @done bytes that
 * earlier reads copied. Release mq_file.rx, and return what read(2) returns.
 */
static noinline ssize_t mq_read_end(struct mq_file *f, struct mq_entry *e,
				    u32 done, size_t size, size_t copied)
{
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

/*
 * The short ways: read(2) gets the payload of a plain message; RECV gets the whole
 * record of a message, which may have a key and headers. @record says which it is.
 * Functions with that argument are inline, so that each way has only what it needs.
 */

/* Return true if the open file may receive a message without further checks. */
static __always_inline bool mq_plain_reader(const struct mq_file *f, bool record)
{
	if (unlikely(fatal_signal_pending(current)))
		return false;
	if (record)
		return f->plain || (f->holds && mq_has_credit(f));
	return likely(f->plain && !f->partial && !f->reading && !f->lost);
}

/*
 * Return the first message, if the message, the open file and the queue are
 * plain, and @size bytes are enough for it; else NULL. RECV of a record also takes
 * this way if the queue has an order. The messages of a journal have a detail.
 */
static __always_inline struct mq_entry *mq_plain_first(struct mq_queue *q,
						       struct mq_file *f,
						       u64 size, bool record)
{
	struct list_head *fifo = q->ready.fifo;
	const struct mq_msg *m;
	struct mq_entry *e;

	/* RECV has done what was due: see mq_lock(). */
	if (unlikely(!(record ? q->runs : q->plain && !q->timed) ||
		     q->ready.in_trees || !mq_plain_reader(f, record)))
		return NULL;
	if (unlikely(q->ready.levels > 1)) {
		if (q->order)
			return NULL;
		fifo = mq_ready_fifo(&q->ready, mq_ready_top(&q->ready));
	}
	if (record && unlikely(q->order))
		e = mq_order_first(q);
	else
		e = list_first_entry_or_null(fifo, struct mq_entry, list);
	if (unlikely(!e))
		return NULL;
	m = mq_msg(e);
	/* A message that has failed may have to be handed out alone. */
	if (unlikely(m->detail || m->failures))
		return NULL;
	if (record)
		return likely(mq_msg_padded_size(m) <= size) ? e : NULL;
	if (unlikely(m->sizes || m->size == sizeof(*m) ||
		     m->size - sizeof(*m) > size))
		return NULL;
	return e;
}

/*
 * Take a message out of the ready order, whose attempt the caller has counted. The
 * caller counts its new state, so that a message that is acknowledged in the same
 * hold is never counted as in flight. @bytes: what it counts towards max_bytes.
 * As calls this function and the next two take 38 instructions more.
 */
static __always_inline void mq_plain_deliver(struct mq_queue *q,
					     struct mq_entry *e,
					     const struct mq_msg *m, u64 bytes,
					     bool record)
{
	mq_list_remove(&e->list);
	mq_ready_left(&q->ready, m->priority);
	mq_count(&q->stat.ready, -1);
	q->ready_bytes -= bytes;
	q->stat.delivered++;
	if (record && unlikely(q->order))
		mq_order_deliver_locked(q, e);
	if (unlikely(m->attempt > 1))
		q->stat.redelivered++;
	trace_mq_deliver(q, e);
}

/*
 * Acknowledge a plain message and unlink it. Return true if the queue was full
 * before that, or if nobody polls for room and it does not matter.
 */
static __always_inline bool mq_plain_ack(struct mq_queue *q, struct mq_file *f,
					 struct mq_entry *e,
					 const struct mq_msg *m, u64 bytes,
					 bool record)
{
	/* A poller that joins after this looks after this, too. */
	bool was_full = !waitqueue_active(&q->gate.writers) || mq_queue_is_full(q);

	f->last_id = m->id;
	q->stat.acked++;
	trace_mq_ack(q, e);
	if (record && unlikely(q->order))
		mq_order_done_locked(q, e);
	mq_list_remove(&e->all);
	mq_count(&q->stored, -1);
	mq_count(&q->stat.bytes, -(s64)bytes);
	return was_full;
}

/*
 * Wake senders that wait for room, and free a message that was acknowledged, whose
 * record takes @step bytes.
 */
static __always_inline void mq_plain_done(struct mq_queue *q,
					  struct mq_entry *e, u64 step,
					  bool was_full)
{
	mq_wake_writers(&q->gate, was_full);
	mq_chunk_put(mq_chunk_of(e), MQ_CHUNK_ONE + step);
}

/*
 * Copy a small message out with the lock held, which is faster than to take the
 * lock twice. Return false if that needs a page that is not there: with the
 * lock held it cannot be waited for.
 */
static __always_inline bool mq_plain_copy(char __user *to, const void *from,
					  u32 size)
{
	bool whole;

	pagefault_disable();
	whole = !_copy_to_user(to, from, size);
	pagefault_enable();
	return whole;
}

/* Count a message that is in flight from now on, in the hand of the caller. */
static __always_inline void mq_plain_fly(struct mq_queue *q, struct mq_file *f)
{
	f->pid = task_tgid_nr(current);
	mq_count(&q->stat.in_flight, 1);
	mq_count(&f->held_count, 1);
}

/*
 * Take the lock and acknowledge a plain message in hand that was copied out, and whose
 * record takes @step bytes. Return false if it must not be acknowledged now.
 */
static __always_inline bool mq_plain_land(struct mq_queue *q, struct mq_file *f,
					  struct mq_entry *e, u64 bytes, u64 step)
{
	bool was_full;

	spin_lock(&q->lock);
	if (unlikely(q->gone || !f->plain || fatal_signal_pending(current))) {
		spin_unlock(&q->lock);
		return false;
	}
	mq_count(&f->held_count, -1);
	mq_count(&q->stat.in_flight, -1);
	was_full = mq_plain_ack(q, f, e, mq_msg(e), bytes, false);
	mq_check_locked(q);
	spin_unlock(&q->lock);
	mq_plain_done(q, e, step, was_full);
	return true;
}

/*
 * End the read of a plain message of which only a part was copied, or which
 * must not be acknowledged now.
 */
static noinline ssize_t mq_plain_end(struct mq_file *f, struct mq_entry *e,
				     size_t copied)
{
	mutex_lock(&f->rx);
	/* Only one message can be half-read: if there is one, undo this. */
	if (copied != mq_entry_size(e) && READ_ONCE(f->partial))
		copied = 0;
	return mq_read_end(f, e, 0, mq_entry_size(e), copied);
}

/*
 * The rest of mq_read_plain() for a message that is not small, and is in hand.
 */
static ssize_t mq_read_large(struct mq_queue *q, struct mq_file *f,
			     struct mq_entry *e, char __user *to)
{
	struct mq_msg *m = mq_msg(e);
	u32 size = m->size - sizeof(*m);
	size_t copied = size - _copy_to_user(to, m + 1, size);

	if (likely(copied == size &&
		   mq_plain_land(q, f, e, size, sizeof(*m) + ALIGN(size, 8))))
		return size;
	return mq_plain_end(f, e, copied);
}

/*
 * Read the whole of a plain message from a plain queue. Return its size, or
 * EFAULT; or 0 if there is none, or it is not so simple: then nothing was done.
 */
static __always_inline ssize_t mq_read_plain(struct mq_queue *q, struct mq_file *f,
					     char __user *to, size_t size)
{
	struct mq_entry *e;
	struct mq_msg *m;
	bool was_full;

	spin_lock(&q->lock);
	e = mq_plain_first(q, f, size, false);
	if (unlikely(!e))
		goto out;
	m = mq_msg(e);
	size = m->size - sizeof(*m);
	if (size > MQ_SMALL) {
		m->attempt++;
		mq_plain_deliver(q, e, m, size, false);
		m->state = DEVMQ_STATE_IN_FLIGHT;
		m->holder = f;
		m->since_ns = 0;
		mq_plain_fly(q, f);
		mq_check_locked(q);
		spin_unlock(&q->lock);
		return mq_read_large(q, f, e, to);
	}
	if (unlikely(!mq_plain_copy(to, m + 1, size)))
		goto out;
	m->attempt++;
	mq_plain_deliver(q, e, m, size, false);
	was_full = mq_plain_ack(q, f, e, m, size, false);
	mq_check_locked(q);
	spin_unlock(&q->lock);
	mq_plain_done(q, e, sizeof(*m) + ALIGN(size, 8), was_full);
	return size;
out:
	spin_unlock(&q->lock);
	return 0;
}

/* Write the results of a RECV of one message, while page faults are disabled. */
static bool mq_recv_tell(struct mq_ioc *ioc, u64 used)
{
	struct devmq_recv __user *to = ioc->uarg;

	if (!user_access_begin(to, ioc->usize))
		return false;
	unsafe_put_user(1, &to->count, fault);
	unsafe_put_user(used, &to->used, fault);
	unsafe_put_user(0, &to->need, fault);
	if (ioc->usize >= offsetofend(struct devmq_recv, acked))
		unsafe_put_user(ioc->arg.recv.acked, &to->acked, fault);
	user_access_end();
	ioc->published = true;
	return true;
fault:
	user_access_end();
	return false;
}

/*
 * Copy a small message and the results of its RECV out, with the lock held. If that
 * needs a page that is not there, the message is as it was, and this returns false.
 */
static __always_inline bool mq_recv_copy(struct mq_ioc *ioc, struct mq_msg *m,
					 u64 step, u64 since)
{
	bool whole;

	pagefault_disable();
	whole = !_copy_to_user(u64_to_user_ptr(ioc->arg.recv.buffer), m, step) &&
		mq_recv_tell(ioc, step);
	pagefault_enable();
	if (likely(whole))
		return true;
	m->attempt--;
	m->state = DEVMQ_STATE_READY;
	m->since = since;
	return false;
}

/* End a RECV of one message in hand, which the user has unless @err. */
static noinline void mq_recv_end(struct mq_file *f, struct mq_entry *e, int err)
{
	struct mq_queue *q = f->q;
	bool ack = false;

	mq_lock(q);
	if (unlikely(err)) {
		mq_delivery_undo_locked(f, e);
	} else {
		f->last_id = mq_msg(e)->id;
		/* A caller that is killed has not seen it: hold it. */
		ack = f->ack == DEVMQ_ACK_AUTO && !fatal_signal_pending(current);
		if (ack)
			mq_delivery_ack_keep_locked(f, e);
		else
			mq_delivery_hold_locked(f, e);
	}
	mq_unlock(q);
	if (ack)
		mq_entry_free(e);
	if (unlikely(err))
		mq_wake_stand(&f->stand);
}

/*
 * The rest of mq_recv_plain() for a message that is not small, and is in hand. Return
 * 1, and the results are written; or EFAULT.
 */
int mq_recv_large(struct mq_ioc *ioc, struct mq_entry *e)
{
	struct devmq_recv *a = &ioc->arg.recv;
	struct mq_msg *m = mq_msg(e);
	u64 step = mq_msg_padded_size(m);
	int err = -EFAULT;

	a->count = 1;
	a->used = step;
	if (likely(!_copy_to_user(u64_to_user_ptr(a->buffer), m, step)))
		err = mq_ioc_publish(ioc);
	if (unlikely(err || ioc->f->q->order) ||
	    !mq_plain_land(ioc->f->q, ioc->f, e, mq_msg_bytes(m), step))
		mq_recv_end(ioc->f, e, err);
	return err ?: 1;
}

/**
 * mq_recv_plain - receive the next message as a record, if it is plain
 * @ioc: a RECV of the next message
 * @large: gets a message that is not small, in hand, for mq_recv_large()
 *
 * The caller holds the lock, which this drops.
 *
 * Return: 1, and the results are written; or 0 if @large is set, or if there is no
 * message, or it is not so simple: then nothing was done.
 */
int mq_recv_plain(struct mq_ioc *ioc, struct mq_entry **large)
	__releases(&ioc->f->q->lock)
{
	struct mq_file *f = ioc->f;
	struct mq_queue *q = f->q;
	struct mq_sender_view known;
	struct mq_entry *e;
	struct mq_msg *m;
	bool was_full = false, holds = f->holds;
	u64 step, since;

	e = mq_plain_first(q, f, ioc->arg.recv.buffer_size, true);
	if (!e)
		goto out;
	m = mq_msg(e);
	since = m->since;
	step = mq_msg_padded_size(m);
	mq_sender_view_set(&known, e);
	mq_msg_present(m, &known);
	m->state = DEVMQ_STATE_IN_FLIGHT;
	m->attempt++;
	if (step > sizeof(*m) + MQ_SMALL) {
		mq_plain_deliver(q, e, m, mq_msg_bytes(m), true);
		mq_plain_fly(q, f);
		*large = e;
		goto out;
	}
	if (unlikely(!mq_recv_copy(ioc, m, step, since)))
		goto out;
	mq_plain_deliver(q, e, m, mq_msg_bytes(m), true);
	if (holds) {
		mq_plain_fly(q, f);
		f->last_id = m->id;
		mq_delivery_hold_locked(f, e);
	} else {
		was_full = mq_plain_ack(q, f, e, m, mq_msg_bytes(m), true);
	}
	mq_unlock(q);
	if (!holds)
		mq_plain_done(q, e, step, was_full);
	return 1;
out:
	mq_unlock(q);
	return 0;
}

/* read(2): read bytes of one message. */
ssize_t mq_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct mq_file *f = file->private_data;
	struct mq_entry *e;
	ssize_t ret;

	if (unlikely(!size))
		return 0;
again:
	ret = mq_read_plain(f->q, f, to, size);
	if (likely(ret))
		return ret;
	if (unlikely(!(READ_ONCE(f->roles) & FMODE_READ))) {
		ret = mq_take_role(f, FMODE_READ);
		if (ret)
			return ret;
		goto again;
	}
	if (READ_ONCE(f->ack) == DEVMQ_ACK_MANUAL)
		mq_owner_note(f);
	if (mutex_lock_interruptible(&f->rx))
		return -ERESTARTSYS;
	e = mq_read_begin(f, file->f_flags & O_NONBLOCK);
	if (IS_ERR_OR_NULL(e))
		return PTR_ERR_OR_ZERO(e);
	size = min_t(size_t, mq_entry_size(e) - f->partial_done, size);
	return mq_read_end(f, e, f->partial_done, size,
			   mq_entry_copy_to_user(to, e, f->partial_done, size));
}

/* Copy @size of the bytes that read(2) gives for a message, from @done on. */
size_t mq_copy_pieces(const struct mq_entry *e, u32 done, size_t size,
		      struct iov_iter *to)
{
	u32 left = mq_entry_size(e) - min(done, mq_entry_size(e));
	size_t own = min_t(size_t, size, left);
	size_t copied = copy_to_iter(mq_msg_payload(mq_msg(e)) + done, own, to);

	/* Behind the payload there is only the newline. */
	if (own < size && copied == own)
		copied += copy_to_iter("\n", 1, to);
	return copied;
}

/* As mq_read(), to an iterator: for readv(2), the kernel and io_uring. */
ssize_t mq_read_iter(struct mq_file *f, struct kiocb *iocb, struct iov_iter *to)
{
	char __user *plain = mq_iocb_plain(iocb, to);
	size_t size = iov_iter_count(to);
	struct mq_entry *e;
	ssize_t ret;
	int err;

	if (!size)
		return 0;
	ret = plain ? mq_read_plain(f->q, f, plain, size) : 0;
	if (ret > 0)
		iov_iter_advance(to, ret);
	if (ret)
		return ret;
	err = mq_take_role(f, FMODE_READ);
	if (unlikely(err))
		return err;
	if (READ_ONCE(f->ack) == DEVMQ_ACK_MANUAL &&
	    !(iocb->ki_flags & IOCB_NOWAIT))
		mq_owner_note(f);
	err = mq_iocb_lock(iocb, &f->rx);
	if (err)
		return err;
	e = mq_read_begin(f, mq_iocb_nowait(iocb));
	if (IS_ERR_OR_NULL(e))
		return PTR_ERR_OR_ZERO(e);
	size = min_t(size_t, mq_read_size(f->q, e) - f->partial_done,
		     iov_iter_count(to));
	return mq_read_end(f, e, f->partial_done, size,
			   mq_copy_pieces(e, f->partial_done, size, to));
}

/*
 * FIONREAD: return the bytes that are left of the half-read message, or those
 * of the next message, if this open file may receive it. If that has to wait for
 * the journal, so has this, or a reader would take 0 for the end.
 */
u32 mq_next_size(struct mq_file *f)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e;
	u32 size = 0;

	if (!(f->mode & FMODE_READ))
		return 0;
	do {
		mq_lock_current(q);
		e = mq_delivery_next_locked(q, f);
		if (f->partial)
			size = mq_read_size(q, f->partial) - f->partial_done;
		else if (!IS_ERR_OR_NULL(e) && !mq_is_barred(f))
			size = mq_read_size(q, e);
		mq_unlock(q);
	} while (!size && e == ERR_PTR(-EINPROGRESS) && !mq_persist_unbar(q, true));
	return size;
}
