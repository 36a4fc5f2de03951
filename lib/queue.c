// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Queue handles: opening, and being sure that what was opened is a queue
 * before any ioctl is sent there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

#define LMQ_OPEN_FLAGS	(DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE | \
			 DEVMQ_OPEN_LOOK | DEVMQ_OPEN_NONBLOCK | \
			 DEVMQ_OPEN_EXCLUSIVE)

int lmq_ioctl(const struct devmq_queue *queue, unsigned long command,
	      void *arg)
{
	return ioctl(queue->fd, command, arg) < 0 ? -errno : 0;
}

/* The last word of the path that a symbolic link holds. */
static int lmq_link_word(const char *path, char *word, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	const char *last;

	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(word, last);
	return 0;
}

/* The major number of queues, or 0: it is not known yet. */
static unsigned int lmq_major;

/* The name of a device of ours: ask sysfs, which knows it by its number. */
static int lmq_device_name(const struct stat *st, char name[DEVMQ_NAME_SIZE])
{
	char path[96], class[8];
	int err;

	if (!S_ISCHR(st->st_mode))
		return -ENOTTY;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem",
		 major(st->st_rdev), minor(st->st_rdev));
	err = lmq_link_word(path, class, sizeof(class));
	if (err)
		return err == -ENOENT ? -ENODEV : -ENOTTY;
	if (strcmp(class, "mq"))
		return -ENOTTY;
	*strrchr(path, '/') = '\0';
	err = lmq_link_word(path, name, DEVMQ_NAME_SIZE);
	if (err)
		return err == -ENOENT ? -ENODEV : -ENOTTY;
	return 0;
}

int lmq_check_control(const struct stat *st)
{
	char name[DEVMQ_NAME_SIZE];
	int err = lmq_device_name(st, name);

	/* Sysfs need not be there: opening it finds out. */
	if (err == -ENODEV)
		return 0;
	return err || strcmp(name, "control") ? -ENOTTY : 0;
}

/* Is this file a queue? */
static int lmq_identify(const struct stat *st, char name[DEVMQ_NAME_SIZE])
{
	int err = lmq_device_name(st, name);

	if (err)
		return err;
	/* The control node is of the class, too, and no queue. */
	if (devmq_check_name(name))
		return -ENOTTY;
	__atomic_store_n(&lmq_major, major(st->st_rdev), __ATOMIC_RELAXED);
	return 0;
}

LMQ_EXPORT int devmq_check_node(const char *name)
{
	char class[sizeof(LMQ_CLASS_DIR) + DEVMQ_NAME_MAX];
	char path[sizeof(LMQ_DEV_DIR) + DEVMQ_NAME_MAX];
	char found[DEVMQ_NAME_SIZE];
	int err = devmq_check_name(name);
	struct stat st;

	if (err)
		return err;
	snprintf(class, sizeof(class), LMQ_CLASS_DIR "%s", name);
	if (stat(class, &st))
		return -errno;
	snprintf(path, sizeof(path), LMQ_DEV_DIR "%s", name);
	if (stat(path, &st))
		return errno == ENOENT ? -ENXIO : -errno;
	return lmq_identify(&st, found) || strcmp(found, name) ? -ENOTTY : 0;
}

/*
 * The node of a queue that was made for it, by its number alone. Sysfs would
 * say the same, in ten times as many instructions and with a kilobyte for each
 * link that it is asked for, which counts for who looks at thousands of queues.
 */
static bool lmq_is_known(const char *path, struct stat *st)
{
	return !lstat(path, st) && S_ISCHR(st->st_mode) &&
	       minor(st->st_rdev) && major(st->st_rdev) ==
	       __atomic_load_n(&lmq_major, __ATOMIC_RELAXED);
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
	return result;
}

/*
 * Opening may have effects, so look at what it is before, and again after. Where
 * the name is there already, it is what the path was made of.
 */
static int lmq_open_path(const char *path, int flags,
			 char name[DEVMQ_NAME_SIZE])
{
	struct stat before, after;
	int fd, err = 0;

	if (!*name || !lmq_is_known(path, &before)) {
		if (stat(path, &before))
			return -errno;
		err = lmq_identify(&before, name);
	}
	if (err)
		return err;
	fd = open(path, flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &after))
		err = -errno;
	else if (!S_ISCHR(after.st_mode) || after.st_rdev != before.st_rdev)
		err = lmq_identify(&after, name);
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
	int err;

	if (fstat(fd, &st))
		return -errno;
	q = malloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->fd = fd;
	q->wake_fd = -1;
	err = lmq_identify(&st, q->name);
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
