// SPDX-License-Identifier: GPL-2.0
/*
 * Deliveries: how a message is handed out, and the ways in which its delivery
 * ends. As in state.c, each change is one function, runs under mq_queue.lock
 * and cannot fail.
 *
 * A message in flight is either held by an open file (mq_file.held), where it
 * can be settled and its lease can expire, or in the hand of the thread that
 * copies it out, where no other thread changes it. The functions that end a
 * delivery expect the entry in hand.
 */
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/ages.h"
#include "queue/alone.h"
#include "queue/ceiling.h"
#include "queue/clock.h"
#include "queue/delivery.h"
#include "queue/persist.h"
#include "queue/held.h"
#include "queue/ids.h"
#include "queue/look.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/state.h"
#include "queue/tell.h"
#include "queue/trace.h"

/* Return what a receive gets if no message can be delivered. */
static struct mq_entry *mq_no_message(struct mq_queue *q)
{
	/* Ready messages wait behind others of their key: not the end. */
	if (unlikely(q->stat.ready))
		return ERR_PTR(-EAGAIN);
	switch (READ_ONCE(q->opt.eof)) {
	case MQ_EOF_EMPTY:
		return NULL;
	case MQ_EOF_HANGUP:
		return q->stat.producers ? ERR_PTR(-EAGAIN) : NULL;
	default:
		return ERR_PTR(-EAGAIN);
	}
}

/**
 * mq_delivery_check_locked - check whether a consumer may receive now
 * @q: the queue
 * @f: the consumer
 *
 * Return: 0, ENODEV, EAGAIN, EBUSY or EINTR, as mq_delivery_next_locked().
 */
int mq_delivery_check_locked(struct mq_queue *q, struct mq_file *f)
{
	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	/* A task that is being killed would take the message for nothing. */
	if (unlikely(fatal_signal_pending(current)))
		return -EINTR;
	if (unlikely(mq_paused(q, MQ_PAUSED_RECEIVE)))
		return -EAGAIN;
	if (unlikely(!mq_has_credit(f)))
		return -EBUSY;
	return 0;
}

/**
 * mq_delivery_next_locked - find the next message for a consumer
 * @q: the queue
 * @f: the consumer
 *
 * Return: the entry, which is still ready; NULL at end of file; or an ERR_PTR:
 * ENODEV; EAGAIN if there is no message, or if mq_has_due() and what is due has
 * to be done first; EINPROGRESS if the message may be had after mq_persist_unbar();
 * EBUSY if the consumer has no credit, because it holds as many deliveries as it
 * may, or the next message is handed out alone, or another consumer is active;
 * EINTR if the caller is being killed.
 */
struct mq_entry *mq_delivery_next_locked(struct mq_queue *q, struct mq_file *f)
{
	int err = mq_delivery_check_locked(q, f);
	struct mq_entry *e;

	if (err)
		return ERR_PTR(err);
	e = likely(!q->order) ? mq_ready_first(&q->ready) : mq_order_first(q);
	if (e ? mq_has_expired(e) : mq_has_due(q))
		return ERR_PTR(-EAGAIN);
	if (unlikely(e && q->feed.journal) && mq_persist_bars_locked(q, e))
		return ERR_PTR(-EINPROGRESS);
	if (unlikely(e && mq_must_be_alone(q, e)) && f->held_count) {
		mq_credit_take_locked(f, MQ_NEXT_IS_ALONE);
		return ERR_PTR(-EBUSY);
	}
	return e ?: mq_no_message(q);
}

/**
 * mq_delivery_deferred_locked - find a deferred message
 * @q: the queue
 * @f: the consumer that receives it
 * @id: id of the message
 *
 * Return: the entry, or an ERR_PTR: ENOENT if no message with this id is
 * deferred, or as mq_delivery_next_locked().
 */
struct mq_entry *mq_delivery_deferred_locked(struct mq_queue *q,
					     struct mq_file *f, u64 id)
{
	struct mq_entry *e;
	int err;

