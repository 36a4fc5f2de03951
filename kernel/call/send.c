// SPDX-License-Identifier: GPL-2.0
/*
 * Sending. A sender makes a message and copies its bytes with no lock held;
 * under the queue's lock the message is only linked.
 */
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uio.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/iocb.h"
#include "call/send.h"
#include "memory/alloc.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/message.h"
#include "memory/shortage.h"
#include "memory/supply.h"
#include "queue/admit.h"
#include "queue/bounds.h"
#include "queue/check.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/trace.h"
#include "topic/patience.h"
#include "topic/publish.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/spin.h"
#include "wait/wake.h"

/* The most messages that are dropped for a batch in one hold of the lock. */
#define MQ_SACRIFICES	256

void mq_batch_init(struct mq_batch *b)
{
	INIT_LIST_HEAD(&b->list);
	b->count = 0;
	b->bytes = 0;
	b->plain = true;
	b->delayed = 0;
}

/* Return true if the sender set neither times for a message nor an id. */
static bool mq_batch_is_plain(const struct mq_entry *e)
{
	const struct mq_detail *d = mq_msg(e)->detail;

	if (unlikely(mq_msg(e)->seen))
		return false;
	return likely(!d) ||
	       (d->durable && !d->when && !d->expires && e->clock == MQ_BOOTTIME);
}

void mq_batch_add(struct mq_batch *b, struct mq_entry *e)
{
	mq_list_append(&e->list, &b->list);
	b->count++;
	b->bytes += mq_msg_bytes(mq_msg(e));
	if (!mq_batch_is_plain(e))
		b->plain = false;
}

static void mq_batch_del(struct mq_batch *b, struct mq_entry *e)
{
	list_del(&e->list);
	b->count--;
	b->bytes -= mq_msg_bytes(mq_msg(e));
}

/*
 * Return the id of the message that came first with the same de-duplication id,
 * or 0 if there is none.
 */
static u64 mq_send_first(struct mq_queue *q, const struct mq_entry *e)
{
	if (likely(!mq_msg(e)->seen) || q->gone || mq_paused(q, MQ_PAUSED_SEND) ||
	    !READ_ONCE(q->opt.dedup_window_ms))
		return 0;
	return mq_dedup_find_locked(q, mq_msg(e)->seen);
}

/* Return how many messages the queue has ever dropped or dead-lettered. */
static u64 mq_sacrificed(const struct mq_queue *q)
{
	return q->stat.dropped + q->stat.dead_lettered;
}

/*
 * Link the messages for which there is room, one by one. Return how many were
 * taken; if not all, @err may say why. A duplicate is taken alone: it stays in
 * the batch, for the caller to free.
 */
static u32 mq_send_each(struct mq_queue *q, struct mq_batch *b,
			struct mq_instant *now, struct mq_sent *sent, int *err)
{
	u64 before = mq_sacrificed(q), first;
	struct mq_entry *e, *next;
	u32 taken = 0;

	list_for_each_entry_safe(e, next, &b->list, list) {
		first = mq_send_first(q, e);
		sent->dup = first && !taken;
		if (unlikely(sent->dup)) {
			q->stat.deduplicated++;
			trace_mq_dedup(q, e);
			sent->last_id = first;
			taken = 1;
		}
		if (unlikely(first))
			break;
		*err = mq_queue_admit_locked(q, mq_msg(e));
		if (*err)
			break;
		mq_batch_del(b, e);
		mq_queue_add_locked(q, e, now);
		sent->last_id = mq_msg(e)->id;
		taken++;
		/* Enough were dropped for these in one hold. */
		if (mq_sacrificed(q) - before >= MQ_SACRIFICES)
			break;
	}
	return taken;
}

/* Let the batch end before @e, and free what is behind that. */
static void mq_send_cut(struct mq_queue *q, struct mq_batch *b, struct mq_entry *e)
{
	struct mq_entry *next;
	LIST_HEAD(rest);

	list_for_each_entry_safe_from(e, next, &b->list, list) {
		mq_batch_del(b, e);
		list_add_tail(&e->list, &rest);
	}
	mq_lock(q);
	mq_order_retreat_locked(q, &rest);
	mq_unlock(q);
	mq_entries_free(&rest);
}

