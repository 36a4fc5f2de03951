/* SPDX-License-Identifier: GPL-2.0 */
/* How fast the machine is, as the durations of a sequence have to know. */
#ifndef PLAY_PACE_H
#define PLAY_PACE_H

#include <linux/types.h>

#define OPS_MAX		400	/* operations of one sequence */
#define LONG_MS		(3 * 3600 * 1000ULL)
#define NSEC_PER_MSEC	1000000ULL

/* The longest that a short duration may get. */
#define SHORT_MAX	1280

/* A call takes at most one part in SLOP_SHARE of a short duration, mostly. */
#define SLOP_SHARE	10

/* How long a short duration is on a machine that is not busy. */
extern __u64 calm_ms;

/* How long a short duration is now. */
extern __u64 short_ms;

/* How late a timer may be, and how much clocks may differ. */
#define GUARD_NS	NSEC_PER_MSEC

#endif /* PLAY_PACE_H */
