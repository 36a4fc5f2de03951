// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "journal/record.h"
#include "verdict.h"
#include "verify.h"
#include "verify_topics.h"

struct verify_totals verify_totals;

/* A state is compared under a mark of its own. */
static uint64_t mark;

struct place {
	const struct journal_queue *q;
	uint64_t id;
	uint32_t producer, number;
	bool own;		/* in the queue where it was sent, all the time */
};

struct look {
	struct model *m;
	struct journal_contents c;
	const struct journal_queue *queues[QUEUES];
	struct place *places;
	size_t count;
	struct verdict *verdict;
};

#define FAIL(p, text, ...)						\
	fail(l->verdict, "message %u.%u of queue %s: " text, (p)->producer,	\
	     (p)->number, crash_names[(p)->queue], ##__VA_ARGS__)

/* -- queues ------------------------------------------------------------------- */

static void look_queues(struct look *l)
{
	size_t i, k;

	for (i = 0; i < l->c.count; i++) {
		for (k = 0; k < QUEUES; k++)
			if (!strcmp(l->c.queues[i]->name, crash_names[k]))
				break;
		if (k == QUEUES)
			fail(l->verdict, "there is a queue %s", l->c.queues[i]->name);
		else
			l->queues[k] = l->c.queues[i];
	}
	for (k = 0; k < QUEUES; k++) {
		const struct known_queue *q = &l->m->queues[k];

		if (l->queues[k] && q->create <= q->removed)
			fail(l->verdict, "queue %s is there, and was removed",
			     crash_names[k]);
		if (!l->queues[k] && q->created > q->remove)
			fail(l->verdict, "queue %s is not there", crash_names[k]);
		if (l->queues[k] && q->created == q->create &&
		    l->queues[k]->next_id <= q->top_id)
			fail(l->verdict, "queue %s would give the id %llu again, as it begins at %llu",
			     crash_names[k], (unsigned long long)q->top_id,
			     (unsigned long long)l->queues[k]->next_id);
	}
}

static const struct journal_queue *queue_of(const struct look *l, u64 serial)
{
	size_t i;

	for (i = 0; i < l->c.count; i++)
		if (le64_to_cpu(l->c.queues[i]->record->serial) == serial)
			return l->c.queues[i];
	return NULL;
}

/* -- messages ----------------------------------------------------------------- */

static bool is_near(uint64_t time, uint64_t expected)
{
	return time + 10 * CRASH_SECOND > expected &&
	       expected + 10 * CRASH_SECOND > time;
}

static void look_reject(struct look *l, const struct crash_payload *p,
			const struct mq_j_copy *c)
{
	char note[CRASH_KEY];
	uint32_t size = crash_note(p, note);

	if (le16_to_cpu(c->s->reason) != crash_reason(p))
		FAIL(p, "its reason is %u, not that of its reject", le16_to_cpu(c->s->reason));
	if (size && !c->note.size && l->m->full)
		verify_totals.noteless++;
	else if (c->note.size != size || memcmp(c->note.at, note, size))
		FAIL(p, "its note is not that of its reject");
}

static void look_state(struct look *l, const struct crash_payload *p,
		       const struct known *k, const struct mq_j_message *m,
		       const struct mq_j_copy *c, const struct journal_queue *q)
{
	uint64_t id = le64_to_cpu(c->s->id), time = le64_to_cpu(m->time_ns);
	uint64_t delay = crash_delay(p), ttl = crash_ttl(p);
	bool home = q == l->queues[k->queue], moved = k->dies;

	if (!home && q != l->queues[QUEUE_DEAD])
		FAIL(p, "it is in queue %s", q->name);
	if (!home && !k->dies)
		FAIL(p, "it is in queue %s, and nobody let it die", q->name);
	if (home && !moved && k->id && k->id != id)
		FAIL(p, "its id was %llu and is %llu", (unsigned long long)k->id,
		     (unsigned long long)id);
	if (home && k->rejected && c->s->state != DEVMQ_STATE_DEAD)
		FAIL(p, "it was rejected, and is back");
	if (!home && c->origin.size &&
	    (c->origin.size != strlen("main") ||
	     memcmp(c->origin.at, "main", c->origin.size) ||
	     (!k->again && k->id && le64_to_cpu(c->s->origin_id) != k->id)))
		FAIL(p, "it came from elsewhere, or had another id there");
	if (k->rejected)
		look_reject(l, p, c);
	if (c->s->priority != crash_priority(p) && !k->dies)
		FAIL(p, "it has another priority");
	if (!k->redriven && !k->rejected &&
	    le32_to_cpu(c->s->failures) < k->retries)
		FAIL(p, "it failed %u times, not %u", k->retries,
		     le32_to_cpu(c->s->failures));
	if (delay && (c->s->state != DEVMQ_STATE_DELAYED ||
		      !is_near(le64_to_cpu(c->s->due_ns), time + delay)))
		FAIL(p, "it is not delayed as it was");
	if (home && !k->dies &&
	    (ttl ? !is_near(le64_to_cpu(c->s->expires_ns), time + delay + ttl) :
	     c->s->expires_ns != 0))
		FAIL(p, "its time to live is another one");
	if (home && k->taken && !moved && !c->s->attempt && id >= q->delivered)
		FAIL(p, "it was delivered, and is not marked as that");
}

static void look_copy(struct look *l, const struct journal_body *body,
		      const struct journal_copy *copy)
{
	const struct mq_j_message *m = body->record;
	const struct journal_queue *q;
	const char *fault;
	struct crash_payload p;
	struct mq_j_copy c;
	struct known *k;

	if (!body_identify(m, &p)) {
		fail(l->verdict, "there is a message of %u bytes", le32_to_cpu(m->payload_size));
		return;
	}
	if (crash_is_topic(p.queue))
		return;
	k = p.queue < QUEUES ? model_find(l->m, p.producer, p.number) : NULL;
	mq_j_state_parts(copy->state, &c);
	q = queue_of(l, le64_to_cpu(c.s->queue));
	if (!k || !k->begun || k->queue != p.queue ||
	    k->incarnation != p.incarnation || !q) {
		fail(l->verdict, "there is a message that nobody sent: %u.%u", p.producer,
		     p.number);
		return;
	}
	if (k->found == mark)
		FAIL(&p, "it is there twice");
	k->found = mark;
	if (k->ended)
		FAIL(&p, "its end was confirmed, and it is back");
	if (p.queue == QUEUE_AGAIN &&
	    p.incarnation <= l->m->queues[p.queue].removed)
		FAIL(&p, "its queue was removed, and it is back");
	fault = body_fault(m, &p);
	if (fault)
		FAIL(&p, "%s", fault);
	look_state(l, &p, k, m, &c, q);
	l->places[l->count++] = (struct place){
		q, le64_to_cpu(c.s->id), p.producer, p.number,
		q == l->queues[k->queue] && !k->dies
	};
}

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->q != y->q)
		return x->q < y->q ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* No id is there twice, and ids are in the order in which messages were sent. */
