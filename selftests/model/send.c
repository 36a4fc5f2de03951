// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: write(2) and SEND, and making room for it.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "model/filter.h"
#include "model/limits.h"
#include "model/messages.h"
#include "model/model.h"
#include "model/order.h"
#include "model/queues.h"
#include "model/send.h"
#include "model/states.h"
#include "model/time.h"
#include "model/topics.h"

/*
 * The oldest ready message of the lowest priority that leaves room when it
 * goes.
 */
static struct model_entry *oldest_of_lowest_priority(struct model_queue *q)
{
	struct model_entry *worst = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->state == DEVMQ_STATE_READY && !e->buried &&
		    (!worst || e->priority < worst->priority))
			worst = e;
	}
	return worst;
}

/* Would there be room if all ready messages went? */
static bool can_make_room(const struct model_queue *q, __u64 bytes)
{
	struct usage stay = {
		.messages = q->promised, .bytes = q->promised_bytes,
	};
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		const struct model_entry *e = &q->entry[i];

		if (e->state == DEVMQ_STATE_READY || e->buried)
			continue;
		stay.messages++;
		stay.bytes += e->bytes;
	}
	return fits(q, &stay, bytes);
}

int make_room(struct model *m, struct model_queue *q, __u64 bytes)
{
	bool drop = option_is(q, OPT_OVERFLOW, OVERFLOW_DROP_HEAD);
	struct model_entry *e;

	if ((!drop && !dead_letter_of(m, q)) || !can_make_room(q, bytes))
		return -ENOSPC;
	while (!has_room(q, bytes)) {
		e = oldest_of_lowest_priority(q);
		if (!drop) {
			if (!has_room_for_dead(dead_letter_of(m, q), e->bytes))
				return -ENOSPC;
			make_dead(m, q, e, DEVMQ_REASON_OVERFLOW, 0);
			continue;
		}
		q->stat.dropped++;
		remove_entry(q, e);
	}
	return 0;
}

static int store(struct model *m, struct model_queue *q, __u64 bytes)
{
	if (has_room(q, bytes))
		return 0;
	switch (q->option[OPT_OVERFLOW]) {
	case OVERFLOW_BLOCK:
		return -EAGAIN;
	case OVERFLOW_REJECT:
		return -ENOSPC;
	default:
		return make_room(m, q, bytes);
	}
}

int promise_room(struct model *m, struct model_queue *q, __u64 bytes)
{
	/* Nothing is dropped before all others have promised room, too. */
	if (option_is(q, OPT_OVERFLOW, OVERFLOW_DROP_HEAD))
		return can_make_room(q, bytes) ? 0 : -ENOSPC;
	return store(m, q, bytes);
}

bool is_paused(const struct model_queue *q, int side)
{
	return option_is(q, OPT_PAUSED, side) || option_is(q, OPT_PAUSED, PAUSED_BOTH);
}

/*
 * Remember a de-duplication id.  If dedup_max is reached, the oldest id is
 * forgotten, which counts unless its window is over.
 */
static void record_dedup(struct model *m, struct model_queue *q, int name,
			 __u64 id)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->dedups; i++)
		if (is_in_window(m, q, &q->dedup[i]))
			q->dedup[n++] = q->dedup[i];
	while (n && n >= q->option[OPT_DEDUP_MAX]) {
		memmove(q->dedup, q->dedup + 1, --n * sizeof(*q->dedup));
		q->stat.dedup_forgotten++;
	}
	q->dedup[n++] = (struct model_dedup) {
		.name = name, .id = id, .sent = m->now,
	};
	q->dedups = n;
}

void forget_dedup(struct model_queue *q, __u64 id)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->dedups; i++)
		if (q->dedup[i].id != id)
			q->dedup[n++] = q->dedup[i];
	q->dedups = n;
}

static const struct model_dedup *find_dedup(const struct model *m,
					    const struct model_queue *q,
					     int name)
{
	unsigned int i;

	for (i = 0; name >= 0 && i < q->dedups; i++)
		if (q->dedup[i].name == name &&
		    is_in_window(m, q, &q->dedup[i]))
			return &q->dedup[i];
	return NULL;
}

/* When the message will be ready, 0: now. */
static __u64 ready_time(const struct model *m, const struct model_queue *q,
			const struct model_record *r)
{
	__u64 delay = r->delay;

	if (!delay && !r->at)
		delay = q->option[OPT_DELAY_MS] * MS;
	return delay > MODEL_INSTANT ? m->now + delay : 0;
}

static __u64 ttl_of(const struct model_queue *q, const struct model_record *r)
{
	if (r->ttl == DEVMQ_FOREVER)
		return 0;
	return r->ttl ? r->ttl : q->option[OPT_TTL_MS] * MS;
}

static __u64 record_bytes(const struct model_record *r)
{
	return r->size + key_size(r->key) + headers_size(r->header);
}

