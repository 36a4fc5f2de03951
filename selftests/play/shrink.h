/* SPDX-License-Identifier: GPL-2.0 */
/* Making a sequence that fails as short as possible. */
#ifndef PLAY_SHRINK_H
#define PLAY_SHRINK_H

#include <stdbool.h>

#include "play/sequence.h"
#include "play/world.h"

/* Shrink a sequence that fails.  Returns false if it does not fail again. */
bool shrink(struct world *w, struct sequence *s);

#endif /* PLAY_SHRINK_H */
