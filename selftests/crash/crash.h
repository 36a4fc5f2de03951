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
	QUEUES
};

static const char *const crash_names[QUEUES] = {
	"dead", "main", "dedup", "key", "old", "again"
};

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
 * @pad: 0
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
	uint32_t	pad;
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

/* A number that depends on the message, and on @what is asked. */
static inline uint64_t crash_dice(const struct crash_payload *p, uint64_t what)
{
	return crash_mix(crash_mix(((uint64_t)p->producer << 32) + p->number) +
			 what);
}

static inline uint32_t crash_size(const struct crash_payload *p)
{
	uint64_t dice = crash_dice(p, 1);

	return sizeof(*p) + (dice % 24 ? dice / 24 % 2000 :
			     dice / 24 % (CRASH_PAYLOAD - 32));
}

/* Fill in the message. Returns its bytes. */
static inline uint32_t crash_fill(const struct crash_payload *p, uint8_t *to)
{
	uint32_t i, size = crash_size(p);
	uint64_t word = crash_dice(p, 2);

	memcpy(to, p, sizeof(*p));
	for (i = sizeof(*p); i < size; i++) {
		if (i % 8 == 0)
			word = crash_mix(word);
		to[i] = word >> 8 * (i % 8);
	}
	return size;
}

/* Its key. Returns its bytes. */
static inline uint32_t crash_key(const struct crash_payload *p, char *to)
{
	uint64_t dice = crash_dice(p, 3);

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
	return crash_dice(p, 6) % 8 ? 0 : 2 * CRASH_HOUR;
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

#endif /* MQ_CRASH_H */
