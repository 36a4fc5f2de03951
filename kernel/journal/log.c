// SPDX-License-Identifier: GPL-2.0
/*
 * Adding records to the segments of a journal. All of this runs in the thread
 * of the journal, or before that is started.
 *
 * After the first error nothing is added or written any more.
 *
 * A stream has a buffer as large as a segment. Records are put together there as
 * blocks, and mq_log_write() writes the blocks that are new. The rules that
 * recovery goes by are in scan.c: a segment ends with a last block, and is
 * flushed, before the header of the next one is written, and that header is
 * flushed before anything else is.
 */
#include <linux/delay.h>
#include <linux/freezer.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/base.h"
#include "journal/cleaner.h"
#include "journal/jtrace.h"
#include "journal/log.h"

/* How long to wait before looking again whether the file system is frozen. */
#define MQ_LOG_FROZEN_MS	50

/* Return the most bytes of a record: a block and the last block have headers. */
u32 mq_log_record_max(const struct mq_j_shape *shape)
{
	return shape->segment_size - mq_j_header_size(shape) -
	       2 * shape->unit - sizeof(struct mq_j_block);
}

/* Return whether the map has to have this segment. */
bool mq_log_is_needed(const struct mq_segment *s)
{
	return s->state == MQ_SEGMENT_OPEN || s->state == MQ_SEGMENT_CLOSED;
}

/*
 * Write, and wait for the end of a freeze if need be; but not if that is the file
 * system of a file to which a journal is moved, which can go on where it is.
 */
static int mq_log_out(struct mq_journal *j, u64 at, void *from, u32 size)
{
	int err;

	while ((err = mq_medium_write(&j->medium, at, from, size)) == -EAGAIN &&
	       !j->target) {
		WRITE_ONCE(j->state, DEVMQ_JOURNAL_FROZEN);
		msleep(MQ_LOG_FROZEN_MS);
		try_to_freeze();
	}
	if (j->state == DEVMQ_JOURNAL_FROZEN) {
		WRITE_ONCE(j->state, DEVMQ_JOURNAL_OK);
		j->tell_thawed = true;
	}
	if (!err)
		j->written += size;
	j->unflushed = true;
	j->broken = err;
	return err;
}

/* Write one copy of the superblock, and flush it. */
static int mq_log_super_at(struct mq_journal *j, u64 at)
{
	int err;

	/* This buffer is only used while a segment is cleaned or read. */
	j->fetched.sequence = 0;
	memset(j->victim, 0, MQ_J_UNIT_MAX);
	mq_j_super_make((void *)j->victim, &j->shape);
	if (READ_ONCE(j->error))
		err = mq_medium_write(&j->medium, at, j->victim, MQ_J_UNIT_MAX);
	else
		err = mq_log_out(j, at, j->victim, MQ_J_UNIT_MAX);
	return err ?: mq_medium_flush(&j->medium);
}

/* Write the superblock with other features. A crash leaves the old ones, or these. */
int mq_log_super(struct mq_journal *j, u64 features)
{
	j->shape.features = features;
	return mq_log_super_at(j, MQ_J_COPY) ?: mq_log_super_at(j, 0);
}

/* Complete the block that records are added to, if there is one. */
static void mq_log_seal(struct mq_journal *j, struct mq_stream *s, u32 flags)
{
	struct mq_j_block *b = (void *)(s->buffer + s->start);
	u32 i, size = ALIGN(s->used, j->shape.unit);

	if (!s->used)
		return;
	memset((void *)b + s->used, 0, size - s->used);
	memset(b, 0, sizeof(*b));
	b->size = cpu_to_le32(size);
	b->used = cpu_to_le32(s->used);
	b->sequence = cpu_to_le64(j->segments[s->position].sequence);
	b->offset = cpu_to_le32(s->start);
	b->flags = cpu_to_le32(flags);
	for (i = 0; i < MQ_J_STREAMS; i++)
		mq_j_mark_set(&b->marks[i], &j->marks[i]);
	mq_j_block_seal(b, j->seed);
	s->start += size;
	s->used = 0;
}

/* Write what is new in a stream. */
static int mq_log_push(struct mq_journal *j, struct mq_stream *s)
{
	u64 at = mq_j_segment_at(&j->shape, s->position) + s->written;
	int err;

	if (!s->open || s->written == s->start)
		return 0;
	err = mq_log_out(j, at, s->buffer + s->written, s->start - s->written);
	if (!err)
		s->written = s->start;
	return err;
}

