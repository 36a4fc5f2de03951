/* SPDX-License-Identifier: GPL-2.0 */
/* Clocks and the entries that wait for them: see clock.c. */
#ifndef MQ_QUEUE_CLOCK_H
#define MQ_QUEUE_CLOCK_H

#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#include "base/base.h"
#include "memory/entry.h"
#include "queue/parts.h"

struct mq_queue;

extern u64 mq_suspended_ticks;

u64 mq_ticks_age(u64 since);
u64 mq_now(enum mq_clocks clock);
u64 mq_later(u64 now, u64 ns);
struct mq_detail *mq_timer_first(const struct mq_clock *c);
void mq_clock_arm(struct mq_clock *c, u64 when);
void mq_timers_ask(struct mq_queue *q);
void mq_timer_part_locked(struct mq_queue *q, struct mq_entry *e);
void mq_timer_set_locked(struct mq_queue *q, struct mq_entry *e,
			 enum mq_clocks clock, u64 when);
void mq_timer_clear_locked(struct mq_queue *q, struct mq_entry *e);
void mq_timer_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e);
bool mq_has_due(const struct mq_queue *q);
void mq_queue_work_start(struct mq_queue *q);
void mq_clocks_start(struct mq_queue *q);
void mq_clocks_stop(struct mq_queue *q);
int mq_clock_init(void);
void mq_clock_exit(void);

/*
 * Return the current time in jiffies. This clock is coarse and very cheap to
 * read. Like CLOCK_BOOTTIME, it goes on while the machine is suspended, and
 * setting the time of day does not change it.
 */
static inline u64 mq_ticks(void)
{
	return get_jiffies_64() + READ_ONCE(mq_suspended_ticks);
}

/*
 * Return true if the time to live of an entry that is ready or deferred has
 * expired, although mq_expire_locked() has not removed the entry yet.
 */
static inline bool mq_has_expired(const struct mq_entry *e)
{
	u64 expires = mq_entry_expires(e);

	return unlikely(expires != MQ_NEVER) && expires <= mq_now(MQ_BOOTTIME);
}

#endif /* MQ_QUEUE_CLOCK_H */
