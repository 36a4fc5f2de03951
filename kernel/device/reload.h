/* SPDX-License-Identifier: GPL-2.0 */
/* What a topic retains in memory, when its journal is attached: see reload.c. */
#ifndef MQ_DEVICE_RELOAD_H
#define MQ_DEVICE_RELOAD_H

struct list_head;
struct mq_journal;
struct mq_queue;

int mq_reload(struct mq_journal *j, struct mq_queue *q, struct list_head *entries);

#endif /* MQ_DEVICE_RELOAD_H */
