// SPDX-License-Identifier: GPL-2.0
/*
 * A message of a topic is in all of its queues, and with what the topic retains, or
 * nowhere: if any copy is found, or the message was confirmed, each place that it led
 * to has it, unless its end there had been begun.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "verify_topics.h"

struct topics_totals topics_totals;

/* A state is compared under a mark of its own. */
static uint64_t mark;

/* A copy that was found. */
struct spot {
	unsigned int		queue;
	uint64_t		id;
	uint64_t		topic_id;
	unsigned int		topic;
	struct crash_payload	p;
	bool			moved;
};

struct sight {
	struct known_topics		*t;
	const struct journal_contents	*c;
	struct spot			*spots;
	size_t				count;
	struct verdict			*verdict;
};

#define FAIL(s, p, text, ...)						\
	fail(s->verdict, "message %u.%u of topic %s: " text, (p)->producer,	\
	     (p)->number, crash_names[(p)->queue], ##__VA_ARGS__)

static const char *const place_names[PLACES] = {
	"rest", "all", "some", "late", "now", "what its topic retains"
};

/* The number of a queue, QUEUES: there is none. */
static unsigned int number_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < QUEUES && strcmp(crash_names[i], name); i++)
		;
	return i;
}

static const struct journal_queue *queue_of(const struct sight *s, u64 serial)
{
	size_t i;

	for (i = 0; i < s->c->count; i++)
		if (le64_to_cpu(s->c->queues[i]->record->serial) == serial)
			return s->c->queues[i];
	return NULL;
}

/* -- bindings ----------------------------------------------------------------- */

/* What is bound to a topic: one bit for each of these filters, and one for others. */
static unsigned int bound_filters(const struct sight *s, const struct journal_queue *q,
				  unsigned int topic, const char *const *filters,
				  unsigned int count)
{
	const struct mq_j_binding *b;
	unsigned int bound = 0, i;
	struct mq_j_bytes left;

	mq_j_bindings_begin(q->record, &left);
	while ((b = mq_j_bindings_next(&left))) {
		const struct journal_queue *from = queue_of(s, le64_to_cpu(b->topic));
		uint16_t size = le16_to_cpu(b->filter_size);

		/* Of a topic that is not there, it is of no interest. */
		if (!from)
			continue;
		for (i = 0; i < count; i++)
			if (size == (*filters[i] ? strlen(filters[i]) + 1 : 0) &&
			    !memcmp(b + 1, filters[i], size))
				break;
		if (number_of(from->name) != topic)
			i = count;
		bound |= 1U << i;
	}
	return bound;
}

/* A queue has exactly these bindings. */
static void look_bound(struct sight *s, const struct journal_queue *q,
		       unsigned int topic, const char *const *filters,
		       unsigned int count)
{
	unsigned int bound = bound_filters(s, q, topic, filters, count);

	if (bound != (1U << count) - 1)
		fail(s->verdict, "queue %s has the bindings %#x of %u", q->name, bound, count);
}

static void look_late(struct sight *s, const struct journal_queue *q)
{
	unsigned int i, bound = bound_filters(s, q, QUEUE_EVENTS, crash_filters,
					      CRASH_FILTERS);

	for (i = 0; i < CRASH_FILTERS; i++) {
		if (s->t->late[i] == LEADS && !(bound & 1U << i))
			fail(s->verdict, "the binding of queue %s by %s was confirmed, and is missing",
			     q->name, crash_filters[i]);
		if (s->t->late[i] == LEADS_NOT && bound & 1U << i)
			fail(s->verdict, "queue %s was unbound from %s, and is bound again",
			     q->name, crash_filters[i]);
		topics_totals.bindings += s->t->late[i] == LEADS;
	}
	if (bound & 1U << CRASH_FILTERS)
		fail(s->verdict, "queue %s has a binding that nobody made", q->name);
}

static void look_bindings(struct sight *s)
{
	static const char *const all[] = { "key=a.#", "key=b.#" };
	static const char *const some[] = { "key=*.x" }, *const any[] = { "" };
	size_t i;

	for (i = 0; i < s->c->count; i++) {
		const struct journal_queue *q = s->c->queues[i];

		switch (number_of(q->name)) {
		case QUEUE_ALL:
			look_bound(s, q, QUEUE_EVENTS, all, 2);
			break;
		case QUEUE_SOME:
			look_bound(s, q, QUEUE_EVENTS, some, 1);
			break;
		case QUEUE_NOW:
			look_bound(s, q, QUEUE_STATE, any, 1);
			break;
		case QUEUE_LATE:
			look_late(s, q);
			break;
		case QUEUE_EARLY:
			break;
		default:
			if (q->record->bindings_size)
				fail(s->verdict, "queue %s is bound", q->name);
		}
	}
}

