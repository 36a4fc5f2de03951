/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: names for queues, the calls of the contract with their
 * errors as return values, records, and ways to wait for a condition instead
 * of for some time.
 *
 * Every helper that can fail returns a negative errno.  None of them asserts:
 * the tests do, where one can see what they expect.
 */
#ifndef MQ_TEST_H
#define MQ_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/devmq.h>

#include "kselftest_harness.h"

/*
 * A test may take so many seconds.  Only one that hangs needs them: waiting is
 * for conditions, but a debug kernel on an emulated machine is slow, and a busy
 * machine makes it several times slower.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

#define MQ_CONTROL	"/dev/mq/control"
#define MQ_CLASS	"/sys/class/mq"
#define MQ_TOTAL_BYTES	"/sys/module/devmq/parameters/max_total_bytes"

/* Access mode 3: neither consumer nor producer, for looking only. */
#define MQ_LOOK		3

/* What outputs hold before a call. */
#define MQ_POISON	0xa5

/* An address that nothing is ever mapped at. */
#define MQ_BAD_POINTER	((void *)16)

/* How long to wait for what must happen.  An emulated machine is slow. */
#define MQ_PATIENCE_MS	30000

/* A uid and a gid without any privilege. */
#define MQ_NOBODY	65534

/* Times in nanoseconds: soon, and not while any test runs. */
#define MQ_MS		1000000ULL
#define MQ_SECOND	(1000 * MQ_MS)
#define MQ_HOUR		(3600 * MQ_SECOND)

/* -- time ------------------------------------------------------------------ */

static inline uint64_t mq_clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static inline uint64_t mq_now_ns(void)
{
	return mq_clock_ns(CLOCK_MONOTONIC);
}

/* The clock that delays, leases and times to live go by. */
static inline uint64_t mq_boot_ns(void)
{
	return mq_clock_ns(CLOCK_BOOTTIME);
}

static inline uint64_t mq_now_ms(void)
{
	return mq_now_ns() / 1000000;
}

static inline void mq_sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/* Wait until @condition is true, or give up: is it true? */
#define mq_wait_until(condition) ({					\
	uint64_t __end = mq_now_ms() + MQ_PATIENCE_MS;			\
	bool __is;							\
									\
	while (!(__is = (condition)) && mq_now_ms() < __end)		\
		usleep(500);						\
	__is;								\
})

/* -- small files ----------------------------------------------------------- */

/* Read a file into @text as a string, its final newline removed. */
static inline int mq_read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		got = read(fd, text + used, size - 1 - used);
		if (got < 0) {
			int error = -errno;

			close(fd);
			return error;
		}
		if (!got)
			break;
		used += got;
	}
	close(fd);
	if (used && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return 0;
}

static inline int mq_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int error = 0;

	if (fd < 0)
		return -errno;
	done = write(fd, text, strlen(text));
	if (done < 0)
		error = -errno;
	else if (done != (ssize_t)strlen(text))
		error = -EIO;
	close(fd);
	return error;
}

/* -- control node and sysfs ------------------------------------------------ */

/* One command on a fresh descriptor. */
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

/* The names that this process has handed out: mq_cleanup() removes them. */
static char mq_names[64][DEVMQ_NAME_MAX + 1];
static unsigned int mq_names_count;

/* A name that nobody else uses. */
static inline void mq_name(struct mq_queue *queue)
{
	static unsigned int count;

	snprintf(queue->name, sizeof(queue->name), "t%d.%u", getpid(), count++);
	snprintf(queue->path, sizeof(queue->path), "/dev/mq/%s", queue->name);
	if (mq_names_count < ARRAY_SIZE(mq_names))
		strcpy(mq_names[mq_names_count++], queue->name);
}

/*
 * Create a queue of a new name with the options given ("" for none). Unless these
 * say when, what is retried comes back at once.
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

/* A number from sysfs, or a negative errno. */
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

/* -- the calls, with -errno ------------------------------------------------ */

