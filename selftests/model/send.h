/* SPDX-License-Identifier: GPL-2.0 */
/* Sending: write(2) and SEND, and making room for it. */
#ifndef MODEL_SEND_H
#define MODEL_SEND_H

#include <stdbool.h>

#include "model/model.h"

bool is_paused(const struct model_queue *q, int side);

/* A purged message frees its de-duplication id. */
void forget_dedup(struct model_queue *q, __u64 id);

void call_write(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void call_send(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_SEND_H */
