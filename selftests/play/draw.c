// SPDX-License-Identifier: GPL-2.0
/*
 * Operations become calls: which queue, file, message and number each concerns.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "play/dice.h"
#include "play/draw.h"
#include "play/options.h"
#include "play/pace.h"
#include "play/profiles.h"
#include "play/sequence.h"

/* An open file with this access, or -1 if there is none. */
static int draw_file(const struct model_queue *q, bool reads, bool writes,
		     __u64 *dice)
{
	int i, n = 0, file[MODEL_FILES];

	for (i = 0; i < MODEL_FILES; i++)
		if (q->file[i].open && (!reads || q->file[i].reads) &&
		    (!writes || q->file[i].writes))
			file[n++] = i;
	return n ? file[roll(dice, n)] : -1;
}

/* Often a file in the middle of a message, else any that can read. */
static int draw_reader(const struct model_queue *q, __u64 *dice)
{
	int i;

	for (i = 0; i < MODEL_FILES; i++)
		if (q->file[i].open && (q->file[i].partial ||
					q->file[i].stale) && chance(dice, 2))
			return i;
	return draw_file(q, true, false, dice);
}

/* Mostly a file that holds a delivery, or -1 if none does. */
static int draw_holder(const struct model_queue *q, __u64 *dice)
{
	unsigned int i, n = 0, choice;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == DEVMQ_STATE_IN_FLIGHT;
	if (chance(dice, 12))
		return draw_file(q, true, false, dice);
	if (!n)
		return -1;
	choice = roll(dice, n);
	for (i = 0; i < q->count; i++)
		if (q->entry[i].state == DEVMQ_STATE_IN_FLIGHT && !choice--)
			break;
	return q->entry[i].holder;
}

/* The id of a message in @state, if there is one, or any number. */
static __u64 draw_id(const struct model_queue *q, __u32 state, int holder,
		     __u64 *dice)
{
	unsigned int i, n = 0, choice;

	for (i = 0; i < q->count; i++)
		n += q->entry[i].state == state &&
		     (holder < 0 || q->entry[i].holder == holder);
	if (!n || chance(dice, 12))
		return 1 + roll(dice, q->last_id + 2);
	choice = roll(dice, n);
	for (i = 0; i < q->count; i++)
		if (q->entry[i].state == state &&
		    (holder < 0 || q->entry[i].holder == holder) &&
		    !choice--)
			break;
	return q->entry[i].id;
}

static __u64 draw_duration(__u64 *dice)
{
	switch (roll(dice, 5)) {
	case 0:
	case 1:
		return short_ms * NSEC_PER_MSEC;
	case 2:
		return LONG_MS * NSEC_PER_MSEC;
	default:
		return 0;
	}
}

static void draw_record(const struct model_queue *q, unsigned int with,
			struct model_record *r, __u64 *dice)
{
	*r = (struct model_record) {
		.serial = roll64(dice),
		.size = chance(dice, 20) ? 0 : 4 + roll(dice, 40),
		.key = with & WITH_KEY ? (int)roll(dice, MODEL_KEYS + 1) - 1 :
					 -1,
		.dedup = with & WITH_DEDUP && chance(dice, 2) ?
			 (int)roll(dice, MODEL_DEDUPS) : -1,
		.header = with & WITH_HEADER && chance(dice, 4),
	};
	if (with & WITH_PRIORITY)
		r->priority = roll(dice, q->option[OPT_PRIORITIES] +
					 chance(dice, 50));
	if (with & WITH_DELAY && chance(dice, 3)) {
		r->delay = draw_duration(dice);
		/*
		 * Turns are given when messages become ready, so with turns
		 * there is one clock only.
		 */
		r->at = is_usual(q, OPT_FAIRNESS) && chance(dice, 3);
	}
	if (with & WITH_TTL && chance(dice, 3))
		r->ttl = chance(dice, 4) ? DEVMQ_FOREVER : draw_duration(dice);
	/*
	 * Its time to live begins when the kernel notices the instant, a little
	 * later.
	 */
	if (r->at && r->delay)
		r->ttl = DEVMQ_FOREVER;
}

