/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for messages that go to one queue together: see lot.c. */
#ifndef MQ_MEMORY_LOT_H
#define MQ_MEMORY_LOT_H

#include <linux/types.h>

struct mq_chunk;
struct mq_entry;
struct mq_store;

/**
 * struct mq_lot - memory for messages that go to one queue together
 * @store: the store of the queue
 * @chunk: the chunk for the next one, or NULL
 * @left: bytes that the next ones need, mq_lot_bytes() each, and what lies before their
 *	entries
 * @dry: there was no memory, and the caller knows of other
 */
struct mq_lot {
	struct mq_store	*store;
	struct mq_chunk	*chunk;
	u64		left;
	bool		dry;
};

u32 mq_lot_bytes(u32 size);
struct mq_entry *mq_lot_take(struct mq_lot *l, const struct mq_entry *from, u32 front,
			     u32 size);
void mq_lot_end(struct mq_lot *l);

#endif /* MQ_MEMORY_LOT_H */
