/* SPDX-License-Identifier: GPL-2.0 */
/* The lock of a queue: see lock.c. */
#ifndef MQ_QUEUE_LOCK_H
#define MQ_QUEUE_LOCK_H

#include <linux/list.h>

struct mq_entry;
struct mq_queue;

/**
 * enum mq_arrival - how a message arrives from another queue
 * @MQ_ARRIVES_DEAD: it died there and arrives as a dead letter
 * @MQ_ARRIVES_ANEW: it was redriven, and arrives as if it had just been sent
 * @MQ_ARRIVES_MOVED: it was redriven to a place that mq_queue_reserve()
 *	reserved. Unless it was dead, it keeps its delay and its time to live
 */
enum mq_arrival { MQ_ARRIVES_DEAD, MQ_ARRIVES_ANEW, MQ_ARRIVES_MOVED };

void mq_lock(struct mq_queue *q) __acquires(&q->lock);
void mq_lock_current(struct mq_queue *q) __acquires(&q->lock);
void mq_lock_pause(void);
void mq_queue_add_moved(struct mq_queue *q, struct mq_entry *e, enum mq_arrival how);
void mq_unlinked_dispose(struct list_head *out);
void mq_unlock(struct mq_queue *q) __releases(&q->lock);

#endif /* MQ_QUEUE_LOCK_H */
