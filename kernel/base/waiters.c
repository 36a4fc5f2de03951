// SPDX-License-Identifier: GPL-2.0
/*
 * Wait lists, whose waiters wait for different amounts of the same thing. For
 * example, each writer waits for as much room in a queue as its message needs.
 *
 * The waiters are in a tree, sorted by the time of their arrival. Each node
 * stores the smallest need of its subtree. This finds the longest waiter whose
 * need is met in O(log n), however many waiters need more than there is, and
 * does not wake waiters that could only go back to sleep.
 *
 * Waking a waiter removes it from the tree, so two wake-ups never go to the
 * same waiter. A waiter that was woken tries to get what it waited for, and
 * then calls mq_waiters_wake() to wake the next one. It does so even if it
 * gives up. A waiter that tried without success joins the wait list again, at
 * its old place.
 */
#include <linux/atomic.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched/signal.h>

#include "base/waiters.h"

/* How many waiters mq_waiters_wake_all() wakes in one hold of the lock. */
#define MQ_WAITERS_PORTION	64

/*
 * The last ticket that was given out. All wait lists share this counter, so a
 * waiter that moves to another wait list keeps its place, and no two waiters
 * have the same ticket.
 */
static atomic64_t mq_waiters_ticket = ATOMIC64_INIT(0);

static struct mq_waiter *mq_waiter_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct mq_waiter, node);
}

/*
 * Update @w->least. Return true if @exit is set and @w->least was up to date.
 */
static bool mq_waiter_compute(struct mq_waiter *w, bool exit)
{
	const struct mq_waiter *left = mq_waiter_of(w->node.rb_left);
	const struct mq_waiter *right = mq_waiter_of(w->node.rb_right);
	u64 least = w->need;

	if (left)
		least = min(least, left->least);
	if (right)
		least = min(least, right->least);
	if (exit && w->least == least)
		return true;
	w->least = least;
	return false;
}

RB_DECLARE_CALLBACKS(static, mq_waiter_augment, struct mq_waiter, node, least,
		     mq_waiter_compute);

void mq_waiters_init(struct mq_waiters *all)
{
	spin_lock_init(&all->lock);
	all->tree = RB_ROOT_CACHED;
	all->count = 0;
}

/* Initialize a waiter that is not a thread. */
void mq_waiter_init(struct mq_waiter *w, u64 need,
		    bool (*wake)(struct mq_waiter *w))
{
	*w = (struct mq_waiter){ .need = need, .wake = wake };
	RB_CLEAR_NODE(&w->node);
}

static bool mq_waiter_wake_thread(struct mq_waiter *w)
{
	w->woken = true;
	wake_up_process(w->task);
	return true;
}

/* Initialize a waiter for the calling thread. */
void mq_waiter_init_thread(struct mq_waiter *w, u64 need)
{
	mq_waiter_init(w, need, mq_waiter_wake_thread);
	w->task = current;
}

static void mq_waiters_insert(struct mq_waiters *all, struct mq_waiter *w)
{
	struct rb_node **at = &all->tree.rb_root.rb_node, *parent = NULL;
	bool first = true;

	/* WAIT(waiters:ticket) */
	w->ticket = w->ticket ?: atomic64_inc_return(&mq_waiters_ticket);
	w->least = w->need;
	while (*at) {
		struct mq_waiter *above = mq_waiter_of(*at);

		parent = *at;
		above->least = min(above->least, w->need);
		if (w->ticket < above->ticket) {
			at = &parent->rb_left;
		} else {
			at = &parent->rb_right;
			first = false;
		}
	}
	rb_link_node(&w->node, parent, at);
	rb_insert_augmented_cached(&w->node, &all->tree, first,
				   &mq_waiter_augment);
	WRITE_ONCE(all->count, all->count + 1);
}

static void mq_waiters_erase(struct mq_waiters *all, struct mq_waiter *w)
{
	rb_erase_augmented_cached(&w->node, &all->tree, &mq_waiter_augment);
	RB_CLEAR_NODE(&w->node);
	WRITE_ONCE(all->count, all->count - 1);
}

/**
 * mq_waiters_add - add a waiter to a wait list
 * @all: the wait list
 * @w: the waiter; if it is in the wait list already, it stays where it is
 *
 * The caller must then look whether there is what @w waits for, because it may
 * have become available just before this call.
 */
void mq_waiters_add(struct mq_waiters *all, struct mq_waiter *w)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	if (RB_EMPTY_NODE(&w->node))
		mq_waiters_insert(all, w);
	spin_unlock_irqrestore(&all->lock, flags);
	smp_mb(); /* join the wait list, then look: see mq_waiters_pending_mb() */
}

