// SPDX-License-Identifier: GPL-2.0
/*
 * The order of delivery: priorities, keys that are in flight, and turns.
 */
#include <stdbool.h>
#include <string.h>

#include "model/messages.h"
#include "model/order.h"

/* The group of a message for fairness. */
static int turn_group(const struct model_queue *q, const struct model_entry *e)
{
	return option_is(q, OPT_FAIRNESS, FAIR_KEY) ? e->key + 1 : e->user;
}

static bool goes_before(const struct model_entry *a,
			const struct model_entry *b)
{
	return a->priority != b->priority ? a->priority > b->priority :
					    a->id < b->id;
}

static bool is_turn_before(const struct model_entry *a,
			   const struct model_entry *b)
{
	return a->priority == b->priority && a->turn != b->turn ?
	       a->turn < b->turn : goes_before(a, b);
}

/*
 * order=key: the one message of a key that may be delivered when it is ready.
 * It is the one that is in flight or has returned from flight, or else the
 * first one that is ready.
 */
static const struct model_entry *key_front(const struct model_queue *q, int key)
{
	const struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		const struct model_entry *e = &q->entry[i];

		if (e->key != key)
			continue;
		if (e->has_key && e->state != DEVMQ_STATE_READY)
			return e;
		if (e->state == DEVMQ_STATE_READY &&
		    (!best || e->has_key > best->has_key ||
		     (e->has_key == best->has_key && goes_before(e, best))))
			best = e;
	}
	return best;
}

static bool may_be_delivered(const struct model_queue *q,
			     const struct model_entry *e)
{
	if (e->state != DEVMQ_STATE_READY)
		return false;
	return option_is(q, OPT_ORDER, ORDER_FIFO) || e->key < 0 ||
	       key_front(q, e->key) == e;
}

struct model_entry *next_ready(struct model_queue *q)
{
	struct model_entry *best = NULL;
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (may_be_delivered(q, e) && (!best || is_turn_before(e, best)))
			best = e;
	}
	return best;
}

/* fairness: does another message of the same group have this turn? */
static bool group_has_turn(const struct model_queue *q,
			   const struct model_entry *e)
{
	unsigned int i;

	for (i = 0; i < q->count; i++) {
		const struct model_entry *other = &q->entry[i];

		if (other->turn && other->priority == e->priority &&
		    turn_group(q, other) == turn_group(q, e) && may_be_delivered(q, other))
			return true;
	}
	return false;
}

void assign_turns(struct model_queue *q)
{
	__u64 *last, now;
	unsigned int i;

	if (option_is(q, OPT_FAIRNESS, FAIR_NONE))
		return;
	for (i = 0; i < q->count; i++) {
		struct model_entry *e = &q->entry[i];

		if (e->turn || !may_be_delivered(q, e))
			continue;
		last = &q->turns[e->priority][turn_group(q, e)];
		now = q->turn[e->priority];
		if (!group_has_turn(q, e) || *last < now)
			*last = now;
		e->turn = ++*last;
	}
}

void remove_entry(struct model_queue *q, struct model_entry *e)
{
	unsigned int i = e - q->entry;

	memmove(e, e + 1, (--q->count - i) * sizeof(*e));
	assign_turns(q);
}