static inline int mq_open(const struct mq_queue *queue, int flags)
{
	int fd = open(queue->path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline ssize_t mq_write(int fd, const void *data, size_t size)
{
	ssize_t done = write(fd, data, size);

	return done < 0 ? -errno : done;
}

static inline ssize_t mq_read(int fd, void *data, size_t size)
{
	ssize_t done = read(fd, data, size);

	return done < 0 ? -errno : done;
}

/* Send a string, without its zero byte. */
static inline ssize_t mq_put(int fd, const char *text)
{
	return mq_write(fd, text, strlen(text));
}

/*
 * Does the next read give exactly @text?  0 if so; -EBADMSG if it gives
 * something else.
 */
static inline int mq_get(int fd, const char *text)
{
	char data[4096];
	ssize_t done;

	memset(data, MQ_POISON, sizeof(data));
	done = mq_read(fd, data, sizeof(data) - 1);
	if (done < 0)
		return done;
	data[done] = '\0';
	if (done == (ssize_t)strlen(text) && !memcmp(data, text, done))
		return 0;
	fprintf(stderr, "# read \"%s\" instead of \"%s\"\n", data, text);
	return -EBADMSG;
}

/*
 * Nanoseconds of this thread's processor time for a message that is sent and
 * received on a descriptor that does not wait, in the best of many tries;
 * UINT64_MAX: that failed.
 */
static inline uint64_t mq_message_cost(int fd)
{
	uint64_t best = UINT64_MAX, begin;
	char data[8];
	int i, n;

	for (i = 0; i < 50; i++) {
		begin = mq_clock_ns(CLOCK_THREAD_CPUTIME_ID);
		for (n = 0; n < 20; n++)
			if (mq_put(fd, "x") != 1 ||
			    mq_read(fd, data, sizeof(data)) != 1)
				return UINT64_MAX;
		begin = (mq_clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / 20;
		best = begin < best ? begin : best;
	}
	return best;
}

/* A positive result is handed on: no test expects one. */
static inline int mq_ioctl(int fd, unsigned long command, void *argument)
{
	int done = ioctl(fd, command, argument);

	return done < 0 ? -errno : done;
}

static inline int mq_poll(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (poll(&poll_fd, 1, 0) < 0)
		return -errno;
	return poll_fd.revents;
}

/* Wait until one of @events is there: all that is, zero if nothing came. */
static inline int mq_poll_wait(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (poll(&poll_fd, 1, MQ_PATIENCE_MS) < 0)
		return -errno;
	return poll_fd.revents;
}

/* Bytes that FIONREAD tells, or a negative errno. */
static inline int mq_fionread(int fd)
{
	int bytes = -1;

	return ioctl(fd, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

static inline int mq_stat_fd(int fd, struct devmq_stat *stat)
{
	memset(stat, MQ_POISON, sizeof(*stat));
	stat->size = sizeof(*stat);
	stat->flags = 0;
	return mq_ioctl(fd, DEVMQ_IOC_STAT, stat);
}

/* A snapshot, through an open of its own that counts for nothing. */
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

/* Does the sum hold that must hold at every instant? */
static inline bool mq_conserved(const struct devmq_stat *stat)
{
	return stat->sent == stat->ready + stat->in_flight + stat->delayed +
	       stat->deferred + stat->dead + stat->acked + stat->expired +
	       stat->dead_lettered + stat->dropped + stat->purged;
}

/*
 * Remove whatever is left of this process's queues.  0: the sum held in each,
 * and all is gone.
 */
static inline int mq_cleanup(void)
{
	struct mq_queue queue;
	struct devmq_stat stat;
	int error, result = 0;

	while (mq_names_count) {
		strcpy(queue.name, mq_names[--mq_names_count]);
		snprintf(queue.path, sizeof(queue.path), "/dev/mq/%s",
			 queue.name);
		if (!mq_stat(&queue, &stat) && !mq_conserved(&stat)) {
			fprintf(stderr, "# messages of %s do not add up\n",
				queue.name);
			result = -EBADMSG;
		}
		error = mq_remove(&queue);
		if (error && error != -ENOENT)
			result = error;
	}
	return result;
}

/* One member of the snapshot, or a negative errno. */
#define mq_stat_of(queue, member) ({					\
	struct devmq_stat __stat;					\
	int __error = mq_stat(queue, &__stat);				\
									\
	__error ? (long long)__error : (long long)__stat.member;	\
})

static inline int mq_consumer_get(int fd, struct devmq_consumer *consumer)
{
	memset(consumer, MQ_POISON, sizeof(*consumer));
	consumer->size = sizeof(*consumer);
	consumer->flags = 0;
	return mq_ioctl(fd, DEVMQ_IOC_CONSUMER, consumer);
}

static inline int mq_consumer_set_lease(int fd, unsigned int ack,
					unsigned int prefetch,
					uint64_t lease_ns)
{
	struct devmq_consumer consumer;

	memset(&consumer, MQ_POISON, sizeof(consumer));
	consumer.size = sizeof(consumer);
	consumer.flags = DEVMQ_CONSUMER_SET;
	consumer.ack = ack;
	consumer.prefetch = prefetch;
	consumer.lease_ns = lease_ns;
	return mq_ioctl(fd, DEVMQ_IOC_CONSUMER, &consumer);
}

static inline int mq_consumer_set(int fd, unsigned int ack,
				  unsigned int prefetch)
{
	return mq_consumer_set_lease(fd, ack, prefetch, 0);
}

static inline long long mq_held(int fd)
{
	struct devmq_consumer consumer;
	int error = mq_consumer_get(fd, &consumer);

	return error ? error : (long long)consumer.held;
}

static inline long long mq_last_id(int fd)
{
	struct devmq_consumer consumer;
	int error = mq_consumer_get(fd, &consumer);

	return error ? error : (long long)consumer.last_id;
}

static inline void mq_settlement(struct devmq_settlement *settlement,
				 uint64_t first, uint64_t last, uint32_t action)
{
	memset(settlement, 0, sizeof(*settlement));
	settlement->first_id = first;
	settlement->last_id = last;
	settlement->action = action;
	memset(&settlement->settled, MQ_POISON, sizeof(settlement->settled));
	memset(&settlement->error, MQ_POISON, sizeof(settlement->error));
	memset(&settlement->dead, MQ_POISON, sizeof(settlement->dead));
}

static inline int mq_settle_many(int fd, struct devmq_settlement *settlements,
				 unsigned int count, uint64_t *settled)
{
	struct devmq_settle settle;
	int error;

	memset(&settle, MQ_POISON, sizeof(settle));
	settle.size = sizeof(settle);
	settle.flags = 0;
	settle.settlements = (uintptr_t)settlements;
	settle.count = count;
	settle.reserved = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SETTLE, &settle);
	if (settled)
		*settled = settle.settled;
	return error;
}

/* How many deliveries of the range this settled, or a negative errno. */
static inline int mq_settle(int fd, uint64_t first, uint64_t last,
			    uint32_t action)
{
	struct devmq_settlement settlement;
	uint64_t settled;
	int error;

	mq_settlement(&settlement, first, last, action);
	error = mq_settle_many(fd, &settlement, 1, &settled);
	if (error)
		return error;
	if (settlement.error || settlement.settled != settled)
		return -EBADMSG;
	return settled;
}

/* One settlement, all of it given: how many it settled, or an errno. */
static inline int mq_settle_one(int fd, struct devmq_settlement *settlement)
{
	uint64_t settled;
	int error = mq_settle_many(fd, settlement, 1, &settled);

	if (error)
		return error;
	if (settlement->error || settlement->settled != settled)
		return -EBADMSG;
	return settled;
}

/* The same with a delay, for retry and extend. */
static inline int mq_settle_after(int fd, uint64_t first, uint64_t last,
				  uint32_t action, uint64_t delay_ns)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, first, last, action);
	settlement.delay_ns = delay_ns;
	return mq_settle_one(fd, &settlement);
}

