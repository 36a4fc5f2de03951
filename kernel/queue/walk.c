// SPDX-License-Identifier: GPL-2.0
/*
 * Walk through the messages of a queue while others change it. A cursor is an
 * entry whose message has no state. It keeps a position in mq_queue.all between
 * two holds of the lock.
 */
#include <linux/rbtree.h>
#include <linux/devmq.h>

#include "memory/entry.h"
#include "memory/message.h"
#include "queue/clock.h"
#include "queue/ids.h"
#include "queue/queue.h"
#include "queue/walk.h"

void mq_cursor_init(struct mq_cursor *c)
{
	memset(c, 0, sizeof(*c));
	c->mark.msg = (offsetof(struct mq_cursor, place) -
		       offsetof(struct mq_cursor, mark)) / 8;
	INIT_LIST_HEAD(&c->mark.all);
}

void mq_cursor_unlink_locked(struct mq_queue *q, struct mq_cursor *c)
{
	lockdep_assert_held(&q->lock);
	if (list_empty(&c->mark.all))
		return;
	list_del_init(&c->mark.all);
	q->cursors--;
}

/* Link a cursor before @at. */
static void mq_cursor_link(struct mq_queue *q, struct mq_cursor *c,
			   struct list_head *at)
{
	if (at != &q->all)
		mq_timer_part_locked(q, list_entry(at, struct mq_entry, all));
	list_add_tail(&c->mark.all, at);
	q->cursors++;
}

/*
 * Choose where to start to look for the position behind @id: at the cursor, at
 * either end of mq_queue.all, or at the entry in mq_queue.aside with the next
 * larger id, whichever is nearest. Unlink the cursor, and set its id to what it
 * would have to be if the cursor were linked before the link that is returned.
 */
static struct list_head *mq_seek_begin(struct mq_queue *q, struct mq_cursor *c,
				       u64 id)
{
	struct list_head *at = c->mark.all.next;
	struct mq_entry *aside = mq_ids_after(&q->aside, id);
	u64 first = list_empty(&q->all) ? 0 :
		    mq_msg(list_first_entry(&q->all, struct mq_entry, all))->id;
	u64 nearest = U64_MAX;

	if (!list_empty(&c->mark.all)) {
		nearest = c->place.id > id ? c->place.id - id : id - c->place.id;
		mq_cursor_unlink_locked(q, c);
		/*
		 * Continue a search that ran out of steps, or it may never end.
		 */
		if (c->seeks && c->goal == id)
			return at;
	}
	c->goal = id;
	if (aside && mq_msg(aside)->id - id <= nearest) {
		nearest = mq_msg(aside)->id - id;
		c->place.id = mq_msg(aside)->id - 1;
		at = &aside->all;
	}
	if (id < first || id - first < nearest) {
		nearest = id < first ? 0 : id - first;
		c->place.id = 0;
		at = q->all.next;
	}
	if (id >= q->next_id || q->next_id - id < nearest) {
		c->place.id = q->next_id - 1;
		at = &q->all;
	}
	return at;
}

/* Go back from @at, past entries with an id above @id. */
static struct list_head *mq_seek_back(struct mq_queue *q, struct mq_cursor *c,
				      struct list_head *at, u64 id,
				      unsigned int *left)
{
	for (; at->prev != &q->all && *left; at = at->prev) {
		const struct mq_msg *m = mq_msg(list_entry(at->prev,
							   struct mq_entry,
							   all));

		if (m->state && m->id <= id)
			break;
		if (m->state)
			c->place.id = m->id - 1;
		--*left;
	}
	/* No entry before @at has a larger id, so the cursor may have @id. */
	if (*left)
		c->place.id = min(c->place.id, id);
	return at;
}

/*
 * Link a cursor between the entries with an id up to @id and those with a
 * larger one. Passes at most @left entries and cursors, and reduces @left by
 * them. Return: true if the cursor is there. Otherwise the caller drops the
 * lock and calls again.
 */
static bool mq_cursor_seek(struct mq_queue *q, struct mq_cursor *c, u64 id,
			   unsigned int *left)
{
	struct list_head *at = mq_seek_begin(q, c, id);

	if (c->place.id > id)
		at = mq_seek_back(q, c, at, id, left);
	for (; at != &q->all && *left; at = at->next) {
		const struct mq_msg *m = mq_msg(list_entry(at, struct mq_entry,
							   all));

		if (m->state && m->id > id)
			break;
		if (m->state)
			c->place.id = m->id;
		--*left;
	}
	mq_cursor_link(q, c, at);
	c->seeks = !*left;
	return !c->seeks;
}

/*
 * Do what mq_walk_locked() does if @states contains only states that are in
 * mq_queue.aside, which is a tree.
 */
static struct mq_entry *mq_walk_aside(struct mq_queue *q, u32 states,
				      u64 *after, unsigned int *left)
{
	struct mq_entry *e = mq_ids_after(&q->aside, *after);

	for (; e && *left; e = mq_ids_entry(rb_next(&e->node))) {
		if (states & DEVMQ_STATE_MASK(mq_msg(e)->state))
			return e;
		*after = mq_msg(e)->id;
		--*left;
	}
	return e ? ERR_PTR(-EAGAIN) : NULL;
}

#define MQ_ASIDE	(DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_RETAINED))

/**
 * mq_walk_locked - find the message with the smallest id above @after
 * @q: the queue
 * @c: keeps the position between two calls, so that the next call need not
 *	search
 * @states: mask of the states to look for
 * @after: the id; raised to that of the last message that was passed
 * @left: how many entries and cursors may be passed in this hold of the lock,
 *	MQ_WALK_STEPS at its beginning; reduced by what was passed
 *
 * Return: the entry, NULL if there is none, or ERR_PTR(-EAGAIN) if @left is
 * used up: the caller drops the lock and calls again.
 */
struct mq_entry *mq_walk_locked(struct mq_queue *q, struct mq_cursor *c,
				u32 states, u64 *after, unsigned int *left)
{
	struct mq_entry *e = NULL;
	struct list_head *at;

	lockdep_assert_held(&q->lock);
	if (!(states & ~MQ_ASIDE))
		return mq_walk_aside(q, states, after, left);
	if (!mq_cursor_seek(q, c, *after, left))
		return ERR_PTR(-EAGAIN);
	for (at = c->mark.all.next; at != &q->all && *left; at = at->next) {
		e = list_entry(at, struct mq_entry, all);
		if (mq_msg(e)->state &&
		    states & DEVMQ_STATE_MASK(mq_msg(e)->state))
			break;
		if (mq_msg(e)->state) {
			c->place.id = mq_msg(e)->id;
			*after = c->place.id;
		}
		--*left;
	}
	mq_cursor_unlink_locked(q, c);
	mq_cursor_link(q, c, at);
	if (at == &q->all)
		return NULL;
	return *left ? e : ERR_PTR(-EAGAIN);
}
