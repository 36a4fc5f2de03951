// SPDX-License-Identifier: GPL-2.0
/* Trees of entries by id. */
#include <linux/rbtree.h>

#include "memory/entry.h"
#include "queue/ids.h"

struct mq_entry *mq_ids_entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct mq_entry, node);
}

static bool mq_ids_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_msg(rb_entry(a, struct mq_entry, node))->id <
	       mq_msg(rb_entry(b, struct mq_entry, node))->id;
}

void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e)
{
	mq_tree_add(&e->node, root, mq_ids_less);
}

struct mq_entry *mq_ids_first(struct rb_root_cached *root)
{
	return mq_ids_entry(rb_first_cached(root));
}

struct mq_entry *mq_ids_last(struct rb_root_cached *root)
{
	return mq_ids_entry(rb_last(&root->rb_root));
}

/* Return the entry with the smallest id above @id, or NULL. */
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id)
{
	struct rb_node *node = root->rb_root.rb_node;
	struct mq_entry *best = NULL;

	while (node) {
		struct mq_entry *e = mq_ids_entry(node);

		if (mq_msg(e)->id > id) {
			best = e;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}