	/*
	 * That the next message is handed out alone does not concern this call.
	 * Waiters that want the next message look again, and set
	 * MQ_NEXT_IS_ALONE again.
	 */
	if (unlikely(f->no_credit == MQ_NEXT_IS_ALONE))
		mq_credit_restore_locked(f);
	err = mq_delivery_check_locked(q, f);
	if (err)
		return ERR_PTR(err);
	e = mq_ids_after(&q->aside, id - 1);
	if (!e || mq_msg(e)->id != id ||
	    mq_msg(e)->state != DEVMQ_STATE_DEFERRED || mq_has_expired(e))
		return ERR_PTR(-ENOENT);
	if (mq_must_be_alone(q, e) && f->held_count)
		return ERR_PTR(-EBUSY);
	if (unlikely(q->feed.journal) && mq_persist_bars_locked(q, e))
		return ERR_PTR(-EINPROGRESS);
	return e;
}

/* Start the lease of a delivery, if its consumer has one. */
static void mq_lease_begin(struct mq_file *f, struct mq_entry *e)
{
	e->clock = MQ_BOOTTIME;
	mq_msg(e)->detail->when = !f->lease_ns ? MQ_NEVER :
			mq_later(mq_now(MQ_BOOTTIME), f->lease_ns);
}

/**
 * mq_delivery_lease - make sure that the lease of a delivery can expire
 * @f: the consumer
 * @e: the entry, which was just handed out and is in hand
 *
 * Gives the entry an mq_detail if the consumer has a lease and the entry has no
 * mq_detail. The caller does not hold the lock.
 */
void mq_delivery_lease(struct mq_file *f, struct mq_entry *e)
{
	struct mq_detail *detail;

	if (likely(!READ_ONCE(f->lease_ns) || mq_msg(e)->detail))
		return;
	detail = e->own_detail ? NULL : mq_detail_alloc();
	/* PEEK may read the entry at the same time. */
	spin_lock(&f->q->lock);
	mq_detail_add(e, &detail);
	mq_lease_begin(f, e);
	spin_unlock(&f->q->lock);
}

/* Hand out an entry: it is in flight, and in the hand of the caller. */
void mq_delivery_begin_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);
	struct mq_queue *q = f->q;

	if (unlikely(m->state == DEVMQ_STATE_DEFERRED))
		e->deferred = true;
	if (unlikely(q->order))
		mq_order_begin_locked(q, e);
	mq_state_leave_locked(q, e);
	mq_state_enter_locked(q, e, DEVMQ_STATE_IN_FLIGHT);
	m->holder = NULL;
	m->since_ns = 0;
	if (unlikely(m->detail))
		mq_lease_begin(f, e);
	if (mq_must_be_alone(q, e))
		mq_credit_take_locked(f, MQ_HOLDS_ALONE);
	q->stat.delivered++;
	if (m->attempt++)
		q->stat.redelivered++;
	mq_count(&f->held_count, 1);
	trace_mq_deliver(q, e);
}

/*
 * Hold the entries at the beginning of @batch, up to the first that has an
 * mq_detail or whose id is not in order. Remove them from @batch.
 */
static void mq_held_add_run(struct mq_file *f, struct list_head *batch)
{
	u64 now = mq_now(MQ_BOOTTIME), last_id = 0;
	struct mq_held *h = &f->held;
	struct mq_entry *e;
	LIST_HEAD(run);
	u32 n = 0;

	if (!list_empty(&h->run))
		last_id = mq_last_id(&h->run);
	list_for_each_entry(e, batch, list) {
		struct mq_msg *m = mq_msg(e);

		if (unlikely(m->id < last_id || m->detail))
			break;
		last_id = m->id;
		m->holder = f;
		m->since_ns = now;
		e->hold = MQ_IN_RUN;
		n++;
	}
	list_cut_position(&run, batch, e->list.prev);
	list_splice_tail(&run, &h->run);
	h->count += n;
	if (n)
		mq_ages_add(&f->q->hold_ages, now, n);
	while (unlikely(h->count > MQ_HELD_LIST_MAX))
		mq_held_to_tree(h);
}

/* Hold all entries of a batch, which were handed out as records. */
void mq_delivery_hold_batch_locked(struct mq_file *f, struct list_head *batch)
{
	struct mq_entry *e, *next;

	lockdep_assert_held(&f->q->lock);
	mq_held_add_run(f, batch);
	list_for_each_entry_safe(e, next, batch, list) {
		list_del(&e->list);
		mq_delivery_hold_locked(f, e);
	}
	INIT_LIST_HEAD(batch);
}

