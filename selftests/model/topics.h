/* SPDX-License-Identifier: GPL-2.0 */
/* Topics: where their messages go, and how they get there. */
#ifndef MODEL_TOPICS_H
#define MODEL_TOPICS_H

#include "model/model.h"

/*
 * Send messages to a topic, as far as all that get them have room. Returns how many
 * went, or a negative errno.
 */
int publish(struct model *m, int topic, const struct model_call *c);

void call_bind(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);
void call_unbind(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o);
void call_bindings(struct model *m, struct model_queue *q,
		   const struct model_call *c, struct model_outcome *o);

/* May the alternate of a topic be @target, a queue's index? Returns 0 or an error. */
int check_alternate(const struct model *m, int topic, int target);

/* Would each queue take what its topics take, if @queue had these options? */
bool limits_ok(const struct model *m, int queue, const __u64 *option);

/* Take away all that leads to a queue or topic, and from it. */
void unbind_all(struct model *m, int queue);

/* How many bindings a topic has, or feed a queue. */
unsigned int count_bindings(const struct model *m, int queue);

#endif /* MODEL_TOPICS_H */
