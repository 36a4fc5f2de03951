// SPDX-License-Identifier: GPL-2.0
/*
 * Finding what a journal has: segments, blocks, the end of each stream.
 *
 * The newest valid header of a segment has the map of the segments that are
 * needed. The writer keeps to three rules, so that a crash can only tear the end
 * of the last segment of each stream, and all else that is not valid is damage:
 *
 *  - before it writes the header of a segment, the segment before it in the
 *    stream ends with a block that is marked as the last, and is flushed;
 *  - it flushes the header before it writes a block or another header;
 *  - it leaves a segment out of the map only after all that is needed of it was
 *    flushed elsewhere, and uses its place again only after a header with that
 *    map was flushed.
 *
 * In the last segment of a stream, a block that is not valid is damage if a
 * later one, or one of the other stream, says that it was flushed. Otherwise it
 * was torn by the crash: nobody was told that it is stored, and it is cut.
 *
 * A header that is not valid is damage if the map has its segment, or if a newer
 * segment than all others has a block behind it: without it, all of that segment
 * would be missing, and no map would tell.
 */
#include "journal/scan.h"

static int mq_j_read(struct mq_j_log *log, u64 at, void *to, u32 size)
{
	return log->source->read(log->source->context, at, to, size);
}

/* Begin a read. A source that cannot do that reads at once. */
static void mq_j_read_begin(struct mq_j_log *log, u32 slot, u64 at, void *to, u32 size)
{
	const struct mq_j_source *s = log->source;

	log->begun |= 1U << slot;
	if (s->begin)
		s->begin(s->context, slot, at, to, size);
	else
		log->results[slot] = s->read(s->context, at, to, size);
}

/* Wait until a read is done. */
static int mq_j_read_end(struct mq_j_log *log, u32 slot)
{
	const struct mq_j_source *s = log->source;

	log->begun &= ~(1U << slot);
	return s->begin ? s->end(s->context, slot) : log->results[slot];
}

/* Wait until nothing is being read any more. */
static void mq_j_reads_end(struct mq_j_log *log)
{
	u32 slot;

	for (slot = 0; slot < MQ_J_SLOTS; slot++)
		if (log->begun & 1U << slot)
			mq_j_read_end(log, slot);
	log->coming = 0;
}

/* Note what is wrong, and where. Return -EUCLEAN. */
int mq_j_damaged(struct mq_j_log *log, const char *what, u32 position,
		 u32 offset)
{
	log->fault.what = what;
	log->fault.at = mq_j_segment_at(&log->shape, position) + offset;
	log->fault.sequence = log->segments ?
			      log->segments[position].sequence : 0;
	return -EUCLEAN;
}

/* Read one of the superblocks. A file that ends before it is no journal. */
static int mq_j_super_at(struct mq_j_log *log, u64 at, u8 *unit)
{
	if (log->source->size < at + MQ_J_UNIT_MAX)
		return -EMEDIUMTYPE;
	return mq_j_read(log, at, unit, MQ_J_UNIT_MAX) ?:
	       mq_j_super_check((const void *)unit, &log->shape);
}

/* Read the superblock, or its copy. */
static int mq_j_super_read(struct mq_j_log *log)
{
	u8 *unit = mq_j_alloc(MQ_J_UNIT_MAX);
	int err, copy;

	if (!unit)
		return -ENOMEM;
	err = mq_j_super_at(log, 0, unit);
	if (err) {
		copy = mq_j_super_at(log, MQ_J_COPY, unit);
		/* What is wrong with the first says more, unless it is gone. */
		if (!copy || err == -EMEDIUMTYPE)
			err = copy;
	}
	mq_j_free(unit);
	if (err == -EUCLEAN)
		log->fault.what = "the superblock is damaged";
	if (!err && mq_j_segment_at(&log->shape, log->shape.count) >
		    log->source->size) {
		log->fault.what = "the file is shorter than the superblock says";
		err = -EUCLEAN;
	}
	return err;
}

/* Take a farther mark of a stream. */
static void mq_j_mark_take(struct mq_j_log *log, const struct mq_j_mark *marks)
{
	struct mq_j_place place;
	u32 i;

	for (i = 0; i < MQ_J_STREAMS; i++) {
		mq_j_mark_get(&marks[i], &place);
		if (mq_j_before(&log->marks[i], &place))
			log->marks[i] = place;
	}
}

/*
 * Return the number of a segment that its first block, @b, has, whether or not
 * the segment has a header, or the block belongs to this journal; 0: it has none.
 * Where that block would begin nothing but first blocks is ever written, so the
 * number there is one that a writer gave.
 */
