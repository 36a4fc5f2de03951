// SPDX-License-Identifier: GPL-2.0
/*
 * Admit messages to a queue: check its bounds, and make room as its overflow
 * option says.
 */
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/payer.h"
#include "memory/seen.h"
#include "queue/admit.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/due.h"
#include "queue/heard.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/trace.h"

/* Drop an entry to make room for another message. */
static int mq_overflow_drop_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	q->stat.dropped++;
	trace_mq_drop(q, e);
	mq_queue_unlink_locked(q, e);
	return 0;
}

/*
 * Give an entry the mq_detail that it needs to die. Return: false if it has
 * none and the queue has no spare one.
 */
static bool mq_overflow_detail(struct mq_queue *q, struct mq_entry *e)
{
	if (!mq_msg(e)->detail && (e->own_detail || q->spare_detail))
		mq_detail_add(e, &q->spare_detail);
	return mq_msg(e)->detail;
}

/*
 * Move an entry to the dead-letter queue to make room. The entry must have a
 * place there: if it stayed as dead in this queue, no room would be freed.
 * Return: 0, ENOSPC without a place, or EBUSY without an mq_detail: see
 * mq_overflow_prepare().
 */
static int mq_overflow_dead_letter_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (!mq_overflow_detail(q, e))
		return -EBUSY;
	if (!mq_place_reserve(q->dead_letter, mq_msg_bytes(mq_msg(e))))
		return -ENOSPC;
	mq_state_leave_locked(q, e);
	mq_dead_letter_locked(q, e, DEVMQ_REASON_OVERFLOW);
	return 0;
}

/*
 * Refill mq_queue.spare_detail before the caller tries again, after
 * mq_queue_admit_locked() returned EBUSY.
 */
void mq_overflow_prepare(struct mq_queue *q)
{
	struct mq_detail *detail;

	if (READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_DEAD_LETTER)
		return;
	detail = mq_detail_alloc();
	spin_lock(&q->lock);
	swap(q->spare_detail, detail);
	spin_unlock(&q->lock);
	mq_detail_free(detail);
}

/*
 * Return true if @messages of @bytes would fit if @fewer messages of
 * @fewer_bytes had left. If @messages is 0, a message that has a place grows by
 * @bytes.
 */
static bool mq_would_fit(const struct mq_queue *q, u64 messages, u64 bytes,
			 u64 fewer, u64 fewer_bytes)
{
	return messages ? mq_room_allows(q, q->stored - fewer + messages,
				    q->stat.bytes - fewer_bytes + bytes) :
			  q->stat.bytes - fewer_bytes + bytes <= q->room_bytes;
}

/*
 * Call @drop on the oldest ready message of the lowest priority until @messages
 * (1 or 0) of @bytes fit. Drop nothing if dropping all ready messages would not
 * be enough. Return EBUSY after a portion, since the bounds may have been
 * lowered by much, or as mq_no_room().
 */
static int mq_drop_until_fits(struct mq_queue *q, u64 messages, u64 bytes,
			      int (*drop)(struct mq_queue *q,
					  struct mq_entry *e))
{
	unsigned int n = 0;
	int err;

	if (!mq_would_fit(q, messages, bytes,
			  q->stat.ready - q->ready.dead_letter_count,
			  q->ready_bytes - q->ready.dead_letter_bytes))
		return mq_no_room(q);
	while (!mq_would_fit(q, messages, bytes, 0, 0)) {
		struct mq_entry *e = mq_ready_lowest(&q->ready);

		if (WARN_ON_ONCE(!e))
			return -ENOSPC;
		if (n++ == MQ_PORTION)
			return -EBUSY;
		err = drop(q, e);
		if (err)
			return err;
	}
	return 0;
}

/* Do what the overflow option says: @messages (1 or 0) of @bytes do not fit. */
static int mq_overflow(struct mq_queue *q, u64 messages, u64 bytes)
{
	switch (READ_ONCE(q->opt.overflow)) {
	case MQ_OVERFLOW_DEAD_LETTER:
		if (!q->dead_letter)
			return -ENOSPC;
		return mq_drop_until_fits(q, messages, bytes,
					  mq_overflow_dead_letter_locked);
	case MQ_OVERFLOW_DROP_HEAD:
		return mq_drop_until_fits(q, messages, bytes, mq_overflow_drop_locked);
	case MQ_OVERFLOW_REJECT:
		return -ENOSPC;
	default:
		return -EAGAIN;
	}
}

