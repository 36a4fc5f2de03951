// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waking a thread that waits for a message. The kernel's part of a queue has no
 * call for that. So a handle that can be woken has an eventfd as well, and a thread
 * waits for both by poll(2). The eventfd keeps a wake-up until a thread reads
 * it, so a wake-up that comes before the wait is not lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue.h"
#include "wake.h"

LMQ_EXPORT int devmq_enable_wake(struct devmq_queue *queue)
{
	int none = -1, fd;

	if (lmq_can_be_woken(queue))
		return 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (fd < 0)
		return -errno;
	/* Another thread may have set its own in the meantime. */
	if (!__atomic_compare_exchange_n(&queue->wake_fd, &none, fd, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		close(fd);
	return 0;
}

/* Calls only write(2), and leaves errno alone: a signal handler may call it. */
LMQ_EXPORT int devmq_wake(struct devmq_queue *queue)
{
	int fd = lmq_wake_fd(queue), saved = errno, err = 0;
	const uint64_t one = 1;

	if (fd < 0)
		return -EINVAL;
	if (write(fd, &one, sizeof(one)) < 0)
		err = -errno;
	errno = saved;
	return err;
}

bool lmq_take_wake(const struct devmq_queue *queue)
{
	uint64_t one;

	return read(lmq_wake_fd(queue), &one, sizeof(one)) == sizeof(one);
}

int lmq_poll(const struct devmq_queue *queue, int timeout_ms)
{
	/* poll(2) takes no notice of a descriptor that is -1. */
	struct pollfd fds[] = {
		{ .fd = queue->fd, .events = POLLIN },
		{ .fd = lmq_wake_fd(queue), .events = POLLIN },
	};
	int n = poll(fds, 2, timeout_ms);

	return n < 0 ? -errno : n;
}
