// SPDX-License-Identifier: GPL-2.0
/*
 * Allocate and free groups for order=key and fairness. A sender allocates the groups
 * that its messages need and the queue has not got, and is charged for them. For
 * each key and each sender, the queue keeps the first group that arrives, and frees
 * the others (order.c).
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/entry.h"
#include "memory/group.h"
#include "memory/payer.h"

/* Return the charge for a group. */
static unsigned long mq_group_cost(u16 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_group, bytes, size));
}

/*
 * Allocate a group at the expense of @p. Return: the group, or ERR_PTR(-ENOMEM)
 * or ERR_PTR(-EDQUOT).
 */
struct mq_group *mq_group_alloc(struct mq_payer *p, const void *bytes, u16 size,
				u16 level)
{
	struct mq_group *g;

	if (!mq_charge(p, MQ_MESSAGES, mq_group_cost(size)))
		return ERR_PTR(-EDQUOT);
	g = kzalloc(struct_size(g, bytes, size), MQ_GFP);
	if (!g) {
		mq_uncharge(p, MQ_MESSAGES, mq_group_cost(size));
		return ERR_PTR(-ENOMEM);
	}
	g->payer = p;
	g->size = size;
	g->level = level;
	memcpy(g->bytes, bytes, size);
	g->hash = mq_group_hash(bytes, size, level);
	mq_line_init(&g->waiting);
	return g;
}

void mq_group_free(struct mq_group *g)
{
	if (!g)
		return;
	mq_uncharge(g->payer, MQ_MESSAGES, mq_group_cost(g->size));
	kfree(g);
}

/* Free the groups of an entry, unless the queue has taken them over. */
void mq_groups_free(struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	if (!x->joined) {
		mq_group_free(x->key);
		mq_group_free(x->fair);
	}
}

/* Move the groups of @old, which is in no queue yet, to its copy @e. */
void mq_groups_move(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_ordered *x = mq_ordered_of(e), *from = mq_ordered_of(old);

	if (!e->ordered)
		return;
	x->key = from->key;
	x->fair = from->fair;
}