static void look_order(struct look *l)
{
	uint32_t last[MODEL_PRODUCERS];
	size_t i;

	qsort(l->places, l->count, sizeof(*l->places), place_order);
	for (i = 0; i < l->count; i++) {
		const struct place *p = &l->places[i];

		if (!i || p->q != p[-1].q)
			memset(last, 0, sizeof(last));
		else if (p->id == p[-1].id)
			fail(l->verdict, "two messages of queue %s have the id %llu",
			     p->q->name, (unsigned long long)p->id);
		if (!p->own)
			continue;
		if (last[p->producer] > p->number)
			fail(l->verdict, "message %u.%u of queue %s comes behind %u.%u",
			     p->producer, p->number, p->q->name, p->producer,
			     last[p->producer]);
		last[p->producer] = p->number;
	}
}

static void look_messages(struct look *l)
{
	const struct journal_body *body;
	const struct journal_copy *copy;

	l->places = calloc(l->c.totals.messages + 1, sizeof(*l->places));
	for (body = l->c.bodies; body; body = body->next)
		for (copy = body->copies; copy; copy = copy->next)
			look_copy(l, body, copy);
	look_order(l);
	verify_totals.messages += l->count;
	free(l->places);
}

/* Whether the queue of a message may be gone, with all that it had. */
static bool queue_may_be_gone(const struct look *l, const struct known *k)
{
	return k->incarnation <= l->m->queues[k->queue].remove;
}

