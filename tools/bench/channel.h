/* SPDX-License-Identifier: GPL-2.0 */
/* Making channels, and filling them. */
#ifndef MQBENCH_CHANNEL_H
#define MQBENCH_CHANNEL_H

#include <stddef.h>

#include "peer.h"

/* Why a peer cannot do what the setup asks for, or NULL if it can. */
const char *why_not(const struct peer *peer, const struct setup *setup);

/* Make a channel with a queue of its own; on failure nothing is left of it. */
int channel_open(struct channel *c, const struct peer *peer,
		 const struct setup *setup);

/* The same with a queue that no process has open, if the peer has such queues. */
int channel_idle(struct channel *c, const struct peer *peer,
		 const struct setup *setup);
void channel_close(struct channel *c);

/* Send @count messages, in batches if the setup has them. */
int channel_fill(struct channel *c, size_t count);

/* A name that no other channel has; valid until the next call. */
const char *fresh_name(void);

#endif /* MQBENCH_CHANNEL_H */
