// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of a message's state. Each change is one function, which updates the
 * counters, fires the trace event, and runs under mq_queue.lock. None of these
 * functions sleeps or allocates, so none can fail.
 *
 *           send                take                 ack
 *	(new) -----> READY --------------> IN FLIGHT -------> (gone)
 *	   |  delay  ^  ^  ^                 |  |  |
 *	   |         |  |  +-----------------+  |  +-----> DEFERRED
 *	   |    due  |  |    release, close,    |  defer     | receive by id
 *	   |         |  |    end of lease       | retry      v
 *	   +----> DELAYED <---------------------+        IN FLIGHT
 *	                |
 *	                |   redrive
 *	              DEAD <--- too many failures, reject, expiry
 *
 * A message that is not in flight leaves the queue when it expires, or is
 * dropped, purged, or redriven to another queue. A message that dies leaves for
 * the dead-letter queue, if there is one and it has room; mq_unlock() carries
 * it there (lock.c).
 *
 * Most changes begin with mq_state_leave_locked(), after which the entry is in
 * no state, and go on under the same hold of the lock with a function that
 * expects an entry in no state.
 */
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/persist.h"
#include "queue/ids.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/trace.h"

static u64 *mq_state_counter(struct mq_queue *q, u8 state)
{
	switch (state) {
	case DEVMQ_STATE_READY:
		return &q->stat.ready;
	case DEVMQ_STATE_IN_FLIGHT:
		return &q->stat.in_flight;
	case DEVMQ_STATE_DELAYED:
		return &q->stat.delayed;
	case DEVMQ_STATE_DEFERRED:
		return &q->stat.deferred;
	case DEVMQ_STATE_RETAINED:
		return &q->stat.retained;
	default:
		return &q->stat.dead;
	}
}

/**
 * mq_state_enter_locked - put an entry into a state
 * @q: the queue
 * @e: the entry, in no state
 * @state: the state
 *
 * An entry that enters DEVMQ_STATE_IN_FLIGHT is in the hand of the caller.
 */
void mq_state_enter_locked(struct mq_queue *q, struct mq_entry *e,
			   enum devmq_state state)
{
	lockdep_assert_held(&q->lock);
	mq_msg(e)->state = state;
	mq_count(mq_state_counter(q, state), 1);
	switch (state) {
	case DEVMQ_STATE_READY:
		mq_msg(e)->since = mq_ticks();
		q->ready_bytes += mq_msg_bytes(mq_msg(e));
		mq_ready_insert(&q->ready, e);
		break;
	case DEVMQ_STATE_IN_FLIGHT:
		break;
	default:
		mq_msg(e)->since = mq_ticks();
		mq_ids_insert(&q->aside, e);
	}
	/* A flight is not written: it ends with the crash. */
	if (unlikely(q->feed.journal) && state != DEVMQ_STATE_IN_FLIGHT)
		mq_persist_changed_locked(q, e);
}

/* Take an entry out of its state, and stop its wait for a time. */
void mq_state_leave_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_count(mq_state_counter(q, mq_msg(e)->state), -1);
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_READY:
		q->ready_bytes -= mq_msg_bytes(mq_msg(e));
		mq_ready_remove(&q->ready, e);
		if (unlikely(q->order)) {
			mq_order_unready_locked(q, e);
			mq_order_drained_locked(q);
		}
		break;
	case DEVMQ_STATE_IN_FLIGHT:
		break;
	default:
		rb_erase_cached(&e->node, &q->aside);
	}
	if (unlikely(e->timed))
		mq_timer_clear_locked(q, e);
}

/*
 * Note that the room of @messages and @bytes was freed. A sender that begins to
 * wait for room only now checks for it after this change.
 */
void mq_freed_locked(struct mq_queue *q, u32 messages, u64 bytes)
{
	lockdep_assert_held(&q->lock);
	if (!q->freed) {
		q->freed = true;
		/*
		 * A poller that joins gate.writers after this check looks for
		 * room once more after it has joined.
		 */
		q->was_full = !waitqueue_active(&q->gate.writers) ||
			      mq_queue_is_full(q);
	}
	mq_count(&q->stored, -(s64)messages);
	mq_count(&q->stat.bytes, -(s64)bytes);
}

