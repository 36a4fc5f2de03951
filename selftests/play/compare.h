/* SPDX-License-Identifier: GPL-2.0 */
/* Comparing the model with the kernel: outcomes, counters and messages. */
#ifndef PLAY_COMPARE_H
#define PLAY_COMPARE_H

#include <stdbool.h>

#include "play/world.h"

/*
 * Times are when the kernel looked at its clock, somewhen during a call, or after
 * something was due: so much later than what the model takes them for, at most.
 */
extern __u64 kernel_lag_ns;

/* Without a kernel time is what the test makes it. */
__u64 now_ns(const struct world *w);

void sleep_until(struct world *w, __u64 when);
void print_difference(const struct world *w);

/* Do both sides do the same at w->call? */
bool compare_call(struct world *w, bool verbose);

/* The counters, and all messages, of all queues, as the kernel has them. */
void observe_state(struct world *w);

/* Is that what a model says? */
bool state_matches(struct world *w, struct model *m, bool verbose);

/* The two agree: let the model have all times from the kernel. */
void adopt_times(struct world *w);

/* The counters, and with @peek all messages, of all queues. */
bool compare_state(struct world *w, bool peek, bool verbose);

#endif /* PLAY_COMPARE_H */