/* What was confirmed is there. */
static void look_missing(struct look *l)
{
	uint32_t i, n;

	for (i = 0; i < MODEL_PRODUCERS; i++)
		for (n = 0; n < l->m->producers[i].count; n++) {
			const struct known *k = &l->m->producers[i].messages[n];

			verify_totals.ended += k->ended;
			if (!k->confirmed || k->end_begun ||
			    queue_may_be_gone(l, k))
				continue;
			verify_totals.required++;
			if (k->found != mark)
				fail(l->verdict, "message %u.%u of queue %s, id %llu, was confirmed, and is missing",
				     i, n, crash_names[k->queue],
				     (unsigned long long)k->id);
		}
}

/* -- de-duplication ids ------------------------------------------------------- */

static void look_dedups(struct look *l)
{
	struct known_producer *producers = l->m->producers;
	const struct journal_dedup *d;
	uint32_t i, n;
	uint64_t again = mark + 1;

	mark = again;
	for (d = l->c.dedups; d; d = d->next) {
		struct crash_payload p;
		struct mq_j_bytes id;
		struct known *k;
		char text[CRASH_KEY] = "";

		mq_j_dedup_id(d->record, &id);
		memcpy(text, id.at, id.size < CRASH_KEY ? id.size : CRASH_KEY - 1);
		k = sscanf(text, "dedup-%u.%u", &p.producer, &p.number) == 2 ?
		    model_find(l->m, p.producer, p.number) : NULL;
		p.queue = QUEUE_DEDUP;
		if (!k || !k->begun || k->queue != QUEUE_DEDUP) {
			fail(l->verdict, "there is a de-duplication id '%s'", text);
			continue;
		}
		if (k->id && k->id != le64_to_cpu(d->record->id))
			FAIL(&p, "its de-duplication id has another id");
		/* Otherwise its sender, who does not know, could not send it again. */
		if (k->found != again - 1 && k->found != again && !k->end_begun)
			FAIL(&p, "its de-duplication id is there, but not the message");
		k->found = again;
		verify_totals.dedups++;
	}
	for (i = 0; i < MODEL_PRODUCERS; i++)
		for (n = 0; n < producers[i].count; n++) {
			const struct known *k = &producers[i].messages[n];

			if (k->queue == QUEUE_DEDUP && k->confirmed &&
			    k->found != again)
				fail(l->verdict, "message %u.%u was confirmed, and its de-duplication id is missing",
				     i, n);
		}
}

int verify(struct model *m, const struct mq_j_source *source, char *why,
	   size_t size)
{
	struct verdict verdict = { .why = why, .size = size };
	struct look l = { .m = m, .c.keep = true, .verdict = &verdict };
	struct mq_j_log log;
	int err;

	mark++;
	err = mq_j_log_open(&log, source) ?: journal_read(&log, &l.c);
	if (!m->ready && err == -EMEDIUMTYPE) {
		/* It was being made. */
	} else if (err) {
		fail(&verdict, "it cannot be read: %s%s%s at byte %llu, segment %llu",
		     strerror(-err), log.fault.what ? ": " : "",
		     log.fault.what ?: "", (unsigned long long)log.fault.at,
		     (unsigned long long)log.fault.sequence);
	} else {
		verify_totals.torn += log.tails[0].cut || log.tails[1].cut;
		look_queues(&l);
		if (!verdict.failed)
			look_messages(&l);
		if (!verdict.failed)
			look_missing(&l);
		if (!verdict.failed)
			look_dedups(&l);
		if (!verdict.failed)
			topics_verify(&m->topics, &l.c, m->ready, &verdict);
	}
	journal_contents_free(&l.c);
	mq_j_log_close(&log);
	return verdict.failed ? -1 : 0;
}
