// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that messages are cut from.
 *
 * An open file that sends cuts its messages off the beginning of a chunk of
 * pages, and their entries off its end; the chunk is charged to the sender's
 * memory cgroup once, when it is allocated.
 * A message that goes only counts down the chunk's references. When all that
 * was cut from it has gone, the chunk is used again from its beginning; when it
 * is full, so is the one before it, if that is empty by then; else the file
 * lets go of that, and the last message frees it.
 *
 * The first messages of an open file have memory of their own, so that "echo x
 * > queue" takes no more than x needs. So has what is sent with a delay of more
 * than a second, and what goes to a dead-letter queue: it would keep the rest of a chunk
 * from being used for a long time. Chunks begin at a page and double. A large
 * message is all there is in its chunk, and the next one gets that again, if it
 * is empty by then.
 *
 * So an open file keeps some memory that no message is in, until it is closed,
 * or until the kernel wants it back (mq_shrinker). Where a queue is deep, a chunk
 * is empty only long after its file has let go of it; a few of those are kept for
 * a moment, for whoever needs the next one, as many kernels clear new pages.
 *
 * Who sends claims the file's chunk for that: nobody else touches it until it
 * is put back, and no lock is held while it is filled. Another thread that
 * sends with the same open file meanwhile takes memory of its own.
 */
#include <linux/gfp.h>
#include <linux/minmax.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/keep.h"
#include "memory/pool.h"
#include "memory/supply.h"

/* The largest of small messages' chunks, where these are small themselves. */
#define MQ_CHUNK_SMALL	SZ_16K

/* How many messages of an open file come before its first chunk. */
#define MQ_ALONE_MAX	8

/* The largest chunk that is kept for another large message. */
#define MQ_LARGE_MAX	(SZ_1M + SZ_64K)

/* An open file that has sent nothing yet; its payer is known. */
void mq_supply_init(struct mq_supply *s, struct mq_store *store)
{
	s->store = store;
	INIT_LIST_HEAD(&s->keeper);
}

/**
 * mq_chunk_claim - begin to cut from a file's chunk
 * @s: the producer
 *
 * Return: what is to be given back with mq_chunk_unclaim().
 */
struct mq_chunk *mq_chunk_claim(struct mq_supply *s)
{
	return xchg(&s->chunk, MQ_CHUNK_CLAIMED);
}

void mq_chunk_unclaim(struct mq_supply *s, struct mq_chunk *c)
{
	if (c == MQ_CHUNK_CLAIMED)
		return;
	/* Pairs with the exchange of who claims it next. */
	smp_store_release(&s->chunk, c);
}

static struct mq_chunk *mq_chunk_pages(struct mq_supply *s, struct mq_payer *p,
				       u32 size)
{
	u16 order = get_order(size);
	struct mq_chunk *c;

	c = mq_pool_get(p, order) ?: mq_pages_alloc(p, order);
	if (!c)
		return NULL;
	mq_chunk_init(c, PAGE_SIZE << order, order);
	s->store->ops->get(s->store);
	c->store = s->store;
	mq_chunk_keep(s, c);
	return c;
}

/* The same for a large message, from what there was for the one before. */
static struct mq_entry *mq_chunk_again_large(struct mq_supply *s,
					     struct mq_payer *p, u32 front,
					     u32 size)
{
	struct mq_chunk *c = xchg(&s->large, NULL);
	u32 all = front + sizeof(struct mq_entry) + size;
	struct mq_entry *e;

	if (!c || c->payer != p || c->size / 2 > all ||
	    !mq_chunk_again(c, all)) {
		mq_chunk_retire(c);
		c = mq_chunk_large(p, all, MQ_MESSAGES);
		if (IS_ERR(c))
			return ERR_CAST(c);
		mq_chunk_keep(s, c);
	}
	mq_sender_stamp(&c->first);
	e = mq_chunk_take_all(c, front, size);
	/* Unless another thread was faster. */
	if (cmpxchg(&s->large, NULL, c))
		mq_chunk_retire(c);
	return e;
}

/* Another one sends with this file: may it go on with the file's chunk? */
static bool mq_chunk_hand_over(struct mq_chunk *c)
{
	u32 at = c->used;

	if (!mq_payer_is_current(c->payer))
		return false;
	if (mq_chunk_again(c, 0)) {
		mq_sender_stamp(&c->first);
		return true;
	}
	if (ALIGN(sizeof(struct mq_sender), 8) > c->top - at)
		return false;
	c->used = at + ALIGN(sizeof(struct mq_sender), 8);
	c->sender = at / 8;
	mq_sender_stamp(mq_chunk_sender(c));
	return true;
}

