/* SPDX-License-Identifier: GPL-2.0 */
/* SETTLE and CONSUMER. */
#ifndef MODEL_SETTLE_H
#define MODEL_SETTLE_H

#include "model/model.h"

void call_settle(struct model *m, struct model_queue *q,
		 const struct model_call *c, struct model_outcome *o);
void call_consumer(struct model *m, struct model_queue *q,
		   const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_SETTLE_H */
