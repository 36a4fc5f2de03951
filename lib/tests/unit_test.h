/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tests of libdevmq without a kernel module: a fake kernel answers the
 * ioctls. They are built with sanitizers, and every buffer is exactly as large
 * as its contents.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "internal.h"
#include "batch.h"
#include "buffer.h"
#include "queue.h"

static int (*kernel)(unsigned long command, void *arg);
static int kernel_calls;

int __wrap_ioctl(int fd, unsigned long command, void *arg);

int __wrap_ioctl(int fd, unsigned long command, void *arg)
{
	int err = kernel(command, arg);

	kernel_calls++;
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

/* How many more allocations succeed before all fail; -1: none fails. */
static int allocations = -1;

static inline bool allocation_fails(void)
{
	if (allocations < 0)
		return false;
	if (!allocations)
		return true;
	allocations--;
	return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(p, size);
}

struct devmq_queue queue = {
	.fd = -1, .wake_fd = -1, .name = "pretended",
};

/* Put bytes into a buffer of exactly that size, as if received. */
static inline struct devmq_buffer *load(const void *bytes, size_t size, size_t count)
{
	struct devmq_buffer *buffer;

	if (devmq_buffer_new(&buffer, size ? size : 1))
		abort();
	if (size)
		memcpy(buffer->data, bytes, size);
	if (lmq_buffer_take(buffer, size, count) != (int)count)
		abort();
	return buffer;
}

static inline struct devmq_buffer *load_batch(const struct devmq_batch *batch)
{
	const void *first = "";

	if (batch->data)
		first = batch->data + batch->start;
	return load(first, devmq_batch_bytes(batch), devmq_batch_count(batch));
}

/* Call every accessor of a message, so that the sanitizers check them. */
static inline uint64_t touch(const struct devmq_msg *msg)
{
	struct devmq_header_view header;
	uint64_t sum = 0, since;
	char name[DEVMQ_NAME_SIZE];
	const unsigned char *p;
	size_t size, cursor = 0, i;
	uint32_t pid;

	p = devmq_msg_payload(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = devmq_msg_key(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = devmq_msg_dedup_id(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	while (devmq_msg_next_header(msg, &cursor, &header)) {
		for (i = 0; i < header.name_size; i++)
			sum += header.name[i];
		p = header.value;
		for (i = 0; i < header.value_size; i++)
			sum += p[i];
	}
	sum += devmq_msg_full_size(msg);
	p = devmq_msg_note(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = (const void *)devmq_msg_origin(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = (const void *)devmq_msg_topic(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	sum += devmq_msg_topic_id(msg) + devmq_msg_origin_id(msg) + devmq_msg_reason(msg) +
	       devmq_msg_due_ns(msg) + devmq_msg_expires_ns(msg);
	if (devmq_msg_holder(msg, &pid, &since))
		sum += pid + since;
	devmq_msg_reply_to(msg, name, sizeof(name));
	devmq_msg_content_type(msg, &size);
	devmq_msg_correlation_id(msg, NULL);
	return sum + devmq_msg_id(msg) + devmq_msg_attempt(msg);
}

FIXTURE(batch) {
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(batch)
{
	self->buffer = NULL;
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
}

FIXTURE_TEARDOWN(batch)
{
	devmq_buffer_free(self->buffer);
	devmq_batch_free(self->batch);
}

static inline bool is(const void *p, size_t size, const char *text)
{
	return size == strlen(text) && (!size || !memcmp(p, text, size));
}

static struct devmq_consumer mode;

static inline int has_a_mode(unsigned long command, void *arg)
{
	struct devmq_consumer *c = arg;

	if (command != DEVMQ_IOC_CONSUMER || c->size != sizeof(*c))
		return -EINVAL;
	if (c->flags & DEVMQ_CONSUMER_SET) {
		mode.ack = c->ack;
		mode.prefetch = c->prefetch;
		mode.lease_ns = c->lease_ns;
	}
	c->ack = mode.ack;
	c->prefetch = mode.prefetch;
	c->lease_ns = mode.lease_ns;
	return 0;
}

#endif /* UNIT_TEST_H */
