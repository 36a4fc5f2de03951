/* SPDX-License-Identifier: GPL-2.0 */
/* What every floor of the module uses: see README. */
#ifndef MQ_BASE_H
#define MQ_BASE_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include "base/compat.h"

/* A time that does not come. */
#define MQ_NEVER	U64_MAX

/* How many entries one hold of the lock moves, where there may be many. */
#define MQ_PORTION	64

/*
 * Charged to the sender's cgroup. Where there is no memory the sender gets
 * ENOMEM; nobody is killed for it.
 */
#define MQ_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * Is the caller to go, so that nobody hears of what he does? A call that takes
 * long ends then, from io_uring too. The last close goes on.
 */
static inline bool mq_dying(void)
{
	return fatal_signal_pending(current) || current->flags & PF_EXITING;
}

/*
 * Counters that are looked at without the lock, as hints. On 64 bits this is one
 * instruction, so they are seen whole, and a volatile access would make it three.
 */
static inline void mq_count(u64 *counter, s64 by)
{
	*counter += by;
}

/*
 * As list_add_tail() and list_del(), which on many kernels look whether the
 * neighbours are sound: for each message that is a tenth of all that is done.
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
