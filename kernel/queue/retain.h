/* SPDX-License-Identifier: GPL-2.0 */
/* What a topic retains: see retain.c. */
#ifndef MQ_QUEUE_RETAIN_H
#define MQ_QUEUE_RETAIN_H

#include <linux/types.h>

struct devmq_stat;
struct mq_detail;
struct mq_entry;
struct mq_file;
struct mq_queue;

void mq_retain_prepare(struct mq_entry *e);
void mq_retain_add_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
void mq_retain_restore_locked(struct mq_queue *q, struct mq_entry *e);
void mq_retain_restored_locked(struct mq_queue *q);
void mq_retain_none_locked(struct mq_queue *q);
void mq_retain_drop_locked(struct mq_queue *q, struct mq_entry *e);
void mq_retain_bury_locked(struct mq_queue *q, struct mq_entry *e);
void mq_retain_replace_locked(struct mq_queue *q, struct mq_detail *old,
			      struct mq_detail *new);
bool mq_retain_trim_locked(struct mq_queue *q, unsigned int most);
u64 mq_retain_next(const struct mq_queue *q);
void mq_retain_stat_locked(struct mq_queue *q, struct devmq_stat *s);
u64 mq_retain_oldest_locked(struct mq_queue *q);
struct mq_entry *mq_retain_read_locked(struct mq_file *f);
void mq_retain_move_locked(struct mq_file *f, u64 id);

#endif /* MQ_QUEUE_RETAIN_H */
