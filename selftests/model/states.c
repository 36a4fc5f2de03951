// SPDX-License-Identifier: GPL-2.0
/*
 * How a message gets from one state to another, and how it dies.
 */
#include <stdbool.h>

#include "model/limits.h"
#include "model/messages.h"
#include "model/order.h"
#include "model/states.h"

void clear_flight(struct model_queue *q, struct model_entry *e)
{
	struct model_file *f = &q->file[e->holder];

	if (e->state == DEVMQ_STATE_IN_FLIGHT && f->partial == e->id)
		f->partial = 0;
	e->lease = 0;
}

void make_ready(struct model *m, struct model_queue *q, struct model_entry *e)
{
	e->state = DEVMQ_STATE_READY;
	e->due = 0;
	if (e->ttl)
		e->expires = m->now + e->ttl;
	e->ttl = 0;
	assign_turns(q);
}

void move_entry(const struct model *m, struct model_queue *q,
		struct model_entry *e, struct model_queue *to, bool buried)
{
	struct model_entry copy = *e;

	remove_entry(q, e);
	copy.state = DEVMQ_STATE_READY;
	copy.attempt = 0;
	copy.due = 0;
	copy.ttl = 0;
	copy.expires = buried && to->option[OPT_TTL_MS] ?
		       m->now + to->option[OPT_TTL_MS] * MS : 0;
	copy.has_key = false;
	copy.turn = 0;
	copy.buried = buried;
	if (copy.priority >= to->option[OPT_PRIORITIES])
		copy.priority = to->option[OPT_PRIORITIES] - 1;
	append_entry(to, &copy);
	assign_turns(to);
}

void set_note(struct model_entry *e, const struct model_range *r)
{
	e->note = r ? r->note : 0;
	e->note_size = r ? r->note_size : 0;
}

bool make_dead(struct model *m, struct model_queue *q, struct model_entry *e,
	       __u32 reason, __u64 delay)
{
	struct model_queue *to = dead_letter_of(m, q);

	if (to && !has_room_for_dead(to, e->bytes))
		to = NULL;
	clear_flight(q, e);
	e->due = 0;
	e->ttl = 0;
	e->expires = 0;
	if (!to && count_state(q, DEVMQ_STATE_DEAD) >=
		   q->option[OPT_MAX_DEAD]) {
		e->state = delay > MODEL_INSTANT ? DEVMQ_STATE_DELAYED :
						   DEVMQ_STATE_READY;
		e->due = delay > MODEL_INSTANT ? m->now + delay : 0;
		q->stat.dead_refused++;
		assign_turns(q);
		return false;
	}
	e->reason = reason;
	e->has_key = false;
	if (!to) {
		e->state = DEVMQ_STATE_DEAD;
		assign_turns(q);
		return true;
	}
	if (e->origin < 0 && m->mutation != MUTATION_LOSE_ORIGIN) {
		e->origin = q - m->queue;
		e->origin_life = m->life[e->origin];
		e->origin_id = e->id;
	}
	e->failures_before = e->failures;
	q->stat.dead_lettered++;
	move_entry(m, q, e, to, true);
	return true;
}

void expire_entry(struct model *m, struct model_queue *q, struct model_entry *e)
{
	if (option_is(q, OPT_ON_EXPIRY, EXPIRY_DEAD)) {
		make_dead(m, q, e, DEVMQ_REASON_EXPIRED, 0);
		return;
	}
	clear_flight(q, e);
	q->stat.expired++;
	remove_entry(q, e);
}

bool is_expired(const struct model *m, const struct model_entry *e)
{
	return e->expires && e->expires <= (m->noticed ?: m->now) &&
	       m->mutation != MUTATION_TTL_FOR_EVER;
}

void return_entry(struct model *m, struct model_queue *q, struct model_entry *e,
		  __u32 state, __u64 due)
{
	clear_flight(q, e);
	if (is_expired(m, e)) {
		expire_entry(m, q, e);
		return;
	}
	e->state = state;
	e->due = due;
	if (m->mutation == MUTATION_RETURN_TO_END)
		e->turn++;
	if (state == DEVMQ_STATE_DEFERRED)
		e->has_key = false;
	assign_turns(q);
}

__u64 retry_delay(const struct model_queue *q, const struct model_entry *e,
		  __u32 failures)
{
	__u64 delay = q->option[OPT_RETRY_MS];
	__u64 most = q->option[OPT_RETRY_MAX_MS];
	__u32 i;

	most = most ? most : MODEL_MS_MAX;
	most = most < delay ? delay : most;
	for (i = e->failures_before; i < failures && delay < most; i++)
		delay *= q->option[OPT_RETRY_BACKOFF];
	return (delay < most ? delay : most) * MS;
}

bool fail_delivery(struct model *m, struct model_queue *q,
		   struct model_entry *e, __u32 failure,
		   const struct model_range *r, __u64 delay)
{
	__u64 most = q->option[OPT_MAX_DELIVERIES];
	__u32 here;

	e->failures++;
	e->failure = failure;
	set_note(e, r);
	here = e->failures - e->failures_before;
	if (m->mutation == MUTATION_ONE_MORE)
		here--;
	if (most && here >= most)
		return make_dead(m, q, e, DEVMQ_REASON_FAILURES, delay ? delay :
			   retry_delay(q, e, e->failures - 1));
	if (delay > MODEL_INSTANT)
		return_entry(m, q, e, DEVMQ_STATE_DELAYED, m->now + delay);
	else
		return_entry(m, q, e, DEVMQ_STATE_READY, 0);
	return false;
}
