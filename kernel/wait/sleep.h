/* SPDX-License-Identifier: GPL-2.0 */
/* Sleep until there may be a message, or room: see sleep.c. */
#ifndef MQ_WAIT_SLEEP_H
#define MQ_WAIT_SLEEP_H

#include <linux/types.h>

struct mq_gate;
struct mq_stand;
struct mq_turn;

int mq_wait_message(struct mq_stand *stand, bool partial, u64 deadline_ns,
		    bool *called);
int mq_wait_room(struct mq_gate *g, u64 payload, u64 meta,
		 struct mq_turn *turn);
int mq_wait_room_for(struct mq_gate *g, u64 payload, u64 meta,
		     struct mq_turn *turn, unsigned long timeout);
int mq_wait_growth(struct mq_gate *g, u64 before, u64 size,
		   struct mq_turn *turn);

#endif /* MQ_WAIT_SLEEP_H */