/* Leave only the first message. Return: false if there was no other. */
static bool mq_send_cut_rest(struct mq_queue *q, struct mq_batch *b)
{
	struct mq_entry *first = list_first_entry(&b->list, struct mq_entry, list);

	if (list_is_last(&first->list, &b->list))
		return false;
	mq_send_cut(q, b, list_next_entry(first, list));
	return true;
}

/*
 * Find or make the groups of the messages, in a queue with an order. Where memory runs
 * out, the batch ends, and those behind are freed. Return: false if it does for the
 * first message: @err says why.
 */
static bool mq_send_enter(struct mq_queue *q, struct mq_batch *b, int *err)
{
	struct mq_entry *e;

	do {
		*err = 0;
		e = mq_order_enter(q, &b->list, err);
		if (likely(!e))
			return true;
		if (!list_is_first(&e->list, &b->list)) {
			mq_send_cut(q, b, e);
			*err = 0;
			return true;
		}
		/* What the others take may be what the first one lacks. */
	} while (mq_send_cut_rest(q, b));
	mq_lock(q);
	mq_order_retreat_locked(q, &b->list);
	mq_unlock(q);
	return false;
}

static u32 mq_send_some(struct mq_queue *q, struct mq_batch *b,
			struct mq_sent *sent, int *err)
{
	struct mq_instant now = { .real = ktime_get_real_ns() };
	u32 taken;

	mq_lock(q);
	/* In a queue with an order they are members of their groups first. */
	if (unlikely(q->order && mq_order_join_all_locked(q, &b->list))) {
		mq_unlock(q);
		if (!mq_send_enter(q, b, err))
			return 0;
		mq_lock(q);
	}
	if (likely((b->plain || b->delayed == b->count) &&
		   mq_queue_can_add_batch_locked(q, b))) {
		taken = b->count;
		mq_queue_add_batch_locked(q, b, &now);
		sent->last_id = q->next_id - 1;
		sent->dup = false;
	} else {
		taken = mq_send_each(q, b, &now, sent, err);
	}
	if (unlikely(q->order))
		mq_order_retreat_locked(q, &b->list);
	mq_unlock(q);
	return taken;
}

/*
 * Return true if a send that failed with @err may find room after
 * mq_send_prepare_retry(): more is to be dropped for its first message, or
 * something is due.
 */
bool mq_send_may_retry(const struct mq_queue *q, int err)
{
	return err == -EBUSY ||
	       ((err == -EAGAIN || err == -ENOSPC) && mq_has_due(q));
}

/* After mq_send_may_retry(), prepare another attempt. Return 0, or EINTR. */
noinline int mq_send_prepare_retry(struct mq_queue *q)
{
	if (mq_dying())
		return -EINTR;
	mq_overflow_prepare(q);
	mq_lock_pause();
	return 0;
}

/*
 * Tell others that want room, after a send. If this file's poller alone was
 * woken for the room (EPOLLEXCLUSIVE), nobody else can wake the next one.
 */
noinline void mq_send_wake_others(struct mq_file *f)
{
	if (READ_ONCE(f->stand.wants))
		mq_set_wanted_room(&f->stand, 0);
	if (READ_ONCE(f->q->gate.tx.watched))
		mq_wake_writers(&f->q->gate, false);
}

/**
 * mq_send - put messages in the queue, as far as there is room for them
 * @f: the producer
 * @b: the messages, in order; those that are taken leave it
 * @turn: the sender's place in line
 * @sent: gets what became of them
 *
 * All that are taken are linked in one hold of the lock, so their ids have no
 * gap. This does not wait for room: see mq_send_wait().
 *
 * Return: how many were taken, at least one; or ENODEV, EMSGSIZE, ENOSPC,
 * EAGAIN or EINTR, if none was; for a topic also an error of mq_publish().
 */
int mq_send(struct mq_file *f, struct mq_batch *b, struct mq_turn *turn,
	    struct mq_sent *sent)
{
	struct mq_queue *q = f->q;
	int err = 0;
	u32 taken;