/* -- copies ------------------------------------------------------------------- */

/* In which place a copy is that was found in a queue; PLACES: in none of them. */
static enum topic_places place_of(unsigned int queue, unsigned int topic)
{
	switch (queue) {
	case QUEUE_REST:
		return PLACE_REST;
	case QUEUE_ALL:
	case QUEUE_LOST:
		return PLACE_ALL;
	case QUEUE_SOME:
		return PLACE_SOME;
	case QUEUE_LATE:
		return PLACE_LATE;
	case QUEUE_NOW:
		return PLACE_NOW;
	default:
		return queue == topic ? PLACE_KEPT : PLACES;
	}
}

/* What the record tells of the topic: its id there, 0: nothing. */
static uint64_t topic_id_of(struct sight *s, const struct mq_j_message *m,
			    const struct crash_payload *p)
{
	struct mq_j_bytes topic;
	const char *name = crash_names[p->queue];
	__le64 id;

	mq_j_message_topic(m, &topic);
	if (!topic.size)
		return 0;
	memcpy(&id, topic.at, sizeof(id));
	if (topic.size != sizeof(id) + strlen(name) ||
	    memcmp((const uint8_t *)topic.at + sizeof(id), name, strlen(name)))
		FAIL(s, p, "it tells of another topic");
	return le64_to_cpu(id);
}

/* A copy is in its place. Note that, and compare its state. */
static void look_place(struct sight *s, struct known_fan *f, struct spot *spot,
		       const struct journal_queue *q, const struct mq_j_state *state,
		       enum topic_places place)
{
	const struct crash_payload *p = &spot->p;
	struct known_copy *k = &f->copies[place];
	bool is_kept = state->state == DEVMQ_STATE_RETAINED;

	if (topics_lead(s->t, f, p, place) == LEADS_NOT)
		FAIL(s, p, "it is in %s, and nothing led there", place_names[place]);
	if (k->found == mark)
		FAIL(s, p, "it is in %s twice", place_names[place]);
	k->found = mark;
	f->looked = mark;
	if (k->ended)
		FAIL(s, p, "its end in %s was confirmed, and it is back",
		     place_names[place]);
	if (is_kept ? place != PLACE_KEPT : place == PLACE_KEPT)
		FAIL(s, p, "in %s it is in state %u", place_names[place],
		     state->state);
	if (spot->queue == QUEUE_LOST && !k->dies)
		FAIL(s, p, "it is in queue lost, and nobody let it die");
	if (k->taken && !k->dies && !state->attempt && spot->id >= q->delivered)
		FAIL(s, p, "it was delivered from %s, and is not marked as that",
		     place_names[place]);
	spot->moved = k->dies;
}

static void look_copy(struct sight *s, const struct mq_j_message *m,
		      const struct crash_payload *p, const struct mq_j_state *state)
{
	const struct journal_queue *q = queue_of(s, le64_to_cpu(state->queue));
	struct known_fan *f = topics_find(s->t, p->producer, p->number);
	struct spot *spot = &s->spots[s->count++];
	const char *fault = body_fault(m, p);
	enum topic_places place;

	*spot = (struct spot){
		.id = le64_to_cpu(state->id), .topic = p->queue, .p = *p,
		.queue = q ? number_of(q->name) : QUEUES,
	};
	place = place_of(spot->queue, p->queue);
	if (!f || !f->begun || f->topic != p->queue || (f->answered && !f->sent)) {
		FAIL(s, p, "nobody sent it");
		return;
	}
	if (fault)
		FAIL(s, p, "%s", fault);
	spot->topic_id = place == PLACE_KEPT ? spot->id : topic_id_of(s, m, p);
	if (!spot->topic_id)
		FAIL(s, p, "in queue %s it does not tell of its topic",
		     q ? q->name : "?");
	if (f->id && spot->topic_id != f->id)
		FAIL(s, p, "its id in the topic was %llu and is %llu",
		     (unsigned long long)f->id, (unsigned long long)spot->topic_id);
	if (place != PLACES)
		look_place(s, f, spot, q, state, place);
	else if (spot->queue != QUEUE_EARLY)
		FAIL(s, p, "it is in queue %s", q ? q->name : "?");
}

