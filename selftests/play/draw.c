// SPDX-License-Identifier: GPL-2.0
/*
 * Operations become calls: which queue, file, message and number each concerns.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "play/dice.h"
#include "play/draw.h"
#include "play/options.h"
#include "play/pace.h"
#include "play/profiles.h"
#include "play/sequence.h"

/* Keys of one word. */
#define PLAIN_KEYS	4

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

/* Without words, four keys; with words, mostly those that have several. */
static int draw_key(unsigned int with, __u64 *dice)
{
	if (!(with & WITH_KEY))
		return -1;
	if (!(with & WITH_WORDS) || chance(dice, 3))
		return (int)roll(dice, PLAIN_KEYS + 1) - 1;
	return PLAIN_KEYS + roll(dice, MODEL_KEYS - PLAIN_KEYS);
}

static int draw_header(unsigned int with, __u64 *dice)
{
	if (with & WITH_WORDS)
		return roll(dice, MODEL_HEADERS);
	return with & WITH_HEADER && chance(dice, 4);
}

static void draw_record(const struct model_queue *q, unsigned int with,
			struct model_record *r, __u64 *dice)
{
	*r = (struct model_record) {
		.serial = roll64(dice),
		.size = chance(dice, 20) ? 0 : 4 + roll(dice, 40),
		.key = draw_key(with, dice),
		.dedup = with & WITH_DEDUP && chance(dice, 2) ?
			 (int)roll(dice, MODEL_DEDUPS) : -1,
		.header = draw_header(with, dice),
	};
	if (with & WITH_PRIORITY)
		r->priority = with & WITH_WORDS ? roll(dice, MODEL_LEVELS) :
			      roll(dice, q->option[OPT_PRIORITIES] +
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
	c->sync = p->durable && chance(dice, 4);
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

static bool draw_redrive(const struct model *m, const struct sequence *s,
			 struct model_call *c, __u64 *dice)
{
	const struct model_queue *target;

	draw_ids(&m->queue[c->queue], c, dice);
	c->set = chance(dice, 3);
	c->target_queue = roll(dice, s->queues);
	target = &m->queue[c->target_queue];
	c->target_file = draw_file(target, false, !chance(dice, 20), dice);
	return !c->set || (target->exists && c->target_file >= 0);
}

static bool draw_option(const struct sequence *s, struct model_call *c,
			__u64 *dice)
{
	__u32 draws = model_is_topic(c->queue) ? s->profile->topic_draws :
						 s->profile->draws;

	do {
		c->option = roll(dice, MODEL_OPTIONS);
	} while (s->topics && !(draws & 1U << c->option));
	if (!(draws & 1U << c->option) || !options[c->option].live ||
	    !has_option(c->queue, c->option))
		return false;
	c->value = chance(dice, 3) ? options[c->option].usual :
				     option_draw(c->option, dice);
	return true;
}

/* -- topics ---------------------------------------------------------------- */

static void draw_filter(struct model_filter *f, __u64 *dice)
{
	f->pattern = chance(dice, 3) ? -1 : (int)roll(dice, MODEL_PATTERNS);
	f->terms = chance(dice, 3) ? roll(dice, 1U << MODEL_TERMS) : 0;
}

/*
 * With what a binding begins. Of two that catch up to one queue, each may get the
 * room that there is: so there is one.
 */
static void draw_start(const struct model *m, struct model_call *c, __u64 *dice)
{
	unsigned int i;

	c->start = chance(dice, 2) ? START_NONE :
		   (enum model_start)roll(dice, START_FUTURE + 1);
	c->id = roll(dice, m->queue[c->queue].last_id + 3);
	for (i = 0; i < m->bindings; i++)
		if (m->binding[i].is.behind &&
		    m->binding[i].is.target == c->target_queue &&
		    m->binding[i].topic != c->queue)
			c->start = START_NONE;
}

static bool draw_bind(const struct model *m, const struct sequence *s,
		      struct model_call *c, __u64 *dice)
{
	c->target_queue = chance(dice, 4) ?
			  MODEL_PLAIN + roll(dice, s->topics) :
			  roll(dice, 1 + roll(dice, s->queues));
	draw_filter(&c->filter, dice);
	draw_start(m, c, dice);
	c->set = chance(dice, 2);
	return m->queue[c->target_queue].exists && m->bindings < MODEL_BINDINGS;
}

/* Mostly one that is there. */
static bool draw_unbind(const struct model *m, const struct sequence *s,
			struct model_call *c, __u64 *dice)
{
	const struct model_binding *b;

	if (!draw_bind(m, s, c, dice))
		return false;
	c->start = START_NONE;
	c->id = 0;
	/* Without any term all are meant. */
	c->any = chance(dice, 3) || (c->filter.pattern < 0 && !c->filter.terms);
	if (!m->bindings || chance(dice, 8))
		return true;
	b = &m->binding[roll(dice, m->bindings)];
	c->queue = b->topic;
	c->target_queue = b->is.target;
	c->filter = b->is.filter;
	c->any |= c->filter.pattern < 0 && !c->filter.terms;
	return true;
}

static bool draw_seek(const struct model_queue *q, struct model_call *c,
		      __u64 *dice)
{
	static const int from[] = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA };

	c->file = draw_file(q, !chance(dice, 8), false, dice);
	c->whence = from[roll(dice, 4)];
	if (c->whence == SEEK_SET || c->whence == SEEK_DATA)
		c->offset = roll(dice, q->last_id + 4);
	else
		c->offset = (int)roll(dice, 9) - 6;
	return c->file >= 0;
}

/* A topic has messages in one state only. */
static __u32 draw_topic_states(__u64 *dice)
{
	return chance(dice, 3) ? roll(dice, 64) << 1 :
	       chance(dice, 2) ? DEVMQ_STATE_MASK(DEVMQ_STATE_RETAINED) : 0;
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
	    c->kind != CALL_STEP && c->kind != CALL_AGAIN &&
	    c->kind != CALL_CRASH)
		return false;
	switch (c->kind) {
	case CALL_OPEN:
		return draw_open(q, c, &dice);
	case CALL_CLOSE:
	case CALL_POLL:
	case CALL_SYNC:
		c->file = draw_file(q, false, false, &dice);
		return c->file >= 0;
	case CALL_WRITE:
	case CALL_SEND:
		return draw_sending(q, p, c, &dice);
	case CALL_READ:
	case CALL_RECV:
	case CALL_RECV_ID:
		if (!draw_receiving(q, c, &dice))
			return false;
		/* More may come later, when the journal has a higher ceiling. */
		if (p->durable)
			c->count = 1;
		return true;
	case CALL_SETTLE:
		c->file = draw_holder(q, &dice);
		if (c->file < 0)
			return false;
		c->count = chance(&dice, 4) ? 1 + roll(&dice, MODEL_RANGES) : 1;
		for (i = 0; i < c->count; i++)
			draw_range(q, p, c->file, &c->range[i], &dice);
		c->sync = p->durable && chance(&dice, 4);
		return true;
	case CALL_CONSUMER:
		return draw_consumer(q, p, c, &dice);
	case CALL_BIND:
		return draw_bind(m, s, c, &dice);
	case CALL_UNBIND:
		return draw_unbind(m, s, c, &dice);
	case CALL_SEEK:
		return draw_seek(q, c, &dice);
	case CALL_PEEK:
		c->states = model_is_topic(c->queue) ?
			    draw_topic_states(&dice) : draw_states(&dice);
		c->id = chance(&dice, 2) ? 0 : roll(&dice, q->last_id + 2);
		c->count = roll(&dice, 4);
		c->payload_max = chance(&dice, 2) ? DEVMQ_FOREVER :
						    roll(&dice, 30);
		return true;
	case CALL_PURGE:
		draw_ids(q, c, &dice);
		c->states = model_is_topic(c->queue) ?
			    draw_topic_states(&dice) : draw_states(&dice);
		c->age = chance(&dice, 4) ? LONG_MS * NSEC_PER_MSEC : 0;
		return true;
	case CALL_REDRIVE:
		return draw_redrive(m, s, c, &dice);
	case CALL_OPTION:
		return draw_option(s, c, &dice);
	case CALL_CREATE:
		c->options = resolve_options(s->option[op->queue]);
		return true;
	default:
		return true;
	}
}
