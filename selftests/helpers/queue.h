/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues: their names, creation and removal, options and counters in sysfs, and
 * the snapshot of DEVMQ_IOC_STAT.
 */
#ifndef MQ_TEST_QUEUE_H
#define MQ_TEST_QUEUE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "helpers/call.h"
#include "helpers/file.h"

#define MQ_CONTROL	"/dev/mq/control"
#define MQ_CLASS	"/sys/class/mq"
#define MQ_TOTAL_BYTES	"/sys/module/devmq/parameters/max_total_bytes"

/* Access mode 3: such an open file is neither consumer nor producer. */
#define MQ_LOOK		3

/* Write one command to the control node, which is opened for it. */
static inline int mq_command(const char *command)
{
	int fd = open(MQ_CONTROL, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int error = 0;

	if (fd < 0)
		return -errno;
	done = write(fd, command, strlen(command));
	if (done < 0)
		error = -errno;
	else if (done != (ssize_t)strlen(command))
		error = -EIO;
	close(fd);
	return error;
}

static inline int __attribute__((format(printf, 1, 2)))
mq_control(const char *format, ...)
{
	char command[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return mq_command(command);
}

struct mq_queue {
	char name[DEVMQ_NAME_MAX + 1];
	char path[DEVMQ_NAME_MAX + 16];
};

/*
 * The names of the queues that this process created: mq_cleanup() removes them.
 */
#define MQ_NAMES	128
static char mq_names[MQ_NAMES][DEVMQ_NAME_MAX + 1];
static unsigned int mq_names_count;

/* Choose a unique name for a queue. */
static inline void mq_name(struct mq_queue *queue)
{
	static unsigned int count;

	snprintf(queue->name, sizeof(queue->name), "t%d.%u", getpid(), count++);
	snprintf(queue->path, sizeof(queue->path), "/dev/mq/%s", queue->name);
	/* Nobody would remove it. */
	if (mq_names_count == MQ_NAMES)
		abort();
	memcpy(mq_names[mq_names_count++], queue->name, sizeof(queue->name));
}

/*
 * Create a queue with a new name and the options given ("" for none). Unless
 * the options say otherwise, a message that is retried is ready again at once.
 */
static inline int __attribute__((format(printf, 2, 3)))
mq_create(struct mq_queue *queue, const char *options, ...)
{
	char text[1024];
	va_list args;

	va_start(args, options);
	vsnprintf(text, sizeof(text), options, args);
	va_end(args);
	mq_name(queue);
	return mq_control("create %s %s%s%s%s", queue->name, text,
			  strstr(text, "retry_ms=") ? "" : " retry_ms=0",
			  strstr(text, "retry_backoff=") ? "" :
			  " retry_backoff=1",
			  strstr(text, "retry_max_ms=") ? "" :
			  " retry_max_ms=0");
}

static inline int mq_remove(const struct mq_queue *queue)
{
	return mq_control("remove %s force", queue->name);
}

static inline int mq_sysfs_get(const struct mq_queue *queue, const char *file,
			       char *text, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), MQ_CLASS "/%s/%s", queue->name, file);
	return mq_read_file(path, text, size);
}

/* Read a number from sysfs: the number, or a negative errno. */
static inline long long mq_sysfs_number(const struct mq_queue *queue,
					const char *file)
{
	char text[64], *end;
	long long value;
	int error = mq_sysfs_get(queue, file, text, sizeof(text));

	if (error)
		return error;
	value = strtoll(text, &end, 10);
	return *end || end == text ? -EINVAL : value;
}

static inline int __attribute__((format(printf, 3, 4)))
mq_sysfs_set(const struct mq_queue *queue, const char *file,
	     const char *format, ...)
{
	char path[256], text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(path, sizeof(path), MQ_CLASS "/%s/%s", queue->name, file);
	return mq_write_file(path, text);
}

static inline int mq_open(const struct mq_queue *queue, int flags)
{
	int fd = open(queue->path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int mq_stat_fd(int fd, struct devmq_stat *stat)
{
	memset(stat, MQ_POISON, sizeof(*stat));
	stat->size = sizeof(*stat);
	stat->flags = 0;
	return mq_ioctl(fd, DEVMQ_IOC_STAT, stat);
}

/*
 * Read the counters through a descriptor that is neither consumer nor producer.
 */
static inline int mq_stat(const struct mq_queue *queue, struct devmq_stat *stat)
{
	int error, fd = mq_open(queue, MQ_LOOK);

	memset(stat, MQ_POISON, sizeof(*stat));
	if (fd < 0)
		return fd;
	error = mq_stat_fd(fd, stat);
	close(fd);
	return error;
}

/* One of a queue's counters, or a negative errno. */
#define mq_stat_of(queue, member) ({					\
	struct devmq_stat __stat;					\
	int __error = mq_stat(queue, &__stat);				\
									\
	__error ? (long long)__error : (long long)__stat.member;	\
})

/*
 * Do the counters add up? They must count each message that was sent in exactly
 * one state; those of a topic are routed or not.
 */
static inline bool mq_conserved(const struct devmq_stat *stat)
{
	return stat->sent == stat->ready + stat->in_flight + stat->delayed +
	       stat->deferred + stat->dead + stat->acked + stat->expired +
	       stat->dead_lettered + stat->dropped + stat->purged +
	       stat->routed + stat->unrouted;
}

/*
 * Make mq_cleanup() forget this process's queues: a forked child leaves them to
 * its parent.
 */
static inline void mq_forget_queues(void)
{
	mq_names_count = 0;
}

/*
 * Remove the queues of this process that still exist. Returns 0 if the counters
 * of each added up and all removals succeeded.
 */
static inline int mq_cleanup(void)
{
	struct mq_queue queue;
	struct devmq_stat stat;
	int error, result = 0;

	while (mq_names_count) {
		memcpy(queue.name, mq_names[--mq_names_count],
		       sizeof(queue.name));
		snprintf(queue.path, sizeof(queue.path), "/dev/mq/%s",
			 queue.name);
		if (!mq_stat(&queue, &stat) && !mq_conserved(&stat)) {
			fprintf(stderr, "# counters of %s do not add up\n",
				queue.name);
			result = -EBADMSG;
		}
		error = mq_remove(&queue);
		if (error && error != -ENOENT)
			result = error;
	}
	return result;
}

#endif /* MQ_TEST_QUEUE_H */