/* Let a consumer hold a delivery in hand, so that it can be settled. */
void mq_delivery_hold_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);

	lockdep_assert_held(&f->q->lock);
	if (!m->holder || !m->since_ns) {
		m->holder = f;
		m->since_ns = mq_now(MQ_BOOTTIME);
	}
	mq_ages_add(&f->q->hold_ages, m->since_ns, 1);
	mq_held_add(&f->held, e);
	if (unlikely(m->detail) && !f->q->gone)
		mq_timer_set_locked(f->q, e, MQ_BOOTTIME, m->detail->when);
}

/* Take a delivery that is held into the hand of the caller. */
void mq_delivery_unhold_locked(struct mq_file *f, struct mq_entry *e)
{
	lockdep_assert_held(&f->q->lock);
	mq_held_del(&f->held, e);
	mq_ages_del(&f->q->hold_ages, mq_msg(e)->since_ns, 1);
	if (unlikely(e->timed))
		mq_timer_clear_locked(f->q, e);
	if (f->partial == e)
		WRITE_ONCE(f->partial, NULL);
}

/* End the delivery of an entry in hand, and leave the entry in no state. */
static void mq_delivery_end(struct mq_file *f, struct mq_entry *e)
{
	mq_state_leave_locked(f->q, e);
	mq_count(&f->held_count, -1);
	mq_msg(e)->holder = NULL;
	e->deferred = false;
	if (unlikely(f->no_credit))
		mq_credit_restore_locked(f);
}

/*
 * Count @n deliveries as acknowledged. The caller has removed their entries
 * from all lists and trees of the queue.
 */
void mq_delivery_count_acked_locked(struct mq_file *f, u32 n, u64 bytes)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	q->stat.acked += n;
	mq_count(&q->stat.in_flight, -(s64)n);
	mq_count(&f->held_count, -(s64)n);
	if (unlikely(f->no_credit))
		mq_credit_restore_locked(f);
	mq_freed_locked(q, n, bytes);
}

/**
 * struct mq_acked - messages that were acknowledged together
 * @n: number of messages
 * @bytes: what they count towards max_bytes
 * @rare: a message has an mq_detail
 */
struct mq_acked {
	u32	n;
	u64	bytes;
	bool	rare;
};

/*
 * Unlink the first entries of a list from mq_queue.all and from all else of the
 * queue, but not from the list: entries with an id up to @last_id, @max at
 * most. Entries that are adjacent in mq_queue.all too, as they usually are, are
 * unlinked at once; so are those that were @held together, as they have the same
 * time in mq_queue.hold_ages. Return: link of the last of these entries.
 */
static __always_inline struct list_head *
mq_unlink_acked(struct mq_queue *q, struct list_head *list, u64 last_id, u32 max,
		bool held, struct mq_acked *done)
{
	struct list_head *first = NULL, *last = NULL;
	u64 bytes = 0, since = 0;
	struct mq_entry *e;
	u32 n = 0, old = 0;

	list_for_each_entry(e, list, list) {
		const struct mq_msg *m = mq_msg(e);

		if (n == max || m->id > last_id)
			break;
		bytes += mq_msg_bytes(m);
		if (unlikely(m->detail)) {
			done->rare = true;
			if (e->timed)
				mq_timer_clear_locked(q, e);
			if (m->detail->is_dead_letter)
				mq_dead_letter_del_locked(q, e);
			if (unlikely(q->feed.journal))
				mq_persist_gone_locked(q, e);
		}
		trace_mq_ack(q, e);
		if (held && unlikely(m->since_ns != since)) {
			if (n > old)
				mq_ages_del(&q->hold_ages, since, n - old);
			since = m->since_ns;
			old = n;
		}
		n++;
		if (unlikely(e->all.prev != last)) {
			if (first)
				__list_del(first->prev, last->next);
			first = &e->all;
		}
		last = &e->all;
	}
	if (likely(n)) {
		__list_del(first->prev, last->next);
		if (held)
			mq_ages_del(&q->hold_ages, since, n - old);
	}
	done->n = n;
	done->bytes = bytes;
	return e->list.prev;
}

