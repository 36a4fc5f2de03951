// SPDX-License-Identifier: GPL-2.0
/*
 * Room that is promised to a message of a topic. The message goes to several
 * queues, to all of them or to none. So each of them promises room first, under
 * its own lock, and none can go back on that: the message is linked in all of
 * them, or the promises are given back.
 *
 * A promise is short: the sender holds the topic's turn, and neither sleeps nor
 * allocates before it is redeemed or given back. Promised room is reserved, as
 * that of an unfinished line is (mq_queue.reserved), so others who look for room
 * need not know of it.
 */
#include <linux/devmq.h>

#include "memory/entry.h"
#include "memory/message.h"
#include "queue/admit.h"
#include "queue/bounds.h"
#include "queue/dedup.h"
#include "queue/look.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/promise.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/trace.h"

/* Reserve a place for a message of @bytes. */
void mq_promise_keep_locked(struct mq_queue *q, u64 bytes)
{
	lockdep_assert_held(&q->lock);
	q->promised++;
	q->reserved++;
	q->reserved_bytes += bytes;
	if (unlikely(q->feed.journal))
		mq_persist_hold_locked(q, 0, bytes);
	mq_queue_update_room_locked(q);
}

/*
 * Give a reserved place back. A caller that does not fill it at once also calls
 * mq_freed_locked(), so that others are told.
 */
void mq_promise_drop_locked(struct mq_queue *q, u64 bytes)
{
	lockdep_assert_held(&q->lock);
	q->promised--;
	q->reserved--;
	q->reserved_bytes -= bytes;
	if (unlikely(q->feed.journal))
		mq_persist_hold_locked(q, bytes, 0);
	mq_queue_update_room_locked(q);
}

/* Return the id of the message that came first with the same id, or 0. */
static u64 mq_promise_first(struct mq_queue *q, const struct mq_entry *e)
{
	if (likely(!mq_msg(e)->seen) || !READ_ONCE(q->opt.dedup_window_ms))
		return 0;
	return mq_dedup_find_locked(q, mq_msg(e)->seen);
}

/*
 * Return true if there would be room for a message if all ready messages were
 * dropped, as overflow=drop-head does when the promise is redeemed.
 */
static bool mq_promise_droppable(const struct mq_queue *q, u64 bytes)
{
	u64 fewer = q->stat.ready - q->ready.dead_letter_count;
	u64 fewer_bytes = q->ready_bytes - q->ready.dead_letter_bytes;

	return mq_room_allows(q, q->stored - fewer + 1,
			      q->stat.bytes - fewer_bytes + bytes);
}

/* There is no room: return 0 if the overflow option makes some, or an error. */
static int mq_promise_overflow(struct mq_queue *q, struct mq_entry *e)
{
	switch (READ_ONCE(q->opt.overflow)) {
	case MQ_OVERFLOW_DROP_HEAD:
		return mq_promise_droppable(q, mq_msg_bytes(mq_msg(e))) ?
		       0 : mq_no_room(q);
	case MQ_OVERFLOW_DEAD_LETTER:
		/* What moves to the dead-letter queue is not lost. */
		return mq_queue_admit_locked(q, mq_msg(e));
	case MQ_OVERFLOW_REJECT:
		return -ENOSPC;
	default:
		return -EAGAIN;
	}
}

/**
 * mq_promise_locked - promise room to a message
 * @q: the queue
 * @e: the entry that is to be linked there
 * @force: there is room in any case, and the queue is not paused
 *
 * Room is promised in the queue's journal, too. If that is full, overflow=drop-head
 * drops at once what makes room there.
 *
 * Return: 0, there is a promise; MQ_PROMISE_DUPLICATE, the message needs no room,
 * as it is a duplicate; or ENODEV, EAGAIN, ENOSPC, EMSGSIZE, EIO, or EBUSY as from
 * mq_queue_admit_locked().
 */
