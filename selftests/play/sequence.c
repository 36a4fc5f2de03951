// SPDX-License-Identifier: GPL-2.0
/*
 * Sequences of operations, made from a seed.
 */
#include "play/dice.h"
#include "play/options.h"
#include "play/pace.h"
#include "play/profiles.h"
#include "play/sequence.h"

static void draw_options(struct sequence *s, int queue, __u64 *dice)
{
	const struct profile *p = s->profile;
	__u64 *option = s->option[queue];
	/* Fewer options at a time, as many would mask each other. */
	int i, odds = p->draws == ~0U ? 4 : 2;

	for (i = 0; i < MODEL_OPTIONS; i++) {
		option[i] = options[i].usual;
		if (p->forced & 1U << i)
			option[i] = p->value[i];
		else if (p->draws & 1U << i && chance(dice, odds))
			option[i] = options[i].draw[roll(dice, options[i].draws)];
	}
	/* Profiles with settlements mostly have ack=manual. */
	if (p->draws & OPTION(ACK) && p->actions && !chance(dice, 3))
		option[OPT_ACK] = DEVMQ_ACK_MANUAL;
	if (!chance(dice, 4))
		option[OPT_MAX_MESSAGES] = option_draw(OPT_MAX_MESSAGES, dice);
	/* Dead messages go to the next queue or nowhere. */
	option[OPT_DEAD_LETTER] = 0;
	if (p->draws & OPTION(DEAD_LETTER) && queue + 1 < p->queues &&
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

void draw_sequence(struct sequence *s, __u64 seed)
{
	__u64 dice = seed;
	unsigned int i;

	s->seed = seed;
	s->profile = &profiles[seed % SEED_PROFILES];
	for (i = 0; i < s->profile->queues; i++)
		draw_options(s, i, &dice);
	s->count = 50 + roll(&dice, OPS_MAX - 50);
	for (i = 0; i < s->count; i++) {
		struct op *op = &s->op[i];

		op->kind = i < 3 ? CALL_OPEN : draw_kind(s->profile, &dice);
		op->queue = i < 3 || !chance(&dice, 3) ? 0 :
			    roll(&dice, s->profile->queues);
		op->seed = roll64(&dice);
	}
}
