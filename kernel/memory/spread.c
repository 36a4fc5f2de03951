// SPDX-License-Identifier: GPL-2.0
/*
 * A message of a topic that goes to several queues of a journal is written there
 * as one record, with all its copies. So after a crash it is in all of these queues
 * or in none. Until it is written, its copies know of each other.
 *
 * The record has each copy as it came to its queue. A copy that was moved, or
 * handed out and returned, since then gets a record of its state besides. One that
 * is gone before is left out, but what a topic retained stays until what replaced it
 * is written.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/spread.h"
#include "memory/text.h"

/* Return the charge for the copies. */
static unsigned long mq_spread_cost(const struct mq_spread *s)
{
	return mq_kmalloc_bytes(s->room * sizeof(*s->copies));
}

/* Free the copies, or rather what is known of them. */
static void mq_spread_forget(struct mq_spread *s)
{
	if (!s->copies)
		return;
	kvfree(s->copies);
	s->copies = NULL;
	mq_uncharge(s->payer, MQ_MESSAGES, mq_spread_cost(s));
}

/* Allocate what is to be known of the copies. Return 0, ENOMEM or EDQUOT. */
static int mq_spread_alloc(struct mq_spread *s)
{
	if (!mq_charge(s->payer, MQ_MESSAGES, mq_spread_cost(s)))
		return -EDQUOT;
	s->copies = kvcalloc(s->room, sizeof(*s->copies), MQ_GFP);
	if (s->copies)
		return 0;
	mq_uncharge(s->payer, MQ_MESSAGES, mq_spread_cost(s));
	return -ENOMEM;
}

/**
 * mq_spread_new - prepare to spread a message
 * @p: who pays
 * @j: the journal
 * @topic: what the copies tell of the topic, or NULL
 * @room: how many copies there may be
 *
 * Return: it, with a reference, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_spread *mq_spread_new(struct mq_payer *p, struct mq_journal *j,
				struct mq_text *topic, u32 room)
{
	struct mq_spread *s;
	int err;

	if (!mq_charge(p, MQ_MESSAGES, mq_kmalloc_bytes(sizeof(*s))))
		return ERR_PTR(-EDQUOT);
	s = kzalloc(sizeof(*s), MQ_GFP);
	if (!s) {
		mq_uncharge(p, MQ_MESSAGES, mq_kmalloc_bytes(sizeof(*s)));
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&s->refs, 1);
	spin_lock_init(&s->lock);
	s->journal = j;
	s->payer = p;
	s->topic = mq_text_get(topic);
	s->room = room;
	err = mq_spread_alloc(s);
	if (!err)
		return s;
	mq_spread_put(s);
	return ERR_PTR(err);
}

void mq_spread_put(struct mq_spread *s)
{
	if (!refcount_dec_and_test(&s->refs))
		return;
	mq_spread_forget(s);
	mq_text_put(s->topic);
	mq_uncharge(s->payer, MQ_MESSAGES, mq_kmalloc_bytes(sizeof(*s)));
	kfree(s);
}

/* Add a copy, which is in no queue yet. Return its number. It has a reference. */
u32 mq_spread_join(struct mq_spread *s)
{
	refcount_inc(&s->refs);
	return s->count++;
}

/* The copy with number @i has come to its queue. */
void mq_spread_link(struct mq_spread *s, u32 i, const struct mq_spread_copy *copy)
{
	spin_lock(&s->lock);
	s->copies[i] = *copy;
	spin_unlock(&s->lock);
}

/*
 * The copy with number @i is gone. Return: true if it is not in the record, nor will
 * be; false: it is, or may be, and the journal has to write that it is gone.
 */
bool mq_spread_leave(struct mq_spread *s, u32 i)
{
	bool written;

	spin_lock(&s->lock);
	written = s->written;
	if (!written)
		s->copies[i].d = NULL;
	spin_unlock(&s->lock);
	return !written;
}

/* The journal begins to write the copies: none leaves any more. */
void mq_spread_begin(struct mq_spread *s)
{
	spin_lock(&s->lock);
	s->written = true;
	spin_unlock(&s->lock);
}

/* The journal has written them. */
void mq_spread_end(struct mq_spread *s)
{
	mq_spread_forget(s);
}
