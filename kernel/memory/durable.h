/* SPDX-License-Identifier: GPL-2.0 */
/* What a journal has to know of a message: see durable.c. */
#ifndef MQ_MEMORY_DURABLE_H
#define MQ_MEMORY_DURABLE_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>

struct mq_detail;
struct mq_payer;

/**
 * struct mq_where - where a file of the journal has a message
 * @segment: place of the segment that has it
 * @state_segment: place of the segment that has its newest state, if that is
 *	in a record of its own
 * @size: bytes of its record; 0: the file does not have it
 * @state_size: bytes of the record of its state, 0: it has none
 */
struct mq_where {
	u32	segment;
	u32	state_segment;
	u32	size;
	u32	state_size;
};

/**
 * struct mq_durable - a message of a queue that has a journal
 * @dirty: link in mq_feed.dirty, while a change has to be written
 * @ended: link in mq_journal.ended, when the message is gone
 * @seq: place in the order in which the changes of its queue are written; 0: it
 *	is not in mq_feed.dirty
 * @detail: of the message, which has a pointer to this; NULL: the message is
 *	gone
 * @taken: the journal may have a record of the message, so its end has to be
 *	written. Otherwise the message was not written yet
 * @moving: while the message is between two queues: the parity of
 *	mq_journal.moving that counts it
 * @owed: it left a queue before the change that it had there was written, and it
 *	counts in mq_journal.owed until that is
 * @payer: who is charged for this
 * @hash: link in mq_journal.objects
 * @serial: number of the message in the journal; 0: none yet
 * @at: where it is, by mq_journal.side: the second is used while the journal is
 *	moved to another file
 * @version: of its newest state
 * @live: bytes that count in mq_journal.live
 * @texts: those of them that are for the note and the origin
 *
 * mq_queue.lock protects the members up to @owed, and @live. The others after
 * @payer belong to the thread of the journal.
 */
struct mq_durable {
	union {
		struct list_head	dirty;
		struct llist_node	ended;
	};
	u64			seq;
	struct mq_detail	*detail;
	bool			taken;
	u8			moving;
	bool			owed;
	u32			live;
	u32			texts;
	struct mq_payer		*payer;

	struct hlist_node	hash;
	u64			serial;
	struct mq_where		at[2];
	u32			version;
};

unsigned long mq_durable_cost(void);
struct mq_durable *mq_durable_new(struct mq_payer *p);
void mq_durable_free(struct mq_durable *d);

#endif /* MQ_MEMORY_DURABLE_H */
