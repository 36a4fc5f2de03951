// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: read(2), RECV and poll, and records as they show messages.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "model/filter.h"
#include "model/messages.h"
#include "model/model.h"
#include "model/order.h"
#include "model/queues.h"
#include "model/receive.h"
#include "model/retain.h"
#include "model/send.h"
#include "model/states.h"

/* Fill in what a record says of a message. */
static void show_entry(const struct model_entry *e, struct model_seen *s)
{
	*s = (struct model_seen) {
		.id = e->id,
		.serial = e->size ? e->serial : 0,
		.size = e->size,
		.shown = e->size,
		.key = e->key,
		.header = e->header,
		.user = e->user,
		.attempt = e->attempt,
		.failures = e->failures,
		.failure = e->failure,
		.priority = e->priority,
		.state = e->state,
		.extra = e->reason || e->origin >= 0 || e->note_size ||
			 e->topic >= 0,
		.topic = e->topic,
		.topic_id = e->topic_id,
		.reason = e->reason,
		.origin = e->origin,
		.origin_id = e->origin_id,
		.note = e->note_size ? e->note : 0,
		.note_size = e->note_size,
		.sent = e->sent,
	};
}

/* Fill in the times of a delivery. */
static void show_times(const struct model_entry *e, struct model_seen *s)
{
	s->due = s->extra ? e->lease : 0;
	s->expires = s->extra ? e->expires : 0;
}

struct model_seen *add_seen(struct model_outcome *o,
			    const struct model_entry *e)
{
	struct model_seen *s = &o->seen[o->count];

	if (o->count == MODEL_SEEN)
		abort();
	o->count++;
	show_entry(e, s);
	return s;
}

/* The size of the record with everything in it. */
static __u64 record_step(const struct model_seen *s, const __u32 *name_size)
{
	__u64 size = sizeof(struct devmq_record) + key_size(s->key) +
		     headers_size(s->header);

	if (s->extra)
		size += sizeof(struct devmq_extra) + s->note_size +
			(s->origin >= 0 ? name_size[s->origin] : 0) +
			(s->topic >= 0 ? name_size[s->topic] : 0);
	return DEVMQ_ALIGN(DEVMQ_ALIGN(size) + s->shown);
}

/* Has the message used half of its deliveries?  Then it is delivered alone. */
static bool is_alone(const struct model_queue *q, const struct model_entry *e)
{
	__u64 most = q->option[OPT_MAX_DELIVERIES];

	return most && 2ULL * (e->failures - e->failures_before) >= most;
}

static bool holds_alone(const struct model_queue *q, int file)
{
	unsigned int i;

	for (i = 0; i < q->count; i++)
		if (q->entry[i].state == DEVMQ_STATE_IN_FLIGHT &&
		    q->entry[i].holder == file && q->entry[i].alone)
			return true;
	return false;
}

/* May the file receive anything at all? */
static bool may_receive(const struct model_queue *q, int file)
{
	const struct model_file *f = &q->file[file];
	int i;

	if (is_paused(q, PAUSED_RECEIVE) || holds_alone(q, file))
		return false;
	for (i = 0; option_is(q, OPT_SINGLE_ACTIVE, 1) && i < MODEL_FILES; i++)
		if (q->file[i].open && q->file[i].consumes &&
		    q->file[i].joined < f->joined)
			return false;
	return f->ack == DEVMQ_ACK_AUTO || !f->prefetch ||
	       held_count(q, file) < f->prefetch;
}

static bool at_end(const struct model_queue *q)
{
	if (count_state(q, DEVMQ_STATE_READY))
		return false;
	return option_is(q, OPT_EOF, EOF_EMPTY) ||
	       (option_is(q, OPT_EOF, EOF_HANGUP) && !q->stat.producers);
}

/*
 * The next message for a file, or NULL and the reason in @error (0: end of
 * file).
 */
static struct model_entry *next_entry_for(struct model_queue *q, int file,
					  int *error)
{
	struct model_entry *e = NULL;

	*error = -EAGAIN;
	if (!may_receive(q, file))
		return NULL;
	e = next_ready(q);
	if (e && is_alone(q, e) && held_count(q, file))
		return NULL;
	if (e || at_end(q))
		*error = 0;
	return e;
}

/*
 * order=key: do other messages of its key wait for this one from now on?  Not
 * if it was deferred and another one is in flight: then it is outside of the
 * order.
 */
static bool holds_key_from_now(const struct model_queue *q,
			       const struct model_entry *e)
{
	unsigned int i;

	if (option_is(q, OPT_ORDER, ORDER_FIFO) || e->key < 0)
		return false;
	for (i = 0; i < q->count; i++)
		if (&q->entry[i] != e && q->entry[i].key == e->key &&
		    q->entry[i].has_key)
			return false;
	return true;
}

static void deliver(struct model *m, struct model_queue *q, int file,
		    struct model_entry *e)
{
	struct model_file *f = &q->file[file];

