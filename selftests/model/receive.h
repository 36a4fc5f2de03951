/* SPDX-License-Identifier: GPL-2.0 */
/* Receiving: read(2), RECV and poll, and records as they show messages. */
#ifndef MODEL_RECEIVE_H
#define MODEL_RECEIVE_H

#include "model/model.h"

struct model_seen *add_seen(struct model_outcome *o,
			    const struct model_entry *e);

void acknowledge_entry(struct model_queue *q, struct model_entry *e);
void call_read(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);
void call_recv(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);
void call_recv_id(struct model *m, struct model_queue *q,
		  const struct model_call *c, struct model_outcome *o);

/* The events that poll(2) tells, and what FIONREAD tells. */
void call_poll(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_RECEIVE_H */
