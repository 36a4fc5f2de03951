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
 * struct mq_seen - a de-duplication id and the message that first came with it
 * @node: node in mq_dedup.tree
 * @number: node in mq_dedup.numbers
 * @list: link in mq_dedup.old
 * @dirty: link in mq_feed.dedups, or empty
 * @hash: hash of the de-duplication id, by which mq_dedup.tree is sorted
 * @id: id of the message
 * @time: when the message was sent, CLOCK_BOOTTIME
 * @seq: the journal must not have it before the change of the queue with this
 *	number, by which it has the message
 * @payer: the payer of this memory
 * @taken: the journal may have a record of it
 * @forgotten: it was forgotten before its time, and the journal has to know
 * @size: size of the de-duplication id
 * @bytes: the de-duplication id
 */
struct mq_seen {
	struct rb_node		node;
	union {
		struct rb_node	number;
		struct list_head list;
	};
	struct list_head	dirty;
	u64			hash;
	u64			id;
	u64			time;
	u64			seq;
	struct mq_payer		*payer;
	bool			taken;
	bool			forgotten;
	u32			size;
	u8			bytes[];
};

struct mq_seen *mq_seen_new(struct mq_payer *p, u32 size);
void mq_seen_hash(struct mq_seen *s);
void mq_seen_free(struct mq_seen *s);
void mq_seen_init(void);

#endif /* MQ_SEEN_H */
