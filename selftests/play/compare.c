// SPDX-License-Identifier: GPL-2.0
/*
 * Comparing the model with the kernel: outcomes, counters and messages.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "helpers/clock.h"
#include "helpers/process.h"
#include "helpers/queue.h"
#include "play/bound.h"
#include "play/compare.h"
#include "play/dice.h"
#include "play/kernel.h"
#include "play/pace.h"
#include "play/print.h"
#include "play/world.h"

/* The most orders in which queues were asked that are tried. */
#define ORDERS_MAX	1000

__u64 kernel_lag_ns;

static bool is_near(__u64 model, __u64 kernel)
{
	return !model == !kernel && kernel + GUARD_NS >= model &&
	       kernel <= model + kernel_lag_ns + GUARD_NS;
}

bool same_seen(const struct model_seen *a, const struct model_seen *b)
{
	return a->id == b->id && a->size == b->size && a->shown == b->shown &&
	       (a->serial == b->serial || a->shown < 4) && a->key == b->key &&
	       a->header == b->header && a->user == b->user &&
	       a->attempt == b->attempt && a->failures == b->failures &&
	       a->failure == b->failure && a->priority == b->priority &&
	       a->state == b->state && a->extra == b->extra &&
	       a->reason == b->reason && a->origin == b->origin &&
	       a->origin_id == b->origin_id && a->note == b->note &&
	       a->note_size == b->note_size && a->held == b->held &&
	       a->topic == b->topic && a->topic_id == b->topic_id &&
	       is_near(a->sent, b->sent) && is_near(a->due, b->due) &&
	       is_near(a->expires, b->expires);
}

static bool same_bound(const struct model_bound *want,
		       const struct model_bound *got)
{
	return want->id == got->id && want->target == got->target &&
	       want->filter.pattern == got->filter.pattern &&
	       want->filter.terms == got->filter.terms &&
	       (want->taken_open || want->taken == got->taken) &&
	       (want->missed_open || want->missed == got->missed) &&
	       want->behind == got->behind;
}

static bool same_outcome(const struct model_outcome *a,
			 const struct model_outcome *b)
{
	unsigned int i;

	if (a->error != b->error || a->result != b->result ||
	    a->first != b->first || a->last != b->last ||
	    a->flags != b->flags || a->held != b->held ||
	    a->count != b->count || memcmp(a->data, b->data, sizeof(a->data)))
		return false;
	if (a->bindings != b->bindings)
		return false;
	for (i = 0; i < a->bindings; i++)
		if (!same_bound(&a->bound[i], &b->bound[i]))
			return false;
	for (i = 0; i < MODEL_RANGES; i++)
		if (a->range[i].settled != b->range[i].settled ||
		    a->range[i].dead != b->range[i].dead ||
		    a->range[i].error != b->range[i].error)
			return false;
	for (i = 0; i < a->count; i++)
		if (!same_seen(&a->seen[i], &b->seen[i]))
			return false;
	return true;
}

static void clear_outcome(struct model_outcome *o)
{
	memset(o, 0, offsetof(struct model_outcome, seen));
}

static void copy_outcome(struct model_outcome *to,
			 const struct model_outcome *from)
{
	memcpy(to, from, offsetof(struct model_outcome, seen) +
			 from->count * sizeof(from->seen[0]));
}

__u64 now_ns(const struct world *w)
{
	return w->use_twin ? w->clock : mq_clock_ns(CLOCK_BOOTTIME);
}

void sleep_until(struct world *w, __u64 when)
{
	__u64 now;

	if (w->use_twin) {
		w->clock = when > w->clock ? when : w->clock;
		if (w->is_late)
			w->clock += roll(&w->dice, 20 * NSEC_PER_MSEC);
		return;
	}
	while ((now = now_ns(w)) < when)
		mq_sleep_ms((when - now) / NSEC_PER_MSEC + 1);
}

void print_difference(const struct world *w)
{
	printf("#    model: ");
	print_outcome(w, &w->call, &w->want);
	printf("#    kernel: ");
	print_outcome(w, &w->call, &w->got);
}

/* Does the kernel's state fit, if the call leaves more than one open? */
static bool fits_state(struct world *w)
{
	static struct model_outcome want, got;
	struct model_call call = w->call;
	bool same;

	copy_outcome(&want, &w->want);
	copy_outcome(&got, &w->got);
	observe_state(w);
	same = state_matches(w, &w->model, false);
	w->call = call;
	copy_outcome(&w->want, &want);
	copy_outcome(&w->got, &got);
	return same;
}

/*
 * The queues that get a message may be asked for room in any order. Find one in
 * which the model and the kernel agree; the model adopts it.
 */
static bool find_asked(struct world *w)
{
	unsigned int i, orders = w->model.orders;

	for (i = 0;; i++) {
		if (same_outcome(&w->want, &w->got) &&
		    (!w->model.moved || fits_state(w)))
			return true;
		if (i + 1 >= orders || i + 1 >= ORDERS_MAX)
			return false;
		model_copy(&w->model, &w->asked);
		w->model.order = i + 1;
		clear_outcome(&w->want);
		model_call(&w->model, &w->call, &w->want);
	}
}

bool compare_call(struct world *w, bool verbose)
{
	bool publishes = model_is_topic(w->call.queue) &&
			 (w->call.kind == CALL_SEND ||
			  w->call.kind == CALL_WRITE);

	clear_outcome(&w->want);
	clear_outcome(&w->got);
	if (publishes)
		model_copy(&w->asked, &w->model);
	w->model.order = 0;
	model_call(&w->model, &w->call, &w->want);
	peer_call(w);
	if (now_ns(w) - w->model.now > kernel_lag_ns)
		kernel_lag_ns = now_ns(w) - w->model.now;
	if (w->model.orders > 1 ? find_asked(w) :
				  same_outcome(&w->want, &w->got))
		return true;
	if (verbose)
		print_difference(w);
	return false;
}

