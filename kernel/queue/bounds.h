/* SPDX-License-Identifier: GPL-2.0 */
/* The bounds of a queue: see bounds.c. */
#ifndef MQ_QUEUE_BOUNDS_H
#define MQ_QUEUE_BOUNDS_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "queue/queue.h"

void mq_queue_room_locked(struct mq_queue *q);
void mq_queue_tune_locked(struct mq_queue *q);
bool mq_queue_is_full(const struct mq_queue *q);
bool mq_size_ok(const struct mq_queue *q, u64 payload, u64 meta);

/* May senders have so much stored? */
static inline bool mq_within(const struct mq_queue *q, u64 messages, u64 bytes)
{
	return messages <= READ_ONCE(q->room_messages) &&
	       bytes <= READ_ONCE(q->room_bytes);
}

/* Is there room for so many messages of so many bytes? Also without the lock. */
static inline bool mq_queue_fits(const struct mq_queue *q, u64 messages,
				 u64 bytes)
{
	return mq_within(q, READ_ONCE(q->stored) + messages,
			 READ_ONCE(q->stat.bytes) + bytes);
}

/* Is there room for a message that has a place to be so many bytes longer? */
static inline bool mq_queue_fits_more(const struct mq_queue *q, u64 bytes)
{
	return READ_ONCE(q->stat.bytes) + bytes <= READ_ONCE(q->room_bytes);
}

#endif /* MQ_QUEUE_BOUNDS_H */
