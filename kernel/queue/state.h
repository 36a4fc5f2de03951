/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of a message's state: see state.c. */
#ifndef MQ_QUEUE_STATE_H
#define MQ_QUEUE_STATE_H

#include <linux/types.h>
#include <linux/devmq.h>

#include "queue/clock.h"
#include "queue/parts.h"

struct mq_queue;
struct mq_text;

void mq_state_enter_locked(struct mq_queue *q, struct mq_entry *e,
			   enum devmq_state state);
void mq_state_leave_locked(struct mq_queue *q, struct mq_entry *e);
void mq_freed_locked(struct mq_queue *q, u32 messages, u64 bytes);
void mq_queue_unlink_locked(struct mq_queue *q, struct mq_entry *e);
void mq_purge_stateless_locked(struct mq_queue *q, struct mq_entry *e);
void mq_ready_locked(struct mq_queue *q, struct mq_entry *e);
void mq_expire_locked(struct mq_queue *q, struct mq_entry *e);
void mq_dead_expire_locked(struct mq_queue *q, struct mq_entry *e);
void mq_ready_again_locked(struct mq_queue *q, struct mq_entry *e);
void mq_delay_locked(struct mq_queue *q, struct mq_entry *e,
		     enum mq_clocks clock, u64 due);
void mq_delay_end_locked(struct mq_queue *q, struct mq_entry *e, u64 now);
void mq_note_locked(struct mq_queue *q, struct mq_entry *e, struct mq_text *note);
u64 mq_expiry(u64 ms);
void mq_dead_letter_locked(struct mq_queue *q, struct mq_entry *e, u16 reason);
bool mq_die_locked(struct mq_queue *q, struct mq_entry *e, u16 reason, u64 delay);
void mq_reset_history_locked(struct mq_queue *q, struct mq_entry *e);
void mq_purge_locked(struct mq_queue *q, struct mq_entry *e);

#endif /* MQ_QUEUE_STATE_H */
