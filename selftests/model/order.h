/* SPDX-License-Identifier: GPL-2.0 */
/* The order of delivery: priorities, keys that are in flight, and turns. */
#ifndef MODEL_ORDER_H
#define MODEL_ORDER_H

#include "model/model.h"

struct model_entry *next_ready(struct model_queue *q);

/*
 * fairness: give a turn to each message that may be delivered for the first
 * time: the next turn of its group and priority, but not an earlier one than
 * the current turn.  Must be called after each single change.
 */
void assign_turns(struct model_queue *q);

/* Remove the message from the queue. */
void remove_entry(struct model_queue *q, struct model_entry *e);

#endif /* MODEL_ORDER_H */
