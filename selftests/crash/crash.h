/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the program in the machine (work.c) and the judge outside (judge.c) have
 * in common: the queues, what each message looks like, and how the one tells the
 * other what it does.
 *
 * It tells by writes to the end of the disk, behind the journal, of which each is
 * in the log of the disk's writes: in front of all that happened after it, and
 * behind all that happened before. So the judge knows at each point what had been
 * confirmed, and what had been begun.
 */
#ifndef MQ_CRASH_H
#define MQ_CRASH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/devmq.h>

/* The last bytes of the disk are for what is told. */
#define CRASH_TOLD	(1 << 20)
/* Each process has a place there. */
#define CRASH_PLACE	4096
#define CRASH_MAGIC	0x646c6f74

#define CRASH_SECOND	1000000000ULL
#define CRASH_HOUR	(3600 * CRASH_SECOND)

enum crash_queues {
	QUEUE_DEAD,		/* the dead letters of QUEUE_MAIN */
	QUEUE_MAIN,		/* everything happens to its messages */
	QUEUE_DEDUP,		/* with de-duplication */
	QUEUE_KEY,		/* order=key */
	QUEUE_OLD,		/* its messages stay long */
	QUEUE_AGAIN,		/* is removed and created again and again */
	QUEUE_REST,		/* the alternate of QUEUE_EVENTS */
	QUEUE_LOST,		/* the dead letters of QUEUE_ALL */
	QUEUE_ALL,		/* bound to QUEUE_EVENTS twice */
	QUEUE_SOME,		/* bound to QUEUE_EVENTS */
	QUEUE_LATE,		/* bound to it and unbound again and again */
	QUEUE_NOW,		/* bound to QUEUE_STATE */
	QUEUE_EVENTS,		/* a topic that retains the newest messages */
	QUEUE_STATE,		/* a topic that retains the newest of each key */
	QUEUE_EARLY,		/* again and again begins with what QUEUE_EVENTS retains */
	QUEUES
};

static const char *const crash_names[QUEUES] = {
	"dead", "main", "dedup", "key", "old", "again", "rest", "lost", "all",
	"some", "late", "now", "events", "state", "early"
};

/* How many messages QUEUE_EVENTS retains. */
#define CRASH_RETAINED	60

/* The filters by which QUEUE_LATE is bound. */
#define CRASH_FILTERS	2

static const char *const crash_filters[CRASH_FILTERS] = { "key=a.*", "key=*.y" };

enum crash_events {
	TOLD_READY = 1,		/* the queues are there */
	TOLD_CREATE,		/* queue, incarnation: is about to be created */
	TOLD_CREATED,		/* likewise: was, confirmed */
	TOLD_REMOVE,		/* likewise: is about to be removed */
	TOLD_REMOVED,		/* likewise: was, confirmed */
	TOLD_SEND,		/* messages are about to be sent */
	TOLD_SENT,		/* the first @count have ids from @id on */
	TOLD_TAKEN,		/* was received as @id */
	TOLD_SETTLE,		/* is about to be settled: @action */
	TOLD_SETTLED,		/* likewise: was */
	TOLD_REDRIVE,		/* what is dead is about to be redriven */
	TOLD_SYNCED,		/* fsync() of a file of @queue was successful */
	TOLD_DUPLICATE,		/* was a duplicate: @id has it */
	TOLD_WRONG,		/* the program has seen something wrong: @id says what */
	TOLD_BIND,		/* QUEUE_LATE is about to be bound by filter @number */
	TOLD_BOUND,		/* likewise: was, confirmed */
	TOLD_UNBIND,		/* likewise: is about to be unbound */
	TOLD_UNBOUND,		/* likewise: was, confirmed */
	TOLD_EVENTS
};

/**
 * struct crash_event - something that is about to happen, or has happened
 * @what: enum crash_events
 * @queue: enum crash_queues
 * @action: enum devmq_action
 * @sync: it was confirmed
 * @producer: who has sent the message
 * @number: of its messages, the first that this is about
 * @count: of messages
 * @incarnation: of the queue
 * @asked: TOLD_SENT: how many messages were to be sent, of which @count were
 * @id: of the first message in the queue
 */
struct crash_event {
	uint8_t		what;
	uint8_t		queue;
	uint8_t		action;
	uint8_t		sync;
	uint32_t	producer;
	uint32_t	number;
	uint32_t	count;
	uint32_t	incarnation;
	uint32_t	asked;
	uint64_t	id;
};

#define CRASH_EVENTS	((CRASH_PLACE - 16) / sizeof(struct crash_event))

struct crash_block {
	uint32_t		magic;
	uint32_t		worker;
	uint32_t		count;
	uint32_t		sequence;
	struct crash_event	events[];
};

/* What each message begins with. */
struct crash_payload {
	uint32_t	queue;
	uint32_t	incarnation;
	uint32_t	producer;
	uint32_t	number;
};

/* The most bytes of a message, and of its key and its de-duplication id. */
#define CRASH_PAYLOAD	(40 << 10)
#define CRASH_KEY	32

static inline uint64_t crash_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline bool crash_is_topic(unsigned int queue)
{
	return queue == QUEUE_EVENTS || queue == QUEUE_STATE;
}

