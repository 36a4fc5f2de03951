/* SPDX-License-Identifier: GPL-2.0 */
/* Close a queue and free what it stores: see close.c. */
#ifndef MQ_QUEUE_CLOSE_H
#define MQ_QUEUE_CLOSE_H

#include <linux/types.h>

struct mq_queue;

void mq_queue_mark_removed_locked(struct mq_queue *q);
int mq_queue_close(struct mq_queue *q, bool force);
void mq_queue_drain(struct mq_queue *q);

#endif /* MQ_QUEUE_CLOSE_H */
