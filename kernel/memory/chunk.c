// SPDX-License-Identifier: GPL-2.0
/*
 * A chunk of memory, from which messages are cut: its life, and its end.
 *
 * It is a number of pages, or as large as its one message needs (MQ_LARGE). While an
 * open file cuts from it (supply.c), it is that file's; after that the last message
 * frees it. When little of it is in use, that counts as waste of its queue's.
 */
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/base.h"
#include "memory/budget.h"
#include "memory/layout.h"
#include "memory/payer.h"
#include "memory/chunk.h"
#include "memory/cost.h"
#include "memory/pool.h"

/* Of a chunk that is kept for less than such a part of it, the rest moves. */
#define MQ_CHUNK_LOW	4

/* The caller sends. The kernel vouches for it, so only here. */
void mq_sender_stamp(struct mq_sender *s)
{
	s->uid = current_euid();
	s->gid = current_egid();
	s->pid = task_tgid_nr(current);
}

struct mq_sender *mq_chunk_sender(struct mq_chunk *c)
{
	return (void *)c + c->sender * 8;
}

/* Nothing that was cut from it is left, and nobody looks at it. */
static bool mq_chunk_is_empty(const struct mq_chunk *c)
{
	return atomic64_read_acquire(&c->refs) == MQ_CHUNK_BIAS - c->given;
}

/* An empty chunk is used from its beginning. */
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
	if (c->order == MQ_LARGE || !mq_pool_put(c))
		mq_chunk_give_back(c);
}

/* The last of it is in use, and keeps all of it: note that for its queue. */
static void mq_chunk_waste(struct mq_chunk *c)
{
	struct mq_store *store = c->store;

	c->sparse = true;
	if (atomic_long_add_return(c->size, &store->waste) >
	    store->ops->worth(store))
		store->ops->later(store);
}

/**
 * mq_chunk_ebb - little of a chunk is in use
 * @c: the chunk, which may be gone already unless one of the two is so:
 * @left: what is left of mq_chunk.refs: nothing, or
 * @put: what was given back: so much that more than @low were in use before
 * @low: its mq_chunk.low
 *
 * Who crosses that mark gives back one more reference, which held until then.
 */
void mq_chunk_ebb(struct mq_chunk *c, u64 left, u64 put, u32 low)
{
	if (left && (u32)(left + put) < low)
		return;
	if (left > MQ_CHUNK_ONE && c->store)
		mq_chunk_waste(c);
	if (!left || !atomic64_sub_return(MQ_CHUNK_ONE, &c->refs))
		mq_chunk_free(c);
}

/* The file will cut no more from it. One reference more than its messages stays. */
void mq_chunk_retire(struct mq_chunk *c)
{
	if (!c)
		return;
	mq_kept_add(-(long)c->size);
	if (c->order != MQ_LARGE)
		mq_chunk_charge_down(c, c->size +
				     mq_chunk_reserve(c->given / MQ_CHUNK_ONE));
	mq_chunk_put(c, MQ_CHUNK_BIAS - c->given - MQ_CHUNK_ONE);
}

void mq_chunk_init(struct mq_chunk *c, u32 size, u16 order)
{
	c->size = size;
	c->order = order;
	c->low = order == MQ_LARGE ? 1 : size / MQ_CHUNK_LOW;
	c->sparse = false;
	c->store = NULL;
	c->used = MQ_CHUNK_START;
	c->top = size;
	c->given = 0;
	c->sender = offsetof(struct mq_chunk, first) / 8;
	mq_sender_stamp(&c->first);
}

/* Large ones do not press the kernel for pages in a row. */
struct mq_chunk *mq_pages_alloc(struct mq_payer *p, u16 order)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_COMP;
	unsigned long charged = mq_pages_bytes(order);
	struct mq_chunk *c;

	if (!mq_charge(p, MQ_MESSAGES, charged))
		return NULL;
	gfp |= order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
	c = (void *)__get_free_pages(gfp, order);
	if (!c) {
		mq_uncharge(p, MQ_MESSAGES, charged);
		return NULL;
	}
	c->payer = p;
	c->charged = charged;
	return c;
}

/**
 * mq_chunk_again - begin a chunk that is full anew
 * @c: the chunk, claimed
 * @size: bytes that are wanted of it
 *
 * Return: false if it is not empty, or has not so much.
 */
bool mq_chunk_again(struct mq_chunk *c, u32 size)
{
	if (!mq_chunk_is_empty(c) || size > c->size - MQ_CHUNK_START)
		return false;
	mq_chunk_reset(c);
	return true;
}

/*
 * Cut the only message off a chunk: there the entry stands before it, as the end
 * may be far away.
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

/* The memory, from the cgroup of who pays. */
static struct mq_chunk *mq_large_alloc(struct mq_payer *p, size_t all)
{
	struct mem_cgroup *memcg = mq_memcg_charge_to(p->memcg);
	struct mq_chunk *c;

	c = all > MQ_CHUNK_MAX ? __vmalloc(all, MQ_GFP) : kmalloc(all, MQ_GFP);
	mq_memcg_charge_back(memcg);
	return c;
}

/*
 * A chunk with room for one message, which takes @size bytes in all, or an
 * ERR_PTR of ENOMEM or EDQUOT. @what says how it is charged.
 */
struct mq_chunk *mq_chunk_large(struct mq_payer *p, u32 size,
				enum mq_budget what)
{
	size_t all = MQ_CHUNK_START + (size_t)size;
	unsigned long charged = mq_large_bytes(all) + mq_chunk_reserve(1);
	struct mq_chunk *c;

	if (!mq_charge(p, what, charged))
		return ERR_PTR(-EDQUOT);
	c = mq_large_alloc(p, all);
	if (!c) {
		mq_uncharge(p, what, charged);
		return ERR_PTR(-ENOMEM);
	}
	c->payer = p;
	c->charged = charged;
	mq_chunk_init(c, all, MQ_LARGE);
	return c;
}

static struct mq_entry *mq_chunk_lone(struct mq_payer *p, u32 front, u32 size,
				      enum mq_budget what)
{
	struct mq_chunk *c;

	c = mq_chunk_large(p, front + sizeof(struct mq_entry) + size, what);
	if (IS_ERR(c))
		return ERR_CAST(c);
	/* The message, and what stays until that is gone: mq_chunk_ebb(). */
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
	return mq_chunk_take_all(c, front, size);
}

/**
 * mq_chunk_alone - memory for one message
 * @p: who pays
 * @front: bytes before its entry
 * @size: bytes of the message
 *
 * All of them are multiples of 8.
 *
 * Return: the entry, of which only the places of its chunk, of its message and
 * of its sender are filled in, or an ERR_PTR of ENOMEM or EDQUOT.
 */
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_lone(p, front, size, MQ_MESSAGES);
}

/* The same for a message that moves, so that a chunk can be freed. */
struct mq_entry *mq_chunk_refuge(struct mq_payer *p, u32 front, u32 size)
{
	return mq_chunk_lone(p, front, size, MQ_MOVES);
}

/* The message of such a chunk, which is nobody else's yet, takes @size bytes. */
void mq_chunk_resize(struct mq_chunk *c, u32 size)
{
	atomic64_set(&c->refs, 2 * MQ_CHUNK_ONE + size);
}
