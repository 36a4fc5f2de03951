// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receiving and browsing, with buffers that grow to what there is. */
#include <errno.h>
#include <time.h>

#include "internal.h"

uint64_t lmq_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The time of CLOCK_MONOTONIC in so many milliseconds. */
uint64_t lmq_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return DEVMQ_FOREVER;
	if (!timeout_ms)
		return 0;
	return lmq_now() + (uint64_t)timeout_ms * 1000000;
}

/* Milliseconds that are left, rounded up; negative: without end. */
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

int lmq_recv(struct devmq_queue *queue, struct devmq_buffer *buffer,
	     struct devmq_recv *a)
{
	int err;

	lmq_buffer_reset(buffer);
	do {
		a->buffer = (uintptr_t)buffer->data;
		a->buffer_size = buffer->room;
		a->count = 0;
		a->used = 0;
		a->need = 0;
		err = lmq_ioctl(queue, DEVMQ_IOC_RECV, a);
		if (!err)
			return lmq_buffer_take(buffer, a->used, a->count);
		if (err == -EMSGSIZE)
			err = lmq_buffer_grow(buffer, a->need);
	} while (!err);
	return err;
}

LMQ_EXPORT int devmq_recv(struct devmq_queue *queue,
			  struct devmq_buffer *buffer, unsigned int max,
			  int timeout_ms)
{
	struct devmq_recv a = {
		.size = sizeof(a),
		.deadline_ns = lmq_deadline(timeout_ms),
		.max_count = max,
	};

	if (lmq_can_be_woken(queue))
		return lmq_recv_or_wake(queue, buffer, &a);
	return lmq_recv(queue, buffer, &a);
}

LMQ_EXPORT int devmq_recv_deferred(struct devmq_queue *queue,
				   struct devmq_buffer *buffer, uint64_t id)
{
	struct devmq_recv a = {
		.size = sizeof(a),
		.id = id,
	};

	/* To the kernel, zero is no id, but any message. */
	if (!id) {
		lmq_buffer_reset(buffer);
		return -EINVAL;
	}
	return lmq_recv(queue, buffer, &a);
}

static int lmq_peek(struct devmq_queue *queue, struct devmq_buffer *buffer,
		    struct devmq_peek *a)
{
	int err;

	lmq_buffer_reset(buffer);
	do {
		a->buffer = (uintptr_t)buffer->data;
		a->buffer_size = buffer->room;
		a->count = 0;
		a->used = 0;
		a->need = 0;
		err = lmq_ioctl(queue, DEVMQ_IOC_PEEK, a);
		if (!err)
			return lmq_buffer_take(buffer, a->used, a->count);
		if (err == -EMSGSIZE)
			err = lmq_buffer_grow(buffer, a->need);
	} while (!err);
	return err;
}

LMQ_EXPORT int devmq_peek(struct devmq_queue *queue,
			  struct devmq_buffer *buffer, uint64_t after_id,
			  unsigned int states, unsigned int max,
			  uint64_t payload_max)
{
	struct devmq_peek a = {
		.size = sizeof(a),
		.after_id = after_id,
		.states = states,
		.max_count = max,
		.payload_max = payload_max,
	};

	return lmq_peek(queue, buffer, &a);
}

LMQ_EXPORT int devmq_peek_held(struct devmq_queue *queue,
			       struct devmq_buffer *buffer, uint64_t after_id,
			       unsigned int max, uint64_t payload_max)
{
	struct devmq_peek a = {
		.size = sizeof(a),
		.flags = DEVMQ_PEEK_HELD,
		.after_id = after_id,
		.max_count = max,
		.payload_max = payload_max,
	};

	return lmq_peek(queue, buffer, &a);
}