int mq_promise_locked(struct mq_queue *q, struct mq_entry *e, bool force)
{
	u64 bytes = mq_msg_bytes(mq_msg(e));
	int err;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	if (unlikely(mq_promise_first(q, e)))
		return MQ_PROMISE_DUPLICATE;
	if (!force) {
		if (unlikely(mq_paused(q, MQ_PAUSED_SEND)))
			return -EAGAIN;
		/* Binding saw to that, but for a journal, and so does who sets an option. */
		if (unlikely(!mq_size_ok(q, mq_entry_size(e),
					 bytes - mq_entry_size(e))))
			return -EMSGSIZE;
		if (unlikely(q->feed.journal)) {
			err = mq_persist_room_locked(q, bytes);
			if (err)
				return err;
		}
		err = likely(mq_queue_fits(q, 1, bytes)) ?
		      0 : mq_promise_overflow(q, e);
		if (unlikely(err))
			return err;
	}
	mq_promise_keep_locked(q, bytes);
	return 0;
}

/* Count a message that is a duplicate, and is not linked. */
void mq_promise_duplicate_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	q->stat.deduplicated++;
	trace_mq_dedup(q, e);
}

/**
 * mq_promise_redeem_locked - link a message to which room is promised
 * @q: the queue
 * @e: the entry
 * @now: the time, CLOCK_REALTIME
 * @spare: how many messages may still be dropped in this hold of the lock, if the
 *	queue drops some to make room. When there are none left, the queue exceeds
 *	its bounds, until somebody sends to it
 *
 * This cannot fail. Return: false if the message is not linked, and still the
 * caller's: it has become a duplicate meanwhile, or the queue was removed by force,
 * with all that it stored.
 */
bool mq_promise_redeem_locked(struct mq_queue *q, struct mq_entry *e, u64 now,
			      u64 *spare)
{
	struct mq_instant at = { .real = now };
	u64 before = q->stat.dropped;

	mq_promise_drop_locked(q, mq_msg_bytes(mq_msg(e)));
	/* An earlier one of the same batch may have the same id. */
	if (unlikely(q->gone || mq_promise_first(q, e))) {
		if (!q->gone)
			mq_promise_duplicate_locked(q, e);
		mq_freed_locked(q, 0, 0);
		return false;
	}
	if (unlikely(READ_ONCE(q->opt.overflow) == MQ_OVERFLOW_DROP_HEAD) && *spare) {
		mq_queue_admit_locked(q, mq_msg(e));
		*spare -= min(*spare, q->stat.dropped - before);
	}
	mq_queue_add_locked(q, e, &at);
	if (unlikely(q->feed.journal))
		mq_persist_linked_locked(q, e);
	return true;
}

/* Promise room to @count messages of @bytes in all, or take the promise back. */
static void mq_promise_change(struct mq_queue *q, s64 count, s64 bytes)
{
	q->promised += count;
	q->reserved += count;
	q->reserved_bytes += bytes;
	mq_queue_update_room_locked(q);
}

/**
 * mq_promise_together_locked - promise room to several messages at once
 * @q: the queue
 * @count: how many there are, which have neither times nor de-duplication ids
 * @bytes: what they count towards max_bytes
 *
 * Return: false if each of them has to be asked for: mq_promise_locked().
 */
bool mq_promise_together_locked(struct mq_queue *q, u32 count, u64 bytes)
{
	lockdep_assert_held(&q->lock);
	if (unlikely(!q->plain || !mq_queue_fits(q, count, bytes)))
		return false;
	mq_promise_change(q, count, bytes);
	return true;
}

/**
 * mq_promise_redeem_together_locked - link several messages at once
 * @q: the queue
 * @b: the messages, as for mq_promise_together_locked(), each with a promise
 * @now: the time, CLOCK_REALTIME
 *
 * Return: false if nothing was done, and each of them has to be linked by itself:
 * mq_promise_redeem_locked().
 */
bool mq_promise_redeem_together_locked(struct mq_queue *q, struct mq_batch *b, u64 now)
{
	struct mq_instant at = { .real = now };

	lockdep_assert_held(&q->lock);
	if (unlikely(!q->plain))
		return false;
	mq_promise_change(q, -(s64)b->count, -(s64)b->bytes);
	if (unlikely(!mq_queue_can_add_batch_locked(q, b))) {
		mq_promise_change(q, b->count, b->bytes);
		return false;
	}
	mq_queue_add_batch_locked(q, b, &at);
	return true;
}
