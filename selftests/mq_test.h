/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test program begins with: the kernel's harness, queues, and the
 * question whether there is a module to test.
 *
 * helpers/ has the rest, a header a concern.  Every helper that can fail returns
 * a negative errno.  Functions assert nothing: the tests do, where the reader sees
 * what they expect.  Only macros that say so in their name or comment assert.
 */
#ifndef MQ_TEST_H
#define MQ_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "kselftest_harness.h"

#include "helpers/queue.h"

/*
 * How many seconds a test may take.  Only a test that hangs needs them: tests
 * wait for conditions, but a debug kernel on an emulated machine is slow, and a
 * busy machine makes it several times slower.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

/* Skip without a module to test, or without permission to test it. */
#define MQ_REQUIRE() do {						\
	if (access(MQ_CONTROL, W_OK))					\
		SKIP(return, "no write access to " MQ_CONTROL ": %s",	\
		     strerror(errno));					\
} while (0)

/*
 * Skip if the clock goes on while the machine waits for the host: a test that
 * compares times would depend on how busy the host is. ../check runs such tests
 * in a machine whose clock counts instructions.
 */
#define MQ_REQUIRE_VIRTUAL_TIME() do {					\
	if (!getenv("VIRTUAL_TIME"))					\
		SKIP(return, "compares times, and the clock is real");	\
} while (0)

/* Is this a debug kernel, one with lockdep?  It is many times slower. */
static inline bool mq_is_debug_kernel(void)
{
	return !access("/proc/lockdep", F_OK);
}

#endif /* MQ_TEST_H */
