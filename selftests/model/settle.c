// SPDX-License-Identifier: GPL-2.0
/*
 * SETTLE and CONSUMER.
 */
#include <errno.h>
#include <stdbool.h>

#include "model/messages.h"
#include "model/model.h"
#include "model/queues.h"
#include "model/receive.h"
#include "model/settle.h"
#include "model/states.h"

static bool range_ok(const struct model_range *r)
{
	if (r->action < DEVMQ_ACTION_ACK || r->action > DEVMQ_ACTION_DEFER ||
	    !r->first || r->last < r->first)
		return false;
	if (r->delay && r->action != DEVMQ_ACTION_RETRY &&
	    r->action != DEVMQ_ACTION_EXTEND)
		return false;
	if (r->reason && r->action != DEVMQ_ACTION_REJECT)
		return false;
	if (r->note_size && r->action != DEVMQ_ACTION_REJECT &&
	    r->action != DEVMQ_ACTION_RETRY)
		return false;
	return r->note_size <= DEVMQ_NOTE_MAX &&
	       (!r->reason || r->reason >= DEVMQ_REASON_USER);
}

static void extend(struct model *m, struct model_entry *e, __u64 lease)
{
	e->lease = lease && lease != DEVMQ_FOREVER ? m->now + lease : 0;
}

/* Settle one delivery.  Returns true if the message is dead. */
static bool settle(struct model *m, struct model_queue *q,
		   struct model_entry *e, const struct model_range *r)
{
	struct model_file *f = &q->file[e->holder];
	__u64 delay;

	switch (r->action) {
	case DEVMQ_ACTION_ACK:
		acknowledge_entry(q, e);
		break;
	case DEVMQ_ACTION_RELEASE:
		if (m->mutation != MUTATION_RELEASE_COUNTS)
			e->attempt--;
		return_entry(m, q, e, DEVMQ_STATE_READY, 0);
		break;
	case DEVMQ_ACTION_RETRY:
		delay = r->delay ? r->delay :
				     retry_delay(q, e, e->failures);
		return fail_delivery(m, q, e, DEVMQ_FAILURE_RETRY, r, delay);
	case DEVMQ_ACTION_REJECT:
		set_note(e, r);
		return make_dead(m, q, e, r->reason ? r->reason :
			   DEVMQ_REASON_REJECTED, retry_delay(q, e, e->failures));
	case DEVMQ_ACTION_EXTEND:
		extend(m, e, r->delay ? r->delay : f->lease);
		break;
	case DEVMQ_ACTION_DEFER:
		return_entry(m, q, e, DEVMQ_STATE_DEFERRED, 0);
		break;
	}
	return false;
}

void call_settle(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o)
{
	struct model_entry *e;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		if (!range_ok(&c->range[i])) {
			o->error = -EINVAL;
			return;
		}
	}
	for (i = 0; i < c->count; i++) {
		const struct model_range *r = &c->range[i];
		__u64 id = r->first - 1;

		while ((e = find_held(q, c->file, id, r->last))) {
			id = e->id;
			o->range[i].dead += settle(m, q, e, r);
			/*
			 * Leases end in the order in which they were extended.
			 */
			m->now++;
			o->range[i].settled++;
			o->result++;
		}
		if (!o->range[i].settled) {
			o->range[i].error = -ESTALE;
			o->error = -ESTALE;
		}
	}
}

void call_consumer(struct model *m, struct model_queue *q,
		   const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];

	if (c->set && c->ack > DEVMQ_ACK_MANUAL) {
		o->error = -EINVAL;
		return;
	}
	o->error = become_consumer(m, q, f);
	if (o->error)
		return;
	if (c->set && c->ack != f->ack && held_count(q, c->file)) {
		o->error = -EBUSY;
		return;
	}
	if (c->set) {
		f->ack = c->ack;
		f->prefetch = c->prefetch;
		f->lease = c->lease;
	}
	o->result = f->ack;
	o->flags = f->prefetch;
	o->first = f->lease;
	o->held = held_count(q, c->file);
	o->last = f->last_id;
}
