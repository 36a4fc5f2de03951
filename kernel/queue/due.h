/* SPDX-License-Identifier: GPL-2.0 */
/* What is due at a given time: see due.c. */
#ifndef MQ_QUEUE_DUE_H
#define MQ_QUEUE_DUE_H

#include <linux/types.h>

struct mq_queue;

bool mq_due_do_locked(struct mq_queue *q);
u64 mq_idle_end(const struct mq_queue *q);
void mq_timers_arm_locked(struct mq_queue *q);
void mq_idle_locked(struct mq_queue *q);

#endif /* MQ_QUEUE_DUE_H */
