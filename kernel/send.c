// SPDX-License-Identifier: GPL-2.0
/*
 * Sending. The message is made and its bytes are copied with no lock held;
 * under the queue's lock it is only linked in.
 */
#include <linux/pagemap.h>
#include <linux/ktime.h>
#include <linux/uio.h>

#include "mq.h"
#include "trace.h"

/* How many may go for a batch in one hold of the lock. */
#define MQ_SACRIFICES	256

/**
 * mq_size_ok - may a message of this size ever come in?
 * @q: the queue
 * @payload: bytes of payload
 * @meta: bytes of key and headers
 */
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta)
{
	return payload <= READ_ONCE(q->opt.max_message_size) &&
	       payload + meta <= READ_ONCE(q->opt.max_bytes);
}

/*
 * A batch that has to wait keeps its first message only: the memory of the
 * others is in no queue's bound, and others may need it.
 */
static void mq_keep_first(struct list_head *batch)
{
	struct mq_entry *first;

	first = list_first_entry(batch, struct mq_entry, list);
	list_del(&first->list);
	mq_entries_free(batch);
	list_add(&first->list, batch);
}

/* The number of the message that came first with the same id, or 0. */
static u64 mq_send_first(struct mq_queue *q, const struct mq_entry *e)
{
	if (likely(!e->seen) || q->gone || mq_paused(q, MQ_PAUSED_SEND) ||
	    !READ_ONCE(q->opt.dedup_window_ms))
		return 0;
	return mq_dedup_find_locked(q, e->seen);
}

/* How many messages had to go for others, or died, in the queue's life. */
static u64 mq_sacrificed(const struct mq_queue *q)
{
	return q->stat.dropped + q->stat.dead_lettered;
}

/*
 * Take what there is room for. Return: how many; if not all, why in @err. A
 * duplicate is taken alone, and stays in @batch for the caller to free.
 */
static int mq_send_some(struct mq_queue *q, struct list_head *batch, int *err,
			u64 *last_id, bool *dup)
{
	u64 now = ktime_get_real_ns();
	struct mq_entry *e, *next;
	u64 first, before;
	int taken = 0;

	mq_lock(q);
	before = mq_sacrificed(q);
	list_for_each_entry_safe(e, next, batch, list) {
		first = mq_send_first(q, e);
		*dup = first && !taken;
		if (unlikely(*dup)) {
			q->stat.deduplicated++;
			trace_mq_dedup(q, e);
			*last_id = first;
			taken = 1;
		}
		if (unlikely(first))
			break;
		*err = mq_queue_admit_locked(q, e->msg);
		if (*err)
			break;
		list_del(&e->list);
		mq_queue_add_locked(q, e, now);
		*last_id = e->id;
		taken++;
		/* Others went for these: enough for one hold of the lock. */
		if (mq_sacrificed(q) - before >= MQ_SACRIFICES)
			break;
	}
	mq_unlock(q);
	return taken;
}

/**
 * mq_send - put messages in the queue
 * @f: the producer
 * @batch: entries, in order; those that were taken leave it
 * @nowait: do not wait for room
 * @last_id: gets the id of the last one taken
 * @dup: set if that is the number of another message with the same
 *	de-duplication id; then that is all that happened
 *
 * Waits for room for the first and then takes what there is room for, all
 * under one hold of the lock, so that the ids have no gap.
 *
 * Return: how many were taken, at least one; or ENODEV, EMSGSIZE, ENOSPC,
 * EAGAIN, ERESTARTSYS, and none was.
 */
int mq_send(struct mq_file *f, struct list_head *batch, bool nowait,
	    u64 *last_id, bool *dup)
{
	struct mq_queue *q = f->q;
	struct mq_msg *first;
	int taken, err;

	while (!(taken = mq_send_some(q, batch, &err, last_id, dup))) {
		if (err == -EBUSY)
			continue;	/* there was more to drop */
		if (err != -EAGAIN)
			return err;
		first = list_first_entry(batch, struct mq_entry, list)->msg;
		if (nowait) {
			mq_want_room(f, mq_msg_bytes(first));
			return err;
		}
		mq_keep_first(batch);
		err = mq_wait_room(q, first->size,
				   first->key_size + first->headers_size);
		if (err)
			return err;
	}
	/* Other writers may be asleep beside room that is left. */
	if (unlikely(atomic_read(&q->blocked))) {
		mq_want_room(f, 0);
		mq_wake_writers(q, false);
	}
	return taken;
}

/* write(2) with framing=record: one message, whole or not at all. */
ssize_t mq_write(struct mq_file *f, struct kiocb *iocb, struct iov_iter *from)
{
	bool nowait = mq_iocb_nowait(iocb);
	size_t size = iov_iter_count(from);
	struct mq_queue *q = f->q;
	struct mq_entry *e;
	LIST_HEAD(batch);
	bool dup;
	u64 id;
	int err;

	if (!size)
		return 0;
	if (!mq_size_ok(q, size, 0))
		return -EMSGSIZE;
	/* Spare the work where it is clear that it would be for nothing. */
	if (nowait && !mq_time_due(q) && !mq_can_send(q, size)) {
		mq_want_room(f, size);
		return -EAGAIN;
	}
	/* Making room may cost others their messages: not for nothing. */
	if (READ_ONCE(q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD &&
	    fault_in_iov_iter_readable(from, size))
		return -EFAULT;
	e = mq_entry_alloc(f, size, 0, 0, nowait);
	if (IS_ERR(e))
		return PTR_ERR(e);
	err = -EFAULT;
	if (!copy_from_iter_full(mq_msg_payload(e->msg), size, from))
		goto out_free;
	mq_entry_stamp(e);
	err = mq_order_prepare(q, e);
	if (err)
		goto out_free;
	list_add(&e->list, &batch);
	err = mq_send(f, &batch, nowait, &id, &dup);
	if (err < 0)
		goto out_free;
	return size;

out_free:
	mq_entry_free(e);
	return err;
}
