/* SPDX-License-Identifier: GPL-2.0 */
/* De-duplication ids: see seen.c. */
#ifndef MQ_SEEN_H
#define MQ_SEEN_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/siphash.h>
#include <linux/types.h>

struct mq_payer;

/**
 * struct mq_seen - an id that was seen
 * @node: in mq_dedup.tree
 * @number: in mq_dedup.numbers
 * @list: in mq_dedup.old
 * @hash: of the id; what the tree is sorted by
 * @id: number of the message
 * @time: when it was sent, CLOCK_BOOTTIME
 * @payer: who pays for it
 * @size: bytes of the id
 * @bytes: the id
 */
struct mq_seen {
	struct rb_node		node;
	union {
		struct rb_node	number;
		struct list_head list;
	};
	u64			hash;
	u64			id;
	u64			time;
	struct mq_payer		*payer;
	u32			size;
	u8			bytes[];
};

struct mq_seen *mq_seen_new(struct mq_payer *p, u32 size);
void mq_seen_hash(struct mq_seen *s);
void mq_seen_free(struct mq_seen *s);
void mq_seen_init(void);

#endif /* MQ_SEEN_H */
