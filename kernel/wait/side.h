/* SPDX-License-Identifier: GPL-2.0 */
/* The waits of the readers or the writers of a queue: see side.c. */
#ifndef MQ_WAIT_SIDE_H
#define MQ_WAIT_SIDE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct mq_wait - a call or a command that waits for a message or for room
 * @link: link in mq_side.waits
 * @since: when the first of its waits began, CLOCK_BOOTTIME; 0: it does not
 *	wait
 */
struct mq_wait {
	struct list_head	link;
	u64			since;
};

/**
 * struct mq_side - the readers or the writers of a queue
 * @spins: bit 0: a thread is spinning (atomic)
 * @misses: how many waits sleep without spinning after the last spin, which
 *	found nothing; 0: the last spin found something
 * @rest: how many of those waits are still to come
 * @called: how many waiters are called: they were woken and have not tried yet
 *	(atomic)
 * @called_at: when a waiter was called last, in jiffies
 * @late: how many parked commands were woken, but their tasks have not run in
 *	time (atomic)
 * @watched: there are, or were, pollers or parked commands (set once)
 * @lock: protects @waits and @waiting; no other lock is taken inside it
 * @waits: the waits of calls and commands (struct mq_wait), the oldest first
 * @waiting: length of @waits
 *
 * @misses, @rest and @called_at are hints, which any thread writes without a
 * lock.
 */
struct mq_side {
	unsigned long	spins;
	u32		misses;
	u32		rest;
	atomic_t	called;
	unsigned long	called_at;
	atomic_t	late;
	bool		watched;
	spinlock_t	lock;	/* @waits and @waiting */
	struct list_head waits;
	u32		waiting;
};

void mq_side_init(struct mq_side *side);
void mq_wait_begin(struct mq_side *side, struct mq_wait *w);
void mq_wait_end(struct mq_side *side, struct mq_wait *w);
void mq_wait_stat(struct mq_side *side, u64 *waiting, u64 *first_ms);

#endif /* MQ_WAIT_SIDE_H */
