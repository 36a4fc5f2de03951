/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of a topic's bindings. It is changed by one thread at a time, and
 * searched meanwhile by others, under rcu_read_lock() (match.h).
 *
 * To bind, in this order:
 *
 *	the lock of all changes of this index is taken
 *	mq_index_prepare()	may sleep; what searches find does not change
 *	the topic's turn is taken
 *	mq_index_add()		cannot fail, O(1): from now on it is found
 *	the turn is dropped
 *
 * To unbind: mq_index_remove() under the turn, O(1); then, without the turn,
 * mq_index_tidy(), which may sleep. The binding is freed after a grace period.
 *
 * What a search finds is exact if the generation was the same before it began
 * and afterwards, under the turn. While it changes, a search may miss a binding
 * or find one that is being removed, but no more than that.
 */
#ifndef MQ_TOPIC_INDEX_H
#define MQ_TOPIC_INDEX_H

#include <linux/list.h>
#include <linux/types.h>

#include "topic/filter.h"
#include "topic/table.h"

struct mq_index;
struct mq_rule;

/* The most bindings of a topic. */
#define MQ_BINDINGS_MAX		65536

/**
 * struct mq_bound - a binding, as the index knows it
 * @target: to what it leads: the address of a queue or a topic. A search finds
 *	each target once, whatever number of bindings lead to it
 * @rule: the filter, with all bindings that have the same one
 * @node: node in mq_rule.bound
 * @same: in mq_index.bounds, by rule and target
 *
 * It is a part of the caller's binding. The caller sets @target.
 */
struct mq_bound {
	void			*target;
	struct mq_rule		*rule;
	struct hlist_node	node;
	struct mq_hashed	same;
};

struct mq_index *mq_index_alloc(void);
void mq_index_free(struct mq_index *x);
u64 mq_index_generation(const struct mq_index *x);
u32 mq_index_count(const struct mq_index *x);
size_t mq_index_cost(const struct mq_filter *f);

struct mq_rule *mq_index_prepare(struct mq_index *x, struct mq_filter *f,
				 const void *target, const char **what);
void mq_index_add(struct mq_index *x, struct mq_rule *r, struct mq_bound *b);
void mq_index_cancel(struct mq_index *x, struct mq_rule *r);
void mq_index_remove(struct mq_index *x, struct mq_bound *b);
void mq_index_drop_idle(struct mq_index *x);
void mq_index_tidy(struct mq_index *x);
struct mq_bound *mq_index_find(const struct mq_index *x,
			       const struct mq_filter *f, const void *target);
const struct mq_filter *mq_bound_filter(const struct mq_bound *b);

#endif /* MQ_TOPIC_INDEX_H */
