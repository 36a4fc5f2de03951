// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "writes.h"

#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_FLUSH	1
#define LOG_FUA		2
#define LOG_DISCARD	4
#define LOG_MARK	8

struct log_super {
	uint64_t	magic;
	uint64_t	version;
	uint64_t	entries;
	uint32_t	sector_size;
};

struct log_entry {
	uint64_t	sector;
	uint64_t	sectors;
	uint64_t	flags;
	uint64_t	data_size;
};

static int complain(const char *path, const char *what)
{
	fprintf(stderr, "judge: %s: %s\n", path, what);
	return -1;
}

static void add(struct writes *w, struct write write)
{
	if (!(w->count & (w->count - 1)))
		w->all = realloc(w->all, (w->count ? 2 * w->count : 1) *
				 sizeof(*w->all));
	w->all[w->count++] = write;
}

static void add_entry(struct writes *w, const struct log_entry *e,
		      uint32_t unit, const uint8_t *data)
{
	uint64_t flags = le64toh(e->flags);

	if (flags & LOG_FLUSH)
		add(w, (struct write){ .kind = WRITE_FLUSH });
	if (le64toh(e->sectors))
		add(w, (struct write){
			.kind = WRITE_DATA,
			.at = le64toh(e->sector) * unit,
			.size = le64toh(e->sectors) * unit,
			.data = flags & LOG_DISCARD ? NULL : data,
		});
	if (flags & LOG_FUA)
		add(w, (struct write){ .kind = WRITE_FLUSH });
}

/*
 * The number of entries in the first sector is from the last flush: go on to the
 * first that is all zero.
 */
int writes_read(struct writes *w, const char *path)
{
	static const struct log_entry none;
	const struct log_super *super;
	const uint8_t *map;
	struct stat st;
	uint64_t at;
	uint32_t unit;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(w, 0, sizeof(*w));
	if (fd < 0 || fstat(fd, &st))
		return complain(path, "cannot be opened");
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return complain(path, "cannot be mapped");
	super = (const void *)map;
	unit = le32toh(super->sector_size);
	if (le64toh(super->magic) != LOG_MAGIC || unit < 512)
		return complain(path, "is no log of writes");
	for (at = unit; at + unit <= (uint64_t)st.st_size;) {
		const struct log_entry *e = (const void *)(map + at);

		if (!memcmp(e, &none, sizeof(none)))
			break;
		at += unit;
		if (!(le64toh(e->flags) & LOG_MARK))
			add_entry(w, e, unit, map + at);
		if (!(le64toh(e->flags) & LOG_DISCARD))
			at += le64toh(e->sectors) * unit;
	}
	return 0;
}
