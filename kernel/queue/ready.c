// SPDX-License-Identifier: GPL-2.0
/*
 * The order of delivery: ready entries by level of priority and id.
 *
 * All functions run under mq_queue.lock and neither sleep nor allocate, except
 * mq_ready_init(), mq_ready_exit() and mq_ready_make().
 */
#include <linux/bitmap.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/entry.h"
#include "memory/message.h"
#include "queue/ids.h"
#include "queue/ready.h"

void mq_ready_init(struct mq_ready *r, unsigned int levels)
{
	INIT_LIST_HEAD(r->fifo);
	r->above = NULL;
	r->levels = levels;
	bitmap_zero(r->used, DEVMQ_PRIORITIES_MAX);
	r->returned = RB_ROOT_CACHED;
	r->dead_letters = RB_ROOT_CACHED;
}

void mq_ready_exit(struct mq_ready *r)
{
	kfree(r->above);
}

/*
 * Allocate the fifos of the levels above the lowest, before the first message
 * is sent to one of them: most queues with several levels are idle and never
 * need them. The caller holds no lock. Without memory for the fifos, messages
 * of these levels go to the tree, which is only slower.
 */
void mq_ready_make(struct mq_ready *r)
{
	struct list_head *above;
	unsigned int i;

	above = kmalloc_array(r->levels - 1, sizeof(*above), MQ_GFP);
	if (!above)
		return;
	for (i = 0; i < r->levels - 1; i++)
		INIT_LIST_HEAD(&above[i]);
	/* Another sender may have allocated them meanwhile. */
	if (cmpxchg(&r->above, NULL, above))
		kfree(above);
}

static bool mq_returned_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_delivered_before(rb_entry(a, struct mq_entry, node),
			 rb_entry(b, struct mq_entry, node));
}

/* Insert an entry that has no place in a fifo into a tree. */
static void mq_ready_insert_tree(struct mq_ready *r, struct mq_entry *e)
{
	e->returned = true;
	r->in_trees++;
	if (!mq_is_dead_letter(e)) {
		rb_add_cached(&e->node, &r->returned, mq_returned_less);
		return;
	}
	rb_add_cached(&e->node, &r->dead_letters, mq_returned_less);
	r->dead_letter_count++;
	r->dead_letter_bytes += mq_msg_bytes(mq_msg(e));
}

/*
 * Insert an entry that became ready. A new entry has the largest id. An entry
 * that comes back usually has the smallest, since it was taken from the head.
 */
void mq_ready_insert(struct mq_ready *r, struct mq_entry *e)
{
	struct mq_msg *m = mq_msg(e);
	struct list_head *fifo = mq_ready_fifo(r, m->priority);

	if (unlikely(mq_is_dead_letter(e))) {
		mq_ready_insert_tree(r, e);
		return;
	}
	e->returned = false;
	if (likely(fifo && (list_empty(fifo) ||
			    mq_last_id(fifo) < m->id))) {
		mq_list_append(&e->list, fifo);
	} else if (fifo && mq_first_id(fifo) > m->id) {
		list_add(&e->list, fifo);
	} else {
		mq_ready_insert_tree(r, e);
		return;
	}
	if (unlikely(r->levels > 1))
		__set_bit(m->priority, r->used);
}

/*
 * Append a list of new entries and leave the list empty. New entries have the
 * largest ids, so they belong at the end.
 */
void mq_ready_append(struct mq_ready *r, struct list_head *list)
{
	struct mq_entry *e, *next;

	if (likely(r->levels == 1)) {
		list_splice_tail_init(list, &r->fifo[0]);
		return;
	}
	list_for_each_entry_safe(e, next, list, list) {
		u8 level = mq_msg(e)->priority;
		struct list_head *fifo = mq_ready_fifo(r, level);

		if (unlikely(!fifo)) {
			mq_ready_insert(r, e);
			continue;
		}
		mq_list_append(&e->list, fifo);
		__set_bit(level, r->used);
	}
	INIT_LIST_HEAD(list);
}

