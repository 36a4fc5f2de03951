/* SPDX-License-Identifier: GPL-2.0 */
/* Find queues by name: see names.c. */
#ifndef MQ_QUEUE_NAMES_H
#define MQ_QUEUE_NAMES_H

#include <linux/mutex.h>

struct mq_queue;
struct mq_text;

extern struct mutex mq_registry_lock;

struct mq_queue *mq_find(const char *name);
struct mq_queue *mq_queue_by_origin(const struct mq_text *origin);
void mq_names_add(struct mq_queue *q);
void mq_names_del(struct mq_queue *q);

#endif /* MQ_QUEUE_NAMES_H */