static inline int mq_ack(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_ACK);
}

static inline int mq_release(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_RELEASE);
}

/* Zero: as the queue's back-off says, 1: at once. */
static inline int mq_retry(int fd, uint64_t id, uint64_t delay_ns)
{
	return mq_settle_after(fd, id, id, DEVMQ_ACTION_RETRY, delay_ns);
}

static inline int mq_extend(int fd, uint64_t id, uint64_t lease_ns)
{
	return mq_settle_after(fd, id, id, DEVMQ_ACTION_EXTEND, lease_ns);
}

static inline int mq_defer(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_DEFER);
}

static inline int mq_reject(int fd, uint64_t id)
{
	return mq_settle(fd, id, id, DEVMQ_ACTION_REJECT);
}

/* The note is text, or NULL. */
static inline int mq_reject_with(int fd, uint64_t id, unsigned int reason,
				 const char *note)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, id, id, DEVMQ_ACTION_REJECT);
	settlement.reason = reason;
	settlement.note = (uintptr_t)note;
	settlement.note_size = note ? strlen(note) : 0;
	return mq_settle_one(fd, &settlement);
}

/* The same for a retry; zero: as the queue's back-off says, 1: at once. */
static inline int mq_retry_with(int fd, uint64_t id, uint64_t delay_ns,
				const char *note)
{
	struct devmq_settlement settlement;

	mq_settlement(&settlement, id, id, DEVMQ_ACTION_RETRY);
	settlement.delay_ns = delay_ns;
	settlement.note = (uintptr_t)note;
	settlement.note_size = note ? strlen(note) : 0;
	return mq_settle_one(fd, &settlement);
}

