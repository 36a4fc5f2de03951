/* SPDX-License-Identifier: GPL-2.0 */
/* A message, laid out for each queue that gets it: see copies.c. */
#ifndef MQ_TOPIC_COPIES_H
#define MQ_TOPIC_COPIES_H

#include <linux/types.h>

struct mq_entry;
struct mq_fanout;
struct mq_queue;

int mq_copies_make(struct mq_fanout *o, bool anyway);
int mq_copies_keep(struct mq_fanout *o);
void mq_copies_number(struct mq_fanout *o, u64 first);
void mq_copies_free(struct mq_fanout *o);
u64 mq_copy_bytes(const struct mq_entry *e);
struct mq_entry *mq_copy_retained(struct mq_queue *q, const struct mq_entry *from,
				  const struct mq_queue *topic, u64 id);

#endif /* MQ_TOPIC_COPIES_H */
