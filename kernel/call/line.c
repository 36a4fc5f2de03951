// SPDX-License-Identifier: GPL-2.0
/*
 * framing=line: each line that is written is a message, newline included.
 * What follows the last newline waits in the open file, as an entry that is
 * ready to go, so that the close, which cannot fail, only has to link it in. Its
 * place and its bytes are reserved in the queue's bounds meanwhile, and its
 * writer gets these as he would for a message.
 *
 * A writer keeps mq_file.tx for the whole of its write, waiting for room
 * included, or the lines of two writers could get mixed.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/message.h"
#include "queue/admit.h"
#include "queue/bounds.h"
#include "queue/file.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/wake.h"
#include "call/iocb.h"
#include "call/line.h"
#include "call/send.h"

/* How much of a write is copied and looked at in one go. */
#define MQ_LINE_CHUNK	65536

/**
 * struct mq_lines - a write under way
 * @f: the producer
 * @nowait: do not wait for room
 * @buf: room for the next bytes, or NULL
 * @size: how much of it
 * @need: bytes of the line that there was no room for
 * @turn: as for mq_send_wait()
 * @waited: what @done was when it waited last
 * @done: bytes taken
 * @line_done: what @done was where the line began that is being taken
 * @line_tail: how much of that line was there before this write
 */
struct mq_lines {
	struct mq_file	*f;
	bool		nowait;
	char		*buf;
	size_t		size;
	size_t		need;
	struct mq_turn	turn;
	size_t		waited;
	size_t		done;
	size_t		line_done;
	size_t		line_tail;
};

static size_t mq_tail_size(const struct mq_file *f)
{
	return f->tail ? mq_size(f->tail) : 0;
}

/* The unfinished line ends here: its entry has no more room than that. */
static void mq_tail_trim(struct mq_file *f)
{
	struct mq_entry *e = f->tail;
	u32 size = mq_size(e);

	if (size == f->tail_room)
		return;
	mq_entry_resize(e, size);
	f->tail_room = size;
}

/* Nothing of it is left. */
static void mq_tail_drop(struct mq_file *f)
{
	struct mq_entry *e = f->tail;

	f->tail = NULL;
	/* It takes as much of its chunk as there was room for. */
	mq_msg_set_size(mq_msg(e), f->tail_room);
	mq_entry_free(e);
}

/* The unfinished line has @size bytes reserved from now on, and a place; 0: none. */
static void mq_tail_hold_locked(struct mq_file *f, u32 size)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	q->reserved += !!size - !!f->tail_held;
	q->reserved_bytes += size - (u64)f->tail_held;
	WRITE_ONCE(f->tail_held, size);
	mq_queue_room_locked(q);
}

/* Reserve what it needs to have @size bytes. Others may have to go for it. */
static int mq_tail_reserve(struct mq_file *f, size_t size)
{
	struct mq_queue *q = f->q;
	int err;

	do {
		mq_lock(q);
		err = mq_queue_grow_locked(q, f->tail_held, size);
		if (!err)
			mq_tail_hold_locked(f, size);
		mq_unlock(q);
		if (likely(!mq_send_changes(q, err)))
			return err;
		err = mq_send_more(q);
	} while (!err);
	return err;
}

/* Give back what is reserved beyond @size bytes. */
static void mq_tail_yield(struct mq_file *f, size_t size)
{
	struct mq_queue *q = f->q;

	if (f->tail_held <= size)
		return;
	spin_lock(&q->lock);
	/* Who waits is told, and looks for how much he needs. */
	mq_freed_locked(q, 0, 0);
	mq_tail_hold_locked(f, size);
	mq_unlock(q);
}

/* Take the end of the unfinished line off again. */
static void mq_tail_cut(struct mq_file *f, size_t size)
{
	lockdep_assert_held(&f->tx);
	mq_tail_yield(f, size);
	if (!f->tail)
		return;
	if (size)
		mq_msg_set_size(mq_msg(f->tail), size);
	else
		mq_tail_drop(f);
}

/* Have room for a line of @size bytes, which may go on unless it is @whole. */
static int mq_tail_room(struct mq_file *f, size_t size, bool whole)
{
	struct mq_entry *e = f->tail;
	int err;

	if (e && size <= f->tail_room)
		return 0;
	if (e) {
		err = mq_entry_grow(&f->tail, f->tail_room, size);
		if (err)
			return err;
	} else {
		e = whole ? mq_entry_new(&f->supply, size, mq_queue_kind(f->q)) :
			    mq_entry_begin(size, mq_queue_kind(f->q));
		if (IS_ERR(e))
			return PTR_ERR(e);
		mq_msg_set_size(mq_msg(e), 0);
		f->tail = e;
	}
	f->tail_room = size;
	return 0;
}

