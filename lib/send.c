// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sending: one message, and batches in as many calls as that takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "queue.h"

/* Messages up to this size are built on the stack. */
#define LMQ_SMALL	1024

/*
 * After -EIO and -EINTR, records may be in the queue that its journal has not
 * confirmed: then the result counts them. After other errors it counts none.
 */
static int lmq_send_records(struct devmq_queue *queue, const void *records,
			    size_t size, struct devmq_send *result)
{
	int err;

	memset(result, 0, sizeof(*result));
	result->size = sizeof(*result);
	result->records = (uintptr_t)records;
	result->records_size = size;
	err = lmq_ioctl(queue, DEVMQ_IOC_SEND, result);
	if (err && err != -EIO && err != -EINTR)
		memset(result, 0, sizeof(*result));
	return err;
}

LMQ_EXPORT int devmq_send(struct devmq_queue *queue, const void *payload,
			  size_t size, uint64_t *id)
{
	union {
		struct devmq_record record;
		unsigned char bytes[LMQ_SMALL];
	} small;
	struct devmq_record *r = &small.record;
	struct devmq_send result;
	size_t all;
	int err;

	if (size > UINT32_MAX - sizeof(*r) - 7)
		return -EMSGSIZE;
	all = sizeof(*r) + size;
	if (all > sizeof(small)) {
		r = malloc(all);
		if (!r)
			return -ENOMEM;
	}
	memset(r, 0, sizeof(*r));
	r->size = all;
	if (size)
		memcpy(r + 1, payload, size);
	err = lmq_send_records(queue, r, all, &result);
	if (r != &small.record)
		free(r);
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
		err = lmq_send_records(queue, batch->data + batch->start,
				       devmq_batch_bytes(batch), &result);
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
