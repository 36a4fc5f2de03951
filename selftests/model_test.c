// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of all that can be done with queues, against the model:
 * after each operation the model and the kernel must have told the same.
 *
 * A sequence is made of a seed and of nothing else, but for how long things
 * take.  One that fails is made as short as it gets, and then printed.
 *
 *   MODEL_OPS=N      operations of all tests together (100000)
 *   MODEL_SECONDS=N  but stop after so long (300): a debug kernel does not get
 *                    that far
 *   MODEL_SEED=SEED  run the one sequence with this seed, and tell it all
 *
 * Time: a duration is either hours, so never over, or short.  Before each
 * operation the tester sees that no short one ends while it runs: it sleeps
 * until those are over that nearly are.  When exactly they end the kernel knows
 * better than the model, which learns it from the kernel when the two are found
 * to agree, within what the machine's pace leaves open.
 *
 * What ended since the last look may have done so in more than one order, as
 * each queue has a timer of its own and what dies is on its way for a moment.
 * The model predicts all outcomes that there are, and the kernel's has to be
 * among them.  Where the machine was so slow that one duration may have begun
 * and ended unseen, or have ended during an operation, nothing can be said if
 * the two differ: then durations get longer, and the sequence begins anew.
 */
#include "mq_test.h"

#include <sys/utsname.h>

#include "model.h"

#define OPS_MAX		400	/* of one sequence */
#define LONG_MS		(3 * 3600 * 1000ULL)
#define NSEC_PER_MSEC	1000000ULL

/*
 * How long a short duration is, in calm and now, and at most; and what part of
 * it a call takes, mostly.
 */
static __u64 calm_ms = 40, short_ms = 40;
#define SHORT_MAX	1280
#define SLOP_SHARE	10

/* A timer may be so much late, and clocks may differ so much. */
#define GUARD_NS	NSEC_PER_MSEC

/* Of one who is late. */
#define LATE_SEQUENCES	600

/* How many operations there are in all tests, and how long they may take. */
#define OPS_USUAL	100000
#define SECONDS_USUAL	300

/* -- dice ------------------------------------------------------------------ */

