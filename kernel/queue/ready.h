/* SPDX-License-Identifier: GPL-2.0 */
/* The order of delivery: see ready.c. */
#ifndef MQ_QUEUE_READY_H
#define MQ_QUEUE_READY_H

#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/devmq.h>

#include "memory/entry.h"

/**
 * struct mq_ready - the ready entries of a queue, by level of priority
 * @fifo: the entries of the lowest level that are in the order of sending, by
 *	rising id
 * @above: the fifo of each level above the lowest, allocated before the first
 *	message is sent to one of them (set once). NULL: entries of these levels
 *	are in @returned
 * @levels: number of levels
 * @used: bitmap of the levels whose fifo is not empty, if there are several
 *	levels
 * @returned: entries that came back and belong in the middle of a fifo, or
 *	whose level has no fifo: by level, the highest first, then by id
 * @dead_letters: dead letters from other queues, in the same order. They are
 *	never dropped to make room
 * @in_trees: number of entries in the two trees
 * @dead_letter_count: number of entries in @dead_letters
 * @dead_letter_bytes: bytes of these
 *
 * The next message to deliver is the best of three: the first of the highest
 * fifo, of @returned and of @dead_letters. So sending and receiving are O(1),
 * and inserting a message that comes back is O(log n) at most.
 */
struct mq_ready {
	struct list_head	fifo[1];
	struct list_head	*above;
	unsigned int		levels;
	DECLARE_BITMAP(used, DEVMQ_PRIORITIES_MAX);
	struct rb_root_cached	returned;
	struct rb_root_cached	dead_letters;
	u64			in_trees;
	u64			dead_letter_count;
	u64			dead_letter_bytes;
};

void mq_ready_init(struct mq_ready *r, unsigned int levels);
void mq_ready_exit(struct mq_ready *r);
void mq_ready_make(struct mq_ready *r);
void mq_ready_insert(struct mq_ready *r, struct mq_entry *e);
void mq_ready_append(struct mq_ready *r, struct list_head *list);
unsigned int mq_ready_top(const struct mq_ready *r);
void mq_ready_remove(struct mq_ready *r, struct mq_entry *e);
void mq_ready_replace(struct mq_ready *r, struct mq_entry *old,
		      struct mq_entry *e);
struct mq_entry *mq_ready_first(struct mq_ready *r);
struct mq_entry *mq_ready_lowest(struct mq_ready *r);

/* Return true if @a is delivered before @b, going by level and id alone. */
static inline bool mq_delivered_before(const struct mq_entry *a, const struct mq_entry *b)
{
	const struct mq_msg *x = mq_msg(a), *y = mq_msg(b);

	if (x->priority != y->priority)
		return x->priority > y->priority;
	return x->id < y->id;
}

/* Return the fifo of a level, or NULL if it has none. */
static inline struct list_head *mq_ready_fifo(struct mq_ready *r,
					      unsigned int level)
{
	struct list_head *above;

	if (likely(!level))
		return r->fifo;
	above = READ_ONCE(r->above);
	return above ? &above[level - 1] : NULL;
}

/* Note that an entry left the fifo of a level, which may be empty now. */
static inline void mq_ready_left(struct mq_ready *r, unsigned int level)
{
	if (unlikely(r->levels > 1) && list_empty(mq_ready_fifo(r, level)))
		__clear_bit(level, r->used);
}

/*
 * Allocate the fifo of a level unless it has one. The caller holds no lock.
 * Without memory the level works without a fifo.
 */
static inline void mq_ready_prepare(struct mq_ready *r, unsigned int level)
{
	if (unlikely(level && !READ_ONCE(r->above)))
		mq_ready_make(r);
}

#endif /* MQ_QUEUE_READY_H */
