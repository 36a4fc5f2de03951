/* SPDX-License-Identifier: GPL-2.0 */
/* The order of delivery: priorities, keys that are in flight, and turns. */
#ifndef MODEL_ORDER_H
#define MODEL_ORDER_H

#include "model/model.h"

struct model_entry *next_ready(struct model_queue *q);

/*
 * fairness: whoever may go for the first time gets a turn, the next of its
 * group at its level, but one that is still to come.  Turns of those that went
 * without are not waited for.  To be called after each single change.
 */
void assign_turns(struct model_queue *q);

/* It leaves the queue for good. */
void remove_entry(struct model_queue *q, struct model_entry *e);

#endif /* MODEL_ORDER_H */
