// SPDX-License-Identifier: GPL-2.0
/*
 * Journals: what may be there after a crash.
 *
 * The past is what the model was since something was confirmed last, after each call.
 * All of that was confirmed that is first, and the journal may have written any of
 * what came later. So after a crash each message has to be as it was at one of these
 * moments, in the one queue where it was then. It may be missing only if there was a
 * moment without it. Of the moments of two messages none has to be the same.
 *
 * What was delivered is marked as that, also if the delivery was released; what was
 * not may be, as the journal says so in steps. An id that was given is not given
 * again, but some may be left out: a message that is sent and purged shows which.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/restart.h"
#include "play/attach.h"
#include "play/compare.h"
#include "play/durable.h"
#include "play/options.h"
#include "play/print.h"

/* What is known of a message that is there after the crash. */
struct survivor {
	bool			known;
	struct model_entry	entry;	/* as it was */
	__u32			least, most; /* attempts */
};

static struct survivor survivors[MODEL_QUEUES][MODEL_SEEN];

void durable_note(struct world *w)
{
	struct past *p = &w->past;

	if (p->count == PAST_MAX)
		abort();
	if (!p->at[p->count])
		p->at[p->count] = calloc(1, sizeof(*p->at[0]));
	if (!p->at[p->count])
		abort();
	model_copy(p->at[p->count++], &w->model);
}

void durable_begin(struct world *w)
{
	w->past.count = 0;
	durable_note(w);
}

static bool complain(const struct world *w, bool verbose, const char *what,
		     int queue, const struct model_seen *s)
{
	struct model_outcome *o;

	if (!verbose)
		return false;
	printf("#    after the crash, %c: %s\n", queue_letter(queue), what);
	if (!s)
		return false;
	o = calloc(1, sizeof(*o));
	o->count = 1;
	o->seen[0] = *s;
	printf("#    ");
	print_outcome(w, &w->call, o);
	free(o);
	return false;
}

/* -- queues ------------------------------------------------------------------ */

/* Return the last moment at which a queue was there, or NULL. */
static const struct model *last_with(const struct world *w, int queue)
{
	unsigned int k;

	for (k = w->past.count; k--;)
		if (w->past.at[k]->queue[queue].exists)
			return w->past.at[k];
	return NULL;
}

/* Was the queue there all the time? */
static bool always_was(const struct world *w, int queue)
{
	unsigned int k;

	for (k = 0; k < w->past.count; k++)
		if (!w->past.at[k]->queue[queue].exists)
			return false;
	return true;
}

/* Find the moment at which an option was as it is now. */
static bool adopt_option(struct world *w, struct model *m, int queue, int option)
{
	unsigned int k;

	for (k = w->past.count; k--;) {
		const struct model_queue *q = &w->past.at[k]->queue[queue];

		if (!q->exists || !peer_has_option(w, queue, option,
						   q->option[option]))
			continue;
		m->queue[queue].option[option] = q->option[option];
		return true;
	}
	return false;
}

static bool adopt_queue(struct world *w, struct model *m, int queue, bool verbose)
{
	const struct model *last = last_with(w, queue);
	int i;

	m->life[queue] = w->model.life[queue];
	if (!peer_exists(w, queue))
		return !always_was(w, queue) ||
		       complain(w, verbose, "the queue is missing", queue, NULL);
	if (!last)
		return complain(w, verbose, "the queue was removed before", queue,
				NULL);
	m->life[queue] = last->life[queue];
	m->queue[queue].exists = true;
	for (i = 0; i < MODEL_OPTIONS; i++)
		if (has_option(queue, i) && !adopt_option(w, m, queue, i))
			return complain(w, verbose, options[i].name, queue, NULL);
	return true;
}

/* -- messages ---------------------------------------------------------------- */

/* A message that was received by its id may be deferred again. */
static bool may_be(const struct model_entry *was, const struct model_seen *shown,
		   const struct model_seen *seen)
{
	struct model_seen as = *shown;

	as.attempt = seen->attempt;
	if (was->state == DEVMQ_STATE_IN_FLIGHT &&
	    seen->state == DEVMQ_STATE_DEFERRED)
		as.state = seen->state;
	return same_seen(&as, seen);
}

/* Compare what is in a queue with what was there at a moment. */
static void match_moment(struct world *w, const struct model *was, int queue)
{
	static struct model then;
	const struct model_queue *q = &was->queue[queue];
	const struct model_outcome *now = &w->state[queue];
	struct model_call peek = {
		.kind = CALL_PEEK, .queue = queue, .payload_max = DEVMQ_FOREVER,
	};
	unsigned int i, j;

	if (!q->exists)
		return;
	model_copy(&then, was);
	model_crash(&then);
	memset(&w->want, 0, offsetof(struct model_outcome, seen));
	model_call(&then, &peek, &w->want);
	for (i = 0; i < now->count; i++) {
		struct survivor *s = &survivors[queue][i];

		for (j = 0; j < q->count && q->entry[j].id != now->seen[i].id;)
			j++;
		if (j == q->count)
			continue;
		if (q->entry[j].attempt > s->most)
			s->most = q->entry[j].attempt;
		if (s->known || !may_be(&q->entry[j], &w->want.seen[j],
					&now->seen[i]))
			continue;
		s->known = true;
		s->entry = then.queue[queue].entry[j];
	}
}

