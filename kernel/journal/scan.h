/* SPDX-License-Identifier: GPL-2.0 */
/* Finding what a journal has: segments, blocks, the end of each stream. */
#ifndef MQ_JOURNAL_SCAN_H
#define MQ_JOURNAL_SCAN_H

#include "journal/block.h"
#include "journal/pure.h"

/* How many reads can be under way at a time. */
#define MQ_J_SLOTS		8

/**
 * struct mq_j_source - where a journal is read from
 * @read: read @size bytes at @at; 0 or a negative errno
 * @context: what these functions are called with
 * @size: bytes of the file or the device
 * @begin: begin to read as read number @slot, which is below MQ_J_SLOTS; NULL: the
 *	source cannot do that. What is read fills whole units of MQ_J_UNIT_MAX bytes,
 *	in memory that begins at a multiple of that size
 * @end: wait until that read is done; 0 or a negative errno
 */
struct mq_j_source {
	int	(*read)(void *context, u64 at, void *to, u32 size);
	void	*context;
	u64	size;
	void	(*begin)(void *context, u32 slot, u64 at, void *to, u32 size);
	int	(*end)(void *context, u32 slot);
};

/**
 * struct mq_j_fault - what is wrong with a journal
 * @what: in words, or NULL: nothing
 * @at: where in the file
 * @sequence: of the segment, or 0
 */
struct mq_j_fault {
	const char	*what;
	u64		at;
	u64		sequence;
};

/**
 * struct mq_j_segment_info - a segment
 * @sequence: its number; 0: nothing that is needed is at this place
 * @first: the number that its first block has; 0: none
 * @epochs: of its header
 * @seed: of its checksums
 * @stream: enum mq_j_streams
 * @records: how many the replay has read in it
 * @stale: it has a message that a newer segment has, too: the crash came before
 *	the writer could leave it out of the map. It has to be left out before
 *	any other: the end of such a message names the newer segment
 */
struct mq_j_segment_info {
	u64	sequence;
	u64	first;
	u64	epochs;
	u32	seed;
	u32	stream;
	u32	records;
	bool	stale;
};

/**
 * struct mq_j_tail - the end of a stream
 * @end: behind the last block; sequence 0: the stream has no segment
 * @position: of the open segment in the file
 * @cut: bytes behind @end that the crash tore, up to the last that were written
 * @closed: the segment has its last block
 */
struct mq_j_tail {
	struct mq_j_place	end;
	u32			position;
	u32			cut;
	bool			closed;
};

/**
 * struct mq_j_log - a journal that was opened for reading
 * @source: where it is read from
 * @shape: what its superblock says
 * @epochs: how often it was attached
 * @sequence: the highest number of a segment
 * @serial: no object in closed segments has this serial or a higher one
 * @marks: up to where the streams are known to be flushed
 * @tails: their ends
 * @fault: what is wrong, if a function returned -EUCLEAN
 * @position: of the segment that was loaded last
 * @block: offset of the block there whose records are taken (of replay.c)
 * @reading: its sequence
 * @held: position of the segment in @buffer, plus 1; 0: none is there
 * @coming: likewise of the one that is being read to @spare
 * @begun: the reads that were begun, a bit for each slot
 * @results: what a source that cannot begin a read has returned of one
 * @buffer: a segment
 * @spare: NULL, or room for the next one
 * @segments: for each place
 */
struct mq_j_log {
	const struct mq_j_source	*source;
	struct mq_j_shape		shape;
	u64				epochs;
	u64				sequence;
	u64				serial;
	struct mq_j_place		marks[MQ_J_STREAMS];
	struct mq_j_tail		tails[MQ_J_STREAMS];
	struct mq_j_fault		fault;
	u32				position;
	u32				block;
	u64				reading;
	u32				held;
	u32				coming;
	u32				begun;
	int				results[MQ_J_SLOTS];
	u8				*buffer;
	u8				*spare;
	struct mq_j_segment_info	*segments;
};

int mq_j_log_open(struct mq_j_log *log, const struct mq_j_source *source);
int mq_j_sequence_find(struct mq_j_log *log, u64 *highest);
void mq_j_log_close(struct mq_j_log *log);
int mq_j_segment_load(struct mq_j_log *log, u32 position, u32 *end);
void mq_j_segment_ahead(struct mq_j_log *log, u32 position);
const struct mq_j_block *mq_j_block_next(const struct mq_j_log *log, u32 end,
					 u32 *offset);
int mq_j_damaged(struct mq_j_log *log, const char *what, u32 position,
		 u32 offset);

#endif /* MQ_JOURNAL_SCAN_H */
