/* SPDX-License-Identifier: GPL-2.0 */
/* Put the messages that a journal has into chunks: see refill.c. */
#ifndef MQ_MEMORY_REFILL_H
#define MQ_MEMORY_REFILL_H

#include <linux/types.h>

struct mq_chunk;
struct mq_durable;
struct mq_durables;
struct mq_entry;
struct mq_payer;
struct mq_sender;

/* How many queues and users can have a refill at a time. */
#define MQ_REFILL_BITS	6

/**
 * struct mq_refill - the chunk that messages of one user in one queue get
 * @queue: serial of the queue; 0: none
 * @payer: who pays for the messages
 * @chunk: the chunk, or NULL
 * @durables: what else they get, of which @left are not used yet
 * @left: 0: there are none
 * @count: how many messages there were
 * @bytes: what they took
 */
struct mq_refill {
	u64			queue;
	struct mq_payer		*payer;
	struct mq_chunk		*chunk;
	struct mq_durables	*durables;
	u32			left;
	u64			count;
	u64			bytes;
};

/* A refill for each of several queues and users, at a hash of both. */
struct mq_refills {
	struct mq_refill	all[1 << MQ_REFILL_BITS];
};

struct mq_refills *mq_refills_new(void);
void mq_refills_free(struct mq_refills *r);
struct mq_refill *mq_refill_find(struct mq_refills *r, u64 queue,
				 const struct mq_sender *sender);
struct mq_entry *mq_refill_take(struct mq_refill *r, const struct mq_sender *sender,
				u32 front, u32 size);
struct mq_durable *mq_refill_durable(struct mq_refill *r);
bool mq_refills_close(struct mq_refills *r);

#endif /* MQ_MEMORY_REFILL_H */
