/* SPDX-License-Identifier: GPL-2.0 */
/* A topic, and what it is bound to. */
#ifndef MQ_TOPIC_TOPIC_H
#define MQ_TOPIC_TOPIC_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "queue/queue.h"
#include "topic/index.h"

struct mq_catchup;
struct mq_index;
struct mq_payer;

/**
 * struct mq_topic - what makes a topic of a queue
 * @q: the queue that it is a part of (invariant)
 * @turn: serialises the messages of the topic, and changes of its bindings as
 *	far as messages see them
 * @index: the filters of its bindings (changed under mq_registry_lock and
 *	@turn, searched under RCU)
 * @changes: changes of @alternate and of what is retained (@turn, read without it)
 * @alternate: the binding that takes what no other takes, or NULL (RCU,
 *	written under mq_registry_lock and @turn)
 * @bindings: all others, by number (mq_registry_lock)
 * @next_id: number of the next binding (mq_registry_lock)
 * @outlets: struct mq_outlet, those that lead to topics first
 *	(mq_registry_lock)
 * @deep: how many topics stand one behind the other, this one included, on the
 *	longest way from here (mq_registry_lock)
 * @down: the last walk down the topics that came here (mq_registry_lock)
 * @up: the last walk up (mq_registry_lock)
 * @ways: the last walk down that looked at @late (mq_registry_lock)
 * @late: struct mq_outlet, those that lead to a queue that catches up, by whatever
 *	binding (mq_registry_lock)
 * @work: frees it
 */
struct mq_topic {
	struct mq_queue		*q;
	struct mutex		turn;	/* see above */
	struct mq_index		*index;
	u64			changes;
	struct mq_binding __rcu	*alternate;
	struct xarray		bindings;
	u64			next_id;
	struct list_head	outlets;
	unsigned int		deep;
	u64			down;
	u64			up;
	u64			ways;
	struct list_head	late;
	struct work_struct	work;
};

/**
 * struct mq_outlet - all that leads from a topic to a queue, or another topic
 * @topic: the topic (invariant)
 * @target: where it leads; its bindings hold references (invariant)
 * @link: link in mq_topic.outlets
 * @feed: link in mq_queue.feeds of the target
 * @pair: link in the table of outlets
 * @bindings: the bindings, and the alternate
 * @late: link in mq_topic.late while the target catches up, or empty
 * @early: it does so by the binding of this outlet
 *
 * mq_registry_lock protects all of this.
 */
struct mq_outlet {
	struct mq_topic		*topic;
	struct mq_queue		*target;
	struct list_head	link;
	struct hlist_node	feed;
	struct hlist_node	pair;
	struct list_head	bindings;
	struct list_head	late;
	bool			early;
};

/**
 * struct mq_binding - a binding of a topic, or its alternate
 * @bound: the binding, as the index knows it: its target, a struct mq_queue
 * @outlet: the outlet that it is a part of (invariant)
 * @link: link in mq_outlet.bindings (mq_registry_lock); then with others that are freed
 * @id: its number in the topic; 0: it is the alternate (invariant)
 * @taken: messages that it took (the topic's turn, or the work of @catchup; read
 *	without either)
 * @missed: messages that were trimmed before it came to them, that its target could
 *	never store, or that could not be read back (the work of @catchup, read
 *	without it)
 * @catchup: what it needs until it is level, or NULL (mq_registry_lock)
 * @payer: who pays for it (invariant)
 * @charged: how many bytes (invariant)
 * @work: frees it, and drops its reference to the target, a grace period after
 *	it was unbound
 */
struct mq_binding {
	struct mq_bound		bound;
	struct mq_outlet	*outlet;
	struct list_head	link;
	u64			id;
	u64			taken;
	u64			missed;
	struct mq_catchup	*catchup;
	struct mq_payer		*payer;
	unsigned long		charged;
	struct rcu_work		work;
};

static inline struct mq_queue *mq_bound_queue(const struct mq_bound *b)
{
	return b->target;
}

/*
 * Return a number that changes with the bindings and the alternate. If it has not changed
 * under the topic's turn, they do not until that is dropped.
 */
static inline u64 mq_topic_generation(const struct mq_topic *t)
{
	return mq_index_generation(t->index) + READ_ONCE(t->changes);
}

#endif /* MQ_TOPIC_TOPIC_H */
