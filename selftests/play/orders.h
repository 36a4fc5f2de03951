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

/* Exchange two messages; each place keeps its id. */
void swap_entries(struct model_entry *a, struct model_entry *b);

/*
 * Compare what happened since w->first on both sides, and make the model agree
 * with the kernel if it can.
 */
enum verdict match_passed_time(struct world *w, bool verbose);

#endif /* PLAY_ORDERS_H */
