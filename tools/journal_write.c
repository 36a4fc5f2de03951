// SPDX-License-Identifier: GPL-2.0
#include "journal_write.h"

/* So many places stay free: who attaches the journal needs some to begin with. */
#define FREE	4

static struct mq_j_block *block_of(struct journal_writer *w)
{
	return (void *)(w->segment + w->block);
}

static void block_begin(struct journal_writer *w, u32 at)
{
	w->block = at;
	w->used = sizeof(struct mq_j_block);
}

/* Complete the open block, and return where it ends. */
static u32 block_end(struct journal_writer *w, u32 flags)
{
	struct mq_j_block *b = block_of(w);
	u32 size = ALIGN(w->used, w->shape->unit);

	b->size = cpu_to_le32(size);
	b->used = cpu_to_le32(w->used);
	b->sequence = cpu_to_le64(w->sequence);
	b->offset = cpu_to_le32(w->block);
	b->flags = cpu_to_le32(flags);
	mq_j_mark_set(&b->marks[MQ_J_HOT], &w->mark);
	mq_j_block_seal(b, mq_j_seed(w->shape, w->epoch));
	return w->block + size;
}

/* Write the header of the segment that is open now. */
static int segment_begin(struct journal_writer *w)
{
	struct journal_head head = {
		.epoch = w->epoch,
		.sequence = w->sequence + 1,
		.serial = w->serial,
		.position = (u32)w->sequence,
		.mark = w->mark,
		.map = w->map,
	};

	if (w->sink && head.position + FREE > w->shape->count)
		return -ENOSPC;
	w->sequence++;
	block_begin(w, mq_j_header_size(w->shape));
	if (!w->sink)
		return 0;
	w->map[head.position] = head.sequence;
	memset(w->segment, 0, w->shape->segment_size);
	return journal_head_write(w->sink, w->shape, &head);
}

/* Write the blocks of the open segment, and flush them. */
static int segment_end(struct journal_writer *w)
{
	u32 begin = mq_j_header_size(w->shape);
	u32 end = block_end(w, MQ_J_BLOCK_LAST);

	w->mark.sequence = w->sequence;
	w->mark.offset = end;
	if (!w->sink)
		return 0;
	return w->sink->write(w->sink->context,
			      mq_j_segment_at(w->shape, (u32)w->sequence - 1) +
			      begin, w->segment + begin, end - begin) ?:
	       w->sink->flush(w->sink->context);
}

int journal_writer_begin(struct journal_writer *w)
{
	w->segment = mq_j_alloc(w->shape->segment_size);
	w->map = mq_j_alloc(w->shape->count * sizeof(*w->map));
	if (!w->segment || !w->map)
		return -ENOMEM;
	return segment_begin(w);
}

/* Whether the open block has room for so many bytes more. */
static bool has_room(const struct journal_writer *w, u64 room)
{
	return ALIGN(w->used + room, w->shape->unit) <=
	       w->shape->segment_size - w->block;
}

/* Begin another block, or another segment, if it takes one. */
static int make_room(struct journal_writer *w, u64 room)
{
	u32 end = w->block + ALIGN(w->used, w->shape->unit);
	bool full = w->used > sizeof(struct mq_j_block) &&
		    w->used + room > MQ_J_BLOCK_MAX;
	int err;

	if (full && end < w->shape->segment_size) {
		block_end(w, 0);
		block_begin(w, end);
		full = false;
	}
	if (!full && has_room(w, room))
		return 0;
	err = segment_end(w) ?: segment_begin(w);
	if (err)
		return err;
	return has_room(w, room) ? 0 : -EMSGSIZE;
}

int journal_writer_add(struct journal_writer *w, u64 size, u8 type,
		       void **record)
{
	u64 room = ALIGN(size, 8);
	struct mq_j_record *r;
	int err;

	if (room > w->shape->segment_size)
		return -EMSGSIZE;
	err = make_room(w, room);
	if (err)
		return err;
	r = (void *)(w->segment + w->block + w->used);
	memset(r, 0, room);
	r->size = cpu_to_le32((u32)size);
	r->type = type;
	w->used += (u32)room;
	*record = r;
	return 0;
}

int journal_writer_end(struct journal_writer *w)
{
	int err = segment_end(w) ?: segment_begin(w);

	if (err || !w->sink)
		return err;
	return journal_super_write(w->sink, w->shape);
}

void journal_writer_free(struct journal_writer *w)
{
	mq_j_free(w->segment);
	mq_j_free(w->map);
}
