// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/devmq.h>

#include "model.h"

struct known *model_find(struct model *m, uint32_t producer, uint32_t number)
{
	if (producer >= MODEL_PRODUCERS ||
	    number >= m->producers[producer].count)
		return NULL;
	return &m->producers[producer].messages[number];
}

/* Where it has to be written down. */
static struct known *known_of(struct model *m, uint32_t producer, uint32_t number)
{
	struct known_producer *p;

	if (producer >= MODEL_PRODUCERS || number > 1 << 24)
		abort();
	p = &m->producers[producer];
	if (number >= p->room) {
		uint32_t room = 2 * number + 64;

		p->messages = realloc(p->messages, room * sizeof(*p->messages));
		memset(p->messages + p->room, 0,
		       (room - p->room) * sizeof(*p->messages));
		p->room = room;
	}
	if (number >= p->count)
		p->count = number + 1;
	return &p->messages[number];
}

static void wrong(struct model *m, const struct crash_event *e, const char *what)
{
	if (!*m->fault)
		snprintf(m->fault, sizeof(m->fault),
			 "queue %s, message %u.%u, id %llu: %s",
			 crash_names[e->queue], e->producer, e->number,
			 (unsigned long long)e->id, what);
}

static void pending_add(struct model *m, uint32_t worker,
			const struct crash_event *e)
{
	if (!(m->pendings & (m->pendings - 1)))
		m->pending = realloc(m->pending,
				     (m->pendings ? 2 * m->pendings : 1) *
				     sizeof(*m->pending));
	m->pending[m->pendings++] = (struct known_pending){ worker, *e };
}

static void told_id(struct model *m, const struct crash_event *e,
		    struct known *k, uint64_t id)
{
	struct known_queue *q = &m->queues[e->queue];

	if (e->queue == k->queue && !k->dies) {
		if (k->id && k->id != id)
			wrong(m, e, "it has another id than before");
		k->id = id;
	}
	if (e->queue == QUEUE_AGAIN && e->incarnation != q->created)
		return;
	if (q->top_id < id)
		q->top_id = id;
}

static void told_send(struct model *m, const struct crash_event *e)
{
	uint32_t i;

	for (i = 0; i < e->count; i++) {
		struct known *k = known_of(m, e->producer, e->number + i);

		k->queue = e->queue;
		k->incarnation = e->incarnation;
		k->begun = true;
	}
}

static void told_sent(struct model *m, const struct crash_event *e)
{
	uint32_t i;

	for (i = 0; i < e->count; i++) {
		struct known *k = known_of(m, e->producer, e->number + i);

		k->sent = true;
		k->confirmed |= e->sync;
		told_id(m, e, k, e->id + i);
	}
}

static void told_taken(struct model *m, const struct crash_event *e)
{
	struct known *k = model_find(m, e->producer, e->number);

	if (!k || !k->begun) {
		wrong(m, e, "it was received, and never sent");
		return;
	}
	if (k->ended)
		wrong(m, e, "it was received after its end was confirmed");
	if (k->incarnation != e->incarnation)
		wrong(m, e, "it is of another queue of that name");
	k->taken = true;
	told_id(m, e, k, e->id);
}

/* Something that may be dead may be purged, or get another attempt, just now. */
static void may_go(struct model *m, struct known *k)
{
	if (!k->dies)
		return;
	if (m->purging)
		k->end_begun = true;
	if (m->redriving) {
		k->again = true;
		k->redriven = true;
		k->rejected = false;
		k->retries = 0;
	}
}

static void all_may_go(struct model *m)
{
	uint32_t i, n;

	for (i = 0; i < MODEL_PRODUCERS; i++)
		for (n = 0; n < m->producers[i].count; n++)
			may_go(m, &m->producers[i].messages[n]);
}

static void told_settle(struct model *m, const struct crash_event *e)
{
	struct known *k;

	if (e->action == DEVMQ_ACTION_PURGE) {
		m->purging = true;
		all_may_go(m);
		return;
	}
	k = known_of(m, e->producer, e->number);
	if (e->action == DEVMQ_ACTION_ACK)
		k->end_begun = true;
	if (e->queue == QUEUE_MAIN && (e->action == DEVMQ_ACTION_RETRY ||
				       e->action == DEVMQ_ACTION_REJECT))
		k->dies = true;
	if (e->action == DEVMQ_ACTION_REJECT) {
		k->redriven = false;
		k->rejecting = e->id;
	}
	/* That undoes the delivery. */
	if (e->action == DEVMQ_ACTION_RELEASE)
		k->taken = false;
	may_go(m, k);
}

