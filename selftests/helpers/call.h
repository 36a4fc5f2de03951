/* SPDX-License-Identifier: GPL-2.0 */
/* System calls, which return a negative errno on failure. */
#ifndef MQ_TEST_CALL_H
#define MQ_TEST_CALL_H

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "helpers/clock.h"

/* Tests fill the memory for a call's results with this byte before the call. */
#define MQ_POISON	0xa5

/* An address at which nothing is ever mapped. */
#define MQ_BAD_POINTER	((void *)16)

static inline ssize_t mq_write(int fd, const void *data, size_t size)
{
	ssize_t done = write(fd, data, size);

	return done < 0 ? -errno : done;
}

static inline ssize_t mq_read(int fd, void *data, size_t size)
{
	ssize_t done = read(fd, data, size);

	return done < 0 ? -errno : done;
}

/* Send a string without its terminating null byte. */
static inline ssize_t mq_put(int fd, const char *text)
{
	return mq_write(fd, text, strlen(text));
}

/*
 * Read a message and compare it with @text. Returns 0 if they are equal,
 * -EBADMSG if they differ, or the negative errno of the read.
 */
static inline int mq_get(int fd, const char *text)
{
	char data[4096];
	ssize_t done;

	memset(data, MQ_POISON, sizeof(data));
	done = mq_read(fd, data, sizeof(data) - 1);
	if (done < 0)
		return done;
	data[done] = '\0';
	if (done == (ssize_t)strlen(text) && !memcmp(data, text, done))
		return 0;
	fprintf(stderr, "# read \"%s\" instead of \"%s\"\n", data, text);
	return -EBADMSG;
}

/*
 * Positive results are returned unchanged, so a test that expects 0 sees them.
 */
static inline int mq_ioctl(int fd, unsigned long command, void *argument)
{
	int done = ioctl(fd, command, argument);

	return done < 0 ? -errno : done;
}

/* The events that poll() reports without waiting. */
static inline int mq_poll(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (poll(&poll_fd, 1, 0) < 0)
		return -errno;
	return poll_fd.revents;
}

/*
 * Wait for one of @events. Returns all events that poll() reports, 0 on
 * timeout.
 */
static inline int mq_poll_wait(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (poll(&poll_fd, 1, MQ_PATIENCE_MS) < 0)
		return -errno;
	return poll_fd.revents;
}

/* The number of bytes that FIONREAD reports, or a negative errno. */
static inline int mq_fionread(int fd)
{
	int bytes = -1;

	return ioctl(fd, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

/*
 * The CPU time in nanoseconds that this thread needs to send and receive one
 * message on a non-blocking descriptor, the minimum of many tries. Returns
 * UINT64_MAX if a call failed.
 */
static inline uint64_t mq_message_cost(int fd)
{
	uint64_t best = UINT64_MAX, begin;
	char data[8];
	int i, n;

	for (i = 0; i < 50; i++) {
		begin = mq_clock_ns(CLOCK_THREAD_CPUTIME_ID);
		for (n = 0; n < 20; n++)
			if (mq_put(fd, "x") != 1 ||
			    mq_read(fd, data, sizeof(data)) != 1)
				return UINT64_MAX;
		begin = (mq_clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / 20;
		best = begin < best ? begin : best;
	}
	return best;
}

/* Send @count messages "m1", "m2"... Returns 0 or a negative errno. */
static inline int mq_fill(int fd, unsigned int count)
{
	unsigned int i;
	char text[32];
	ssize_t done;

	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		done = mq_put(fd, text);
		if (done < 0)
			return done;
		if (done != (ssize_t)strlen(text))
			return -EIO;
	}
	return 0;
}

#endif /* MQ_TEST_CALL_H */