/*
 * Acknowledge all entries of a batch in hand. The caller drops the lock and
 * frees them with mq_entries_free_plain(). Return: @rare for that function.
 */
bool mq_delivery_ack_batch_locked(struct mq_file *f, struct list_head *batch)
{
	struct mq_queue *q = f->q;
	struct mq_acked done = {};

	lockdep_assert_held(&q->lock);
	if (unlikely(q->order))
		mq_order_end_all_locked(q, batch);
	mq_unlink_acked(q, batch, U64_MAX, U32_MAX, false, &done);
	mq_delivery_count_acked_locked(f, done.n, done.bytes);
	return done.rare;
}

/**
 * mq_delivery_ack_held_locked - acknowledge the oldest deliveries of a consumer
 * @f: the consumer
 * @first_id: do nothing if the oldest delivery has a smaller id
 * @last_id: acknowledge up to this id
 * @max: acknowledge no more than this
 * @batch: gets the entries; the caller frees them without the lock
 * @rare: gets @rare for mq_entries_free_plain()
 *
 * Return: how many were acknowledged. The caller has to search for the others
 * one by one.
 */
u32 mq_delivery_ack_held_locked(struct mq_file *f, u64 first_id, u64 last_id,
				u32 max, struct list_head *batch, bool *rare)
{
	struct mq_acked done = {};
	struct mq_held *h = &f->held;
	struct mq_queue *q = f->q;
	struct list_head *last;

	lockdep_assert_held(&q->lock);
	if (f->partial || list_empty(&h->run) || mq_has_due(q) ||
	    !RB_EMPTY_ROOT(&h->tree.rb_root) || mq_first_id(&h->run) < first_id)
		return 0;
	last = mq_unlink_acked(q, &h->run, last_id, max, true, &done);
	if (!done.n)
		return 0;
	list_cut_position(batch, &h->run, last);
	if (unlikely(q->order))
		mq_order_end_all_locked(q, batch);
	h->count -= done.n;
	mq_delivery_count_acked_locked(f, done.n, done.bytes);
	*rare = done.rare;
	return done.n;
}

/* Acknowledge a delivery in hand. The caller frees it without the lock. */
void mq_delivery_ack_keep_locked(struct mq_file *f, struct mq_entry *e)
{
	mq_delivery_ack_locked(f, e);
	list_del(&e->list);
}

/* Acknowledge a delivery in hand. */
void mq_delivery_ack_locked(struct mq_file *f, struct mq_entry *e)
{
	struct mq_queue *q = f->q;

	mq_delivery_end(f, e);
	q->stat.acked++;
	trace_mq_ack(q, e);
	mq_queue_unlink_locked(q, e);
}

/* Release a delivery in hand: the attempt does not count. */
void mq_delivery_release_locked(struct mq_file *f, struct mq_entry *e)
{
	mq_msg(e)->attempt--;
	mq_delivery_end(f, e);
	trace_mq_release(f->q, e);
	mq_ready_again_locked(f->q, e);
}

/* Return true if one more failure would make the message die. */
static bool mq_is_last_attempt(const struct mq_queue *q,
			       const struct mq_entry *e)
{
	u64 most = READ_ONCE(q->opt.max_deliveries);

	return most && (u64)mq_failures_counted(e) + 1 >= most;
}

/*
 * Return true if the end of a delivery needs an mq_detail. @action is an enum
 * devmq_action, or 0 if the delivery returns because its consumer is closed.
 */
static bool mq_action_needs_detail(const struct mq_queue *q,
				   const struct mq_entry *e, u32 action)
{
	return action == DEVMQ_ACTION_RETRY || action == DEVMQ_ACTION_REJECT ||
	       action == DEVMQ_ACTION_EXTEND ||
	       (!action && mq_is_last_attempt(q, e));
}

/**
 * mq_delivery_prepare_locked - give an entry what the end of its delivery needs
 * @q: the queue
 * @e: the entry
 * @action: enum devmq_action, or 0 if the delivery returns because its consumer
 *	is closed
 * @detail: points to an mq_detail from mq_detail_alloc(), which is used if
 *	needed, or to NULL
 *
 * Return: false if an mq_detail is needed and @detail points to NULL.
 */
