/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What time did in several queues may have happened in more than one order: finding
 * an order in which the model and the kernel agree.
 */
#ifndef PLAY_ORDERS_H
#define PLAY_ORDERS_H

#include <stdbool.h>

#include "model/model.h"
#include "play/world.h"

enum verdict { AGREED, DIFFERED, TOO_SLOW, MORE };

/* An id is a place. */
void swap_entries(struct model_entry *a, struct model_entry *b);

/* Did the kernel do what the model did since w->first?  Then they agree again. */
enum verdict match_passed_time(struct world *w, bool verbose);

#endif /* PLAY_ORDERS_H */
