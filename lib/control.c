// SPDX-License-Identifier: LGPL-2.1-or-later
/* The control node: creating and removing queues. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "node.h"

/* Most bytes of a command, and of the line that says what is wrong with it. */
#define LMQ_COMMAND_MAX	4096
#define LMQ_REASON_MAX	1024

/* Store the reason, if the caller wants it. Returns the error. */
__attribute__((format(printf, 4, 5)))
static int lmq_fail(int err, char *reason, size_t size, const char *format,
		    ...)
{
	va_list args;

	if (!reason || !size)
		return err;
	va_start(args, format);
	vsnprintf(reason, size, format, args);
	va_end(args);
	return err;
}

static int lmq_fail_errno(int err, char *reason, size_t size,
			  const char *what)
{
	/* C libraries keep this text for each thread. */
	return lmq_fail(err, reason, size, "%s: %s", what, strerror(-err));
}

int lmq_control_fail(int err, char *reason, size_t size, const char *why)
{
	return lmq_fail(err, reason, size, "%s", why);
}

int lmq_control_name(const char *name, const char *whose, char *reason,
		     size_t size)
{
	int err = devmq_check_name(name);

	if (!err)
		return 0;
	return lmq_fail(err, reason, size, "%s: not %s name, which is "
			"1 to %d of A-Z a-z 0-9 . _ -, but not ., .., control or none",
			name, whose, DEVMQ_NAME_MAX);
}

/* Read from the control node why the command failed. */
static int lmq_read_reason(int fd, int err, char *reason, size_t size)
{
	char line[LMQ_REASON_MAX];
	ssize_t length = read(fd, line, sizeof(line) - 1);

	if (length <= 0)
		return lmq_fail_errno(err, reason, size, LMQ_CONTROL);
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return lmq_fail(err, reason, size, "%s", line);
}

/*
 * Open the control node. To open another file may have effects, so look at the file
 * before it is opened; and look again after, as it may have been replaced.
 */
static int lmq_open_control(int flags)
{
	struct stat st;
	int fd, err;

	if (stat(LMQ_CONTROL, &st))
		return -errno;
	err = lmq_check_control(&st);
	if (err)
		return err;
	fd = open(LMQ_CONTROL, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) ? -errno : lmq_check_control(&st);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Store why the control node could not be opened. */
static int lmq_fail_open(int err, char *reason, size_t size)
{
	if (err != -ENOTTY)
		return lmq_fail_errno(err, reason, size, LMQ_CONTROL);
	return lmq_fail(err, reason, size, LMQ_CONTROL " is another file, not "
			"the module's: move it away and load the module again");
}

LMQ_EXPORT int devmq_control(const char *command, char *reason,
			     size_t reason_size)
{
	size_t length = strlen(command);
	ssize_t written;
	int fd, err = 0;

	lmq_fail(0, reason, reason_size, "%s", "");
	if (strchr(command, '\n'))
		return lmq_fail(-EINVAL, reason, reason_size,
				"a command is one line");
	if (!length || length > LMQ_COMMAND_MAX)
		return lmq_fail(length ? -E2BIG : -EINVAL, reason, reason_size,
				"a command is 1 to %d bytes", LMQ_COMMAND_MAX);
	fd = lmq_open_control(O_RDWR);
	if (fd < 0)
		return lmq_fail_open(fd, reason, reason_size);
	written = write(fd, command, length);
	if (written < 0)
		err = lmq_read_reason(fd, -errno, reason, reason_size);
	else if ((size_t)written != length)
		err = lmq_fail_errno(-EIO, reason, reason_size, LMQ_CONTROL);
	close(fd);
	return err;
}

int lmq_control_ioctl(unsigned long command, void *arg, char *reason,
		      size_t size)
{
	int fd = lmq_open_control(O_RDWR), err = 0;

	lmq_fail(0, reason, size, "%s", "");
	if (fd < 0)
		return lmq_fail_open(fd, reason, size);
	if (ioctl(fd, command, arg) < 0)
		err = -errno;
	/* A module that does not know the command leaves no line to be read. */
	if (err == -ENOTTY)
		lmq_fail(err, reason, size, "the module that is loaded cannot do this");
	else if (err)
		lmq_read_reason(fd, err, reason, size);
	close(fd);
	return err;
}

LMQ_EXPORT int devmq_create(const char *name, const char *options,
			    char *reason, size_t reason_size)
{
	char command[LMQ_COMMAND_MAX + 2];
	int err = lmq_control_name(name, "a queue's", reason, reason_size);

	if (err)
		return err;
	/* A command that is cut off is still too long, and devmq_control() refuses it. */
	snprintf(command, sizeof(command), "create %s%s%s", name,
		 options ? " " : "", options ? options : "");
	return devmq_control(command, reason, reason_size);
}

LMQ_EXPORT int devmq_remove(const char *name, bool force, char *reason,
			    size_t reason_size)
{
	char command[sizeof("remove  force") + DEVMQ_NAME_MAX];
	int err = lmq_control_name(name, "a queue's", reason, reason_size);

	if (err)
		return err;
	snprintf(command, sizeof(command), "remove %s%s", name,
		 force ? " force" : "");
	return devmq_control(command, reason, reason_size);
}

/* Read a descriptor to its end, into memory from malloc(). */
static int lmq_read_all(int fd, char **text)
{
	size_t room = 4096, used = 0;
	char *data = malloc(room), *more;
	ssize_t n;

	while (data && (n = read(fd, data + used, room - used - 1)) > 0) {
		used += n;
		if (used < room - 1)
			continue;
		room *= 2;
		more = realloc(data, room);
		if (!more)
			free(data);
		data = more;
	}
	if (!data)
		return -ENOMEM;
	if (n < 0) {
		n = -errno;
		free(data);
		return n;
	}
	data[used] = '\0';
	*text = data;
	return 0;
}

LMQ_EXPORT int devmq_option_table(char **table)
{
	int fd = lmq_open_control(O_RDONLY), err;

	if (fd < 0)
		return fd;
	err = lmq_read_all(fd, table);
	close(fd);
	return err;
}
