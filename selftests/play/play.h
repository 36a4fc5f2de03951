/* SPDX-License-Identifier: GPL-2.0 */
/* Playing a sequence: each call is made to the kernel and to the model. */
#ifndef PLAY_PLAY_H
#define PLAY_PLAY_H

#include "play/orders.h"
#include "play/sequence.h"
#include "play/world.h"

/* Flags: compare all messages after each operation; print the calls. */
enum { PEEK_ALWAYS = 1, PRINT = 2 };

void world_reset(struct world *w);

/*
 * Play a sequence, and again with longer durations while the machine is too
 * slow.
 */
enum verdict play_at_pace(struct world *w, const struct sequence *s, int how,
			  unsigned int *at);

#endif /* PLAY_PLAY_H */
