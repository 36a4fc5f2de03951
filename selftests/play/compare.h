/* SPDX-License-Identifier: GPL-2.0 */
/* Comparing the model with the kernel: outcomes, counters and messages. */
#ifndef PLAY_COMPARE_H
#define PLAY_COMPARE_H

#include <stdbool.h>

#include "play/world.h"

/*
 * How much later than in the model a time may be in the kernel, which reads its
 * clock at some point of a call, or some time after an event was due.
 */
extern __u64 kernel_lag_ns;

/* The time by the kernel, or by the test's own clock if there is no kernel. */
__u64 now_ns(const struct world *w);

void sleep_until(struct world *w, __u64 when);
void print_difference(const struct world *w);

/* Is the message @a of the model the message @b of the kernel? */
bool same_seen(const struct model_seen *a, const struct model_seen *b);

/* Make w->call on both sides: are the outcomes the same? */
bool compare_call(struct world *w, bool verbose);

/* Read the counters and all messages of all queues from the kernel. */
void observe_state(struct world *w);

/* Does the state that was read agree with a model? */
bool state_matches(struct world *w, struct model *m, bool verbose);

/* Let the model adopt all times of the kernel, after the two agreed. */
void adopt_times(struct world *w);

/* Compare the counters, and with @peek all messages, of all queues. */
bool compare_state(struct world *w, bool peek, bool verbose);

#endif /* PLAY_COMPARE_H */
