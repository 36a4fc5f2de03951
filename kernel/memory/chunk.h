/* SPDX-License-Identifier: GPL-2.0 */
/* Chunks, the pieces of memory that hold messages: see chunk.c. */
#ifndef MQ_CHUNK_H
#define MQ_CHUNK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cred.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/uidgid.h>

#include "memory/budget.h"
#include "memory/entry.h"
#include "memory/layout.h"

struct mq_payer;
struct mq_store;

void mq_sender_set_current(struct mq_sender *s);
struct mq_sender *mq_chunk_sender(struct mq_chunk *c);
void mq_chunk_low(struct mq_chunk *c, u64 left, u64 put, u32 low);
void mq_chunk_close(struct mq_chunk *c);
void mq_chunk_retire(struct mq_chunk *c);
void mq_chunk_init(struct mq_chunk *c, u32 size, u16 order);
struct mq_chunk *mq_pages_alloc(struct mq_payer *p, u16 order);
struct mq_chunk *mq_chunk_open(struct mq_payer *p, u16 order);
bool mq_chunk_adopt(struct mq_chunk *c, struct mq_store *store);
bool mq_chunk_reuse(struct mq_chunk *c, u32 size);
struct mq_entry *mq_chunk_take_all(struct mq_chunk *c, u32 front, u32 size);
struct mq_chunk *mq_chunk_large(struct mq_payer *p, u32 size,
				enum mq_budget what, gfp_t gfp);
struct mq_entry *mq_chunk_alone(struct mq_payer *p, u32 front, u32 size);
struct mq_entry *mq_chunk_alone_at_once(struct mq_payer *p, u32 front, u32 size);
struct mq_entry *mq_chunk_alone_for_move(struct mq_payer *p, u32 front, u32 size);
struct mq_entry *mq_chunk_alone_to_free(struct mq_payer *p, u32 front, u32 size);
void mq_chunk_borrow(struct mq_chunk *c, struct mq_chunk *lender);
void mq_chunk_resize(struct mq_chunk *c, u32 size);

/* Return true if the caller sent the last message that was put into @c. */
static inline bool mq_chunk_sender_is_current(const struct mq_chunk *c)
{
	const struct mq_sender *s = (void *)c + c->sender * 8;
	const struct cred *cred = current_cred();

	return s->pid == task_tgid_nr(current) && uid_eq(s->uid, cred->euid) &&
	       gid_eq(s->gid, cred->egid);
}

/* Return true if @c has @size bytes left, or is empty and large enough. */
static inline bool mq_chunk_has(struct mq_chunk *c, u32 size)
{
	return likely(size <= c->top - c->used) || mq_chunk_reuse(c, size);
}

/*
 * Take memory from a chunk for an entry with @front bytes before it, and for
 * its message of @size bytes. The chunk must have this memory: mq_chunk_has().
 */
static inline struct mq_entry *mq_chunk_take(struct mq_chunk *c, u32 front,
					     u32 size)
{
	u32 at = c->used, top = c->top - sizeof(struct mq_entry);
	struct mq_entry *e = (void *)c + top;

	c->used = at + size;
	c->top = top - front;
	c->given += MQ_CHUNK_ONE + size;
	e->place = (union mq_place){
		.msg = (s32)(at - top) >> 3,
		.chunk = top / 8,
		.sender = c->sender,
	};
	return e;
}

static inline void mq_chunk_get(struct mq_chunk *c)
{
	atomic64_add(MQ_CHUNK_ONE, &c->refs);
}

/*
 * Drop messages of a chunk or references to it. @what is the sum of
 * mq_entry_refs() of the messages, or MQ_CHUNK_ONE for each reference.
 */
static inline void mq_chunk_put(struct mq_chunk *c, u64 what)
{
	/* Read this first: the subtraction may let another thread free @c. */
	u32 low = READ_ONCE(c->low);
	u64 left = atomic64_sub_return(what, &c->refs);

	if (unlikely((u32)left < low))
		mq_chunk_low(c, left, what, low);
}

#endif /* MQ_CHUNK_H */
