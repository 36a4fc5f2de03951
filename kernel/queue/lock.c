// SPDX-License-Identifier: GPL-2.0
/*
 * The lock of a queue. Its release wakes those that wait for what has changed,
 * frees the entries that have left, and carries dead messages to the
 * dead-letter queue.
 */
#include <linux/sched.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/alloc.h"
#include "memory/copy.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "queue/alone.h"
#include "queue/check.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/due.h"
#include "queue/persist.h"
#include "queue/lock.h"
#include "queue/order.h"
#include "queue/places.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "queue/tell.h"
#include "queue/trace.h"
#include "wait/wake.h"

static void mq_due_catch_up(struct mq_queue *q)
{
	if (unlikely(mq_has_due(q)) && !q->gone && mq_due_do_locked(q))
		mq_queue_work_start(q);
}

/* Take the lock, and do a portion of what is due. */
void mq_lock(struct mq_queue *q) __acquires(&q->lock)
{
	spin_lock(&q->lock);
	if (unlikely(q->timed))
		mq_due_catch_up(q);
}

/* How often a loop relaxes the CPU between two portions. */
#define MQ_PAUSES	32

/*
 * Let others have the lock, between two portions of a loop that has dropped it.
 * A spinlock goes to the next one that waits, except in a virtual machine whose
 * hypervisor does not help with locks: there whoever has just dropped it is the
 * first to take it again, and the others would wait for the whole loop.
 */
void mq_lock_pause(void)
{
	unsigned int n;

	cond_resched();
	for (n = 0; n < MQ_PAUSES; n++)
		cpu_relax();
}

/*
 * Take the lock, and do all that is due, for a caller that shows the queue to
 * somebody. Stop if the caller is being killed.
 */
void mq_lock_current(struct mq_queue *q) __acquires(&q->lock)
{
	mq_lock(q);
	while (unlikely(mq_has_due(q)) && !q->gone && !mq_dying()) {
		mq_unlock(q);
		mq_lock_pause();
		mq_lock(q);
	}
}

/* Changes under the lock that waiters have to be told of. */
struct mq_news {
	bool		freed;
	bool		was_full;
	bool		all;
	unsigned int	ready;
};

static struct mq_news mq_news_take(struct mq_queue *q)
{
	struct mq_news news = {
		.freed = q->freed,
		.was_full = q->was_full,
		.all = q->drained,
		.ready = q->became_ready,
	};

	q->freed = false;
	q->drained = false;
	q->became_ready = 0;
	return news;
}

/* Wake the waiters that the changes concern. The lock is not held. */
static void mq_news_tell(struct mq_queue *q, struct mq_news news)
{
	if (news.freed)
		mq_wake_writers(&q->gate, news.was_full);
	/* All readers that waited behind a key may be at end of file. */
	if (unlikely(news.all))
		mq_wake_every_reader(&q->gate);
	else if (news.ready)
		mq_wake_readers(&q->gate, news.ready);
}

/*
 * Reset what has happened to a message that was redriven, except for its delay
 * and its time to live. A dead message keeps neither: its time only says how
 * long it was to stay dead.
 */
static void mq_absolve_moved_locked(struct mq_queue *q, struct mq_entry *e)
{
	struct mq_detail *m = mq_msg(e)->detail;
	u64 when = m ? m->when : MQ_NEVER, expires = mq_entry_expires(e);

	mq_reset_history_locked(q, e);
	if (m && mq_msg(e)->state != DEVMQ_STATE_DEAD) {
		m->when = when;
		m->expires = expires;
	}
}

/**
 * mq_queue_add_moved - add an entry that comes from another queue
 * @q: the queue that it comes to
 * @e: the entry, announced by mq_place_reserve() or mq_place_announce()
 * @how: how it arrives
 *
 * If @q was removed meanwhile, the entry is freed. It is not if the journal of @q is
 * being detached, whose last group waits for it: mq_feed.detached is set after that, and
 * then @q is drained.
 */
