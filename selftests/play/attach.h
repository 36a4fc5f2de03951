/* SPDX-License-Identifier: GPL-2.0 */
/* A journal that is attached anew, on the kernel's side or that of the twin. */
#ifndef PLAY_ATTACH_H
#define PLAY_ATTACH_H

#include <stdbool.h>

#include "play/world.h"

/* Detach the journal, whose queues are not open, and attach it again. */
bool peer_again(struct world *w);

/* Crash, and attach what is left. */
bool peer_crash(struct world *w);

bool peer_exists(struct world *w, int queue);
bool peer_has_option(struct world *w, int queue, enum model_option option,
		     __u64 value);

/* Send a message, whatever the options say, and purge it. @id gets its id. */
bool peer_probe(struct world *w, int queue, __u64 *id);

#endif /* PLAY_ATTACH_H */
