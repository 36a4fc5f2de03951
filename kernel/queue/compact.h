/* SPDX-License-Identifier: GPL-2.0 */
/* Move messages out of sparse chunks: see compact.c. */
#ifndef MQ_QUEUE_COMPACT_H
#define MQ_QUEUE_COMPACT_H

struct mq_entry;
struct mq_queue;
struct mq_store_ops;

extern const struct mq_store_ops mq_store_ops;

void mq_replace_locked(struct mq_queue *q, struct mq_entry *old, struct mq_entry *e);
void mq_compact_due(struct mq_queue *q);

#endif /* MQ_QUEUE_COMPACT_H */
