/* SPDX-License-Identifier: GPL-2.0 */
/* How far ids and deliveries may go: see ceiling.c. */
#ifndef MQ_QUEUE_CEILING_H
#define MQ_QUEUE_CEILING_H

#include <linux/types.h>

struct mq_ceilings;
struct mq_entry;
struct mq_feed;
struct mq_queue;

void mq_persist_ceilings_init(struct mq_feed *f);
bool mq_persist_bars_locked(struct mq_queue *q, const struct mq_entry *e);
int mq_persist_unbar(struct mq_queue *q, bool nowait);
void mq_persist_calm(struct mq_feed *f);
bool mq_persist_ceilings(struct mq_feed *f, struct mq_ceilings *c);
void mq_persist_ids_locked(struct mq_queue *q);

#endif /* MQ_QUEUE_CEILING_H */