/* Drop what is in these states: how many messages, or a negative errno. */
static inline long long mq_purge_states(int fd, uint64_t first, uint64_t last,
					uint32_t states)
{
	struct devmq_purge purge;
	int error;

	memset(&purge, 0, sizeof(purge));
	purge.size = sizeof(purge);
	purge.first_id = first;
	purge.last_id = last;
	purge.states = states;
	memset(&purge.purged, MQ_POISON, sizeof(purge.purged));
	error = mq_ioctl(fd, DEVMQ_IOC_PURGE, &purge);
	return error ? error : (long long)purge.purged;
}

/* Drop all that is not in flight: how many messages, or a negative errno. */
static inline long long mq_purge(int fd, uint64_t first, uint64_t last)
{
	return mq_purge_states(fd, first, last, 0);
}

/*
 * Redrive to where the messages came from, or with @target not negative to
 * that: how many were moved, or a negative errno.
 */
static inline long long mq_redrive(int fd, uint64_t first, uint64_t last,
				   int target, uint64_t *stranded)
{
	struct devmq_redrive redrive;
	int error;

	memset(&redrive, MQ_POISON, sizeof(redrive));
	redrive.size = sizeof(redrive);
	redrive.flags = target >= 0 ? DEVMQ_REDRIVE_TO : 0;
	redrive.first_id = first;
	redrive.last_id = last;
	redrive.target_fd = target >= 0 ? target : 0;
	redrive.states = 0;
	redrive.reason = 0;
	redrive.reserved = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_REDRIVE, &redrive);
	if (stranded)
		*stranded = redrive.stranded;
	return error ? error : (long long)redrive.moved;
}

/* -- records --------------------------------------------------------------- */

/* Records end to end, to be sent. */
struct mq_batch {
	char *data;
	size_t size;		/* bytes up to the end of the last record */
	size_t capacity;
};

static inline void mq_batch_free(struct mq_batch *batch)
{
	free(batch->data);
	memset(batch, 0, sizeof(*batch));
}

/*
 * Add a record: key, headers and payload are copied if they have a size, and
 * the space between records is filled with something.  The record stays valid
 * until the next one is added.
 */
static inline struct devmq_record *
mq_batch_add_full(struct mq_batch *batch, const void *key, size_t key_size,
		  const void *headers, size_t headers_size,
		  const void *payload, size_t payload_size)
{
	size_t start = DEVMQ_ALIGN(batch->size);
	size_t behind = sizeof(struct devmq_record) + key_size + headers_size;
	size_t size = DEVMQ_ALIGN(behind) + payload_size;
	struct devmq_record *record;
	char *data;

	if (start + DEVMQ_ALIGN(size) > batch->capacity) {
		batch->capacity = 2 * (start + DEVMQ_ALIGN(size));
		batch->data = realloc(batch->data, batch->capacity);
	}
	memset(batch->data + batch->size, MQ_POISON,
	       start + DEVMQ_ALIGN(size) - batch->size);
	record = (struct devmq_record *)(batch->data + start);
	memset(record, 0, sizeof(*record));
	record->size = size;
	record->key_size = key_size;
	record->headers_size = headers_size;
	data = (char *)(record + 1);
	if (key_size)
		memcpy(data, key, key_size);
	if (headers_size)
		memcpy(data + key_size, headers, headers_size);
	if (payload_size)
		memcpy((char *)record + DEVMQ_ALIGN(behind), payload,
		       payload_size);
	batch->size = start + size;
	return record;
}

static inline struct devmq_record *mq_batch_add(struct mq_batch *batch,
						const char *text)
{
	return mq_batch_add_full(batch, NULL, 0, NULL, 0, text, strlen(text));
}

static inline size_t mq_header_put(char *where, const char *name,
				   const void *value, size_t value_size)
{
	struct devmq_header header = {
		.name_size = strlen(name),
		.value_size = value_size,
	};

	memcpy(where, &header, sizeof(header));
	memcpy(where + sizeof(header), name, strlen(name));
	memcpy(where + sizeof(header) + strlen(name), value, value_size);
	return sizeof(header) + strlen(name) + value_size;
}

static inline int mq_send(int fd, const void *records, size_t size,
			  struct devmq_send *send)
{
	struct devmq_send local;

