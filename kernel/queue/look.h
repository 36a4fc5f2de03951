/* SPDX-License-Identifier: GPL-2.0 */
/* Read the state of a queue without its lock: see look.c. */
#ifndef MQ_QUEUE_LOOK_H
#define MQ_QUEUE_LOOK_H

#include <linux/types.h>

struct mq_file;
struct mq_gate_ops;
struct mq_queue;
struct mq_starved_ops;

extern const struct mq_gate_ops mq_gate_ops;
extern const struct mq_starved_ops mq_starved_ops;

bool mq_paused(const struct mq_queue *q, u64 side);
u64 mq_deliverable(const struct mq_queue *q);
bool mq_has_credit(const struct mq_file *f);
bool mq_can_receive(const struct mq_file *f, bool partial);
bool mq_can_send(const struct mq_queue *q, u64 bytes);
bool mq_can_grow(const struct mq_queue *q, u64 bytes);
unsigned long mq_send_cost(const struct mq_queue *q, u64 bytes);

#endif /* MQ_QUEUE_LOOK_H */
