// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sending: one message, and batches in as many calls as that takes. */
#include <errno.h>
#include <string.h>

#include "batch.h"
#include "queue.h"

/* Larger messages cannot be: neither a record's size nor its step may overflow. */
#define LMQ_PAYLOAD_MAX	(UINT32_MAX - sizeof(struct devmq_record) - 7)

/*
 * After -EIO and -EINTR, records may be in the queue that its journal has not
 * confirmed: then the result counts them. After other errors it counts none.
 */
static int lmq_send_bytes(struct devmq_queue *queue, const void *from,
			  size_t size, unsigned int flags,
			  struct devmq_send *result)
{
	int err;

	memset(result, 0, sizeof(*result));
	result->size = sizeof(*result);
	result->flags = flags;
	result->records = (uintptr_t)from;
	result->records_size = size;
	err = lmq_ioctl(queue, DEVMQ_IOC_SEND, result);
	if (err && err != -EIO && err != -EINTR)
		memset(result, 0, sizeof(*result));
	return err;
}

LMQ_EXPORT int devmq_send(struct devmq_queue *queue, const void *payload,
			  size_t size, uint64_t *id)
{
	struct devmq_send result;
	int err;

	if (size > LMQ_PAYLOAD_MAX)
		return -EMSGSIZE;
	err = lmq_send_bytes(queue, payload, size, DEVMQ_SEND_PAYLOAD, &result);
	if (id && (!err || result.count))
		*id = result.first_id;
	return err;
}

LMQ_EXPORT int devmq_send_some(struct devmq_queue *queue,
			       struct devmq_batch *batch, size_t *sent,
			       uint64_t *first_id, bool *duplicate)
{
	struct devmq_send result = { 0 };
	int err = 0;

	if (batch->count)
		err = lmq_send_bytes(queue, batch->data + batch->start,
				     devmq_batch_bytes(batch), 0, &result);
	/* The kernel takes at least one message, or returns an error. */
	if ((!err && batch->count && !result.count) ||
	    result.count > batch->count) {
		err = -EPROTO;
		memset(&result, 0, sizeof(result));
	}
	lmq_batch_sent(batch, result.count);
	*sent = result.count;
	if (first_id)
		*first_id = result.first_id;
	if (duplicate)
		*duplicate = result.result & DEVMQ_SENT_DUP;
	return err;
}

/* A duplicate ends one call of the kernel, and is not an error. */
LMQ_EXPORT int devmq_send_batch(struct devmq_queue *queue,
				struct devmq_batch *batch, size_t *sent,
				uint64_t *first_id, uint64_t *last_id)
{
	uint64_t first = 0, last = 0, id;
	size_t taken = 0, n;
	int err = 0;

	while (batch->count) {
		err = devmq_send_some(queue, batch, &n, &id, NULL);
		if (n && !taken)
			first = id;
		if (n)
			last = id + n - 1;
		taken += n;
		if (err)
			break;
	}
	if (sent)
		*sent = taken;
	if (first_id)
		*first_id = first;
	if (last_id)
		*last_id = last;
	return err;
}
