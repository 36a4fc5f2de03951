/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting for an amount of something: see waiters.c. */
#ifndef MQ_WAITERS_H
#define MQ_WAITERS_H

#include <asm/barrier.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct mq_waiters - all who wait for some of one thing
 * @lock: protects the rest. It is taken with interrupts off, inside of any other
 *	lock but those of the scheduler
 * @tree: struct mq_waiter, by ticket
 * @count: how many there are, and who waits elsewhere, to be woken by the same
 *	(looked at without)
 */
struct mq_waiters {
	spinlock_t		lock;	/* all of this */
	struct rb_root_cached	tree;
	unsigned int		count;
};

/**
 * struct mq_waiter - one of them
 * @node: in mq_waiters.tree, or empty
 * @ticket: its place in any line, 0: none yet. Who has tried in vain and waits
 *	again keeps it
 * @need: how much it waits for
 * @least: the smallest need among it and all below it in the tree
 * @wake: called with the lock held and interrupts off, when it has left the tree.
 *	Return: it is going to try; false: it is not, so the next is for another
 * @task: of one that is a thread: it (invariant)
 * @woken: of one that is a thread: it was the one who was woken, and has to call
 *	the next when it has tried
 *
 * All but @wake and @task is protected by mq_waiters.lock. While it is not in the
 * tree its owner may change it.
 */
struct mq_waiter {
	struct rb_node		node;
	u64			ticket;
	u64			need;
	u64			least;
	bool			(*wake)(struct mq_waiter *w);
	struct task_struct	*task;
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
void mq_waiters_note(struct mq_waiters *all, int n);
int mq_waiters_sleep(struct mq_waiters *all, struct mq_waiter *w,
		     bool (*may_go)(const struct mq_waiter *w));

/* A look behind a barrier of the caller's. */
static inline bool mq_waiters_some(const struct mq_waiters *all)
{
	return READ_ONCE(all->count);
}

/*
 * Does anybody wait? Who has made room calls this behind that, without the lock.
 *
 * The barrier pairs with that of mq_waiters_add(): who waits gets in line, and
 * then looks for room; who makes room looks for those in line then. So one of
 * the two sees the other.
 */
static inline bool mq_waiters_any(const struct mq_waiters *all)
{
	smp_mb(); /* room was made, then look: see above */
	return mq_waiters_some(all);
}

#endif /* MQ_WAITERS_H */