static __u64 roll64(__u64 *state)
{
	__u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static unsigned int roll(__u64 *state, unsigned int sides)
{
	return roll64(state) % sides;
}

static bool chance(__u64 *state, unsigned int sides)
{
	return !roll(state, sides);
}

/* -- options --------------------------------------------------------------- */

/* In the table: so many times the short duration. */
#define SHORT(n)	(1ULL << 63 | (n))

static const struct {
	const char	*name;
	bool		live;
	const char	*word[4];
	bool		told;	/* even if usual: it is not the default */
	__u64		usual;
	unsigned int	draws;
	__u64		draw[8];
} options[MODEL_OPTIONS] = {
	[OPT_MAX_MESSAGES] = { "max_messages", true, .usual = 1048576,
		.draws = 5, .draw = { 1, 3, 8, 20, 50 } },
	[OPT_MAX_BYTES] = { "max_bytes", true, .usual = 64 << 20,
		.draws = 4, .draw = { 60, 200, 500, 1000 } },
	[OPT_MAX_MESSAGE_SIZE] = { "max_message_size", true, .usual = 1 << 20,
		.draws = 2, .draw = { 20, 40 } },
	[OPT_OVERFLOW] = { "overflow", true,
		{ "block", "reject", "drop-head", "dead-letter" },
		.draws = 4, .draw = { 0, 1, 2, 3 } },
	[OPT_EOF] = { "eof", true, { "never", "empty", "hangup" },
		.draws = 3, .draw = { 0, 1, 2 } },
	[OPT_ALLOW_EMPTY] = { "allow_empty", true,
		.draws = 3, .draw = { 0, 1, 1 } },
	[OPT_ACK] = { "ack", true, { "auto", "manual" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_PREFETCH] = { "prefetch", true,
		.draws = 4, .draw = { 0, 1, 2, 5 } },
	[OPT_LEASE_MS] = { "lease_ms", true,
		.draws = 4, .draw = { 0, LONG_MS, LONG_MS, SHORT(1) } },
	[OPT_MAX_DELIVERIES] = { "max_deliveries", true, .usual = 20,
		.draws = 5, .draw = { 0, 1, 2, 2, 3 } },
	[OPT_MAX_DEAD] = { "max_dead", true, .usual = 65536,
		.draws = 3, .draw = { 0, 1, 3 } },
	[OPT_DEAD_LETTER] = { "dead_letter", true,
		.draws = 4, .draw = { 0, 1, 2, 3 } },
	[OPT_ON_EXPIRY] = { "on_expiry", true, { "drop", "dead" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_RETRY_MS] = { "retry_ms", true, .told = true,
		.draws = 3, .draw = { 0, LONG_MS, SHORT(1) } },
	[OPT_RETRY_BACKOFF] = { "retry_backoff", true, .told = true, .usual = 1,
		.draws = 4, .draw = { 2, 2, 3, 1000 } },
	[OPT_RETRY_MAX_MS] = { "retry_max_ms", true, .told = true,
		.draws = 4, .draw = { 0, LONG_MS, SHORT(1), SHORT(2) } },
	[OPT_DELAY_MS] = { "delay_ms", true,
		.draws = 4, .draw = { 0, 0, LONG_MS, SHORT(1) } },
	[OPT_TTL_MS] = { "ttl_ms", true,
		.draws = 4, .draw = { 0, 0, LONG_MS, SHORT(1) } },
	[OPT_PRIORITIES] = { "priorities", .usual = 1,
		.draws = 3, .draw = { 1, 2, MODEL_LEVELS } },
	[OPT_ORDER] = { "order", .word = { "fifo", "key" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_FAIRNESS] = { "fairness", .word = { "none", "key", "uid" },
		.draws = 3, .draw = { 0, 1, 2 } },
	[OPT_DEDUP_WINDOW_MS] = { "dedup_window_ms",
		.draws = 4, .draw = { LONG_MS, LONG_MS, SHORT(1), SHORT(2) } },
	[OPT_DEDUP_MAX] = { "dedup_max", true, .usual = 65536,
		.draws = 3, .draw = { 1, 2, 4 } },
	[OPT_SINGLE_ACTIVE] = { "single_active", true,
		.draws = 2, .draw = { 0, 1 } },
	[OPT_PAUSED] = { "paused", true,
		{ "none", "send", "receive", "both" },
		.draws = 7, .draw = { 0, 0, 0, 0, 1, 2, 3 } },
};

static bool is_usual(const struct model_queue *q, enum model_option option)
{
	return q->option[option] == options[option].usual;
}

static __u64 resolve(__u64 value)
{
	return value & SHORT(0) ? (value & ~SHORT(0)) * short_ms : value;
}

/* A queue's options as they are to be set now, until the next call. */
static const __u64 *resolve_all(const __u64 *option)
{
	static __u64 resolved[MODEL_OPTIONS];
	int i;

	for (i = 0; i < MODEL_OPTIONS; i++)
		resolved[i] = resolve(option[i]);
	return resolved;
}

static __u64 slop_ns(void)
{
	return short_ms * NSEC_PER_MSEC / SLOP_SHARE;
}

static __u64 option_draw(enum model_option option, __u64 *dice)
{
	return resolve(options[option].draw[roll(dice, options[option].draws)]);
}

/* -- what a test is about -------------------------------------------------- */

/* What may be asked of a message that is sent. */
#define WITH_PRIORITY	0x01
#define WITH_KEY	0x02
#define WITH_DELAY	0x04
#define WITH_TTL	0x08
#define WITH_DEDUP	0x10
#define WITH_USER	0x20
#define WITH_HEADER	0x40
#define WITH_LEASE	0x80	/* of deliveries */
#define WITH_ALL	0xff

#define OPTION(name)	(1U << OPT_##name)
#define ACTION(name)	(1U << DEVMQ_ACTION_##name)

#define BOUNDS	(OPTION(MAX_MESSAGES) | OPTION(MAX_BYTES) |		\
		 OPTION(MAX_MESSAGE_SIZE) | OPTION(OVERFLOW))
#define CONSUMING (OPTION(ACK) | OPTION(PREFETCH) | OPTION(EOF) |	\
		   OPTION(ALLOW_EMPTY))
#define FAILING	(OPTION(MAX_DELIVERIES) | OPTION(MAX_DEAD))
#define TIMES	(OPTION(LEASE_MS) | OPTION(ON_EXPIRY) | OPTION(RETRY_MS) | \
		 OPTION(RETRY_BACKOFF) | OPTION(RETRY_MAX_MS) |		\
		 OPTION(DELAY_MS) | OPTION(TTL_MS))
#define DEDUP	(OPTION(DEDUP_WINDOW_MS) | OPTION(DEDUP_MAX))
#define GATES	(OPTION(SINGLE_ACTIVE) | OPTION(PAUSED))

/**
 * struct profile - what the sequences of a test are made of
 * @name: the test's
 * @share: of all operations, in percent
 * @queues: how many there are
 * @draws: options that may be other than usual
 * @forced: those that always are as @value says
 * @with: what messages and deliveries have
 * @actions: settlements
 * @weight: how often each kind of operation comes
 */
struct profile {
	const char	*name;
	unsigned int	share;
	int		queues;
	__u32		draws;
	__u32		forced;
	__u64		value[MODEL_OPTIONS];
	unsigned int	with;
	unsigned int	actions;
	unsigned int	weight[MODEL_KINDS];
};

#define COMMON_WEIGHTS							\
	[CALL_OPEN] = 5, [CALL_CLOSE] = 2, [CALL_WRITE] = 10,		\
	[CALL_SEND] = 15, [CALL_READ] = 15, [CALL_RECV] = 15,		\
	[CALL_POLL] = 3, [CALL_PEEK] = 2, [CALL_PURGE] = 1

enum {
	PROFILE_plain_queue,
	PROFILE_manual_ack,
	PROFILE_failures_and_dead,
	PROFILE_dead_letter_queue,
	PROFILE_time,
	PROFILE_leases,
	PROFILE_retries,
	PROFILE_priorities,
	PROFILE_keys,
	PROFILE_fairness,
	PROFILE_dedup,
	PROFILE_bounds,
	PROFILE_everything,
};

static const struct profile profiles[] = {
	[PROFILE_plain_queue] = {
		.name = "plain_queue", .share = 4, .queues = 1,
		.draws = OPTION(EOF) | OPTION(ALLOW_EMPTY) | OPTION(PAUSED),
		.with = WITH_HEADER,
		.weight = { COMMON_WEIGHTS, [CALL_OPTION] = 1 },
	},
	[PROFILE_manual_ack] = {
		.name = "manual_ack", .share = 6, .queues = 1,
		.draws = CONSUMING | GATES,
		.with = WITH_HEADER | WITH_LEASE,
		.actions = ACTION(ACK) | ACTION(RELEASE) | ACTION(EXTEND),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_CONSUMER] = 4, [CALL_OPTION] = 1 },
	},
	[PROFILE_failures_and_dead] = {
		.name = "failures_and_dead", .share = 10, .queues = 1,
		.draws = CONSUMING | FAILING,
		.forced = OPTION(ACK), .value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 25,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 2,
			    [CALL_RECV_ID] = 5, [CALL_REDRIVE] = 3 },
	},
	[PROFILE_dead_letter_queue] = {
		.name = "dead_letter_queue", .share = 12, .queues = 3,
		.draws = CONSUMING | FAILING | BOUNDS | OPTION(DEAD_LETTER),
		.forced = OPTION(ACK), .value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 25,
			    [CALL_OPTION] = 3, [CALL_RECV_ID] = 5,
			    [CALL_REDRIVE] = 8, [CALL_REMOVE] = 1,
			    [CALL_CREATE] = 3 },
	},
	[PROFILE_time] = {
		.name = "time", .share = 10, .queues = 2,
		.draws = TIMES | CONSUMING | FAILING | OPTION(DEAD_LETTER),
		.with = WITH_DELAY | WITH_TTL | WITH_LEASE,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 1,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 1,
			    [CALL_STEP] = 1 },
	},
	[PROFILE_leases] = {
		.name = "leases", .share = 6, .queues = 2,
		.draws = CONSUMING | FAILING | GATES | OPTION(DEAD_LETTER),
		.forced = OPTION(LEASE_MS), .value[OPT_LEASE_MS] = SHORT(1),
		.with = WITH_LEASE,
		.actions = ~ACTION(RELEASE),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 10,
			    [CALL_CONSUMER] = 2, [CALL_RECV_ID] = 3,
			    [CALL_STEP] = 4 },
	},
	[PROFILE_retries] = {
		.name = "retries", .share = 6, .queues = 2,
		.draws = FAILING | OPTION(RETRY_BACKOFF) |
			 OPTION(RETRY_MAX_MS) | OPTION(TTL_MS) |
			 OPTION(ON_EXPIRY) | OPTION(DEAD_LETTER),
		.forced = OPTION(ACK) | OPTION(RETRY_MS),
		.value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.value[OPT_RETRY_MS] = SHORT(1),
		.actions = ACTION(RETRY) | ACTION(REJECT),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 35,
			    [CALL_REDRIVE] = 2, [CALL_STEP] = 4 },
	},
	[PROFILE_priorities] = {
		.name = "priorities", .share = 7, .queues = 2,
		.draws = CONSUMING | BOUNDS | OPTION(DEAD_LETTER) | FAILING,
		.forced = OPTION(PRIORITIES),
		.value[OPT_PRIORITIES] = MODEL_LEVELS,
		.with = WITH_PRIORITY, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 1 },
	},
	[PROFILE_keys] = {
		.name = "keys", .share = 9, .queues = 2,
		.draws = CONSUMING | FAILING | OPTION(PRIORITIES) |
			 OPTION(DEAD_LETTER) | OPTION(RETRY_MS),
		.forced = OPTION(ORDER), .value[OPT_ORDER] = ORDER_KEY,
		.with = WITH_KEY | WITH_PRIORITY, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 1, [CALL_RECV_ID] = 3,
			    [CALL_REDRIVE] = 2, [CALL_STEP] = 1 },
	},
	[PROFILE_fairness] = {
		.name = "fairness", .share = 7, .queues = 2,
		.draws = CONSUMING | FAILING | OPTION(PRIORITIES) |
			 OPTION(ORDER) | OPTION(FAIRNESS) |
			 OPTION(DEAD_LETTER),
		.with = WITH_KEY | WITH_PRIORITY | WITH_USER, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_RECV_ID] = 2, [CALL_REDRIVE] = 1 },
	},
	[PROFILE_dedup] = {
		.name = "dedup", .share = 5, .queues = 1,
		.draws = DEDUP | BOUNDS | OPTION(PAUSED),
		.with = WITH_DEDUP, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 5,
			    [CALL_OPTION] = 1, [CALL_STEP] = 1 },
	},
	[PROFILE_bounds] = {
		.name = "bounds", .share = 5, .queues = 2,
		.draws = BOUNDS | OPTION(DEAD_LETTER) | OPTION(PAUSED),
		.with = WITH_KEY | WITH_HEADER, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 5,
			    [CALL_OPTION] = 4 },
	},
	[PROFILE_everything] = {
		.name = "everything", .share = 13, .queues = 3,
		.draws = ~0, .with = ~0, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 2,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 2,
			    [CALL_REMOVE] = 1, [CALL_CREATE] = 3,
			    [CALL_STEP] = 1 },
	},
};

/* -- sequences ------------------------------------------------------------- */

/* An operation.  What exactly it does depends on how things are by then. */
struct op {
	enum model_kind	kind;
	int		queue;
	__u64		seed;
};

struct sequence {
	__u64			seed;
	const struct profile	*profile;
	__u64			option[MODEL_QUEUES][MODEL_OPTIONS];
	unsigned int		count;
	struct op		op[OPS_MAX];
};

/* The profile's number stands in the seed, so that the seed says it all. */
#define SEED_PROFILES	16