/*
 * Check whether the journal takes a message of @bytes, and drop messages to make
 * room there if the overflow option says so. Return 0, EIO, EMSGSIZE, or an
 * error of mq_overflow().
 */
int mq_persist_room_locked(struct mq_queue *q, u64 bytes)
{
	unsigned int n;
	int err;

	for (n = 0; n < MQ_PORTION; n++) {
		struct mq_entry *e = mq_ready_lowest(&q->ready);

		err = mq_heard_admit_locked(q, bytes);
		if (err != -ENOSPC)
			return err;
		if (READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_DROP_HEAD || !e) {
			mq_heard_full_locked(q);
			return mq_overflow(q, 1, bytes);
		}
		mq_overflow_drop_locked(q, e);
	}
	return -EBUSY;
}

/**
 * mq_queue_admit_locked - check whether a message may be added now
 * @q: the queue
 * @msg: the message
 *
 * Drops other messages to make room if the overflow option says so.
 *
 * Return: 0, ENODEV, EMSGSIZE, ENOSPC, EIO if the journal has failed, EAGAIN if
 * the sender has to wait, or EBUSY if more messages have to be dropped: the caller
 * drops the lock, calls mq_overflow_prepare() and tries again.
 */
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg)
{
	u64 bytes = mq_msg_bytes(msg);

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
		return -EAGAIN;
	/* The bounds may have been lowered since the size was checked. */
	if (!mq_size_ok(q, mq_msg_size(msg), bytes - mq_msg_size(msg)))
		return -EMSGSIZE;
	if (unlikely(q->feed.journal)) {
		int err = mq_persist_room_locked(q, bytes);

		if (err)
			return err;
	}
	if (likely(mq_queue_fits(q, 1, bytes)))
		return 0;
	return mq_overflow(q, 1, bytes);
}

/**
 * mq_queue_grow_locked - check whether an unfinished line may grow
 * @q: the queue
 * @before: bytes that are reserved for the line, 0: it has no place yet
 * @size: bytes that the line needs, more than @before
 *
 * Return: as mq_queue_admit_locked().
 */
int mq_queue_grow_locked(struct mq_queue *q, u64 before, u64 size)
{
	u64 messages = before ? 0 : 1;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	if (mq_paused(q, MQ_PAUSED_SEND))
		return -EAGAIN;
	if (!mq_size_ok(q, size, 0))
		return -EMSGSIZE;
	if (unlikely(q->feed.journal)) {
		int err = mq_persist_room_locked(q, size);

		if (err)
			return err;
	}
	if (mq_would_fit(q, messages, size - before, 0, 0))
		return 0;
	return mq_overflow(q, messages, size - before);
}

/**
 * mq_queue_reserve - reserve a place for a message that is moved to a queue
 * @q: the queue that the message is moved to
 * @msg: the message
 *
 * Neither waits for room nor drops other messages.
 *
 * Return: 0, ENODEV, EMSGSIZE, or ENOSPC.
 */
int mq_queue_reserve(struct mq_queue *q, const struct mq_msg *msg)
{
	u64 bytes = mq_msg_bytes(msg);
	int err = 0;

	mq_lock(q);
	if (q->gone) {
		err = -ENODEV;
	} else if (!mq_size_ok(q, mq_msg_size(msg), bytes - mq_msg_size(msg))) {
		err = -EMSGSIZE;
	} else if (mq_paused(q, MQ_PAUSED_SEND) ||
		   !mq_would_fit(q, 1, bytes, 0, 0)) {
		err = -ENOSPC;
	} else {
		q->reserved++;
		q->reserved_bytes += bytes;
		mq_queue_update_room_locked(q);
	}
	mq_unlock(q);
	return err;
}

/* Give back a place that mq_queue_reserve() reserved and that is not needed. */
void mq_queue_unreserve(struct mq_queue *q, const struct mq_msg *msg)
{
	mq_lock(q);
	mq_freed_locked(q, 0, 0);
	mq_queue_unreserve_locked(q, msg);
	mq_unlock(q);
}

