// SPDX-License-Identifier: GPL-2.0
/*
 * How an open file puts its messages into chunks.
 *
 * An open file puts messages at the beginning of a chunk of pages, and their
 * entries at its end. The chunk is charged to the memory cgroup of the sender
 * once, when it is allocated. Freeing a message only decreases the references
 * of its chunk. When all messages of the chunk have left, the file uses it from
 * its beginning again. When the chunk is full, the file continues with the
 * chunk before it, if that is empty by then. Otherwise, it retires the chunk
 * before it, which is freed with its last message, and takes a new one.
 *
 * Some messages get a chunk of their own (MQ_LARGE):
 *
 *   - The first messages of an open file, so that "echo x > queue" uses no
 *     more memory than x needs. After them, the file takes a chunk of at least
 *     a page. Each further chunk is twice as large, up to a limit.
 *   - Messages with a delay of more than a second, and messages in a dead-letter
 *     queue. They stay for long, and would keep the rest of a chunk from reuse.
 *   - Large messages. The next large message uses the same chunk again, if it
 *     is empty by then.
 *   - Messages to a topic whose payload its copies share (alloc.c). They are
 *     handled as large messages are.
 *
 * So an open file keeps some memory without messages until it is closed or the
 * shrinker takes it back (keep.c). Retired chunks that are empty go to a pool,
 * where other files find them (pool.c).
 *
 * A thread that sends claims the chunk of its open file. Until it puts the
 * chunk back, no other thread accesses it, so it is filled without a lock. A
 * second thread that sends with the same open file meanwhile uses a chunk of
 * its own.
 */
#include <linux/gfp.h>
#include <linux/minmax.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/pool.h"
#include "memory/supply.h"

/* How many messages are stored alone before a file's first chunk of pages. */
#define MQ_ALONE_MAX	8

/* The size below which a large message's chunk is kept for the next one. */
#define MQ_LARGE_MAX	(SZ_1M + SZ_64K)

/* Initialize the supply of an open file. The caller sets its payer. */
void mq_supply_init(struct mq_supply *s, struct mq_store *store)
{
	s->store = store;
	INIT_LIST_HEAD(&s->keeper);
}

/**
 * mq_chunk_claim - claim the chunk of an open file
 * @s: the supply of the producer
 *
 * Return: the chunk, or NULL, or MQ_CHUNK_CLAIMED if another thread has claimed
 * it. The caller passes this value, or the chunk that replaced it, to
 * mq_chunk_unclaim().
 */
struct mq_chunk *mq_chunk_claim(struct mq_supply *s)
{
	return xchg(&s->chunk, MQ_CHUNK_CLAIMED);
}

void mq_chunk_unclaim(struct mq_supply *s, struct mq_chunk *c)
{
	if (c == MQ_CHUNK_CLAIMED)
		return;
	/* Pairs with the xchg() of the next thread that claims the chunk. */
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
	mq_supply_keep(s, c);
	return c;
}

/* Take memory for a large message, if possible from the last one's chunk. */
static struct mq_entry *mq_chunk_again_large(struct mq_supply *s,
					     struct mq_payer *p, u32 front,
					     u32 size)
{
	struct mq_chunk *c = xchg(&s->large, NULL);
	u32 all = front + sizeof(struct mq_entry) + size;
	struct mq_entry *e;

	if (!c || c->payer != p || c->size / 2 > all ||
	    !mq_chunk_reuse(c, all)) {
		mq_chunk_retire(c);
		c = mq_chunk_large(p, all, MQ_MESSAGES, MQ_GFP);
		if (IS_ERR(c))
			return ERR_CAST(c);
		mq_supply_keep(s, c);
	}
	mq_sender_set_current(&c->first);
	e = mq_chunk_take_all(c, front, size);
	/* Another thread may have put back its chunk first. */
	if (cmpxchg(&s->large, NULL, c))
		mq_chunk_retire(c);
	return e;
}

/*
 * The caller is not the sender of the last message in @c. Make it the sender of
 * the next one. Return: false if the caller has another payer, or if @c is
 * full.
 */
static bool mq_chunk_hand_over(struct mq_chunk *c)
{
	u32 at = c->used;

	if (!mq_payer_is_current(c->payer))
		return false;
	if (mq_chunk_reuse(c, 0)) {
		mq_sender_set_current(&c->first);
		return true;
	}
	if (ALIGN(sizeof(struct mq_sender), 8) > c->top - at)
		return false;
	c->used = at + ALIGN(sizeof(struct mq_sender), 8);
	c->sender = at / 8;
	mq_sender_set_current(mq_chunk_sender(c));
	return true;
}