/* Remove an entry in no state from the queue, for mq_unlock() to dispose of. */
void mq_queue_unlink_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (unlikely(q->feed.journal))
		mq_persist_gone_locked(q, e);
	if (mq_is_dead_letter(e))
		mq_dead_letter_del_locked(q, e);
	mq_freed_locked(q, 1, mq_msg_bytes(mq_msg(e)));
	if (unlikely(q->order))
		mq_order_done_locked(q, e);
	list_del(&e->all);
	list_add_tail(&e->list, &q->unlinked);
}

/*
 * Purge an entry in no state, and forget its de-duplication id, so that the
 * message may be sent once more.
 */
void mq_purge_stateless_locked(struct mq_queue *q, struct mq_entry *e)
{
	q->stat.purged++;
	trace_mq_purge(q, e);
	if (unlikely(q->dedup.count))
		mq_dedup_purge_locked(q, mq_msg(e)->id);
	mq_queue_unlink_locked(q, e);
}

/* Make an entry in no state ready, in its place by id. */
void mq_ready_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_enter_locked(q, e, DEVMQ_STATE_READY);
	if (unlikely(mq_msg(e)->detail))
		mq_timer_set_locked(q, e, MQ_BOOTTIME, mq_msg(e)->detail->expires);
	if (unlikely(q->order))
		mq_order_ready_locked(q, e);
	else
		q->became_ready++;
}

static void mq_expired(struct mq_queue *q, struct mq_entry *e)
{
	trace_mq_expire(q, e);
	if (READ_ONCE(q->opt.on_expiry) == MQ_EXPIRY_DEAD) {
		mq_die_locked(q, e, DEVMQ_REASON_EXPIRED, 0);
		return;
	}
	q->stat.expired++;
	mq_queue_unlink_locked(q, e);
}

/* Expire an entry: its time to live is over. */
void mq_expire_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_expired(q, e);
}

/* Expire a dead entry that stayed in the queue for dead_ttl_ms. */
void mq_dead_expire_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	q->stat.expired++;
	trace_mq_expire(q, e);
	mq_queue_unlink_locked(q, e);
}

/*
 * Make an entry in no state ready again, or expire it if its time is over.
 */
void mq_ready_again_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (mq_has_expired(e))
		mq_expired(q, e);
	else
		mq_ready_locked(q, e);
}

/*
 * Delay an entry in no state, which has an mq_detail, until @due or until its
 * time to live ends.
 */
void mq_delay_locked(struct mq_queue *q, struct mq_entry *e,
		     enum mq_clocks clock, u64 due)
{
	if (!e->fresh && mq_has_expired(e)) {
		mq_expired(q, e);
		return;
	}
	mq_state_enter_locked(q, e, DEVMQ_STATE_DELAYED);
	if (!e->fresh)
		due = min(due, mq_msg(e)->detail->expires);
	mq_timer_set_locked(q, e, clock, due);
	trace_mq_delay(q, e);
}

/* How many jiffies a delay that ended at @when has been over @now. */
static u64 mq_ticks_late(u64 when, u64 now)
{
	return now - when < TICK_NSEC ? 0 : nsecs_to_jiffies64(now - when);
}

/*
 * End a delay: it is @now, by the clock that the message waited for. If it was the
 * first delay, the time to live of the message begins.
 */
void mq_delay_end_locked(struct mq_queue *q, struct mq_entry *e, u64 now)
{
	struct mq_detail *m = mq_msg(e)->detail;
	bool boot = e->clock == MQ_BOOTTIME;
	u64 late = boot ? mq_ticks_late(m->when, now) : 0;
	u64 due = boot ? m->when : mq_now(MQ_BOOTTIME);

	mq_state_leave_locked(q, e);
	if (e->fresh) {
		e->fresh = false;
		m->expires = mq_later(due, m->expires);
	}
	trace_mq_due(q, e);
	mq_ready_again_locked(q, e);
	if (mq_msg(e)->state != DEVMQ_STATE_READY)
		return;
	mq_msg(e)->since -= late;
	if (!mq_queue_times(q))
		mq_detail_give_up(e);
}

/**
 * mq_note_locked - replace the note of the previous failure
 * @q: the queue
 * @e: the entry, which has an mq_detail
 * @note: note of the consumer, or NULL
 *
 * A journal that has no room for the note does without: room was set aside for the end of
 * each message, but not for what consumers say of it.
 */
