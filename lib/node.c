// SPDX-License-Identifier: LGPL-2.1-or-later
/* Device nodes: telling those of the module from other files. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "node.h"

/* The last component of the path that a symbolic link holds. */
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

/* The major number of queues; 0 until one has been found. */
static unsigned int lmq_major;

/* The name of a device of class mq, which sysfs finds by its number. */
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

	/* Without sysfs, opening the file finds out. */
	if (err == -ENODEV)
		return 0;
	return err || strcmp(name, "control") ? -ENOTTY : 0;
}

int lmq_check_queue(const struct stat *st, char name[DEVMQ_NAME_SIZE])
{
	int err = lmq_device_name(st, name);

	if (err)
		return err;
	/* The control node is of the same class, and is no queue. */
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
	return lmq_check_queue(&st, found) || strcmp(found, name) ? -ENOTTY : 0;
}

/*
 * Sysfs would say the same, but takes ten times as many instructions, and keeps a
 * kilobyte for each link that is read, which counts for a program that opens
 * thousands of queues.
 */
bool lmq_is_known_node(const char *path, struct stat *st)
{
	return !lstat(path, st) && S_ISCHR(st->st_mode) &&
	       minor(st->st_rdev) && major(st->st_rdev) ==
	       __atomic_load_n(&lmq_major, __ATOMIC_RELAXED);
}
