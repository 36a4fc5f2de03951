// SPDX-License-Identifier: GPL-2.0
/*
 * What time does: delays end, messages expire, leases run out, and a queue that
 * nobody uses goes.
 *
 * mq_lock() does a portion of what is due by then; where that is not all, as much
 * was made for one moment, it has the queue's work run and goes on, for it may be
 * taken on behalf of somebody who has nothing to do with that.
 *
 * Nobody depends on how fast that work is. Who looks (STAT, PEEK, poll) waits until
 * all that is due has been done, and helps (mq_lock_looking). Who takes a message
 * does not take one that has expired, and who settles one finds that its lease is
 * over, though that has not been done yet. Who finds nothing to take, or no room,
 * while something is due tries again: each time a portion is done.
 */
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/entry.h"
#include "queue/clock.h"
#include "queue/dedup.h"
#include "queue/delivery.h"
#include "queue/due.h"
#include "queue/queue.h"
#include "queue/state.h"

/* The time that an entry waited for has come. */
static void mq_due_do_one(struct mq_queue *q, struct mq_entry *e)
{
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_IN_FLIGHT:
		mq_lease_expire_locked(q, e);
		break;
	case DEVMQ_STATE_DELAYED:
		mq_delay_over_locked(q, e);
		break;
	case DEVMQ_STATE_DEAD:
		mq_dead_expire_locked(q, e);
		break;
	default:
		mq_expire_locked(q, e);
	}
}

/* Do what is due, a portion of it. Return: there may be more. */
bool mq_due_do_locked(struct mq_queue *q)
{
	unsigned int n = 0, clock;

	lockdep_assert_held(&q->lock);
	for (clock = 0; clock < MQ_CLOCKS; clock++) {
		struct mq_clock *c = &q->clocks[clock];
		u64 now = mq_now(clock);

		while (c->next != MQ_NEVER && c->next <= now) {
			if (n++ == MQ_PORTION)
				return true;
			mq_due_do_one(q, mq_timer_first(c)->e);
		}
	}
	return false;
}

/* When the queue has been unused for too long, or MQ_NEVER. */
u64 mq_idle_end(const struct mq_queue *q)
{
	u64 ms = READ_ONCE(q->opt.expires_ms);

	if (!ms || q->gone || q->users)
		return MQ_NEVER;
	return mq_later(q->idle_since, ms * NSEC_PER_MSEC);
}

/* See to it that the timers go off for the next that is due. */
void mq_timers_arm_locked(struct mq_queue *q)
{
	struct mq_clock *c = q->clocks;
	u64 idle = MQ_NEVER;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return;
	/* One that is in use by others' dead stays until it no longer is. */
	if (hlist_empty(&q->sources))
		idle = mq_idle_end(q);
	mq_clock_arm(&c[MQ_REALTIME], c[MQ_REALTIME].next);
	mq_clock_arm(&c[MQ_BOOTTIME],
		     min3(c[MQ_BOOTTIME].next, idle, mq_dedup_next(q)));
}

/* The last who used the queue went, or how long it may be so changed. */
void mq_idle_locked(struct mq_queue *q)
{
	q->idle_since = mq_now(MQ_BOOTTIME);
	mq_timers_arm_locked(q);
}