static u64 mq_j_first_sequence(const struct mq_j_log *log,
			       const struct mq_j_block *b)
{
	u64 sequence = le64_to_cpu(b->sequence);

	return b->magic == cpu_to_le32(MQ_J_MAGIC_BLOCK) &&
	       le32_to_cpu(b->offset) == mq_j_header_size(&log->shape) &&
	       sequence < MQ_J_NUMBER_MAX ? sequence : 0;
}

/*
 * Take the header of a segment, and what the first block behind it says. The newest
 * header is kept in @newest.
 */
static void mq_j_header_take(struct mq_j_log *log, u32 position, const u8 *bytes,
			     struct mq_j_segment *newest)
{
	const struct mq_j_segment *h = (const void *)bytes;
	struct mq_j_segment_info *s = &log->segments[position];
	u32 size = mq_j_header_size(&log->shape);

	s->first = mq_j_first_sequence(log, (const void *)(bytes + size));
	if (!mq_j_segment_is_valid(h, &log->shape, position))
		return;
	s->sequence = le64_to_cpu(h->sequence);
	s->epochs = le64_to_cpu(h->epochs);
	s->seed = mq_j_seed(&log->shape, le64_to_cpu(h->epoch));
	s->stream = le32_to_cpu(h->stream);
	if (s->sequence <= log->sequence)
		return;
	log->sequence = s->sequence;
	log->epochs = s->epochs;
	log->serial = le64_to_cpu(h->serial);
	memcpy(newest, h, size);
}

/*
 * Read all headers, each with the first block behind it, as a read of so little takes the
 * time that the disk needs for any, and some of them at a time. The newest header stays
 * in @newest; return -EUCLEAN if there is none, as each journal is made with one.
 */
static int mq_j_headers_read(struct mq_j_log *log, struct mq_j_segment *newest)
{
	u32 count = log->shape.count, position, begun = 0;
	u32 size = ALIGN(mq_j_header_size(&log->shape) + log->shape.unit, MQ_J_UNIT_MAX);
	u32 slots = min(log->shape.segment_size / size, (u32)MQ_J_SLOTS);
	int err;

	for (position = 0; position < count; position++) {
		u32 slot = position % slots;

		for (; begun < count && begun < position + slots; begun++)
			mq_j_read_begin(log, begun % slots,
					mq_j_segment_at(&log->shape, begun),
					log->buffer + begun % slots * size, size);
		err = mq_j_read_end(log, slot);
		if (err)
			return err;
		mq_j_header_take(log, position, log->buffer + slot * size, newest);
	}
	return log->sequence ? 0 :
	       mq_j_damaged(log, "no segment has a valid header", 0, 0);
}

/* Look for a segment that lost its header, and is newer than all that have one. */
static int mq_j_headless_find(struct mq_j_log *log)
{
	u32 position;

	for (position = 0; position < log->shape.count; position++) {
		struct mq_j_segment_info *s = &log->segments[position];

		if (s->sequence || s->first <= log->sequence)
			continue;
		s->sequence = s->first;
		return mq_j_damaged(log, "a segment has no valid header",
				    position, 0);
	}
	return 0;
}

/**
 * mq_j_sequence_find - find the highest number that a segment of the file had
 * @log: a journal, of which only the superblock needs to have been read
 * @highest: gets the number, 0: no segment had one
 *
 * A journal that is made in the place of another one goes on behind that number.
 * Otherwise blocks of the other one would look newer than its own.
 *
 * Return: 0, -ENOMEM, or an error of the source.
 */
int mq_j_sequence_find(struct mq_j_log *log, u64 *highest)
{
	u32 position, header = mq_j_header_size(&log->shape);
	u8 *buffer = mq_j_alloc(log->shape.unit);
	u64 sequence;
	int err = buffer ? 0 : -ENOMEM;

	*highest = log->sequence;
	for (position = 0; position < log->shape.count && !err; position++) {
		err = mq_j_read(log, mq_j_segment_at(&log->shape, position) + header,
				buffer, log->shape.unit);
		sequence = err ? 0 : mq_j_first_sequence(log, (void *)buffer);
		if (sequence > *highest)
			*highest = sequence;
	}
	mq_j_free(buffer);
	return err;
}

/* Keep the segments of the map only, and check that each of them is there. */
static int mq_j_map_apply(struct mq_j_log *log, const struct mq_j_segment *newest)
{
	u32 position;

	for (position = 0; position < log->shape.count; position++) {
		u64 sequence = le64_to_cpu(newest->map[position]);
		struct mq_j_segment_info *s = &log->segments[position];

		if (sequence && s->sequence != sequence) {
			s->sequence = sequence;
			return mq_j_damaged(log, "a segment has no valid header",
					    position, 0);
		}
		if (!sequence)
			s->sequence = 0;
	}
	mq_j_mark_take(log, newest->marks);
	return 0;
}