void mq_queue_add_moved(struct mq_queue *q, struct mq_entry *e, enum mq_arrival how)
{
	/* Not mq_lock(): mq_unlock() of another queue calls this function. */
	spin_lock(&q->lock);
	mq_place_arrived(q);
	if (how == MQ_ARRIVES_MOVED)
		mq_queue_unreserve_locked(q, mq_msg(e));
	/* If its journal is being detached, it still has to have the entry. */
	if (q->gone && (!q->feed.detaching || q->feed.detached)) {
		if (unlikely(q->feed.journal))
			mq_persist_lost_locked(q, e);
		mq_unlock(q);
		mq_entry_free(e);
		return;
	}
	mq_msg(e)->id = q->next_id++;
	mq_msg(e)->attempt = 0;
	if (how == MQ_ARRIVES_DEAD) {
		mq_dead_letter_add_locked(q, e);
		/* The time to live in the other queue does not count. */
		mq_msg(e)->detail->expires = mq_expiry(READ_ONCE(q->opt.ttl_ms));
	} else if (how == MQ_ARRIVES_ANEW) {
		mq_reset_history_locked(q, e);
	} else {
		mq_absolve_moved_locked(q, e);
	}
	if (mq_msg(e)->detail)
		mq_msg(e)->detail->forgiven = mq_msg(e)->failures;
	mq_msg(e)->priority = min_t(u64, mq_msg(e)->priority, q->opt.priorities - 1);
	mq_msg(e)->holder = NULL;
	mq_count(&q->stored, 1);
	mq_count(&q->stat.bytes, mq_msg_bytes(mq_msg(e)));
	list_add_tail(&e->all, &q->all);
	q->stat.sent++;
	if (unlikely(q->order))
		mq_order_join_locked(q, e);
	trace_mq_send(q, e);
	if (unlikely(q->feed.journal))
		mq_persist_arrived_locked(q, e);
	if (how != MQ_ARRIVES_MOVED)
		mq_ready_locked(q, e);
	else if (mq_msg(e)->state == DEVMQ_STATE_DELAYED)
		mq_delay_locked(q, e, e->clock, mq_msg(e)->detail->when);
	else
		mq_ready_again_locked(q, e);
	mq_unlock(q);
}

/* Carry a dead message to the queue that has a place reserved for it. */
static void mq_dead_letter_carry(struct mq_entry *e)
{
	struct mq_queue *target = mq_msg(e)->target;

	e->leaving = false;
	e = mq_entry_move_alone(e);
	mq_queue_add_moved(target, e, MQ_ARRIVES_DEAD);
	mq_queue_put(target);
}

/*
 * Free the entries that left a queue, or carry them to the dead-letter queue.
 * The lock is not held.
 */
void mq_unlinked_dispose(struct list_head *out)
{
	struct mq_entry *e, *next;
	LIST_HEAD(leaving);

	list_for_each_entry_safe(e, next, out, list)
		if (unlikely(e->leaving))
			list_move_tail(&e->list, &leaving);
	mq_entries_free(out);
	list_for_each_entry_safe(e, next, &leaving, list) {
		mq_dead_letter_carry(e);
		cond_resched();
	}
}

/*
 * Maximum number of open files that one release of the lock tells that the next
 * message is no longer handed out alone: see mq_alone_tell().
 */
#define MQ_ALONE_TELLS	16

/*
 * Drop the lock of a queue that has, or may have, entries or ids to free or
 * open files to tell.
 */
static noinline void mq_unlock_dispose(struct mq_queue *q)
	__releases(&q->lock)
{
	struct mq_news news = mq_news_take(q);
	bool unmeets = mq_alone_over_locked(q);
	unsigned int tells = q->tells;
	LIST_HEAD(groups);
	LIST_HEAD(seen);
	LIST_HEAD(out);

	q->tells = 0;
	list_splice_init(&q->unlinked, &out);
	list_splice_init(&q->dedup.old, &seen);
	q->dedup.forgotten = 0;
	if (unlikely(q->order))
		mq_order_clean_locked(q, &groups);
	mq_check_locked(q);
	spin_unlock(&q->lock);
	if (tells)
		mq_notify(q, tells);
	if (unlikely(unmeets) && mq_alone_tell(q, MQ_ALONE_TELLS))
		mq_queue_work_start(q);
	mq_news_tell(q, news);
	mq_unlinked_dispose(&out);
	mq_order_free(&groups);
	mq_dedup_free(&seen);
}

/*
 * Drop the lock, wake the waiters that the changes concern, and free or carry
 * what has left.
 */
void mq_unlock(struct mq_queue *q) __releases(&q->lock)
{
	struct mq_news news;

	if (unlikely(!list_empty(&q->unlinked) || !list_empty(&q->dedup.old) ||
		     (q->order && mq_order_has_old(q)) || q->tells ||
		     !list_empty(&q->alone_waiting))) {
		mq_unlock_dispose(q);
		return;
	}
	news = mq_news_take(q);
	mq_check_locked(q);
	spin_unlock(&q->lock);
	mq_news_tell(q, news);
}
