/* SPDX-License-Identifier: GPL-2.0 */
/* The bounds of a queue: see bounds.c. */
#ifndef MQ_QUEUE_BOUNDS_H
#define MQ_QUEUE_BOUNDS_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "queue/queue.h"

void mq_queue_update_room_locked(struct mq_queue *q);
void mq_queue_update_plain_locked(struct mq_queue *q);
bool mq_queue_is_full(const struct mq_queue *q);
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta);

/* Return true if senders may have this much stored. */
static inline bool mq_room_allows(const struct mq_queue *q, u64 messages, u64 bytes)
{
	return messages <= READ_ONCE(q->room_messages) &&
	       bytes <= READ_ONCE(q->room_bytes);
}

/*
 * Return true if there is room for this many messages of this many bytes in
 * total. May be called without the lock, as a hint.
 */
static inline bool mq_queue_fits(const struct mq_queue *q, u64 messages,
				 u64 bytes)
{
	return mq_room_allows(q, READ_ONCE(q->stored) + messages,
			 READ_ONCE(q->stat.bytes) + bytes);
}

/*
 * Return true if there is room for a message that has a place already to grow
 * by this many bytes.
 */
static inline bool mq_queue_fits_more(const struct mq_queue *q, u64 bytes)
{
	return READ_ONCE(q->stat.bytes) + bytes <= READ_ONCE(q->room_bytes) &&
	       !READ_ONCE(q->feed.full);
}

/*
 * Return the error for a message that does not fit though all others were dropped: EBUSY if
 * places are promised to messages of topics, which come, or are given back, in a moment;
 * else ENOSPC.
 */
static inline int mq_no_room(const struct mq_queue *q)
{
	return q->promised ? -EBUSY : -ENOSPC;
}

#endif /* MQ_QUEUE_BOUNDS_H */