static void draw_options(struct sequence *s, int queue, __u64 *dice)
{
	const struct profile *p = s->profile;
	__u64 *option = s->option[queue];
	/* Too many at a time are in each other's way. */
	int i, odds = p->draws == ~0U ? 4 : 2;

	for (i = 0; i < MODEL_OPTIONS; i++) {
		option[i] = options[i].usual;
		if (p->forced & 1U << i)
			option[i] = p->value[i];
		else if (p->draws & 1U << i && chance(dice, odds))
			option[i] = options[i].draw[roll(dice, options[i].draws)];
	}
	/* Where there is much to settle, and not too much beside it. */
	if (p->draws & OPTION(ACK) && p->actions && !chance(dice, 3))
		option[OPT_ACK] = DEVMQ_ACK_MANUAL;
	if (!chance(dice, 4))
		option[OPT_MAX_MESSAGES] = option_draw(OPT_MAX_MESSAGES, dice);
	/* The dead go to the next queue, if anywhere. */
	option[OPT_DEAD_LETTER] = 0;
	if (p->draws & OPTION(DEAD_LETTER) && queue + 1 < p->queues &&
	    !chance(dice, 3))
		option[OPT_DEAD_LETTER] = queue + 2;
	if (option[OPT_OVERFLOW] == OVERFLOW_DEAD && !option[OPT_DEAD_LETTER])
		option[OPT_OVERFLOW] = OVERFLOW_DROP_HEAD;
	/* The dead are neither ordered nor in turns. */
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

static void draw_sequence(struct sequence *s, __u64 seed)
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

/* -- from operations to calls ---------------------------------------------- */

/* Any open file that can do what is asked, -1 if none is. */
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

/* A file that may go on with a message, often; or any that reads. */
static int draw_reader(const struct model_queue *q, __u64 *dice)
{
	int i;

	for (i = 0; i < MODEL_FILES; i++)
		if (q->file[i].open && (q->file[i].partial ||
					q->file[i].stale) && chance(dice, 2))
			return i;
	return draw_file(q, true, false, dice);
}

/* A file that holds something, mostly; -1 if none does, mostly. */
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

/* A message's id: one in @state (if any is), or anything. */
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
		/* Turns are given as messages get ready, by either clock. */
		r->at = is_usual(q, OPT_FAIRNESS) && chance(dice, 3);
	}
	if (with & WITH_TTL && chance(dice, 3))
		r->ttl = chance(dice, 4) ? DEVMQ_FOREVER : draw_duration(dice);
	/*
	 * Its time begins when the kernel notices the instant, which may be a
	 * little later.
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
	/* Now and then something is not right. */
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

/* States to look at or to purge: often all, or one. */
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

/* Some ids, perhaps all. */
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
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };

	for (c->file = 0; c->file < MODEL_FILES; c->file++)
		if (!q->file[c->file].open)
			break;
	c->mode = modes[roll(dice, ARRAY_SIZE(modes))];
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

/* Make a call of an operation: false if there is nothing to do it with. */
static bool draw_call(const struct model *m, const struct sequence *s,
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
		c->options = resolve_all(s->option[op->queue]);
		return true;
	default:
		return true;
	}
}

/* -- the kernel's side ----------------------------------------------------- */

/*
 * All that a sequence runs on.  As long as a test runs its queues have the
 * same names, and each sequence makes them anew.
 */
struct world {
	struct model		model;
	struct model		twin;	/* instead of the kernel */
	bool			use_twin;
	bool			is_late; /* the twin, and does things when it gets to */
	__u64			dice;	/* by how much */
	enum model_mutation	mutation;
	struct mq_queue		queue[MODEL_QUEUES];
	int			look[MODEL_QUEUES];	/* -1: no such queue */
	int			fd[MODEL_QUEUES][MODEL_FILES];
	__u64			real_to_boot;
	struct model_outcome	want, got;
	struct model_call	call;
	/* What time did, and the model did after it: not yet compared. */
	bool			passing;
	struct model		before;
	__u64			first;	/* when it began */
	/* The kernel's side by now. */
	struct devmq_stat	stat[MODEL_QUEUES];
	struct model_outcome	state[MODEL_QUEUES];
	__u64			late;	/* what began then may have by so much */
	__u64			clock;	/* without a kernel there is no other */
	__u64			patience_ms;
	__u64			until_ms; /* no more operations after that */
	__u64			calls;	/* made by operations */
	unsigned int		reordered; /* how often in another order */
	char			buffer[2 << 20];
};

static const uid_t users[MODEL_USERS] = { 0, 1000, 1001 };

/* A key or a de-duplication id: as many letters as its number says. */
static size_t put_letters(char *where, int number, char first)
{
	if (number < 0)
		return 0;
	memset(where, first + number, number + 1);
	return number + 1;
}

static void make_bytes(char *where, __u32 serial, __u32 size)
{
	__u32 i;

	for (i = 0; i < size; i++)
		where[i] = model_byte(serial, i);
}

/* The serial number that bytes were made from; a strange one if it is not. */
static __u32 serial_of(const char *from, __u32 size, __u32 whole)
{
	__u32 i, serial = 0;

	for (i = 0; i < 4 && i < size; i++)
		serial |= (__u32)(unsigned char)from[i] << 8 * i;
	for (i = 4; i < size; i++)
		if ((unsigned char)from[i] != model_byte(serial, i))
			return 0xbadbad;
	return serial;
}

/* Lay records end to end: how many bytes they are. */
static size_t put_records(struct world *w, const struct model_call *c)
{
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		const struct model_record *from = &c->record[i];
		struct devmq_record *r;
		char *data;

		size = DEVMQ_ALIGN(size);
		r = (struct devmq_record *)(w->buffer + size);
		memset(r, 0, sizeof(*r));
		data = (char *)(r + 1);
		r->key_size = put_letters(data, from->key, 'a');
		data += r->key_size;
		r->dedup_size = put_letters(data, from->dedup, 'p');
		data += r->dedup_size;
		if (from->header)
			r->headers_size = mq_header_put(data, "n", "val", 3);
		r->priority = from->priority;
		r->delay_ns = from->delay;
		r->ttl_ns = from->ttl;
		if (from->at) {
			r->flags = DEVMQ_RECORD_AT;
			if (from->delay)
				r->delay_ns += mq_clock_ns(CLOCK_REALTIME);
		}
		r->size = DEVMQ_RECORD_PAYLOAD(r) + from->size;
		make_bytes(mq_record_payload(r), from->serial, from->size);
		size += r->size;
	}
	return size;
}

static void become(uid_t user)
{
	if (syscall(SYS_setresuid, -1, user, -1))
		abort();
}

static __u64 to_boot(const struct world *w, __u64 real)
{
	return real ? real + w->real_to_boot : 0;
}

static int queue_of_name(const struct world *w, const char *name, size_t size)
{
	int i;

	for (i = 0; size && i < MODEL_QUEUES; i++)
		if (size == strlen(w->queue[i].name) &&
		    !memcmp(name, w->queue[i].name, size))
			return i;
	return size ? 99 : -1;
}

/* What the extra block says, if it is there. */
static void see_extra(const struct world *w, struct devmq_record *r,
		      struct model_seen *s)
{
	struct devmq_extra *x = (struct devmq_extra *)(r + 1);
	char *name = (char *)(x + 1), *note = name + x->origin_size;

	s->size = x->payload_size;
	s->due = to_boot(w, x->due_ns);
	s->expires = to_boot(w, x->expires_ns);
	s->reason = x->reason;
	s->origin = queue_of_name(w, name, x->origin_size);
	s->origin_id = x->origin_id;
	s->note_size = x->note_size;
	s->note = serial_of(note, x->note_size, x->note_size);
	s->held = x->since_ns || x->holder_pid;
	if (s->held && x->holder_pid != getpid())
		s->origin = 98;
	if (r->extra_size != sizeof(*x) + x->origin_size + x->note_size)
		s->origin = 97;
}

static void see(const struct world *w, struct devmq_record *r,
		struct model_seen *s)
{
	char *key = (char *)(r + 1) + r->extra_size;
	int i;

	*s = (struct model_seen) {
		.id = r->id,
		.size = mq_record_payload_size(r),
		.shown = mq_record_payload_size(r),
		.key = r->key_size - 1,
		.header = r->headers_size,
		.user = -1,
		.attempt = r->attempt,
		.failures = r->failures,
		.failure = r->failure,
		.priority = r->priority,
		.state = r->state,
		.extra = r->extra_size,
		.origin = -1,
		.sent = to_boot(w, r->time_ns),
	};
	for (i = 0; i < MODEL_USERS; i++)
		if (r->uid == users[i])
			s->user = i;
	if (r->key_size && key[r->key_size - 1] != 'a' + s->key)
		s->key = 99;
	if (r->extra_size)
		see_extra(w, r, s);
	s->serial = serial_of(mq_record_payload(r), s->shown, s->size);
}

