// SPDX-License-Identifier: GPL-2.0
/*
 * Wakes all threads that wait for messages: there may be many, so in portions. The walk
 * keeps its place in mq_gate.readers by two entries of its own.
 */
#include <linux/poll.h>
#include <linux/sched.h>

#include "base/compat.h"
#include "wait/everybody.h"
#include "wait/gate.h"

/* How many readers are woken in one hold of the lock. */
#define MQ_CALL_PORTION	64

/**
 * struct mq_calling - a walk along mq_gate.readers that wakes all that are there
 * @at: wait queue entry before those that are still to be woken
 * @end: the one behind them. Who joins later stands behind that, and looks for himself
 * @but: a wait queue entry that is to be left out, or NULL
 * @key: the events, as the key of a wake-up
 */
struct mq_calling {
	struct wait_queue_entry	at;
	struct wait_queue_entry	end;
	struct wait_queue_entry	*but;
	void			*key;
};

/* The wake function of the two, which does nothing. */
static int mq_calling_wake(struct wait_queue_entry *wait, unsigned int mode, int flags,
			   void *key)
{
	return 0;
}

static void mq_calling_begin(struct mq_gate *g, struct mq_calling *c)
{
	lockdep_assert_held(&g->readers.lock);
	init_waitqueue_func_entry(&c->at, mq_calling_wake);
	init_waitqueue_func_entry(&c->end, mq_calling_wake);
	list_add(&c->at.entry, &g->readers.head);
	list_add_tail(&c->end.entry, &g->readers.head);
}

static void mq_calling_end(struct mq_gate *g, struct mq_calling *c)
{
	lockdep_assert_held(&g->readers.lock);
	list_del(&c->at.entry);
	list_del(&c->end.entry);
}

/* Wake a portion of those between the two. Return true if none is left. */
static bool mq_calling_portion(struct mq_gate *g, struct mq_calling *c)
{
	struct wait_queue_entry *wait;
	unsigned int n;

	lockdep_assert_held(&g->readers.lock);
	for (n = 0; n < MQ_CALL_PORTION; n++) {
		wait = list_next_entry(&c->at, entry);
		if (wait == &c->end)
			return true;
		/* Pass it first: its wake function may remove it. */
		list_move(&c->at.entry, &wait->entry);
		if (wait != c->but && !(wait->flags & WQ_FLAG_BOOKMARK))
			wait->func(wait, TASK_INTERRUPTIBLE, 0, c->key);
	}
	return list_next_entry(&c->at, entry) == &c->end;
}

static void *mq_calling_key(__poll_t why)
{
	return poll_to_key(EPOLLIN | EPOLLRDNORM | MQ_TO_ALL | why);
}

/*
 * Wake a portion of the readers, and notify the pollers. @why: further events to report.
 * Return false if there are more: mq_call_others() wakes them.
 */
bool mq_call_some(struct mq_gate *g, __poll_t why)
{
	struct mq_calling c = { .key = mq_calling_key(why) };
	unsigned long flags;
	bool done;

	spin_lock_irqsave(&g->readers.lock, flags);
	mq_calling_begin(g, &c);
	done = mq_calling_portion(g, &c);
	mq_calling_end(g, &c);
	spin_unlock_irqrestore(&g->readers.lock, flags);
	return done;
}

/* Wake all readers that mq_call_some() has left. */
void mq_call_others(struct mq_gate *g)
{
	struct mq_calling c = {
		/* That has notified the pollers, or lets the queue's work do so. */
		.but = &g->crowd,
		.key = mq_calling_key(mq_gate_is_gone(g) ? EPOLLHUP | EPOLLERR : 0),
	};

	spin_lock_irq(&g->readers.lock);
	mq_calling_begin(g, &c);
	while (!mq_calling_portion(g, &c)) {
		spin_unlock_irq(&g->readers.lock);
		cond_resched();
		spin_lock_irq(&g->readers.lock);
	}
	mq_calling_end(g, &c);
	spin_unlock_irq(&g->readers.lock);
}