static int spot_order(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	if (x->queue != y->queue)
		return x->queue < y->queue ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Each queue has the messages of a topic in the order of that, and none twice. */
static void look_order(struct sight *s)
{
	const struct spot *last = NULL;
	size_t i;

	qsort(s->spots, s->count, sizeof(*s->spots), spot_order);
	for (i = 0; i < s->count; i++) {
		const struct spot *spot = &s->spots[i];

		if (last && last->queue == spot->queue && last->id == spot->id)
			fail(s->verdict, "two messages of queue %s have the id %llu",
			     crash_names[spot->queue], (unsigned long long)spot->id);
		/* A dead letter has an id of its own, and so has what was redriven. */
		if (spot->moved)
			continue;
		if (last && last->queue == spot->queue &&
		    last->topic_id >= spot->topic_id)
			fail(s->verdict, "queue %s has message %llu of its topic behind %llu",
			     crash_names[spot->queue],
			     (unsigned long long)spot->topic_id,
			     (unsigned long long)last->topic_id);
		last = spot;
	}
}

static void look_copies(struct sight *s)
{
	const struct journal_body *body;
	const struct journal_copy *copy;

	for (body = s->c->bodies; body; body = body->next) {
		struct crash_payload p;

		if (!body_identify(body->record, &p) || !crash_is_topic(p.queue))
			continue;
		for (copy = body->copies; copy; copy = copy->next)
			look_copy(s, body->record, &p, copy->state);
	}
	topics_totals.copies += s->count;
	look_order(s);
}

/* -- what is missing ---------------------------------------------------------- */

/* A message that is confirmed, or of which a copy was found, is everywhere. */
static void look_everywhere(struct sight *s, struct known_fan *f,
			    const struct crash_payload *p)
{
	enum topic_places place;

	if (!f->confirmed && f->looked != mark)
		return;
	for (place = 0; place < PLACE_KEPT; place++) {
		const struct known_copy *k = &f->copies[place];

		if (topics_lead(s->t, f, p, place) != LEADS || k->end_begun)
			continue;
		topics_totals.required++;
		topics_totals.half += !f->confirmed;
		if (k->found != mark)
			FAIL(s, p, "it %s, and is missing in %s",
			     f->confirmed ? "was confirmed" : "is elsewhere",
			     place_names[place]);
	}
}

/* Does a topic retain only the newest of these two? */
static bool competes(const struct crash_payload *a, const struct crash_payload *b)
{
	char x[CRASH_KEY], y[CRASH_KEY];
	uint32_t n = crash_key(a, x);

	return a->queue == QUEUE_EVENTS ||
	       (n == crash_key(b, y) && !memcmp(x, y, n));
}

/*
 * What has come later takes the place of what a topic retains: but only if it is
 * there. What is not confirmed must not drive out what is, and be lost then.
 */
static void look_kept(struct sight *s, struct known_fan *f, const struct crash_payload *p)
{
	unsigned int newer = 0, most = f->topic == QUEUE_EVENTS ? CRASH_RETAINED : 1;
	size_t i;

	if ((!f->confirmed && f->looked != mark) || !f->id ||
	    f->copies[PLACE_KEPT].found == mark)
		return;
	for (i = s->count; i-- && newer < most;) {
		const struct spot *spot = &s->spots[i];

		newer += spot->queue == f->topic && spot->topic_id > f->id &&
			 competes(&spot->p, p);
	}
	if (newer < most)
		FAIL(s, p, "it %s, and its topic has neither it nor what replaced it",
		     f->confirmed ? "was confirmed" : "is in a queue");
}

static void look_missing(struct sight *s)
{
	uint32_t i, n;

	for (i = 0; i < TOPIC_SENDERS; i++)
		for (n = 0; n < s->t->senders[i].count; n++) {
			struct known_fan *f = &s->t->senders[i].fans[n];
			struct crash_payload p = { f->topic, 1, i, n };

			look_everywhere(s, f, &p);
			look_kept(s, f, &p);
			topics_totals.kept += f->confirmed &&
				f->copies[PLACE_KEPT].found == mark;
		}
}

void topics_verify(struct known_topics *t, const struct journal_contents *c,
		   bool ready, struct verdict *verdict)
{
	struct sight s = { .t = t, .c = c, .verdict = verdict };

	mark++;
	s.spots = calloc(c->totals.messages + 1, sizeof(*s.spots));
	if (ready)
		look_bindings(&s);
	look_copies(&s);
	if (!verdict->failed)
		look_missing(&s);
	free(s.spots);
}
