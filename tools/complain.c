// SPDX-License-Identifier: GPL-2.0
/* Complaints: one line on standard error that says what failed, and why. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "complain.h"
#include "memory.h"
#include "text.h"

/* An error in words; if memory is used up, which bound was met. */
static const char *reason(int error)
{
	return error == -EDQUOT ? memory_reason() : devmq_strerror(error);
}

/* Keep newlines and control characters in names and values off the terminal. */
static void make_plain(char *line)
{
	size_t left = strlen(line), n;
	bool escaped;

	for (; left; left -= n, line += n) {
		n = next_character(line, left, &escaped);
		if (escaped || *line == '\n' || *line == '\t')
			memset(line, '?', n);
	}
}

void say(const char *subject, const char *format, va_list ap, const char *why)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, ap);
	make_plain(line);
	fflush(stdout);
	fprintf(stderr, "mqctl: %s%s%s%s\n", subject ? subject : "",
		subject ? ": " : "", line, why);
}

int complain(const char *subject, int error, const char *format, ...)
{
	char why[160] = "";
	va_list ap;

	if (error)
		snprintf(why, sizeof(why), ": %s", reason(error));
	va_start(ap, format);
	say(subject, format, ap, why);
	va_end(ap);
	return STATUS_FAILED;
}

int complain_output(const char *subject, int error, const char *what)
{
	return complain(subject, 0, "%s: %s", what, strerror(-error));
}

/* Learn the device number of a queue without a node. Return 0 or -1. */
static int device_number(const char *name, unsigned int *major, unsigned int *minor)
{
	char path[64 + NAME_MAX];
	FILE *f;
	int n;

	if (devmq_check_node(name) != -ENXIO)
		return -1;
	snprintf(path, sizeof(path), "/sys/class/mq/%s/dev", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%u:%u", major, minor);
	fclose(f);
	return n == 2 ? 0 : -1;
}

int complain_open(const char *name, int error)
{
	unsigned int major, minor;
	char **names;
	int n;

	if (error == -ENOTTY)
		return complain(name, 0, "cannot open: /dev/mq/%s is another "
				"file, not a queue", name);
	if (error == -EISDIR)
		return complain(name, 0, "it is a topic: its messages are in the "
				"queues that are bound to it");
	if (error == -ENOENT && !device_number(name, &major, &minor))
		return complain(name, 0, "cannot open: the queue is there, but "
				"/dev/mq/%s is missing; to make it again: "
				"mknod -m 600 /dev/mq/%s c %u %u", name, name, major, minor);
	if (error != -ENOENT && error != -ENODEV)
		return complain(name, error, "cannot open");
	n = devmq_list(&names);
	if (n == -ENOENT)
		return complain(name, 0, "cannot open: "
				"the devmq module is not loaded");
	if (n >= 0)
		free(names);
	return complain(name, 0, "no such queue");
}