	if (!send)
		send = &local;
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = 0;
	send->records = (uintptr_t)records;
	send->records_size = size;
	send->result = 0;
	return mq_ioctl(fd, DEVMQ_IOC_SEND, send);
}

/* Send one payload by DEVMQ_IOC_SEND: its id, or a negative errno. */
static inline long long mq_send_one(int fd, const void *payload, size_t size)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_full(&batch, NULL, 0, NULL, 0, payload, size);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	if (error)
		return error;
	if (send.count != 1 || send.first_id != send.last_id)
		return -EBADMSG;
	return send.first_id;
}

/* A message with what it can have; what is not named is not there. */
struct mq_message {
	const char *text, *key, *dedup;
	uint64_t delay_ns, ttl_ns;
	unsigned int priority, flags;
};

static inline struct devmq_record *
mq_batch_add_message(struct mq_batch *batch, const struct mq_message *message)
{
	const char *text = message->text ?: "", *key = message->key ?: "";
	const char *dedup = message->dedup ?: "";
	struct devmq_record *record;

	/* The de-duplication id stands where headers would. */
	record = mq_batch_add_full(batch, key, strlen(key), dedup,
				   strlen(dedup), text, strlen(text));
	record->headers_size = 0;
	record->dedup_size = strlen(dedup);
	record->delay_ns = message->delay_ns;
	record->ttl_ns = message->ttl_ns;
	record->priority = message->priority;
	record->flags = message->flags;
	return record;
}

/* Send it: its id, or a negative errno. */
static inline long long mq_send_message(int fd,
					const struct mq_message *message)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_message(&batch, message);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	if (error)
		return error;
	if (send.count != 1 || send.first_id != send.last_id || send.result)
		return -EBADMSG;
	return send.first_id;
}

#define MQ_SEND(fd, ...) \
	mq_send_message(fd, &(struct mq_message){ __VA_ARGS__ })

/* Send @count texts "m1", "m2"...: 0, or a negative errno. */
static inline int mq_fill(int fd, unsigned int count)
{
	unsigned int i;
	char text[32];
	ssize_t done;

	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		done = mq_put(fd, text);
		if (done < 0)
			return done;
		if (done != (ssize_t)strlen(text))
			return -EIO;
	}
	return 0;
}

/* The same for many, a batch a call. */
static inline int mq_fill_fast(int fd, unsigned int count)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i, n = 0;
	char text[32];
	int error;

	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		mq_batch_add(&batch, text);
		n++;
		if (i < count && n < 512)
			continue;
		error = mq_send(fd, batch.data, batch.size, &send);
		if (!error && send.count != n)
			error = -EIO;
		mq_batch_free(&batch);
		if (error)
			return error;
		n = 0;
	}
	return 0;
}

static inline void mq_recv_init(struct devmq_recv *recv, void *buffer,
				size_t size)
{
	memset(recv, MQ_POISON, sizeof(*recv));
	recv->size = sizeof(*recv);
	recv->flags = 0;
	recv->buffer = (uintptr_t)buffer;
	recv->buffer_size = size;
	recv->deadline_ns = 0;
	recv->id = 0;
	recv->max_count = 0;
}

/* Receive what is there, without waiting.  The buffer is poisoned. */
static inline int mq_recv(int fd, void *buffer, size_t size,
			  struct devmq_recv *recv)
{
	memset(buffer, MQ_POISON, size);
	mq_recv_init(recv, buffer, size);
	return mq_ioctl(fd, DEVMQ_IOC_RECV, recv);
}

/* Receive a deferred message. */
static inline int mq_recv_id(int fd, uint64_t id, void *buffer, size_t size,
			     struct devmq_recv *recv)
{
	memset(buffer, MQ_POISON, size);
	mq_recv_init(recv, buffer, size);
	recv->id = id;
	return mq_ioctl(fd, DEVMQ_IOC_RECV, recv);
}

static inline void mq_peek_init(struct devmq_peek *peek, void *buffer,
				size_t size)
{
	memset(peek, MQ_POISON, sizeof(*peek));
	peek->size = sizeof(*peek);
	peek->flags = 0;
	peek->buffer = (uintptr_t)buffer;
	peek->buffer_size = size;
	peek->after_id = 0;
	peek->states = 0;
	peek->max_count = 0;
	peek->payload_max = DEVMQ_FOREVER;
	peek->reserved = 0;
}

static inline int mq_peek(int fd, void *buffer, size_t size,
			  struct devmq_peek *peek)
{
	memset(buffer, MQ_POISON, size);
	mq_peek_init(peek, buffer, size);
	return mq_ioctl(fd, DEVMQ_IOC_PEEK, peek);
}