/* Write all records that were added. */
int mq_log_write(struct mq_journal *j)
{
	int err = j->broken;
	u32 i;

	for (i = 0; i < MQ_J_STREAMS && !err; i++) {
		if (j->streams[i].open)
			mq_log_seal(j, &j->streams[i], 0);
		err = mq_log_push(j, &j->streams[i]);
	}
	return err;
}

/*
 * Return the block at an offset of the segment at @position, and how many bytes there are
 * from there on, if the buffer of a stream has it; or else NULL. After an error the file
 * may not have it.
 */
const u8 *mq_log_written(struct mq_journal *j, u32 position, u32 block, u32 *size)
{
	u32 i;

	for (i = 0; i < MQ_J_STREAMS; i++) {
		struct mq_stream *s = &j->streams[i];

		if (!s->open || s->position != position)
			continue;
		mq_log_seal(j, s, 0);
		*size = s->start - block;
		return s->buffer + block;
	}
	return NULL;
}

/* Bring all that was written to stable storage, and note how far that is. */
int mq_log_flush(struct mq_journal *j)
{
	u32 i;

	if (!j->broken)
		j->broken = mq_medium_flush(&j->medium);
	if (j->broken)
		return j->broken;
	j->flushes++;
	j->unflushed = false;
	j->marked = false;
	for (i = 0; i < MQ_J_STREAMS; i++) {
		struct mq_stream *s = &j->streams[i];

		if (s->open)
			j->marks[i] = (struct mq_j_place){
				.sequence = j->segments[s->position].sequence,
				.offset = s->written,
			};
	}
	return 0;
}

/* Bring all records that were added to stable storage. */
int mq_log_settle(struct mq_journal *j)
{
	return mq_log_write(j) ?: j->unflushed ? mq_log_flush(j) : 0;
}

/* Begin a block of a stream. */
static void mq_log_block(struct mq_stream *s)
{
	s->used = sizeof(struct mq_j_block);
}

/* Write and flush the end of the open segment of a stream. */
static int mq_log_close(struct mq_journal *j, u32 stream)
{
	struct mq_stream *s = &j->streams[stream];
	struct mq_segment *g = &j->segments[s->position];
	int err;

	if (!s->open || j->broken)
		return j->broken;
	if (!s->used)
		mq_log_block(s);
	mq_log_seal(j, s, MQ_J_BLOCK_LAST);
	err = mq_log_write(j) ?: mq_log_flush(j);
	if (err)
		return err;
	s->open = false;
	g->state = MQ_SEGMENT_CLOSED;
	g->closed = j->begun;
	return 0;
}

/* Return a free place. */
static u32 mq_log_place(const struct mq_journal *j)
{
	u32 position;

	for (position = 0; position < j->shape.count; position++)
		if (j->segments[position].state == MQ_SEGMENT_FREE)
			break;
	return position;
}

/* Make the header of the segment at @position. */
static void mq_log_header(struct mq_journal *j, u32 stream, u32 position)
{
	struct mq_j_segment *h = j->header;
	u32 i;

	memset(h, 0, mq_j_header_size(&j->shape));
	h->stream = cpu_to_le32(stream);
	h->epoch = cpu_to_le64(j->epoch);
	h->epochs = cpu_to_le64(j->epochs);
	h->sequence = cpu_to_le64(j->segments[position].sequence);
	h->serial = cpu_to_le64(j->serial);
	h->position = cpu_to_le32(position);
	for (i = 0; i < MQ_J_STREAMS; i++)
		mq_j_mark_set(&h->marks[i], &j->marks[i]);
	for (i = 0; i < j->shape.count; i++)
		if (mq_log_is_needed(&j->segments[i]))
			h->map[i] = cpu_to_le64(j->segments[i].sequence);
	mq_j_segment_seal(h, &j->shape);
}

/* The header on stable storage has not got the segments that are left. */
static void mq_log_free_left(struct mq_journal *j)
{
	u32 i;

	for (i = 0; i < j->shape.count; i++) {
		struct mq_segment *g = &j->segments[i];

		if (g->state != MQ_SEGMENT_LEFT)
			continue;
		memset(g, 0, sizeof(*g));
		j->places++;
	}
	j->left = 0;
}

