// SPDX-License-Identifier: GPL-2.0
/* What a disk can do: groups of bytes that are appended and flushed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include "journal/format.h"

#include "raw.h"

#define UNIT	4096

const char *raw_file;

/* Bytes of a journal's block with these messages, in whole units. */
static size_t group_size(size_t messages, size_t size)
{
	size_t each = sizeof(struct mq_j_message) + sizeof(struct mq_j_state) +
		      (size + 7) / 8 * 8;
	size_t bytes = sizeof(struct mq_j_block) + messages * each;

	return (bytes + UNIT - 1) / UNIT * UNIT;
}

int raw_open(struct raw *raw, size_t messages, size_t size)
{
	raw->size = group_size(messages, size);
	raw->at = 0;
	raw->group = NULL;
	raw->fd = open(raw_file, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (raw->fd < 0)
		return -errno;
	raw->bytes = lseek(raw->fd, 0, SEEK_END);
	if (raw->bytes >= (off_t)raw->size &&
	    !posix_memalign(&raw->group, UNIT, raw->size)) {
		memset(raw->group, 'r', raw->size);
		return 0;
	}
	close(raw->fd);
	return raw->bytes < (off_t)raw->size ? -ENOSPC : -ENOMEM;
}

void raw_close(struct raw *raw)
{
	close(raw->fd);
	free(raw->group);
}

int raw_write(struct raw *raw, size_t count)
{
	for (; count; count--) {
		if (raw->at + (off_t)raw->size > raw->bytes)
			raw->at = 0;
		if (pwrite(raw->fd, raw->group, raw->size, raw->at) !=
		    (ssize_t)raw->size || fdatasync(raw->fd))
			return errno ? -errno : -EIO;
		raw->at += (off_t)raw->size;
	}
	return 0;
}
