/* SPDX-License-Identifier: GPL-2.0 */
/* What open files keep for the messages to come: see keep.c. */
#ifndef MQ_MEMORY_KEEP_H
#define MQ_MEMORY_KEEP_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_chunk;
struct mq_payer;
struct mq_store;

/**
 * struct mq_supply - what an open file cuts its messages from
 * @store: its queue's (invariant)
 * @payer: who opened it (invariant)
 * @chunk: what its messages are cut from; NULL: there is none yet;
 *	MQ_CHUNK_CLAIMED: somebody does so now (exchanged)
 * @previous: the one before that (who has claimed @chunk, as @chunk_size and @alone)
 * @large: what its last large message was cut from, or NULL (exchanged)
 * @keeper: in the list of those who keep chunks (mq_keepers_lock)
 * @chunk_size: bytes that the next chunk gets
 * @alone: how many messages have got memory of their own before the first
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
void mq_chunk_keep(struct mq_supply *s, struct mq_chunk *c);
void mq_chunk_drop(struct mq_supply *s);
void mq_chunk_forgo(struct mq_supply *s);
bool mq_reclaim(struct mq_supply *s, struct mq_payer *p, struct mq_chunk **c);

#endif /* MQ_MEMORY_KEEP_H */