/* Who pays for what the caller sends with this file; or NULL. */
static struct mq_payer *mq_file_payer(struct mq_supply *s)
{
	return likely(mq_payer_is_current(s->payer)) ?
	       mq_payer_hold(s->payer) : mq_payer_get();
}

/**
 * mq_chunk_step - go on to the next chunk
 * @s: the producer
 * @p: who pays
 * @c: its chunk, claimed, which is full, or somebody else's; or NULL
 * @size: bytes that there is to be room for
 *
 * Return: the next one, or NULL; claimed, too.
 */
static struct mq_chunk *mq_chunk_step(struct mq_supply *s, struct mq_payer *p,
				      struct mq_chunk *c, u32 size)
{
	struct mq_chunk *before = s->previous;
	u32 most;

	s->previous = c;
	/* A smaller one would be full before the other is empty again. */
	if (before && c && before->size >= c->size &&
	    before->payer == p && mq_chunk_again(before, size)) {
		mq_sender_stamp(&before->first);
		return before;
	}
	mq_chunk_retire(before);
	most = clamp_t(u32, 4 * size, MQ_CHUNK_SMALL, MQ_CHUNK_MAX);
	s->chunk_size = clamp_t(u32, 2 * s->chunk_size, PAGE_SIZE, most);
	return mq_chunk_pages(s, p, max_t(u32, s->chunk_size,
					  size + MQ_CHUNK_START));
}

/* The same, with the caller paying. */
struct mq_chunk *mq_chunk_next(struct mq_supply *s, struct mq_chunk *c, u32 size)
{
	struct mq_payer *p = mq_file_payer(s);

	if (unlikely(!p)) {
		mq_chunk_retire(c);
		return NULL;
	}
	c = mq_chunk_step(s, p, c, size);
	mq_payer_put(p);
	return c;
}

/* Memory from a chunk that is begun, gone on with, or the message's own. */
static struct mq_entry *mq_chunk_find(struct mq_supply *s, struct mq_payer *p,
				      struct mq_chunk **c, u32 front, u32 size)
{
	u32 all = front + sizeof(struct mq_entry) + size;

	if (all > MQ_CHUNK_MAX / 4 && all < MQ_LARGE_MAX)
		return mq_chunk_again_large(s, p, front, size);
	if (*c == MQ_CHUNK_CLAIMED || all > MQ_CHUNK_MAX / 4)
		return mq_chunk_alone(p, front, size);
	if (!*c && s->alone < MQ_ALONE_MAX) {
		s->alone++;
		return mq_chunk_alone(p, front, size);
	}
	if (*c && (mq_chunk_is_ours(*c) || mq_chunk_hand_over(*c))) {
		if (mq_chunk_has(*c, all))
			return mq_chunk_take(*c, front, size);
	}
	*c = mq_chunk_step(s, p, *c, all);
	return *c ? mq_chunk_take(*c, front, size) :
		    mq_chunk_alone(p, front, size);
}

/* As mq_chunk_cut(), where the chunk as it stands will not do. */
static noinline struct mq_entry *mq_chunk_slow(struct mq_supply *s,
					       struct mq_chunk **c, u32 front,
					       u32 size)
{
	struct mq_payer *p = mq_file_payer(s);
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_find(s, p, c, front, size);
	if (unlikely(e == ERR_PTR(-EDQUOT)) && mq_reclaim(s, p, c))
		e = mq_chunk_find(s, p, c, front, size);
	mq_payer_put(p);
	return e;
}

/**
 * mq_chunk_cut - memory for a message
 * @s: the producer
 * @c: its chunk, claimed
 * @front: bytes before the entry
 * @size: bytes of the message
 *
 * Return: as mq_chunk_alone().
 */
struct mq_entry *mq_chunk_cut(struct mq_supply *s, struct mq_chunk **c,
			      u32 front, u32 size)
{
	struct mq_chunk *chunk = *c;

	if (likely(chunk && chunk != MQ_CHUNK_CLAIMED &&
		   mq_chunk_is_ours(chunk) &&
		   mq_chunk_has(chunk, front + sizeof(struct mq_entry) + size)))
		return mq_chunk_take(chunk, front, size);
	return mq_chunk_slow(s, c, front, size);
}