/* Wait for the segment that is being read, and exchange the buffers. */
static int mq_j_coming_take(struct mq_j_log *log)
{
	u8 *buffer = log->spare;

	log->coming = 0;
	log->spare = log->buffer;
	log->buffer = buffer;
	return mq_j_read_end(log, 0);
}

/* Read a segment into the buffer, unless it is there already. */
static int mq_j_segment_read(struct mq_j_log *log, u32 position)
{
	int err;

	if (log->held == position + 1)
		return 0;
	log->held = 0;
	if (log->coming == position + 1)
		err = mq_j_coming_take(log);
	else
		err = mq_j_read(log, mq_j_segment_at(&log->shape, position),
				log->buffer, log->shape.segment_size);
	if (!err)
		log->held = position + 1;
	return err;
}

/**
 * mq_j_segment_ahead - begin to read the segment that will be loaded next
 * @log: the journal
 * @position: of the segment
 *
 * The segment in the buffer stays there. Does nothing if there is no memory, or if the
 * source cannot begin a read.
 */
void mq_j_segment_ahead(struct mq_j_log *log, u32 position)
{
	if (!log->source->begin || log->coming || log->held == position + 1)
		return;
	if (!log->spare)
		log->spare = mq_j_alloc(log->shape.segment_size);
	if (!log->spare)
		return;
	log->coming = position + 1;
	mq_j_read_begin(log, 0, mq_j_segment_at(&log->shape, position), log->spare,
			log->shape.segment_size);
}

/* Return the block at an offset of the segment in the buffer, if it is valid. */
static const struct mq_j_block *mq_j_block_at(const struct mq_j_log *log,
					      u32 position, u32 offset)
{
	const struct mq_j_segment_info *s = &log->segments[position];
	const struct mq_j_block *b = (const void *)(log->buffer + offset);

	if (offset >= log->shape.segment_size ||
	    !mq_j_block_is_valid(b, log->shape.segment_size - offset, s->seed,
				 s->sequence, offset, log->shape.unit))
		return NULL;
	return b;
}

/**
 * mq_j_blocks_walk - go through the valid blocks of the segment in the buffer
 * @log: the journal
 * @position: of the segment
 * @last: set to whether its last block is there
 *
 * Return: where they end.
 */
static u32 mq_j_blocks_walk(struct mq_j_log *log, u32 position, bool *last)
{
	u32 offset = mq_j_header_size(&log->shape);
	const struct mq_j_block *b;

	*last = false;
	while (!*last) {
		b = mq_j_block_at(log, position, offset);
		if (!b)
			break;
		mq_j_mark_take(log, b->marks);
		offset += le32_to_cpu(b->size);
		*last = le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST;
	}
	return offset;
}

/*
 * Look for blocks behind the end of the last segment of a stream: they say how
 * far it was flushed, also if all but their header is torn. Return where the last
 * of them ends.
 *
 * What lies there may be of payloads, which look as their senders want. So nothing
 * of a block is summed but its header.
 */
static u32 mq_j_beyond(struct mq_j_log *log, u32 position, u32 offset)
{
	const struct mq_j_segment_info *s = &log->segments[position];
	u32 size = log->shape.segment_size, end = offset;

	while (offset < size) {
		const struct mq_j_block *b = (const void *)(log->buffer + offset);

		if (mq_j_head_is_valid(b, size - offset, s->seed, s->sequence,
				       offset, log->shape.unit)) {
			mq_j_mark_take(log, b->marks);
			offset += le32_to_cpu(b->size);
			end = offset;
		} else {
			offset += log->shape.unit;
		}
	}
	return end;
}

/* Find the end of a stream, of which @position is the last segment. */
static int mq_j_tail_find(struct mq_j_log *log, u32 stream, u32 position)
{
	struct mq_j_tail *tail = &log->tails[stream];
	int err;

	err = mq_j_segment_read(log, position);
	if (err)
		return err;
	tail->position = position;
	tail->end.sequence = log->segments[position].sequence;
	tail->end.offset = mq_j_blocks_walk(log, position, &tail->closed);
	if (!tail->closed)
		tail->cut = mq_j_beyond(log, position, tail->end.offset) -
			    tail->end.offset;
	return 0;
}

/*
 * Return whether a flushed block is missing in the last segment of a stream. If
 * a later segment was flushed, which nobody needs any more, this one was closed
 * before.
 */
