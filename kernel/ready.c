// SPDX-License-Identifier: GPL-2.0
/*
 * The order of delivery, cursors in it, and trees of entries by id.
 *
 * All of it runs under mq_queue.lock and neither sleeps nor allocates.
 */
#include <linux/rbtree.h>

#include "mq.h"

/* How many entries a seek passes before it lets the lock be dropped. */
#define MQ_SEEK_STEPS	512

static struct mq_entry *mq_ids_entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct mq_entry, node);
}

static bool mq_ids_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct mq_entry, node)->id <
	       rb_entry(b, struct mq_entry, node)->id;
}

void mq_ids_insert(struct rb_root_cached *root, struct mq_entry *e)
{
	rb_add_cached(&e->node, root, mq_ids_less);
}

struct mq_entry *mq_ids_first(struct rb_root_cached *root)
{
	return mq_ids_entry(rb_first_cached(root));
}

struct mq_entry *mq_ids_last(struct rb_root_cached *root)
{
	return mq_ids_entry(rb_last(&root->rb_root));
}

/* The entry with the smallest id above @id. */
struct mq_entry *mq_ids_after(struct rb_root_cached *root, u64 id)
{
	struct rb_node *node = root->rb_root.rb_node;
	struct mq_entry *best = NULL;

	while (node) {
		struct mq_entry *e = mq_ids_entry(node);

		if (e->id > id) {
			best = e;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}

void mq_ready_init(struct mq_ready *r)
{
	INIT_LIST_HEAD(&r->fifo);
	r->returned = RB_ROOT_CACHED;
}

void mq_cursor_init(struct mq_cursor *c)
{
	memset(c, 0, sizeof(*c));
	INIT_LIST_HEAD(&c->mark.list);
}

void mq_cursor_unlink(struct mq_cursor *c)
{
	list_del_init(&c->mark.list);
}

/* The first message in the fifo. Cursors before it have nothing to say. */
static struct mq_entry *mq_fifo_first(struct mq_ready *r)
{
	struct mq_entry *e;

	while ((e = list_first_entry_or_null(&r->fifo, struct mq_entry, list))) {
		if (likely(e->msg))
			return e;
		list_del_init(&e->list);
	}
	return NULL;
}

/* A new message: its id is the largest. */
void mq_ready_add(struct mq_ready *r, struct mq_entry *e)
{
	e->returned = false;
	list_add_tail(&e->list, &r->fifo);
}

/*
 * A message comes back to its place. Most often that is the head: what comes
 * back was taken from there.
 */
void mq_ready_return(struct mq_ready *r, struct mq_entry *e)
{
	struct mq_entry *first = mq_fifo_first(r);

	e->returned = first && first->id < e->id;
	if (e->returned)
		mq_ids_insert(&r->returned, e);
	else
		list_add(&e->list, &r->fifo);
}

void mq_ready_remove(struct mq_ready *r, struct mq_entry *e)
{
	if (unlikely(e->returned))
		rb_erase_cached(&e->node, &r->returned);
	else
		list_del(&e->list);
	e->returned = false;
}

static struct mq_entry *mq_older(struct mq_entry *a, struct mq_entry *b)
{
	if (!a || !b)
		return a ?: b;
	return a->id < b->id ? a : b;
}

/* The next to deliver, or NULL. */
struct mq_entry *mq_ready_first(struct mq_ready *r)
{
	struct mq_entry *e = mq_fifo_first(r);

	if (likely(RB_EMPTY_ROOT(&r->returned.rb_root)))
		return e;
	return mq_older(e, mq_ids_first(&r->returned));
}

/*
 * Move @c towards the last entry whose id is not above @after. The entry
 * behind it, or NULL at the end; ERR_PTR(-EAGAIN): not there yet.
 */
static struct mq_entry *mq_fifo_seek(struct mq_ready *r, struct mq_cursor *c,
				     u64 after)
{
	bool go_on = !list_empty(&c->mark.list) && c->mark.id <= after;
	struct list_head *at = go_on ? &c->mark.list : &r->fifo;
	struct mq_entry *e = NULL;
	unsigned int steps = 0;

	for (at = at->next; at != &r->fifo; at = at->next) {
		e = list_entry(at, struct mq_entry, list);
		if (!e->msg)
			continue;
		if (e->id > after || ++steps > MQ_SEEK_STEPS)
			break;
		c->mark.id = e->id;
	}
	list_del_init(&c->mark.list);
	if (go_on || steps)
		list_add_tail(&c->mark.list, at);
	if (at == &r->fifo)
		return NULL;
	return steps > MQ_SEEK_STEPS ? ERR_PTR(-EAGAIN) : e;
}

/**
 * mq_ready_next - the ready message with the smallest id above @after
 * @r: where to look
 * @c: keeps the place between calls, so that walking on takes no search
 * @after: the id
 *
 * Return: the entry, NULL if there is none, or ERR_PTR(-EAGAIN) if the way is
 * long: drop the lock and call again.
 */
struct mq_entry *mq_ready_next(struct mq_ready *r, struct mq_cursor *c,
			       u64 after)
{
	struct mq_entry *e = mq_fifo_seek(r, c, after);

	if (IS_ERR(e))
		return e;
	return mq_older(e, mq_ids_after(&r->returned, after));
}
