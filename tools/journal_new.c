// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

#include "complain.h"
#include "journal_new.h"
#include "units.h"

/* With less, no message has room. */
#define COUNT_MIN	(MQ_J_COUNT_RESERVED + 1)

/* A segment is about this part of a journal, unless that is too small or too large. */
#define PART		64

/*
 * Disks write whole sectors of 4096 bytes, whatever they say: a smaller unit would
 * put a block into a sector that has others already, which a crash would tear.
 */
#define UNIT		4096

static u64 default_segment_size(u64 size)
{
	u64 n = MQ_J_SEGMENT_MIN;

	while (n < MQ_J_SEGMENT_MAX && 2 * n <= size / PART)
		n *= 2;
	return n;
}

static int complain_count(const char *path, u64 count, u64 segment_size)
{
	char least[UNITS_TEXT_MAX], segment[UNITS_TEXT_MAX];

	exact_size(segment_size, segment);
	if (count > MQ_J_COUNT_MAX)
		return complain(path, 0, "cannot create: it would have %" PRIu64
				" segments of %s, and %d are the most",
				(uint64_t)count, segment, MQ_J_COUNT_MAX);
	exact_size(MQ_J_SEGMENTS + COUNT_MIN * segment_size, least);
	return complain(path, 0, "cannot create: too small, with segments of %s it "
			"needs %s", segment, least);
}

int journal_new_shape(struct mq_j_shape *shape, const char *path, u64 size,
		      u64 segment_size)
{
	u64 count;

	if (!segment_size)
		segment_size = default_segment_size(size);
	if (segment_size & (segment_size - 1) ||
	    segment_size < MQ_J_SEGMENT_MIN || segment_size > MQ_J_SEGMENT_MAX)
		return complain(path, 0, "cannot create: the size of a segment must be "
				"a power of two from 256K to 64M");
	count = size < MQ_J_SEGMENTS ? 0 : (size - MQ_J_SEGMENTS) / segment_size;
	if (count < COUNT_MIN || count > MQ_J_COUNT_MAX)
		return complain_count(path, count, segment_size);
	*shape = (struct mq_j_shape) {
		.unit = UNIT,
		.segment_size = (u32)segment_size,
		.count = (u32)count,
	};
	return STATUS_DONE;
}

int journal_new_identity(struct mq_j_shape *shape)
{
	struct timespec now;

	if (getrandom(shape->uuid, sizeof(shape->uuid), 0) !=
	    sizeof(shape->uuid))
		return -EIO;
	/* A UUID of version 4 (RFC 9562). */
	shape->uuid[6] = (shape->uuid[6] & 0x0f) | 0x40;
	shape->uuid[8] = (shape->uuid[8] & 0x3f) | 0x80;
	clock_gettime(CLOCK_REALTIME, &now);
	shape->created = (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
	return 0;
}

u64 journal_new_epoch(void)
{
	u64 epoch;

	return getrandom(&epoch, sizeof(epoch), 0) == sizeof(epoch) ? epoch : 0;
}

int journal_new_zero(struct journal_file *file, const struct mq_j_shape *shape)
{
	return journal_file_zero(file, mq_j_segment_at(shape, shape->count));
}

int journal_new_make(struct journal_file *file, struct mq_j_shape *shape)
{
	int err = journal_new_identity(shape) ?:
		  journal_make(&file->sink, shape, journal_new_epoch());

	return err ? complain_output(file->path, err, "cannot write") :
		     STATUS_DONE;
}
