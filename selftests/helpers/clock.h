/* SPDX-License-Identifier: GPL-2.0 */
/* Clocks, and waiting for a condition rather than for a fixed time. */
#ifndef MQ_TEST_CLOCK_H
#define MQ_TEST_CLOCK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for something that must happen; emulated machines are slow. */
#define MQ_PATIENCE_MS	120000

/* In nanoseconds. No test runs for as long as an hour. */
#define MQ_US		1000ULL
#define MQ_MS		1000000ULL
#define MQ_SECOND	(1000 * MQ_MS)
#define MQ_HOUR		(3600 * MQ_SECOND)

static inline uint64_t mq_clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static inline uint64_t mq_now_ns(void)
{
	return mq_clock_ns(CLOCK_MONOTONIC);
}

/* The clock that measures delays, leases and times to live. */
static inline uint64_t mq_boot_ns(void)
{
	return mq_clock_ns(CLOCK_BOOTTIME);
}

static inline uint64_t mq_now_ms(void)
{
	return mq_now_ns() / 1000000;
}

static inline void mq_sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/*
 * Wait until @condition is true, at most MQ_PATIENCE_MS. Evaluates to its
 * value.
 */
#define mq_wait_until(condition) ({					\
	uint64_t __end = mq_now_ms() + MQ_PATIENCE_MS;			\
	bool __is;							\
									\
	while (!(__is = (condition)) && mq_now_ms() < __end)		\
		usleep(500);						\
	__is;								\
})

/*
 * Is @time about @from nanoseconds after now, in CLOCK_REALTIME? It may be up
 * to a second later, or up to 30 seconds earlier, as the machine may have been
 * slow since @time was set.
 */
static inline bool mq_is_from_now(uint64_t time, uint64_t from)
{
	uint64_t now = mq_clock_ns(CLOCK_REALTIME);

	return time <= now + from + MQ_SECOND &&
	       time + 30 * MQ_SECOND >= now + from;
}

#endif /* MQ_TEST_CLOCK_H */