static void see_all(const struct world *w, struct model_outcome *o, char *from,
		    size_t used)
{
	struct devmq_record *r = NULL;

	while (o->count < MODEL_SEEN && (r = mq_record_next(from, used, r)))
		see(w, r, &o->seen[o->count++]);
}

static void kernel_send(struct world *w, const struct model_call *c, int fd,
			struct model_outcome *o)
{
	size_t size = put_records(w, c);
	struct devmq_send send = {
		.size = sizeof(send),
		.records = (uintptr_t)w->buffer,
		.records_size = size,
	};

	become(users[c->user]);
	o->error = mq_ioctl(fd, DEVMQ_IOC_SEND, &send);
	become(0);
	if (o->error)
		return;
	o->result = send.count;
	o->flags = send.result;
	o->first = send.first_id;
	o->last = send.last_id;
}

static void kernel_write(struct world *w, const struct model_call *c, int fd,
			 struct model_outcome *o)
{
	make_bytes(w->buffer, c->record[0].serial, c->record[0].size);
	become(users[c->user]);
	o->result = mq_write(fd, w->buffer, c->record[0].size);
	become(0);
}

static void kernel_recv(struct world *w, const struct model_call *c, int fd,
			struct model_outcome *o)
{
	struct devmq_recv recv;

	mq_recv_init(&recv, w->buffer, c->size);
	recv.max_count = c->count;
	recv.id = c->id;
	o->error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (o->error == -EMSGSIZE)
		o->first = recv.need;
	if (o->error)
		return;
	o->result = recv.used;
	see_all(w, o, w->buffer, recv.used);
	if (o->count != recv.count)
		o->flags = recv.count;
}

static void kernel_settle(struct world *w, const struct model_call *c, int fd,
			  struct model_outcome *o)
{
	struct devmq_settlement settlement[MODEL_RANGES] = {};
	struct devmq_settle settle = {
		.size = sizeof(settle),
		.settlements = (uintptr_t)settlement,
		.count = c->count,
	};
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		const struct model_range *r = &c->range[i];
		char *note = w->buffer + i * 1024;

		settlement[i].first_id = r->first;
		settlement[i].last_id = r->last;
		settlement[i].delay_ns = r->delay;
		settlement[i].action = r->action;
		settlement[i].reason = r->reason;
		settlement[i].note_size = r->note_size;
		if (r->note_size)
			settlement[i].note = (uintptr_t)note;
		make_bytes(note, r->note, r->note_size);
	}
	o->error = mq_ioctl(fd, DEVMQ_IOC_SETTLE, &settle);
	if (o->error && o->error != -ESTALE)
		return;
	o->result = settle.settled;
	for (i = 0; i < c->count; i++) {
		o->range[i].settled = settlement[i].settled;
		o->range[i].dead = settlement[i].dead;
		o->range[i].error = settlement[i].error;
	}
}

static void kernel_consumer(struct world *w, const struct model_call *c, int fd,
			    struct model_outcome *o)
{
	struct devmq_consumer consumer = {
		.size = sizeof(consumer),
		.flags = c->set ? DEVMQ_CONSUMER_SET : 0,
		.ack = c->ack,
		.prefetch = c->prefetch,
		.lease_ns = c->lease,
	};

	o->error = mq_ioctl(fd, DEVMQ_IOC_CONSUMER, &consumer);
	if (o->error)
		return;
	o->result = consumer.ack;
	o->flags = consumer.prefetch;
	o->first = consumer.lease_ns;
	o->held = consumer.held;
	o->last = consumer.last_id;
}

static void kernel_peek(struct world *w, const struct model_call *c,
			struct model_outcome *o)
{
	struct devmq_peek peek;

	mq_peek_init(&peek, w->buffer, sizeof(w->buffer));
	peek.after_id = c->id;
	peek.states = c->states;
	peek.max_count = c->count;
	peek.payload_max = c->payload_max;
	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_PEEK, &peek);
	if (o->error)
		return;
	see_all(w, o, w->buffer, peek.used);
	if (o->count != peek.count)
		o->flags = peek.count;
}

static void kernel_purge(struct world *w, const struct model_call *c,
			 struct model_outcome *o)
{
	struct devmq_purge purge = {
		.size = sizeof(purge),
		.first_id = c->first,
		.last_id = c->last,
		.older_than_ns = c->age,
		.states = c->states,
	};

	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_PURGE, &purge);
	if (!o->error)
		o->result = purge.purged;
}

static void kernel_redrive(struct world *w, const struct model_call *c,
			   struct model_outcome *o)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive),
		.flags = c->set ? DEVMQ_REDRIVE_TO : 0,
		.first_id = c->first,
		.last_id = c->last,
	};

	if (c->set)
		redrive.target_fd = w->fd[c->target_queue][c->target_file];
	o->error = mq_ioctl(w->look[c->queue], DEVMQ_IOC_REDRIVE, &redrive);
	if (o->error)
		return;
	o->result = redrive.moved;
	o->first = redrive.stranded;
}

static void option_text(const struct world *w, enum model_option option,
			__u64 value, char *text, size_t size)
{
	if (option == OPT_DEAD_LETTER)
		snprintf(text, size, "%s",
			 value ? w->queue[value - 1].name : "none");
	else if (options[option].word[0])
		snprintf(text, size, "%s", options[option].word[value]);
	else
		snprintf(text, size, "%llu", value);
}

static int kernel_option(struct world *w, const struct model_call *c)
{
	char text[DEVMQ_NAME_MAX + 1];

	option_text(w, c->option, c->value, text, sizeof(text));
	return mq_sysfs_set(&w->queue[c->queue], options[c->option].name, "%s",
			    text);
}

/* The options that are not the default, as a command says them. */
static void options_text(const struct world *w, const __u64 *option, char *text,
			 size_t size)
{
	char value[DEVMQ_NAME_MAX + 1];
	size_t used = 0;
	int i;

	*text = '\0';
	for (i = 0; i < MODEL_OPTIONS; i++) {
		if (option[i] == options[i].usual && !options[i].told)
			continue;
		option_text(w, i, option[i], value, sizeof(value));
		used += snprintf(text + used, size - used, " %s=%s",
				 options[i].name, value);
	}
}

static int kernel_create(struct world *w, const struct model_call *c)
{
	const struct mq_queue *queue = &w->queue[c->queue];
	char text[1024];
	int error;

	options_text(w, c->options, text, sizeof(text));
	error = mq_control("create %s%s", queue->name, text);
	if (error)
		return error;
	w->look[c->queue] = mq_open(queue, MQ_LOOK);
	return w->look[c->queue] < 0 ? w->look[c->queue] : 0;
}

static void kernel_close_all(struct world *w, int queue)
{
	int i;

	for (i = 0; i < MODEL_FILES; i++) {
		if (w->fd[queue][i] >= 0)
			close(w->fd[queue][i]);
		w->fd[queue][i] = -1;
	}
	if (w->look[queue] >= 0)
		close(w->look[queue]);
	w->look[queue] = -1;
}

static int kernel_remove(struct world *w, int queue)
{
	int error = mq_remove(&w->queue[queue]);

	if (!error)
		kernel_close_all(w, queue);
	return error;
}

static int kernel_open(struct world *w, const struct model_call *c, int *fd)
{
	*fd = mq_open(&w->queue[c->queue], c->mode | O_NONBLOCK |
					   (c->exclusive ? O_EXCL : 0));
	return *fd < 0 ? *fd : 0;
}

static void kernel_call(struct world *w, const struct model_call *c,
			struct model_outcome *o)
{
	int *fd = &w->fd[c->queue][c->file];

	switch (c->kind) {
	case CALL_OPEN:
		o->error = kernel_open(w, c, fd);
		break;
	case CALL_CLOSE:
		close(*fd);
		*fd = -1;
		break;
	case CALL_WRITE:
		kernel_write(w, c, *fd, o);
		break;
	case CALL_SEND:
		kernel_send(w, c, *fd, o);
		break;
	case CALL_READ:
		o->result = mq_read(*fd, o->data, c->size);
		break;
	case CALL_RECV:
	case CALL_RECV_ID:
		kernel_recv(w, c, *fd, o);
		break;
	case CALL_SETTLE:
		kernel_settle(w, c, *fd, o);
		break;
	case CALL_CONSUMER:
		kernel_consumer(w, c, *fd, o);
		break;
	case CALL_POLL:
		o->flags = mq_poll(*fd, POLLIN | POLLOUT);
		o->first = mq_fionread(*fd);
		break;
	case CALL_PEEK:
		kernel_peek(w, c, o);
		break;
	case CALL_PURGE:
		kernel_purge(w, c, o);
		break;
	case CALL_REDRIVE:
		kernel_redrive(w, c, o);
		break;
	case CALL_OPTION:
		o->error = kernel_option(w, c);
		break;
	case CALL_REMOVE:
		o->error = kernel_remove(w, c->queue);
		break;
	case CALL_CREATE:
		o->error = kernel_create(w, c);
		break;
	default:
		break;
	}
	/* read and write tell both in one. */
	if (o->result < 0) {
		o->error = o->result;
		o->result = 0;
	}
}

