/* SPDX-License-Identifier: GPL-2.0 */
/* A message of a topic in several queues of a journal: see spread.c. */
#ifndef MQ_MEMORY_SPREAD_H
#define MQ_MEMORY_SPREAD_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct mq_durable;
struct mq_feed;
struct mq_journal;
struct mq_payer;
struct mq_text;

/**
 * struct mq_spread_copy - a copy of the message, as it came to its queue
 * @d: the copy; NULL: it is not in the queue yet, or gone before it was written
 *	(mq_spread.lock)
 * @feed: of the queue
 * @id: its id there
 * @due_ns: if it is delayed: when that ends, CLOCK_REALTIME
 * @expires_ns: when its time to live ends, CLOCK_REALTIME; 0: never
 * @state: enum devmq_state
 * @priority: its level
 *
 * Only @d changes when the copy is in its queue.
 */
struct mq_spread_copy {
	struct mq_durable	*d;
	struct mq_feed		*feed;
	u64			id;
	u64			due_ns;
	u64			expires_ns;
	u8			state;
	u8			priority;
};

/**
 * struct mq_spread - the copies of a message in the queues of one journal
 * @refs: references: of the copies, and of the publication
 * @next: the next one of the publication
 * @journal: the journal (invariant)
 * @payer: who is charged for it (invariant)
 * @topic: what the copies tell of the topic, or NULL: none is in a queue (invariant)
 * @room: how many copies there is room for (invariant)
 * @count: how many there are (of the publication)
 * @complete: all copies are in their queues that come there
 * @lock: protects @written and mq_spread_copy.d
 * @written: the journal has begun to write them. From then on they stay
 * @copies: the copies; NULL: they have been written
 */
struct mq_spread {
	refcount_t		refs;
	struct mq_spread	*next;
	struct mq_journal	*journal;
	struct mq_payer		*payer;
	struct mq_text		*topic;
	u32			room;
	u32			count;
	bool			complete;
	spinlock_t		lock;	/* see above */
	bool			written;
	struct mq_spread_copy	*copies;
};

struct mq_spread *mq_spread_new(struct mq_payer *p, struct mq_journal *j,
				struct mq_text *topic, u32 room);
void mq_spread_put(struct mq_spread *s);
u32 mq_spread_join(struct mq_spread *s);
void mq_spread_link(struct mq_spread *s, u32 i, const struct mq_spread_copy *copy);
bool mq_spread_leave(struct mq_spread *s, u32 i);
void mq_spread_begin(struct mq_spread *s);
void mq_spread_end(struct mq_spread *s);

#endif /* MQ_MEMORY_SPREAD_H */
