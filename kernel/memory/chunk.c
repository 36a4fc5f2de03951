// SPDX-License-Identifier: GPL-2.0
/*
 * Chunks: the pieces of memory that hold messages, from allocation to freeing.
 *
 * A chunk consists of pages, or has the size that its only message needs
 * (MQ_LARGE). While an open file puts messages into a chunk (supply.c), the
 * chunk belongs to that file. After that, the thread that drops the last
 * message frees it. A chunk of which little is in use counts in the waste of
 * its store.
 */
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/pool.h"

/* A chunk is sparse if less than one part in so many of it is in use. */
#define MQ_CHUNK_LOW	4

/*
 * Make the caller the sender. Receivers trust these ids, so no other function
 * sets them.
 */
void mq_sender_set_current(struct mq_sender *s)
{
	s->uid = current_euid();
	s->gid = current_egid();
	s->pid = task_tgid_nr(current);
}

struct mq_sender *mq_chunk_sender(struct mq_chunk *c)
{
	return (void *)c + c->sender * 8;
}

/* Return true if @c has neither messages nor readers that look at one. */
static bool mq_chunk_is_empty(const struct mq_chunk *c)
{
	return atomic64_read_acquire(&c->refs) == MQ_CHUNK_BIAS - c->given;
}

/* Use an empty chunk from its beginning again. */
static void mq_chunk_reset(struct mq_chunk *c)
{
	c->first = *mq_chunk_sender(c);
	c->sender = offsetof(struct mq_chunk, first) / 8;
	c->used = MQ_CHUNK_START;
	c->top = c->size;
	c->given = 0;
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
}

static void mq_chunk_free(struct mq_chunk *c)
{
	struct mq_chunk *lender = c->lender;

	if (c->order == MQ_LARGE || !mq_pool_put(c))
		mq_chunk_give_back(c);
	/* A lender has none itself, so this goes no deeper. */
	if (unlikely(lender))
		mq_chunk_put(lender, MQ_CHUNK_ONE);
}

/* Mark a chunk as sparse, and queue work if its store has enough waste. */
static void mq_chunk_mark_sparse(struct mq_chunk *c)
{
	struct mq_store *store = c->store;

	c->sparse = true;
	if (atomic_long_add_return(c->size, &store->waste) >
	    store->ops->worth(store))
		store->ops->later(store);
}

/**
 * mq_chunk_low - handle a chunk of which little is in use
 * @c: the chunk
 * @left: mq_chunk.refs after the caller's subtraction
 * @put: what the caller subtracted
 * @low: mq_chunk.low, read before the subtraction
 *
 * If the caller took the bytes in use below @low, it marks the chunk as sparse
 * and drops the reference that mq_chunk_retire() left. If nothing is left, it
 * frees the chunk. In all other cases, another thread may have freed @c
 * already, and this does not access it.
 */
void mq_chunk_low(struct mq_chunk *c, u64 left, u64 put, u32 low)
{
	if (left && (u32)(left + put) < low)
		return;
	if (left > MQ_CHUNK_ONE && c->store)
		mq_chunk_mark_sparse(c);
	if (!left || !atomic64_sub_return(MQ_CHUNK_ONE, &c->refs))
		mq_chunk_free(c);
}

/*
 * No more messages are put into a chunk. One reference stays besides those of its
 * messages, for mq_chunk_low() to drop.
 */
void mq_chunk_close(struct mq_chunk *c)
{
	if (c->order != MQ_LARGE)
		mq_chunk_charge_down(c, c->size +
				     mq_chunk_reserve(c->given / MQ_CHUNK_ONE));
	mq_chunk_put(c, MQ_CHUNK_BIAS - c->given - MQ_CHUNK_ONE);
}

/* Close a chunk that an open file kept. */
void mq_chunk_retire(struct mq_chunk *c)
{
	if (!c)
		return;
	mq_kept_add(-(long)c->size);
	mq_chunk_close(c);
}

void mq_chunk_init(struct mq_chunk *c, u32 size, u16 order)
{
	c->size = size;
	c->order = order;
	c->low = order == MQ_LARGE ? 1 : size / MQ_CHUNK_LOW;
	c->sparse = false;
	c->store = NULL;
	c->lender = NULL;
	c->used = MQ_CHUNK_START;
	c->top = size;
	c->given = 0;
	c->sender = offsetof(struct mq_chunk, first) / 8;
	mq_sender_set_current(&c->first);
}

/*
 * Allocate a chunk of 2^@order pages and charge it to @p. More than one page is
 * allocated without making the kernel reclaim contiguous memory.
 */
struct mq_chunk *mq_pages_alloc(struct mq_payer *p, u16 order)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_COMP;
	unsigned long charged = mq_pages_bytes(order);
	struct mem_cgroup *memcg;
	struct mq_chunk *c;

	if (!mq_charge(p, MQ_MESSAGES, charged))
		return NULL;
	gfp |= order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
	memcg = mq_memcg_charge_to(p->memcg);
	c = (void *)__get_free_pages(gfp, order);
	mq_memcg_charge_back(memcg);
	if (!c) {
		mq_uncharge(p, MQ_MESSAGES, charged);
		return NULL;
	}
	c->payer = p;
	c->charged = charged;
	return c;
}

/*
 * Open a chunk of 2^@order pages that no open file keeps, for mq_chunk_close(). Return:
 * the chunk, or NULL.
 */
struct mq_chunk *mq_chunk_open(struct mq_payer *p, u16 order)
{
	struct mq_chunk *c = mq_pages_alloc(p, order);

	if (!c)
		return NULL;
	mq_chunk_init(c, PAGE_SIZE << order, order);
	atomic64_set(&c->refs, MQ_CHUNK_BIAS);
	return c;
}