static void draw_range(const struct model_queue *q, const struct profile *p,
		       int file, struct model_range *r, __u64 *dice)
{
	__u64 id = draw_id(q, DEVMQ_STATE_IN_FLIGHT, file, dice);

	r->first = id;
	r->last = id;
	if (chance(dice, 3))
		r->last += roll(dice, 6);
	do {
		r->action = 1 + roll(dice, DEVMQ_ACTION_DEFER);
	} while (!(p->actions & 1U << r->action));
	if (r->action == DEVMQ_ACTION_RETRY)
		r->delay = chance(dice, 3) ? 1 : 0;
	if ((r->action == DEVMQ_ACTION_RETRY && p->with & WITH_DELAY) ||
	    (r->action == DEVMQ_ACTION_EXTEND && p->with & WITH_LEASE)) {
		if (chance(dice, 2))
			r->delay = draw_duration(dice);
	}
	if (r->action == DEVMQ_ACTION_EXTEND && chance(dice, 8))
		r->delay = DEVMQ_FOREVER;
	if (r->action == DEVMQ_ACTION_REJECT)
		r->reason = chance(dice, 2) ? 0 :
			    DEVMQ_REASON_USER + roll(dice, 1000);
	if (r->action == DEVMQ_ACTION_REJECT ||
	    r->action == DEVMQ_ACTION_RETRY) {
		r->note = roll64(dice);
		r->note_size = chance(dice, 2) ? 0 :
			       4 + roll(dice, DEVMQ_NOTE_MAX - 3);
	}
	/* Now and then a settlement is invalid. */
	if (!chance(dice, 40))
		return;
	switch (roll(dice, 5)) {
	case 0:
		r->action = chance(dice, 2) ? 0 : 7;
		break;
	case 1:
		r->delay = 5 * NSEC_PER_MSEC;
		r->action = DEVMQ_ACTION_ACK;
		break;
	case 2:
		r->reason = DEVMQ_REASON_USER - 1;
		break;
	case 3:
		r->note_size = DEVMQ_NOTE_MAX + 1;
		break;
	case 4:
		r->first = r->last + 1;
		break;
	}
}

/* States for PEEK or PURGE: often all of them, or one. */
static __u32 draw_states(__u64 *dice)
{
	switch (roll(dice, 3)) {
	case 0:
		return 0;
	case 1:
		return 1U << (1 + roll(dice, 5));
	default:
		return roll(dice, 32) << 1;
	}
}

/* A range of ids, perhaps all of them. */
static void draw_ids(const struct model_queue *q, struct model_call *c,
		     __u64 *dice)
{
	if (chance(dice, 3))
		return;
	c->first = roll(dice, q->last_id + 2);
	if (chance(dice, 2))
		c->last = c->first + roll(dice, 10) - chance(dice, 10);
}

static bool draw_open(const struct model_queue *q, struct model_call *c,
		      __u64 *dice)
{
	static const int modes[4] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };

	for (c->file = 0; c->file < MODEL_FILES; c->file++)
		if (!q->file[c->file].open)
			break;
	c->mode = modes[roll(dice, 4)];
	c->exclusive = chance(dice, 20);
	return c->file < MODEL_FILES;
}

static bool draw_sending(const struct model_queue *q, const struct profile *p,
			 struct model_call *c, __u64 *dice)
{
	unsigned int i;

	c->file = draw_file(q, false, true, dice);
	c->user = p->with & WITH_USER ? roll(dice, MODEL_USERS) : 0;
	c->count = 1;
	if (c->kind == CALL_WRITE) {
		draw_record(q, 0, &c->record[0], dice);
		if (!c->record[0].size)
			c->record[0].size = 4;
		return c->file >= 0;
	}
	if (chance(dice, 2))
		c->count += roll(dice, MODEL_BATCH);
	for (i = 0; i < c->count; i++)
		draw_record(q, p->with, &c->record[i], dice);
	return c->file >= 0;
}