static bool same_stat(const struct devmq_stat *want,
		      const struct devmq_stat *got, int queue, bool verbose)
{
	bool same = true;
	unsigned int i;

	for (i = 0; i < COUNTERS; i++) {
		if (counter_of(want, i) == counter_of(got, i))
			continue;
		same = false;
		if (verbose)
			printf("#    %c.%s: model %llu, kernel %llu\n",
			       queue_letter(queue), counters[i].name,
			       counter_of(want, i), counter_of(got, i));
	}
	return same;
}

static bool compare_stat(struct world *w, int queue, bool verbose)
{
	struct devmq_stat want, got;
	bool same;

	model_stat(&w->model, queue, &want);
	peer_stat(w, queue, &got);
	same = same_stat(&want, &got, queue, verbose);
	if (!w->use_twin && !mq_conserved(&got)) {
		same = false;
		if (verbose)
			printf("#    %c's counters do not add up\n",
			       queue_letter(queue));
	}
	return same;
}

static void call_peek(struct world *w, int queue)
{
	w->call = (struct model_call) {
		.kind = CALL_PEEK, .queue = queue,
		.payload_max = DEVMQ_FOREVER,
	};
}

void observe_state(struct world *w)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!w->model.queue[i].exists)
			continue;
		peer_stat(w, i, &w->stat[i]);
		call_peek(w, i);
		clear_outcome(&w->got);
		peer_call(w);
		copy_outcome(&w->state[i], &w->got);
	}
}

bool state_matches(struct world *w, struct model *m, bool verbose)
{
	struct devmq_stat want;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!m->queue[i].exists)
			continue;
		model_stat(m, i, &want);
		call_peek(w, i);
		clear_outcome(&w->want);
		model_call(m, &w->call, &w->want);
		if (same_stat(&want, &w->stat[i], i, verbose) &&
		    same_outcome(&w->want, &w->state[i]))
			continue;
		copy_outcome(&w->got, &w->state[i]);
		if (verbose) {
			printf("#    %c holds:\n", queue_letter(i));
			print_difference(w);
		}
		return false;
	}
	return true;
}

/* Adopt the kernel's times of a message, which are more precise. */
static void adopt_time(struct model_entry *e, const struct model_seen *s)
{
	e->sent = s->sent;
	if (e->state == DEVMQ_STATE_IN_FLIGHT)
		e->lease = s->due;
	/* The record shows the earlier one of two times. */
	else if (e->state == DEVMQ_STATE_DELAYED && s->due != s->expires)
		e->due = s->due;
	e->expires = s->expires;
}

void adopt_times(struct world *w)
{
	unsigned int i, j;

	for (i = 0; !w->use_twin && i < MODEL_QUEUES; i++) {
		struct model_queue *q = &w->model.queue[i];

		for (j = 0; q->exists && j < q->count; j++)
			adopt_time(&q->entry[j], &w->state[i].seen[j]);
	}
	kernel_lag_ns = 0;
}

/* The kernel may be as late as it is now. */
static void note_lag(struct world *w)
{
	if (now_ns(w) - w->model.now > kernel_lag_ns)
		kernel_lag_ns = now_ns(w) - w->model.now;
}

/* Compare which bindings have caught up. */
static bool compare_levels(struct world *w, bool verbose)
{
	int i;

	for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++) {
		if (!w->model.queue[i].exists || bindings_are_as_level(w, i))
			continue;
		if (verbose)
			printf("# %c has other bindings that are behind\n",
			       queue_letter(i));
		return false;
	}
	return true;
}

/*
 * A topic trims, and a binding catches up, in work items: wait until they have, as
 * far as that can be seen. Times that were set meanwhile are as late as that took.
 * Returns whether there are topics.
 */
static bool wait_for_topics(struct world *w, bool peek)
{
	__u64 end = mq_now_ms() + w->patience_ms;
	bool same, any = false, noted = false;
	int i;

	for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++)
		any |= w->model.queue[i].exists;
	if (!any || w->use_twin)
		return false;
	for (;;) {
		same = true;
		for (i = 0; i < MODEL_QUEUES && same; i++)
			if (w->model.queue[i].exists)
				same = compare_stat(w, i, false);
		same = same && compare_levels(w, false);
		if (same && !noted)
			note_lag(w);
		noted |= same;
		if (same && peek) {
			observe_state(w);
			same = state_matches(w, &w->model, false);
		}
		if (same || mq_now_ms() >= end)
			return true;
		for (i = MODEL_PLAIN; i < MODEL_QUEUES; i++)
			if (w->model.queue[i].exists)
				bindings_look_late(w, i);
		mq_sleep_ms(1);
	}
}

bool compare_state(struct world *w, bool peek, bool verbose)
{
	bool same = true, waited;
	int i;

	waited = wait_for_topics(w, peek);
	for (i = 0; i < MODEL_QUEUES; i++)
		if (w->model.queue[i].exists)
			same &= compare_stat(w, i, verbose);
	if (!w->use_twin)
		same &= compare_levels(w, verbose);
	if (!peek && (same || !verbose))
		return same;
	observe_state(w);
	if (!waited)
		note_lag(w);
	if (!state_matches(w, &w->model, verbose) || !same)
		return false;
	adopt_times(w);
	return true;
}
