// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include <linux/devmq.h>

#include "topics.h"

struct known_fan *topics_find(struct known_topics *t, uint32_t producer,
			      uint32_t number)
{
	if (producer >= TOPIC_SENDERS || number >= t->senders[producer].count)
		return NULL;
	return &t->senders[producer].fans[number];
}

/* Where it has to be written down. */
static struct known_fan *fan_of(struct known_topics *t, uint32_t producer,
				uint32_t number)
{
	struct known_sender *s;

	if (producer >= TOPIC_SENDERS || number > 1 << 24)
		abort();
	s = &t->senders[producer];
	if (number >= s->room) {
		uint32_t room = 2 * number + 64;

		s->fans = realloc(s->fans, room * sizeof(*s->fans));
		memset(s->fans + s->room, 0, (room - s->room) * sizeof(*s->fans));
		s->room = room;
	}
	if (number >= s->count)
		s->count = number + 1;
	return &s->fans[number];
}

/* -- where messages go -------------------------------------------------------- */

static bool filter_takes(unsigned int filter, const struct crash_payload *p)
{
	return filter ? crash_word(p, 1) == 'y' : crash_word(p, 0) == 'a';
}

/* Was a filter of QUEUE_LATE bound while the message was sent? */
static enum leads late_was(const struct known_topics *t, const struct known_fan *f,
			   unsigned int filter)
{
	if (!f->answered && f->changes != t->changes)
		return LEADS_MAYBE;
	return f->late[filter];
}

static enum leads lead_late(const struct known_topics *t, const struct known_fan *f,
			    const struct crash_payload *p)
{
	enum leads leads = LEADS_NOT;
	unsigned int i;

	for (i = 0; i < CRASH_FILTERS; i++)
		if (filter_takes(i, p) && late_was(t, f, i) > leads)
			leads = late_was(t, f, i);
	return leads;
}

enum leads topics_lead(const struct known_topics *t, const struct known_fan *f,
		       const struct crash_payload *p, enum topic_places place)
{
	bool all = crash_word(p, 0) != 'c', some = crash_word(p, 1) == 'x';

	if (place == PLACE_KEPT)
		return LEADS;
	if (f->topic == QUEUE_STATE)
		return place == PLACE_NOW ? LEADS : LEADS_NOT;
	switch (place) {
	case PLACE_ALL:
		return all ? LEADS : LEADS_NOT;
	case PLACE_SOME:
		return some ? LEADS : LEADS_NOT;
	case PLACE_LATE:
		return lead_late(t, f, p);
	case PLACE_REST:
		/* What nobody else takes. */
		return all || some ? LEADS_NOT : LEADS - lead_late(t, f, p);
	default:
		return LEADS_NOT;
	}
}

static void told_binding(struct known_topics *t, const struct crash_event *e,
			 enum leads leads)
{
	if (e->number >= CRASH_FILTERS)
		return;
	t->late[e->number] = leads;
	t->changes++;
}

/* -- sending ------------------------------------------------------------------ */

static void told_send(struct known_topics *t, const struct crash_event *e)
{
	uint32_t i;

	for (i = 0; i < e->count; i++) {
		struct known_fan *f = fan_of(t, e->producer, e->number + i);

		f->topic = e->queue;
		f->begun = true;
		f->answered = false;
		f->changes = t->changes;
		memcpy(f->late, t->late, sizeof(f->late));
	}
}

static void told_sent(struct known_topics *t, const struct crash_event *e)
{
	uint32_t i;

	for (i = 0; i < e->asked; i++) {
		struct known_fan *f = fan_of(t, e->producer, e->number + i);

		if (f->changes != t->changes)
			memset(f->late, LEADS_MAYBE, sizeof(f->late));
		f->answered = true;
		f->sent = i < e->count;
		f->id = f->sent ? e->id + i : 0;
		f->confirmed = f->sent && e->sync;
	}
}

/* -- receiving ---------------------------------------------------------------- */

/* The copy that an event in a queue is about, or NULL. */
static struct known_copy *copy_of(struct known_topics *t, const struct crash_event *e)
{
	struct known_fan *f = topics_find(t, e->producer, e->number);

	return f && f->begun && e->queue <= QUEUE_NOW ?
	       &f->copies[e->queue == QUEUE_REST ? PLACE_REST :
			  e->queue - QUEUE_ALL + PLACE_ALL] : NULL;
}

static const char *told_taken(struct known_topics *t, const struct crash_event *e)
{
	struct known_fan *f = topics_find(t, e->producer, e->number);
	struct known_copy *c = copy_of(t, e);
	struct crash_payload p = {
		.queue = f ? f->topic : 0, .incarnation = 1,
		.producer = e->producer, .number = e->number,
	};

	if (!c)
		return "it was received, and never sent";
	if (c->ended)
		return "it was received after its end was confirmed";
	if (topics_lead(t, f, &p, c - f->copies) == LEADS_NOT)
		return "it was received from a queue to which nothing led";
	c->taken = true;
	return NULL;
}

/* What is dead may be purged, just now. */
static void may_go(struct known_topics *t, struct known_copy *c)
{
	if (c->dies && t->purging)
		c->end_begun = true;
}

static void all_may_go(struct known_topics *t)
{
	uint32_t i, n;

	for (i = 0; i < TOPIC_SENDERS; i++)
		for (n = 0; n < t->senders[i].count; n++)
			may_go(t, &t->senders[i].fans[n].copies[PLACE_ALL]);
}

static void told_settle(struct known_topics *t, const struct crash_event *e)
{
	struct known_copy *c;

	if (e->action == DEVMQ_ACTION_PURGE) {
		t->purging = true;
		all_may_go(t);
		return;
	}
	c = copy_of(t, e);
	if (!c)
		return;
	if (e->action == DEVMQ_ACTION_ACK)
		c->end_begun = true;
	if (e->queue == QUEUE_ALL && (e->action == DEVMQ_ACTION_RETRY ||
				      e->action == DEVMQ_ACTION_REJECT))
		c->dies = true;
	/* That undoes the delivery. */
	if (e->action == DEVMQ_ACTION_RELEASE)
		c->taken = false;
	may_go(t, c);
}

const char *topics_told(struct known_topics *t, const struct crash_event *e)
{
	switch (e->what) {
	case TOLD_SEND:
		told_send(t, e);
		break;
	case TOLD_SENT:
		told_sent(t, e);
		break;
	case TOLD_TAKEN:
		return told_taken(t, e);
	case TOLD_SETTLE:
		told_settle(t, e);
		break;
	case TOLD_SYNCED:
		if (e->queue == QUEUE_LOST)
			t->purging = false;
		break;
	case TOLD_BIND:
	case TOLD_UNBIND:
		told_binding(t, e, LEADS_MAYBE);
		break;
	case TOLD_BOUND:
		told_binding(t, e, LEADS);
		break;
	case TOLD_UNBOUND:
		told_binding(t, e, LEADS_NOT);
		break;
	}
	return NULL;
}

void topics_confirm(struct known_topics *t, const struct crash_event *e)
{
	struct known_copy *c;
	uint32_t i;

	if (e->what == TOLD_SENT) {
		for (i = 0; i < e->count; i++)
			fan_of(t, e->producer, e->number + i)->confirmed = true;
		return;
	}
	c = copy_of(t, e);
	if (c && e->action == DEVMQ_ACTION_ACK)
		c->ended = true;
}
