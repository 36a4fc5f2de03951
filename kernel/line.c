// SPDX-License-Identifier: GPL-2.0
/*
 * framing=line: each line that is written is a message, newline included.
 * What follows the last newline waits in the open file, as an entry that is
 * ready to go, so that the close, which cannot fail, only has to link it in.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uio.h>

#include "mq.h"

/* How much of a write is looked at in one go. */
#define MQ_LINE_CHUNK	65536

static u32 mq_tail_size(const struct mq_file *f)
{
	return f->tail ? f->tail->msg->size : 0;
}

/* An entry with room for @room bytes that begins with the tail and @part. */
static struct mq_entry *mq_line_join(struct mq_file *f, const char *part,
				     size_t size, size_t room, bool nowait)
{
	size_t head = mq_tail_size(f);
	struct mq_entry *e;

	e = mq_entry_alloc(f->q, room, 0, 0, nowait);
	if (IS_ERR(e))
		return e;
	if (head)
		memcpy(mq_msg_payload(e->msg), mq_msg_payload(f->tail->msg),
		       head);
	memcpy(mq_msg_payload(e->msg) + head, part, size);
	e->msg->size = head + size;
	mq_entry_stamp(e);
	return e;
}

static void mq_tail_replace(struct mq_file *f, struct mq_entry *e)
{
	if (f->tail)
		mq_entry_free(f->tail);
	f->tail = e;
}

/* The line is complete: send it. */
static int mq_line_send(struct mq_file *f, const char *part, size_t size,
			bool nowait)
{
	size_t whole = mq_tail_size(f) + size;
	struct mq_entry *e;
	LIST_HEAD(batch);
	u64 id;
	int err;

	if (!mq_size_ok(f->q, whole, 0))
		return -EMSGSIZE;
	e = mq_line_join(f, part, size, whole, nowait);
	if (IS_ERR(e))
		return PTR_ERR(e);
	list_add(&e->list, &batch);
	err = mq_send(f->q, &batch, nowait, &id);
	if (err < 0) {
		mq_entry_free(e);
		return err;
	}
	mq_tail_replace(f, NULL);
	return 0;
}

/* The line goes on in a later write: keep what there is of it. */
static int mq_line_keep(struct mq_file *f, const char *part, size_t size,
			bool nowait)
{
	size_t whole = mq_tail_size(f) + size;
	struct mq_entry *e = f->tail;
	u64 room;

	if (!mq_size_ok(f->q, whole, 0))
		return -EMSGSIZE;
	if (e && whole <= e->msg->alloc) {
		memcpy(mq_msg_payload(e->msg) + e->msg->size, part, size);
		e->msg->size = whole;
		mq_entry_stamp(e);
		return 0;
	}
	/* Grow by half, so that a long line is not copied for each write. */
	room = min_t(u64, whole + whole / 2,
		     READ_ONCE(f->q->opt.max_message_size));
	e = mq_line_join(f, part, size, max_t(u64, room, whole), nowait);
	if (IS_ERR(e))
		return PTR_ERR(e);
	mq_tail_replace(f, e);
	return 0;
}

/* Take the lines in @buf. Return: bytes taken; if not all, why in @err. */
static size_t mq_line_chunk(struct mq_file *f, const char *buf, size_t size,
			    bool nowait, int *err)
{
	size_t done = 0;

	while (done < size) {
		const char *p = buf + done;
		const char *end = memchr(p, '\n', size - done);
		size_t part = end ? end - p + 1 : size - done;

		if (end)
			*err = mq_line_send(f, p, part, nowait);
		else
			*err = mq_line_keep(f, p, part, nowait);
		if (*err)
			break;
		done += part;
	}
	return done;
}

/**
 * mq_line_write - write(2) with framing=line
 * @f: the producer
 * @iocb: says whether to wait for room
 * @from: the bytes
 *
 * Return: bytes taken, which end with a whole line if it is not all of them;
 * or an error if it is none.
 */
ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from)
{
	bool nowait = mq_iocb_nowait(iocb);
	size_t chunk = min_t(size_t, iov_iter_count(from), MQ_LINE_CHUNK);
	size_t done = 0;
	char *buf;
	int err;

	if (!chunk)
		return 0;
	buf = kvmalloc(chunk, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	err = mq_iocb_lock(iocb, &f->tx);
	if (err)
		goto out_free;
	while (!err && iov_iter_count(from)) {
		size_t size = min(iov_iter_count(from), chunk);
		size_t taken;

		err = -EFAULT;
		if (!copy_from_iter_full(buf, size, from))
			break;
		err = 0;
		taken = mq_line_chunk(f, buf, size, nowait, &err);
		iov_iter_revert(from, size - taken);
		done += taken;
	}
	mutex_unlock(&f->tx);
out_free:
	kvfree(buf);
	return done ?: err;
}

/*
 * The last close: the unfinished line is a message. It was accepted when it
 * was written, so it goes in even where the queue is full.
 */
void mq_line_finish(struct mq_file *f)
{
	struct mq_entry *e = f->tail;
	struct mq_queue *q = f->q;
	bool gone;

	if (!e)
		return;
	f->tail = NULL;
	mq_msg_pad(e->msg);
	e->msg->time_ns = ktime_get_real_ns();
	spin_lock(&q->lock);
	gone = q->gone;
	if (!gone)
		mq_queue_add_locked(q, e);
	spin_unlock(&q->lock);
	if (gone)
		mq_entry_free(e);
	else
		mq_wake_readers(q, 1);
}
