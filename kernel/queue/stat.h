/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of a queue: see stat.c. */
#ifndef MQ_QUEUE_STAT_H
#define MQ_QUEUE_STAT_H

#include <linux/devmq.h>

struct mq_queue;

int mq_queue_stat(struct mq_queue *q, struct devmq_stat *s);

#endif /* MQ_QUEUE_STAT_H */
