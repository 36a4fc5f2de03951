/* SPDX-License-Identifier: GPL-2.0 */
/* Readers of topics: see position.c. */
#ifndef MQ_QUEUE_POSITION_H
#define MQ_QUEUE_POSITION_H

#include <linux/types.h>

struct mq_file;
struct mq_queue;

bool mq_retains(const struct mq_queue *q);
bool mq_retains_much(const struct mq_queue *q);
bool mq_retain_active(const struct mq_queue *q);
bool mq_retain_passed(const struct mq_file *f);
bool mq_retain_can_read(const struct mq_file *f);

#endif /* MQ_QUEUE_POSITION_H */