/* Get the payer for messages that the caller sends with this file, or NULL. */
static struct mq_payer *mq_file_payer(struct mq_supply *s)
{
	return likely(mq_payer_is_current(s->payer)) ?
	       mq_payer_hold(s->payer) : mq_payer_get();
}

/**
 * mq_chunk_step - replace the chunk of an open file by the next one
 * @s: the supply of the producer
 * @p: the payer
 * @c: the claimed chunk, which is full or has another payer; or NULL
 * @size: the number of bytes that the caller needs
 *
 * Return: the next chunk, which the caller has claimed as well; NULL if there
 * is no memory.
 */
static struct mq_chunk *mq_chunk_step(struct mq_supply *s, struct mq_payer *p,
				      struct mq_chunk *c, u32 size)
{
	struct mq_chunk *before = s->previous;
	u32 most;

	s->previous = c;
	/* If @before is smaller, it may be full before @c is empty. */
	if (before && c && before->size >= c->size &&
	    before->payer == p && mq_chunk_reuse(before, size)) {
		mq_sender_set_current(&before->first);
		return before;
	}
	mq_chunk_retire(before);
	most = clamp_t(u32, 4 * size, MQ_CHUNK_SMALL, MQ_CHUNK_MAX);
	s->chunk_size = clamp_t(u32, 2 * s->chunk_size, PAGE_SIZE, most);
	return mq_chunk_pages(s, p, max_t(u32, s->chunk_size,
					  size + MQ_CHUNK_START));
}

/* Replace the claimed chunk @c as mq_chunk_step(), with the caller's payer. */
struct mq_chunk *mq_supply_next_chunk(struct mq_supply *s, struct mq_chunk *c, u32 size)
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

/*
 * Take memory from the claimed chunk, the next one, or a separate one, which it has
 * to be for a message that is to lie @apart.
 */
static struct mq_entry *mq_chunk_find(struct mq_supply *s, struct mq_payer *p,
				      struct mq_chunk **c, u32 front, u32 size,
				      bool apart)
{
	u32 all = front + sizeof(struct mq_entry) + size;

	if ((apart || all > MQ_CHUNK_MAX / 4) && all < MQ_LARGE_MAX)
		return mq_chunk_again_large(s, p, front, size);
	if (*c == MQ_CHUNK_CLAIMED || all > MQ_CHUNK_MAX / 4)
		return mq_chunk_alone(p, front, size);
	if (!*c && s->alone < MQ_ALONE_MAX) {
		s->alone++;
		return mq_chunk_alone(p, front, size);
	}
	if (*c && (mq_chunk_sender_is_current(*c) || mq_chunk_hand_over(*c))) {
		if (mq_chunk_has(*c, all))
			return mq_chunk_take(*c, front, size);
	}
	*c = mq_chunk_step(s, p, *c, all);
	return *c ? mq_chunk_take(*c, front, size) :
		    mq_chunk_alone(p, front, size);
}

/* mq_supply_take() if the claimed chunk cannot be used as it is. */
static noinline struct mq_entry *mq_chunk_slow(struct mq_supply *s,
					       struct mq_chunk **c, u32 front,
					       u32 size, bool apart)
{
	struct mq_payer *p = mq_file_payer(s);
	struct mq_entry *e;

	if (!p)
		return ERR_PTR(-ENOMEM);
	e = mq_chunk_find(s, p, c, front, size, apart);
	if (unlikely(e == ERR_PTR(-EDQUOT)) && mq_reclaim(s, p, c))
		e = mq_chunk_find(s, p, c, front, size, apart);
	mq_payer_put(p);
	return e;
}

/**
 * mq_supply_take - take memory for an entry and its message
 * @s: the supply of the producer
 * @c: the chunk that mq_chunk_claim() returned; may be replaced by another
 * @front: bytes to take before the entry, a multiple of 8
 * @size: bytes of the message, a multiple of 8
 *
 * Return: the entry, of which only mq_entry.place is set, or ERR_PTR(-ENOMEM)
 * or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_supply_take(struct mq_supply *s, struct mq_chunk **c,
				u32 front, u32 size)
{
	struct mq_chunk *chunk = *c;

	if (likely(chunk && chunk != MQ_CHUNK_CLAIMED &&
		   mq_chunk_sender_is_current(chunk) &&
		   mq_chunk_has(chunk, front + sizeof(struct mq_entry) + size)))
		return mq_chunk_take(chunk, front, size);
	return mq_chunk_slow(s, c, front, size, false);
}

/* As mq_supply_take(), but the message gets a chunk of its own, as large ones do. */
struct mq_entry *mq_supply_take_apart(struct mq_supply *s, struct mq_chunk **c,
				      u32 front, u32 size)
{
	return mq_chunk_slow(s, c, front, size, true);
}