/* Look at the message with this id: 0 and its header, or a negative errno. */
static inline int mq_peek_id(const struct mq_queue *queue, uint64_t id,
			     struct devmq_record *record)
{
	char buffer[2048];
	struct devmq_peek peek;
	int error, fd = mq_open(queue, MQ_LOOK);

	if (fd < 0)
		return fd;
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_peek_init(&peek, buffer, sizeof(buffer));
	peek.after_id = id - 1;
	peek.max_count = 1;
	peek.payload_max = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
	close(fd);
	if (error)
		return error;
	memcpy(record, buffer, sizeof(*record));
	return peek.count == 1 && record->id == id ? 0 : -ENOENT;
}

/*
 * The record behind @record (the first one for NULL) among @used bytes, or
 * NULL at the end.  A record that does not fit ends them as well.
 */
static inline struct devmq_record *
mq_record_next(void *buffer, size_t used, struct devmq_record *record)
{
	size_t place = 0;

	if (record)
		place = (char *)record - (char *)buffer +
			DEVMQ_RECORD_STEP(record->size);
	if (place + sizeof(*record) > used)
		return NULL;
	record = (struct devmq_record *)((char *)buffer + place);
	if (record->size < sizeof(*record) || place + record->size > used)
		return NULL;
	return record;
}

static inline char *mq_record_payload(struct devmq_record *record)
{
	return (char *)record + DEVMQ_RECORD_PAYLOAD(record);
}

static inline size_t mq_record_payload_size(struct devmq_record *record)
{
	return record->size - DEVMQ_RECORD_PAYLOAD(record);
}

/* Is its payload this text? */
static inline bool mq_record_is(struct devmq_record *record, const char *text)
{
	return mq_record_payload_size(record) == strlen(text) &&
	       !memcmp(mq_record_payload(record), text, strlen(text));
}

/* All that is said of a message, taken apart. */
struct mq_look {
	struct devmq_record record;
	struct devmq_extra extra;	/* zero where nothing is said */
	char origin[DEVMQ_NAME_MAX + 1];
	char note[DEVMQ_NOTE_MAX + 1];
	char key[DEVMQ_KEY_MAX + 1];
	char payload[64];		/* its beginning, as a string */
};

/* 0, or -EBADMSG for what does not fit together. */
static inline int mq_look_at(struct devmq_record *record, struct mq_look *look)
{
	char *data = (char *)(record + 1);
	size_t size;

	memset(look, 0, sizeof(*look));
	look->record = *record;
	if (record->extra_size) {
		if (record->extra_size < sizeof(look->extra))
			return -EBADMSG;
		memcpy(&look->extra, data, sizeof(look->extra));
		if (look->extra.origin_size > DEVMQ_NAME_MAX ||
		    look->extra.note_size > DEVMQ_NOTE_MAX ||
		    look->extra.reserved ||
		    record->extra_size < sizeof(look->extra) +
		    look->extra.origin_size + look->extra.note_size)
			return -EBADMSG;
		data += record->extra_size - look->extra.origin_size -
			look->extra.note_size;
		memcpy(look->origin, data, look->extra.origin_size);
		memcpy(look->note, data + look->extra.origin_size,
		       look->extra.note_size);
		data += look->extra.origin_size + look->extra.note_size;
	}
	if (record->key_size > DEVMQ_KEY_MAX)
		return -EBADMSG;
	memcpy(look->key, data, record->key_size);
	size = mq_record_payload_size(record);
	memcpy(look->payload, mq_record_payload(record),
	       size < sizeof(look->payload) ? size : sizeof(look->payload) - 1);
	return 0;
}

/* Take apart the message with this id, where it stands. */
static inline int mq_look_id(const struct mq_queue *queue, uint64_t id,
			     struct mq_look *look)
{
	struct devmq_record *record;
	struct devmq_peek peek;
	int error, fd = mq_open(queue, MQ_LOOK);
	char buffer[4096] __attribute__((aligned(8)));

	memset(look, MQ_POISON, sizeof(*look));
	if (fd < 0)
		return fd;
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_peek_init(&peek, buffer, sizeof(buffer));
	peek.after_id = id - 1;
	peek.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &peek);
	close(fd);
	if (error)
		return error;
	record = mq_record_next(buffer, peek.used, NULL);
	if (peek.count != 1 || !record || record->id != id)
		return -ENOENT;
	return mq_look_at(record, look);
}

