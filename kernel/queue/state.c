// SPDX-License-Identifier: GPL-2.0
/*
 * From one state to another. Each change is one function, does its counting
 * and its trace event, and runs under mq_queue.lock; none of them sleeps or
 * allocates, so none can fail.
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
 * What is not in flight goes for good when it expires, is dropped, purged or
 * redriven elsewhere. What dies where there is a dead-letter queue with room for
 * it leaves for that; mq_unlock() carries it over (lock.c).
 */
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/bounds.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/ids.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/trace.h"

static u64 *mq_counter(struct mq_queue *q, u8 state)
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
	default:
		return &q->stat.dead;
	}
}

/**
 * mq_state_enter_locked - begin to be in a state
 * @q: the queue
 * @e: an entry that is in none
 * @state: the state
 *
 * An entry that is in flight is in its handler's hand.
 */
void mq_state_enter_locked(struct mq_queue *q, struct mq_entry *e,
			   enum devmq_state state)
{
	lockdep_assert_held(&q->lock);
	mq_msg(e)->state = state;
	mq_count(mq_counter(q, state), 1);
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
}

/* Be in no state for a moment, nor wait for a time. */
void mq_state_leave_locked(struct mq_queue *q, struct mq_entry *e)
{
	lockdep_assert_held(&q->lock);
	mq_count(mq_counter(q, mq_msg(e)->state), -1);
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_READY:
		q->ready_bytes -= mq_msg_bytes(mq_msg(e));
		mq_ready_remove(&q->ready, e);
		if (unlikely(q->order)) {
			mq_order_unready_locked(q, e);
			q->drained = !q->stat.ready &&
				     READ_ONCE(q->opt.eof) != MQ_EOF_NEVER;
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
 * There is more room: that of so many messages, and of their bytes. Who begins
 * to wait for it only now looks later than this.
 */
void mq_freed_locked(struct mq_queue *q, u32 messages, u64 bytes)
{
	lockdep_assert_held(&q->lock);
	if (!q->freed) {
		q->freed = true;
		/* Sleepers look again after they have queued themselves. */
		q->was_full = !waitqueue_active(&q->gate.writers) ||
			      mq_queue_is_full(q);
	}
	mq_count(&q->stored, -(s64)messages);
	mq_count(&q->stat.bytes, -(s64)bytes);
}

/* Leave the queue for good, from no state. mq_unlock() disposes of it. */
void mq_queue_unlink_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (mq_is_dead_letter(e))
		mq_dead_letter_del_locked(q, e);
	mq_freed_locked(q, 1, mq_msg_bytes(mq_msg(e)));
	if (unlikely(q->order)) {
		mq_order_done_locked(q, e);
		mq_order_leave_locked(q, e);
	}
	list_del(&e->all);
	list_add_tail(&e->list, &q->unlinked);
}

/* It is purged, from no state: what it came with may be sent once more. */
void mq_purged_locked(struct mq_queue *q, struct mq_entry *e)
{
	q->stat.purged++;
	trace_mq_purge(q, e);
	if (unlikely(q->dedup.count))
		mq_dedup_purge_locked(q, mq_msg(e)->id);
	mq_queue_unlink_locked(q, e);
}

/* It can be delivered, in its place by id; from no state. */
void mq_ready_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_enter_locked(q, e, DEVMQ_STATE_READY);
	if (unlikely(mq_msg(e)->detail))
		mq_timer_set_locked(q, e, MQ_BOOTTIME, mq_msg(e)->detail->expires);
	if (unlikely(q->order))
		mq_order_ready_locked(q, e);
	else
		q->news++;
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

/* Its time to live is over. */
void mq_expire_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_expired(q, e);
}

/* It was dead, and kept in place, for as long as that was to be. */
void mq_dead_expire_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	q->stat.expired++;
	trace_mq_expire(q, e);
	mq_queue_unlink_locked(q, e);
}

/* It may be delivered again, from no state, if its time is not over. */
void mq_back_locked(struct mq_queue *q, struct mq_entry *e)
{
	if (mq_has_expired(e))
		mq_expired(q, e);
	else
		mq_ready_locked(q, e);
}

/* It waits until @due, or until its time is over; from no state, with more. */
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

/* It has waited long enough. Its time to live begins with its first delay's end. */
void mq_delay_over_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;
	u64 due = e->clock == MQ_BOOTTIME ? m->when : mq_now(MQ_BOOTTIME);

	mq_state_leave_locked(q, e);
	if (e->fresh) {
		e->fresh = false;
		m->expires = mq_later(due, m->expires);
	}
	trace_mq_due(q, e);
	mq_back_locked(q, e);
}

/**
 * mq_note_locked - what a consumer says of a failure takes an earlier one's place
 * @e: the entry, with more
 * @note: what it says, or NULL
 */
void mq_note_locked(struct mq_entry *e, struct mq_text *note)
{
	struct mq_detail *m = mq_msg(e)->detail;
	struct mq_text *old = m->note;

	m->note = mq_text_get(note);
	mq_text_put(old);
}

/* When what begins to live for so long now expires; 0 milliseconds: never. */
u64 mq_expiry(u64 ms)
{
	return ms ? mq_later(mq_now(MQ_BOOTTIME), ms * NSEC_PER_MSEC) : MQ_NEVER;
}

/* It is dead: say what of. */
static void mq_set_reason(struct mq_entry *e, u16 reason)
{
	struct mq_detail *m = mq_msg(e)->detail;

	m->expires = MQ_NEVER;
	m->reason = reason;
}

/**
 * mq_dead_letter_locked - a message goes to the dead-letter queue
 * @q: the queue
 * @e: the entry, in no state, with more, and with a place there that
 *	mq_place_reserve() gave
 * @reason: as for mq_die_locked()
 *
 * mq_unlinked_dispose() takes it there.
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
	mq_queue_unlink_locked(q, e);
	get_device(&target->dev);
	mq_msg(e)->target = target;
	e->leaving = true;
}

/**
 * mq_die_locked - a message dies
 * @q: the queue
 * @e: the entry, in no state, with more
 * @reason: enum devmq_reason, or what a consumer said
 * @delay: how long it waits if it lives on
 *
 * It goes to the dead-letter queue if there is room, else it stays. If there are
 * as many dead here as there may be, it lives on: without a time to live, as that
 * may be over, and not at once, as it may fail each time.
 *
 * Return: false if it lives on.
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
		mq_order_done_locked(q, e);
	mq_state_enter_locked(q, e, DEVMQ_STATE_DEAD);
	mq_msg(e)->detail->expires = mq_expiry(READ_ONCE(q->opt.dead_ttl_ms));
	mq_timer_set_locked(q, e, MQ_BOOTTIME, mq_msg(e)->detail->expires);
	trace_mq_dead(q, e);
	return true;
}

/* As if nothing had ever happened to it. */
void mq_absolve_locked(struct mq_queue *q, struct mq_entry *e)
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

/* Its owner wants it gone. */
void mq_queue_purge_locked(struct mq_queue *q, struct mq_entry *e)
{
	mq_state_leave_locked(q, e);
	mq_purged_locked(q, e);
}