/**
 * mq_chunk_adopt - make a chunk that was filled without a store part of one
 * @c: a closed chunk with at least one message, of which no other thread knows
 * @store: the store of the queue to which one of its messages goes
 *
 * Return: false if the chunk is part of another store.
 */
bool mq_chunk_adopt(struct mq_chunk *c, struct mq_store *store)
{
	if (c->order == MQ_LARGE || c->store == store)
		return true;
	if (c->store)
		return false;
	store->ops->get(store);
	c->store = store;
	/* Most of its messages may have been freed already. */
	if ((u32)atomic64_read(&c->refs) < c->low)
		mq_chunk_mark_sparse(c);
	return true;
}

/**
 * mq_chunk_reuse - use a chunk from its beginning again
 * @c: the chunk, claimed by the caller
 * @size: the number of bytes that the caller needs
 *
 * Return: true; false if messages are left in the chunk, or if it is too small.
 */
bool mq_chunk_reuse(struct mq_chunk *c, u32 size)
{
	if (!mq_chunk_is_empty(c) || size > c->size - MQ_CHUNK_START)
		return false;
	mq_chunk_reset(c);
	return true;
}

/*
 * Take memory for the only message of an MQ_LARGE chunk. The entry lies before
 * the message, because the end of the chunk may be too far away for union
 * mq_place.
 */
struct mq_entry *mq_chunk_take_all(struct mq_chunk *c, u32 front,
				   u32 size)
{
	struct mq_entry *e = (void *)c + MQ_CHUNK_START + front;

	c->used = c->top;
	c->given += MQ_CHUNK_ONE + size;
	e->place = (union mq_place){
		.msg = sizeof(*e) / 8,
		.chunk = (MQ_CHUNK_START + front) / 8,
		.sender = c->sender,
	};
	return e;
}

/* Allocate memory and charge it to the memory cgroup of the payer. */
static struct mq_chunk *mq_large_alloc(struct mq_payer *p, size_t all, gfp_t gfp)
{
	struct mem_cgroup *memcg = mq_memcg_charge_to(p->memcg);
	struct mq_chunk *c;

	c = all > MQ_CHUNK_MAX ? __vmalloc(all, gfp) : kmalloc(all, gfp);
	mq_memcg_charge_back(memcg);
	return c;
}

/*
 * Allocate an MQ_LARGE chunk for one message, and charge it to @p as @what.
 * @size is the size of the message, its entry and what is allocated before
 * that.
 * Return: the chunk, or ERR_PTR(-ENOMEM) or ERR_PTR(-EDQUOT).
 */
struct mq_chunk *mq_chunk_large(struct mq_payer *p, u32 size,
				enum mq_budget what, gfp_t gfp)
{
	size_t all = MQ_CHUNK_START + (size_t)size;
	unsigned long charged = mq_large_bytes(all) + mq_chunk_reserve(1);
	struct mq_chunk *c;

	if (!mq_charge(p, what, charged))
		return ERR_PTR(-EDQUOT);
	c = mq_large_alloc(p, all, gfp);
	if (!c) {
		mq_uncharge(p, what, charged);
		return ERR_PTR(-ENOMEM);
	}
	c->payer = p;
	c->charged = charged;
	mq_chunk_init(c, all, MQ_LARGE);
	return c;
}

static struct mq_entry *mq_chunk_alloc_one(struct mq_payer *p, u32 front,
					   u32 size, enum mq_budget what,
					   gfp_t gfp)
{
	struct mq_chunk *c;

	c = mq_chunk_large(p, front + sizeof(struct mq_entry) + size, what, gfp);
	if (IS_ERR(c))
		return ERR_CAST(c);
	/* One for the message, and one that mq_chunk_low() drops. */
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
	return mq_chunk_take_all(c, front, size);
}

/**
 * mq_chunk_alone - allocate a chunk for one message
 * @p: the payer
 * @front: bytes to allocate before the entry, a multiple of 8
 * @size: bytes of the message, a multiple of 8
 *
 * Return: the entry, of which only mq_entry.place is set, or ERR_PTR(-ENOMEM)
 * or ERR_PTR(-EDQUOT).
 */
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_alloc_one(p, front, size, MQ_MESSAGES, MQ_GFP);
}

/*
 * Like mq_chunk_alone(), for a caller that can do without, of a message of a shared
 * chunk: nothing is reclaimed. In the payer's control group, if that is full, each
 * attempt would take long and be in vain, and the caller need not be the payer.
 */
struct mq_entry *mq_chunk_alone_at_once(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_alloc_one(p, front, size, MQ_MESSAGES, MQ_GFP_AT_ONCE);
}

/* Like mq_chunk_alone(), for a message that moves out of a sparse chunk. */
struct mq_entry *mq_chunk_alone_for_move(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_alloc_one(p, front, size, MQ_MOVES, MQ_GFP);
}

/*
 * Like mq_chunk_alone_for_move(), for the stub of a message, which is freed then. Nothing is
 * reclaimed: in a control group that is full of such messages, that would be in vain.
 */
struct mq_entry *mq_chunk_alone_to_free(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_alloc_one(p, front, size, MQ_MOVES, MQ_GFP_TO_FREE);
}

/*
 * The message of @c, from mq_chunk_alone(), shares the payload of one in @lender.
 * No other thread may know of @c yet.
 */
void mq_chunk_borrow(struct mq_chunk *c, struct mq_chunk *lender)
{
	mq_chunk_get(lender);
	c->lender = lender;
}

/*
 * Change the size of the message of a chunk from mq_chunk_alone(). No other
 * thread may know of the chunk yet.
 */
void mq_chunk_resize(struct mq_chunk *c, u32 size)
{
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
}
