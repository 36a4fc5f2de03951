/* SPDX-License-Identifier: GPL-2.0 */
/* A sender of a topic that waits for room in a queue: see patience.c. */
#ifndef MQ_TOPIC_PATIENCE_H
#define MQ_TOPIC_PATIENCE_H

#include <linux/types.h>

struct mq_file;
struct mq_gate;
struct mq_patience;
struct mq_queue;
struct mq_text;
struct mq_turn;

int mq_patience_begin(struct mq_turn *turn, struct mq_queue *full, u64 cost,
		      u64 changes);
bool mq_patience_waits(const struct mq_turn *turn);
u64 mq_patience_cost(const struct mq_turn *turn);
struct mq_gate *mq_patience_gate(const struct mq_turn *turn,
				 struct mq_gate *own);
void mq_patience_show(struct mq_file *f, struct mq_text *name);
int mq_patience_wait(struct mq_file *f, u64 payload, u64 meta,
		     struct mq_turn *turn);
bool mq_patience_keeps(struct mq_turn *turn, u32 queues);
bool mq_patience_keep(struct mq_turn *turn, struct mq_queue *q, u64 bytes);
bool mq_patience_kept(struct mq_turn *turn, struct mq_queue *q, u64 *bytes);
void mq_patience_went(struct mq_turn *turn);
void mq_patience_leave(struct mq_turn *turn);
void mq_patience_end(struct mq_turn *turn);
void mq_patience_exit(void);

#endif /* MQ_TOPIC_PATIENCE_H */