/* Return the time of the instant by CLOCK_BOOTTIME, which is read when it is needed. */
static u64 mq_instant_boot(struct mq_instant *now)
{
	if (!now->boot)
		now->boot = mq_now(MQ_BOOTTIME);
	return now->boot;
}

/*
 * Start the delay and the time to live of a new entry, as its sender or else
 * the queue set them.
 */
static void mq_times_begin(struct mq_queue *q, struct mq_entry *e,
			   struct mq_instant *now)
{
	struct mq_detail *m = mq_msg(e)->detail;
	u64 ttl = m->expires ?: READ_ONCE(q->opt.ttl_ms) * NSEC_PER_MSEC;
	u64 delay = m->when ?: READ_ONCE(q->opt.delay_ms) * NSEC_PER_MSEC;
	bool at = e->clock == MQ_REALTIME;

	m->expires = ttl ?: MQ_NEVER;
	if (at ? m->when > mq_now(MQ_REALTIME) : delay) {
		e->fresh = true;
		mq_delay_locked(q, e, e->clock,
				at ? m->when : mq_later(mq_instant_boot(now), delay));
		return;
	}
	e->clock = MQ_BOOTTIME;
	if (ttl && ttl != MQ_NEVER)
		m->expires = mq_later(mq_instant_boot(now), ttl);
	mq_ready_locked(q, e);
}

/* Give an entry its time and its id. */
static void mq_entry_number(struct mq_queue *q, struct mq_entry *e,
			    const struct mq_instant *now)
{
	mq_msg(e)->time_ns = now->real;
	mq_msg(e)->id = q->next_id++;
	mq_msg(e)->holder = NULL;
	mq_list_append(&e->all, &q->all);
}

/* Add a message @now, and give it its id. */
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e,
			 struct mq_instant *now)
{
	struct mq_seen *seen = mq_msg(e)->seen;

	lockdep_assert_held(&q->lock);
	mq_entry_number(q, e, now);
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(mq_msg(e)));
	q->stat.sent++;
	if (unlikely(q->feed.journal))
		mq_persist_add_locked(q, e);
	trace_mq_send(q, e);
	if (unlikely(seen) && mq_dedup_add_locked(q, seen, mq_msg(e)->id))
		mq_timers_arm_locked(q);
	if (unlikely(q->order))
		mq_order_join_locked(q, e);
	if (unlikely(mq_msg(e)->detail))
		mq_times_begin(q, e, now);
	else
		mq_ready_locked(q, e);
}

/**
 * mq_queue_can_add_batch_locked - check whether a batch can be added as a whole
 * @q: the queue
 * @b: the batch, whose messages are plain, or all of them have a delay alone
 *
 * Return: true if each message would become ready behind the others of its
 * level, now or after its delay, there is room for all of them, here and in the
 * journal, the options require no other check, and sending is not traced.
 */
bool mq_queue_can_add_batch_locked(struct mq_queue *q, const struct mq_batch *b)
{
	lockdep_assert_held(&q->lock);
	return q->runs && mq_queue_fits(q, b->count, b->bytes) &&
	       !trace_mq_send_enabled() &&
	       (likely(!q->feed.journal) ||
		mq_heard_admits_batch_locked(q, b->count, b->bytes));
}

/*
 * Give the messages of a batch their ids, and link them into mq_queue.all. @run: the
 * queue has a journal.
 */
static __always_inline void mq_batch_link_locked(struct mq_queue *q,
						 struct mq_batch *b, u64 now,
						 struct mq_persist_run *run)
{
	struct list_head *last = q->all.prev;
	u64 id = q->next_id, since = mq_ticks();
	struct mq_entry *e;

	list_for_each_entry(e, &b->list, list) {
		struct mq_msg *m = mq_msg(e);

		m->time_ns = now;
		m->id = id++;
		m->since = since;
		m->state = DEVMQ_STATE_READY;
		last->next = &e->all;
		e->all.prev = last;
		last = &e->all;
		if (run)
			mq_persist_run_add_locked(run, q->feed.journal, m);
	}
	last->next = &q->all;
	q->all.prev = last;
	q->next_id = id;
}

static noinline void mq_batch_link_durable_locked(struct mq_queue *q,
						  struct mq_batch *b, u64 now)
{
	struct mq_persist_run run;

