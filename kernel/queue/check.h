/* SPDX-License-Identifier: GPL-2.0 */
/* Check that the counters of a queue agree: see check.c. */
#ifndef MQ_QUEUE_CHECK_H
#define MQ_QUEUE_CHECK_H

struct mq_queue;

#ifdef CONFIG_PROVE_LOCKING
void mq_check_locked(struct mq_queue *q);
#else
static inline void mq_check_locked(struct mq_queue *q)
{
}
#endif

#endif /* MQ_QUEUE_CHECK_H */