static bool mq_j_tail_is_short(const struct mq_j_tail *tail,
			       const struct mq_j_place *mark)
{
	if (mark->sequence == tail->end.sequence)
		return tail->end.offset < mark->offset;
	return mark->sequence > tail->end.sequence && !tail->closed;
}

/* Find the ends of the streams, and check that no flushed block is missing. */
static int mq_j_tails_find(struct mq_j_log *log)
{
	u32 position, stream, last[MQ_J_STREAMS] = {};
	u64 sequences[MQ_J_STREAMS] = {};
	int err;

	for (position = 0; position < log->shape.count; position++) {
		const struct mq_j_segment_info *s = &log->segments[position];

		if (s->sequence > sequences[s->stream]) {
			sequences[s->stream] = s->sequence;
			last[s->stream] = position;
		}
	}
	for (stream = 0; stream < MQ_J_STREAMS; stream++) {
		err = sequences[stream] ?
		      mq_j_tail_find(log, stream, last[stream]) : 0;
		if (err)
			return err;
	}
	for (stream = 0; stream < MQ_J_STREAMS; stream++) {
		const struct mq_j_tail *tail = &log->tails[stream];

		if (tail->end.sequence &&
		    mq_j_tail_is_short(tail, &log->marks[stream]))
			return mq_j_damaged(log, "a flushed block is not valid",
					    tail->position, tail->end.offset);
	}
	return 0;
}

/**
 * mq_j_log_open - open a journal for reading
 * @log: the journal
 * @source: where it is read from
 *
 * Return: 0; -EMEDIUMTYPE: it is no journal; -ENODATA: it has nothing, as what
 * it was to have did not get there; -EOPNOTSUPP: a newer version made it;
 * -EUCLEAN: it is damaged, as @log->fault says; another error of @source or
 * -ENOMEM. The caller has to close the log in any case.
 */
int mq_j_log_open(struct mq_j_log *log, const struct mq_j_source *source)
{
	struct mq_j_segment *newest;
	int err;

	memset(log, 0, sizeof(*log));
	log->source = source;
	err = mq_j_super_read(log);
	if (err)
		return err;
	if (log->shape.features & MQ_J_PARTIAL)
		return -ENODATA;
	log->buffer = mq_j_alloc(log->shape.segment_size);
	log->segments = mq_j_alloc(log->shape.count * sizeof(*log->segments));
	newest = mq_j_alloc(mq_j_header_size(&log->shape));
	if (!log->buffer || !log->segments || !newest)
		err = -ENOMEM;
	err = err ?: mq_j_headers_read(log, newest);
	mq_j_reads_end(log);
	err = err ?: mq_j_headless_find(log);
	err = err ?: mq_j_map_apply(log, newest);
	err = err ?: mq_j_tails_find(log);
	mq_j_free(newest);
	return err;
}

void mq_j_log_close(struct mq_j_log *log)
{
	mq_j_reads_end(log);
	mq_j_free(log->buffer);
	mq_j_free(log->spare);
	mq_j_free(log->segments);
	log->buffer = NULL;
	log->spare = NULL;
	log->segments = NULL;
}

/**
 * mq_j_segment_load - read a segment that is needed, and check it
 * @log: the journal
 * @position: of the segment
 * @end: set to where its blocks end
 *
 * Return: as mq_j_log_open().
 */
int mq_j_segment_load(struct mq_j_log *log, u32 position, u32 *end)
{
	const struct mq_j_segment_info *s = &log->segments[position];
	const struct mq_j_tail *tail = &log->tails[s->stream];
	bool last;
	int err;

	log->position = position;
	log->reading = s->sequence;
	err = mq_j_segment_read(log, position);
	if (err)
		return err;
	*end = mq_j_blocks_walk(log, position, &last);
	if (tail->end.sequence == s->sequence)
		return *end == tail->end.offset ? 0 :
		       mq_j_damaged(log, "it changes while it is read", position,
				    *end);
	return last ? 0 : mq_j_damaged(log, "a block is not valid", position,
				       *end);
}

/**
 * mq_j_block_next - go through the blocks of the segment in the buffer
 * @log: the journal
 * @end: from mq_j_segment_load()
 * @offset: of the next block, or 0 to begin; moves on
 *
 * Return: the block, or NULL: that was the last.
 */
const struct mq_j_block *mq_j_block_next(const struct mq_j_log *log, u32 end,
					 u32 *offset)
{
	const struct mq_j_block *b;

	if (!*offset)
		*offset = mq_j_header_size(&log->shape);
	if (*offset >= end)
		return NULL;
	b = (const void *)(log->buffer + *offset);
	*offset += le32_to_cpu(b->size);
	return b;
}