static bool draw_receiving(const struct model_queue *q, struct model_call *c,
			   __u64 *dice)
{
	if (c->kind == CALL_READ) {
		c->file = draw_reader(q, dice);
		c->size = chance(dice, 3) ? roll(dice, 12) : MODEL_PAYLOAD;
		return c->file >= 0;
	}
	c->file = draw_file(q, true, false, dice);
	c->size = chance(dice, 6) ? 60 + roll(dice, 300) : 1 << 20;
	c->count = chance(dice, 8) ? 0 : 1 + roll(dice, 4);
	if (c->kind == CALL_RECV_ID)
		c->id = draw_id(q, DEVMQ_STATE_DEFERRED, -1, dice);
	return c->file >= 0;
}

static bool draw_consumer(const struct model_queue *q, const struct profile *p,
			  struct model_call *c, __u64 *dice)
{
	c->file = draw_file(q, true, false, dice);
	c->set = !chance(dice, 4);
	c->ack = chance(dice, 30) ? 2 : roll(dice, 2);
	c->prefetch = option_draw(OPT_PREFETCH, dice);
	if (p->with & WITH_LEASE && chance(dice, 2))
		c->lease = draw_duration(dice);
	return c->file >= 0;
}

static bool draw_redrive(const struct model *m, const struct profile *p,
			 struct model_call *c, __u64 *dice)
{
	const struct model_queue *target;

	draw_ids(&m->queue[c->queue], c, dice);
	c->set = chance(dice, 3);
	c->target_queue = roll(dice, p->queues);
	target = &m->queue[c->target_queue];
	c->target_file = draw_file(target, false, !chance(dice, 20), dice);
	return !c->set || (target->exists && c->target_file >= 0);
}

static bool draw_option(const struct profile *p, struct model_call *c,
			__u64 *dice)
{
	c->option = roll(dice, MODEL_OPTIONS);
	if (!(p->draws & 1U << c->option) || !options[c->option].live)
		return false;
	c->value = chance(dice, 3) ? options[c->option].usual :
				     option_draw(c->option, dice);
	return true;
}

bool draw_call(const struct model *m, const struct sequence *s,
	       const struct op *op, struct model_call *c)
{
	const struct model_queue *q = &m->queue[op->queue];
	const struct profile *p = s->profile;
	__u64 dice = op->seed;
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->kind = op->kind;
	c->queue = op->queue;
	if (!q->exists && c->kind != CALL_CREATE && c->kind != CALL_REMOVE &&
	    c->kind != CALL_STEP)
		return false;
	switch (c->kind) {
	case CALL_OPEN:
		return draw_open(q, c, &dice);
	case CALL_CLOSE:
	case CALL_POLL:
		c->file = draw_file(q, false, false, &dice);
		return c->file >= 0;
	case CALL_WRITE:
	case CALL_SEND:
		return draw_sending(q, p, c, &dice);
	case CALL_READ:
	case CALL_RECV:
	case CALL_RECV_ID:
		return draw_receiving(q, c, &dice);
	case CALL_SETTLE:
		c->file = draw_holder(q, &dice);
		if (c->file < 0)
			return false;
		c->count = chance(&dice, 4) ? 1 + roll(&dice, MODEL_RANGES) : 1;
		for (i = 0; i < c->count; i++)
			draw_range(q, p, c->file, &c->range[i], &dice);
		return true;
	case CALL_CONSUMER:
		return draw_consumer(q, p, c, &dice);
	case CALL_PEEK:
		c->states = draw_states(&dice);
		c->id = chance(&dice, 2) ? 0 : roll(&dice, q->last_id + 2);
		c->count = roll(&dice, 4);
		c->payload_max = chance(&dice, 2) ? DEVMQ_FOREVER :
						    roll(&dice, 30);
		return true;
	case CALL_PURGE:
		draw_ids(q, c, &dice);
		c->states = draw_states(&dice);
		c->age = chance(&dice, 4) ? LONG_MS * NSEC_PER_MSEC : 0;
		return true;
	case CALL_REDRIVE:
		return draw_redrive(m, p, c, &dice);
	case CALL_OPTION:
		return draw_option(p, c, &dice);
	case CALL_CREATE:
		c->options = resolve_options(s->option[op->queue]);
		return true;
	default:
		return true;
	}
}