/* A number that depends on the message, and on @what is asked. */
static inline uint64_t crash_dice(const struct crash_payload *p, uint64_t what)
{
	return crash_mix(crash_mix(((uint64_t)p->producer << 32) + p->number) +
			 what);
}

/* No payload, and a key. What messages begin with is in a header then. */
static inline bool crash_is_tombstone(const struct crash_payload *p)
{
	return p->queue == QUEUE_STATE && crash_dice(p, 7) % 6 == 0;
}

static inline uint32_t crash_size(const struct crash_payload *p)
{
	uint64_t dice = crash_dice(p, 1);

	if (crash_is_tombstone(p))
		return 0;
	return sizeof(*p) + (dice % 24 ? dice / 24 % 2000 :
			     dice / 24 % (CRASH_PAYLOAD - 32));
}

/* Fill in the message. Returns its bytes. */
static inline uint32_t crash_fill(const struct crash_payload *p, uint8_t *to)
{
	uint32_t i, size = crash_size(p);
	uint64_t word = crash_dice(p, 2);

	if (size)
		memcpy(to, p, sizeof(*p));
	for (i = sizeof(*p); i < size; i++) {
		if (i % 8 == 0)
			word = crash_mix(word);
		to[i] = word >> 8 * (i % 8);
	}
	return size;
}

#define CRASH_HEADER	"self"

/* Its headers. Returns their bytes. */
static inline uint32_t crash_headers(const struct crash_payload *p, uint8_t *to)
{
	const struct devmq_header h = {
		.name_size = strlen(CRASH_HEADER), .value_size = sizeof(*p),
	};

	if (!crash_is_tombstone(p))
		return 0;
	memcpy(to, &h, sizeof(h));
	memcpy(to + sizeof(h), CRASH_HEADER, h.name_size);
	memcpy(to + sizeof(h) + h.name_size, p, sizeof(*p));
	return sizeof(h) + h.name_size + sizeof(*p);
}

/* What a message with these headers and this payload begins with. */
static inline bool crash_identify(const void *headers, size_t headers_size,
				  const void *payload, size_t payload_size,
				  struct crash_payload *p)
{
	if (payload_size >= sizeof(*p))
		memcpy(p, payload, sizeof(*p));
	else if (!payload_size && headers_size >= sizeof(*p))
		memcpy(p, (const uint8_t *)headers + headers_size - sizeof(*p),
		       sizeof(*p));
	else
		return false;
	return true;
}

/* The words of a key of QUEUE_EVENTS. */
static inline char crash_word(const struct crash_payload *p, unsigned int word)
{
	uint64_t dice = crash_dice(p, 3);

	return word ? "xy"[dice % 2] : "abc"[dice / 2 % 3];
}

/* Its key. Returns its bytes. */
static inline uint32_t crash_key(const struct crash_payload *p, char *to)
{
	uint64_t dice = crash_dice(p, 3);

	if (p->queue == QUEUE_EVENTS)
		return snprintf(to, CRASH_KEY, "%c.%c", crash_word(p, 0),
				crash_word(p, 1));
	if (p->queue == QUEUE_STATE)
		return snprintf(to, CRASH_KEY, "key-%u", (unsigned int)(dice % 20));
	if (p->queue != QUEUE_KEY && dice % 4)
		return 0;
	return snprintf(to, CRASH_KEY, "key-%u", (unsigned int)(dice / 4 % 7));
}

static inline uint32_t crash_dedup(const struct crash_payload *p, char *to)
{
	if (p->queue != QUEUE_DEDUP)
		return 0;
	return snprintf(to, CRASH_KEY, "dedup-%u.%u", p->producer, p->number);
}

static inline unsigned int crash_priority(const struct crash_payload *p)
{
	return p->queue == QUEUE_MAIN ? crash_dice(p, 4) % 4 : 0;
}

static inline uint64_t crash_delay(const struct crash_payload *p)
{
	return p->queue == QUEUE_MAIN && crash_dice(p, 5) % 128 == 0 ?
	       CRASH_HOUR : 0;
}

static inline uint64_t crash_ttl(const struct crash_payload *p)
{
	return crash_is_topic(p->queue) || crash_dice(p, 6) % 8 ?
	       0 : 2 * CRASH_HOUR;
}

/* What it is rejected with. */
static inline unsigned int crash_reason(const struct crash_payload *p)
{
	return 300 + p->number % 50;
}

static inline uint32_t crash_note(const struct crash_payload *p, char *to)
{
	return snprintf(to, CRASH_KEY, "note-%u.%u", p->producer, p->number);
}

/* Its state, but that a short delay may be over when it is looked at. */
static inline unsigned int crash_state(const struct crash_payload *p,
				       unsigned int state)
{
	return state == DEVMQ_STATE_DELAYED && !crash_delay(p) ?
	       DEVMQ_STATE_READY : state;
}

/*
 * A message in words: queue, id, state, priority, failures, reason, producer,
 * number, bytes.
 */
#define CRASH_LINE	"%s id %llu state %u priority %u failures %u reason %u message %u.%u bytes %u"

/* A binding in words: topic, queue, number, filter, which has one word at most. */
#define CRASH_BINDING	"binding %s %s %llu %.*s"

#endif /* MQ_CRASH_H */
