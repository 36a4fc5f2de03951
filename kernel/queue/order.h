/* SPDX-License-Identifier: GPL-2.0 */
/* order=key and fairness: see order.c. */
#ifndef MQ_QUEUE_ORDER_H
#define MQ_QUEUE_ORDER_H

#include <linux/list.h>
#include <linux/types.h>

struct mq_entry;
struct mq_queue;

void mq_order_replace_locked(struct mq_queue *q, struct mq_entry *old,
			     struct mq_entry *e);
int mq_order_prepare(struct mq_queue *q, struct mq_entry *e);
bool mq_order_join_locked(struct mq_queue *q, struct mq_entry *e);
struct mq_entry *mq_order_join_all_locked(struct mq_queue *q, struct list_head *list);
struct mq_entry *mq_order_enter(struct mq_queue *q, struct list_head *list, int *err);
void mq_order_retreat_locked(struct mq_queue *q, struct list_head *list);
void mq_order_leave_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_ready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_ready_all_locked(struct mq_queue *q, struct list_head *list);
void mq_order_unready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_undo_begin_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_begin_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_drained_locked(struct mq_queue *q);
void mq_order_deliver_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_done_locked(struct mq_queue *q, struct mq_entry *e);
void mq_order_end_all_locked(struct mq_queue *q, struct list_head *list);
void mq_order_end_locked(struct mq_queue *q, struct mq_entry *e);
struct mq_entry *mq_order_first(struct mq_queue *q);
u32 mq_order_take_locked(struct mq_queue *q, struct list_head *list, u32 max,
			 u64 *space, u64 *bytes);
u64 mq_order_count(const struct mq_queue *q);
bool mq_order_has_old(const struct mq_queue *q);
void mq_order_clean_locked(struct mq_queue *q, struct list_head *old);
void mq_order_free(struct list_head *old);
int mq_order_init(struct mq_queue *q);
void mq_order_exit(struct mq_queue *q);

#endif /* MQ_QUEUE_ORDER_H */