	mq_persist_run_begin_locked(q, &run);
	mq_batch_link_locked(q, b, now, &run);
	mq_persist_run_end_locked(q, &run);
}

static noinline void mq_batch_link_delayed_locked(struct mq_queue *q,
						  struct mq_batch *b,
						  struct mq_instant *now)
{
	struct mq_entry *e, *next;

	list_for_each_entry_safe(e, next, &b->list, list) {
		mq_entry_number(q, e, now);
		mq_times_begin(q, e, now);
	}
	INIT_LIST_HEAD(&b->list);
}

/* Add a batch @now after mq_queue_can_add_batch_locked() returned true. */
void mq_queue_add_batch_locked(struct mq_queue *q, struct mq_batch *b,
			       struct mq_instant *now)
{
	lockdep_assert_held(&q->lock);
	mq_count(&q->stored, b->count);
	q->stat.sent += b->count;
	mq_count(&q->stat.bytes, b->bytes);
	if (unlikely(b->delayed)) {
		mq_batch_link_delayed_locked(q, b, now);
		return;
	}
	if (unlikely(q->feed.journal))
		mq_batch_link_durable_locked(q, b, now->real);
	else
		mq_batch_link_locked(q, b, now->real, NULL);
	if (unlikely(q->order))
		mq_order_ready_all_locked(q, &b->list);
	else
		q->became_ready += b->count;
	mq_ready_append(&q->ready, &b->list);
	mq_count(&q->stat.ready, b->count);
	q->ready_bytes += b->bytes;
}

/* Return how many bytes of memory it frees to drop an entry. */
static u64 mq_overflow_frees(const struct mq_entry *e)
{
	return sizeof(*e) + mq_msg_padded_size(mq_msg(e));
}

/*
 * Return true if mq_queue_drop_oldest() would come to another user's message before it has
 * freed @cost bytes of @user's. This looks at a portion of the lowest level at most; of
 * messages that have come back to the queue, at the first one.
 */
static bool mq_others_stand_first(struct mq_queue *q, const struct mq_user *user, u64 cost)
{
	struct mq_entry *e = mq_ready_lowest(&q->ready);
	struct list_head *fifo;
	unsigned int n = 0;
	u64 bytes = 0;

	if (!e || mq_chunk_of(e)->payer->user != user)
		return e;
	fifo = mq_ready_fifo(&q->ready, mq_msg(e)->priority);
	if (e->returned)
		bytes = mq_overflow_frees(e);
	if (!fifo)
		return false;
	list_for_each_entry(e, fifo, list) {
		if (bytes >= cost || n++ == MQ_PORTION)
			break;
		if (mq_chunk_of(e)->payer->user != user)
			return true;
		bytes += mq_overflow_frees(e);
	}
	return false;
}

/**
 * mq_queue_droppable - estimate whether memory can be freed by dropping ready messages
 * @q: the queue
 * @user: whose memory it has to be, or NULL
 * @cost: how many bytes
 *
 * Return: true if mq_queue_drop_oldest() can be expected to free as much.
 */
bool mq_queue_droppable(struct mq_queue *q, const struct mq_user *user, u64 cost)
{
	bool enough;

	mq_lock_current(q);
	/* As if all of them were plain. */
	enough = (q->stat.ready - q->ready.dead_letter_count) *
		 (sizeof(struct mq_entry) + sizeof(struct mq_msg)) +
		 q->ready_bytes - q->ready.dead_letter_bytes >= cost;
	if (enough && user)
		enough = !mq_others_stand_first(q, user, cost);
	mq_unlock(q);
	return enough;
}

/*
 * Drop the oldest ready message of the lowest priority to free memory; only if that is
 * memory of @user, unless that is NULL. Return: the bytes that it took, 0 if none was
 * dropped.
 */
u64 mq_queue_drop_oldest(struct mq_queue *q, const struct mq_user *user)
{
	struct mq_entry *e;
	u64 bytes = 0;

	mq_lock(q);
	e = q->gone ? NULL : mq_ready_lowest(&q->ready);
	if (e && (!user || mq_chunk_of(e)->payer->user == user)) {
		bytes = mq_overflow_frees(e);
		mq_overflow_drop_locked(q, e);
	}
	mq_unlock(q);
	return bytes;
}
