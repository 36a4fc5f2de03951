/* SPDX-License-Identifier: GPL-2.0 */
/* Reading and writing small files in one call. */
#ifndef MQ_TEST_FILE_H
#define MQ_TEST_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Read a file into @text as a string, without its final newline. */
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

#endif /* MQ_TEST_FILE_H */
