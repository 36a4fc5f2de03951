/* SPDX-License-Identifier: GPL-2.0 */
/* How messages are handed out, and how their delivery ends: see delivery.c. */
#ifndef MQ_QUEUE_DELIVERY_H
#define MQ_QUEUE_DELIVERY_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/devmq.h>

struct mq_entry;
struct mq_file;
struct mq_detail;
struct mq_queue;
struct mq_text;

int mq_delivery_check_locked(struct mq_queue *q, struct mq_file *f);
struct mq_entry *mq_delivery_next_locked(struct mq_queue *q, struct mq_file *f);
struct mq_entry *mq_delivery_deferred_locked(struct mq_queue *q,
					     struct mq_file *f, u64 id);
void mq_delivery_lease(struct mq_file *f, struct mq_entry *e);
void mq_delivery_begin_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_hold_batch_locked(struct mq_file *f, struct list_head *batch);
void mq_delivery_hold_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_unhold_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_count_acked_locked(struct mq_file *f, u32 n, u64 bytes);
bool mq_delivery_ack_batch_locked(struct mq_file *f, struct list_head *batch);
u32 mq_delivery_ack_held_locked(struct mq_file *f, u64 first_id, u64 last_id,
				u32 max, struct list_head *batch, bool *rare);
void mq_delivery_ack_keep_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_ack_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_release_locked(struct mq_file *f, struct mq_entry *e);
bool mq_delivery_prepare_locked(struct mq_queue *q, struct mq_entry *e, u32 action,
				struct mq_detail **detail);
void mq_delivery_return_locked(struct mq_file *f, struct mq_entry *e);
bool mq_lease_has_expired(const struct mq_entry *e);
void mq_lease_expire_locked(struct mq_queue *q, struct mq_entry *e);
void mq_delivery_purge_locked(struct mq_file *f, struct mq_entry *e);
bool mq_delivery_revoke_locked(struct mq_entry *e,
			       const struct devmq_settlement *how,
			     struct mq_text *note);
bool mq_delivery_retry_locked(struct mq_file *f, struct mq_entry *e, u64 delay,
			      struct mq_text *note);
bool mq_delivery_reject_locked(struct mq_file *f, struct mq_entry *e, u16 reason,
			       struct mq_text *note);
void mq_delivery_extend_locked(struct mq_file *f, struct mq_entry *e, u64 lease);
void mq_delivery_defer_locked(struct mq_file *f, struct mq_entry *e);
void mq_delivery_undo_locked(struct mq_file *f, struct mq_entry *e);
bool mq_delivery_settle_locked(struct mq_file *f, struct mq_entry *e,
			       const struct devmq_settlement *s,
			  struct mq_text *note);

#endif /* MQ_QUEUE_DELIVERY_H */
