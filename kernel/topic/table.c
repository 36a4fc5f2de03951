// SPDX-License-Identifier: GPL-2.0
/*
 * Hash tables. What stands in one has two nodes, so that new buckets can be
 * filled while searches still use the old ones: a search finds all that was
 * there when it began, whether or not the table grows meanwhile. The nodes of
 * the old buckets are used again when no search is left that could see them.
 *
 * Growing takes a time that is proportional to what stands in the table, and
 * happens when that has doubled: so a change is O(1) on average. It sleeps, and
 * holds up nobody but others who want to change the same table.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/base.h"
#include "topic/table.h"

/* The fewest buckets. */
#define MQ_TABLE_MIN	16
/* No fewer are exchanged for fewer: each exchange waits for a grace period. */
#define MQ_TABLE_SMALL	256
/* So many buckets are filled before others may run. */
#define MQ_TABLE_STRIDE	256

static struct mq_buckets *mq_buckets_of(const struct mq_table *t)
{
	return rcu_dereference_protected(t->now, true);
}

static struct mq_buckets *mq_buckets_alloc(u32 count, u32 side)
{
	struct mq_buckets *b;

	b = kvzalloc(struct_size(b, bucket, count), MQ_GFP);
	if (b) {
		b->mask = count - 1;
		b->side = side;
	}
	return b;
}

/* Link all in bucket @i of @from into the buckets @to. */
static void mq_bucket_copy(struct mq_buckets *from, u32 i,
			   struct mq_buckets *to)
{
	struct mq_hashed *h;
	struct hlist_node *node;

	for (node = from->bucket[i].first; node; node = node->next) {
		h = container_of(node - from->side, struct mq_hashed, link[0]);
		hlist_add_head(&h->link[to->side],
			       &to->bucket[h->hash & to->mask]);
	}
}

/* Give the table @count buckets. Return: 0 or -ENOMEM. */
static int mq_table_resize(struct mq_table *t, u32 count)
{
	struct mq_buckets *from = mq_buckets_of(t), *to;
	u32 i;

	to = mq_buckets_alloc(count, from ? !from->side : 0);
	if (!to)
		return -ENOMEM;
	if (from) {
		cond_synchronize_rcu(t->idle);
		for (i = 0; i <= from->mask; i++) {
			mq_bucket_copy(from, i, to);
			if (i % MQ_TABLE_STRIDE == MQ_TABLE_STRIDE - 1)
				cond_resched();
		}
	}
	rcu_assign_pointer(t->now, to);
	t->idle = get_state_synchronize_rcu();
	if (from)
		kvfree_rcu(from, rcu);
	return 0;
}

/* Make the table large enough for @more than it has. Return: 0 or -ENOMEM. */
int mq_table_reserve(struct mq_table *t, u32 more)
{
	struct mq_buckets *b = mq_buckets_of(t);
	u32 count = max_t(u32, t->count + more, MQ_TABLE_MIN);

	if (b && count <= b->mask + 1)
		return 0;
	/* The first time as few as will do: most topics have few bindings. */
	count = roundup_pow_of_two(count);
	return mq_table_resize(t, b ? count * 2 : count);
}

/* Give memory back if the table is much too large. It does no harm to fail. */
void mq_table_trim(struct mq_table *t)
{
	struct mq_buckets *b = mq_buckets_of(t);

	if (b && b->mask >= MQ_TABLE_SMALL && t->count < b->mask / 8)
		mq_table_resize(t, roundup_pow_of_two(max_t(u32, t->count * 2,
							    MQ_TABLE_MIN)));
}

/* Nothing stands in the table, and none searches it from now on. */
void mq_table_free(struct mq_table *t)
{
	struct mq_buckets *b = mq_buckets_of(t);

	RCU_INIT_POINTER(t->now, NULL);
	if (b)
		kvfree_rcu(b, rcu);
}

/* Add @h, for which there is room. */
void mq_table_add(struct mq_table *t, struct mq_hashed *h, u32 hash)
{
	struct mq_buckets *b = mq_buckets_of(t);

	h->hash = hash;
	hlist_add_head_rcu(&h->link[b->side], &b->bucket[hash & b->mask]);
	t->count++;
}

void mq_table_remove(struct mq_table *t, struct mq_hashed *h)
{
	struct mq_buckets *b = mq_buckets_of(t);

	hlist_del_rcu(&h->link[b->side]);
	t->count--;
}
