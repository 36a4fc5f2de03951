/* SPDX-License-Identifier: GPL-2.0 */
/* Walk through the messages of a queue: see walk.c. */
#ifndef MQ_QUEUE_WALK_H
#define MQ_QUEUE_WALK_H

#include <linux/types.h>

#include "memory/entry.h"
#include "memory/message.h"
#include "queue/parts.h"

struct mq_queue;

/* Maximum number of entries and cursors passed in one hold of the lock. */
#define MQ_WALK_STEPS	512

void mq_cursor_init(struct mq_cursor *c);
void mq_cursor_unlink_locked(struct mq_queue *q, struct mq_cursor *c);
struct mq_entry *mq_walk_locked(struct mq_queue *q, struct mq_cursor *c,
				u32 states, u64 *after, unsigned int *left);

#endif /* MQ_QUEUE_WALK_H */
