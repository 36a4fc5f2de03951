/* SPDX-License-Identifier: GPL-2.0 */
/* De-duplication: see dedup.c. */
#ifndef MQ_QUEUE_DEDUP_H
#define MQ_QUEUE_DEDUP_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

struct mq_queue;
struct mq_seen;

u64 mq_dedup_next(struct mq_queue *q);
u64 mq_dedup_end(const struct mq_queue *q, const struct mq_seen *s);
bool mq_dedup_trim_locked(struct mq_queue *q);
u64 mq_dedup_find_locked(struct mq_queue *q, struct mq_seen *s);
void mq_dedup_purge_locked(struct mq_queue *q, u64 id);
const struct mq_seen *mq_dedup_after_locked(struct mq_queue *q, u64 id);
bool mq_dedup_knows_locked(struct mq_queue *q, u64 id);
bool mq_dedup_restore_locked(struct mq_queue *q, struct mq_seen *s);
bool mq_dedup_add_locked(struct mq_queue *q, struct mq_seen *s, u64 id);
void mq_dedup_free(struct list_head *old);
void mq_dedup_init(struct mq_queue *q);
void mq_dedup_exit(struct mq_queue *q);

#endif /* MQ_QUEUE_DEDUP_H */
