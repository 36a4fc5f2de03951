/* SPDX-License-Identifier: GPL-2.0 */
/* Calls and outcomes in words. */
#ifndef PLAY_PRINT_H
#define PLAY_PRINT_H

#include <stddef.h>

#include "model/model.h"
#include "play/world.h"

#define COUNTER(name) { #name, offsetof(struct devmq_stat, name) }

struct counter {
	const char	*name;
	size_t		place;
};

#define COUNTERS	26

extern const struct counter counters[COUNTERS];

/* Queues are called A to H, topics S to V. */
char queue_letter(int queue);

__u64 counter_of(const struct devmq_stat *stat, unsigned int i);
void print_call(const struct world *w, const struct model_call *c);
void print_outcome(const struct world *w, const struct model_call *c,
		   const struct model_outcome *o);

#endif /* PLAY_PRINT_H */