	if (unlikely(q->topic)) {
		sent->dup = false;
		return mq_publish(f, b, turn, turn->hurries ?
				  MQ_PUBLISH_QUICKLY : MQ_PUBLISH,
				  &sent->last_id);
	}
	do {
		taken = mq_send_some(q, b, sent, &err);
		if (unlikely(!taken && mq_send_may_retry(q, err)))
			err = mq_send_prepare_retry(q);
	} while (unlikely(!taken && !err));
	if (unlikely(!taken))
		return err;
	if (unlikely(atomic_read(&q->gate.blocked)))
		mq_send_wake_others(f);
	return taken;
}

/* Return 0 if a message of @size bytes may find room, else an error. */
static int mq_write_check(struct mq_file *f, size_t size)
{
	struct mq_queue *q = f->q;

	if (unlikely(READ_ONCE(q->gone)))
		return -ENODEV;
	if (unlikely(!mq_size_ok(q, size, 0)))
		return -EMSGSIZE;
	/* Do not make a message for which there is clearly no room. */
	return mq_has_due(q) || mq_can_send(q, size) ? 0 : -EAGAIN;
}

/* Send a message, or free it. Return its id or an error. */
static s64 mq_write_send(struct mq_file *f, struct mq_entry *e,
			 struct mq_turn *turn)
{
	struct mq_sent sent;
	struct mq_batch b;
	int err;

	mq_batch_init(&b);
	mq_batch_add(&b, e);
	err = mq_send(f, &b, turn, &sent);
	if (likely(err > 0))
		return sent.last_id;
	mq_entry_free(e);
	return err;
}

/*
 * Free as much memory as @cost by dropping ready messages of the queue, the oldest
 * first. If there are not enough, drop nothing. If the sender has reached a bound of
 * the user's own, stop at a message of another user: to drop it frees nothing for him.
 */
static int mq_short_drop(struct mq_file *f, u64 cost)
{
	const struct mq_payer *p = f->supply.payer;
	const struct mq_user *user = p ? mq_budget_limiting_user(p, cost) : NULL;
	struct mq_queue *q = f->q;
	u64 dropped = 0;

	if (!mq_queue_droppable(q, user, cost))
		return -EDQUOT;
	while (dropped < cost) {
		u64 bytes = mq_queue_drop_oldest(q, user);

		if (!bytes)
			return dropped ? 0 : -EDQUOT;
		if (fatal_signal_pending(current))
			return -EINTR;
		dropped += bytes;
		cond_resched();
	}
	return 0;
}

/**
 * mq_send_short - do what the overflow option says on EDQUOT
 * @f: the producer
 * @bytes: bytes of the message's payload, key and headers
 * @nowait: do not wait until others free memory
 * @turn: as for mq_send_wait()
 *
 * There was no memory for the message, and the caller holds none.
 *
 * Return: 0, try again; or ENODEV, EMSGSIZE, EAGAIN, EDQUOT, ENOMEM, EINTR,
 * ERESTARTSYS.
 */
static int mq_send_short(struct mq_file *f, u64 bytes, bool nowait,
			 struct mq_turn *turn)
{
	struct mq_queue *q = f->q;
	unsigned long cost = mq_send_cost(q, bytes);

	if (READ_ONCE(q->gone))
		return -ENODEV;
	/* A topic's message needs memory for each of its copies. */
	if (unlikely(q->topic))
		cost += mq_patience_cost(turn);
	if (mq_budget_exceeds_bounds(cost))
		return -EMSGSIZE;
	/*
	 * Drop nothing while sends are paused. An unfinished line, which has
	 * its place, waits for the end of the pause alone.
	 */
	if (mq_paused(q, MQ_PAUSED_SEND))
		return nowait ? -EAGAIN : mq_wait_growth(&q->gate, 0, 0, turn);
	switch (READ_ONCE(q->opt.overflow)) {
	case MQ_OVERFLOW_REJECT:
	case MQ_OVERFLOW_DEAD_LETTER:	/* moving frees nothing */
		return -EDQUOT;
	case MQ_OVERFLOW_DROP_HEAD:
		return mq_short_drop(f, cost);
	default:
		if (!nowait)
			return mq_memory_wait(&q->starved, cost, &turn->memory);
		mq_set_wanted_room(&f->stand, bytes);
		return -EAGAIN;
	}
}

