// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal_read.h"

/* A message while it is read: its state changes until all was read. */
struct found {
	struct journal_body	*body;		/* NULL: only counted */
	struct mq_j_state	*copy;		/* likewise: with what follows it */
	u32			copy_size;
	u32			bytes;
	u8			state;
};

static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (copy)
		memcpy(copy, data, size);
	return copy;
}

static void body_free(struct journal_contents *c, struct journal_body *body)
{
	struct journal_copy *copy;

	if (c->bodies == body)
		c->bodies = body->next;
	if (body->next)
		body->next->previous = body->previous;
	if (body->previous)
		body->previous->next = body->next;
	while ((copy = body->copies)) {
		body->copies = copy->next;
		free(copy->state);
		free(copy);
	}
	free(body->record);
	free(body);
}

static void body_put(struct journal_contents *c, struct journal_body *body)
{
	if (!--body->users)
		body_free(c, body);
}

/* The copies of a message come one after the other, and share its body. */
static struct journal_body *body_get(struct journal_contents *c,
				     const struct mq_j_message *m)
{
	struct journal_body *last = c->bodies, *body;
	u32 size = le32_to_cpu(m->r.size);

	if (last && last->record->r.size == m->r.size &&
	    !memcmp(last->record, m, size)) {
		last->users++;
		return last;
	}
	body = calloc(1, sizeof(*body));
	if (!body)
		return NULL;
	body->record = copy_of(m, size);
	if (!body->record) {
		free(body);
		return NULL;
	}
	body->users = 1;
	body->next = last;
	if (last)
		last->previous = body;
	c->bodies = body;
	return body;
}

/* Keep the state with its texts, which lie behind it. */
static int found_keep(struct found *f, const struct mq_j_copy *copy)
{
	u32 size = (u32)sizeof(*copy->s) + copy->origin.size + copy->note.size;
	struct mq_j_state *state = calloc(1, ALIGN(size, 8));

	if (!state)
		return -ENOMEM;
	memcpy(state, copy->s, size);
	free(f->copy);
	f->copy = state;
	f->copy_size = ALIGN(size, 8);
	return 0;
}

static void on_drop(void *context, void *message)
{
	struct found *f = message;

	if (f->body)
		body_put(context, f->body);
	free(f->copy);
	free(f);
}

static int on_state(void *context, void *message, const struct mq_j_copy *copy)
{
	struct journal_contents *c = context;
	struct found *f = message;

	f->state = copy->s->state;
	return c->keep ? found_keep(f, copy) : 0;
}

static void *on_message(void *context, const struct mq_j_message *m,
			const struct mq_j_copy *copy)
{
	struct found *f = calloc(1, sizeof(*f));
	struct journal_contents *c = context;

	if (!f)
		return NULL;
	f->bytes = le32_to_cpu(m->payload_size) + le16_to_cpu(m->key_size) +
		   le16_to_cpu(m->headers_size);
	f->state = copy->s->state;
	if (!c->keep)
		return f;
	f->body = body_get(c, m);
	if (f->body && !found_keep(f, copy))
		return f;
	on_drop(c, f);
	return NULL;
}

/* Make room for another queue: 16, 32, 64... */
static bool queues_grow(struct journal_contents *c)
{
	void *more;

	if (c->count & (c->count - 1) || (c->count && c->count < 16))
		return true;
	more = reallocarray(c->queues, c->count ? 2 * c->count : 16,
			    sizeof(struct journal_queue *));
	if (more)
		c->queues = more;
	return more;
}

static void *on_queue(void *context, const struct mq_j_queue *record,
		      u64 next_id, u64 delivered)
{
	struct journal_contents *c = context;
	struct mq_j_bytes name, options;
	struct journal_queue *q;

	q = queues_grow(c) ? calloc(1, sizeof(*q)) : NULL;
	if (!q)
		return NULL;
	q->record = copy_of(record, le32_to_cpu(record->r.size));
	if (!q->record) {
		free(q);
		return NULL;
	}
	mq_j_queue_parts(record, &name, &options);
	memcpy(q->name, name.at, name.size);
	q->next_id = next_id;
	q->delivered = delivered;
	c->queues[c->count++] = q;
	return q;
}

static int on_place(void *context, void *queue, void *message)
{
	struct journal_queue *q = queue;
	struct found *f = message;
	struct journal_copy *copy;

	q->states[f->state]++;
	q->bytes += f->bytes;
	if (f->body) {
		u64 id = le64_to_cpu(f->copy->id);

		if (q->next_id <= id)
			q->next_id = id + 1;
		copy = calloc(1, sizeof(*copy));
		if (!copy) {
			on_drop(context, f);
			return -ENOMEM;
		}
		copy->state = f->copy;
		copy->size = f->copy_size;
		copy->next = f->body->copies;
		f->body->copies = copy;
	}
	free(f);
	return 0;
}

