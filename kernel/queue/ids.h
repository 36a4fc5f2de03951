/* SPDX-License-Identifier: GPL-2.0 */
/* Trees of entries by id: see ids.c. */
#ifndef MQ_QUEUE_IDS_H
#define MQ_QUEUE_IDS_H

#include <linux/rbtree.h>
#include <linux/types.h>

struct mq_entry;

/*
 * As rb_add_cached(), for a node that usually belongs behind all others: then it is
 * compared with the last one alone.
 */
static __always_inline void mq_tree_add(struct rb_node *node,
					struct rb_root_cached *root,
					bool (*less)(struct rb_node *,
						     const struct rb_node *))
{
	struct rb_node *last = rb_last(&root->rb_root);

	if (!last || less(node, last)) {
		rb_add_cached(node, root, less);
		return;
	}
	rb_link_node(node, last, &last->rb_right);
	rb_insert_color_cached(node, root, false);
}

struct mq_entry *mq_ids_entry(struct rb_node *node);
void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e);
struct mq_entry *mq_ids_first(struct rb_root_cached *root);
struct mq_entry *mq_ids_last(struct rb_root_cached *root);
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id);

#endif /* MQ_QUEUE_IDS_H */
