/* SPDX-License-Identifier: GPL-2.0 */
/* Open files whose waiters have to look again: see tell.c. */
#ifndef MQ_QUEUE_TELL_H
#define MQ_QUEUE_TELL_H

struct mq_file;
struct mq_queue;

void mq_tell_locked(struct mq_file *f);
void mq_tell(struct mq_queue *q, unsigned int n);
void mq_tell_options(struct mq_queue *q);
void mq_tell_gone(struct mq_queue *q);

#endif /* MQ_QUEUE_TELL_H */
