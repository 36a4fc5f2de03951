// SPDX-License-Identifier: GPL-2.0
/*
 * Check that the counters of a queue agree. A debug kernel does so at the end
 * of each hold of the lock, whichever way messages were sent and received in
 * it. So it reports at once if one of the short ways omits a step.
 */
#include <linux/bug.h>
#include <linux/lockdep.h>
#include <linux/devmq.h>

#include "queue/check.h"
#include "queue/queue.h"

#ifdef CONFIG_PROVE_LOCKING

void mq_check_locked(struct mq_queue *q)
{
	const struct devmq_stat *s = &q->stat;
	u64 here = s->ready + s->in_flight + s->delayed + s->deferred + s->dead +
		   s->retained;

	lockdep_assert_held(&q->lock);
	WARN_ONCE(q->stored != here, "%s: %llu messages are stored, not %llu\n",
		  q->name, here, q->stored);
	WARN_ONCE(!here && (s->bytes || q->ready_bytes),
		  "%s: no message has %llu bytes\n", q->name, s->bytes);
	/* Messages of a removed queue are freed without being counted. */
	if (q->gone)
		return;
	if (q->topic) {
		WARN_ONCE(here != s->retained || s->sent != s->routed + s->unrouted,
			  "%s: it routed other messages than were sent\n",
			  q->name);
		return;
	}
	WARN_ONCE(s->sent != here + s->acked + s->expired + s->dead_lettered +
			     s->dropped + s->purged,
		  "%s: the ends of its messages are not those that were sent\n",
		  q->name);
}

#endif
