/* SPDX-License-Identifier: GPL-2.0 */
/* BIND, UNBIND and BINDINGS: calls made to the kernel. */
#ifndef PLAY_BOUND_H
#define PLAY_BOUND_H

#include <stdbool.h>

#include "model/model.h"
#include "play/world.h"

/*
 * Whether those bindings of a topic are level that are so in the model. What others
 * wait for is seen in no counter if their filters take nothing.
 */
bool bindings_are_as_level(struct world *w, int queue);

/* Let bindings of the model look again that wait for what the kernel looked at later. */
void bindings_look_late(struct world *w, int queue);

bool is_bound_call(const struct model_call *c);
void bound_call(struct world *w, const struct model_call *c,
		struct model_outcome *o);

/*
 * The filter of a call, and with what its binding begins: terms that each end with
 * @end. Returns their size.
 */
size_t filter_text(const struct model_call *c, char end, char *text);

#endif /* PLAY_BOUND_H */