/*
 * Return whether a settlement says anything of the message as it is now. Since then it
 * may have been redriven, with another id, and rejected again.
 */
static bool is_of_this_life(const struct known *k, const struct crash_event *e)
{
	return !k->redriven && (!k->rejecting || k->rejecting == e->id);
}

/* What was sent or settled is confirmed. */
static void confirm(struct model *m, const struct crash_event *e)
{
	struct known *k;
	uint32_t i;

	if (topics_concern(e)) {
		topics_confirm(&m->topics, e);
		return;
	}
	if (e->what == TOLD_SENT) {
		for (i = 0; i < e->count; i++)
			known_of(m, e->producer, e->number + i)->confirmed = true;
		return;
	}
	k = known_of(m, e->producer, e->number);
	/* Other ends may have come since, and other attempts. */
	switch (e->action) {
	case DEVMQ_ACTION_ACK:
		k->ended = true;
		break;
	case DEVMQ_ACTION_REJECT:
		k->rejected |= is_of_this_life(k, e);
		break;
	case DEVMQ_ACTION_RETRY:
		k->retries += is_of_this_life(k, e);
		break;
	}
}

static void told_synced(struct model *m, uint32_t worker, unsigned int queue)
{
	size_t i, left = 0;

	for (i = 0; i < m->pendings; i++) {
		struct known_pending *p = &m->pending[i];

		if (p->worker == worker && p->event.queue == queue)
			confirm(m, &p->event);
		else
			m->pending[left++] = *p;
	}
	m->pendings = left;
	if (queue == QUEUE_DEAD) {
		m->redriving = false;
		m->purging = false;
	}
}

/* An id that was told is not used again. */
static void told_topic_id(struct model *m, const struct crash_event *e)
{
	uint64_t id = e->what == TOLD_SENT ? e->id + e->count - 1 : e->id;
	struct known_queue *q = &m->queues[e->queue];

	if ((e->what == TOLD_TAKEN || (e->what == TOLD_SENT && e->count)) &&
	    q->top_id < id)
		q->top_id = id;
}

/* An event that concerns a topic, or one of its queues. */
static void take_topic(struct model *m, uint32_t worker, const struct crash_event *e)
{
	const char *fault = topics_told(&m->topics, e);

	if (fault)
		wrong(m, e, fault);
	told_topic_id(m, e);
	if (e->what == TOLD_SYNCED)
		told_synced(m, worker, e->queue);
	if (e->what != TOLD_SENT && e->what != TOLD_SETTLED)
		return;
	if (e->sync)
		confirm(m, e);
	else
		pending_add(m, worker, e);
}

static void take(struct model *m, uint32_t worker, const struct crash_event *e)
{
	struct known_queue *q = &m->queues[e->queue];

	m->counts[e->what]++;
	if (topics_concern(e)) {
		take_topic(m, worker, e);
		return;
	}
	switch (e->what) {
	case TOLD_READY:
		m->ready = true;
		break;
	case TOLD_CREATE:
		q->create = e->incarnation;
		q->top_id = 0;
		break;
	case TOLD_CREATED:
		q->created = e->incarnation;
		break;
	case TOLD_REMOVE:
		q->remove = e->incarnation;
		break;
	case TOLD_REMOVED:
		q->removed = e->incarnation;
		break;
	case TOLD_SEND:
		told_send(m, e);
		break;
	case TOLD_SENT:
		told_sent(m, e);
		if (!e->sync)
			pending_add(m, worker, e);
		break;
	case TOLD_TAKEN:
		told_taken(m, e);
		break;
	case TOLD_SETTLE:
		told_settle(m, e);
		break;
	case TOLD_SETTLED:
		if (e->sync)
			confirm(m, e);
		else
			pending_add(m, worker, e);
		break;
	case TOLD_REDRIVE:
		m->redriving = true;
		all_may_go(m);
		break;
	case TOLD_SYNCED:
		told_synced(m, worker, e->queue);
		break;
	case TOLD_WRONG:
		wrong(m, e, "the program in the machine saw something wrong");
		break;
	}
}

void model_told(struct model *m, const void *data, uint32_t size)
{
	const struct crash_block *b = data;
	uint32_t i;

	if (size < sizeof(*b) || b->magic != CRASH_MAGIC ||
	    sizeof(*b) + b->count * sizeof(*b->events) > size)
		return;
	for (i = 0; i < b->count; i++)
		if (b->events[i].what < TOLD_EVENTS && b->events[i].queue < QUEUES)
			take(m, b->worker, &b->events[i]);
}
