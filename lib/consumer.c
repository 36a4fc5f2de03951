// SPDX-License-Identifier: LGPL-2.1-or-later
/* How an open file receives: acknowledgement, prefetch and lease. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "queue.h"

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

/* The kernel sets all members at once, so read those that are not to change. */
LMQ_EXPORT int devmq_set_ack(struct devmq_queue *queue, enum devmq_ack ack,
			     unsigned int prefetch)
{
	struct devmq_consumer consumer;
	int err = devmq_get_consumer(queue, &consumer, sizeof(consumer));

	if (err)
		return err;
	consumer.ack = ack;
	consumer.prefetch = prefetch;
	return devmq_set_consumer(queue, &consumer, sizeof(consumer));
}

LMQ_EXPORT int devmq_set_lease(struct devmq_queue *queue, uint64_t lease_ns)
{
	struct devmq_consumer consumer;
	int err = devmq_get_consumer(queue, &consumer, sizeof(consumer));

	if (err)
		return err;
	consumer.lease_ns = lease_ns;
	return devmq_set_consumer(queue, &consumer, sizeof(consumer));
}

LMQ_EXPORT int devmq_get_lease(struct devmq_queue *queue, uint64_t *lease_ns)
{
	struct devmq_consumer consumer;
	int err = devmq_get_consumer(queue, &consumer, sizeof(consumer));

	if (!err)
		*lease_ns = consumer.lease_ns;
	return err;
}
