/* SPDX-License-Identifier: GPL-2.0 */
/* What all folders of the module use: see README. */
#ifndef MQ_BASE_H
#define MQ_BASE_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include "base/compat.h"

/* A point in time that is never reached. */
#define MQ_NEVER	U64_MAX

/* How many entries a loop handles before it drops its lock or reschedules. */
#define MQ_PORTION	64

/*
 * For memory that a sender causes to be allocated: charge it to the sender's
 * memory cgroup, and fail with ENOMEM instead of invoking the OOM killer.
 */
#define MQ_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* The same without waiting for memory that others have. */
#define MQ_GFP_AT_ONCE	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN)

/*
 * The same for memory by which more becomes free: a memory cgroup that is full goes beyond
 * its bound for that.
 */
#define MQ_GFP_TO_FREE	(GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN)

/*
 * Return true if the caller is being killed or exits, so that nobody will see
 * the result of its call. Long loops end early then, also those of commands
 * that io_uring runs in an exiting task. The last close of a file does not.
 */
static inline bool mq_dying(void)
{
	return fatal_signal_pending(current) || current->flags & PF_EXITING;
}

/*
 * Add to a counter. The caller holds the lock that protects the counter; others
 * read it without the lock, as a hint. On 64-bit machines the addition is one
 * instruction, so they never see a torn value. WRITE_ONCE() would make it three
 * instructions.
 */
static inline void mq_count(u64 *counter, s64 by)
{
	*counter += by;
}

/*
 * Like list_add_tail() and list_del(), but without the checks of the neighbours
 * that many kernels are configured with. Done for each message, these checks
 * would take a tenth of the time that it takes to send and receive one.
 */
static inline void mq_list_append(struct list_head *new, struct list_head *head)
{
	struct list_head *last = head->prev;

	new->next = head;
	new->prev = last;
	last->next = new;
	head->prev = new;
}

static inline void mq_list_remove(struct list_head *entry)
{
	__list_del(entry->prev, entry->next);
}

#endif /* MQ_BASE_H */
