// SPDX-License-Identifier: GPL-2.0
/*
 * What happens when its time has come: delays, times to live and leases end,
 * and an idle queue is removed.
 *
 * mq_lock() does a portion of what is due. If that is not all, since many
 * entries may wait for the same moment, it queues mq_queue.work for the rest:
 * the thread that takes the lock may have nothing to do with these entries.
 *
 * No result depends on how soon that work runs:
 *
 *   - A caller that shows the queue to somebody (STAT, PEEK, poll) takes the
 *     lock with mq_lock_current(), which does all that is due.
 *   - A receive does not take a message whose time to live is over, and
 *     SETTLE does not settle a delivery whose lease has expired.
 *   - A caller that finds no message or no room while something is due tries
 *     again. Each attempt does a portion.
 *   - A message whose delay has ended counts as ready since then
 *     (mq_delay_end_locked). No timer may be set for it: see clock.c.
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
#include "queue/retain.h"
#include "queue/state.h"

/* Do what is due for one entry: it is @now, and the time that it waited for has come. */
static void mq_due_do_one(struct mq_queue *q, struct mq_entry *e, u64 now)
{
	switch (mq_msg(e)->state) {
	case DEVMQ_STATE_IN_FLIGHT:
		mq_lease_expire_locked(q, e);
		break;
	case DEVMQ_STATE_DELAYED:
		mq_delay_end_locked(q, e, now);
		break;
	case DEVMQ_STATE_DEAD:
		mq_dead_expire_locked(q, e);
		break;
	case DEVMQ_STATE_RETAINED:
		mq_retain_bury_locked(q, e);
		break;
	default:
		mq_expire_locked(q, e);
	}
}

/* Do a portion of what is due. Return: true if there may be more. */
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
			mq_due_do_one(q, mq_timer_first(c)->e, now);
		}
	}
	return false;
}

/* Return when the queue will have been idle for expires_ms, or MQ_NEVER. */
u64 mq_idle_end(const struct mq_queue *q)
{
	u64 ms = READ_ONCE(q->opt.expires_ms);

	if (!ms || q->gone || q->users)
		return MQ_NEVER;
	return mq_later(q->idle_since, ms * NSEC_PER_MSEC);
}

/* Set the timers for the next time at which something is due. */
void mq_timers_arm_locked(struct mq_queue *q)
{
	struct mq_clock *c = q->clocks;
	u64 idle = MQ_NEVER;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return;
	/* A queue that is another one's dead-letter queue does not expire. */
	if (hlist_empty(&q->sources))
		idle = mq_idle_end(q);
	mq_clock_arm(&c[MQ_REALTIME], c[MQ_REALTIME].next);
	mq_clock_arm(&c[MQ_BOOTTIME],
		     min(min3(c[MQ_BOOTTIME].next, idle, mq_dedup_next(q)),
			 mq_retain_next(q)));
}

/* Start to measure how long the queue is idle, from now on. */
void mq_idle_locked(struct mq_queue *q)
{
	q->idle_since = mq_now(MQ_BOOTTIME);
	mq_timers_arm_locked(q);
}
