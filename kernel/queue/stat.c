// SPDX-License-Identifier: GPL-2.0
/* The counters of a queue. */
#include <linux/ktime.h>
#include <linux/devmq.h>

#include "memory/entry.h"
#include "queue/ages.h"
#include "queue/clock.h"
#include "queue/lock.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/retain.h"
#include "queue/stat.h"
#include "wait/side.h"

/*
 * Copy a snapshot of the counters. Return: 0, or ENODEV if the queue was
 * removed.
 */
int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s)
{
	u32 size = s->size, flags = s->flags;
	struct mq_entry *e;
	bool gone;

	mq_lock_current(q);
	gone = q->gone;
	*s = q->stat;
	s->newest_id = q->next_id - 1;
	if (q->topic)
		mq_retain_stat_locked(q, s);
	e = q->order ? mq_order_first(q) : mq_ready_first(&q->ready);
	if (e)
		s->oldest_ms = div_u64(mq_ticks_age(mq_msg(e)->since),
				       NSEC_PER_MSEC);
	if (!q->topic)
		s->oldest_in_flight_ms = div_u64(mq_ages_oldest(&q->hold_ages),
						 NSEC_PER_MSEC);
	mq_unlock(q);
	mq_wait_stat(&q->gate.tx, &s->waiting_senders, &s->sender_wait_ms);
	mq_wait_stat(&q->gate.rx, &s->waiting_receivers, &s->receiver_wait_ms);
	s->size = size;
	s->flags = flags;
	return gone ? -ENODEV : 0;
}