/* After an attempt, wake the next waiter if room or memory is left. */
void mq_turn_answer(struct mq_queue *q, struct mq_turn *turn)
{
	mq_answer_room(mq_patience_gate(turn, &q->gate), &turn->called);
	mq_memory_answer(&turn->memory);
}

/* As mq_turn_answer(), for a sender that does not wait again. */
void mq_turn_end(struct mq_queue *q, struct mq_turn *turn)
{
	if (likely(mq_turn_is_new(turn)))
		return;
	mq_turn_answer(q, turn);
	mq_wait_end(&q->gate.tx, &turn->wait);
	if (unlikely(turn->patience))
		mq_patience_end(turn);
}

/**
 * mq_send_wait - after a send that failed, wait until it may succeed
 * @f: the producer
 * @payload: bytes of the first message's payload
 * @meta: bytes of its key and headers
 * @nowait: do not wait
 * @err: why it failed: EAGAIN, the queue has no room or is paused; EDQUOT,
 *	there is no memory; any other error is returned
 * @turn: the sender's place in line; the caller calls mq_turn_end() in the end
 *
 * The caller holds nothing that others could use: it has freed what it copied,
 * and copies and checks it again after this.
 *
 * Return: 0, try again; or @err, or an error of mq_send_short(), or
 * ERESTARTSYS.
 */
int mq_send_wait(struct mq_file *f, u64 payload, u64 meta, bool nowait, int err,
		 struct mq_turn *turn)
{
	struct mq_queue *q = f->q;

	if (err != -EAGAIN && err != -EDQUOT)
		return err;
	/*
	 * There may be room by now, so that nothing below sleeps; and then again none
	 * for the next attempt. However often that is, a signal ends it.
	 */
	if (mq_dying())
		return -EINTR;
	if (!nowait && signal_pending(current))
		return -ERESTARTSYS;
	if (nowait && err == -EAGAIN) {
		mq_set_wanted_room(&f->stand, payload + meta);
		return err;
	}
	mq_supply_drop_large(&f->supply);
	/* WAIT(turn:end) */
	mq_turn_answer(q, turn);
	if (!nowait)
		mq_wait_begin(&q->gate.tx, &turn->wait);
	if (err == -EDQUOT)
		return mq_send_short(f, payload + meta, nowait, turn);
	if (unlikely(mq_patience_waits(turn)))
		return mq_patience_wait(f, payload, meta, turn);
	mq_patience_leave(turn);
	if (mq_spin_room(&q->gate, payload + meta, &turn->called))
		return 0;
	return mq_wait_room(&q->gate, payload, meta, turn);
}

/* Try to send a payload once. Return the id of the message, or an error. */
static s64 mq_payload_once(struct mq_file *f, const char __user *from, u64 size,
			   struct mq_turn *turn)
{
	struct mq_entry *e;
	int err;

