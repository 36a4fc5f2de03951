/* SPDX-License-Identifier: GPL-2.0 */
/* What a journal has to know of a message: see durable.c. */
#ifndef MQ_MEMORY_DURABLE_H
#define MQ_MEMORY_DURABLE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct mq_detail;
struct mq_durables;
struct mq_payer;
struct mq_spread;

/**
 * struct mq_where - where a file of the journal has a message
 * @segment: place of the segment that has it
 * @state_segment: place of the segment that has its newest state, if that is
 *	in a record of its own
 * @block: offset of the block with its record in the segment
 * @size: bytes of its record; 0: the file does not have it
 * @state_size: bytes of the record of its state, 0: it has none
 */
struct mq_where {
	u16	segment;
	u16	state_segment;
	u32	block;
	u32	size;
	u32	state_size;
};

/*
 * Bits of mq_durable.since. It is compared with the group under way alone. If that many
 * groups came while a message owes its change, one of them would not wait for it, and no
 * journal that works has so many: each takes what has arrived before it began.
 */
#define MQ_GROUP_BITS	24

/* Return the bits of a group's number that mq_durable.since has. */
static inline u32 mq_since(u64 group)
{
	return group & GENMASK(MQ_GROUP_BITS - 1, 0);
}

/**
 * struct mq_durable - a message of a queue that has a journal
 * @dirty: link in mq_feed.dirty, .arrived, .arrivals or .owed, while a change has to be
 *	written; of a topic then in mq_feed.taking or mq_feed.resident, if
 *	@listed is set
 * @ended: link in mq_journal.ended or mq_feed.replaced, when the message is gone
 * @seq: place in the order in which the changes of its queue are written; 0: it
 *	is in none of these lists. In mq_feed.replaced: that of the last change
 *	before
 * @detail: of the message, which has a pointer to this; NULL: the message is
 *	gone
 * @taken: the journal may have a record of the message, so its end has to be
 *	written. Otherwise the message was not written yet
 * @moving: while the message is between two queues: the parity of
 *	mq_journal.moving that counts it
 * @owed: it left a queue before the change that it had there was written, and it
 *	counts in mq_journal.owed or mq_journal.owed_late until that is
 * @fresh: the record of @spread has its state: nothing has changed since
 * @listed: see @dirty
 * @together: it was allocated together with others
 * @since: while the message is between two queues, or has come from another one and was
 *	not written since: its oldest change that was not written has to be in the group
 *	after this one, or was to be in an earlier one. See mq_since()
 * @payer: who is charged for this
 * @all: those with which it was allocated
 * @hash: link in mq_journal.objects
 * @serial: number of the message in the journal; 0: none yet
 * @at: where it is, by mq_journal.side: the second is used while the journal is
 *	moved to another file
 * @version: of its newest state
 * @live: bytes that count in mq_journal.live
 * @texts: those of them that are for the note, the origin and the topic
 * @copy: its place in @spread
 * @spread: a topic put it into several queues, and this knows the other copies; or
 *	NULL
 *
 * mq_queue.lock protects the members up to @listed, @since and @live. @together, @payer,
 * @all, @copy and @spread do not change. The others belong to the thread of
 * the journal.
 */
struct mq_durable {
	union {
		struct list_head	dirty;
		struct llist_node	ended;
	};
	u64			seq;
	struct mq_detail	*detail;
	u32			taken : 1;
	u32			moving : 1;
	u32			owed : 1;
	u32			fresh : 1;
	u32			listed : 1;
	u32			together : 1;
	u32			since : MQ_GROUP_BITS;
	u32			live;
	u16			texts;
	u16			copy;
	u32			version;
	union {
		struct mq_payer		*payer;
		struct mq_durables	*all;
	};

	struct hlist_node	hash;
	u64			serial;
	struct mq_where		at[2];
	struct mq_spread	*spread;
};

/**
 * struct mq_durables - the memory of several struct mq_durable
 * @left: how many of them are in use
 * @bytes: bytes that are charged
 * @payer: who is charged for them
 * @d: they, of which the journal may use one for longer than the others
 */
struct mq_durables {
	atomic_t		left;
	u32			bytes;
	struct mq_payer		*payer;
	struct mq_durable	d[];
};

/* Put a message that a topic retains, and that is not in mq_feed.dirty, into a list. */
static inline void mq_durable_list(struct mq_durable *d, struct list_head *list)
{
	list_add_tail(&d->dirty, list);
	d->listed = true;
}

static inline void mq_durable_unlist(struct mq_durable *d)
{
	if (likely(!d->listed))
		return;
	list_del(&d->dirty);
	d->listed = false;
}

/* The most that are allocated together. One that is left keeps the memory of all. */
#define MQ_DURABLES	((SZ_4K - sizeof(struct mq_durables)) / sizeof(struct mq_durable))

unsigned long mq_durable_cost(void);
struct mq_durable *mq_durable_new(struct mq_payer *p);
void mq_durable_free(struct mq_durable *d);
struct mq_durables *mq_durables_new(struct mq_payer *p, u32 n);
void mq_durables_put(struct mq_durables *all, u32 n);

#endif /* MQ_MEMORY_DURABLE_H */