static void other_call(struct world *w)
{
	if (w->use_twin)
		model_call(&w->twin, &w->call, &w->got);
	else
		kernel_call(w, &w->call, &w->got);
}

static void other_stat(struct world *w, int queue, struct devmq_stat *stat)
{
	if (w->use_twin)
		model_stat(&w->twin, queue, stat);
	else
		mq_stat_fd(w->look[queue], stat);
}

/* -- telling --------------------------------------------------------------- */

static const char * const kind_names[MODEL_KINDS] = {
	"open", "close", "write", "send", "read", "recv", "recv-id", "settle",
	"consumer", "poll", "peek", "purge", "redrive", "set", "remove",
	"create", "step",
};

static const char * const action_names[] = {
	"?0", "ack", "release", "retry", "reject", "extend", "defer", "?7",
};

static const char * const state_names[] = {
	"?", "ready", "in-flight", "delayed", "deferred", "dead",
};

static const struct {
	const char	*name;
	size_t		place;
} counters[] = {
#define COUNTER(name) { #name, offsetof(struct devmq_stat, name) }
	COUNTER(ready), COUNTER(in_flight), COUNTER(delayed),
	COUNTER(deferred), COUNTER(dead), COUNTER(bytes), COUNTER(sent),
	COUNTER(delivered), COUNTER(acked), COUNTER(redelivered),
	COUNTER(expired), COUNTER(dead_lettered), COUNTER(dropped),
	COUNTER(purged), COUNTER(deduplicated), COUNTER(consumers),
	COUNTER(producers), COUNTER(dead_refused), COUNTER(dedup_forgotten),
};

static __u64 counter_of(const struct devmq_stat *stat, unsigned int i)
{
	return *(const __u64 *)((const char *)stat + counters[i].place);
}

static void tell_duration(const char *what, __u64 ns)
{
	if (ns == DEVMQ_FOREVER)
		printf(" %s=forever", what);
	else if (ns >= NSEC_PER_MSEC)
		printf(" %s=%llums", what, ns / NSEC_PER_MSEC);
	else if (ns)
		printf(" %s=%lluns", what, ns);
}

static void tell_record(const struct model_record *r)
{
	printf(" {%u bytes", r->size);
	if (r->key >= 0)
		printf(" key=%d", r->key);
	if (r->dedup >= 0)
		printf(" dedup=%d", r->dedup);
	if (r->header)
		printf(" header");
	if (r->priority)
		printf(" priority=%u", r->priority);
	tell_duration(r->at ? "at=now+" : "delay", r->delay);
	if (r->at && !r->delay)
		printf(" at=0");
	tell_duration("ttl", r->ttl);
	printf("}");
}

static void tell_range(const struct model_range *r)
{
	printf(" {%s %llu..%llu", action_names[r->action], r->first, r->last);
	tell_duration("delay", r->delay);
	if (r->reason)
		printf(" reason=%u", r->reason);
	if (r->note_size)
		printf(" note of %u", r->note_size);
	printf("}");
}

static void tell_call(const struct world *w, const struct model_call *c)
{
	static const char * const modes[] = { "reading", "writing", "both" };
	unsigned int i;
	char text[1024];

	printf("%c.%s", 'A' + c->queue, kind_names[c->kind]);
	switch (c->kind) {
	case CALL_OPEN:
		printf(" file %d for %s%s", c->file, modes[c->mode],
		       c->exclusive ? " O_EXCL" : "");
		break;
	case CALL_CLOSE:
	case CALL_POLL:
		printf(" file %d", c->file);
		break;
	case CALL_WRITE:
	case CALL_SEND:
		printf(" file %d", c->file);
		if (c->user)
			printf(" as user %d", users[c->user]);
		for (i = 0; i < c->count; i++)
			tell_record(&c->record[i]);
		break;
	case CALL_READ:
		printf(" file %d, %llu bytes", c->file, c->size);
		break;
	case CALL_RECV:
	case CALL_RECV_ID:
		printf(" file %d, at most %u, buffer %llu", c->file, c->count,
		       c->size);
		if (c->kind == CALL_RECV_ID)
			printf(", id %llu", c->id);
		break;
	case CALL_SETTLE:
		printf(" file %d", c->file);
		for (i = 0; i < c->count; i++)
			tell_range(&c->range[i]);
		break;
	case CALL_CONSUMER:
		printf(" file %d", c->file);
		if (c->set)
			printf(" ack=%u prefetch=%u", c->ack, c->prefetch);
		tell_duration("lease", c->lease);
		break;
	case CALL_PEEK:
		printf(" states %#x after %llu at most %u", c->states, c->id,
		       c->count);
		break;
	case CALL_PURGE:
		printf(" states %#x, %llu..%llu", c->states, c->first, c->last);
		tell_duration("age", c->age);
		break;
	case CALL_REDRIVE:
		printf(" %llu..%llu", c->first, c->last);
		if (c->set)
			printf(" to %c by file %d", 'A' + c->target_queue,
			       c->target_file);
		break;
	case CALL_OPTION:
		option_text(w, c->option, c->value, text, sizeof(text));
		printf(" %s=%s", options[c->option].name, text);
		break;
	case CALL_CREATE:
		options_text(w, c->options, text, sizeof(text));
		printf("%s", text);
		break;
	default:
		break;
	}
}

static void tell_time(const struct world *w, const char *what, __u64 time)
{
	if (time)
		printf(" %s=%+lldms", what,
		       (long long)(time - w->model.now) /
		       (long long)NSEC_PER_MSEC);
}

static void tell_seen(const struct world *w, const struct model_seen *s)
{
	printf("id=%llu %08x/%u", s->id, s->serial, s->size);
	if (s->shown != s->size)
		printf("(%u)", s->shown);
	if (s->key >= 0)
		printf(" key=%d", s->key);
	if (s->header)
		printf(" header");
	if (s->user)
		printf(" user=%d", s->user);
	printf(" %s attempt=%u failures=%u/%u priority=%u",
	       state_names[s->state <= 5 ? s->state : 0], s->attempt,
	       s->failures, s->failure, s->priority);
	if (s->extra)
		printf(" reason=%u origin=%d:%llu note=%08x/%u", s->reason,
		       s->origin, s->origin_id, s->note, s->note_size);
	if (s->held)
		printf(" held");
	tell_time(w, "sent", s->sent);
	tell_time(w, "due", s->due);
	tell_time(w, "expires", s->expires);
}

static void tell_outcome(const struct world *w, const struct model_call *c,
			 const struct model_outcome *o)
{
	unsigned int i;

	if (o->error)
		printf("%s", strerror(-o->error));
	else
		printf("%lld", o->result);
	if (o->first || o->last)
		printf(", %llu..%llu", o->first, o->last);
	if (o->flags)
		printf(", flags %#x", o->flags);
	if (c->kind == CALL_CONSUMER)
		printf(", held %llu", o->held);
	for (i = 0; c->kind == CALL_SETTLE && i < c->count; i++)
		printf(" {%u %u %d}", o->range[i].settled, o->range[i].dead,
		       o->range[i].error);
	for (i = 0; c->kind == CALL_READ && i < o->result && i < 8; i++)
		printf(" %02x", o->data[i]);
	printf("\n");
	for (i = 0; i < o->count; i++) {
		printf("#          ");
		tell_seen(w, &o->seen[i]);
		printf("\n");
	}
}

/* -- comparing ------------------------------------------------------------- */

/*
 * Times are when the kernel looked at its clock, somewhen during a call, or after
 * something was due: so much later than what the model takes them for, at most.
 */
static __u64 latest;

