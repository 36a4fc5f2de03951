/* SPDX-License-Identifier: GPL-2.0 */
/* Open files whose waiters have to look again: see tell.c. */
#ifndef MQ_QUEUE_TELL_H
#define MQ_QUEUE_TELL_H

struct mq_file;
struct mq_queue;

void mq_notify_locked(struct mq_file *f);
void mq_notify(struct mq_queue *q, unsigned int n);
void mq_notify_options(struct mq_queue *q);
void mq_notify_removed(struct mq_queue *q);

#endif /* MQ_QUEUE_TELL_H */
