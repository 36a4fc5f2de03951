/* SPDX-License-Identifier: GPL-2.0 */
/* Operations become calls: which queue, file, message and number each concerns. */
#ifndef PLAY_DRAW_H
#define PLAY_DRAW_H

#include <stdbool.h>

#include "model/model.h"
#include "play/sequence.h"

/*
 * Turn an operation into a call.  Returns false if there is nothing to do it
 * with.
 */
bool draw_call(const struct model *m, const struct sequence *s,
	       const struct op *op, struct model_call *c);

#endif /* PLAY_DRAW_H */
