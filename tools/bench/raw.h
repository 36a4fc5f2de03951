/* SPDX-License-Identifier: GPL-2.0 */
/* What a disk can do: groups of bytes that are appended and flushed. */
#ifndef MQBENCH_RAW_H
#define MQBENCH_RAW_H

#include <stddef.h>
#include <sys/types.h>

/* The file that is written over; NULL if none was named. */
extern const char *raw_file;

/**
 * struct raw - a file, and a group for it
 * @fd: the file, which is not cached
 * @group: as many bytes as a journal writes for the messages of a group
 * @size: of the group
 * @bytes: of the file
 * @at: where the next group goes
 */
struct raw {
	int	fd;
	void	*group;
	size_t	size;
	off_t	bytes;
	off_t	at;
};

/* Open the file for groups of @messages, of @size bytes each. */
int raw_open(struct raw *raw, size_t messages, size_t size);
void raw_close(struct raw *raw);

/* Write and flush @count groups, one after the other. */
int raw_write(struct raw *raw, size_t count);

#endif /* MQBENCH_RAW_H */
