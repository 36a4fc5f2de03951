/* SPDX-License-Identifier: GPL-2.0 */
/* Journals on tmpfs: making, attaching, detaching, moving and crashing them. */
#ifndef MQ_TEST_JOURNAL_H
#define MQ_TEST_JOURNAL_H

#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helpers/call.h"
#include "helpers/file.h"
#include "helpers/queue.h"

#define JOURNAL_DELAY	"/sys/module/devmq/parameters/journal_delay_ms"

struct journal_file {
	char name[32];
	char path[64];
	char copy[64];		/* what a crash left */
};

/* Make a journal with a new name in a directory. Returns 0 or -EIO. */
static inline int journal_make_in(struct journal_file *j, const char *where,
				  unsigned int bytes)
{
	static unsigned int count;
	char command[256];

	snprintf(j->name, sizeof(j->name), "j%d.%u", getpid(), count++);
	snprintf(j->path, sizeof(j->path), "%s/%s.journal", where, j->name);
	snprintf(j->copy, sizeof(j->copy), "%s/%s.copy", where, j->name);
	snprintf(command, sizeof(command), "%s journal create %s --size=%u 2>&1 | sed 's/^/# /'",
		 getenv("MQCTL") ?: "mqctl", j->path, bytes);
	if (system(command) || access(j->path, R_OK))
		return -EIO;
	return 0;
}

/* The same on tmpfs. */
static inline int journal_make(struct journal_file *j, unsigned int bytes)
{
	return journal_make_in(j, "/tmp", bytes);
}

static inline void journal_unlink(const struct journal_file *j)
{
	unlink(j->path);
	unlink(j->copy);
}

/* Attach the file at @path as @name. */
static inline int journal_attach_fd(int fd, const char *name,
				    struct devmq_journal_attach *a)
{
	struct devmq_journal_attach local;
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC), error;

	a = a ?: &local;
	memset(a, MQ_POISON, sizeof(*a));
	a->size = sizeof(*a);
	a->flags = 0;
	a->fd = fd;
	a->reserved = 0;
	memset(a->name, 0, sizeof(a->name));
	snprintf(a->name, sizeof(a->name), "%s", name);
	error = mq_ioctl(control, DEVMQ_IOC_JOURNAL_ATTACH, a);
	close(control);
	return error;
}

static inline int journal_attach_path(const char *path, const char *name,
				      struct devmq_journal_attach *a)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = journal_attach_fd(fd, name, a);
	close(fd);
	return error;
}

static inline int journal_attach(const struct journal_file *j)
{
	return journal_attach_path(j->path, j->name, NULL);
}

static inline int journal_detach_name(const char *name, unsigned int flags)
{
	struct devmq_journal_detach d = { .size = sizeof(d), .flags = flags };
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC), error;

	snprintf(d.name, sizeof(d.name), "%s", name);
	error = mq_ioctl(control, DEVMQ_IOC_JOURNAL_DETACH, &d);
	close(control);
	return error;
}

static inline int journal_detach(const struct journal_file *j)
{
	return journal_detach_name(j->name, 0);
}

/* Move the journal @name to the file of a descriptor. */
static inline int journal_move_fd(const char *name, int fd)
{
	struct devmq_journal_move m = { .size = sizeof(m), .fd = fd };
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC), error;

	snprintf(m.name, sizeof(m.name), "%s", name);
	error = mq_ioctl(control, DEVMQ_IOC_JOURNAL_MOVE, &m);
	close(control);
	return error;
}

static inline int journal_move_path(const char *name, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = journal_move_fd(name, fd);
	close(fd);
	return error;
}

/* Move a journal to the file of @to, which gets the old file in exchange. */
static inline int journal_move(struct journal_file *j, struct journal_file *to)
{
	char path[sizeof(j->path)];
	int error = journal_move_path(j->name, to->path);

	if (error)
		return error;
	memcpy(path, j->path, sizeof(path));
	memcpy(j->path, to->path, sizeof(path));
	memcpy(to->path, path, sizeof(path));
	return 0;
}

/* What is known of a journal that is attached. Returns 0 or a negative errno. */
static inline int journal_info(const struct journal_file *j,
			       struct devmq_journal_info *info)
{
	struct devmq_journal_info all[16];
	struct devmq_journal_list list = {
		.size = sizeof(list), .infos = (uintptr_t)all, .count = 16,
		.info_size = sizeof(*all),
	};
	int control = open(MQ_CONTROL, O_RDONLY | O_CLOEXEC), error;
	unsigned int i;

	error = mq_ioctl(control, DEVMQ_IOC_JOURNAL_LIST, &list);
	close(control);
	for (i = 0; !error && i < list.count && i < 16; i++)
		if (!strcmp(all[i].name, j->name)) {
			*info = all[i];
			return 0;
		}
	return error ?: -ENOENT;
}

/* Copy the file as it is now: what a crash would leave of it. */
static inline int journal_copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static char data[1 << 16];
	ssize_t n;

	while ((n = read(in, data, sizeof(data))) > 0)
		if (write(out, data, n) != n) {
			n = -1;
			break;
		}
	close(in);
	close(out);
	return n ? -EIO : 0;
}

/*
 * Copy the file of an attached journal as it is now: what a crash would leave of it.
 * A copy that began before a write and ended behind it would be none that can be.
 */
static inline int journal_image(const struct journal_file *j)
{
	struct devmq_journal_info before, after;
	int error;

	do {
		error = journal_info(j, &before) ?: journal_copy(j->path, j->copy) ?:
			journal_info(j, &after);
	} while (!error && before.written != after.written);
	return error;
}

/* Go on with the copy, under the same name. */
static inline int journal_go_on(struct journal_file *j)
{
	char path[sizeof(j->path)];
	int error = journal_detach_name(j->name, DEVMQ_JOURNAL_FORCE);

	if (error)
		return error;
	memcpy(path, j->path, sizeof(path));
	memcpy(j->path, j->copy, sizeof(path));
	memcpy(j->copy, path, sizeof(path));
	return journal_attach(j);
}

/* Let the machine crash now, as far as the journal knows. */
static inline int journal_crash(struct journal_file *j)
{
	return journal_image(j) ?: journal_go_on(j);
}

#endif /* MQ_TEST_JOURNAL_H */