bool mq_delivery_prepare_locked(struct mq_queue *q, struct mq_entry *e, u32 action,
				struct mq_detail **detail)
{
	lockdep_assert_held(&q->lock);
	if (likely(mq_msg(e)->detail || !mq_action_needs_detail(q, e, action)))
		return true;
	if (!*detail && !e->own_detail)
		return false;
	mq_detail_add(e, detail);
	return true;
}

/* Return the delay that retry_ms and its back-off give after @failures. */
static u64 mq_backoff(const struct mq_queue *q, u32 failures)
{
	u64 delay = READ_ONCE(q->opt.retry_ms);
	u64 factor = READ_ONCE(q->opt.retry_backoff);
	u64 most = READ_ONCE(q->opt.retry_max_ms) ?: MQ_MS_MAX;

	/* If retry_ms is above retry_max_ms, it is the delay of each retry. */
	most = max(most, delay);
	if (factor > 1)
		while (failures-- > 1 && delay && delay < most)
			delay *= factor;
	return min(delay, most) * NSEC_PER_MSEC;
}

/*
 * Count a failure: the message waits for @delay, or dies if it has used its
 * max_deliveries. @note replaces the note of the previous failure. Return: true
 * if the message died.
 */
static bool mq_delivery_fail(struct mq_queue *q, struct mq_entry *e,
			     enum devmq_failure failure, struct mq_text *note,
			     u64 delay)
{
	bool dies = mq_is_last_attempt(q, e);

	mq_msg(e)->failures++;
	mq_msg(e)->failure = failure;
	if (mq_msg(e)->detail)
		mq_note_locked(q, e, note);
	if (dies)
		return mq_die_locked(q, e, DEVMQ_REASON_FAILURES,
				     delay ?: mq_backoff(q, mq_failures_counted(e)));
	if (delay)
		mq_delay_locked(q, e, MQ_BOOTTIME,
				mq_later(mq_now(MQ_BOOTTIME), delay));
	else
		mq_ready_again_locked(q, e);
	return false;
}

/* Return a delivery in hand: its consumer was closed, or its process died. */
void mq_delivery_return_locked(struct mq_file *f, struct mq_entry *e)
{
	mq_delivery_end(f, e);
	trace_mq_return(f->q, e);
	mq_delivery_fail(f->q, e, DEVMQ_FAILURE_CRASH, NULL, 0);
}

/*
 * Return true if the lease of a delivery that is held has expired, although
 * mq_lease_expire_locked() has not ended it yet.
 */
bool mq_lease_has_expired(const struct mq_entry *e)
{
	return unlikely(e->timed) &&
	       mq_msg(e)->detail->when <= mq_now(MQ_BOOTTIME);
}

/* End a delivery that is held, because its lease has expired. */
void mq_lease_expire_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_file *f = mq_msg(e)->holder;

	if (f->partial == e)
		WRITE_ONCE(f->lost, true);
	mq_delivery_unhold_locked(f, e);
	mq_delivery_end(f, e);
	trace_mq_lease(q, e);
	mq_delivery_fail(q, e, DEVMQ_FAILURE_LEASE, NULL, 0);
	/* @f may have credit again, or has to report that @partial is lost. */
	mq_notify_locked(f);
}

/* Purge a delivery in hand. */
void mq_delivery_purge_locked(struct mq_file *f, struct mq_entry *e)
{
	mq_delivery_end(f, e);
	mq_purge_stateless_locked(f->q, e);
}

/*
 * Settle a delivery that is held, on behalf of a caller that does not hold it
 * and that has called mq_delivery_prepare_locked(). Return: true if the message
 * is dead.
 */
bool mq_delivery_revoke_locked(struct mq_entry *e,
			       const struct devmq_settlement *how,
			     struct mq_text *note)
{
	struct mq_file *f = mq_msg(e)->holder;
	bool dead;

	if (how->action == DEVMQ_ACTION_EXTEND) {
		mq_delivery_extend_locked(f, e, how->delay_ns);
		return false;
	}
	if (f->partial == e)
		WRITE_ONCE(f->lost, true);
	mq_delivery_unhold_locked(f, e);
	dead = mq_delivery_settle_locked(f, e, how, note);
	mq_notify_locked(f);
	return dead;
}

