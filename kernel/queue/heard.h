/* SPDX-License-Identifier: GPL-2.0 */
/* What a queue hears from its journal: see heard.c. */
#ifndef MQ_QUEUE_HEARD_H
#define MQ_QUEUE_HEARD_H

#include <linux/types.h>

struct mq_ceilings;
struct mq_feed;
struct mq_queue;

int mq_heard_admit_locked(struct mq_queue *q, u64 bytes);
bool mq_heard_admits_batch_locked(struct mq_queue *q, u32 n, u64 bytes);
int mq_heard_admit_topic_locked(struct mq_queue *q, u32 n, u32 kept, u64 bytes);
void mq_heard_full_locked(struct mq_queue *q);
void mq_heard_raise(struct mq_feed *f, const struct mq_ceilings *c);
void mq_heard_stored(struct mq_feed *f);
void mq_heard_room(struct mq_feed *f);
void mq_heard_failed(struct mq_feed *f);
void mq_heard_works(struct mq_feed *f);
void mq_heard_thawed(struct mq_feed *f);
void mq_heard_withdraw(struct mq_queue *q);

#endif /* MQ_QUEUE_HEARD_H */