/* Take the next message as a record, without waiting, and apart. */
static inline int mq_take(int fd, struct mq_look *look)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct devmq_record *record;
	struct devmq_recv recv;
	int error;

	memset(look, MQ_POISON, sizeof(*look));
	memset(buffer, MQ_POISON, sizeof(buffer));
	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	if (error)
		return error;
	record = mq_record_next(buffer, recv.used, NULL);
	if (recv.count != 1 || !record)
		return -EBADMSG;
	return mq_look_at(record, look);
}

/* The state of a message, -ENOENT if there is none with this id. */
static inline int mq_state(const struct mq_queue *queue, uint64_t id)
{
	struct devmq_record record;

	return mq_peek_id(queue, id, &record) ?: record.state;
}

/*
 * Have a message in every state, on a descriptor with ack=manual: 1 is deferred,
 * 2 dead, 3 delayed by a retry, 4 in flight, 5 ready, 6 delayed.
 */
static inline int mq_fill_states(int fd)
{
	char byte;
	int i;

	if (mq_fill(fd, 5) ||
	    MQ_SEND(fd, .text = "m6", .delay_ns = MQ_HOUR) != 6)
		return -EIO;
	for (i = 1; i <= 4; i++)
		if (mq_read(fd, &byte, 1) != 1 || mq_read(fd, &byte, 1) != 1)
			return -EIO;
	return mq_defer(fd, 1) == 1 && mq_reject(fd, 2) == 1 &&
	       mq_retry(fd, 3, MQ_HOUR) == 1 ? 0 : -ESTALE;
}

/* What a test sees of a message: its state and what went wrong with it. */
#define MQ_EXPECT(queue, id, expected_state, expected_attempt,		\
		  expected_failures, expected_failure) do {		\
	struct devmq_record __record;					\
									\
	EXPECT_EQ(0, mq_peek_id(queue, id, &__record));			\
	EXPECT_EQ(DEVMQ_STATE_##expected_state, __record.state);	\
	EXPECT_EQ(expected_attempt, __record.attempt);			\
	EXPECT_EQ(expected_failures, __record.failures);		\
	EXPECT_EQ(DEVMQ_FAILURE_##expected_failure, __record.failure);	\
} while (0)

/* Is @time what CLOCK_REALTIME says now and @from ns, give or take a second? */
static inline bool mq_is_from_now(uint64_t time, uint64_t from)
{
	uint64_t now = mq_clock_ns(CLOCK_REALTIME);

	return time <= now + from + MQ_SECOND &&
	       time + 30 * MQ_SECOND >= now + from;
}

/* -- memory that ends ------------------------------------------------------ */

/*
 * A place in memory with some pages in front of it and nothing behind: what
 * begins before it and ends behind it leads to EFAULT.
 */
static inline char *mq_edge(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 5 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + 4 * page, page, PROT_NONE))
		abort();
	memset(map, MQ_POISON, 4 * page);
	return map + 4 * page;
}

/* -- who sleeps ------------------------------------------------------------ */

/*
 * Is the thread off its processor, asleep in system call @call?  The kernel
 * answers after it made sure that the thread does not run, so what the thread
 * does before it sleeps is done.
 */
static inline bool mq_is_asleep(pid_t process, pid_t thread, long call)
{
	char path[64], text[256];
	char state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, thread);
	if (mq_read_file(path, text, sizeof(text)) || !strrchr(text, ')'))
		return false;
	state = strrchr(text, ')')[2];
	if (state != 'S')
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", process,
		 thread);
	if (mq_read_file(path, text, sizeof(text)))
		return false;
	return text[0] >= '0' && text[0] <= '9' && atol(text) == call;
}

static inline bool mq_wait_asleep(pid_t process, pid_t thread, long call)
{
	return mq_wait_until(mq_is_asleep(process, thread, call));
}

/* How often the thread has gone to sleep, or a negative errno. */
static inline long mq_switches(pid_t process, pid_t thread)
{
	char path[64], text[4096], *line;
	int error;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", process,
		 thread);
	error = mq_read_file(path, text, sizeof(text));
	if (error)
		return error;
	line = strstr(text, "\nvoluntary_ctxt_switches:");
	return line ? atol(strchr(line, ':') + 1) : -ENOENT;
}

/* -- a call made by another thread ----------------------------------------- */

struct mq_call {
	long number;		/* SYS_read, SYS_write, SYS_ioctl or SYS_poll */
	int fd;
	unsigned long command;	/* of an ioctl */
	void *data;
	size_t size;
	short events;		/* of a poll, and what it gave */
	long result;		/* of the call, or a negative errno */
	pid_t tid;
	bool done;
	pthread_t thread;
};

