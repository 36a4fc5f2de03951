// SPDX-License-Identifier: GPL-2.0
/*
 * Sequences of operations, made from a seed.
 */
#include "play/dice.h"
#include "play/options.h"
#include "play/pace.h"
#include "play/profiles.h"
#include "play/sequence.h"

/* Queues mostly take what topics may. */
static void bound_for_topics(__u64 *option, __u64 *dice)
{
	option[OPT_MAX_MESSAGE_SIZE] = options[OPT_MAX_MESSAGE_SIZE].usual;
	if (chance(dice, 2))
		option[OPT_MAX_BYTES] = options[OPT_MAX_BYTES].usual;
	if (!chance(dice, 4))
		option[OPT_ALLOW_EMPTY] = 1;
}

static void draw_topic_options(struct sequence *s, int topic, __u64 *dice)
{
	__u64 *option = s->option[topic];
	int i;

	for (i = 0; i < MODEL_OPTIONS; i++) {
		option[i] = options[i].usual;
		if (s->profile->topic_draws & 1U << i && chance(dice, 2))
			option[i] = option_raw(i, dice);
	}
	option[OPT_PAUSED] = PAUSED_NONE;
	/* It is made before what it could lead to. */
	option[OPT_ALTERNATE] = 0;
	/* The kernel takes priorities of up to 255, and clamps them later. */
	option[OPT_PRIORITIES] = DEVMQ_PRIORITIES_MAX;
}

static void draw_options(struct sequence *s, int queue, __u64 *dice)
{
	const struct profile *p = s->profile;
	__u64 *option = s->option[queue];
	/* Fewer options at a time, as many would mask each other. */
	int i, odds = p->draws == ~0U ? 4 : 2;

	for (i = 0; i < MODEL_OPTIONS; i++) {
		option[i] = options[i].usual;
		if (!has_option(queue, i))
			continue;
		if (p->forced & 1U << i)
			option[i] = p->value[i];
		else if (p->draws & 1U << i && chance(dice, odds))
			option[i] = options[i].draw[roll(dice, options[i].draws)];
	}
	if (p->topics)
		bound_for_topics(option, dice);
	/* Profiles with settlements mostly have ack=manual. */
	if (p->draws & OPTION(ACK) && p->actions && !chance(dice, 3))
		option[OPT_ACK] = DEVMQ_ACK_MANUAL;
	if (!chance(dice, 4))
		option[OPT_MAX_MESSAGES] = option_draw(OPT_MAX_MESSAGES, dice);
	/* Dead messages go to the next queue or nowhere. */
	option[OPT_DEAD_LETTER] = 0;
	if (p->draws & OPTION(DEAD_LETTER) && queue + 1 < s->queues &&
	    !chance(dice, 3))
		option[OPT_DEAD_LETTER] = queue + 2;
	if (option[OPT_OVERFLOW] == OVERFLOW_DEAD && !option[OPT_DEAD_LETTER])
		option[OPT_OVERFLOW] = OVERFLOW_DROP_HEAD;
	/* A dead-letter queue has neither key order nor turns. */
	if (queue && s->option[queue - 1][OPT_DEAD_LETTER]) {
		option[OPT_ORDER] = ORDER_FIFO;
		option[OPT_FAIRNESS] = FAIR_NONE;
	}
}

static enum model_kind draw_kind(const struct profile *p, __u64 *dice)
{
	unsigned int sum = 0, kind;

	for (kind = 0; kind < MODEL_KINDS; kind++)
		sum += p->weight[kind];
	sum = roll(dice, sum);
	for (kind = 0; sum >= p->weight[kind]; kind++)
		sum -= p->weight[kind];
	return kind;
}

/* Which queue or topic an operation concerns, where there are topics. */
static int draw_place(const struct sequence *s, enum model_kind kind,
		      __u64 *dice)
{
	unsigned int odds;	/* of 4: a topic */

	switch (kind) {
	case CALL_BIND:
	case CALL_UNBIND:
	case CALL_BINDINGS:
	case CALL_SEEK:
		odds = 4;
		break;
	case CALL_RECV:
	case CALL_RECV_ID:
	case CALL_SETTLE:
	case CALL_REDRIVE:
		odds = 0;
		break;
	case CALL_SEND:
	case CALL_WRITE:
		odds = 3;
		break;
	default:
		odds = 2;
	}
	/* The first of each most of all. */
	if (roll(dice, 4) < odds)
		return MODEL_PLAIN + roll(dice, 1 + roll(dice, s->topics));
	return roll(dice, 1 + roll(dice, s->queues));
}

/* Topics are opened, and bound, before anything else. */
static void draw_topic_op(const struct sequence *s, unsigned int i,
			  struct op *op, __u64 *dice)
{
	if (i < 12)
		op->kind = i % 3 == 1 ? CALL_BIND : CALL_OPEN;
	op->queue = draw_place(s, op->kind, dice);
	if (i < 2)
		op->queue = MODEL_PLAIN;
	op->seed = roll64(dice);
}

void draw_sequence(struct sequence *s, __u64 seed)
{
	__u64 dice = seed;
	unsigned int i;

	s->seed = seed;
	s->profile = &profiles[seed % SEED_PROFILES];
	s->queues = s->profile->queues;
	s->topics = s->profile->topics;
	if (s->topics) {
		s->queues = 1 + roll(&dice, s->queues);
		s->topics = 1 + roll(&dice, s->topics);
	}
	for (i = 0; i < (unsigned int)s->queues; i++)
		draw_options(s, i, &dice);
	for (i = 0; i < (unsigned int)s->topics; i++)
		draw_topic_options(s, MODEL_PLAIN + i, &dice);
	s->count = 50 + roll(&dice, OPS_MAX - 50);
	for (i = 0; i < s->count; i++) {
		struct op *op = &s->op[i];

		op->kind = i < 3 ? CALL_OPEN : draw_kind(s->profile, &dice);
		if (s->topics) {
			draw_topic_op(s, i, op, &dice);
			continue;
		}
		op->queue = i < 3 || !chance(&dice, 3) ? 0 :
			    roll(&dice, s->profile->queues);
		op->seed = roll64(&dice);
	}
}