/*
 * Add @part to the unfinished line. If the line goes on, have room for more if
 * it can be had, so that a long one that comes in pieces is not copied for
 * each of them.
 */
static int mq_tail_add(struct mq_file *f, const char *part, size_t size,
		       bool ends)
{
	size_t before = mq_tail_size(f);
	size_t whole = before + size;
	size_t more = ends ? whole : whole + whole / 2;
	int err = -EAGAIN;

	lockdep_assert_held(&f->tx);
	if (mq_size_ok(f->q, more, 0))
		err = mq_tail_room(f, more, ends);
	if (err)
		err = mq_tail_room(f, whole, ends);
	if (err)
		return err;
	memcpy(mq_payload(f->tail) + before, part, size);
	mq_msg_set_size(mq_msg(f->tail), whole);
	if (before || !ends)
		mq_entry_stamp(f->tail);
	err = mq_order_prepare(f->q, f->tail);
	if (err)
		mq_tail_cut(f, before);
	return err;
}

/* The line takes the place that is reserved for it. ENODEV: the queue is gone. */
static int mq_tail_link(struct mq_file *f)
{
	u64 now = ktime_get_real_ns();
	struct mq_entry *e = f->tail;
	struct mq_queue *q = f->q;
	bool gone;

	mq_tail_trim(f);
	f->tail = NULL;
	mq_entry_pad(e);
	mq_lock(q);
	gone = q->gone;
	mq_tail_hold_locked(f, 0);
	if (!gone)
		mq_queue_add_locked(q, e, now);
	mq_unlock(q);
	if (!gone)
		return 0;
	mq_entry_free(e);
	return -ENODEV;
}

/* The line is complete: send it; else @size bytes of it are taken off again. */
static int mq_tail_send(struct mq_file *f, size_t size)
{
	struct mq_entry *e = f->tail;
	struct mq_sent sent;
	struct mq_batch b;
	int err;

	mq_tail_trim(f);
	mq_entry_pad(e);
	mq_batch_init(&b);
	mq_batch_add(&b, e);
	err = mq_send(f, &b, &sent);
	if (err < 0) {
		mq_tail_cut(f, mq_size(e) - size);
		return err;
	}
	f->tail = NULL;
	return 0;
}

/* A line that comes whole needs no place until it is a message. */
static int mq_line_try(struct mq_file *f, const char *part, size_t size,
		       bool ends)
{
	size_t before = mq_tail_size(f), whole = before + size;
	int err;

	if (!mq_size_ok(f->q, whole, 0))
		return -EMSGSIZE;
	if (f->tail || !ends) {
		err = mq_tail_reserve(f, whole);
		if (err)
			return err;
	}
	err = mq_tail_add(f, part, size, ends);
	if (err) {
		mq_tail_yield(f, before);
		return err;
	}
	if (!f->tail_held)
		return mq_tail_send(f, size);
	err = ends ? mq_tail_link(f) : 0;
	if (!err && unlikely(atomic_read(&f->q->gate.blocked)))
		mq_send_others(f);
	return err;
}

/* Take a piece of a line, its end if @ends. */
static int mq_line_take(struct mq_lines *l, const char *part, size_t size,
			bool ends)
{
	size_t whole = mq_tail_size(l->f) + size;
	int err = mq_line_try(l->f, part, size, ends);

	if (unlikely(err))
		l->need = whole;
	return err;
}

/* Take the lines in @buf. */
static int mq_line_chunk(struct mq_lines *l, const char *buf, size_t size)
{
	const char *stop = buf + size;

	while (buf < stop) {
		const char *end = memchr(buf, '\n', stop - buf);
		size_t part = end ? end - buf + 1 : stop - buf;
		int err;

		cond_resched();
		/* What has been taken stays taken. */
		if (mq_dying())
			return -EINTR;
		err = mq_line_take(l, buf, part, end);
		if (err == -EMSGSIZE) {
			/* Not even its beginning, if that came just now. */
			mq_tail_cut(l->f, l->line_tail);
			l->done = l->line_done;
		}
		if (err)
			return err;
		buf += part;
		l->done += part;
		if (end) {
			l->line_done = l->done;
			l->line_tail = 0;
		}
	}
	return 0;
}

