/* SPDX-License-Identifier: GPL-2.0 */
/* Trees of entries by id: see ids.c. */
#ifndef MQ_QUEUE_IDS_H
#define MQ_QUEUE_IDS_H

#include <linux/rbtree.h>
#include <linux/types.h>

struct mq_entry;

struct mq_entry *mq_ids_entry(struct rb_node *node);
void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e);
struct mq_entry *mq_ids_first(struct rb_root_cached *root);
struct mq_entry *mq_ids_last(struct rb_root_cached *root);
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id);

#endif /* MQ_QUEUE_IDS_H */
