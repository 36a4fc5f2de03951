/* SPDX-License-Identifier: GPL-2.0 */
/* Journals: what may be there after a crash. */
#ifndef PLAY_DURABLE_H
#define PLAY_DURABLE_H

#include <stdbool.h>

#include "play/world.h"

/* A sequence begins: all that the model has is confirmed. */
void durable_begin(struct world *w);

/* A call was made, and the two agree. Note what a crash could leave from now on. */
void durable_note(struct world *w);

/* Detach the journal in order and attach it: the same has to be there again. */
bool durable_again(struct world *w, bool verbose);

/*
 * Crash, and attach what is left. Any part of what was not confirmed may be there; the
 * model adopts it.
 */
bool durable_crash(struct world *w, bool verbose);

#endif /* PLAY_DURABLE_H */