struct model_entry entry_of(const struct model *m, const struct model_queue *q,
			    const struct model_record *r, int user)
{
	return (struct model_entry) {
		.serial = r->serial,
		.size = r->size,
		.bytes = record_bytes(r),
		.key = r->key,
		.header = r->header,
		.user = user,
		.priority = r->priority,
		.origin = -1,
		.topic = -1,
		.sent = m->now,
		.due = ready_time(m, q, r),
		.ttl = ttl_of(q, r),
	};
}

int check_record(const struct model_queue *q, const struct model_record *r)
{
	if (r->priority >= q->option[OPT_PRIORITIES])
		return -EINVAL;
	if (!r->size && !q->option[OPT_ALLOW_EMPTY])
		return -EINVAL;
	if (r->size > q->option[OPT_MAX_MESSAGE_SIZE] ||
	    record_bytes(r) > q->option[OPT_MAX_BYTES])
		return -EMSGSIZE;
	return 0;
}

bool is_duplicate(const struct model *m, const struct model_queue *q, int dedup)
{
	return q->option[OPT_DEDUP_WINDOW_MS] && find_dedup(m, q, dedup);
}

/* Put a message in the queue, which has room for it. */
static struct model_entry *add_entry(struct model *m, struct model_queue *q,
				     const struct model_entry *new, int dedup)
{
	struct model_entry *e = append_entry(q, new);

	if (e->due)
		e->state = DEVMQ_STATE_DELAYED;
	else
		make_ready(m, q, e);
	if (dedup >= 0 && q->option[OPT_DEDUP_WINDOW_MS])
		record_dedup(m, q, dedup, e->id);
	return e;
}

void store_copy(struct model *m, struct model_queue *q,
		const struct model_record *r, const struct model_entry *from,
		int topic, __u64 id)
{
	struct model_entry new = *from;

	new.due = ready_time(m, q, r);
	new.ttl = ttl_of(q, r);
	new.newest = false;
	new.topic = topic;
	new.topic_id = id;
	if (new.priority >= q->option[OPT_PRIORITIES])
		new.priority = q->option[OPT_PRIORITIES] - 1;
	add_entry(m, q, &new, r->dedup);
}

/*
 * Send one message.  Returns 0 and its id in @id, 1 for a duplicate, or a
 * negative errno.
 */
static int send_one(struct model *m, struct model_queue *q,
		    const struct model_record *r, int user, __u64 *id)
{
	struct model_entry new = entry_of(m, q, r, user);
	const struct model_dedup *first;
	int error = check_record(q, r);

	if (error)
		return error;
	if (is_paused(q, PAUSED_SEND))
		return -EAGAIN;
	if (is_duplicate(m, q, r->dedup)) {
		first = find_dedup(m, q, r->dedup);
		q->stat.deduplicated++;
		*id = first->id;
		return 1;
	}
	error = store(m, q, new.bytes);
	if (error)
		return error;
	*id = add_entry(m, q, &new, r->dedup)->id;
	return 0;
}

/* A later poll waits for the room that this message needs. */
static void note_wanted_room(struct model_file *f, const struct model_record *r,
			     int error)
{
	if (error == -EAGAIN)
		f->wants = record_bytes(r);
	else if (error >= 0)
		f->wants = 0;
}

static void send_to_topic(struct model *m, const struct model_call *c,
			  struct model_outcome *o)
{
	int sent = publish(m, c->queue, c);

	if (sent < 0) {
		o->error = sent;
		return;
	}
	o->result = sent;
	o->last = m->queue[c->queue].last_id;
	o->first = o->last + 1 - sent;
}

void call_write(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o)
{
	__u64 id;

	become_producer(q, &q->file[c->file]);
	if (model_is_topic(c->queue)) {
		send_to_topic(m, c, o);
		o->first = 0;
		o->last = 0;
		if (!o->error)
			o->result = c->record[0].size;
		return;
	}
	o->error = send_one(m, q, &c->record[0], c->user, &id);
	note_wanted_room(&q->file[c->file], &c->record[0], o->error);
	if (!o->error)
		o->result = c->record[0].size;
}

void call_send(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o)
{
	unsigned int i;
	int error;
	__u64 id;

	become_producer(q, &q->file[c->file]);
	if (model_is_topic(c->queue)) {
		send_to_topic(m, c, o);
		return;
	}
	for (i = 0; i < c->count; i++) {
		error = send_one(m, q, &c->record[i], c->user, &id);
		if (!i)
			note_wanted_room(&q->file[c->file], &c->record[0], error);
		if (error && i) {
			/* The next call reports the error. */
			if (error > 0)
				q->stat.deduplicated--;
			return;
		}
		if (error < 0) {
			o->error = error;
			return;
		}
		o->result++;
		o->first = i ? o->first : id;
		o->last = id;
		if (error) {
			o->flags = DEVMQ_SENT_DUP;
			return;
		}
	}
}
