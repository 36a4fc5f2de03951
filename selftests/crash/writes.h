/* SPDX-License-Identifier: GPL-2.0 */
/* The log of a disk's writes, as QEMU's blklogwrites and dm-log-writes write it. */
#ifndef MQ_CRASH_WRITES_H
#define MQ_CRASH_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum write_kinds { WRITE_DATA, WRITE_FLUSH };

/* A write, or a flush; a write with FUA is a write and a flush. */
struct write {
	enum write_kinds	kind;
	uint64_t		at;
	uint32_t		size;
	const uint8_t		*data;	/* NULL: zeros */
};

struct writes {
	struct write	*all;
	size_t		count;
};

/* Read a log. Returns 0, or prints what is wrong and returns -1. */
int writes_read(struct writes *w, const char *path);

#endif /* MQ_CRASH_WRITES_H */
