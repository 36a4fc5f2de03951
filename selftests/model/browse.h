/* SPDX-License-Identifier: GPL-2.0 */
/* PEEK, PURGE and REDRIVE. */
#ifndef MODEL_BROWSE_H
#define MODEL_BROWSE_H

#include "model/model.h"

void call_peek(struct model *m, struct model_queue *q,
	       const struct model_call *c, struct model_outcome *o);
void call_purge(struct model *m, struct model_queue *q,
		const struct model_call *c, struct model_outcome *o);
void call_redrive(struct model *m, struct model_queue *q,
		  const struct model_call *c, struct model_outcome *o);

#endif /* MODEL_BROWSE_H */