static int on_dedup(void *context, void *queue, const struct mq_j_dedup *d)
{
	struct journal_contents *c = context;
	struct journal_queue *q = queue;
	struct journal_dedup *dedup;

	q->dedups++;
	if (!c->keep)
		return 0;
	dedup = calloc(1, sizeof(*dedup));
	if (!dedup)
		return -ENOMEM;
	dedup->record = copy_of(d, le32_to_cpu(d->r.size));
	dedup->next = c->dedups;
	c->dedups = dedup;
	return dedup->record ? 0 : -ENOMEM;
}

static int compare_queues(const void *a, const void *b)
{
	const struct journal_queue *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);

	if (order)
		return order;
	return le64_to_cpu((*x)->record->serial) <
	       le64_to_cpu((*y)->record->serial) ? -1 : 1;
}

static bool name_is_valid(const struct journal_queue *q)
{
	return strlen(q->name) == le16_to_cpu(q->record->name_size) &&
	       !devmq_check_name(q->name);
}

static bool name_is_taken(const struct journal_contents *c, size_t i)
{
	return i && !strcmp(c->queues[i - 1]->name, c->queues[i]->name);
}

/* Names may be any bytes until they are looked at. */
static const char *fault_of_names(const struct journal_contents *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		if (!name_is_valid(c->queues[i]))
			return "a queue has a name that no queue can have";
	}
	return NULL;
}

static void queue_free(struct journal_queue *q)
{
	free(q->record);
	free(q);
}

/* Forget the messages and de-duplication ids of a queue. */
static void queue_empty(struct journal_contents *c, const struct journal_queue *q)
{
	struct journal_body *body, *next_body;
	struct journal_dedup *d, **dp;
	struct journal_copy *copy, **cp;

	for (body = c->bodies; body; body = next_body) {
		next_body = body->next;
		for (cp = &body->copies; (copy = *cp);) {
			if (copy->state->queue != q->record->serial) {
				cp = &copy->next;
				continue;
			}
			*cp = copy->next;
			free(copy->state);
			free(copy);
		}
		if (!body->copies)
			body_free(c, body);
	}
	for (dp = &c->dedups; (d = *dp);) {
		if (d->record->queue != q->record->serial) {
			dp = &d->next;
			continue;
		}
		*dp = d->next;
		free(d->record);
		free(d);
	}
	c->totals.messages -= journal_queue_messages(q);
	c->totals.dedups -= q->dedups;
}

/*
 * Of two queues with the same name the older one had been removed, and the crash came
 * before that was written: nothing of it is left, and attaching removes it.
 */
static void drop_removed(struct journal_contents *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->count; i++) {
		struct journal_queue *q = c->queues[i];

		if (i + 1 < c->count && !strcmp(q->name, c->queues[i + 1]->name)) {
			queue_empty(c, q);
			queue_free(q);
			c->totals.queues--;
		} else {
			c->queues[n++] = q;
		}
	}
	c->count = n;
}

/* A serial is as good as a name: no other queue has it. */
static void mend_names(struct journal_contents *c)
{
	struct journal_queue *q;
	bool wrong;
	size_t i;

	for (i = c->count; i--;) {
		q = c->queues[i];
		wrong = !name_is_valid(q);
		if (wrong || name_is_taken(c, i))
			snprintf(q->name, sizeof(q->name), "%.40s.%" PRIu64,
				 wrong ? "lost" : q->name,
				 (uint64_t)le64_to_cpu(q->record->serial));
	}
}

int journal_read(struct mq_j_log *log, struct journal_contents *c)
{
	static const struct mq_j_ops ops = {
		on_message, on_state, on_drop, on_queue, on_place, on_dedup,
	};
	int err = mq_j_replay(log, &ops, c, &c->totals);

	if (c->count)
		qsort(c->queues, c->count, sizeof(*c->queues), compare_queues);
	if (err)
		return err;
	if (c->mend) {
		mend_names(c);
		return 0;
	}
	log->fault.what = fault_of_names(c);
	if (log->fault.what)
		return -EUCLEAN;
	drop_removed(c);
	return 0;
}

void journal_contents_free(struct journal_contents *c)
{
	struct journal_dedup *d;
	size_t i;

	for (i = 0; i < c->count; i++)
		queue_free(c->queues[i]);
	free(c->queues);
	while (c->bodies)
		body_free(c, c->bodies);
	while ((d = c->dedups)) {
		c->dedups = d->next;
		free(d->record);
		free(d);
	}
}

u64 journal_queue_messages(const struct journal_queue *q)
{
	u64 sum = 0;
	size_t i;

	for (i = 0; i < sizeof(q->states) / sizeof(*q->states); i++)
		sum += q->states[i];
	return sum;
}
