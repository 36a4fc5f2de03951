/* SPDX-License-Identifier: GPL-2.0 */
/* Put the messages of an open file into chunks: see supply.c. */
#ifndef MQ_MEMORY_SUPPLY_H
#define MQ_MEMORY_SUPPLY_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>

#include "memory/chunk.h"
#include "memory/keep.h"

void mq_supply_init(struct mq_supply *s, struct mq_store *store);
struct mq_chunk *mq_chunk_claim(struct mq_supply *s);
void mq_chunk_unclaim(struct mq_supply *s, struct mq_chunk *c);
struct mq_entry *mq_supply_take(struct mq_supply *s, struct mq_chunk **c,
				u32 front, u32 size);
struct mq_entry *mq_supply_take_apart(struct mq_supply *s, struct mq_chunk **c,
				      u32 front, u32 size);
struct mq_chunk *mq_supply_next_chunk(struct mq_supply *s, struct mq_chunk *c,
				      u32 size);

/*
 * Take memory for a message like mq_supply_take(), if that takes only a few
 * instructions. Otherwise return NULL.
 */
static inline struct mq_entry *mq_chunk_take_quick(struct mq_supply *s, u32 front,
						   u32 size)
{
	struct mq_chunk *c = xchg(&s->chunk, MQ_CHUNK_CLAIMED);
	struct mq_entry *e = NULL;

	if (unlikely(c == MQ_CHUNK_CLAIMED))
		return NULL;
	if (likely(c && mq_chunk_sender_is_current(c) &&
		   mq_chunk_has(c, sizeof(*e) + front + size)))
		e = mq_chunk_take(c, front, size);
	/* Pairs with the xchg() of the next thread that claims the chunk. */
	smp_store_release(&s->chunk, c);
	return e;
}

#endif /* MQ_MEMORY_SUPPLY_H */
