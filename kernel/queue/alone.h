/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that are handed out alone: see alone.c. */
#ifndef MQ_QUEUE_ALONE_H
#define MQ_QUEUE_ALONE_H

#include <linux/types.h>

#include "queue/openfile.h"

u32 mq_failures_counted(const struct mq_entry *e);
bool mq_must_be_alone(const struct mq_queue *q, const struct mq_entry *e);
void mq_credit_take_locked(struct mq_file *f, enum mq_no_credit why);
void mq_credit_restore_locked(struct mq_file *f);
bool mq_alone_over_locked(struct mq_queue *q);
bool mq_alone_tell(struct mq_queue *q, unsigned int most);

#endif /* MQ_QUEUE_ALONE_H */