/*
 * Retry a delivery in hand: its consumer could not process it, and may say why
 * in @note. The message waits for @delay, or as long as the queue says if
 * @delay is 0. Return: true if this was its last failure, and it is dead.
 */
bool mq_delivery_retry_locked(struct mq_file *f, struct mq_entry *e, u64 delay,
			      struct mq_text *note)
{
	struct mq_queue *q = f->q;

	mq_delivery_end(f, e);
	trace_mq_retry(q, e);
	delay = delay ?: mq_backoff(q, mq_failures_counted(e) + 1);
	return mq_delivery_fail(q, e, DEVMQ_FAILURE_RETRY, note, delay);
}

/*
 * Reject a delivery in hand: its consumer says that the message is not valid,
 * and may say why. Return: true if the message is dead.
 */
bool mq_delivery_reject_locked(struct mq_file *f, struct mq_entry *e, u16 reason,
			       struct mq_text *note)
{
	mq_delivery_end(f, e);
	mq_note_locked(f->q, e, note);
	return mq_die_locked(f->q, e, reason ?: DEVMQ_REASON_REJECTED,
			     mq_backoff(f->q, mq_failures_counted(e) + 1));
}

/* Restart the lease of a delivery that is held. */
void mq_delivery_extend_locked(struct mq_file *f, struct mq_entry *e, u64 lease)
{
	struct mq_queue *q = f->q;

	lockdep_assert_held(&q->lock);
	if (e->timed)
		mq_timer_clear_locked(q, e);
	mq_msg(e)->detail->when = MQ_NEVER;
	if (lease != DEVMQ_FOREVER)
		lease = lease ?: f->lease_ns;
	if (lease && lease != DEVMQ_FOREVER)
		mq_timer_set_locked(q, e, MQ_BOOTTIME,
				    mq_later(mq_now(MQ_BOOTTIME), lease));
	trace_mq_extend(q, e);
}

/* Defer an entry until it is received by its id or its time to live ends. */
static void mq_set_aside(struct mq_queue *q, struct mq_entry *e)
{
	if (unlikely(q->order))
		mq_order_end_locked(q, e);
	mq_state_enter_locked(q, e, DEVMQ_STATE_DEFERRED);
	if (mq_msg(e)->detail)
		mq_timer_set_locked(q, e, MQ_BOOTTIME, mq_msg(e)->detail->expires);
}

/* Defer a delivery in hand. */
void mq_delivery_defer_locked(struct mq_file *f, struct mq_entry *e)
{
	mq_delivery_end(f, e);
	trace_mq_defer(f->q, e);
	mq_set_aside(f->q, e);
}

/*
 * Undo the handing out of a message of which nothing could be copied, as if it
 * had never been taken. If the queue was removed meanwhile, the open file holds
 * the delivery until it is closed.
 */
void mq_delivery_undo_locked(struct mq_file *f, struct mq_entry *e)
{
	bool deferred = e->deferred;
	struct mq_queue *q = f->q;

	if (q->gone) {
		mq_delivery_hold_locked(f, e);
		return;
	}
	q->stat.delivered--;
	if (--mq_msg(e)->attempt)
		q->stat.redelivered--;
	else if (unlikely(q->order))
		mq_order_undo_begin_locked(q, e);
	mq_delivery_end(f, e);
	trace_mq_release(q, e);
	if (unlikely(deferred))
		mq_set_aside(q, e);
	else
		mq_ready_again_locked(q, e);
}

/* Settle a delivery in hand. Return: true if the message is dead. */
bool mq_delivery_settle_locked(struct mq_file *f, struct mq_entry *e,
			       const struct devmq_settlement *s,
			  struct mq_text *note)
{
	switch (s->action) {
	case DEVMQ_ACTION_ACK:
		mq_delivery_ack_locked(f, e);
		break;
	case DEVMQ_ACTION_RELEASE:
		mq_delivery_release_locked(f, e);
		break;
	case DEVMQ_ACTION_RETRY:
		return mq_delivery_retry_locked(f, e, s->delay_ns, note);
	case DEVMQ_ACTION_REJECT:
		return mq_delivery_reject_locked(f, e, s->reason, note);
	case DEVMQ_ACTION_PURGE:
		mq_delivery_purge_locked(f, e);
		break;
	default:
		mq_delivery_defer_locked(f, e);
	}
	return false;
}
