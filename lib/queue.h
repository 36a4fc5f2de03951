/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An open queue. */
#ifndef LIBDEVMQ_QUEUE_H
#define LIBDEVMQ_QUEUE_H

#include "internal.h"

/**
 * struct devmq_queue - an open queue
 * @fd: the descriptor, closed with the handle
 * @wake_fd: the eventfd that devmq_wake() writes to, closed with the handle, or
 *	-1. Another thread may set it at any time, so read it by lmq_wake_fd()
 * @sync: settling waits for the journal, as sending does by O_DSYNC
 * @name: the queue's name
 *
 * Only @wake_fd changes after the queue was opened.
 */
struct devmq_queue {
	int	fd;
	int	wake_fd;
	bool	sync;
	char	name[DEVMQ_NAME_SIZE];
};

/* ioctl(2) on the queue: 0 or a negative errno. */
int lmq_ioctl(const struct devmq_queue *queue, unsigned long command,
	      void *arg);

static inline int lmq_wake_fd(const struct devmq_queue *queue)
{
	return __atomic_load_n(&queue->wake_fd, __ATOMIC_ACQUIRE);
}

static inline bool lmq_can_be_woken(const struct devmq_queue *queue)
{
	return lmq_wake_fd(queue) >= 0;
}

#endif /* LIBDEVMQ_QUEUE_H */