	/*
	 * Each delivery gets a later time, as leases end in the order of
	 * deliveries.
	 */
	m->now++;
	e->state = DEVMQ_STATE_IN_FLIGHT;
	e->holder = file;
	e->alone = is_alone(q, e);
	e->lease = f->lease ? m->now + f->lease : 0;
	e->has_key = holds_key_from_now(q, e);
	if (e->turn > q->turn[e->priority])
		q->turn[e->priority] = e->turn;
	q->stat.delivered++;
	if (e->attempt++)
		q->stat.redelivered++;
}

void acknowledge_entry(struct model_queue *q, struct model_entry *e)
{
	clear_flight(q, e);
	q->stat.acked++;
	remove_entry(q, e);
}

void call_read(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e = NULL;
	__u32 i;

	if (model_is_topic(c->queue)) {
		topic_read(m, q, c, o);
		return;
	}
	if (!c->size)
		return;
	o->error = become_consumer(m, q, f);
	if (o->error)
		return;
	if (f->stale) {
		f->stale = false;
		o->error = -ESTALE;
		return;
	}
	if (f->partial)
		e = find_entry(q, f->partial);
	if (!e) {
		e = next_entry_for(q, c->file, &o->error);
		if (!e)
			return;
		deliver(m, q, c->file, e);
		f->partial = e->id;
		f->partial_done = 0;
	}
	f->last_id = e->id;
	for (i = 0; f->partial_done < e->size && i < c->size; i++)
		o->data[i] = model_byte(e->serial, f->partial_done++);
	o->result = i;
	if (f->partial_done < e->size)
		return;
	f->partial = 0;
	if (f->ack == DEVMQ_ACK_AUTO)
		acknowledge_entry(q, e);
}

void call_recv(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	__u64 used = 0, ids[MODEL_SEEN];
	unsigned int i;

	o->error = become_consumer(m, q, f);
	if (o->error)
		return;
	while (!c->count || o->count < c->count) {
		struct model_entry *e = next_entry_for(q, c->file, &o->error);
		struct model_seen *s;
		__u64 step;

		if (!e)
			break;
		s = add_seen(o, e);
		step = record_step(s, c->name_size);
		if (used + step > c->size) {
			o->count--;
			if (!o->count)
				o->first = step;
			o->error = -EMSGSIZE;
			break;
		}
		used += step;
		deliver(m, q, c->file, e);
		show_entry(e, s);
		show_times(e, s);
		ids[o->count - 1] = e->id;
		f->last_id = e->id;
	}
	if (o->count)
		o->error = 0;
	o->result = used;
	for (i = 0; f->ack == DEVMQ_ACK_AUTO && i < o->count; i++)
		acknowledge_entry(q, find_entry(q, ids[i]));
}

void call_recv_id(struct model *m, struct model_queue *q,
		  const struct model_call *c, struct model_outcome *o)
{
	struct model_entry *e = find_entry(q, c->id);
	struct model_file *f = &q->file[c->file];
	struct model_seen *s;
	__u64 step;

	o->error = become_consumer(m, q, f);
	if (o->error)
		return;
	if (!may_receive(q, c->file)) {
		o->error = -EAGAIN;
		return;
	}
	if (!e || e->state != DEVMQ_STATE_DEFERRED) {
		o->error = -ENOENT;
		return;
	}
	if (is_alone(q, e) && held_count(q, c->file)) {
		o->error = -EAGAIN;
		return;
	}
	s = add_seen(o, e);
	step = record_step(s, c->name_size);
	if (step > c->size) {
		o->count = 0;
		o->first = step;
		o->error = -EMSGSIZE;
		return;
	}
	o->result = step;
	deliver(m, q, c->file, e);
	show_entry(e, s);
	show_times(e, s);
	f->last_id = e->id;
	if (f->ack == DEVMQ_ACK_AUTO)
		acknowledge_entry(q, e);
}

void call_poll(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	struct model_file *f = &q->file[c->file];
	struct model_entry *e = NULL;
	int error = -EAGAIN;

	if (model_is_topic(c->queue)) {
		topic_poll(m, q, c, o);
		return;
	}
	if (f->writes)
		become_producer(q, f);
	if (f->reads && become_consumer(m, q, f))
		o->flags |= POLLIN | POLLERR;
	if (f->reads && f->partial)
		o->first = find_entry(q, f->partial)->size - f->partial_done;
	if (f->consumes)
		e = next_entry_for(q, c->file, &error);
	if (e && !f->partial)
		o->first = e->size;
	if (f->consumes && (!error || f->partial || f->stale))
		o->flags |= POLLIN;
	if (f->writes && !is_paused(q, PAUSED_SEND) &&
	    (!option_is(q, OPT_OVERFLOW, OVERFLOW_BLOCK) ||
	     has_room(q, f->wants ? f->wants : 1)))
		o->flags |= POLLOUT;
}
