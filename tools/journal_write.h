/* SPDX-License-Identifier: GPL-2.0 */
/* Writing records to a new journal, one segment after the other. */
#ifndef MQCTL_JOURNAL_WRITE_H
#define MQCTL_JOURNAL_WRITE_H

#include "journal_make.h"

/**
 * struct journal_writer - records on their way to a new journal
 * @sink: where it is written to; NULL: nowhere, what it needs is only counted
 * @shape: of the journal
 * @epoch: of all its segments
 * @serial: no object has this serial or a higher one
 * @sequence: number of the open segment
 * @segment: the open segment
 * @map: see struct mq_j_segment
 * @block: where the open block begins in the segment
 * @used: bytes of it
 * @mark: the end of the segment before
 */
struct journal_writer {
	const struct journal_sink	*sink;
	const struct mq_j_shape		*shape;
	u64				epoch;
	u64				serial;
	u64				sequence;
	u8				*segment;
	u64				*map;
	u32				block;
	u32				used;
	struct mq_j_place		mark;
};

/*
 * Begin; the caller sets sink, shape, epoch and serial. Returns 0 or a negative errno;
 * journal_writer_free() is to be called in any case.
 */
int journal_writer_begin(struct journal_writer *w);

/*
 * Add a record of @size bytes, zeroed but for its size and its type. Returns 0,
 * -ENOSPC: the journal is full, -EMSGSIZE: no segment has room for it, or an error of
 * the sink.
 */
int journal_writer_add(struct journal_writer *w, u64 size, u8 type,
		       void **record);

/*
 * Write what is left, and make it a journal. All that was written is behind a mark,
 * so that damage of it is noticed.
 */
int journal_writer_end(struct journal_writer *w);

void journal_writer_free(struct journal_writer *w);

#endif /* MQCTL_JOURNAL_WRITE_H */