void mq_note_locked(struct mq_queue *q, struct mq_entry *e, struct mq_text *note)
{
	struct mq_detail *m = mq_msg(e)->detail;
	struct mq_text *old = m->note;

	if (note && unlikely(!mq_persist_fits_note(q, note)))
		note = NULL;
	m->note = mq_text_get(note);
	mq_text_put(old);
}

/* Return when a time to live of @ms that begins now ends; 0: never. */
u64 mq_expiry(u64 ms)
{
	return ms ? mq_later(mq_now(MQ_BOOTTIME), ms * NSEC_PER_MSEC) : MQ_NEVER;
}

/* Record why an entry died. */
static void mq_set_reason(struct mq_entry *e, u16 reason)
{
	struct mq_detail *m = mq_msg(e)->detail;

	m->expires = MQ_NEVER;
	m->reason = reason;
}

/**
 * mq_dead_letter_locked - move an entry to the dead-letter queue
 * @q: the queue
 * @e: the entry, in no state; it has an mq_detail, and a place from
 *	mq_place_reserve()
 * @reason: as for mq_die_locked()
 *
 * mq_unlinked_dispose() carries the entry there after the lock was dropped.
 */
void mq_dead_letter_locked(struct mq_queue *q, struct mq_entry *e, u16 reason)
{
	struct mq_queue *target = q->dead_letter;

	mq_set_reason(e, reason);
	if (!mq_msg(e)->detail->origin) {
		mq_msg(e)->detail->origin = mq_text_get(q->origin);
		mq_msg(e)->detail->origin_id = mq_msg(e)->id;
	}
	q->stat.dead_lettered++;
	trace_mq_dead_letter(q, e);
	e->leaving = true;
	mq_queue_unlink_locked(q, e);
	get_device(&target->dev);
	mq_msg(e)->target = target;
}

/**
 * mq_die_locked - let a message die
 * @q: the queue
 * @e: the entry, in no state; it has an mq_detail
 * @reason: enum devmq_reason, or the reason that a consumer gave
 * @delay: how long the message waits if it lives on
 *
 * The message goes to the dead-letter queue if there is room, and otherwise
 * stays here as dead. If max_dead messages are dead here already, the message
 * lives on: without a time to live, which may be over, and after @delay,
 * since it may fail each time.
 *
 * Return: false if the message lives on.
 */
bool mq_die_locked(struct mq_queue *q, struct mq_entry *e, u16 reason, u64 delay)
{
	lockdep_assert_held(&q->lock);
	if (q->dead_letter &&
	    mq_place_reserve(q->dead_letter, mq_msg_bytes(mq_msg(e)))) {
		mq_dead_letter_locked(q, e, reason);
		return true;
	}
	if (q->stat.dead >= READ_ONCE(q->opt.max_dead)) {
		q->stat.dead_refused++;
		mq_msg(e)->detail->expires = MQ_NEVER;
		if (delay)
			mq_delay_locked(q, e, MQ_BOOTTIME,
					mq_later(mq_now(MQ_BOOTTIME), delay));
		else
			mq_ready_locked(q, e);
		return false;
	}
	mq_set_reason(e, reason);
	if (unlikely(q->order))
		mq_order_end_locked(q, e);
	mq_state_enter_locked(q, e, DEVMQ_STATE_DEAD);
	mq_msg(e)->detail->expires = mq_expiry(READ_ONCE(q->opt.dead_ttl_ms));
	mq_timer_set_locked(q, e, MQ_BOOTTIME, mq_msg(e)->detail->expires);
	trace_mq_dead(q, e);
	return true;
}

/*
 * Reset what has happened to a message: its failures, its origin, its note, its
 * reason and its times.
 */
void mq_reset_history_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;

	lockdep_assert_held(&q->lock);
	mq_msg(e)->failures = 0;
	mq_msg(e)->failure = DEVMQ_FAILURE_NONE;
	if (!m)
		return;
	if (m->is_dead_letter)
		mq_dead_letter_del_locked(q, e);
	mq_text_put(m->origin);
	mq_text_put(m->note);
	m->origin = NULL;
	m->origin_id = 0;
	m->note = NULL;
	m->forgiven = 0;
	m->reason = DEVMQ_REASON_NONE;
	m->when = MQ_NEVER;
	m->expires = MQ_NEVER;
}

/* Purge an entry that is not in flight. */
void mq_purge_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_purge_stateless_locked(q, e);
}
