/* SPDX-License-Identifier: GPL-2.0 */
/* The parked RECV commands of an open file in mq_gate.readers: see front.c. */
#ifndef MQ_WAIT_FRONT_H
#define MQ_WAIT_FRONT_H

#include <linux/wait.h>

struct mq_gate;
struct mq_stand;

void mq_front_init(struct mq_stand *stand, wait_queue_func_t wake);
void mq_front_lock(struct mq_gate *g, unsigned long *flags)
	__acquires(&g->readers.lock);
void mq_front_unlock(struct mq_gate *g, unsigned long flags)
	__releases(&g->readers.lock);
void mq_front_step(struct mq_stand *stand);
void mq_front_credit(struct mq_stand *stand);

#endif /* MQ_WAIT_FRONT_H */
