/* SPDX-License-Identifier: GPL-2.0 */
/* Room that is promised to a message of a topic: see promise.c. */
#ifndef MQ_QUEUE_PROMISE_H
#define MQ_QUEUE_PROMISE_H

#include <linux/types.h>

struct mq_batch;
struct mq_entry;
struct mq_queue;

/* Instead of an error of mq_promise_locked(). */
#define MQ_PROMISE_DUPLICATE	1

int mq_promise_locked(struct mq_queue *q, struct mq_entry *e, bool force);
bool mq_promise_redeem_locked(struct mq_queue *q, struct mq_entry *e, u64 now,
			      u64 *spare);
bool mq_promise_together_locked(struct mq_queue *q, u32 count, u64 bytes);
bool mq_promise_redeem_together_locked(struct mq_queue *q, struct mq_batch *b,
				       u64 now);
void mq_promise_duplicate_locked(struct mq_queue *q, struct mq_entry *e);
void mq_promise_keep_locked(struct mq_queue *q, u64 bytes);
void mq_promise_drop_locked(struct mq_queue *q, u64 bytes);

#endif /* MQ_QUEUE_PROMISE_H */