static bool near(__u64 model, __u64 kernel)
{
	return !model == !kernel && kernel + GUARD_NS >= model &&
	       kernel <= model + latest + GUARD_NS;
}

/* Is the model's @a the kernel's @b? */
static bool same_seen(const struct model_seen *a, const struct model_seen *b)
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
	       near(a->sent, b->sent) && near(a->due, b->due) &&
	       near(a->expires, b->expires);
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

/* Without a kernel time is what the test makes it. */
static __u64 now_ns(const struct world *w)
{
	return w->use_twin ? w->clock : mq_clock_ns(CLOCK_BOOTTIME);
}

static void sleep_until(struct world *w, __u64 when)
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

static void tell_difference(const struct world *w)
{
	printf("#    model: ");
	tell_outcome(w, &w->call, &w->want);
	printf("#    kernel: ");
	tell_outcome(w, &w->call, &w->got);
}

/* Do both sides do the same at w->call? */
static bool compare_call(struct world *w, bool tell)
{
	clear_outcome(&w->want);
	clear_outcome(&w->got);
	model_call(&w->model, &w->call, &w->want);
	other_call(w);
	if (now_ns(w) - w->model.now > latest)
		latest = now_ns(w) - w->model.now;
	if (same_outcome(&w->want, &w->got))
		return true;
	if (tell)
		tell_difference(w);
	return false;
}

static bool same_stat(const struct devmq_stat *want,
		      const struct devmq_stat *got, int queue, bool tell)
{
	bool same = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		if (counter_of(want, i) == counter_of(got, i))
			continue;
		same = false;
		if (tell)
			printf("#    %c.%s: model %llu, kernel %llu\n",
			       'A' + queue, counters[i].name,
			       counter_of(want, i), counter_of(got, i));
	}
	return same;
}

static bool compare_stat(struct world *w, int queue, bool tell)
{
	struct devmq_stat want, got;
	bool same;

	model_stat(&w->model, queue, &want);
	other_stat(w, queue, &got);
	same = same_stat(&want, &got, queue, tell);
	if (!w->use_twin && !mq_conserved(&got)) {
		same = false;
		if (tell)
			printf("#    %c's counters do not add up\n",
			       'A' + queue);
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

/* The counters, and all messages, of all queues, as the kernel has them. */
static void see_state(struct world *w)
{
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!w->model.queue[i].exists)
			continue;
		other_stat(w, i, &w->stat[i]);
		call_peek(w, i);
		clear_outcome(&w->got);
		other_call(w);
		copy_outcome(&w->state[i], &w->got);
	}
}

/* Is that what a model says? */
static bool is_state(struct world *w, struct model *m, bool tell)
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
		if (same_stat(&want, &w->stat[i], i, tell) &&
		    same_outcome(&w->want, &w->state[i]))
			continue;
		copy_outcome(&w->got, &w->state[i]);
		if (tell) {
			printf("#    %c holds:\n", 'A' + i);
			tell_difference(w);
		}
		return false;
	}
	return true;
}

/* The kernel knows better when a message was sent and when what will happen. */
static void learn_time(struct model_entry *e, const struct model_seen *s)
{
	e->sent = s->sent;
	if (e->state == DEVMQ_STATE_IN_FLIGHT)
		e->lease = s->due;
	/* Of two times this is the earlier one. */
	else if (e->state == DEVMQ_STATE_DELAYED && s->due != s->expires)
		e->due = s->due;
	e->expires = s->expires;
}

/* The two agree: let the model have all times from the kernel. */
static void learn_times(struct world *w)
{
	unsigned int i, j;

	for (i = 0; !w->use_twin && i < MODEL_QUEUES; i++) {
		struct model_queue *q = &w->model.queue[i];

		for (j = 0; q->exists && j < q->count; j++)
			learn_time(&q->entry[j], &w->state[i].seen[j]);
	}
	latest = 0;
}

/* The counters, and with @peek all messages, of all queues. */
static bool compare_state(struct world *w, bool peek, bool tell)
{
	bool same = true;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++)
		if (w->model.queue[i].exists)
			same &= compare_stat(w, i, tell);
	if (!peek && (same || !tell))
		return same;
	see_state(w);
	if (now_ns(w) - w->model.now > latest)
		latest = now_ns(w) - w->model.now;
	if (!is_state(w, &w->model, tell) || !same)
		return false;
	learn_times(w);
	return true;
}

/* -- what time did --------------------------------------------------------- */

enum verdict { AGREED, DIFFERED, TOO_SLOW, MORE };

/* So many orders of what is due are tried at most. */
#define ORDERS_MAX	2000

static bool came_from(const struct model_entry *e, const struct model_seen *s)
{
	return e->origin == s->origin && e->origin_id == s->origin_id;
}

/* An id is a place. */
static void trade_places(struct model_entry *a, struct model_entry *b)
{
	struct model_entry was = *a;
	__u64 id = b->id;

	*a = *b;
	a->id = was.id;
	*b = was;
	b->id = id;
}

/*
 * Those who came from another queue since @before have come in the order in which
 * the kernel shows them: any will do.
 */
static void order_arrivals(const struct world *w, struct model *m)
{
	unsigned int i, j, k;

	for (i = 0; i < MODEL_QUEUES; i++) {
		struct model_queue *q = &m->queue[i];
		const struct model_outcome *o = &w->state[i];
		__u64 last = w->before.queue[i].last_id;

		for (j = 0; q->exists && j < q->count; j++) {
			if (q->entry[j].id <= last || j >= o->count)
				continue;
			for (k = j; k < q->count; k++)
				if (came_from(&q->entry[k], &o->seen[j]))
					break;
			if (k < q->count)
				trade_places(&q->entry[j], &q->entry[k]);
		}
	}
}

/*
 * Is the kernel's state that of a model to which all that was due happens, queue
 * by queue in the order of time, but in any order of the queues?  Then the model
 * is that one.
 */
static bool find_order(struct world *w, const struct model *from, __u64 now,
		       unsigned int *orders)
{
	struct model *m = calloc(1, sizeof(*m));
	bool found = false, any = false;
	int i, late;

	if (!m)
		abort();
	for (i = 0; i < MODEL_QUEUES && !found; i++) {
		if (!model_is_due(from, i, now))
			continue;
		any = true;
		for (late = 0; late <= model_may_be_late(from, i, now); late++) {
			model_copy(m, from);
			model_step(m, i, now, late);
			found = found || (*orders &&
					  find_order(w, m, now, orders));
		}
	}
	if (!any) {
		--*orders;
		model_copy(m, from);
		m->now = now;
		order_arrivals(w, m);
		found = is_state(w, m, false);
		if (found)
			model_copy(&w->model, m);
	}
	model_reset(m);
	free(m);
	return found;
}

/* What died is on its way to another queue for a moment. */
static bool is_on_its_way(const struct world *w)
{
	struct devmq_stat stat;
	__u64 balance = 0;
	int i;

	for (i = 0; i < MODEL_QUEUES; i++) {
		if (!w->model.queue[i].exists)
			continue;
		model_stat(&w->model, i, &stat);
		balance += w->stat[i].sent - w->stat[i].dead_lettered;
		balance -= stat.sent - stat.dead_lettered;
	}
	return balance;
}

/* Did the kernel do what the model did since w->first?  Then they agree again. */
static enum verdict see_what_time_did(struct world *w, bool tell)
{
	__u64 end = mq_now_ms() + w->patience_ms, now;
	unsigned int orders = ORDERS_MAX;
	struct model *m = &w->model;
	__u64 passed = m->now;

	see_state(w);
	while (is_on_its_way(w) && mq_now_ms() < end &&
	       model_deadline(m) > now_ns(w)) {
		mq_sleep_ms(1);
		see_state(w);
	}
	now = now_ns(w);
	if (model_deadline(m) <= now)
		return MORE;
	if (now - w->first > latest)
		latest = now - w->first;
	if (!is_state(w, m, false)) {
		/* What began then may be over. */
		if (now >= w->first + short_ms * NSEC_PER_MSEC)
			return TOO_SLOW;
		if (!find_order(w, &w->before, passed, &orders)) {
			if (!orders)
				return TOO_SLOW;
			is_state(w, m, tell);
			return DIFFERED;
		}
		w->reordered++;
	}
	learn_times(w);
	return AGREED;
}

/* -- playing a sequence ---------------------------------------------------- */

