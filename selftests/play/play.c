// SPDX-License-Identifier: GPL-2.0
/*
 * Playing a sequence: each call is made to the kernel and to the model.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "helpers/clock.h"
#include "helpers/process.h"
#include "helpers/queue.h"
#include "play/compare.h"
#include "play/dice.h"
#include "play/draw.h"
#include "play/durable.h"
#include "play/kernel.h"
#include "play/options.h"
#include "play/orders.h"
#include "play/pace.h"
#include "play/play.h"
#include "play/profiles.h"
#include "play/sequence.h"
#include "play/print.h"
#include "play/world.h"

/* The difference of CLOCK_REALTIME and CLOCK_BOOTTIME. */
static __u64 clock_difference(void)
{
	__u64 before, after, real, best = DEVMQ_FOREVER, difference = 0;
	int i;

	for (i = 0; i < 20 || best > GUARD_NS / 4; i++) {
		before = mq_boot_ns();
		real = mq_clock_ns(CLOCK_REALTIME);
		after = mq_boot_ns();
		if (after - before >= best)
			continue;
		best = after - before;
		difference = before - real;
	}
	return difference;
}

void world_reset(struct world *w)
{
	int i;

	model_reset(&w->model);
	w->model.mutation = w->mutation;
	model_reset(&w->twin);
	model_reset(&w->before);
	model_reset(&w->asked);
	w->passing = false;
	for (i = 0; !w->use_twin && i < MODEL_QUEUES; i++) {
		kernel_close_all(w, i);
		mq_remove(&w->queue[i]);
	}
	kernel_lag_ns = 0;
	if (!w->use_twin)
		w->real_to_boot = clock_difference();
}

/* Exchange random pairs of the messages that came to a queue after @id. */
static void shuffle_arrivals(struct model_queue *q, __u64 id, __u64 *dice)
{
	unsigned int first = 0;

	while (first < q->count && q->entry[first].id <= id)
		first++;
	if (q->count - first > 1)
		swap_entries(&q->entry[first],
			     &q->entry[first + roll(dice, q->count - first)]);
}

/*
 * Let time pass for a kernel that is late: events in any order, some noticed
 * late.
 */
static void pass_late(struct model *m, __u64 now, __u64 *dice)
{
	__u64 last[MODEL_QUEUES];
	int i, queue;

	for (i = 0; i < MODEL_QUEUES; i++)
		last[i] = m->queue[i].last_id;
	while (model_deadline(m) <= now) {
		queue = roll(dice, MODEL_QUEUES);
		for (i = 0; !model_is_due(m, queue, now); i++)
			queue = i;
		model_step(m, queue, now, chance(dice, 2));
	}
	m->now = now;
	for (i = 0; i < MODEL_QUEUES; i++)
		shuffle_arrivals(&m->queue[i], last[i], dice);
}

static void pass(struct world *w, __u64 now)
{
	model_pass(&w->model, now);
	if (w->use_twin && w->is_late)
		pass_late(&w->twin, now, &w->dice);
	else if (w->use_twin)
		model_pass(&w->twin, now);
}

/* Will a short duration end? */
static bool is_short(const struct world *w)
{
	return model_deadline(&w->model) <
	       w->model.now + LONG_MS * NSEC_PER_MSEC / 2;
}

/* Wait until @when, and let the model pass that time. */
static void pass_until(struct world *w, __u64 when)
{
	sleep_until(w, when + GUARD_NS);
	if (!w->passing) {
		model_copy(&w->before, &w->model);
		w->first = when;
		w->passing = true;
	}
	pass(w, now_ns(w) - GUARD_NS);
}

/*
 * Wait until no duration ends within @ahead from now, and until kernel and
 * model agree on what has ended.
 */
static enum verdict wait_for_quiet(struct world *w, __u64 ahead, bool verbose)
{
	for (;;) {
		__u64 now = now_ns(w), when = model_deadline(&w->model), end;

		if (w->passing && when > now) {
			enum verdict verdict = match_passed_time(w, verbose);

			if (verdict == MORE)
				continue;
			w->passing = false;
			if (verdict != AGREED)
				return verdict;
		} else if (when <= now + ahead) {
			pass_until(w, when);
		} else {
			end = model_silent_end(&w->model, now - GUARD_NS,
					       now + ahead);
			if (!end) {
				pass(w, now);
				return AGREED;
			}
			sleep_until(w, end + 2 * GUARD_NS);
		}
	}
}

/* The longest time that an operation takes, mostly. */
static __u64 operation_time(enum model_kind kind)
{
	switch (kind) {
	case CALL_STEP:
		/* Until all short durations are over. */
		return 5 * short_ms * NSEC_PER_MSEC;
	case CALL_CREATE:
	case CALL_REMOVE:
	case CALL_OPTION:
		return 5 * call_time_ns();
	default:
		return call_time_ns();
	}
}

/*
 * De-duplication ids remembered by this call were remembered between @start and
 * @end.
 */
