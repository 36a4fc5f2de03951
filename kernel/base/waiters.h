/* SPDX-License-Identifier: GPL-2.0 */
/* Wait lists, whose waiters wait for different amounts: see waiters.c. */
#ifndef MQ_WAITERS_H
#define MQ_WAITERS_H

#include <asm/barrier.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct mq_waiters - a wait list
 * @lock: protects the wait list and the waiters in it. It is taken with
 *	interrupts off, and inside all other locks but those of the scheduler
 * @tree: the waiters (struct mq_waiter), sorted by @ticket
 * @count: the number of waiters in @tree, plus the number of those in another
 *	wait list that the same callers wake (read without @lock)
 */
struct mq_waiters {
	spinlock_t		lock;	/* all of this */
	struct rb_root_cached	tree;
	unsigned int		count;
};

/**
 * struct mq_waiter - a waiter in a wait list
 * @node: node in mq_waiters.tree; empty while the waiter is in no wait list
 * @ticket: the place of the waiter in every wait list, 0: none yet. A waiter
 *	that tried without success and waits again keeps its ticket
 * @need: the amount that the waiter waits for
 * @least: the smallest @need in the subtree below and including @node
 * @wake: wakes the waiter. Called with mq_waiters.lock held and interrupts off,
 *	after the waiter has left the tree. Returns true if the waiter is going
 *	to try, false if another waiter must be woken instead
 * @task: the thread, if the waiter is one (invariant)
 * @timeout: how long a thread sleeps at most, in jiffies; 0: until it is woken
 * @woken: the waiter is a thread that was woken to try; after trying, it must
 *	wake the next waiter
 *
 * mq_waiters.lock protects all of this but @wake and @task. While the waiter is
 * in no wait list, its owner may change it without the lock.
 */
struct mq_waiter {
	struct rb_node		node;
	u64			ticket;
	u64			need;
	u64			least;
	bool			(*wake)(struct mq_waiter *w);
	struct task_struct	*task;
	unsigned long		timeout;
	bool			woken;
};

void mq_waiters_init(struct mq_waiters *all);
void mq_waiter_init(struct mq_waiter *w, u64 need,
		    bool (*wake)(struct mq_waiter *w));
void mq_waiter_init_thread(struct mq_waiter *w, u64 need);
void mq_waiters_add(struct mq_waiters *all, struct mq_waiter *w);
void mq_waiters_del(struct mq_waiters *all, struct mq_waiter *w);
bool mq_waiters_wake(struct mq_waiters *all, u64 room);
void mq_waiters_wake_all(struct mq_waiters *all);
void mq_waiters_count_elsewhere(struct mq_waiters *all, int n);
int mq_waiters_sleep(struct mq_waiters *all, struct mq_waiter *w,
		     bool (*may_go)(const struct mq_waiter *w));

/* Return true if there are waiters. The caller has executed a full barrier. */
static inline bool mq_waiters_pending(const struct mq_waiters *all)
{
	return READ_ONCE(all->count);
}

/*
 * Return true if there are waiters. A thread that has made room calls this
 * after that, without mq_waiters.lock.
 *
 * The barrier pairs with the one of mq_waiters_add(). A waiter joins the wait
 * list and then looks for room; the other thread makes room and then looks for
 * waiters. So at least one of the two sees what the other has done.
 */
static inline bool mq_waiters_pending_mb(const struct mq_waiters *all)
{
	smp_mb(); /* make room, then look for waiters: see above */
	return mq_waiters_pending(all);
}

#endif /* MQ_WAITERS_H */
