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

struct mq_entry;

/**
 * struct mq_ready - the entries that wait for a consumer, by level
 * @fifo: of the lowest level, those in the order of sending, by rising id
 * @above: the same for each level above, made when one of them is first sent
 *	to (set once); NULL: what they have is in @returned
 * @levels: how many there are
 * @used: levels whose fifo is not empty, if there are several
 * @returned: those that came back and whose place is amid a fifo, or that have
 *	none: by level, the highest first, then by id
 * @dead_letters: those that came as dead, in the same order; they are never dropped
 *	to make room
 * @in_trees: how many are in the two trees
 * @kept: how many are in @dead_letters
 * @kept_bytes: bytes of those
 *
 * The next to deliver is the best of the three firsts. So sending and taking
 * are O(1), and a message that comes back finds its place in O(log n).
 */
struct mq_ready {
	struct list_head	fifo[1];
	struct list_head	*above;
	unsigned int		levels;
	DECLARE_BITMAP(used, DEVMQ_PRIORITIES_MAX);
	struct rb_root_cached	returned;
	struct rb_root_cached	dead_letters;
	u64			in_trees;
	u64			kept;
	u64			kept_bytes;
};

void mq_ready_init(struct mq_ready *r, unsigned int levels);
void mq_ready_exit(struct mq_ready *r);
void mq_ready_make(struct mq_ready *r);
bool mq_before(const struct mq_entry *a, const struct mq_entry *b);
void mq_ready_insert(struct mq_ready *r, struct mq_entry *e);
void mq_ready_append(struct mq_ready *r, struct list_head *list);
unsigned int mq_ready_top(const struct mq_ready *r);
void mq_ready_remove(struct mq_ready *r, struct mq_entry *e);
void mq_ready_replace(struct mq_ready *r, struct mq_entry *old,
		      struct mq_entry *e);
struct mq_entry *mq_ready_first(struct mq_ready *r);
struct mq_entry *mq_ready_lowest(struct mq_ready *r);

/* The fifo of a level, or NULL: it has none. */
static inline struct list_head *mq_ready_fifo(struct mq_ready *r,
					      unsigned int level)
{
	struct list_head *above;

	if (likely(!level))
		return r->fifo;
	above = READ_ONCE(r->above);
	return above ? &above[level - 1] : NULL;
}

/* See to it that a level has a fifo, if there is memory for it; without a lock. */
static inline void mq_ready_prepare(struct mq_ready *r, unsigned int level)
{
	if (unlikely(level && !READ_ONCE(r->above)))
		mq_ready_make(r);
}

#endif /* MQ_QUEUE_READY_H */
