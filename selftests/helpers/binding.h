/* SPDX-License-Identifier: GPL-2.0 */
/* The bindings of a topic. */
#ifndef MQ_TEST_BINDING_H
#define MQ_TEST_BINDING_H

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "helpers/call.h"
#include "helpers/clock.h"
#include "helpers/queue.h"

static inline int ioctl_bindings(int fd, void *buffer, size_t size,
				 uint64_t after_id,
				 struct devmq_bindings *bindings)
{
	memset(buffer, MQ_POISON, size);
	memset(bindings, MQ_POISON, sizeof(*bindings));
	bindings->size = sizeof(*bindings);
	bindings->flags = 0;
	bindings->buffer = (uintptr_t)buffer;
	bindings->buffer_size = size;
	bindings->after_id = after_id;
	bindings->max_count = 0;
	return mq_ioctl(fd, DEVMQ_IOC_BINDINGS, bindings);
}

/* The binding of a topic with this number; its filter is at *@filter. */
static inline int binding_of(const struct mq_queue *topic, uint64_t id,
			     struct devmq_binding *binding, char *filter,
			     size_t size)
{
	struct devmq_bindings bindings;
	char buffer[8192];
	int error, fd = mq_open(topic, MQ_LOOK);

	if (fd < 0)
		return fd;
	error = ioctl_bindings(fd, buffer, sizeof(buffer), id - 1, &bindings);
	close(fd);
	if (error)
		return error;
	memcpy(binding, buffer, sizeof(*binding));
	if (!bindings.count || binding->id != id)
		return -ENOENT;
	if (filter)
		memcpy(filter, buffer + binding->size - binding->filter_size,
		       binding->filter_size < size ? binding->filter_size :
		       size);
	return 0;
}

/*
 * Wait until a binding with start= has copied all, and the journal keeps it. All copies
 * are in the queue some time before that.
 */
static inline bool binding_gets_level(const struct mq_queue *topic, uint64_t id)
{
	struct devmq_binding binding;

	return mq_wait_until(!binding_of(topic, id, &binding, NULL, 0) &&
			     !binding.behind);
}

#endif /* MQ_TEST_BINDING_H */
