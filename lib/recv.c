// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receiving and browsing, into buffers that grow to fit a large message. */
#include <errno.h>
#include <fcntl.h>

#include "buffer.h"
#include "deadline.h"
#include "queue.h"
#include "wake.h"

/*
 * Fill the buffer by one command, which is tried again after the buffer has grown
 * if there is no room for a single record. RECV and PEEK have the same members for
 * that, at other places in their structures; @_call carries out one of them with
 * @_a. Result: how many messages there are, or an error.
 */
#define lmq_fill(_buffer, _a, _call)					\
({									\
	struct devmq_buffer *_b = (_buffer);				\
	__typeof__(_a) _arg = (_a);					\
	int _err;							\
									\
	lmq_buffer_reset(_b);						\
	do {								\
		_arg->buffer = (uintptr_t)_b->data;			\
		_arg->buffer_size = _b->room;				\
		_arg->count = 0;					\
		_arg->used = 0;						\
		_arg->need = 0;						\
		_err = (_call);						\
		if (_err == -EMSGSIZE)					\
			_err = lmq_buffer_grow(_b, _arg->need) ?: 1;	\
	} while (_err > 0);						\
	_err ? _err : lmq_buffer_take(_b, _arg->used, _arg->count);	\
})

/*
 * RECV, which acknowledges what @a names even if it fails: count that in @acked, and
 * do not name it again.
 */
static int lmq_recv_once(struct devmq_queue *queue, struct devmq_recv *a,
			 uint64_t *acked)
{
	int err = lmq_ioctl(queue, DEVMQ_IOC_RECV, a);

	if (acked) {
		*acked += a->acked;
		a->ack_first_id = 0;
		a->ack_last_id = 0;
		a->acked = 0;
	}
	return err;
}

static int lmq_recv(struct devmq_queue *queue, struct devmq_buffer *buffer,
		    struct devmq_recv *a, uint64_t *acked)
{
	return lmq_fill(buffer, a, lmq_recv_once(queue, a, acked));
}

static bool lmq_may_wait(const struct devmq_queue *queue, uint64_t deadline_ns)
{
	return deadline_ns && !(fcntl(queue->fd, F_GETFL) & O_NONBLOCK);
}

/*
 * Receive through a handle that can be woken: as lmq_recv(), or -ECANCELED after
 * devmq_wake(). The kernel does not wait here, poll(2) does.
 */
static int lmq_recv_or_wake(struct devmq_queue *queue,
			    struct devmq_buffer *buffer, struct devmq_recv *a)
{
	uint64_t deadline_ns = a->deadline_ns;
	int n;

	a->deadline_ns = 0;
	do {
		lmq_buffer_reset(buffer);
		if (lmq_take_wake(queue))
			return -ECANCELED;
		n = lmq_recv(queue, buffer, a, NULL);
		if (n != -EAGAIN || !lmq_may_wait(queue, deadline_ns))
			return n;
		n = lmq_poll(queue, lmq_left_ms(deadline_ns));
	} while (n > 0);
	return n ? n : -ETIMEDOUT;
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
	return lmq_recv(queue, buffer, &a, NULL);
}

/*
 * Let @a acknowledge the messages of the buffer. Return: false if their ids are not one
 * range.
 */
static bool lmq_ack_all(struct devmq_recv *a, const struct devmq_buffer *buffer)
{
	const struct devmq_msg *msg;
	size_t at = 0;
	uint64_t id;
	int err;

	while ((err = lmq_buffer_at(buffer, &at, &msg)) > 0) {
		id = devmq_msg_record(msg)->id;
		if (!a->ack_first_id)
			a->ack_first_id = id;
		else if (id != a->ack_last_id + 1)
			return false;
		a->ack_last_id = id;
	}
	return !err;
}

/*
 * What one call of the kernel cannot do takes two: acknowledge several ranges, wait for
 * the journal, or wait so that devmq_wake() ends it.
 */
LMQ_EXPORT int devmq_ack_recv(struct devmq_queue *queue,
			      struct devmq_buffer *buffer, unsigned int max,
			      int timeout_ms, uint64_t *acked)
{
	struct devmq_recv a = {
		.size = sizeof(a),
		.deadline_ns = lmq_deadline(timeout_ms),
		.max_count = max,
	};
	uint64_t done = 0;
	int ret;

	if (queue->sync || lmq_can_be_woken(queue) ||
	    !lmq_ack_all(&a, buffer)) {
		ret = devmq_ack_buffer(queue, buffer, &done);
		if (!ret || ret == -ESTALE)
			ret = devmq_recv(queue, buffer, max, timeout_ms);
	} else {
		ret = lmq_recv(queue, buffer, &a, &done);
	}
	if (acked)
		*acked = done;
	return ret;
}

LMQ_EXPORT int devmq_recv_deferred(struct devmq_queue *queue,
				   struct devmq_buffer *buffer, uint64_t id)
{
	struct devmq_recv a = {
		.size = sizeof(a),
		.id = id,
	};

	/* To the kernel, an id of zero means any message. */
	if (!id) {
		lmq_buffer_reset(buffer);
		return -EINVAL;
	}
	return lmq_recv(queue, buffer, &a, NULL);
}

static int lmq_peek(struct devmq_queue *queue, struct devmq_buffer *buffer,
		    struct devmq_peek *a)
{
	return lmq_fill(buffer, a, lmq_ioctl(queue, DEVMQ_IOC_PEEK, a));
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
