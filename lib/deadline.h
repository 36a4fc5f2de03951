/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timeouts in milliseconds, and the deadlines that the kernel takes. */
#ifndef LIBDEVMQ_DEADLINE_H
#define LIBDEVMQ_DEADLINE_H

#include "internal.h"

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t lmq_now(void);

/*
 * When a timeout that begins now ends, in nanoseconds of CLOCK_MONOTONIC: zero
 * for no time at all, DEVMQ_FOREVER for a negative timeout, which has no end.
 */
uint64_t lmq_deadline(int timeout_ms);

/* Milliseconds left until a deadline, rounded up; negative: without end. */
int lmq_left_ms(uint64_t deadline_ns);

#endif /* LIBDEVMQ_DEADLINE_H */
