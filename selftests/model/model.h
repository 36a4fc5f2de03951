/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of a few queues: what the kernel should do, operation by operation,
 * in the plainest terms.
 *
 * A call is an operation with all its numbers, and an outcome is everything
 * that its caller can see. model_call() computes the outcome of a call from the
 * model's state. The tester makes the same call to the kernel and compares.
 *
 * A message's bytes are made from a serial number, keys and de-duplication ids
 * are small numbers, and a queue is an index: the model never needs the bytes
 * themselves.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/devmq.h>

#define MODEL_QUEUES	3	/* the second and third take the dead */
#define MODEL_FILES	5	/* of each queue */
#define MODEL_BATCH	6	/* records of one SEND */
#define MODEL_RANGES	3	/* settlements of one SETTLE */
#define MODEL_KEYS	4
#define MODEL_DEDUPS	6
#define MODEL_USERS	3
#define MODEL_GROUPS	(MODEL_KEYS + 1)	/* fairness: keys, or users */
#define MODEL_LEVELS	5	/* of priority, at most */
#define MODEL_SEEN	4096	/* messages that an outcome can show */
#define MODEL_PAYLOAD	48	/* bytes of a payload, at most */

/* The size of a message header in the tests. */
#define MODEL_HEADER_SIZE	8

/* -- options --------------------------------------------------------------- */

enum model_option {
	OPT_MAX_MESSAGES,
	OPT_MAX_BYTES,
	OPT_MAX_MESSAGE_SIZE,
	OPT_OVERFLOW,
	OPT_EOF,
	OPT_ALLOW_EMPTY,
	OPT_ACK,
	OPT_PREFETCH,
	OPT_LEASE_MS,
	OPT_MAX_DELIVERIES,
	OPT_MAX_DEAD,
	OPT_DEAD_LETTER,	/* 0: none; else a queue's index + 1 */
	OPT_ON_EXPIRY,
	OPT_RETRY_MS,
	OPT_RETRY_BACKOFF,
	OPT_RETRY_MAX_MS,
	OPT_DELAY_MS,
	OPT_TTL_MS,
	OPT_PRIORITIES,
	OPT_ORDER,
	OPT_FAIRNESS,
	OPT_DEDUP_WINDOW_MS,
	OPT_DEDUP_MAX,
	OPT_SINGLE_ACTIVE,
	OPT_PAUSED,
	MODEL_OPTIONS
};

enum { OVERFLOW_BLOCK, OVERFLOW_REJECT, OVERFLOW_DROP_HEAD, OVERFLOW_DEAD };
enum { EOF_NEVER, EOF_EMPTY, EOF_HANGUP };
enum { EXPIRY_DROP, EXPIRY_DEAD };
enum { ORDER_FIFO, ORDER_KEY };
enum { FAIR_NONE, FAIR_KEY, FAIR_UID };
enum { PAUSED_NONE, PAUSED_SEND, PAUSED_RECEIVE, PAUSED_BOTH };

/* -- calls and outcomes ---------------------------------------------------- */

enum model_kind {
	CALL_OPEN,
	CALL_CLOSE,
	CALL_WRITE,
	CALL_SEND,
	CALL_READ,
	CALL_RECV,
	CALL_RECV_ID,
	CALL_SETTLE,
	CALL_CONSUMER,
	CALL_POLL,		/* and FIONREAD */
	CALL_PEEK,
	CALL_PURGE,
	CALL_REDRIVE,
	CALL_OPTION,
	CALL_REMOVE,
	CALL_CREATE,
	CALL_STEP,		/* time passes */
	MODEL_KINDS
};

/* A message to send.  Durations are in nanoseconds. */
struct model_record {
	__u32	serial;
	__u32	size;
	int	key;		/* -1: none */
	int	dedup;		/* -1: none */
	bool	header;
	__u32	priority;
	bool	at;
	__u64	delay;
	__u64	ttl;
};

struct model_range {
	__u32	action;
	__u64	first, last;
	__u64	delay;
	__u32	reason;
	__u32	note;		/* serial of the note's text */
	__u32	note_size;
};

/* A call.  Which members it uses depends on its kind. */
struct model_call {
	enum model_kind	kind;
	int		queue;
	int		file;		/* index among the queue's files */
	int		user;		/* who sends */
	int		mode;		/* open: O_RDONLY... */
	bool		exclusive;
	unsigned int	count;		/* records, ranges, max_count */
	struct model_record record[MODEL_BATCH];
	struct model_range range[MODEL_RANGES];
	__u64		size;		/* of a buffer */
	__u32		name_size;	/* of a queue's name in a record */
	__u64		id;		/* RECV by id, PEEK after it */
	__u64		first, last;	/* PURGE, REDRIVE */
	__u64		age;		/* PURGE */
	__u32		states;
	__u64		payload_max;
	bool		set;		/* CONSUMER, REDRIVE to a target */
	__u32		ack, prefetch;
	__u64		lease;
	int		target_queue, target_file;
	enum model_option option;
	__u64		value;
	const __u64	*options;	/* CREATE: all of them */
};

/* A message, as a record shows it. */
struct model_seen {
	__u64	id;
	__u32	serial;
	__u32	size;		/* of the payload */
	__u32	shown;		/* bytes of it that are there */
	int	key;
	bool	header;
	int	user;
	__u32	attempt;
	__u32	failures;
	__u32	failure;
	__u32	priority;
	__u32	state;
	bool	extra;
	__u32	reason;
	int	origin;		/* queue's index, -1: none */
	__u64	origin_id;
	__u32	note;
	__u32	note_size;
	bool	held;		/* PEEK: it has a holder, and since when */
	__u64	sent;		/* the times are CLOCK_BOOTTIME here */
	__u64	due;
	__u64	expires;
};

