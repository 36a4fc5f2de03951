/* SPDX-License-Identifier: GPL-2.0 */
/* Groups of messages, for order=key and fairness: see group.c. */
#ifndef MQ_GROUP_H
#define MQ_GROUP_H

#include <linux/stringhash.h>

#include "memory/entry.h"

/**
 * struct mq_line - entries of a queue with an order, in some order
 * @list: those that came before or behind all others of this list
 * @tree: the others
 *
 * Most entries come in order. So it takes O(1) to add one, O(log n) at most, and the
 * first one is the better of two.
 */
struct mq_line {
	struct list_head	list;
	struct rb_root_cached	tree;
};

/**
 * struct mq_group - messages that have a key or a sender in common
 * @node: node in mq_order.groups
 * @old: link in mq_order.old, if the group has no members any more, nor a @node
 * @members: number of entries that refer to the group
 * @hash: hash of @level and @bytes, by which mq_order.groups is sorted first.
 *	It need not be a keyed hash: the tree stays balanced if users choose
 *	keys whose hashes are the same
 * @level: fairness: the priority level; order=key: MQ_ALL_LEVELS
 * @size: size of @bytes
 * @payer: the payer of the group's memory
 * @out: order=key: the only message of the key that may be delivered, is in
 *	flight, or waits for its retry; or NULL
 * @waiting: order=key: the ready messages behind @out, in the order of delivery
 * @turn: fairness: the last turn that a message of the group got
 * @eligible: fairness: number of messages of the group in mq_order.turns
 * @bytes: the key, or the uid of the sender
 */
struct mq_group {
	union {
		struct rb_node	node;
		struct list_head old;
	};
	u64			members;
	u32			hash;
	u16			level;
	u16			size;
	struct mq_payer		*payer;
	struct mq_ordered	*out;
	struct mq_line		waiting;
	u64			turn;
	u64			eligible;
	u8			bytes[];
};

#define MQ_ALL_LEVELS	U16_MAX

static inline u32 mq_group_hash(const void *bytes, u16 size, u16 level)
{
	return full_name_hash((void *)(unsigned long)level, bytes, size);
}

static inline void mq_line_init(struct mq_line *l)
{
	INIT_LIST_HEAD(&l->list);
	l->tree = RB_ROOT_CACHED;
}

static inline struct mq_ordered *mq_ordered_of(struct mq_entry *e)
{
	return container_of(e, struct mq_ordered, e);
}

struct mq_group *mq_group_alloc(struct mq_payer *p, const void *bytes, u16 size,
				u16 level);
void mq_group_free(struct mq_group *g);
void mq_groups_free(struct mq_entry *e);
void mq_groups_move(struct mq_entry *e, struct mq_entry *old);

#endif /* MQ_GROUP_H */
