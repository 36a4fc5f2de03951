/* SPDX-License-Identifier: GPL-2.0 */
/* Who waits, for the counters: see side.c. */
#ifndef MQ_WAIT_SIDE_H
#define MQ_WAIT_SIDE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct mq_wait - somebody waits for a message or for room, from one try to the
 *		    next
 * @link: in mq_side.waits
 * @since: when that began, CLOCK_BOOTTIME; 0: it has not
 */
struct mq_wait {
	struct list_head	link;
	u64			since;
};

/**
 * struct mq_side - the readers or the writers of a queue: who is about to act
 * @spins: bit 0: somebody looks for a while before he sleeps (atomic)
 * @misses: how many waits went to sleep at once after the last time that was in
 *	vain; 0: it was not
 * @rest: how many still do
 * @called: how many sleepers were woken and have not tried yet (atomic)
 * @called_at: when that was last, in jiffies
 * @late: how many commands of io_uring were woken, but their tasks have not come
 *	in time (atomic)
 * @watched: there are pollers, or commands of io_uring (set once)
 * @lock: protects the next two; nothing is locked inside of it
 * @waits: who waits in a call, or as a command, in the order of their coming
 * @waiting: how many those are
 *
 * @misses, @rest and @called_at are hints, written by whoever comes by.
 */
struct mq_side {
	unsigned long	spins;
	u32		misses;
	u32		rest;
	atomic_t	called;
	unsigned long	called_at;
	atomic_t	late;
	bool		watched;
	spinlock_t	lock;	/* the next two */
	struct list_head waits;
	u32		waiting;
};

void mq_side_init(struct mq_side *side);
void mq_wait_begin(struct mq_side *side, struct mq_wait *w);
void mq_wait_end(struct mq_side *side, struct mq_wait *w);
void mq_wait_stat(struct mq_side *side, u64 *waiting, u64 *first_ms);

#endif /* MQ_WAIT_SIDE_H */
