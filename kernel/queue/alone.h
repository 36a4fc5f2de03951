/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that are handed out alone: see alone.c. */
#ifndef MQ_QUEUE_ALONE_H
#define MQ_QUEUE_ALONE_H

#include <linux/types.h>

#include "queue/file.h"

u32 mq_failures_here(const struct mq_entry *e);
bool mq_comes_alone(const struct mq_queue *q, const struct mq_entry *e);
void mq_apart_locked(struct mq_file *f, enum mq_apart why);
void mq_rejoin_locked(struct mq_file *f);
bool mq_unmeet_locked(struct mq_queue *q);
bool mq_unmeet(struct mq_queue *q, unsigned int most);

#endif /* MQ_QUEUE_ALONE_H */
