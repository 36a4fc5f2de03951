/* SPDX-License-Identifier: GPL-2.0 */
/* The table of peers. */
#ifndef MQBENCH_PEERS_H
#define MQBENCH_PEERS_H

#include "peer.h"

/* All peers; ends with NULL. */
extern const struct peer *const peers[];

/* The peer of that name, or NULL. */
const struct peer *find_peer(const char *name);

#endif /* MQBENCH_PEERS_H */
