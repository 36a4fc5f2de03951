// SPDX-License-Identifier: LGPL-2.1-or-later
/* Timeouts in milliseconds, and the deadlines that the kernel takes. */
#include <time.h>

#include "deadline.h"

uint64_t lmq_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t lmq_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return DEVMQ_FOREVER;
	if (!timeout_ms)
		return 0;
	return lmq_now() + (uint64_t)timeout_ms * 1000000;
}

int lmq_left_ms(uint64_t deadline_ns)
{
	uint64_t now = lmq_now(), ms;

	if (deadline_ns == DEVMQ_FOREVER)
		return -1;
	if (deadline_ns <= now)
		return 0;
	ms = (deadline_ns - now + 999999) / 1000000;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}
