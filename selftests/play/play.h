/* SPDX-License-Identifier: GPL-2.0 */
/* Playing a sequence: each call is made to the kernel and to the model. */
#ifndef PLAY_PLAY_H
#define PLAY_PLAY_H

#include "play/orders.h"
#include "play/sequence.h"
#include "play/world.h"

/* How much is looked at, and told. */
enum { PEEK_ALWAYS = 1, PRINT = 2 };

void world_reset(struct world *w);

/* The same, again and again if the machine is too slow. */
enum verdict play_at_pace(struct world *w, const struct sequence *s, int how,
			  unsigned int *at);

#endif /* PLAY_PLAY_H */
