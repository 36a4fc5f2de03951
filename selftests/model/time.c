// SPDX-License-Identifier: GPL-2.0
/*
 * What time does: delays, leases and times to live that are over.
 */
#include <stdbool.h>

#include "model/limits.h"
#include "model/retain.h"
#include "model/states.h"
#include "model/time.h"

/* When the next event of a message is due. */
static __u64 entry_deadline(const struct model *m, const struct model_entry *e)
{
	__u64 when = DEVMQ_FOREVER;

	switch (e->state) {
	case DEVMQ_STATE_IN_FLIGHT:
		return e->lease ? e->lease : when;
	case DEVMQ_STATE_DEAD:
		return when;
	case DEVMQ_STATE_RETAINED:
		return e->due ? e->due : when;
	case DEVMQ_STATE_DELAYED:
		when = e->due;
		break;
	}
	if (e->expires && e->expires < when &&
	    m->mutation != MUTATION_TTL_FOR_EVER)
		when = e->expires;
	return when;
}

/* The message of a queue that has the earliest event. */
static struct model_entry *queue_event(const struct model *m, int queue)
{
	const struct model_queue *q = &m->queue[queue];
	struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (entry_deadline(m, e) != DEVMQ_FOREVER &&
		    (!best || entry_deadline(m, e) < entry_deadline(m, best)))
			best = e;
	}
	return best;
}

/* The message with the earliest event of all queues, and its queue. */
static struct model_entry *next_event(const struct model *m, int *queue)
{
	struct model_entry *best = NULL;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_entry *e = queue_event(m, i);

		if (!e || (best && entry_deadline(m, e) >=
				   entry_deadline(m, best)))
			continue;
		best = e;
		*queue = i;
	}
	return best;
}

static void apply_event(struct model *m, struct model_queue *q,
			struct model_entry *e)
{
	struct model_file *f = &q->file[e->holder];

	if (e->state == DEVMQ_STATE_IN_FLIGHT) {
		f->stale |= f->partial == e->id;
		fail_delivery(m, q, e, DEVMQ_FAILURE_LEASE, NULL, 0);
	} else if (e->state == DEVMQ_STATE_RETAINED) {
		bury(q, e);
	} else if (is_expired(m, e)) {
		expire_entry(m, q, e);
	} else {
		make_ready(m, q, e);
	}
}

bool model_is_due(const struct model *m, int queue, __u64 now)
{
	const struct model_entry *e = queue_event(m, queue);

	return e && entry_deadline(m, e) <= now;
}

bool model_may_be_late(const struct model *m, int queue, __u64 now)
{
	const struct model_entry *e = queue_event(m, queue);

	return e && e->expires > entry_deadline(m, e) && e->expires <= now;
}

void model_step(struct model *m, int queue, __u64 now, bool late)
{
	struct model_entry *e = queue_event(m, queue);

	m->now = entry_deadline(m, e);
	m->noticed = late ? now : 0;
	apply_event(m, &m->queue[queue], e);
	catch_up(m);
	m->noticed = 0;
}

void model_pass(struct model *m, __u64 now)
{
	int queue;

	while (model_deadline(m) <= now) {
		next_event(m, &queue);
		model_step(m, queue, now, false);
	}
	m->now = now;
}

__u64 model_deadline(const struct model *m)
{
	int queue;
	struct model_entry *e = next_event(m, &queue);

	return e ? entry_deadline(m, e) : DEVMQ_FOREVER;
}

static __u64 window_end(const struct model_queue *q,
			const struct model_dedup *d)
{
	return d->sent + q->option[OPT_DEDUP_WINDOW_MS] * MS;
}

bool is_in_window(const struct model *m, const struct model_queue *q,
		  const struct model_dedup *d)
{
	return window_end(q, d) > m->now;
}

/*
 * The later of @last and @end, if something that lasts from @start to @end ends
 * between @from and @to.
 */
static __u64 later_end(__u64 last, __u64 start, __u64 end, __u64 from, __u64 to)
{
	return start <= to && end >= from && end > last ? end : last;
}

__u64 model_silent_end(const struct model *m, __u64 from, __u64 to)
{
	const struct model_queue *q;
	__u64 end, last = 0;
	unsigned int i;

	for (q = m->queue; q < m->queue + MODEL_QUEUES; q++) {
		for (i = 0; i < q->dedups; i++) {
			end = window_end(q, &q->dedup[i]);
			last = later_end(last, end, end + q->dedup[i].late,
					 from, to);
		}
		for (i = 0; i < q->count; i++) {
			end = q->entry[i].expires;
			if (end && q->entry[i].state == DEVMQ_STATE_IN_FLIGHT)
				last = later_end(last, end, end, from, to);
		}
	}
	return last;
}
