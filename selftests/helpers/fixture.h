/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Setup that most fixtures share: a queue, and one or two descriptors of it.
 * The macros use the members queue, fd, other and stat of the fixture, and
 * contain assertions.
 */
#ifndef MQ_TEST_FIXTURE_H
#define MQ_TEST_FIXTURE_H

#include <fcntl.h>
#include <unistd.h>

#include "mq_test.h"

/* The size of a received record with 1 to 8 bytes of payload. */
#define MQ_SMALL	(sizeof(struct devmq_record) + 8)

/* Open self->queue, or fail the test. */
#define MQ_OPEN(member, flags) do {					\
	self->member = mq_open(&self->queue, flags);			\
	ASSERT_LE(0, self->member);					\
} while (0)

/* Create self->queue and open self->fd, which is non-blocking. */
#define MQ_OPEN_QUEUE(...) do {						\
	ASSERT_EQ(0, mq_create(&self->queue, __VA_ARGS__));		\
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);				\
} while (0)

/* The same, and open self->other like self->fd. */
#define MQ_OPEN_PAIR(...) do {						\
	MQ_OPEN_QUEUE(__VA_ARGS__);					\
	MQ_OPEN(other, O_RDWR | O_NONBLOCK);				\
} while (0)

/* Close self->fd, and create and open a new queue. */
#define MQ_REOPEN_QUEUE(...) do {					\
	close(self->fd);						\
	MQ_OPEN_QUEUE(__VA_ARGS__);					\
} while (0)

/* Close self->fd and self->other, and create and open a new queue. */
#define MQ_REOPEN_PAIR(...) do {					\
	close(self->fd);						\
	close(self->other);						\
	MQ_OPEN_PAIR(__VA_ARGS__);					\
} while (0)

/* Read a queue's counters into self->stat, and check that they add up. */
#define MQ_STAT(queue) do {						\
	ASSERT_EQ(0, mq_stat(queue, &self->stat));			\
	EXPECT_TRUE(mq_conserved(&self->stat));				\
} while (0)

#endif /* MQ_TEST_FIXTURE_H */
