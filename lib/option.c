// SPDX-License-Identifier: LGPL-2.1-or-later
/* Options and counters as files in sysfs, and the list of queues there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define LMQ_OPTION_MAX	63
/* Most bytes of a file in sysfs. */
#define LMQ_VALUE_MAX	4096

static int lmq_check_option(const char *option)
{
	size_t length = strspn(option, "abcdefghijklmnopqrstuvwxyz"
			       "0123456789_");

	if (!length || option[length])
		return -EINVAL;
	if (length > LMQ_OPTION_MAX)
		return -ENAMETOOLONG;
	/* Files that sysfs has for every device, which are not options. */
	if (!strcmp(option, "uevent") || !strcmp(option, "dev"))
		return -ENOENT;
	return 0;
}

/* Open an option's file. Both names are checked, so no other file can be opened. */
static int lmq_open_option(const char *name, const char *option, int flags)
{
	char path[sizeof(LMQ_CLASS_DIR) + DEVMQ_NAME_MAX + LMQ_OPTION_MAX + 1];
	int err = devmq_check_name(name), fd;

	if (!err)
		err = lmq_check_option(option);
	if (err)
		return err;
	snprintf(path, sizeof(path), LMQ_CLASS_DIR "%s/%s", name, option);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* For directories, and for devices that are being removed, say "no such". */
static int lmq_option_error(int err)
{
	return err == -EISDIR || err == -ENODEV ? -ENOENT : err;
}

LMQ_EXPORT int devmq_get_option(const char *name, const char *option,
				char *value, size_t size)
{
	int fd = lmq_open_option(name, option, O_RDONLY);
	char text[LMQ_VALUE_MAX + 1];
	ssize_t length;

	if (size)
		value[0] = '\0';
	if (fd < 0)
		return lmq_option_error(fd);
	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		length = -errno;
	close(fd);
	if (length < 0)
		return lmq_option_error(length);
	if (length && text[length - 1] == '\n')
		length--;
	if ((size_t)length >= size)
		return -ERANGE;
	memcpy(value, text, length);
	value[length] = '\0';
	return length;
}

LMQ_EXPORT int devmq_set_option(const char *name, const char *option,
				const char *value)
{
	size_t length = strlen(value);
	ssize_t written;
	int fd, err = 0;

	fd = lmq_open_option(name, option, O_WRONLY);
	if (fd < 0)
		return lmq_option_error(fd);
	/* write(2) of nothing is not refused, so refuse it here. */
	if (!length || length >= LMQ_VALUE_MAX || strchr(value, '\n')) {
		close(fd);
		return -EINVAL;
	}
	written = write(fd, value, length);
	if (written < 0)
		err = lmq_option_error(-errno);
	else if ((size_t)written != length)
		err = -EIO;
	close(fd);
	return err;
}

static int lmq_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Read the names of queues, one after the other, each with its NUL. */
static int lmq_read_names(DIR *dir, char **names, size_t *used)
{
	size_t room = 0, length;
	struct dirent *entry;
	int count = 0;
	char *more;

	*names = NULL;
	*used = 0;
	while ((errno = 0, entry = readdir(dir))) {
		if (devmq_check_name(entry->d_name))
			continue;
		length = strlen(entry->d_name) + 1;
		if (length > room - *used) {
			room = 2 * room + 4096;
			more = realloc(*names, room);
			if (!more)
				return -ENOMEM;
			*names = more;
		}
		memcpy(*names + *used, entry->d_name, length);
		*used += length;
		count++;
	}
	return errno ? -errno : count;
}

/* Make one allocation of the array, its final NULL, and the names. */
static char **lmq_index_names(const char *names, size_t used, int count)
{
	char **array = malloc((count + 1) * sizeof(*array) + used), *p;
	int i;

	if (!array)
		return NULL;
	p = (char *)(array + count + 1);
	if (used)
		memcpy(p, names, used);
	for (i = 0; i < count; i++) {
		array[i] = p;
		p += strlen(p) + 1;
	}
	array[count] = NULL;
	qsort(array, count, sizeof(*array), lmq_compare);
	return array;
}

LMQ_EXPORT int devmq_list(char ***names)
{
	DIR *dir = opendir(LMQ_CLASS_DIR);
	char *text, **array;
	size_t used;
	int count;

	if (!dir)
		return -errno;
	count = lmq_read_names(dir, &text, &used);
	closedir(dir);
	if (count >= 0) {
		array = lmq_index_names(text, used, count);
		if (array)
			*names = array;
		else
			count = -ENOMEM;
	}
	free(text);
	return count;
}