	err = mq_write_check(f, size);
	if (unlikely(err))
		return err;
	/* Do not drop messages for a payload that cannot be read. */
	if (unlikely(READ_ONCE(f->q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD) &&
	    fault_in_readable(from, size))
		return -EFAULT;
	e = mq_entry_new(&f->supply, size, mq_queue_kind(f->q),
			 mq_shares(f->q, size));
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (likely(!copy_from_user(mq_entry_payload(e), from, size)))
		return mq_write_send(f, e, turn);
	mq_entry_free(e);
	return -EFAULT;
}

/*
 * After a write that sent @ret bytes: wait until they are on stable storage.
 * Return @ret, or an error: then the message is in the queue, unconfirmed.
 */
ssize_t mq_write_confirm(struct mq_file *f, ssize_t ret)
{
	int err = ret > 0 ? mq_persist_confirm(f->q) : 0;

	return err ?: ret;
}

/* mq_send_payload() in the general case. */
static noinline s64 mq_payload_slow(struct mq_file *f, const char __user *from,
				    u64 size, enum mq_patient how)
{
	struct mq_turn turn = { .hurries = how == MQ_HURRIES };
	bool nowait = how != MQ_WAITS;
	s64 id;
	int err;

	err = mq_take_role(f, FMODE_WRITE);
	if (unlikely(err))
		return err;
	do {
		id = mq_payload_once(f, from, size, &turn);
		if (likely(id > 0))
			break;
		err = mq_send_wait(f, size, 0, nowait, id, &turn);
		if (err)
			id = err;
	} while (!err);
	mq_turn_end(f->q, &turn);
	return id;
}

/*
 * Allocate a plain message with a payload of @size bytes. Return NULL if there
 * is no quick way, as at the first write of a file, which is no producer yet.
 */
static __always_inline struct mq_entry *mq_plain_alloc(struct mq_file *f, u32 size)
{
	struct mq_entry *e;

	e = mq_chunk_take_quick(&f->supply, 0,
				sizeof(struct mq_msg) + ALIGN(size, 8));
	if (unlikely(!e))
		return NULL;
	mq_msg_init(mq_msg(e), size);
	if (unlikely(size & 7))
		mq_entry_pad(e);
	return e;
}

/*
 * Link a plain message, if the queue is plain and has room. Return its id, or 0
 * if it was not linked.
 */
static __always_inline u64 mq_plain_add(struct mq_queue *q, struct mq_entry *e,
					u32 size)
{
	struct mq_msg *m = mq_msg(e);
	u64 id;

	m->time_ns = ktime_get_real_ns();
	spin_lock(&q->lock);
	if (unlikely(!q->plain || q->timed || !mq_queue_fits(q, 1, size))) {
		spin_unlock(&q->lock);
		return 0;
	}
	id = q->next_id++;
	m->id = id;
	m->since = mq_ticks();
	m->state = DEVMQ_STATE_READY;
	mq_list_append(&e->all, &q->all);
	mq_list_append(&e->list, &q->ready.fifo[0]);
	if (unlikely(q->ready.levels > 1))
		__set_bit(0, q->ready.used);
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, size);
	mq_count(&q->stat.ready, 1);
	q->ready_bytes += size;
	q->stat.sent++;
	trace_mq_send(q, e);
	mq_check_locked(q);
	spin_unlock(&q->lock);
	return id;
}

/*
 * Send a plain message. Return its id, or EFAULT; or 0 if there is no quick way:
 * then nothing was done.
 */
static __always_inline s64 mq_payload_quick(struct mq_file *f,
					    const char __user *from, u64 size)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e = NULL;
	u64 id;

	if (likely(size && size <= READ_ONCE(q->plain_size)))
		e = mq_plain_alloc(f, size);
	if (unlikely(!e))
		return 0;
	if (unlikely(!mq_entry_copy_from_user(e, from, size))) {
		mq_entry_free(e);
		return -EFAULT;
	}
	id = mq_plain_add(q, e, size);
	if (unlikely(!id)) {
		mq_entry_free(e);
		return 0;
	}
	mq_wake_readers(&q->gate, 1);
	if (unlikely(atomic_read(&q->gate.blocked)))
		mq_send_wake_others(f);
	return id;
}

/**
 * mq_send_payload - send a message that has nothing but a payload
 * @f: the producer
 * @from: the payload
 * @size: its bytes
 * @how: whether to wait for room
 *
 * Return: the id of the message, or an error of mq_send() or mq_send_wait().
 */
s64 mq_send_payload(struct mq_file *f, const char __user *from, u64 size,
		    enum mq_patient how)
{
	return mq_payload_quick(f, from, size) ?:
	       mq_payload_slow(f, from, size, how);
}

/**
 * mq_send_fetch - read the argument of a SEND, if there may be a quick way
 * @ioc: the call, as mq_ioc_init() has prepared it
 *
 * Return: true if this did all that mq_ioc_begin() does, and the results can be
 * written; false: nothing was done.
 */