/* How much is looked at, and told. */
enum { PEEK_ALWAYS = 1, TELL = 2 };

/* How far one clock is from the other. */
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

static void world_reset(struct world *w)
{
	int i;

	model_reset(&w->model);
	w->model.mutation = w->mutation;
	model_reset(&w->twin);
	model_reset(&w->before);
	w->passing = false;
	for (i = 0; !w->use_twin && i < MODEL_QUEUES; i++) {
		kernel_close_all(w, i);
		mq_remove(&w->queue[i]);
	}
	latest = 0;
	if (!w->use_twin)
		w->real_to_boot = clock_difference();
}

/* Any two of those that came to a queue behind @id came the other way round. */
static void mix_arrivals(struct model_queue *q, __u64 id, __u64 *dice)
{
	unsigned int first = 0;

	while (first < q->count && q->entry[first].id <= id)
		first++;
	if (q->count - first > 1)
		trade_places(&q->entry[first],
			     &q->entry[first + roll(dice, q->count - first)]);
}

/* In any order, and whatever has expired by then has expired, perhaps. */
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
		mix_arrivals(&m->queue[i], last[i], dice);
}

static void pass(struct world *w, __u64 now)
{
	model_pass(&w->model, now);
	if (w->use_twin && w->is_late)
		pass_late(&w->twin, now, &w->dice);
	else if (w->use_twin)
		model_pass(&w->twin, now);
}

/* Will something end that does not take hours? */
static bool is_short(const struct world *w)
{
	return model_deadline(&w->model) <
	       w->model.now + LONG_MS * NSEC_PER_MSEC / 2;
}

/* Something ends soon: when it has, it has happened in the model. */
static void let_pass(struct world *w, __u64 when)
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
 * Let pass what would end within @ahead from now, and go on only when that is
 * over for certain, and the kernel has seen the same.
 */
static enum verdict wait_for_quiet(struct world *w, __u64 ahead, bool tell)
{
	for (;;) {
		__u64 now = now_ns(w), when = model_deadline(&w->model), end;

		if (w->passing && when > now) {
			enum verdict verdict = see_what_time_did(w, tell);

			if (verdict == MORE)
				continue;
			w->passing = false;
			if (verdict != AGREED)
				return verdict;
		} else if (when <= now + ahead) {
			let_pass(w, when);
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

/* How long an operation takes at most, mostly. */
static __u64 how_long(enum model_kind kind)
{
	switch (kind) {
	case CALL_STEP:
		/* Until all is over but what takes hours. */
		return 5 * short_ms * NSEC_PER_MSEC;
	case CALL_CREATE:
	case CALL_REMOVE:
	case CALL_OPTION:
		return 5 * slop_ns();
	default:
		return slop_ns();
	}
}

/* The ids that this call has had remembered since @start are so by @end. */
static void doubt_dedups(struct world *w, __u64 start, __u64 end)
{
	struct model_queue *q = &w->model.queue[w->call.queue];
	unsigned int i;

	for (i = 0; i < q->dedups; i++)
		if (q->dedup[i].sent >= start)
			q->dedup[i].late = end - start;
}

/* Whether both did the same, if that can be told; @start is when they began. */
static enum verdict judge(const struct world *w, bool same, __u64 start)
{
	__u64 end = now_ns(w);

	if (same)
		return AGREED;
	return model_deadline(&w->model) <= end + GUARD_NS ||
	       model_silent_end(&w->model, start, end + GUARD_NS) ?
	       TOO_SLOW : DIFFERED;
}

/* One operation.  @w->call has what was called. */
static enum verdict play_op(struct world *w, const struct sequence *s,
			    unsigned int i, int how)
{
	const struct op *op = &s->op[i];
	bool peek = how & PEEK_ALWAYS || i % 16 == 15 || i + 1 == s->count;
	__u64 start = now_ns(w);
	enum verdict verdict;
	bool same;

	verdict = wait_for_quiet(w, how_long(op->kind), how & TELL);
	if (verdict != AGREED)
		return verdict;
	if (how & TELL && w->model.now - start > slop_ns())
		printf("#     %llu ms later\n",
		       (w->model.now - start) / NSEC_PER_MSEC);
	start = w->model.now;
	if (!draw_call(&w->model, s, op, &w->call))
		return AGREED;
	w->call.name_size = strlen(w->queue[0].name);
	if (how & TELL) {
		printf("# %3u ", i + 1);
		tell_call(w, &w->call);
		printf("\n");
	}
	w->calls++;
	w->clock += w->is_late ? NSEC_PER_MSEC : 1000;
	same = compare_call(w, how & TELL);
	doubt_dedups(w, start, now_ns(w));
	if (same && how & TELL) {
		printf("#    = ");
		tell_outcome(w, &w->call, &w->got);
	}
	if (same || how & TELL)
		same &= compare_state(w, peek || is_short(w), how & TELL);
	return judge(w, same, start);
}

/* Make the queues, the last one first. */
static bool play_begin(struct world *w, const struct sequence *s, int how)
{
	int i;

	world_reset(w);
	for (i = s->profile->queues - 1; i >= 0; i--) {
		w->call = (struct model_call) {
			.kind = CALL_CREATE, .queue = i,
			.options = resolve_all(s->option[i]),
		};
		if (how & TELL) {
			printf("#     ");
			tell_call(w, &w->call);
			printf("\n");
		}
		if (!compare_call(w, how & TELL))
			return false;
	}
	return true;
}

/* Play it all.  @at gets which operation it ended with. */
static enum verdict play(struct world *w, const struct sequence *s, int how,
			 unsigned int *at)
{
	enum verdict verdict = AGREED;

	*at = 0;
	if (!play_begin(w, s, how))
		return DIFFERED;
	for (; *at < s->count; ++*at) {
		if (w->until_ms && mq_now_ms() > w->until_ms)
			break;
		verdict = play_op(w, s, *at, how);
		if (verdict != AGREED)
			break;
	}
	return verdict;
}

/* Durations are as long as the machine needs them. */
static void keep_pace(enum verdict verdict)
{
	if (verdict == TOO_SLOW && short_ms < SHORT_MAX)
		short_ms *= 2;
	else if (verdict == AGREED)
		short_ms -= (short_ms - calm_ms) / 4;
}

/* The same, again and again if the machine is too slow. */
static enum verdict play_well(struct world *w, const struct sequence *s,
			      int how, unsigned int *at)
{
	enum verdict verdict;
	int tries = 0;

	do {
		verdict = play(w, s, how, at);
		keep_pace(verdict);
	} while (verdict == TOO_SLOW && ++tries < 5);
	return verdict;
}

/* -- shrinking ------------------------------------------------------------- */

static void cut(struct sequence *s, unsigned int start, unsigned int count)
{
	memmove(&s->op[start], &s->op[start + count],
		(s->count - start - count) * sizeof(s->op[0]));
	s->count -= count;
}

/* Does it still fail?  Then what comes behind that is not needed. */
static bool still_fails(struct world *w, struct sequence *s)
{
	unsigned int at;

	if (play_well(w, s, PEEK_ALWAYS, &at) != DIFFERED)
		return false;
	if (at < s->count)
		s->count = at + 1;
	return true;
}

static bool shrink_ops(struct world *w, struct sequence *s, __u64 end)
{
	unsigned int chunk = s->count, start;
	struct sequence try;
	bool better = false;

	while (chunk /= 2) {
		for (start = 0; start + chunk <= s->count;) {
			try = *s;
			cut(&try, start, chunk);
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				better = true;
			} else {
				start += chunk;
			}
		}
	}
	return better;
}

static bool shrink_options(struct world *w, struct sequence *s, __u64 end)
{
	struct sequence try;
	bool better = false;
	int i, j;

	for (i = 0; i < s->profile->queues; i++) {
		for (j = 0; j < MODEL_OPTIONS; j++) {
			if (s->option[i][j] == options[j].usual)
				continue;
			try = *s;
			try.option[i][j] = options[j].usual;
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				better = true;
			}
		}
	}
	return better;
}

/* What was needed only for each other. */
static bool shrink_pairs(struct world *w, struct sequence *s, __u64 end)
{
	struct sequence try;
	unsigned int i, j;

	for (j = 1; j < s->count; j++) {
		for (i = 0; i < j; i++) {
			try = *s;
			cut(&try, j, 1);
			cut(&try, i, 1);
			if (mq_now_ms() < end && still_fails(w, &try)) {
				*s = try;
				return true;
			}
		}
	}
	return false;
}

/* Make a sequence that fails short: false if it does not fail again. */
static bool shrink(struct world *w, struct sequence *s)
{
	/* Without a kernel it does not take long. */
	__u64 end = w->use_twin ? UINT64_MAX : mq_now_ms() + 60000;
	int tries = 0;

	w->until_ms = 0;
	while (!still_fails(w, s))
		if (++tries == 3)
			return false;
	/* What was lost does not come, and most do not fail for that. */
	w->patience_ms = 100;
	do {
		while (shrink_ops(w, s, end) | shrink_options(w, s, end))
			;
	} while (shrink_pairs(w, s, end));
	w->patience_ms = MQ_PATIENCE_MS;
	return true;
}

/* -- the tests ------------------------------------------------------------- */

/* A debug kernel on an emulated machine takes its time. */
static void know_the_machine(void)
{
	struct utsname name;

	if (uname(&name) || !strstr(name.release, "debug"))
		return;
	calm_ms = 300;
	short_ms = calm_ms;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	int i, j;

	if (w) {
		w->patience_ms = MQ_PATIENCE_MS;
		w->clock = MQ_HOUR;
	}
	for (i = 0; w && i < MODEL_QUEUES; i++) {
		mq_name(&w->queue[i]);
		w->look[i] = -1;
		for (j = 0; j < MODEL_FILES; j++)
			w->fd[i][j] = -1;
	}
	return w;
}

static void world_free(struct world *w)
{
	world_reset(w);
	free(w);
}

FIXTURE(model) {
	struct world *world;
};

FIXTURE_SETUP(model)
{
	MQ_REQUIRE();
	know_the_machine();
	self->world = world_new();
	ASSERT_TRUE(self->world);
}

FIXTURE_TEARDOWN(model)
{
	world_free(self->world);
	EXPECT_EQ(0, mq_cleanup());
}

/* A number from the environment. */
static __u64 environment(const char *name, __u64 usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : usual;
}

static __u64 new_seed(unsigned int profile)
{
	static __u64 dice;

	if (!dice)
		dice = mq_boot_ns() * getpid();
	return roll64(&dice) / SEED_PROFILES * SEED_PROFILES + profile;
}

/* Show how a sequence fails, as it did just now, and as short as possible. */
static void tell_failure(struct world *w, struct sequence *s, unsigned int at)
{
	unsigned int before = s->count;

	printf("# sequence %#llx of %s (MODEL_SEED) fails at operation %u\n",
	       s->seed, s->profile->name, at + 1);
	printf("# ");
	tell_call(w, &w->call);
	printf("\n");
	tell_difference(w);
	fflush(stdout);
	if (!shrink(w, s)) {
		printf("# but not again: look at its times\n");
		fflush(stdout);
		return;
	}
	printf("# %u of its %u operations suffice:\n", s->count, before);
	if (play_well(w, s, PEEK_ALWAYS | TELL, &at) != DIFFERED)
		printf("# not this time: look at its times\n");
	fflush(stdout);
}

/* Play sequences of a profile: how many of them failed. */
static int play_profile(struct __test_metadata *_metadata, struct world *w,
			unsigned int profile)
{
	__u64 seed = environment("MODEL_SEED", 0);
	__u64 ops = environment("MODEL_OPS", OPS_USUAL) *
		    profiles[profile].share / 100;
	__u64 ms = environment("MODEL_SECONDS", SECONDS_USUAL) * 10 *
		   profiles[profile].share;
	unsigned int at, sequences = 0, slow = 0;
	static struct sequence s;
	__u64 start = mq_now_ms();

	/* The last sequence may take longer, but not long. */
	w->until_ms = seed ? 0 : start + ms + 20000;
	if (seed && seed % SEED_PROFILES != profile)
		return 0;
	do {
		enum verdict verdict;

		draw_sequence(&s, seed ? seed : new_seed(profile));
		verdict = play_well(w, &s, seed ? TELL : 0, &at);
		sequences++;
		slow += verdict == TOO_SLOW;
		if (verdict == DIFFERED) {
			tell_failure(w, &s, at);
			return 1;
		}
	} while (!seed && w->calls < ops && mq_now_ms() < start + ms);
	TH_LOG("%llu operations in %u sequences, %llu ms; too slow: %u, in another order: %u",
	       w->calls, sequences, mq_now_ms() - start, slow, w->reordered);
	return 0;
}

TEST_F(model, plain_queue)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_plain_queue));
}

