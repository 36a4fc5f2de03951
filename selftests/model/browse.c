// SPDX-License-Identifier: GPL-2.0
/*
 * PEEK, PURGE and REDRIVE.
 */
#include <errno.h>
#include <stdbool.h>

#include "model/browse.h"
#include "model/model.h"
#include "model/order.h"
#include "model/receive.h"
#include "model/retain.h"
#include "model/send.h"
#include "model/states.h"

void call_peek(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];
		struct model_seen *s;

		if (e->id <= c->id ||
		    (c->states && !(c->states & DEVMQ_STATE_MASK(e->state))))
			continue;
		s = add_seen(o, e);
		s->extra = true;
		if (s->shown > c->payload_max)
			s->shown = c->payload_max;
		s->expires = e->expires;
		/* When the message will be ready, or expire. */
		if (e->state == DEVMQ_STATE_DELAYED)
			s->due = e->expires && e->expires < e->due ?
				 e->expires : e->due;
		if (e->state == DEVMQ_STATE_IN_FLIGHT) {
			s->due = e->lease;
			s->held = true;
		}
		if (c->count && o->count == c->count)
			return;
	}
}

void call_purge(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o)
{
	__u64 last = c->last ? c->last : ~0ULL;
	unsigned int i = 0;

	if (last < c->first) {
		o->error = -EINVAL;
		return;
	}
	while (i < q->count) {
		struct model_entry *e = &q->entry[i];

		if (e->id < c->first || e->id > last ||
		    (e->state == DEVMQ_STATE_IN_FLIGHT &&
		     m->mutation != MUTATION_PURGE_FLYING) ||
		    (c->states && !(c->states & DEVMQ_STATE_MASK(e->state))) ||
		    e->sent + c->age > m->now) {
			i++;
			continue;
		}
		o->result++;
		if (model_is_topic(c->queue)) {
			drop_retained(q, e);
			continue;
		}
		q->stat.purged++;
		forget_dedup(q, e->id);
		remove_entry(q, e);
	}
}

/* A redriven message starts anew: earlier failures do not count any more. */
static void reset_failures(struct model_entry *e)
{
	e->failures = 0;
	e->failures_before = 0;
	e->failure = DEVMQ_FAILURE_NONE;
	e->reason = DEVMQ_REASON_NONE;
	e->note_size = 0;
	e->origin = -1;
	e->origin_id = 0;
	e->expires = 0;
	e->buried = false;
}

void call_redrive(struct model *m, struct model_queue *q,
		  const struct model_call *c, struct model_outcome *o)
{
	__u64 last = c->last ? c->last : ~0ULL;
	int here = q - m->queue;
	unsigned int i = 0;

	if (last < c->first) {
		o->error = -EINVAL;
		return;
	}
	if (c->set && !m->queue[c->target_queue].file[c->target_file].writes) {
		o->error = -EBADF;
		return;
	}
	while (i < q->count) {
		struct model_entry *e = &q->entry[i];
		bool away = e->origin >= 0 && e->origin != here;
		int to = c->set ? c->target_queue : away ? e->origin : here;

		if (e->id < c->first || e->id > last ||
		    !(e->state == DEVMQ_STATE_DEAD ||
		      (e->buried && (e->state == DEVMQ_STATE_READY ||
				     e->state == DEVMQ_STATE_DEFERRED)))) {
			i++;
			continue;
		}
		if (!m->queue[to].exists ||
		    (!c->set && away && e->origin_life != m->life[to])) {
			o->first++;
			i++;
			continue;
		}
		o->result++;
		reset_failures(e);
		if (to == here) {
			e->state = DEVMQ_STATE_READY;
			assign_turns(q);
			i++;
			continue;
		}
		q->stat.purged++;
		move_entry(m, q, e, &m->queue[to], false);
	}
}
