/* SPDX-License-Identifier: GPL-2.0 */
/* Chunks that open files keep for their next messages: see keep.c. */
#ifndef MQ_MEMORY_KEEP_H
#define MQ_MEMORY_KEEP_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_chunk;
struct mq_payer;
struct mq_store;

/**
 * struct mq_supply - the chunks into which an open file puts its messages
 * @store: the store of the queue (invariant)
 * @payer: the payer for the process that opened the file (invariant)
 * @chunk: the chunk for the next messages; NULL: none yet; MQ_CHUNK_CLAIMED: a
 *	thread has claimed it (xchg())
 * @previous: the chunk before @chunk, or NULL (the thread that has claimed
 *	@chunk)
 * @large: the chunk of the last large message, or NULL (xchg())
 * @keeper: link in mq_keepers, if the file keeps chunks (mq_keepers_lock)
 * @chunk_size: size of the last chunk (as @previous)
 * @alone: number of messages that got chunks of their own before the file got
 *	its first chunk of pages (as @previous)
 */
struct mq_supply {
	struct mq_store		*store;
	struct mq_payer		*payer;
	struct mq_chunk		*chunk;
	struct mq_chunk		*previous;
	struct mq_chunk		*large;
	struct list_head	keeper;
	u32			chunk_size;
	u32			alone;
};

#define MQ_CHUNK_CLAIMED	((struct mq_chunk *)1UL)

int mq_keep_init(void);
void mq_keep_exit(void);
void mq_supply_keep(struct mq_supply *s, struct mq_chunk *c);
void mq_supply_exit(struct mq_supply *s);
void mq_supply_drop_large(struct mq_supply *s);
bool mq_reclaim(struct mq_supply *s, struct mq_payer *p, struct mq_chunk **c);

#endif /* MQ_MEMORY_KEEP_H */