static void widen_dedup_times(struct world *w, __u64 start, __u64 end)
{
	struct model_queue *q;
	unsigned int i;

	for (q = w->model.queue; q < w->model.queue + MODEL_QUEUES; q++)
		for (i = 0; i < q->dedups; i++)
			if (q->dedup[i].sent >= start)
				q->dedup[i].late = end - start;
}

/*
 * The verdict on a call that began at @start: a difference counts only if the
 * call was fast enough.
 */
static enum verdict judge(const struct world *w, bool same, __u64 start)
{
	__u64 end = now_ns(w);

	if (same)
		return AGREED;
	return model_deadline(&w->model) <= end + GUARD_NS ||
	       model_silent_end(&w->model, start, end + GUARD_NS) ?
	       TOO_SLOW : DIFFERED;
}

/* Was all that had been done confirmed by this call? */
static bool is_confirmed(const struct world *w)
{
	const struct model_call *c = &w->call;

	return !w->want.error && (c->sync || c->kind == CALL_SYNC ||
				  c->kind == CALL_CREATE);
}

/* Make the call, and compare what it did. */
static bool play_call(struct world *w, const struct sequence *s, bool peek,
		      int how)
{
	__u64 start = w->model.now;
	bool same, confirmed;

	if (w->call.kind == CALL_CRASH)
		return durable_crash(w, how & PRINT);
	if (w->call.kind == CALL_AGAIN)
		return durable_again(w, how & PRINT);
	same = compare_call(w, how & PRINT);
	confirmed = is_confirmed(w);
	widen_dedup_times(w, start, now_ns(w));
	if (same && how & PRINT) {
		printf("#    = ");
		print_outcome(w, &w->call, &w->got);
	}
	peek = peek || s->profile->durable;
	if (same || how & PRINT)
		same &= compare_state(w, peek || is_short(w), how & PRINT);
	if (same && s->profile->durable) {
		if (confirmed)
			durable_begin(w);
		else
			durable_note(w);
	}
	return same;
}

/* Play one operation.  w->call has the call that was made. */
static enum verdict play_op(struct world *w, const struct sequence *s,
			    unsigned int i, int how)
{
	const struct op *op = &s->op[i];
	bool peek = how & PEEK_ALWAYS || i % 16 == 15 || i + 1 == s->count;
	__u64 start = now_ns(w);
	enum verdict verdict;
	bool same;

	verdict = wait_for_quiet(w, operation_time(op->kind), how & PRINT);
	if (verdict != AGREED)
		return verdict;
	if (how & PRINT && w->model.now - start > call_time_ns())
		printf("#     %llu ms later\n",
		       (w->model.now - start) / NSEC_PER_MSEC);
	start = w->model.now;
	if (!draw_call(&w->model, s, op, &w->call))
		return AGREED;
	w->call.name_size = w->name_size;
	if (how & PRINT) {
		printf("# %3u ", i + 1);
		print_call(w, &w->call);
		printf("\n");
	}
	w->calls++;
	w->clock += w->is_late ? NSEC_PER_MSEC : 1000;
	same = play_call(w, s, peek, how);
	return judge(w, same, start);
}

/* Create the queues, the last one first. */
static bool play_begin(struct world *w, const struct sequence *s, int how)
{
	int i;

	world_reset(w);
	for (i = MODEL_QUEUES - 1; i >= 0; i--) {
		if (i >= MODEL_PLAIN + s->topics ||
		    (i >= s->queues && i < MODEL_PLAIN))
			continue;
		w->call = (struct model_call) {
			.kind = CALL_CREATE, .queue = i,
			.options = resolve_options(s->option[i]),
		};
		if (how & PRINT) {
			printf("#     ");
			print_call(w, &w->call);
			printf("\n");
		}
		if (!compare_call(w, how & PRINT))
			return false;
	}
	return true;
}

/* Play the whole sequence.  @at gets the operation at which it ended. */
static enum verdict play(struct world *w, const struct sequence *s, int how,
			 unsigned int *at)
{
	enum verdict verdict = AGREED;

	*at = 0;
	if (!play_begin(w, s, how))
		return DIFFERED;
	if (s->profile->durable) {
		/* What a crash of the twin leaves is the same again. */
		w->dice = s->seed;
		durable_begin(w);
	}
	for (; *at < s->count; ++*at) {
		if (w->until_ms && mq_now_ms() > w->until_ms)
			break;
		verdict = play_op(w, s, *at, how);
		if (verdict != AGREED)
			break;
	}
	return verdict;
}

/* Make short durations longer if the machine was too slow, else shorter. */
static void adjust_pace(enum verdict verdict)
{
	if (verdict == TOO_SLOW && short_ms < SHORT_MAX)
		short_ms *= 2;
	else if (verdict == AGREED)
		short_ms -= (short_ms - calm_ms) / 4;
}

enum verdict play_at_pace(struct world *w, const struct sequence *s, int how,
			  unsigned int *at)
{
	enum verdict verdict;
	int tries = 0;

	do {
		verdict = play(w, s, how, at);
		adjust_pace(verdict);
	} while (verdict == TOO_SLOW && ++tries < 5);
	return verdict;
}