static inline void *mq_call_thread(void *argument)
{
	struct mq_call *call = argument;
	struct pollfd poll_fd = { .fd = call->fd, .events = call->events };
	long result;

	__atomic_store_n(&call->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	switch (call->number) {
	case SYS_read:
		result = mq_read(call->fd, call->data, call->size);
		break;
	case SYS_write:
		result = mq_write(call->fd, call->data, call->size);
		break;
	case SYS_ioctl:
		result = mq_ioctl(call->fd, call->command, call->data);
		break;
	case SYS_poll:
		result = poll(&poll_fd, 1, -1);
		if (result < 0)
			result = -errno;
		call->events = poll_fd.revents;
		break;
	default:
		result = -ENOSYS;
	}
	call->result = result;
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static inline int mq_call_start(struct mq_call *call)
{
	call->tid = 0;
	call->done = false;
	call->result = -EINPROGRESS;
	return -pthread_create(&call->thread, NULL, mq_call_thread, call);
}

static inline bool mq_call_done(struct mq_call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

/* Wait until it sleeps in its call. */
static inline bool mq_call_sleeps(struct mq_call *call)
{
	return mq_wait_until(mq_call_done(call) ||
			     (__atomic_load_n(&call->tid, __ATOMIC_ACQUIRE) &&
			      mq_is_asleep(getpid(), call->tid,
					   call->number))) &&
	       !mq_call_done(call);
}

/* Wait until it ends: its result, -ETIME if it does not. */
static inline long mq_call_result(struct mq_call *call)
{
	if (!mq_wait_until(mq_call_done(call)))
		return -ETIME;
	pthread_join(call->thread, NULL);
	return call->result;
}

static inline int mq_read_start(struct mq_call *call, int fd, void *data,
				size_t size)
{
	*call = (struct mq_call) {
		.number = SYS_read, .fd = fd, .data = data, .size = size,
	};
	return mq_call_start(call);
}

static inline int mq_write_start(struct mq_call *call, int fd,
				 const void *data, size_t size)
{
	*call = (struct mq_call) {
		.number = SYS_write, .fd = fd, .data = (void *)data,
		.size = size,
	};
	return mq_call_start(call);
}

static inline int mq_ioctl_start(struct mq_call *call, int fd,
				 unsigned long command, void *argument)
{
	*call = (struct mq_call) {
		.number = SYS_ioctl, .fd = fd, .command = command,
		.data = argument,
	};
	return mq_call_start(call);
}

static inline int mq_poll_start(struct mq_call *call, int fd, short events)
{
	*call = (struct mq_call) {
		.number = SYS_poll, .fd = fd, .events = events,
	};
	return mq_call_start(call);
}

/* -- signals and processes ------------------------------------------------- */

static inline void mq_signal_handler(int number)
{
	(void)number;
}

/* Have SIGUSR1 do nothing but interrupt, with SA_RESTART or without. */
static inline int mq_catch_signal(int flags)
{
	struct sigaction action = {
		.sa_handler = mq_signal_handler,
		.sa_flags = flags,
	};

	return sigaction(SIGUSR1, &action, NULL) ? -errno : 0;
}

/* A child that does not outlive its parent. */
static inline pid_t mq_fork(void)
{
	pid_t parent = getpid(), child;

	fflush(NULL);
	child = fork();
	if (!child) {
		mq_names_count = 0;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	return child;
}

/* The exit code of a child, 128 and its signal if it was killed. */
static inline int mq_wait_child(pid_t child)
{
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;
	int status;
	pid_t done;

	while (!(done = waitpid(child, &status, WNOHANG))) {
		if (mq_now_ms() > end) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -ETIME;
		}
		usleep(500);
	}
	if (done < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}

static inline int mq_become(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* Hand a descriptor to whoever has the other end of a socket. */
static inline int mq_pass_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 'x';
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

static inline int mq_take_fd(int socket)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, 0) != 1)
		return -errno;
	if (control.header.cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	return fd;
}

/* -- the beginning of every test program ----------------------------------- */

/* Is there a module to test, and may we?  Used by fixtures before all else. */
#define MQ_REQUIRE() do {						\
	if (access(MQ_CONTROL, W_OK))					\
		SKIP(return, "no write access to " MQ_CONTROL ": %s",	\
		     strerror(errno));					\
} while (0)

#endif /* MQ_TEST_H */
