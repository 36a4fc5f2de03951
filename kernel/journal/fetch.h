/* SPDX-License-Identifier: GPL-2.0 */
/* Reading messages back that only the file of a journal has: see fetch.c. */
#ifndef MQ_JOURNAL_FETCH_H
#define MQ_JOURNAL_FETCH_H

#include <linux/compiler.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "journal/journal.h"

struct mq_bytes;
struct mq_durable;
struct mq_msg;
struct mq_payer;

/**
 * struct mq_portion - some messages of a journal, as they were read
 * @refs: references: of its owner, and of the thread of the journal while that has it
 * @node: in mq_journal.fetches, or empty (mq_journal.lock)
 * @round: its place there (as @node)
 * @serial: number of the message that is wanted
 * @done: it was read, or could not be (set by the thread)
 * @err: 0, or an error (until @done of the thread)
 * @need: with the error EMSGSIZE: so many bytes are needed
 * @wait: its owner waits here
 * @notify: called when it is read, with mq_journal.lock held; or NULL (as @node)
 * @owner: for @notify
 * @payer: who pays for it (invariant)
 * @room: bytes that there are for blocks (invariant)
 * @records: the blocks
 */
struct mq_portion {
	refcount_t		refs;
	struct rb_node		node;
	u64			round;
	u64			serial;
	bool			done;
	int			err;
	u32			need;
	wait_queue_head_t	wait;
	void			(*notify)(struct mq_portion *p);
	void			*owner;
	struct mq_payer		*payer;
	u32			room;
	struct mq_records	records;
};

struct mq_portion *mq_portion_new(struct mq_payer *p, u32 room);
void mq_portion_put(struct mq_portion *p);
u32 mq_portion_room(const struct mq_msg *m);
int mq_portion_find(struct mq_portion *p, u64 serial, const struct mq_msg *m,
		    struct mq_bytes *bytes);

int mq_fetch_begin(struct mq_journal *j, struct mq_portion *p, u64 serial);
void mq_fetch_cancel(struct mq_journal *j, struct mq_portion *p);
int mq_fetch_wait(struct mq_journal *j, struct mq_portion *p, bool nowait);

int mq_fetch_bytes(struct mq_journal *j, const struct mq_durable *d,
		   const struct mq_msg *m, struct mq_bytes *bytes);
bool mq_fetch_serve(struct mq_journal *j);
void mq_fetch_end(struct mq_journal *j);

/* Return whether somebody waits for the thread to read. */
static inline bool mq_fetch_is_wanted(const struct mq_journal *j)
{
	return READ_ONCE(j->fetches.rb_root.rb_node);
}

#endif /* MQ_JOURNAL_FETCH_H */
