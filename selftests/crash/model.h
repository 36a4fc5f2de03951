/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the judge knows at a point of the log: of each message what had been
 * begun, and what had been confirmed.
 */
#ifndef MQ_CRASH_MODEL_H
#define MQ_CRASH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crash.h"
#include "topics.h"

/**
 * struct known - a message
 * @queue: where it was sent
 * @incarnation: of that queue
 * @id: which its sender, or a consumer, was told; 0: none
 * @begun: its sending
 * @sent: it was taken
 * @confirmed: its sending
 * @taken: it was handed out
 * @end_begun: an end of it, so that it may be gone
 * @ended: for good, confirmed
 * @dies: it may have died, so that it is elsewhere or dead
 * @rejected: a reject was confirmed, and it was not redriven since
 * @redriven: it may have been since its death
 * @rejecting: its id when the newest reject was begun; 0: none was
 * @again: it may have been redriven, and so have another id
 * @retries: confirmed ones
 * @found: mark of the last state that has it
 */
struct known {
	uint8_t		queue;
	uint32_t	incarnation;
	uint64_t	id;
	bool		begun;
	bool		sent;
	bool		confirmed;
	bool		taken;
	bool		end_begun;
	bool		ended;
	bool		dies;
	bool		rejected;
	bool		redriven;
	bool		again;
	uint64_t	rejecting;
	uint32_t	retries;
	uint64_t	found;
};

struct known_producer {
	struct known	*messages;
	uint32_t	count;
	uint32_t	room;
};

/* A queue: the incarnations that were created, removed and so on so far. */
struct known_queue {
	uint32_t	create;
	uint32_t	created;
	uint32_t	remove;
	uint32_t	removed;
	uint64_t	top_id;		/* the highest that was told */
};

/* Something that an fsync() of this process would confirm. */
struct known_pending {
	uint32_t	worker;
	struct crash_event event;
};

#define MODEL_PRODUCERS	1024

struct model {
	struct known_producer	producers[MODEL_PRODUCERS];
	struct known_queue	queues[QUEUES];
	struct known_topics	topics;
	struct known_pending	*pending;
	size_t			pendings;
	bool			ready;
	bool			full;		/* the journal is, now and then */
	bool			redriving;	/* all that is dead, just now */
	bool			purging;	/* likewise */
	char			fault[256];	/* what is wrong with what was told */
	uint64_t		counts[TOLD_EVENTS];
};

/* Take what a process tells: a write of @size bytes to its place. */
void model_told(struct model *m, const void *data, uint32_t size);

/* What is known of a message, or NULL. */
struct known *model_find(struct model *m, uint32_t producer, uint32_t number);

#endif /* MQ_CRASH_MODEL_H */
