/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hash tables that are changed by one thread at a time, and searched meanwhile
 * by others under rcu_read_lock(). See table.c.
 */
#ifndef MQ_TOPIC_TABLE_H
#define MQ_TOPIC_TABLE_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

/**
 * struct mq_hashed - what stands in a table
 * @link: nodes in its bucket, one for the array of buckets that is in use, and
 *	one for the next one
 * @hash: its hash, which was made with a secret key
 */
struct mq_hashed {
	struct hlist_node	link[2];
	u32			hash;
};

/**
 * struct mq_buckets - the buckets of a table
 * @rcu: to free them
 * @mask: how many they are, less one; a power of two
 * @side: which of mq_hashed.link is theirs
 * @bucket: the buckets
 */
struct mq_buckets {
	struct rcu_head		rcu;
	u32			mask;
	u32			side;
	struct hlist_head	bucket[];
};

/**
 * struct mq_table - a table
 * @now: its buckets; NULL: there are none yet
 * @count: how much stands in it
 * @idle: the grace period after which no search uses the buckets before @now
 */
struct mq_table {
	struct mq_buckets __rcu	*now;
	u32			count;
	unsigned long		idle;
};

/* What a place in a table costs at most, besides what stands there. */
#define MQ_PLACE_COST	(8 * sizeof(struct hlist_head))

int mq_table_reserve(struct mq_table *t, u32 more);
void mq_table_trim(struct mq_table *t);
void mq_table_free(struct mq_table *t);
void mq_table_add(struct mq_table *t, struct mq_hashed *h, u32 hash);
void mq_table_remove(struct mq_table *t, struct mq_hashed *h);

/* Return @node of the buckets @b as what it is part of, or the next one behind. */
static inline struct mq_hashed *mq_hashed_at(const struct mq_buckets *b,
					     struct hlist_node *node, u32 hash)
{
	struct mq_hashed *h;

	for (; node; node = rcu_dereference_check(hlist_next_rcu(node), true)) {
		h = container_of(node - b->side, struct mq_hashed, link[0]);
		if (h->hash == hash)
			return h;
	}
	return NULL;
}

/* Return the buckets in which to look, or NULL. */
static inline const struct mq_buckets *
mq_table_buckets(const struct mq_table *t)
{
	return rcu_dereference_check(t->now, true);
}

/* Return the first with this hash in the buckets @b, which may be NULL. */
static inline struct mq_hashed *mq_hashed_first(const struct mq_buckets *b,
						u32 hash)
{
	struct hlist_head *head;

	if (!b)
		return NULL;
	head = (struct hlist_head *)&b->bucket[hash & b->mask];
	return mq_hashed_at(b, rcu_dereference_check(hlist_first_rcu(head), true),
			    hash);
}

/* Return the next one behind @h with the same hash. */
static inline struct mq_hashed *mq_hashed_next(const struct mq_buckets *b,
					       struct mq_hashed *h)
{
	struct hlist_node *node = &h->link[b->side];

	return mq_hashed_at(b, rcu_dereference_check(hlist_next_rcu(node), true),
			    h->hash);
}

#endif /* MQ_TOPIC_TABLE_H */
