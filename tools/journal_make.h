/* SPDX-License-Identifier: GPL-2.0 */
/* Making a new journal: what has to be in a file that is full of zeros. */
#ifndef MQCTL_JOURNAL_MAKE_H
#define MQCTL_JOURNAL_MAKE_H

#include "journal/block.h"
#include "journal/pure.h"

/**
 * struct journal_sink - where a journal is written to
 * @write: write @size bytes at @at; 0 or a negative errno
 * @flush: all that was written is on stable storage; 0 or a negative errno
 * @context: what these are called with
 */
struct journal_sink {
	int	(*write)(void *context, u64 at, const void *data, u32 size);
	int	(*flush)(void *context);
	void	*context;
};

/**
 * struct journal_head - the header of a segment of the hot stream
 * @epoch: see struct mq_j_segment
 * @sequence: see there
 * @serial: see there
 * @position: see there
 * @mark: up to where the stream was flushed
 * @map: for each place the sequence of the segment that is needed, or 0
 */
struct journal_head {
	u64			epoch;
	u64			sequence;
	u64			serial;
	u32			position;
	struct mq_j_place	mark;
	const u64		*map;
};

/* Fill in a header of mq_j_header_size() bytes. */
void journal_head_fill(struct mq_j_segment *h, const struct mq_j_shape *shape,
		       const struct journal_head *head);

/* Write a header, and flush it. */
int journal_head_write(const struct journal_sink *sink,
		       const struct mq_j_shape *shape,
		       const struct journal_head *head);

/*
 * Write the superblock and its copy, and flush them: call it last. Before that, the
 * file is no journal.
 */
int journal_super_write(const struct journal_sink *sink,
			const struct mq_j_shape *shape);

/* Make an empty journal of a file that is full of zeros. */
int journal_make(const struct journal_sink *sink, const struct mq_j_shape *shape,
		 u64 epoch);

#endif /* MQCTL_JOURNAL_MAKE_H */
