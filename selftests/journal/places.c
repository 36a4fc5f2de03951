// SPDX-License-Identifier: GPL-2.0
/*
 * A block of the last segment of a stream is guarded if it ends at or before a mark
 * that stands elsewhere: in the newest header, in another block of these segments,
 * or in the head of a block behind the end that a crash has torn. A writer sets no
 * mark in a block to the block itself, but who makes a journal to do harm may.
 */
#include "places.h"

static void add(struct places *p, enum place_kinds kind, u32 position, u64 at,
		u32 size, u32 used)
{
	if (!(p->count & (p->count - 1)))
		p->all = realloc(p->all, (p->count ? 2 * p->count : 1) *
				 sizeof(*p->all));
	p->all[p->count++] = (struct place){
		kind, position, at, size, used, false
	};
}

static u32 header_used(const struct mq_j_shape *shape)
{
	return sizeof(struct mq_j_segment) + 8 * shape->count;
}

static const struct mq_j_segment *header_at(const struct image *image,
					    const struct mq_j_shape *shape,
					    u32 position)
{
	const void *h = image->bytes + mq_j_segment_at(shape, position);

	return mq_j_segment_is_valid(h, shape, position) ? h : NULL;
}

/* Whether marks say that @offset of a segment was flushed. */
static bool covers(const struct mq_j_mark *marks, u32 stream, u64 sequence,
		   u32 offset)
{
	struct mq_j_place mark;

	mq_j_mark_get(&marks[stream], &mark);
	return mark.sequence == sequence ? mark.offset >= offset :
					   mark.sequence > sequence;
}

/* The blocks of a segment that was loaded. */
static void add_blocks(struct places *p, struct mq_j_log *log, u32 position,
		       u32 end)
{
	u64 at = mq_j_segment_at(&log->shape, position);
	u32 offset = 0, from = mq_j_header_size(&log->shape);
	const struct mq_j_block *b;

	while ((b = mq_j_block_next(log, end, &offset))) {
		bool last = le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST;
		enum place_kinds kind =
			last ? PLACE_LAST :
			log->segments[position].stream == MQ_J_HOT ? PLACE_HOT :
								     PLACE_COLD;

		add(p, kind, position, at + from, le32_to_cpu(b->size),
		    le32_to_cpu(b->used));
		from = offset;
	}
}

/* A segment that is not needed: its header, and the block behind it. */
static void add_unused(struct places *p, const struct mq_j_shape *shape,
		       u32 position)
{
	u64 at = mq_j_segment_at(shape, position);
	u32 size = mq_j_header_size(shape);

	add(p, PLACE_UNUSED, position, at, size, header_used(shape));
	add(p, PLACE_UNUSED, position, at + size, shape->unit,
	    sizeof(struct mq_j_block));
}

static bool is_block(const struct place *place)
{
	return place->kind == PLACE_HOT || place->kind == PLACE_COLD ||
	       place->kind == PLACE_LAST;
}

static bool is_tail(const struct mq_j_log *log, u32 position)
{
	u64 sequence = log->segments[position].sequence;

	return log->tails[MQ_J_HOT].end.sequence == sequence ||
	       log->tails[MQ_J_COLD].end.sequence == sequence;
}

/* Whether the head of a block that was torn says that @place was flushed. */
static bool is_marked_behind(const struct image *image, const struct mq_j_log *log,
			     const struct mq_j_tail *tail,
			     const struct mq_j_segment_info *s, u32 end)
{
	const struct mq_j_shape *shape = &log->shape;
	const struct mq_j_segment_info *torn = &log->segments[tail->position];
	u64 at = mq_j_segment_at(shape, tail->position);
	u32 offset;

	if (!tail->end.sequence || tail->closed)
		return false;
	for (offset = tail->end.offset; offset < shape->segment_size;
	     offset += shape->unit) {
		const struct mq_j_block *b = (const void *)(image->bytes + at + offset);

		if (mq_j_head_is_valid(b, shape->segment_size - offset, torn->seed,
				       torn->sequence, offset, shape->unit) &&
		    covers(b->marks, s->stream, s->sequence, end))
			return true;
	}
	return false;
}

/* Whether a mark that stands elsewhere says that a block was flushed. */
static bool is_marked(const struct places *p, const struct image *image,
		      const struct mq_j_log *log,
		      const struct mq_j_segment *newest,
		      const struct place *place)
{
	const struct mq_j_segment_info *s = &log->segments[place->position];
	u32 end = place->at + place->size -
		  mq_j_segment_at(&log->shape, place->position);
	size_t i;

	if (covers(newest->marks, s->stream, s->sequence, end) ||
	    is_marked_behind(image, log, &log->tails[MQ_J_HOT], s, end) ||
	    is_marked_behind(image, log, &log->tails[MQ_J_COLD], s, end))
		return true;
	for (i = 0; i < p->count; i++) {
		const struct place *other = &p->all[i];
		const struct mq_j_block *b = (const void *)(image->bytes + other->at);

		if (other != place && is_block(other) &&
		    is_tail(log, other->position) &&
		    covers(b->marks, s->stream, s->sequence, end))
			return true;
	}
	return false;
}

static void guard(struct places *p, const struct image *image,
		  const struct mq_j_log *log, const struct mq_j_segment *newest)
{
	u32 size = mq_j_header_size(&log->shape);
	size_t i, k;

	for (i = 0; i < p->count; i++) {
		struct place *place = &p->all[i];

		if (is_block(place))
			place->guarded = !is_tail(log, place->position) ||
					 is_marked(p, image, log, newest, place);
		if (place->kind == PLACE_HEADER)
			place->guarded = true;
		/* If nothing was written behind it, nothing is lost with it. */
		for (k = i + 1; place->kind == PLACE_NEWEST && k < p->count; k++)
			place->guarded |= p->all[k].at == place->at + size;
	}
	for (i = 0; i < p->count; i++)
		if (is_block(&p->all[i]) && !p->all[i].guarded)
			p->all[i].kind = PLACE_TAIL;
}

static int find(struct places *p, const struct image *image,
		struct mq_j_log *log)
{
	const struct mq_j_segment *newest = NULL;
	u32 position, end;
	int err;

	add(p, PLACE_SUPER, 0, 0, MQ_J_UNIT_MAX, sizeof(struct mq_j_super));
	add(p, PLACE_COPY, 0, MQ_J_COPY, MQ_J_UNIT_MAX,
	    sizeof(struct mq_j_super));
	for (position = 0; position < log->shape.count; position++) {
		const struct mq_j_segment_info *s = &log->segments[position];

		if (!s->sequence) {
			add_unused(p, &log->shape, position);
			continue;
		}
		add(p, s->sequence == log->sequence ? PLACE_NEWEST :
		    PLACE_HEADER, position,
		    mq_j_segment_at(&log->shape, position),
		    mq_j_header_size(&log->shape), header_used(&log->shape));
		if (s->sequence == log->sequence)
			newest = header_at(image, &log->shape, position);
		err = mq_j_segment_load(log, position, &end);
		if (err)
			return err;
		add_blocks(p, log, position, end);
	}
	if (newest)
		guard(p, image, log, newest);
	return newest ? 0 : -EUCLEAN;
}

int places_find(struct places *p, struct image *image)
{
	struct mq_j_source source = image_source(image);
	struct mq_j_log log;
	int err;

	memset(p, 0, sizeof(*p));
	err = mq_j_log_open(&log, &source);
	err = err ?: find(p, image, &log);
	mq_j_log_close(&log);
	return err;
}

void places_free(struct places *p)
{
	free(p->all);
}
