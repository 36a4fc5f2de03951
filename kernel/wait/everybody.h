/* SPDX-License-Identifier: GPL-2.0 */
/* Wakes all threads that wait for messages: see everybody.c. */
#ifndef MQ_WAIT_EVERYBODY_H
#define MQ_WAIT_EVERYBODY_H

#include <linux/types.h>

struct mq_gate;

bool mq_call_some(struct mq_gate *g, __poll_t why);
void mq_call_others(struct mq_gate *g);

#endif /* MQ_WAIT_EVERYBODY_H */
