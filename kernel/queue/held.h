/* SPDX-License-Identifier: GPL-2.0 */
/* The deliveries that a consumer holds: see held.c. */
#ifndef MQ_QUEUE_HELD_H
#define MQ_QUEUE_HELD_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/devmq.h>

#include "queue/parts.h"

struct mq_entry;

/* Maximum number of deliveries in mq_held.run; the others are in the tree. */
#define MQ_HELD_LIST_MAX	DEVMQ_BATCH_MAX

void mq_held_init(struct mq_held *h);
void mq_held_replace_locked(struct mq_entry *old, struct mq_entry *e);
void mq_held_del(struct mq_held *h, struct mq_entry *e);
void mq_held_to_tree(struct mq_held *h);
void mq_held_add(struct mq_held *h, struct mq_entry *e);
struct mq_entry *mq_held_first(struct mq_held *h);
struct mq_entry *mq_held_after(struct mq_held *h, u64 id);

#endif /* MQ_QUEUE_HELD_H */
