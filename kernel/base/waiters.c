// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for an amount of something: writers for room in a queue, for
 * instance, each for as much as its message needs.
 *
 * There is a tree of them by the order of their coming, in which each node knows
 * the smallest need below it. So the one who has waited longest among those for
 * whom there is enough is found in O(log n), whatever number wait for more than
 * there is; and nobody is woken who could only go back to sleep.
 *
 * To be woken is to leave the tree, so no two wake-ups go to the same one. Who
 * was woken tries to get what it waited for and then wakes the next
 * (mq_waiters_wake() again), if some is left; and so does who was woken and
 * gives up. Who tried in vain comes back to its old place.
 */
#include <linux/atomic.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched/signal.h>

#include "base/waiters.h"

/* How many are woken in one hold of the lock, where all are. */
#define MQ_WAITERS_PORTION	64

/*
 * The last ticket that was given, in any line: so the place of who comes from
 * another line is a place in this one, too, and no two in a line have the same.
 */
static atomic64_t mq_waiters_ticket = ATOMIC64_INIT(0);

static struct mq_waiter *mq_waiter_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct mq_waiter, node);
}

/* Bring a node's @least up to date. True, where it was already and may stay. */
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

/* One that is anything but a thread. */
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

/* The thread that calls this. */
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
 * mq_waiters_add - get in line
 * @all: the line
 * @w: who; nothing happens if it is there already
 *
 * Whoever called this looks then whether what @w waits for is there: it may have
 * come just before.
 */
void mq_waiters_add(struct mq_waiters *all, struct mq_waiter *w)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	if (RB_EMPTY_NODE(&w->node))
		mq_waiters_insert(all, w);
	spin_unlock_irqrestore(&all->lock, flags);
	smp_mb(); /* in line, then look: see mq_waiters_any() */
}

/**
 * mq_waiters_del - leave the line
 * @all: the line
 * @w: who; it may have been woken, and so have left already
 *
 * After this nobody is at work on @w.
 */
void mq_waiters_del(struct mq_waiters *all, struct mq_waiter *w)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	if (!RB_EMPTY_NODE(&w->node))
		mq_waiters_erase(all, w);
	spin_unlock_irqrestore(&all->lock, flags);
}

/* So many more, or less, wait elsewhere and are woken by the same. */
void mq_waiters_note(struct mq_waiters *all, int n)
{
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	WRITE_ONCE(all->count, all->count + n);
	spin_unlock_irqrestore(&all->lock, flags);
}

/* Who has waited longest of those who need no more than @room, or NULL. */
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
 * mq_waiters_wake - there is room: wake one
 * @all: who waits for it
 * @room: how much there is
 *
 * Return: one was woken.
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

/* The first one behind @ticket, or NULL. */
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
 * mq_waiters_wake_all - something has changed that is for all: they are to look
 * @all: those who wait now
 *
 * In portions, as they may be many. Who comes, or comes back, meanwhile looks by
 * himself.
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
		/* Who got in line before this has no later one. */
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
 * mq_waiters_sleep - wait in line until woken
 * @all: the line
 * @w: the calling thread, from mq_waiter_init_thread()
 * @may_go: a look whether to try, without a lock
 *
 * It may be woken for other reasons, so whoever called this looks, or tries, and
 * comes again. If it finds @w->woken set, others rely on it: it clears that and
 * calls mq_waiters_wake() when it has tried, or gives up, and before it waits for
 * anything.
 *
 * Return: 0 (try) or ERESTARTSYS.
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
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	/* WAIT(waiters:leave) */
	mq_waiters_del(all, w);
	return err;
}