/* Open a segment at a free place. */
static int mq_log_open(struct mq_journal *j, u32 stream)
{
	u32 position = mq_log_place(j), size = mq_j_header_size(&j->shape);
	struct mq_stream *s = &j->streams[stream];
	int err;

	if (position == j->shape.count)
		return -ENOSPC;
	j->places--;
	j->segments[position] = (struct mq_segment){
		.sequence = ++j->sequence,
		.seed = j->seed,
		.state = MQ_SEGMENT_OPEN,
		.first_end = U64_MAX,
	};
	mq_log_header(j, stream, position);
	err = mq_log_out(j, mq_j_segment_at(&j->shape, position), j->header,
			 size);
	if (err)
		return err;
	s->position = position;
	s->start = size;
	s->written = size;
	s->used = 0;
	s->open = true;
	err = mq_log_flush(j);
	if (err)
		return err;
	mq_log_free_left(j);
	trace_mq_journal_append(j, stream, j->sequence, position);
	return 0;
}

/* Go on with another segment. The hot stream has room made first. */
static int mq_log_next(struct mq_journal *j, u32 stream)
{
	int err = mq_log_close(j, stream);
	u32 tries = 0;

	while (!err && stream == MQ_J_HOT &&
	       (!j->places || j->places + j->left <= MQ_LOG_RESERVE))
		err = tries++ < 2 * j->shape.count ? mq_clean(j, true) : -ENOSPC;
	return err ?: mq_log_open(j, stream);
}

/* Open the first segment of this epoch. */
int mq_log_begin(struct mq_journal *j)
{
	return mq_log_open(j, MQ_J_HOT);
}

/*
 * Go on with another segment before this one is full, if places are short: each attach
 * takes one, and what is cleaned can only be used when a header is without it. So the
 * next attach finds as many as this one did.
 */
int mq_log_renew(struct mq_journal *j)
{
	/* The streams need one each. */
	if (j->places > MQ_LOG_RESERVE || j->places < MQ_J_STREAMS)
		return 0;
	return mq_log_next(j, MQ_J_HOT);
}

/*
 * Return whether the open segment has room for a record of @size bytes, in the
 * block that was begun or else in another one, and for the last block.
 */
static bool mq_log_has_room(const struct mq_journal *j,
			    const struct mq_stream *s, u32 size)
{
	u32 unit = j->shape.unit;
	u64 end = s->start + ALIGN(s->used, unit) +
		  ALIGN((u32)sizeof(struct mq_j_block) + size, unit);

	return s->open && end + unit <= j->shape.segment_size;
}

/**
 * mq_log_add - add a record
 * @j: the journal
 * @stream: the stream
 * @size: bytes of the record
 * @type: its type
 *
 * Return: the record with its head, and zeros behind that, for the caller to
 * fill in before the next call of a function here. Or the error of a write.
 */
void *mq_log_add(struct mq_journal *j, u32 stream, u32 size,
		 enum mq_j_types type)
{
	struct mq_stream *s = &j->streams[stream];
	u32 room = ALIGN(size, 8);
	struct mq_j_record *r;
	int err;

	if (j->broken)
		return ERR_PTR(j->broken);
	if (!mq_log_has_room(j, s, room)) {
		err = mq_log_next(j, stream);
		if (!err && WARN_ON_ONCE(!mq_log_has_room(j, s, room)))
			err = -EFBIG;
		if (err) {
			j->broken = err;
			return ERR_PTR(err);
		}
	}
	if (s->used && s->used + room > MQ_J_BLOCK_MAX)
		mq_log_seal(j, s, 0);
	if (!s->used)
		mq_log_block(s);
	r = (void *)(s->buffer + s->start + s->used);
	memset(r, 0, room);
	r->size = cpu_to_le32(size);
	r->type = type;
	s->used += room;
	j->added += room;
	return r;
}

/*
 * Add a block without records, which says how far the last flush went: so what
 * that flush confirmed cannot be taken for the torn end of the journal.
 */
int mq_log_mark(struct mq_journal *j)
{
	struct mq_stream *s = &j->streams[MQ_J_HOT];
	int err;

	if (!mq_log_has_room(j, s, 0)) {
		j->marked = true;
		return 0;
	}
	if (!s->used)
		mq_log_block(s);
	err = mq_log_settle(j);
	j->marked = true;
	return err;
}
