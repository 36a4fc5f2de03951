// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for messages that go to one queue together, as the copies of a topic's
 * messages do. They lie one behind the other in chunks of pages, as those of an open
 * file do (supply.c), so they can be handed out together. But no other queue has
 * messages in these chunks, and they are as large as what they are for: a queue that
 * is slow keeps no memory of another one.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/lot.h"
#include "memory/pool.h"

/* Return the bytes of a chunk that a message of @size bytes takes. */
u32 mq_lot_bytes(u32 size)
{
	return sizeof(struct mq_entry) + size;
}

/* Return true if a sender's next message can follow on those in @c. */
static bool mq_lot_continues(struct mq_chunk *c, const struct mq_entry *from, u32 all)
{
	const struct mq_sender *s = mq_sender_of(from);

	return c && c->payer == mq_chunk_of(from)->payer && s->pid == c->first.pid &&
	       uid_eq(s->uid, c->first.uid) && gid_eq(s->gid, c->first.gid) &&
	       mq_chunk_has(c, all);
}

/*
 * Begin a chunk that the next messages fill, at least half of it. Return NULL if
 * there is none: a single message is better off alone.
 */
static struct mq_chunk *mq_lot_begin(struct mq_lot *l, const struct mq_entry *from,
				     u32 bytes)
{
	struct mq_payer *p = mq_chunk_of(from)->payer;
	u64 all = min_t(u64, l->left + MQ_CHUNK_START, MQ_CHUNK_MAX);
	u16 order = ilog2(max_t(u64, all, PAGE_SIZE) / PAGE_SIZE);
	struct mq_chunk *c;

	if (all < PAGE_SIZE / 2 || l->left <= bytes ||
	    bytes + MQ_CHUNK_START > PAGE_SIZE << order)
		return NULL;
	c = mq_pool_get(p, order) ?: mq_pages_alloc(p, order);
	if (!c)
		return NULL;
	mq_chunk_init(c, PAGE_SIZE << order, order);
	c->first = *mq_sender_of(from);
	l->store->ops->get(l->store);
	c->store = l->store;
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
	mq_kept_add(c->size);
	return c;
}

/**
 * mq_lot_take - take memory for a message and its entry
 * @l: the lot
 * @from: a message that has the same sender and the same payer
 * @front: bytes to take before the entry, a multiple of 8
 * @size: bytes of the message, a multiple of 8
 *
 * Return: the entry, of which only mq_entry.place is set, or ERR_PTR(-ENOMEM) or
 * ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_lot_take(struct mq_lot *l, const struct mq_entry *from, u32 front,
			     u32 size)
{
	u32 all = front + mq_lot_bytes(size);
	struct mq_entry *e;

	if (unlikely(!mq_lot_continues(l->chunk, from, all))) {
		mq_chunk_retire(l->chunk);
		l->chunk = mq_lot_begin(l, from, all);
	}
	l->left -= min_t(u64, l->left, all);
	if (likely(l->chunk))
		return mq_chunk_take(l->chunk, front, size);
	e = mq_chunk_alone(mq_chunk_of(from)->payer, front, size);
	if (!IS_ERR(e))
		mq_chunk_of(e)->first = *mq_sender_of(from);
	return e;
}

/* There is no other message. */
void mq_lot_end(struct mq_lot *l)
{
	mq_chunk_retire(l->chunk);
	l->chunk = NULL;
}
