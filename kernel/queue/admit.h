/* SPDX-License-Identifier: GPL-2.0 */
/* Admit messages to a queue: see admit.c. */
#ifndef MQ_QUEUE_ADMIT_H
#define MQ_QUEUE_ADMIT_H

#include <linux/list.h>
#include <linux/types.h>

#include "memory/entry.h"

struct mq_msg;
struct mq_queue;
struct mq_user;

/**
 * struct mq_batch - messages that are about to be added to a queue
 * @list: their entries, linked by mq_entry.list
 * @count: number of messages
 * @bytes: what the messages count towards max_bytes
 * @plain: no message has an id for de-duplication, or an mq_detail; or it has that
 *	only for its mq_durable
 * @delayed: how many have an mq_detail with a delay, and nothing else there
 */
struct mq_batch {
	struct list_head	list;
	u32			count;
	u64			bytes;
	bool			plain;
	u32			delayed;
};

/**
 * struct mq_instant - when messages are sent that are added in one hold of the lock
 * @real: CLOCK_REALTIME
 * @boot: CLOCK_BOOTTIME, 0: not read yet
 *
 * So messages of a batch that have the same delay become ready at the same time,
 * and need one timer (clock.c).
 */
struct mq_instant {
	u64	real;
	u64	boot;
};

void mq_overflow_prepare(struct mq_queue *q);
int mq_persist_room_locked(struct mq_queue *q, u64 bytes);
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg);
int mq_queue_grow_locked(struct mq_queue *q, u64 before, u64 size);
int mq_queue_reserve(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_unreserve(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e,
			 struct mq_instant *now);
bool mq_queue_can_add_batch_locked(struct mq_queue *q, const struct mq_batch *b);
void mq_queue_add_batch_locked(struct mq_queue *q, struct mq_batch *b,
			       struct mq_instant *now);
bool mq_queue_droppable(struct mq_queue *q, const struct mq_user *user, u64 cost);
u64 mq_queue_drop_oldest(struct mq_queue *q, const struct mq_user *user);

#endif /* MQ_QUEUE_ADMIT_H */
