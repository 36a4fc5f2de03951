/* SPDX-License-Identifier: GPL-2.0 */
/* What a topic retains leaves memory: see evict.c. */
#ifndef MQ_QUEUE_EVICT_H
#define MQ_QUEUE_EVICT_H

struct mq_queue;

void mq_evict_due(struct mq_queue *q);
void mq_evict_hold(struct mq_queue *q);
void mq_evict_go_on(struct mq_queue *q);

#endif /* MQ_QUEUE_EVICT_H */