bool mq_send_fetch(struct mq_ioc *ioc)
{
	struct devmq_send __user *from = ioc->uarg;
	struct devmq_send *a = &ioc->arg.send;

	/* So it is open for writing, and the queue is neither a topic nor gone. */
	if (!(READ_ONCE(ioc->f->roles) & FMODE_WRITE) ||
	    !READ_ONCE(ioc->f->q->run_size) ||
	    !user_access_begin(from, sizeof(*from)))
		return false;
	unsafe_get_user(a->size, &from->size, fault);
	unsafe_get_user(a->flags, &from->flags, fault);
	unsafe_get_user(a->records, &from->records, fault);
	unsafe_get_user(a->records_size, &from->records_size, fault);
	unsafe_get_user(a->result, &from->result, fault);
	unsafe_get_user(a->last_id, &from->last_id, fault);
	unsafe_put_user(a->size, &from->size, fault);
	unsafe_put_user(a->last_id, &from->last_id, fault);
	user_access_end();
	ioc->usize = sizeof(*a);
	return a->size == sizeof(*a);
fault:
	user_access_end();
	return false;
}

/**
 * mq_send_quick - SEND of a payload, if there is a quick way
 * @ioc: the call, after mq_send_fetch()
 *
 * Return: 1, and the results are written; EFAULT; or 0: nothing was done, and the
 * general way says why.
 */
int mq_send_quick(struct mq_ioc *ioc)
{
	const struct devmq_send *a = &ioc->arg.send;
	s64 id;

	if (a->flags != DEVMQ_SEND_PAYLOAD || a->result)
		return 0;
	id = mq_payload_quick(ioc->f, u64_to_user_ptr(a->records), a->records_size);
	return likely(id > 0) ? mq_send_tell(ioc->uarg, id) : id;
}

/* write(2) with framing=record, in the general case. */
static noinline ssize_t mq_write_slow(struct mq_file *f,
				      const char __user *from, size_t size,
				      bool nowait)
{
	s64 id;

	if (!size)
		return 0;
	id = mq_payload_slow(f, from, size, nowait ? MQ_NOWAIT : MQ_WAITS);
	if (unlikely(id < 0))
		return id;
	return f->sync ? mq_write_confirm(f, size) : size;
}

/* write(2) with framing=record: send one message, whole or not at all. */
ssize_t mq_write(struct file *file, const char __user *from, size_t size,
		 loff_t *pos)
{
	struct mq_file *f = file->private_data;
	s64 id = mq_payload_quick(f, from, size);

	if (likely(id))
		return likely(id > 0) ? size : id;
	return mq_write_slow(f, from, size, file->f_flags & O_NONBLOCK);
}

/* As mq_payload_once(), from an iterator. If it fails, rewind the iterator. */
static s64 mq_write_iter_once(struct mq_file *f, struct iov_iter *from,
			      size_t size, struct mq_turn *turn)
{
	struct iov_iter begin = *from;
	struct mq_entry *e;
	s64 ret;

	ret = mq_write_check(f, size);
	if (unlikely(ret))
		return ret;
	if (READ_ONCE(f->q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD &&
	    fault_in_iov_iter_readable(from, size))
		return -EFAULT;
	e = mq_entry_new(&f->supply, size, mq_queue_kind(f->q),
			 mq_shares(f->q, size));
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (likely(copy_from_iter_full(mq_entry_payload(e), size, from))) {
		ret = mq_write_send(f, e, turn);
	} else {
		mq_entry_free(e);
		ret = -EFAULT;
	}
	if (unlikely(ret < 0))
		*from = begin;
	return ret;
}

/* As mq_write(), from an iterator: for writev(2), the kernel and io_uring. */
ssize_t mq_write_iter(struct mq_file *f, struct kiocb *iocb,
		      struct iov_iter *from)
{
	bool nowait = mq_iocb_nowait(iocb);
	size_t size = iov_iter_count(from);
	struct mq_turn turn = { .hurries = mq_iocb_hurries(iocb) };
	const char __user *plain = mq_iocb_plain(iocb, from);
	s64 id = plain ? mq_payload_quick(f, plain, size) : 0;
	int err;

	if (id > 0)
		iov_iter_advance(from, size);
	if (id)
		return id > 0 ? size : id;
	if (!size)
		return 0;
	err = mq_take_role(f, FMODE_WRITE);
	if (unlikely(err))
		return err;
	do {
		id = mq_write_iter_once(f, from, size, &turn);
		if (likely(id > 0))
			break;
		err = mq_send_wait(f, size, 0, nowait, id, &turn);
		if (err)
			id = err;
	} while (!err);
	mq_turn_end(f->q, &turn);
	return likely(id > 0) ? size : id;
}
