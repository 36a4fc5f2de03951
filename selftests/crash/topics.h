/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the judge knows of topics at a point of the log: of each message that was sent
 * to one, where it had to go, and what had been begun and confirmed there; and the
 * bindings.
 */
#ifndef MQ_CRASH_TOPICS_H
#define MQ_CRASH_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crash.h"

/* Where a message of a topic can be. In PLACE_KEPT the topic retains it. */
enum topic_places {
	PLACE_REST, PLACE_ALL, PLACE_SOME, PLACE_LATE, PLACE_NOW, PLACE_KEPT, PLACES
};

enum leads { LEADS_NOT, LEADS_MAYBE, LEADS };

/**
 * struct known_copy - a message in one of its places
 * @taken: it was handed out
 * @end_begun: an end of it, so that it may be gone
 * @ended: for good, confirmed
 * @dies: it may have died, so that it is elsewhere, or has another id
 * @found: mark of the last state that has it
 */
struct known_copy {
	bool		taken;
	bool		end_begun;
	bool		ended;
	bool		dies;
	uint64_t	found;
};

/**
 * struct known_fan - a message of a topic
 * @topic: enum crash_queues
 * @begun: its sending
 * @answered: its sender was told whether it was taken
 * @sent: it was taken
 * @confirmed: its sending
 * @id: which its sender was told; 0: none
 * @changes: known_topics.changes when its sending was begun
 * @late: enum leads: of each filter of QUEUE_LATE, whether that was bound then
 * @copies: what became of it in each place
 * @looked: mark of the last state in which any copy was found
 */
struct known_fan {
	uint8_t			topic;
	bool			begun;
	bool			answered;
	bool			sent;
	bool			confirmed;
	uint64_t		id;
	uint32_t		changes;
	uint8_t			late[CRASH_FILTERS];
	struct known_copy	copies[PLACES];
	uint64_t		looked;
};

struct known_sender {
	struct known_fan	*fans;
	uint32_t		count;
	uint32_t		room;
};

#define TOPIC_SENDERS	1024

/**
 * struct known_topics - all that is known
 * @senders: messages, by their producers and numbers
 * @late: enum leads: whether the binding of QUEUE_LATE with each filter is there
 * @changes: how often that changed
 * @purging: all in QUEUE_LOST, just now
 */
struct known_topics {
	struct known_sender	senders[TOPIC_SENDERS];
	uint8_t			late[CRASH_FILTERS];
	uint32_t		changes;
	bool			purging;
};

/* Is an event about the messages or bindings of a topic, or of one of its queues? */
static inline bool topics_concern(const struct crash_event *e)
{
	return e->queue >= QUEUE_REST && e->what > TOLD_REMOVED &&
	       e->what != TOLD_WRONG;
}

/*
 * Take an event. Returns NULL, or what is wrong with it in words. What it says is
 * confirmed only by topics_confirm().
 */
const char *topics_told(struct known_topics *t, const struct crash_event *e);

/* What was sent or settled is confirmed. */
void topics_confirm(struct known_topics *t, const struct crash_event *e);

/* What is known of a message, or NULL. */
struct known_fan *topics_find(struct known_topics *t, uint32_t producer,
			      uint32_t number);

/* Where a message has to be, at one time or another. */
enum leads topics_lead(const struct known_topics *t, const struct known_fan *f,
		       const struct crash_payload *p, enum topic_places place);

#endif /* MQ_CRASH_TOPICS_H */
