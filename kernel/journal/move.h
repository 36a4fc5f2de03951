/* SPDX-License-Identifier: GPL-2.0 */
/* Moving a journal to another file: see move.c. */
#ifndef MQ_JOURNAL_MOVE_H
#define MQ_JOURNAL_MOVE_H

#include <linux/kref.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "journal/feed.h"

struct mq_journal;

/**
 * enum mq_move_phases - how far a move is
 * @MQ_MOVE_BEGINS: the thread has not seen it yet
 * @MQ_MOVE_COPIES: the other file gets what is there, and what changes
 * @MQ_MOVE_LAST: it has all but the changes of the next group
 * @MQ_MOVE_CLEARS: the journal has its file, and what was known of the other one
 *	is being forgotten
 */
enum mq_move_phases {
	MQ_MOVE_BEGINS, MQ_MOVE_COPIES, MQ_MOVE_LAST, MQ_MOVE_CLEARS
};

/**
 * enum mq_move_news - what all queues of the journal have to do
 * @MQ_MOVE_NO_NEWS: nothing
 * @MQ_MOVE_CEILINGS: they have their ceilings written, as these are now
 * @MQ_MOVE_WORKS: the same, and they hear that the journal works
 */
enum mq_move_news {
	MQ_MOVE_NO_NEWS, MQ_MOVE_CEILINGS, MQ_MOVE_WORKS
};

/**
 * struct mq_move - a journal on its way to another file
 * @refs: of the caller and of the thread
 * @wait: the caller waits here
 * @done: the thread has finished
 * @cancel: a signal came
 * @err: the result, when it is done
 * @why: what was wrong, in words
 *
 * Of the thread:
 * @to: the other file, later the one that the journal had; of the caller, when it is
 *	done
 * @phase: enum mq_move_phases
 * @walk: place in the queue that is being copied
 * @feed: this queue, or NULL: all are
 * @fresh: nothing of that queue was copied
 * @capacity: what the journal had before
 * @group: the group that was the last one when that became so
 * @ceilings: it failed, and the queues were told to write ceilings
 * @list: place in the lists of messages, when it is cleared
 */
struct mq_move {
	struct kref		refs;
	wait_queue_head_t	wait;
	bool			done;
	bool			cancel;
	int			err;
	const char		*why;

	struct mq_journal	*to;
	enum mq_move_phases	phase;
	struct mq_feed_walk	walk;
	struct mq_feed		*feed;
	bool			fresh;
	u64			capacity;
	u64			group;
	bool			ceilings;
	u64			list;
};

struct mq_move *mq_move_new(struct mq_journal *to, void *cursor);
void mq_move_put(struct mq_move *m);
int mq_move_wait(struct mq_journal *j, struct mq_move *m);
int mq_move_start(struct mq_journal *j, struct mq_move *m);
enum mq_move_news mq_move_step(struct mq_journal *j);
void mq_move_cancel(struct mq_journal *j);
void mq_move_forget(struct mq_journal *j, struct mq_feed *f);

/* Return whether a group must take all that was changed before it began. */
static inline bool mq_move_is_last(const struct mq_move *m)
{
	return m && m->phase == MQ_MOVE_LAST;
}

#endif /* MQ_JOURNAL_MOVE_H */