/**
 * mq_waiters_del - remove a waiter from a wait list
 * @all: the wait list
 * @w: the waiter; a wake-up may have removed it already
 *
 * When this returns, no other thread accesses @w.
 */
void mq_waiters_del(struct mq_waiters *all, struct mq_waiter *w)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	if (!RB_EMPTY_NODE(&w->node))
		mq_waiters_erase(all, w);
	spin_unlock_irqrestore(&all->lock, flags);
}

/*
 * Count @n more waiters (fewer, if @n is negative) that are in another wait
 * list, but are woken by the callers that find waiters here.
 */
void mq_waiters_count_elsewhere(struct mq_waiters *all, int n)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	WRITE_ONCE(all->count, all->count + n);
	spin_unlock_irqrestore(&all->lock, flags);
}

/* Return the longest waiter that needs no more than @room, or NULL. */
static struct mq_waiter *mq_waiters_find(struct mq_waiters *all, u64 room)
{
	struct mq_waiter *w = mq_waiter_of(all->tree.rb_root.rb_node);

	if (!w || w->least > room)
		return NULL;
	for (;;) {
		struct mq_waiter *left = mq_waiter_of(w->node.rb_left);

		if (left && left->least <= room) {
			w = left;
			continue;
		}
		if (w->need <= room)
			return w;
		w = mq_waiter_of(w->node.rb_right);
	}
}

/**
 * mq_waiters_wake - wake the longest waiter for which there is enough room
 * @all: the wait list
 * @room: the amount that is available
 *
 * Return: true if a waiter was woken.
 */
bool mq_waiters_wake(struct mq_waiters *all, u64 room)
{
	struct mq_waiter *w;
	unsigned long flags;
	bool woken = false;

	spin_lock_irqsave(&all->lock, flags);
	/* WAIT(waiters:wake) */
	while (!woken && (w = mq_waiters_find(all, room))) {
		mq_waiters_erase(all, w);
		woken = w->wake(w);
	}
	spin_unlock_irqrestore(&all->lock, flags);
	return woken;
}

/* Return the waiter with the lowest ticket above @ticket, or NULL. */
static struct mq_waiter *mq_waiters_after(struct mq_waiters *all, u64 ticket)
{
	struct rb_node *node = all->tree.rb_root.rb_node;
	struct mq_waiter *found = NULL;

	while (node) {
		struct mq_waiter *w = mq_waiter_of(node);

		if (w->ticket > ticket) {
			found = w;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * mq_waiters_wake_all - wake all waiters, so that each of them looks again
 * @all: the wait list
 *
 * There may be many waiters, so this drops the lock after each portion. It
 * skips waiters that arrive meanwhile, because these look after joining the
 * wait list.
 */
void mq_waiters_wake_all(struct mq_waiters *all)
{
	u64 last = 0, end = U64_MAX;
	struct mq_waiter *w;
	unsigned long flags;
	unsigned int n;

	/* WAIT(waiters:wake-all) */
	do {
		spin_lock_irqsave(&all->lock, flags);
		/* A waiter that arrived before this has no higher ticket. */
		end = min_t(u64, end, atomic64_read(&mq_waiters_ticket));
		for (n = 0; n < MQ_WAITERS_PORTION; n++) {
			w = mq_waiters_after(all, last);
			if (!w || w->ticket > end)
				break;
			last = w->ticket;
			mq_waiters_erase(all, w);
			w->wake(w);
		}
		spin_unlock_irqrestore(&all->lock, flags);
	} while (n == MQ_WAITERS_PORTION);
}

/**
 * mq_waiters_sleep - sleep in a wait list until woken
 * @all: the wait list
 * @w: the calling thread's waiter, from mq_waiter_init_thread()
 * @may_go: returns true if the thread should try instead of sleeping; called
 *	without a lock
 *
 * The thread may also be woken for other reasons, so the caller tries or looks,
 * and calls this again if it has to. If @w->woken is set afterwards, the other
 * waiters rely on the caller: it must clear @w->woken and call
 * mq_waiters_wake() after it has tried or given up, and before it waits for
 * anything else.
 *
 * Return: 0 to try, or -ERESTARTSYS.
 */
int mq_waiters_sleep(struct mq_waiters *all, struct mq_waiter *w,
		     bool (*may_go)(const struct mq_waiter *w))
{
	int err = 0;

	set_current_state(TASK_INTERRUPTIBLE);
	/* WAIT(waiters:add) */
	mq_waiters_add(all, w);
	/* WAIT(waiters:look) */
	if (!may_go(w)) {
		if (signal_pending(current))
			err = -ERESTARTSYS;
		else
			schedule_timeout(w->timeout ?: MAX_SCHEDULE_TIMEOUT);
	}
	__set_current_state(TASK_RUNNING);
	/* WAIT(waiters:leave) */
	mq_waiters_del(all, w);
	return err;
}
