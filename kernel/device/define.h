/* SPDX-License-Identifier: GPL-2.0 */
/* What a queue is, as its journal has it: see define.c. */
#ifndef MQ_DEVICE_DEFINE_H
#define MQ_DEVICE_DEFINE_H

#include "journal/feed.h"
#include "journal/record.h"

struct mq_options;

extern const struct mq_feed_ops mq_journal_ops;

int mq_define_read(const struct mq_j_queue *q, char *name,
		   struct mq_options *opt);

#endif /* MQ_DEVICE_DEFINE_H */
