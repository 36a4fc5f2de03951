/* SPDX-License-Identifier: GPL-2.0 */
/* Open files, options, and the creation and removal of queues. */
#ifndef MODEL_QUEUES_H
#define MODEL_QUEUES_H

#include "model/model.h"

/*
 * The open file receives, waits for a message, or sets its mode: make it a
 * consumer. Returns 0 or -EBUSY.
 */
int become_consumer(struct model *m, struct model_queue *q,
		    struct model_file *f);

/* The open file sends or waits for room: make it a producer. */
void become_producer(struct model_queue *q, struct model_file *f);

void call_open(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);
void call_close(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void call_option(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o);
void drop_queue(struct model_queue *q);

/* Remove a queue with all its messages. */
void call_remove(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o);

void call_create(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_QUEUES_H */