struct model_outcome {
	int			error;	/* 0, or a negative errno */
	long long		result;	/* what the call returns or counts */
	__u64			first, last;
	__u32			flags;
	__u64			held;
	unsigned char		data[MODEL_PAYLOAD];	/* read(2) */
	struct {
		__u32		settled;
		__u32		dead;
		int		error;
	}			range[MODEL_RANGES];
	unsigned int		count;
	struct model_seen	seen[MODEL_SEEN];
};

/* -- the model ------------------------------------------------------------- */

struct model_entry {
	__u64	id;
	__u32	serial;
	__u32	size;
	__u32	bytes;		/* that it counts */
	int	key;
	bool	header;
	int	user;
	__u32	priority;
	__u32	state;
	__u32	attempt;
	__u32	failures;
	__u32	failures_before; /* failures before a redrive */
	__u32	failure;
	__u32	reason;
	__u32	note;
	__u32	note_size;
	int	origin;
	__u32	origin_life;	/* tells queues of one index apart */
	__u64	origin_id;
	bool	buried;		/* came as dead: no part of the senders' bounds */
	__u64	sent;
	__u64	due;		/* delayed: when it gets ready */
	__u64	lease;		/* in flight: when it is taken back; 0: never */
	__u64	ttl;		/* until it is ready first; 0: none */
	__u64	expires;	/* 0: never, or its time has not begun */
	int	holder;		/* in flight: which file */
	bool	alone;		/* in flight: that gets nothing else */
	bool	has_key;	/* order=key: others of its key wait for it */
	__u64	turn;		/* fairness */
};

struct model_file {
	bool	open;
	bool	reads, writes;	/* what it may do */
	bool	consumes, produces; /* what it has done */
	bool	exclusive;
	__u64	joined;		/* as a consumer; the smaller the older */
	__u32	ack;
	__u32	prefetch;
	__u64	lease;
	__u64	last_id;
	__u64	partial;	/* id of the half-read message, 0: none */
	__u32	partial_done;
	bool	stale;		/* it was taken away by its lease */
	__u64	wants;		/* bytes of the last send, if it did not fit */
};

struct model_dedup {
	int	name;
	__u64	id;
	__u64	sent;
	__u64	late;		/* uncertainty of @sent */
};

struct model_queue {
	bool			exists;
	__u64			option[MODEL_OPTIONS];
	struct model_file	file[MODEL_FILES];
	bool			exclusive;
	struct model_entry	*entry;	/* by id */
	unsigned int		count, room;
	__u64			last_id;
	__u64			turn[MODEL_LEVELS];
	__u64			turns[MODEL_LEVELS][MODEL_GROUPS];
	struct devmq_stat	stat;	/* what is only counted up */
	unsigned int		dedups;
	struct model_dedup	dedup[4096];
};

/* Deliberate errors, to prove that the test finds errors. */
enum model_mutation {
	MUTATION_NONE,
	MUTATION_RELEASE_COUNTS,	/* a release leaves the attempt */
	MUTATION_RETURN_TO_END,		/* a returned message goes to the end */
	MUTATION_ONE_MORE,		/* a message dies one failure too late */
	MUTATION_PURGE_FLYING,		/* a purge takes what is in flight */
	MUTATION_TTL_FOR_EVER,		/* no message expires */
	MUTATION_LOSE_ORIGIN,		/* the dead forget where they were */
	MUTATIONS
};

struct model {
	__u32			life[MODEL_QUEUES];	/* how many were removed */
	enum model_mutation	mutation;
	__u64			now;	/* CLOCK_BOOTTIME */
	__u64			noticed; /* when the kernel notices expiry, 0: now */
	__u64			joins;
	struct model_queue	queue[MODEL_QUEUES];
};

void model_reset(struct model *m);
void model_copy(struct model *to, const struct model *from);
void model_call(struct model *m, const struct model_call *c,
		struct model_outcome *o);
void model_stat(const struct model *m, int queue, struct devmq_stat *stat);

/*
 * Time.  Nothing happens by itself before model_deadline(), or never if that is
 * DEVMQ_FOREVER.  model_pass() makes everything happen that is due by @now, in
 * the order of time.
 */
__u64 model_deadline(const struct model *m);
void model_pass(struct model *m, __u64 now);

/*
 * A kernel that is late may handle the events of different queues in another
 * order.  model_step() makes the next event of one queue happen that is due by
 * @now.  If @late, the kernel notices the event only at @now;
 * model_may_be_late() tells whether that makes a difference, because the
 * message has expired since.
 */
bool model_is_due(const struct model *m, int queue, __u64 now);
bool model_may_be_late(const struct model *m, int queue, __u64 now);
void model_step(struct model *m, int queue, __u64 now, bool late);

/*
 * The last time between @from and @to at which something ends that the kernel
 * notices only in calls: a de-duplication window, or the life of a message in
 * flight.  Returns 0 if there is none.
 */
__u64 model_silent_end(const struct model *m, __u64 from, __u64 to);

/* Byte @i of the payload or note with this serial number. */
unsigned char model_byte(__u32 serial, __u32 i);

#endif /* MODEL_MODEL_H */
