// SPDX-License-Identifier: GPL-2.0
/*
 * A sender of a topic that waits. It stands in the line of the one queue for
 * whose room it failed, as the senders of that queue do, and holds no room
 * anywhere. When there is room, it tries all of its queues again, and may then
 * fail for another one.
 *
 * So one that needs room in two queues at the same time could lose for ever to
 * those that need it in one. After MQ_ROUNDS attempts it may therefore keep the
 * places that it was promised while it waits for the others, for MQ_KEEP_MS; but only
 * in queues with overflow=block, as others refuse what finds no place. Only one sender
 * of all does so at a time, so no two keep places from each other. Then a work item gives
 * them back, wherever the sender is: it may sleep for memory, or for a page of its
 * message. The sender finds that it keeps nothing any more, and begins anew.
 *
 * A change of bindings may mean that a sender waits for a queue to which its
 * message no longer goes. Those who wait for that queue are told; but the change
 * may have been at another topic on the way there. So a sender looks for itself
 * every MQ_LOOK_MS.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/text.h"
#include "queue/lock.h"
#include "queue/look.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/promise.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "topic/binding.h"
#include "topic/patience.h"
#include "wait/gate.h"
#include "wait/sleep.h"

/* After how many attempts a sender may keep places, and for how long. */
#define MQ_ROUNDS	3
#define MQ_KEEP_MS	50

/* How often a sender looks whether its message still goes where it waits. */
#define MQ_LOOK_MS	250

/* The most places that a sender keeps. One that needs more keeps none. */
#define MQ_KEPT_MAX	64

/* Protects the sender that keeps places, and these; taken under mq_queue.lock. */
static DEFINE_SPINLOCK(mq_kept_lock);

/* The sender that keeps places, or may do so; or NULL (mq_kept_lock). */
static struct mq_patience *mq_keeper;

/* Gives places back that were kept for too long. */
static void mq_keeper_run(struct work_struct *work);
static DECLARE_DELAYED_WORK(mq_keeper_work, mq_keeper_run);

/**
 * struct mq_kept - a place that a sender keeps
 * @q: the queue, with a reference
 * @bytes: bytes that are reserved there, with a place for one message
 */
struct mq_kept {
	struct mq_queue	*q;
	u64		bytes;
};

/**
 * struct mq_patience - a sender between two attempts
 * @full: the queue for whose room the last attempt failed, with a reference; NULL:
 *	it failed for something else
 * @line: the queue in whose line it stood last, with a reference, or NULL
 * @changes: mq_binding_changes() before it
 * @cost: about how much memory the message and its copies need
 * @rounds: how many attempts have failed for room
 * @first: it was the one that may keep places; it still is, if it is mq_keeper
 * @until: until when it may keep them, in jiffies (mq_kept_lock)
 * @kept_count: number of places that it keeps (mq_kept_lock)
 * @kept: these (mq_kept_lock)
 *
 * What has no lock is the sender's own.
 */
struct mq_patience {
	struct mq_queue	*full;
	struct mq_queue	*line;
	u64		changes;
	u64		cost;
	unsigned int	rounds;
	bool		first;
	unsigned long	until;
	u32		kept_count;
	struct mq_kept	kept[MQ_KEPT_MAX];
};

static void mq_replace_queue(struct mq_queue **at, struct mq_queue *q)
{
	struct mq_queue *before = *at;

	if (q)
		get_device(&q->dev);
	*at = q;
	if (before)
		mq_queue_put(before);
}

/* -- places that are kept -------------------------------------------------- */

/* Return the time for which a sender may still keep places, in jiffies, or 0. */
static unsigned long mq_keeper_left(const struct mq_patience *p)
{
	lockdep_assert_held(&mq_kept_lock);
	return time_before(jiffies, p->until) ? p->until - jiffies : 0;
}

/*
 * If @p keeps a place in a queue, let it go, and return true: the caller, which holds the
 * lock of the queue and has a reference of its own, gives it back. Without @p it is that
 * of a sender whose time is over.
 */
static bool mq_kept_take_locked(struct mq_patience *p, struct mq_queue *q, u64 *bytes)
{
	bool found = false;
	u32 i;

	lockdep_assert_held(&q->lock);
	spin_lock(&mq_kept_lock);
	if (!p && mq_keeper && !mq_keeper_left(mq_keeper))
		p = mq_keeper;
	if (p && p == mq_keeper) {
		for (i = 0; i < p->kept_count && p->kept[i].q != q; i++)
			;
		found = i < p->kept_count;
	}
	if (found) {
		*bytes = p->kept[i].bytes;
		p->kept[i] = p->kept[--p->kept_count];
	}
	spin_unlock(&mq_kept_lock);
	if (found)
		mq_queue_put(q);
	return found;
}

