// SPDX-License-Identifier: GPL-2.0
/*
 * What time did in several queues may have happened in more than one order: finding
 * an order in which the model and the kernel agree.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "helpers/clock.h"
#include "helpers/process.h"
#include "play/compare.h"
#include "play/orders.h"
#include "play/pace.h"
#include "play/world.h"

/* The most orders of events that are tried. */
#define ORDERS_MAX	2000

static bool is_same_origin(const struct model_entry *e,
			   const struct model_seen *s)
{
	return e->origin == s->origin && e->origin_id == s->origin_id;
}

void swap_entries(struct model_entry *a, struct model_entry *b)
{
	struct model_entry was = *a;
	__u64 id = b->id;

	*a = *b;
	a->id = was.id;
	*b = was;
	b->id = id;
}

/*
 * Messages that came from another queue since @before may have come in any
 * order: take the order that the kernel shows.
 */
static void order_arrivals(const struct world *w, struct model *m)
{
	unsigned int i, j, k;

	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_queue *q = &m->queue[i];
		const struct model_outcome *o = &w->state[i];
		__u64 last = w->before.queue[i].last_id;

		for (j = 0; q->exists && j < q->count; j++) {
			if (q->entry[j].id <= last || j >= o->count)
				continue;
			for (k = j; k < q->count; k++)
				if (is_same_origin(&q->entry[k], &o->seen[j]))
					break;
			if (k < q->count)
				swap_entries(&q->entry[j], &q->entry[k]);
		}
	}
}

/*
 * Find an order of the queues' due events, each queue's in the order of time,
 * that leads the model to the kernel's state.  If there is one, the model
 * adopts it.
 */
static bool find_order(struct world *w, const struct model *from, __u64 now,
		       unsigned int *orders)
{
	struct model *m = calloc(1, sizeof(*m));
	bool found = false, any = false;
	int i, late;

	if (!m)
		abort();
	for (i = 0; i < MODEL_QUEUES && !found; i++) {
		if (!model_is_due(from, i, now))
			continue;
		any = true;
		for (late = 0; late <= model_may_be_late(from, i, now); late++) {
			model_copy(m, from);
			model_step(m, i, now, late);
			found = found || (*orders &&
					  find_order(w, m, now, orders));
		}
	}
	if (!any) {
		--*orders;
		model_copy(m, from);
		m->now = now;
		order_arrivals(w, m);
		found = state_matches(w, m, false);
		if (found)
			model_copy(&w->model, m);
	}
	model_reset(m);
	free(m);
	return found;
}

/* Is a dead message on its way to another queue? */
static bool has_message_in_transit(const struct world *w)
{
	struct devmq_stat stat;
	__u64 balance = 0;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!w->model.queue[i].exists)
			continue;
		model_stat(&w->model, i, &stat);
		balance += w->stat[i].sent - w->stat[i].dead_lettered;
		balance -= stat.sent - stat.dead_lettered;
		/* A tombstone whose time is over, and what it lets catch up. */
		balance += w->stat[i].trimmed - stat.trimmed;
	}
	return balance;
}

enum verdict match_passed_time(struct world *w, bool verbose)
{
	__u64 end = mq_now_ms() + w->patience_ms, now;
	unsigned int orders = ORDERS_MAX;
	struct model *m = &w->model;
	__u64 passed = m->now;

	observe_state(w);
	while (has_message_in_transit(w) && mq_now_ms() < end &&
	       model_deadline(m) > now_ns(w)) {
		mq_sleep_ms(1);
		observe_state(w);
	}
	now = now_ns(w);
	if (model_deadline(m) <= now)
		return MORE;
	if (now - w->first > kernel_lag_ns)
		kernel_lag_ns = now - w->first;
	if (!state_matches(w, m, false)) {
		/* A short duration that began then may be over. */
		if (now >= w->first + short_ms * NSEC_PER_MSEC)
			return TOO_SLOW;
		if (!find_order(w, &w->before, passed, &orders)) {
			if (!orders)
				return TOO_SLOW;
			state_matches(w, m, verbose);
			return DIFFERED;
		}
		w->reordered++;
	}
	adopt_times(w);
	return AGREED;
}
