/* SPDX-License-Identifier: GPL-2.0 */
/* Walking through a queue: see walk.c. */
#ifndef MQ_QUEUE_WALK_H
#define MQ_QUEUE_WALK_H

#include <linux/types.h>

#include "memory/entry.h"
#include "memory/message.h"

struct mq_queue;

/* How many entries and cursors one hold of the lock passes in mq_queue.all. */
#define MQ_WALK_STEPS	512

/**
 * struct mq_cursor - a place in mq_queue.all that outlives the lock
 * @mark: an entry of no state. Linked: all before it have an id not
 *	above @place.id, all behind it a larger one. Not linked: nowhere
 * @place: its message
 * @goal: the id whose place was looked for last
 * @seeks: and was not reached yet
 */
struct mq_cursor {
	struct mq_entry	mark;
	struct mq_msg	place;
	u64		goal;
	bool		seeks;
};

void mq_cursor_init(struct mq_cursor *c);
void mq_cursor_unlink_locked(struct mq_queue *q, struct mq_cursor *c);
struct mq_entry *mq_walk_locked(struct mq_queue *q, struct mq_cursor *c,
				u32 states, u64 *after, unsigned int *left);

#endif /* MQ_QUEUE_WALK_H */
