// SPDX-License-Identifier: GPL-2.0
/*
 * Groups in memory: made as a message is, for its key and for whose turn it takes,
 * and charged to its sender. The queue (order.c) keeps the first that comes for a
 * key or a sender, and has all others freed.
 */
#include <linux/err.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "base/compat.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/entry.h"
#include "memory/group.h"

/* What is charged for a group. */
static unsigned long mq_group_cost(u16 size)
{
	return mq_kmalloc_bytes(struct_size_t(struct mq_group, bytes, size));
}

/* A group, or an ERR_PTR of ENOMEM or EDQUOT. */
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
	g->hash = jhash(bytes, size, level);
	g->waiting = RB_ROOT_CACHED;
	return g;
}

void mq_group_free(struct mq_group *g)
{
	if (!g)
		return;
	mq_uncharge(g->payer, MQ_MESSAGES, mq_group_cost(g->size));
	kfree(g);
}

/* The entry's memory goes, with the groups that it only proposed. */
void mq_groups_free(struct mq_entry *e)
{
	struct mq_ordered *x = mq_ordered_of(e);

	if (!x->joined) {
		mq_group_free(x->key);
		mq_group_free(x->fair);
	}
}

/* @e takes the place of @old, which is in no queue yet. */
void mq_groups_move(struct mq_entry *e, struct mq_entry *old)
{
	struct mq_ordered *x = mq_ordered_of(e), *from = mq_ordered_of(old);

	if (!e->ordered)
		return;
	x->key = from->key;
	x->fair = from->fair;
}
