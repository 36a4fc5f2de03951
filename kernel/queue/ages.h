/* SPDX-License-Identifier: GPL-2.0 */
/* The age of the oldest of many things: see ages.c. */
#ifndef MQ_QUEUE_AGES_H
#define MQ_QUEUE_AGES_H

#include <linux/types.h>

#include "queue/parts.h"

void mq_ages_add(struct mq_ages *a, u64 since, u32 n);
void mq_ages_del(struct mq_ages *a, u64 since, u32 n);
u64 mq_ages_oldest(const struct mq_ages *a);

#endif /* MQ_QUEUE_AGES_H */