/* Take what comes next in @from, which goes on behind what was taken. */
static int mq_line_piece(struct mq_lines *l, struct iov_iter *from)
{
	size_t size = min(iov_iter_count(from), l->size), before = l->done;
	struct iov_iter begin = *from;
	int err;

	if (!l->buf)
		l->buf = kvmalloc(l->size, GFP_KERNEL_ACCOUNT);
	if (!l->buf)
		return -ENOMEM;
	if (!copy_from_iter_full(l->buf, size, from))
		return -EFAULT;
	err = mq_line_chunk(l, l->buf, size);
	if (unlikely(err == -EAGAIN || err == -EDQUOT)) {
		*from = begin;
		iov_iter_advance(from, l->done - before);
	}
	return err;
}

static void mq_line_free(struct mq_lines *l)
{
	kvfree(l->buf);
	l->buf = NULL;
}

/* The unfinished line has no more memory than what has been taken of it. */
static void mq_tail_shrink(struct mq_file *f)
{
	u32 size = mq_tail_size(f);

	if (f->tail && size < f->tail_room &&
	    !mq_entry_grow(&f->tail, f->tail_room, size))
		f->tail_room = size;
}

/* There is no room for a line to grow: wait until there is. */
static int mq_tail_wait(struct mq_lines *l)
{
	struct mq_file *f = l->f;

	if (l->nowait) {
		mq_want_room(&f->stand, l->need - f->tail_held);
		return -EAGAIN;
	}
	mq_chunk_forgo(&f->supply);
	mq_turn_answer(f->q, &l->turn);
	mq_wait_begin(&f->q->gate.tx, &l->turn.wait);
	return mq_wait_growth(&f->q->gate, f->tail_held, l->need, &l->turn);
}

/* A line did not get in, because of @err: wait until it may, if that is a reason. */
static int mq_line_wait(struct mq_lines *l, int err)
{
	struct mq_file *f = l->f;

	if (err != -EAGAIN && err != -EDQUOT)
		return err;
	if (l->done != l->waited)
		l->turn.ticket = 0;
	l->waited = l->done;
	mq_line_free(l);
	mq_tail_shrink(f);
	WRITE_ONCE(f->tx_waits, true);
	err = f->tail_held && err == -EAGAIN ? mq_tail_wait(l) :
	      mq_send_wait(f, l->need, 0, l->nowait, err, &l->turn);
	WRITE_ONCE(f->tx_waits, false);
	return err;
}

/* Take all of @from. */
static int mq_line_copy(struct mq_lines *l, struct iov_iter *from)
{
	int err = 0;

	l->line_tail = mq_tail_size(l->f);
	while (!err && iov_iter_count(from)) {
		err = mq_line_piece(l, from);
		if (unlikely(err))
			err = mq_line_wait(l, err);
	}
	mq_turn_end(l->f->q, &l->turn);
	mq_line_free(l);
	return err;
}

/* EAGAIN is to mean that there is no room: see mq_iocb_lock(). */
static int mq_line_lock(struct mq_file *f, const struct kiocb *iocb)
{
	if (mutex_trylock(&f->tx))
		return 0;
	if (mq_iocb_nowait(iocb) && READ_ONCE(f->tx_waits))
		return -EAGAIN;
	return mq_iocb_lock(iocb, &f->tx);
}

/**
 * mq_line_write - write(2) with framing=line
 * @f: the producer
 * @iocb: says whether to wait for room
 * @from: the bytes
 *
 * Return: bytes taken. If it is not all of them, they end with a whole line,
 * or with as much of one as the kernel had read when it had to stop; an error
 * if there is nothing to stop at.
 */
ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from)
{
	struct mq_lines l = {
		.f = f,
		.nowait = mq_iocb_nowait(iocb),
		.size = min_t(size_t, iov_iter_count(from), MQ_LINE_CHUNK),
	};
	int err;

	if (!l.size)
		return 0;
	err = mq_act_as(f, FMODE_WRITE) ?: mq_line_lock(f, iocb);
	if (!err) {
		err = mq_line_copy(&l, from);
		mutex_unlock(&f->tx);
	}
	return l.done ?: err;
}

/*
 * The last close: the unfinished line is a message. Its place is its own, so it
 * goes in even where the queue is full, or takes less than it did.
 */
void mq_line_finish(struct mq_file *f)
{
	if (f->tail)
		mq_tail_link(f);
}