TEST_F(model, manual_ack)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_manual_ack));
}

TEST_F(model, failures_and_dead)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_failures_and_dead));
}

TEST_F(model, dead_letter_queue)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_dead_letter_queue));
}

TEST_F(model, time)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_time));
}

TEST_F(model, leases)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_leases));
}

TEST_F(model, retries)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_retries));
}

TEST_F(model, priorities)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_priorities));
}

TEST_F(model, keys)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_keys));
}

TEST_F(model, fairness)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_fairness));
}

TEST_F(model, dedup)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_dedup));
}

TEST_F(model, bounds)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_bounds));
}

TEST_F(model, everything)
{
	EXPECT_EQ(0, play_profile(_metadata, self->world,
				  PROFILE_everything));
}

/* -- can it fail? ---------------------------------------------------------- */

/* How short a sequence gets that shows the mutation; 0: none is found. */
static unsigned int find_mutation(struct world *w, enum model_mutation mutation)
{
	unsigned int profile = mutation == MUTATION_TTL_FOR_EVER ?
			       PROFILE_time : PROFILE_dead_letter_queue;
	static struct sequence s;
	unsigned int at, tries;

	w->mutation = mutation;
	for (tries = 0; tries < 100; tries++) {
		draw_sequence(&s, new_seed(profile));
		if (play_well(w, &s, 0, &at) == DIFFERED && shrink(w, &s))
			return s.count;
	}
	return 0;
}

/* Of two models one is wrong. */
TEST(wrong_prediction_is_found_and_made_short)
{
	struct world *w = world_new();
	enum model_mutation mutation;
	unsigned int count;

	ASSERT_TRUE(w);
	w->use_twin = true;
	for (mutation = MUTATION_NONE + 1; mutation < MUTATIONS; mutation++) {
		count = find_mutation(w, mutation);
		TH_LOG("mutation %d: %u operations", mutation, count);
		EXPECT_LT(0, count);
		EXPECT_GE(15, count);
	}
	world_free(w);
}

/* And two models that are right agree. */
TEST(model_agrees_with_itself)
{
	struct world *w = world_new();
	static struct sequence s;
	unsigned int at, i;

	ASSERT_TRUE(w);
	w->use_twin = true;
	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		draw_sequence(&s, new_seed(i));
		EXPECT_EQ(AGREED, play_well(w, &s, PEEK_ALWAYS, &at));
	}
	world_free(w);
}

/* Of two that are right one may be late, and do things in another order. */
TEST(what_time_leaves_open_is_no_difference)
{
	static const unsigned int timed[] = {
		PROFILE_time, PROFILE_leases, PROFILE_retries,
		PROFILE_everything,
	};
	struct world *w = world_new();
	static struct sequence s;
	unsigned int at, i, slow = 0;
	enum verdict verdict;

	ASSERT_TRUE(w);
	w->use_twin = true;
	w->is_late = true;
	w->dice = mq_boot_ns();
	for (i = 0; i < LATE_SEQUENCES; i++) {
		draw_sequence(&s, new_seed(timed[i % ARRAY_SIZE(timed)]));
		verdict = play_well(w, &s, PEEK_ALWAYS, &at);
		slow += verdict == TOO_SLOW;
		EXPECT_NE(DIFFERED, verdict) {
			TH_LOG("sequence %#llx of %s, operation %u", s.seed,
			       s.profile->name, at + 1);
			tell_difference(w);
			break;
		}
	}
	TH_LOG("in another order: %u, too slow: %u", w->reordered, slow);
	EXPECT_LT(0, w->reordered);
	EXPECT_GT(LATE_SEQUENCES / 4, slow);
	world_free(w);
}

/* How short it gets depends on how long that may take. */
TEST_F(model, wrong_prediction_is_found_in_the_kernel)
{
	EXPECT_LT(0, find_mutation(self->world, MUTATION_RELEASE_COUNTS));
}

TEST_HARNESS_MAIN
