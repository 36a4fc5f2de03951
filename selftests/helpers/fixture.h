/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What most fixtures set up: a queue, and one or two descriptors of it.  The
 * macros assert, as the fixtures that use them do, and use the members queue,
 * fd, other and stat of the fixture.
 */
#ifndef MQ_TEST_FIXTURE_H
#define MQ_TEST_FIXTURE_H

#include <fcntl.h>
#include <unistd.h>

#include "mq_test.h"

/* What a received record with 1 to 8 bytes of payload takes. */
#define MQ_SMALL	(sizeof(struct devmq_record) + 8)

/* A new descriptor of self->queue, or the test fails. */
#define MQ_OPEN(member, flags) do {					\
	self->member = mq_open(&self->queue, flags);			\
	ASSERT_LE(0, self->member);					\
} while (0)

/* Create self->queue and open self->fd, which does not wait. */
#define MQ_OPEN_QUEUE(...) do {						\
	ASSERT_EQ(0, mq_create(&self->queue, __VA_ARGS__));		\
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);				\
} while (0)

/* The same with self->other, another descriptor like self->fd. */
#define MQ_OPEN_PAIR(...) do {						\
	MQ_OPEN_QUEUE(__VA_ARGS__);					\
	MQ_OPEN(other, O_RDWR | O_NONBLOCK);				\
} while (0)

/* Go on with another queue instead of the one of self->fd. */
#define MQ_REOPEN_QUEUE(...) do {					\
	close(self->fd);						\
	MQ_OPEN_QUEUE(__VA_ARGS__);					\
} while (0)

/* Go on with another queue instead of the one of self->fd and self->other. */
#define MQ_REOPEN_PAIR(...) do {					\
	close(self->fd);						\
	close(self->other);						\
	MQ_OPEN_PAIR(__VA_ARGS__);					\
} while (0)

/* Take a snapshot of a queue, whose counters have to add up. */
#define MQ_STAT(queue) do {						\
	ASSERT_EQ(0, mq_stat(queue, &self->stat));			\
	EXPECT_TRUE(mq_conserved(&self->stat));				\
} while (0)

#endif /* MQ_TEST_FIXTURE_H */
