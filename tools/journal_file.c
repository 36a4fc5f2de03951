// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "journal_file.h"
#include "units.h"

/* Bytes that are zeroed, or looked at, by one call. */
#define STEP		(1U << 20)
/* Bytes that are written without waiting for the disk. */
#define DIRTY_MAX	(64ULL << 20)

/*
 * What lies behind the end of a file reads as zeros, which are no journal: whoever
 * needs these bytes compares the size first.
 */
static int file_read(void *context, u64 at, void *to, u32 size)
{
	const struct journal_file *file = context;
	char *next = to;
	ssize_t n;

	while (size) {
		n = pread(file->fd, next, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) {
			memset(next, 0, size);
			return 0;
		}
		next += n;
		at += (u64)n;
		size -= (u32)n;
	}
	return 0;
}

static int file_write(void *context, u64 at, const void *data, u32 size)
{
	const struct journal_file *file = context;
	const char *next = data;
	ssize_t n;

	while (size) {
		n = pwrite(file->fd, next, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		next += n;
		at += (u64)n;
		size -= (u32)n;
	}
	return 0;
}

static int file_flush(void *context)
{
	const struct journal_file *file = context;

	return fsync(file->fd) ? -errno : 0;
}

static void file_begin(struct journal_file *file, const char *path)
{
	*file = (struct journal_file) {
		.path = path,
		.fd = -1,
		.source = { .read = file_read, .context = file },
		.sink = {
			.write = file_write, .flush = file_flush,
			.context = file,
		},
	};
}

/* Find out what was opened, and how large it is. */
static int file_look(struct journal_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return -errno;
	file->device = S_ISBLK(st.st_mode);
	file->size = (u64)st.st_size;
	if (!file->device && !S_ISREG(st.st_mode))
		return -ENOTBLK;
	if (file->device && ioctl(file->fd, BLKGETSIZE64, &file->size))
		return -errno;
	file->source.size = file->size;
	return 0;
}

int journal_file_open(struct journal_file *file, const char *path, int flags)
{
	int err;

	file_begin(file, path);
	/* To open a FIFO, or a tape, may wait for something. */
	file->fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	/* A kernel may let nobody write to a device that is mounted. */
	if (file->fd < 0 && errno == EBUSY)
		return complain(path, 0, "the device is mounted or in use");
	if (file->fd < 0)
		return complain_output(path, -errno, "cannot open");
	err = file_look(file);
	if (!err) {
		/* What a failed write left in memory is not what the disk has. */
		posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
		return STATUS_DONE;
	}
	close(file->fd);
	if (err == -ENOTBLK)
		return complain(path, 0, "cannot open: neither a regular file "
				"nor a block device");
	return complain_output(path, err, "cannot open");
}

int journal_file_make(struct journal_file *file, const char *path)
{
	file_begin(file, path);
	file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file->fd < 0 && errno == EEXIST) {
		complain(path, 0, "cannot create: it exists already");
		return STATUS_EXISTS;
	}
	if (file->fd < 0)
		return complain_output(path, -errno, "cannot create");
	file->made = true;
	return STATUS_DONE;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void journal_file_catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = stop }, old;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
	}
}

static void show_progress(const struct journal_file *file, u64 done, u64 size)
{
	char of[UNITS_TEXT_MAX];

	if (!isatty(STDERR_FILENO))
		return;
	format_size(size, of);
	fprintf(stderr, "\r%s: %" PRIu64 "%% of %s%s", file->path,
		(uint64_t)(done * 100 / size), of, done == size ? "\n" : "");
}

static int write_zeros(struct journal_file *file, const void *zeros, u64 size)
{
	u64 at, dirty = 0;
	u32 n;
	int err = 0;

	for (at = 0; !err && at < size; at += n) {
		n = size - at < STEP ? (u32)(size - at) : STEP;
		err = stopped ? -EINTR : file_write(file, at, zeros, n);
		dirty += n;
		if (!err && (dirty >= DIRTY_MAX || at + n == size)) {
			err = file_flush(file);
			dirty = 0;
			if (!err)
				show_progress(file, at + n, size);
		}
	}
	return err;
}

int journal_file_zero(struct journal_file *file, u64 size)
{
	void *zeros = calloc(1, STEP);
	int err;

	if (!zeros)
		return complain(file->path, -ENOMEM, "cannot write");
	journal_file_catch_signals();
	err = write_zeros(file, zeros, size);
	free(zeros);
	if (err && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (err == -EINTR)
		return complain(file->path, 0, "cannot write: interrupted");
	if (err)
		return complain_output(file->path, err, "cannot write");
	if (size > file->size)
		file->size = size;
	file->source.size = file->size;
	return STATUS_DONE;
}

int journal_file_is_zero(const struct journal_file *file, u64 at, u64 size)
{
	char *bytes = malloc(STEP);
	int err = bytes ? 0 : -ENOMEM;
	bool zero = true;
	u32 n;

	for (; !err && zero && size; at += n, size -= n) {
		n = size < STEP ? (u32)size : STEP;
		err = file_read((void *)(uintptr_t)file, at, bytes, n);
		/* The first is zero, and each is as the one before. */
		zero = err || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
	}
	free(bytes);
	return err ? err : zero;
}

/* Let the name of a new file be on stable storage, too. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd, err;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 || fsync(fd) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return err;
}

int journal_file_close(struct journal_file *file, int status)
{
	int err;

	/* A journal may be in the file by now, so it stays if its name is not flushed. */
	if (file->made && status != STATUS_DONE) {
		unlink(file->path);
	} else if (file->made) {
		err = sync_folder(file->path);
		if (err)
			status = complain_output(file->path, err, "cannot "
						 "flush its directory");
	}
	close(file->fd);
	return status;
}
