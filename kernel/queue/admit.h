/* SPDX-License-Identifier: GPL-2.0 */
/* Admit messages to a queue: see admit.c. */
#ifndef MQ_QUEUE_ADMIT_H
#define MQ_QUEUE_ADMIT_H

#include <linux/list.h>
#include <linux/types.h>

#include "memory/entry.h"

struct mq_msg;
struct mq_queue;

/**
 * struct mq_batch - messages that are about to be added to a queue
 * @list: their entries, linked by mq_entry.list
 * @count: number of messages
 * @bytes: what the messages count towards max_bytes
 * @plain: no message has an mq_detail or an id for de-duplication
 */
struct mq_batch {
	struct list_head	list;
	u32			count;
	u64			bytes;
	bool			plain;
};

void mq_overflow_prepare(struct mq_queue *q);
int mq_queue_admit_locked(struct mq_queue *q, const struct mq_msg *msg);
int mq_queue_grow_locked(struct mq_queue *q, u64 before, u64 size);
int mq_queue_reserve(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_unreserve(struct mq_queue *q, const struct mq_msg *msg);
void mq_queue_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
bool mq_queue_can_add_batch_locked(struct mq_queue *q, const struct mq_batch *b);
void mq_queue_add_batch_locked(struct mq_queue *q, struct mq_batch *b, u64 now);
u64 mq_queue_droppable(struct mq_queue *q);
u64 mq_queue_drop_oldest(struct mq_queue *q);

#endif /* MQ_QUEUE_ADMIT_H */
