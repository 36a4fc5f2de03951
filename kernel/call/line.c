// SPDX-License-Identifier: GPL-2.0
/*
 * framing=line: each line that is written is a message, newline included.
 *
 * The open file keeps what follows the last newline, the unfinished line, in an
 * entry of its own (mq_file.tail). The last close, which cannot fail, only has
 * to link this entry. The queue's bounds reserve a message and the line's bytes
 * for it, and its writer waits for these as for a message.
 *
 * A writer holds mq_file.tx for the whole of its write, even while it waits for
 * room. Otherwise the lines of two writers could get mixed.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "base/base.h"
#include "call/iocb.h"
#include "call/line.h"
#include "call/send.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/message.h"
#include "queue/admit.h"
#include "queue/bounds.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/order.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "topic/publish.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/wake.h"

/* The most bytes of a write that are copied and parsed at once. */
#define MQ_LINE_BYTES	65536

/**
 * struct mq_lines - a write in progress
 * @f: the producer
 * @nowait: do not wait for room
 * @buf: buffer for the next bytes, or NULL
 * @size: bytes of @buf
 * @need: bytes of the line for which there was no room
 * @turn: as for mq_send_wait()
 * @waited: what @done was when the writer waited last
 * @done: bytes taken
 * @line_done: what @done was at the beginning of the current line
 * @line_tail: bytes of the current line that came before this write
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
	return f->tail ? mq_entry_size(f->tail) : 0;
}

/* Cut the entry of the unfinished line to the size that the line has. */
static void mq_tail_trim(struct mq_file *f)
{
	struct mq_entry *e = f->tail;
	u32 size = mq_entry_size(e);

	if (size == f->tail_room)
		return;
	mq_entry_resize(e, size);
	f->tail_room = size;
}

/* Free the entry of the unfinished line. */
static void mq_tail_drop(struct mq_file *f)
{
	struct mq_entry *e = f->tail;

	f->tail = NULL;
	/* The entry has to give back all of its room to the chunk. */
	mq_msg_set_size(mq_msg(e), f->tail_room);
	mq_entry_free(e);
}

/*
 * Reserve @size bytes, and one message, for the unfinished line, in place of
 * what it had reserved; with 0, reserve neither.
 */
static void mq_tail_hold_locked(struct mq_file *f, u32 size)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	q->reserved += !!size - !!f->tail_held;
	q->reserved_bytes += size - (u64)f->tail_held;
	/* A topic stores no line: each queue asks the journal for itself. */
	if (unlikely(q->feed.journal) && !q->topic)
		mq_persist_hold_locked(q, f->tail_held, size);
	WRITE_ONCE(f->tail_held, size);
	mq_queue_update_room_locked(q);
}

/*
 * Reserve @size bytes for the unfinished line. If there is no room, the
 * overflow option says whether messages are dropped for it.
 */
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
		if (likely(!mq_send_may_retry(q, err)))
			return err;
		err = mq_send_prepare_retry(q);
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
	/* Wake the waiters: each checks if this is enough. */
	mq_freed_locked(q, 0, 0);
	mq_tail_hold_locked(f, size);
	mq_unlock(q);
}

/* Cut the unfinished line back to @size bytes. */
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

/* Allocate room for a line of @size bytes. @whole: the line does not go on. */
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
		e = whole ? mq_entry_new(&f->supply, size, mq_queue_kind(f->q),
					 mq_shares(f->q, size)) :
			    mq_entry_alloc_line(size, mq_queue_kind(f->q));
		if (IS_ERR(e))
			return PTR_ERR(e);
		mq_msg_set_size(mq_msg(e), 0);
		f->tail = e;
	}
	f->tail_room = size;
	return 0;
}

/*
 * Append @part to the unfinished line. If the line goes on, allocate more room
 * than it needs, if possible, so that a long line that comes in many pieces is
 * not copied for each of them.
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
	memcpy(mq_entry_payload(f->tail) + before, part, size);
	mq_msg_set_size(mq_msg(f->tail), whole);
	if (before || !ends)
		mq_entry_set_sender(f->tail);
	err = mq_order_prepare(f->q, f->tail);
	if (err)
		mq_tail_cut(f, before);
	return err;
}

/*
 * Link the line in the place that is reserved for it. Return 0, or ENODEV if
 * the queue has been removed.
 */
static int mq_tail_link(struct mq_file *f)
{
	struct mq_instant now = { .real = ktime_get_real_ns() };
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
		mq_queue_add_locked(q, e, &now);
	mq_unlock(q);
	if (!gone)
		return 0;
	mq_entry_free(e);
	return -ENODEV;
}

/* Send a complete line. If that fails, cut its last @size bytes off again. */
static int mq_tail_send(struct mq_file *f, size_t size, struct mq_turn *turn)
{
	struct mq_entry *e = f->tail;
	struct mq_sent sent;
	struct mq_batch b;
	int err;

	mq_tail_trim(f);
	mq_entry_pad(e);
	mq_batch_init(&b);
	mq_batch_add(&b, e);
	err = mq_send(f, &b, turn, &sent);
	if (err < 0) {
		mq_tail_cut(f, mq_entry_size(e) - size);
		return err;
	}
	f->tail = NULL;
	return 0;
}

/*
 * Take a piece of a line, its end if @ends. Only a line that comes in several
 * pieces has a place reserved before it is linked. A topic has no places: a line
 * that is sent to one is only copied before it is complete.
 */