/*
 * Give a place in a queue back that @p keeps. It is kept until it is free, so whoever
 * finds none kept finds it free. This drops the caller's reference.
 */
static void mq_kept_return(struct mq_patience *p, struct mq_queue *q)
{
	u64 bytes;

	mq_lock(q);
	if (mq_kept_take_locked(p, q, &bytes)) {
		mq_promise_drop_locked(q, bytes);
		mq_freed_locked(q, 0, 0);
	}
	mq_unlock(q);
	mq_queue_put(q);
}

/*
 * Return a queue in which @p, the sender that keeps places, keeps one, with a reference.
 * If there is none, it keeps places no longer: return NULL.
 */
static struct mq_queue *mq_keeper_next(struct mq_patience *p)
{
	struct mq_queue *q = NULL;

	lockdep_assert_held(&mq_kept_lock);
	if (p->kept_count) {
		q = p->kept[p->kept_count - 1].q;
		get_device(&q->dev);
	} else {
		WRITE_ONCE(mq_keeper, NULL);
	}
	return q;
}

static void mq_keeper_run(struct work_struct *work)
{
	unsigned long left = 0;
	struct mq_queue *q;

	do {
		q = NULL;
		spin_lock(&mq_kept_lock);
		if (mq_keeper)
			left = mq_keeper_left(mq_keeper);
		if (mq_keeper && !left)
			q = mq_keeper_next(mq_keeper);
		spin_unlock(&mq_kept_lock);
		if (q)
			mq_kept_return(NULL, q);
	} while (q);
	/* Another sender keeps places by now, for which this was too early. */
	if (left)
		schedule_delayed_work(&mq_keeper_work, left);
}

/* Give all places back that are kept. */
static void mq_patience_yield(struct mq_patience *p)
{
	struct mq_queue *q;

	p->rounds = 0;
	if (!p->first)
		return;
	p->first = false;
	do {
		q = NULL;
		spin_lock(&mq_kept_lock);
		if (mq_keeper == p)
			q = mq_keeper_next(p);
		spin_unlock(&mq_kept_lock);
		if (q)
			mq_kept_return(p, q);
	} while (q);
}

/* If the time of a sender was over, it begins anew. */
static void mq_patience_look(struct mq_patience *p)
{
	if (!p->first || READ_ONCE(mq_keeper) == p)
		return;
	p->first = false;
	p->rounds = 0;
}

/* Let a sender keep places, if no other one does. */
static bool mq_keeper_become(struct mq_patience *p)
{
	bool first;

	spin_lock(&mq_kept_lock);
	first = !mq_keeper;
	if (first) {
		WRITE_ONCE(mq_keeper, p);
		p->until = jiffies + msecs_to_jiffies(MQ_KEEP_MS);
	}
	spin_unlock(&mq_kept_lock);
	/* If that of another sender is to run, it is too early, and runs again. */
	if (first)
		schedule_delayed_work(&mq_keeper_work, msecs_to_jiffies(MQ_KEEP_MS));
	return first;
}

/**
 * mq_patience_keeps - ask whether a sender may keep the places that it gets
 * @turn: the sender's turn
 * @queues: how many queues it needs
 *
 * Return: true if so; it calls mq_patience_keep() for each.
 */
bool mq_patience_keeps(struct mq_turn *turn, u32 queues)
{
	struct mq_patience *p = turn->patience;

	if (!p || queues > MQ_KEPT_MAX)
		return false;
	mq_patience_look(p);
	if (p->rounds < MQ_ROUNDS)
		return false;
	if (!p->first)
		p->first = mq_keeper_become(p);
	return p->first;
}

/*
 * Keep a place that was promised, with @bytes. The caller holds the lock of the queue.
 * Return false if that is not possible any more: the caller gives it back.
 */
bool mq_patience_keep(struct mq_turn *turn, struct mq_queue *q, u64 bytes)
{
	struct mq_patience *p = turn->patience;
	bool keeps;

	lockdep_assert_held(&q->lock);
	spin_lock(&mq_kept_lock);
	keeps = mq_keeper == p && p->kept_count < MQ_KEPT_MAX;
	if (keeps) {
		get_device(&q->dev);
		p->kept[p->kept_count++] = (struct mq_kept){ .q = q, .bytes = bytes };
	}
	spin_unlock(&mq_kept_lock);
	return keeps;
}

