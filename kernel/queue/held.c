// SPDX-License-Identifier: GPL-2.0
/* The deliveries that a consumer holds, neither settled nor in hand, by id. */
#include "base/base.h"
#include "memory/entry.h"
#include "queue/held.h"
#include "queue/ids.h"
#include "queue/openfile.h"
#include "queue/queue.h"

void mq_held_init(struct mq_held *h)
{
	INIT_LIST_HEAD(&h->run);
	h->count = 0;
	h->tree = RB_ROOT_CACHED;
}

static void mq_held_add_tree(struct mq_held *h, struct mq_entry *e)
{
	mq_ids_insert(&h->tree, e);
	e->hold = MQ_IN_TREE;
}

/*
 * Put @e into the place of @old, which is held. @e has the contents of the
 * message of @old already.
 */
void mq_held_replace_locked(struct mq_entry *old, struct mq_entry *e)
{
	struct mq_file *f = mq_msg(old)->holder;

	lockdep_assert_held(&f->q->lock);
	if (old->hold == MQ_IN_RUN)
		list_replace(&old->list, &e->list);
	else
		rb_replace_node_cached(&old->node, &e->node, &f->held.tree);
	if (f->partial == old)
		WRITE_ONCE(f->partial, e);
}

void mq_held_del(struct mq_held *h, struct mq_entry *e)
{
	if (likely(e->hold == MQ_IN_RUN)) {
		mq_list_remove(&e->list);
		h->count--;
	} else {
		rb_erase_cached(&e->node, &h->tree);
	}
	e->hold = MQ_IN_HAND;
}

/* Move the first delivery of the run to the tree. */
void mq_held_to_tree(struct mq_held *h)
{
	struct mq_entry *e = list_first_entry(&h->run, struct mq_entry, list);

	mq_held_del(h, e);
	mq_held_add_tree(h, e);
}

void mq_held_add(struct mq_held *h, struct mq_entry *e)
{
	if (unlikely(!list_empty(&h->run) &&
		     mq_last_id(&h->run) > mq_msg(e)->id)) {
		mq_held_add_tree(h, e);
		return;
	}
	mq_list_append(&e->list, &h->run);
	e->hold = MQ_IN_RUN;
	if (unlikely(++h->count > MQ_HELD_LIST_MAX))
		mq_held_to_tree(h);
}

/* Return the held delivery with the smallest id, or NULL. */
struct mq_entry *mq_held_first(struct mq_held *h)
{
	struct mq_entry *run, *tree = mq_ids_first(&h->tree);

	run = list_first_entry_or_null(&h->run, struct mq_entry, list);
	return !tree || (run && mq_msg(run)->id < mq_msg(tree)->id) ? run : tree;
}

/* Return the held delivery with the smallest id above @id, or NULL. */
struct mq_entry *mq_held_after(struct mq_held *h, u64 id)
{
	struct mq_entry *run, *tree;

	/*
	 * A caller that settles from the middle of the run usually continues
	 * there, so move the head of the run to the tree.
	 */
	while (!list_empty(&h->run) &&
	       mq_first_id(&h->run) <= id &&
	       mq_last_id(&h->run) > id)
		mq_held_to_tree(h);
	run = list_first_entry_or_null(&h->run, struct mq_entry, list);
	if (run && mq_msg(run)->id <= id)
		run = NULL;
	tree = mq_ids_after(&h->tree, id);
	return !tree || (run && mq_msg(run)->id < mq_msg(tree)->id) ? run : tree;
}
