/* SPDX-License-Identifier: GPL-2.0 */
/* Bindings that the journal of a queue keeps: see subscribe.c. */
#ifndef MQ_QUEUE_SUBSCRIBE_H
#define MQ_QUEUE_SUBSCRIBE_H

#include <linux/types.h>

struct mq_j_queue;
struct mq_queue;

size_t mq_subscription_cost(size_t filter_size);
int mq_subscribe(struct mq_queue *q, struct mq_queue *topic, u64 id,
		 const char *filter, size_t size, bool level);
void mq_subscription_level(struct mq_queue *q, struct mq_queue *topic, u64 id);
void mq_unsubscribe(struct mq_queue *q, struct mq_queue *topic, u64 id);
void mq_subscriptions_free(struct mq_queue *q);
void mq_subscriptions_write_locked(struct mq_queue *q, struct mq_j_queue *r);

#endif /* MQ_QUEUE_SUBSCRIBE_H */
