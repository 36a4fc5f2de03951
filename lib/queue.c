// SPDX-License-Identifier: LGPL-2.1-or-later
/* Queue handles: opening, and closing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node.h"
#include "queue.h"

#define LMQ_OPEN_FLAGS	(DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE | \
			 DEVMQ_OPEN_LOOK | DEVMQ_OPEN_NONBLOCK | \
			 DEVMQ_OPEN_EXCLUSIVE | DEVMQ_OPEN_SYNC)

int lmq_ioctl(const struct devmq_queue *queue, unsigned long command,
	      void *arg)
{
	return ioctl(queue->fd, command, arg) < 0 ? -errno : 0;
}

static int lmq_open_flags(unsigned int flags)
{
	int result = O_CLOEXEC;

	if (flags & ~LMQ_OPEN_FLAGS)
		return -EINVAL;
	switch (flags & (DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE |
			 DEVMQ_OPEN_LOOK)) {
	case DEVMQ_OPEN_READ:
		result |= O_RDONLY;
		break;
	case DEVMQ_OPEN_WRITE:
		result |= O_WRONLY;
		break;
	case DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE:
		result |= O_RDWR;
		break;
	case DEVMQ_OPEN_LOOK:
		result |= O_ACCMODE;
		break;
	default:
		return -EINVAL;
	}
	if (flags & DEVMQ_OPEN_NONBLOCK)
		result |= O_NONBLOCK;
	if (flags & DEVMQ_OPEN_EXCLUSIVE)
		result |= O_EXCL;
	if (flags & DEVMQ_OPEN_SYNC)
		result |= O_DSYNC;
	return result;
}

/*
 * Open a path that leads to a queue. To open another file may have effects, so
 * look at the file before it is opened; and look again after, as it may have
 * been replaced. A @name that is not empty is the one that @path was made of.
 */
static int lmq_open_path(const char *path, int flags,
			 char name[DEVMQ_NAME_SIZE])
{
	struct stat before, after;
	int fd, err = 0;

	if (!*name || !lmq_is_known_node(path, &before)) {
		if (stat(path, &before))
			return -errno;
		err = lmq_check_queue(&before, name);
	}
	if (err)
		return err;
	fd = open(path, flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &after))
		err = -errno;
	else if (!S_ISCHR(after.st_mode) || after.st_rdev != before.st_rdev)
		err = lmq_check_queue(&after, name);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

LMQ_EXPORT int devmq_open(struct devmq_queue **queue, const char *name,
			  unsigned int flags)
{
	char path[sizeof(LMQ_DEV_DIR) + DEVMQ_NAME_MAX];
	int open_flags = lmq_open_flags(flags);
	bool is_path = strchr(name, '/');
	struct devmq_queue *q;
	int err;

	if (open_flags < 0)
		return open_flags;
	if (!is_path) {
		err = devmq_check_name(name);
		if (err)
			return err;
		snprintf(path, sizeof(path), LMQ_DEV_DIR "%s", name);
	}
	q = malloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	snprintf(q->name, sizeof(q->name), "%s", is_path ? "" : name);
	q->wake_fd = -1;
	q->sync = flags & DEVMQ_OPEN_SYNC;
	q->fd = lmq_open_path(is_path ? name : path, open_flags, q->name);
	if (q->fd < 0) {
		err = q->fd;
		free(q);
		return err;
	}
	*queue = q;
	return 0;
}

LMQ_EXPORT int devmq_open_fd(struct devmq_queue **queue, int fd)
{
	struct devmq_stat snapshot = { .size = sizeof(snapshot) };
	struct devmq_queue *q;
	struct stat st;
	int flags, err;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st))
		return -errno;
	q = malloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->fd = fd;
	q->wake_fd = -1;
	q->sync = flags & O_DSYNC;
	err = lmq_check_queue(&st, q->name);
	/* A removed queue's number may already be another one's. */
	if (!err)
		err = lmq_ioctl(q, DEVMQ_IOC_STAT, &snapshot);
	if (err) {
		free(q);
		return err;
	}
	*queue = q;
	return 0;
}

LMQ_EXPORT void devmq_close(struct devmq_queue *queue)
{
	if (!queue)
		return;
	if (lmq_can_be_woken(queue))
		close(queue->wake_fd);
	close(queue->fd);
	free(queue);
}

LMQ_EXPORT int devmq_fd(const struct devmq_queue *queue)
{
	return queue->fd;
}

LMQ_EXPORT const char *devmq_name(const struct devmq_queue *queue)
{
	return queue->name;
}
