/* SPDX-License-Identifier: GPL-2.0 */
/* Spin for a short time before sleeping: see spin.c. */
#ifndef MQ_WAIT_SPIN_H
#define MQ_WAIT_SPIN_H

#include <linux/types.h>

struct mq_gate;
struct mq_stand;

bool mq_spin_message(struct mq_stand *stand, bool partial, u64 deadline_ns,
		     bool *called);
bool mq_spin_room(struct mq_gate *g, u64 bytes, bool *called);

#endif /* MQ_WAIT_SPIN_H */