/*
 * Return the highest level with an entry in its fifo, or any if there is none.
 */
unsigned int mq_ready_top(const struct mq_ready *r)
{
	unsigned long top = 0;

	if (unlikely(r->levels > 1))
		top = find_last_bit(r->used, r->levels);
	return top < r->levels ? top : 0;
}

static void mq_ready_remove_tree(struct mq_ready *r, struct mq_entry *e)
{
	e->returned = false;
	r->in_trees--;
	if (!mq_is_dead_letter(e)) {
		rb_erase_cached(&e->node, &r->returned);
		return;
	}
	rb_erase_cached(&e->node, &r->dead_letters);
	r->dead_letter_count--;
	r->dead_letter_bytes -= mq_msg_bytes(mq_msg(e));
}

void mq_ready_remove(struct mq_ready *r, struct mq_entry *e)
{
	if (unlikely(e->returned)) {
		mq_ready_remove_tree(r, e);
		return;
	}
	mq_list_remove(&e->list);
	mq_ready_left(r, mq_msg(e)->priority);
}

/*
 * Put @e, which has the contents of the message of @old, into the place of
 * @old.
 */
void mq_ready_replace(struct mq_ready *r, struct mq_entry *old,
		      struct mq_entry *e)
{
	if (!old->returned)
		list_replace(&old->list, &e->list);
	else
		rb_replace_node_cached(&old->node, &e->node,
				       mq_is_dead_letter(e) ? &r->dead_letters :
							 &r->returned);
}

/*
 * Return the first entry in the fifo of @level, or NULL. @level is r->levels if
 * no fifo has an entry.
 */
static struct mq_entry *mq_fifo_first(struct mq_ready *r, unsigned long level)
{
	if (level >= r->levels)
		return NULL;
	return list_first_entry_or_null(mq_ready_fifo(r, level), struct mq_entry,
					list);
}

/* Return which of two entries is delivered first. Either may be NULL. */
static struct mq_entry *mq_first_of(struct mq_entry *a, struct mq_entry *b)
{
	return !b || (a && mq_delivered_before(a, b)) ? a : b;
}

/* Return the next entry to deliver: the oldest of the highest level. */
struct mq_entry *mq_ready_first(struct mq_ready *r)
{
	struct mq_entry *e;

	e = mq_fifo_first(r, mq_ready_top(r));
	if (likely(!r->in_trees))
		return e;
	return mq_first_of(mq_first_of(e, mq_ids_first(&r->returned)),
			   mq_ids_first(&r->dead_letters));
}

/* Return the first entry of r->returned at @level or below, or NULL. */
static struct mq_entry *mq_returned_from(struct mq_ready *r, u8 level)
{
	struct rb_node *node = r->returned.rb_root.rb_node;
	struct mq_entry *best = NULL;

	while (node) {
		struct mq_entry *e = mq_ids_entry(node);

		if (mq_msg(e)->priority <= level) {
			best = e;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}

/*
 * Return the next entry to drop, the oldest of the lowest level, or NULL. Dead
 * letters from other queues are not dropped: they have room of their own, so
 * dropping them would make none for senders.
 */
struct mq_entry *mq_ready_lowest(struct mq_ready *r)
{
	struct mq_entry *back = mq_ids_last(&r->returned);
	unsigned long low = 0;
	struct mq_entry *e;

	if (r->levels > 1)
		low = find_first_bit(r->used, r->levels);
	e = mq_fifo_first(r, low);
	if (!back || (e && mq_msg(e)->priority < mq_msg(back)->priority))
		return e;
	/* Find the oldest entry of the lowest level in the tree. */
	back = mq_returned_from(r, mq_msg(back)->priority);
	if (!e || mq_msg(back)->priority < mq_msg(e)->priority)
		return back;
	return mq_msg(back)->id < mq_msg(e)->id ? back : e;
}