/*
 * Return true if a place is kept in a queue, and do not keep it any more. The
 * caller holds the lock of the queue, and gives the place back. The publication has
 * another reference to the queue.
 */
bool mq_patience_kept(struct mq_turn *turn, struct mq_queue *q, u64 *bytes)
{
	struct mq_patience *p = turn->patience;

	return unlikely(p && p->first) && mq_kept_take_locked(p, q, bytes);
}

/* -- waiting --------------------------------------------------------------- */

/**
 * mq_patience_begin - note why an attempt failed
 * @turn: the sender's turn
 * @full: the queue for whose room it failed, or NULL
 * @cost: about how much memory it needs
 * @changes: mq_binding_changes() before the attempt
 *
 * If it failed for memory, for room in a journal, or because the topic is paused, the
 * sender may have to wait for long, and keeps no places meanwhile.
 *
 * Return: 0 or ENOMEM.
 */
int mq_patience_begin(struct mq_turn *turn, struct mq_queue *full, u64 cost,
		      u64 changes)
{
	struct mq_patience *p = turn->patience;

	if (!p)
		p = kzalloc(sizeof(*p), MQ_GFP);
	if (!p)
		return -ENOMEM;
	turn->patience = p;
	mq_replace_queue(&p->full, full);
	p->changes = changes;
	p->cost = cost;
	mq_patience_look(p);
	if (full && likely(!READ_ONCE(full->feed.full)))
		p->rounds++;
	else
		mq_patience_yield(p);
	return 0;
}

/* Return true if the last attempt failed for room in a queue. */
bool mq_patience_waits(const struct mq_turn *turn)
{
	return turn->patience && turn->patience->full;
}

/* Return about how much memory the last attempt needed, or 0. */
u64 mq_patience_cost(const struct mq_turn *turn)
{
	return turn->patience ? turn->patience->cost : 0;
}

/* Return the gate in whose line the sender stood last; @own if it is that. */
struct mq_gate *mq_patience_gate(const struct mq_turn *turn, struct mq_gate *own)
{
	const struct mq_patience *p = turn->patience;

	return p && p->line ? &p->line->gate : own;
}

/*
 * Show in fdinfo which queue a sender waits for, or which one has just refused its
 * message; with NULL, that there is none.
 */
void mq_patience_show(struct mq_file *f, struct mq_text *name)
{
	struct mq_text *before;

	if (READ_ONCE(f->full) == name)
		return;
	spin_lock(&f->q->lock);
	before = f->full;
	WRITE_ONCE(f->full, mq_text_get(name));
	spin_unlock(&f->q->lock);
	mq_text_put(before);
}

/**
 * mq_patience_wait - wait for room in the queue for which the last attempt failed
 * @f: the producer
 * @payload: bytes of the first message's payload
 * @meta: bytes of its key and headers
 * @turn: the sender's turn
 *
 * Return: 0, try again; or ERESTARTSYS.
 */
int mq_patience_wait(struct mq_file *f, u64 payload, u64 meta,
		     struct mq_turn *turn)
{
	struct mq_patience *p = turn->patience;
	struct mq_queue *q = p->full;
	int err;

	mq_replace_queue(&p->line, q);
	mq_patience_show(f, q->origin);
	do {
		err = mq_wait_room_for(&q->gate, payload, meta, turn,
				       msecs_to_jiffies(MQ_LOOK_MS));
	} while (!err && !mq_can_send(q, payload + meta) &&
		 p->changes == mq_binding_changes() && !READ_ONCE(f->q->gone));
	mq_patience_show(f, NULL);
	/* The next attempt may fail for something else. */
	mq_replace_queue(&p->full, NULL);
	return err;
}

/* A message went: the next one of the same call begins anew. */
void mq_patience_went(struct mq_turn *turn)
{
	if (unlikely(turn->patience))
		mq_patience_yield(turn->patience);
}

/* The sender stands in the line of no queue any more, but in that of the topic. */
void mq_patience_leave(struct mq_turn *turn)
{
	if (turn->patience)
		mq_replace_queue(&turn->patience->line, NULL);
}

/* The sender does not wait any more. */
void mq_patience_end(struct mq_turn *turn)
{
	struct mq_patience *p = turn->patience;

	if (!p)
		return;
	turn->patience = NULL;
	mq_patience_yield(p);
	mq_replace_queue(&p->full, NULL);
	mq_replace_queue(&p->line, NULL);
	kfree(p);
}

/* No sender is left, and so no place is kept. */
void mq_patience_exit(void)
{
	cancel_delayed_work_sync(&mq_keeper_work);
}