static int mq_line_try(struct mq_file *f, const char *part, size_t size,
		       bool ends, struct mq_turn *turn)
{
	size_t before = mq_tail_size(f), whole = before + size;
	int err;

	if (!mq_size_ok(f->q, whole, 0))
		return -EMSGSIZE;
	if ((f->tail || !ends) && !f->q->topic) {
		err = mq_tail_reserve(f, whole);
		if (err)
			return err;
	}
	err = mq_tail_add(f, part, size, ends);
	if (err) {
		mq_tail_yield(f, before);
		return err;
	}
	if (f->q->topic && !ends)
		return 0;
	if (!f->tail_held)
		return mq_tail_send(f, size, turn);
	err = ends ? mq_tail_link(f) : 0;
	if (!err && unlikely(atomic_read(&f->q->gate.blocked)))
		mq_send_wake_others(f);
	return err;
}

/* As mq_line_try(). If there is no room, note how many bytes the line needs. */
static int mq_line_take(struct mq_lines *l, const char *part, size_t size,
			bool ends)
{
	size_t whole = mq_tail_size(l->f) + size;
	int err = mq_line_try(l->f, part, size, ends, &l->turn);

	if (unlikely(err))
		l->need = whole;
	return err;
}

/* Take the lines in @buf, and the beginning of the last one. */
static int mq_line_parse(struct mq_lines *l, const char *buf, size_t size)
{
	const char *stop = buf + size;

	while (buf < stop) {
		const char *end = memchr(buf, '\n', stop - buf);
		size_t part = end ? end - buf + 1 : stop - buf;
		int err;

		cond_resched();
		/* The bytes that were taken stay taken. */
		if (mq_dying())
			return -EINTR;
		err = mq_line_take(l, buf, part, end);
		if (err == -EMSGSIZE) {
			/* Drop what this write brought of the line. */
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

/*
 * Copy the next bytes of @from and take their lines. If there is no room,
 * rewind @from to the first byte that was not taken.
 */
static int mq_line_piece(struct mq_lines *l, struct iov_iter *from)
{
	size_t size = min(iov_iter_count(from), l->size), before = l->done;
	struct iov_iter begin = *from;
	int err;

	if (!l->buf)
		l->buf = kvmalloc(l->size, MQ_GFP);
	if (!l->buf)
		return -ENOMEM;
	if (!copy_from_iter_full(l->buf, size, from))
		return -EFAULT;
	err = mq_line_parse(l, l->buf, size);
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

/* Free the memory that the unfinished line does not use. */
static void mq_tail_shrink(struct mq_file *f)
{
	u32 size = mq_tail_size(f);

	if (f->tail && size < f->tail_room &&
	    !mq_entry_grow(&f->tail, f->tail_room, size))
		f->tail_room = size;
}

/* Wait until there is room for the unfinished line to grow. */
static int mq_tail_wait(struct mq_lines *l)
{
	struct mq_file *f = l->f;

	if (l->nowait) {
		mq_set_wanted_room(&f->stand, l->need - f->tail_held);
		return -EAGAIN;
	}
	mq_supply_drop_large(&f->supply);
	mq_turn_answer(f->q, &l->turn);
	mq_wait_begin(&f->q->gate.tx, &l->turn.wait);
	return mq_wait_growth(&f->q->gate, f->tail_held, l->need, &l->turn);
}

/*
 * A line failed with @err. If that is for want of room or memory, wait for it.
 * Return 0 to try again, or an error.
 */
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

/* Take all bytes of @from, waiting for room where necessary. */
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

/*
 * Take mq_file.tx. With O_NONBLOCK, return EAGAIN only if the writer that has
 * the lock waits for room: see mq_iocb_lock().
 */
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
 * Return: bytes taken, or an error if there are none. If not all were taken,
 * they end with a whole line, or with as much of a line as had been copied when
 * the write had to stop.
 */
ssize_t mq_line_write(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from)
{
	struct mq_lines l = {
		.f = f,
		.nowait = mq_iocb_nowait(iocb),
		.size = min_t(size_t, iov_iter_count(from), MQ_LINE_BYTES),
		.turn.hurries = mq_iocb_hurries(iocb),
	};
	int err;

	if (!l.size)
		return 0;
	err = mq_take_role(f, FMODE_WRITE) ?: mq_line_lock(f, iocb);
	if (!err) {
		err = mq_line_copy(&l, from);
		mutex_unlock(&f->tx);
	}
	return l.done ?: err;
}

/*
 * Send the unfinished line of a topic at the last close, which must not wait: it
 * enters the queues even if they are full. If it cannot be sent, as there is no
 * memory for its copies, it counts as dropped.
 */
static void mq_tail_publish(struct mq_file *f)
{
	struct mq_turn turn = {};
	struct mq_batch b;
	u64 last;

	mq_tail_trim(f);
	mq_entry_pad(f->tail);
	mq_batch_init(&b);
	mq_batch_add(&b, f->tail);
	if (mq_publish(f, &b, &turn, MQ_PUBLISH_ANYWAY, &last) < 0) {
		mq_lock(f->q);
		f->q->stat.dropped++;
		mq_unlock(f->q);
		mq_entry_free(f->tail);
	}
	mq_turn_end(f->q, &turn);
	f->tail = NULL;
}

/*
 * Link the unfinished line as a message, at the last close. Its place is
 * reserved, so it enters even a queue that is full, or whose bounds were
 * lowered.
 */
void mq_line_finish(struct mq_file *f)
{
	if (f->tail && f->q->topic)
		mq_tail_publish(f);
	else if (f->tail)
		mq_tail_link(f);
}
