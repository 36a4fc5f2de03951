// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the machine is, as the durations of a sequence have to know.
 */
#include "play/pace.h"

__u64 calm_ms = 40;

__u64 short_ms = 40;
