/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tests of libdevmq with the kernel module: every call, its results and
 * errors. They need the loaded module, and root; each test creates its own
 * queue.
 */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "devmq.h"

/* Only a test that hangs needs so many seconds, but machines are busy. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

#define READY		DEVMQ_STATE_MASK(DEVMQ_STATE_READY)
#define IN_FLIGHT	DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT)
#define DELAYED		DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED)
#define DEFERRED	DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED)
#define DEAD		DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)

FIXTURE(queue) {
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *in, *out;
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(queue)
{
	char reason[256];

	if (access("/dev/mq/control", W_OK))
		SKIP(return, "no /dev/mq/control to write to");
	snprintf(self->name, sizeof(self->name), "lib-test-%d", getpid());
	ASSERT_EQ(0, devmq_create(self->name, "max_messages=100", reason,
				  sizeof(reason))) {
		TH_LOG("%s", reason);
	}
	ASSERT_EQ(0, devmq_open(&self->in, self->name, DEVMQ_OPEN_READ |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_open(&self->out, self->name, DEVMQ_OPEN_WRITE |
				DEVMQ_OPEN_NONBLOCK));
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
}

FIXTURE_TEARDOWN(queue)
{
	devmq_close(self->in);
	devmq_close(self->out);
	devmq_batch_free(self->batch);
	devmq_buffer_free(self->buffer);
	if (self->name[0])
		devmq_remove(self->name, true, NULL, 0);
}

static inline bool payload_is(const struct devmq_msg *msg, const char *text)
{
	size_t size;
	const void *p = devmq_msg_payload(msg, &size);

	return size == strlen(text) && !memcmp(p, text, size);
}

static inline int send_text(struct devmq_queue *q, const char *text)
{
	return devmq_send(q, text, strlen(text), NULL);
}

static inline uint64_t counter(struct devmq_queue *q, size_t offset)
{
	struct devmq_stat st;

	if (devmq_stat(q, &st, sizeof(st)))
		return UINT64_MAX;
	return *(uint64_t *)((char *)&st + offset);
}

#define COUNTER(q, member) counter(q, offsetof(struct devmq_stat, member))

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline int send_numbers(struct devmq_queue *q, int count)
{
	int i, err = 0;

	for (i = 1; !err && i <= count; i++)
		err = devmq_send(q, &i, sizeof(i), NULL);
	return err;
}

#endif /* LIB_TEST_H */