static bool adopt_messages(struct world *w, struct model *m, int queue, bool verbose)
{
	const struct model_outcome *now = &w->state[queue];
	unsigned int i, k;

	memset(survivors[queue], 0, now->count * sizeof(survivors[0][0]));
	for (k = w->past.count; k--;)
		match_moment(w, w->past.at[k], queue);
	for (i = 0; i < now->count; i++) {
		const struct model_seen *seen = &now->seen[i];
		struct survivor *s = &survivors[queue][i];

		if (!s->known)
			return complain(w, verbose, "this was never so", queue, seen);
		/* A delivery may have been under way when it was written. */
		if (seen->attempt < !!s->most || seen->attempt > s->most + 1)
			return complain(w, verbose, "it has other attempts", queue, seen);
		if (model_has(m, seen->serial))
			return complain(w, verbose, "it is there twice", queue, seen);
		s->entry.state = seen->state;
		s->entry.attempt = seen->attempt;
		m->queue[queue].last_id = seen->id - 1;
		model_append(m, queue, &s->entry);
	}
	return true;
}

/* Find a message that was there all the time, and is missing. */
static bool find_lost(struct world *w, const struct model *m, bool verbose)
{
	const struct model *first = w->past.at[0];
	unsigned int i, j, k;

	for (i = 0; i < MODEL_QUEUES; i++)
		for (j = 0; j < first->queue[i].count; j++) {
			__u32 serial = first->queue[i].entry[j].serial;

			for (k = 0; k < w->past.count; k++)
				if (!model_has(w->past.at[k], serial))
					break;
			if (k < w->past.count || model_has(m, serial))
				continue;
			if (verbose)
				printf("#    %c lost message %llu, %08x\n", queue_letter(i),
				       first->queue[i].entry[j].id, serial);
			return true;
		}
	return false;
}

/* -- ids --------------------------------------------------------------------- */

static bool adopt_id(struct world *w, int queue, bool verbose)
{
	struct model_queue *q = &w->model.queue[queue];
	__u64 told = 0, id = 0;
	unsigned int k;

	for (k = 0; k < w->past.count; k++)
		if (w->past.at[k]->queue[queue].exists &&
		    w->past.at[k]->queue[queue].last_id > told)
			told = w->past.at[k]->queue[queue].last_id;
	if (!peer_probe(w, queue, &id))
		return complain(w, verbose, "nothing can be sent", queue, NULL);
	if (id <= told)
		return complain(w, verbose, "it gives an id again", queue, NULL);
	q->last_id = id;
	q->stat.sent++;
	q->stat.purged++;
	return true;
}

/* -- restarts ---------------------------------------------------------------- */

static bool close_files(struct world *w, bool verbose)
{
	int i, j;

	for (i = 0; i < MODEL_QUEUES; i++)
		for (j = 0; j < MODEL_FILES; j++) {
			if (!w->model.queue[i].file[j].open)
				continue;
			w->call = (struct model_call){
				.kind = CALL_CLOSE, .queue = i, .file = j,
			};
			if (!compare_call(w, verbose))
				return false;
		}
	return compare_state(w, true, verbose);
}

bool durable_again(struct world *w, bool verbose)
{
	if (!close_files(w, verbose))
		return false;
	model_restart(&w->model);
	if (!peer_again(w))
		return complain(w, verbose, "it cannot be attached again", 0, NULL);
	if (!compare_state(w, true, verbose))
		return false;
	durable_begin(w);
	return true;
}

static bool adopt(struct world *w, struct model *m, bool verbose)
{
	int i;

	m->now = w->model.now;
	m->joins = w->model.joins;
	m->mutation = w->model.mutation;
	for (i = 0; i < MODEL_QUEUES; i++)
		if (!adopt_queue(w, m, i, verbose))
			return false;
	/* What is there is observed by what the model has. */
	model_copy(&w->model, m);
	observe_state(w);
	for (i = 0; i < MODEL_QUEUES; i++)
		if (m->queue[i].exists && !adopt_messages(w, m, i, verbose))
			return false;
	if (find_lost(w, m, verbose))
		return false;
	model_restart(m);
	model_copy(&w->model, m);
	if (!compare_state(w, true, verbose))
		return false;
	for (i = 0; i < MODEL_QUEUES; i++)
		if (m->queue[i].exists && !adopt_id(w, i, verbose))
			return false;
	return true;
}

bool durable_crash(struct world *w, bool verbose)
{
	struct model *m;
	bool same;

	if (!peer_crash(w))
		return complain(w, verbose, "it cannot be attached", 0, NULL);
	m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	same = adopt(w, m, verbose);
	model_reset(m);
	free(m);
	if (same)
		durable_begin(w);
	return same;
}
