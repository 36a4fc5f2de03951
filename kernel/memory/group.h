/* SPDX-License-Identifier: GPL-2.0 */
/* Groups of messages, for order=key and fairness: see group.c. */
#ifndef MQ_GROUP_H
#define MQ_GROUP_H

#include "memory/entry.h"

/**
 * struct mq_group - messages with something in common: a key or a sender
 * @node: in mq_order.groups
 * @old: in mq_order.old, when it has no member any more
 * @members: entries that refer to it
 * @hash: of @level and @bytes; what the tree is sorted by first. It makes
 *	looking short; the tree is balanced whatever they are, so it is no secret
 * @level: fairness: which level; order=key: MQ_ALL_LEVELS
 * @size: bytes at @bytes
 * @payer: who pays for it
 * @out: order=key: the one that is past the gate, or NULL
 * @waiting: order=key: those that are not, the first to go first
 * @turn: fairness: the last number that one of them got
 * @eligible: fairness: how many of them are in mq_order.turns
 * @bytes: the key, or the sender's uid
 */
struct mq_group {
	struct rb_node		node;
	struct list_head	old;
	u64			members;
	u32			hash;
	u16			level;
	u16			size;
	struct mq_payer		*payer;
	struct mq_ordered	*out;
	struct rb_root_cached	waiting;
	u64			turn;
	u64			eligible;
	u8			bytes[];
};

#define MQ_ALL_LEVELS	U16_MAX

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
