// SPDX-License-Identifier: LGPL-2.1-or-later
/* Settling deliveries, and the consumer's mode that makes it needed. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Settlements of one call when a buffer is settled. */
#define LMQ_RANGES	256

static int lmq_settle_some(struct devmq_queue *queue,
			   struct devmq_settlement *settlements,
			   uint32_t count, uint64_t *settled)
{
	struct devmq_settle a = {
		.size = sizeof(a),
		.settlements = (uintptr_t)settlements,
		.count = count,
	};
	int err = lmq_ioctl(queue, DEVMQ_IOC_SETTLE, &a);

	*settled += a.settled;
	return err;
}

LMQ_EXPORT int devmq_settle(struct devmq_queue *queue,
			    struct devmq_settlement *settlements,
			    size_t count, uint64_t *settled)
{
	uint64_t done = 0;
	int first = 0, err;
	size_t n;

	while (count) {
		n = count < DEVMQ_SETTLE_MAX ? count : DEVMQ_SETTLE_MAX;
		err = lmq_settle_some(queue, settlements, n, &done);
		if (!first)
			first = err;
		if (err && err != -ESTALE)
			break;
		settlements += n;
		count -= n;
	}
	if (settled)
		*settled = done;
	return first;
}

static int lmq_settle_one(struct devmq_queue *queue, uint64_t id,
			  enum devmq_action action)
{
	struct devmq_settlement s = {
		.first_id = id,
		.last_id = id,
		.action = action,
	};

	return devmq_settle(queue, &s, 1, NULL);
}

LMQ_EXPORT int devmq_ack(struct devmq_queue *queue, uint64_t id)
{
	return lmq_settle_one(queue, id, DEVMQ_ACTION_ACK);
}

LMQ_EXPORT int devmq_release(struct devmq_queue *queue, uint64_t id)
{
	return lmq_settle_one(queue, id, DEVMQ_ACTION_RELEASE);
}

/*
 * Fill @ranges with the ids of messages from *@offset on. Only neighbours
 * share a range: between others there may be deliveries that are not in this
 * buffer. Return: how many ranges, or -EBADMSG.
 */
static int lmq_ranges(const struct devmq_buffer *buffer, size_t *offset,
		      enum devmq_action action,
		      struct devmq_settlement ranges[LMQ_RANGES],
		      uint64_t *messages)
{
	const struct devmq_msg *msg;
	size_t at = *offset;
	uint64_t id;
	int n = 0, err;

	while ((err = lmq_buffer_at(buffer, &at, &msg)) > 0) {
		id = devmq_msg_id(msg);
		if (n && ranges[n - 1].last_id + 1 == id) {
			ranges[n - 1].last_id = id;
		} else if (n == LMQ_RANGES) {
			break;
		} else {
			memset(&ranges[n], 0, sizeof(ranges[n]));
			ranges[n].first_id = id;
			ranges[n].last_id = id;
			ranges[n++].action = action;
		}
		++*messages;
		*offset = at;
	}
	return n || err >= 0 ? n : err;
}

/* Settle the messages of a buffer from an offset on. */
static int lmq_settle_buffer(struct devmq_queue *queue,
			     const struct devmq_buffer *buffer, size_t offset,
			     enum devmq_action action, uint64_t *settled)
{
	struct devmq_settlement ranges[LMQ_RANGES];
	uint64_t messages = 0, done = 0;
	int first = 0, err, n;

	while ((n = lmq_ranges(buffer, &offset, action, ranges,
			       &messages)) > 0) {
		err = lmq_settle_some(queue, ranges, n, &done);
		if (!first)
			first = err;
		if (err && err != -ESTALE)
			break;
	}
	if (!first && n < 0)
		first = n;
	/* A range is no error so long as one of it was there. */
	if (!first && done != messages)
		first = -ESTALE;
	if (settled)
		*settled = done;
	return first;
}

LMQ_EXPORT int devmq_ack_buffer(struct devmq_queue *queue,
				const struct devmq_buffer *buffer,
				uint64_t *settled)
{
	return lmq_settle_buffer(queue, buffer, 0, DEVMQ_ACTION_ACK, settled);
}

LMQ_EXPORT int devmq_release_buffer(struct devmq_queue *queue,
				    const struct devmq_buffer *buffer,
				    uint64_t *settled)
{
	return lmq_settle_buffer(queue, buffer, 0, DEVMQ_ACTION_RELEASE,
				 settled);
}

LMQ_EXPORT int devmq_release_rest(struct devmq_queue *queue,
				  const struct devmq_buffer *buffer,
				  uint64_t *settled)
{
	return lmq_settle_buffer(queue, buffer, buffer->next,
				 DEVMQ_ACTION_RELEASE, settled);
}

LMQ_EXPORT int devmq_get_consumer(struct devmq_queue *queue,
				  struct devmq_consumer *consumer, size_t size)
{
	if (size < offsetof(struct devmq_consumer, ack) || size > UINT32_MAX)
		return -EINVAL;
	memset(consumer, 0, size);
	consumer->size = size;
	return lmq_ioctl(queue, DEVMQ_IOC_CONSUMER, consumer);
}

LMQ_EXPORT int devmq_set_consumer(struct devmq_queue *queue,
				  struct devmq_consumer *consumer, size_t size)
{
	if (size < offsetof(struct devmq_consumer, ack) || size > UINT32_MAX)
		return -EINVAL;
	consumer->size = size;
	consumer->flags = DEVMQ_CONSUMER_SET;
	return lmq_ioctl(queue, DEVMQ_IOC_CONSUMER, consumer);
}

LMQ_EXPORT int devmq_set_ack(struct devmq_queue *queue, enum devmq_ack ack,
			     unsigned int prefetch)
{
	struct devmq_consumer consumer = {
		.ack = ack,
		.prefetch = prefetch,
	};

	return devmq_set_consumer(queue, &consumer, sizeof(consumer));
}
