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

#include "model/options.h"

#define MODEL_PLAIN	8	/* queues; each may take the dead of those before it */
#define MODEL_TOPICS	4
#define MODEL_QUEUES	(MODEL_PLAIN + MODEL_TOPICS)	/* both, topics last */
#define MODEL_BINDINGS	48	/* of all topics */
#define MODEL_FILES	5	/* of each queue */
#define MODEL_BATCH	6	/* records of one SEND */
#define MODEL_RANGES	3	/* settlements of one SETTLE */
#define MODEL_KEYS	9	/* see filter.c */
#define MODEL_HEADERS	5	/* kinds of headers that a message can have */
#define MODEL_PATTERNS	10
#define MODEL_TERMS	4	/* that a filter can have for headers */
#define MODEL_DEDUPS	6
#define MODEL_USERS	3
#define MODEL_GROUPS	(MODEL_KEYS + 1)	/* fairness: keys, or users */
#define MODEL_LEVELS	5	/* of priority, at most */
#define MODEL_SEEN	4096	/* messages that an outcome can show */
#define MODEL_PAYLOAD	48	/* bytes of a payload, at most */

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
	CALL_SYNC,		/* fsync */
	CALL_AGAIN,		/* the journal is detached, and attached again */
	CALL_CRASH,		/* the same with what a crash leaves of it */
	CALL_BIND,
	CALL_UNBIND,
	CALL_BINDINGS,
	CALL_SEEK,
	MODEL_KINDS
};

/* A message to send.  Durations are in nanoseconds. */
struct model_record {
	__u32	serial;
	__u32	size;
	int	key;		/* -1: none */
	int	dedup;		/* -1: none */
	int	header;		/* 0: none; else which */
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

/* What a binding takes, and with what it begins. */
struct model_filter {
	int		pattern;	/* -1: any key */
	unsigned int	terms;		/* bits of those for headers */
};

enum model_start {
	START_NONE, START_LATEST, START_EARLIEST, START_ID, START_PAST, START_FUTURE,
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
	const __u32	*name_size;	/* of the name of each queue in a record */
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
	bool		sync;		/* SEND, SETTLE: confirmed when it returns */
	struct model_filter filter;
	bool		any;		/* UNBIND: whatever the filter */
	enum model_start start;		/* with @id */
	long long	offset;		/* SEEK */
	int		whence;
};

/* A message, as a record shows it. */
struct model_seen {
	__u64	id;
	__u32	serial;
	__u32	size;		/* of the payload */
	__u32	shown;		/* bytes of it that are there */
	int	key;
	int	header;
	int	user;
	__u32	attempt;
	__u32	failures;
	__u32	failure;
	__u32	priority;
	__u32	state;
	bool	extra;
	int	topic;		/* index, -1: none */
	__u64	topic_id;
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

/* A binding, as BINDINGS shows it. */
struct model_bound {
	__u64			id;
	int			target;
	struct model_filter	filter;
	__u64			taken, missed;
	bool			taken_open, missed_open; /* not determined */
	bool			behind;	/* it catches up */
	__u64			position; /* of one that is behind: its next id */
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
	unsigned int		bindings;
	struct model_bound	bound[MODEL_BINDINGS];
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
	int	header;
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
	int	topic;		/* to which it was sent, -1: to a queue */
	__u64	topic_id;
	bool	newest;		/* of its key, in a topic that compacts */
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
	__u64	position;	/* of a topic: id of the next message */
	__u64	buried;		/* the last tombstone that had gone then */
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
	__u64			promised, promised_bytes; /* to a topic's messages */
	__u64			gone;	/* a topic: up to this id all are gone */
	__u64			buried;	/* the last tombstone that went */
	__u64			next_binding;
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
	MUTATION_LOSE_CONFIRMED,	/* a crash loses the first message */
	MUTATION_INVENT,		/* a crash leaves one that nobody sent */
	MUTATION_TWICE,			/* a crash leaves one in two queues */
	MUTATION_UNMARKED,		/* after a crash nothing was delivered */
	MUTATION_IDS_AGAIN,		/* after a crash ids are given again */
	MUTATION_STAR_IS_MANY,		/* "*" takes several words */
	MUTATION_SOME_NOT_ALL,		/* queues without room are left out */
	MUTATION_EACH_WAY,		/* a message comes once for each way */
	MUTATION_COUNT_UNROUTED,	/* the alternate's count as unrouted */
	MUTATION_TRIM_LATE,		/* one message too many is retained */
	MUTATION_NOT_OVERTAKEN,		/* readers learn nothing of gaps */
	MUTATION_SEAM,			/* the last message before the seam is lost */
	MUTATIONS
};

/* A binding. */
struct model_binding {
	int			topic;
	struct model_bound	is;
	bool			waits;	/* its queue has no room for @bytes */
	__u32			bytes;
	__u64			buried;
	enum model_start	start;
};

struct model {
	__u32			life[MODEL_QUEUES];	/* how many were removed */
	enum model_mutation	mutation;
	__u64			now;	/* CLOCK_BOOTTIME */
	__u64			noticed; /* when the kernel notices expiry, 0: now */
	__u64			joins;
	/*
	 * A call may leave open in which order queues are asked for room. @order is
	 * the number of one; a call sets @orders if there are more than one, and
	 * @moved if what they leave behind differs, too.
	 */
	unsigned int		order, orders;
	bool			moved;
	unsigned int		bindings;
	struct model_binding	binding[MODEL_BINDINGS];
	struct model_queue	queue[MODEL_QUEUES];
};

static inline bool model_is_topic(int queue)
{
	return queue >= MODEL_PLAIN;
}

void model_reset(struct model *m);
void model_copy(struct model *to, const struct model *from);
void model_call(struct model *m, const struct model_call *c,
		struct model_outcome *o);
void model_stat(const struct model *m, int queue, struct devmq_stat *stat);

/* Add a copy of a message at the end of a queue, with the next id. */
void model_append(struct model *m, int queue, const struct model_entry *e);

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
