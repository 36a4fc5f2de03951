/* SPDX-License-Identifier: GPL-2.0 */
/* Superblock, segment headers and blocks: making and checking them. */
#ifndef MQ_JOURNAL_BLOCK_H
#define MQ_JOURNAL_BLOCK_H

#include "journal/format.h"
#include "journal/pure.h"

/**
 * struct mq_j_place - a place in a stream
 * @sequence: of the segment; 0: nothing of the stream
 * @offset: in the segment
 */
struct mq_j_place {
	u64	sequence;
	u32	offset;
};

/**
 * struct mq_j_shape - what the superblock says
 * @uuid: which journal this is
 * @unit: bytes of a unit
 * @segment_size: bytes of a segment
 * @count: number of segments
 * @created: when it was made, CLOCK_REALTIME
 * @features: MQ_J_MOVED, MQ_J_PARTIAL
 */
struct mq_j_shape {
	u8	uuid[16];
	u32	unit;
	u32	segment_size;
	u32	count;
	u64	created;
	u64	features;
};

/* Return whether place @a lies before place @b of the same stream. */
static inline bool mq_j_before(const struct mq_j_place *a,
			       const struct mq_j_place *b)
{
	return a->sequence < b->sequence ||
	       (a->sequence == b->sequence && a->offset < b->offset);
}

/* Return where segment number @position lies in the file. */
static inline u64 mq_j_segment_at(const struct mq_j_shape *shape, u32 position)
{
	return MQ_J_SEGMENTS + (u64)position * shape->segment_size;
}

/* Return the bytes of a segment's header. */
static inline u32 mq_j_header_size(const struct mq_j_shape *shape)
{
	return ALIGN((u32)sizeof(struct mq_j_segment) + 8 * shape->count,
		     shape->unit);
}

void mq_j_super_make(struct mq_j_super *s, const struct mq_j_shape *shape);
int mq_j_super_check(const struct mq_j_super *s, struct mq_j_shape *shape);

u32 mq_j_seed(const struct mq_j_shape *shape, u64 epoch);

void mq_j_segment_seal(struct mq_j_segment *h, const struct mq_j_shape *shape);
bool mq_j_segment_is_valid(const struct mq_j_segment *h,
			   const struct mq_j_shape *shape, u32 position);

void mq_j_block_seal(struct mq_j_block *b, u32 seed);
bool mq_j_head_is_valid(const struct mq_j_block *b, u32 room, u32 seed,
			u64 sequence, u32 offset, u32 unit);
bool mq_j_block_is_valid(const struct mq_j_block *b, u32 room, u32 seed,
			 u64 sequence, u32 offset, u32 unit);

void mq_j_mark_set(struct mq_j_mark *m, const struct mq_j_place *p);
void mq_j_mark_get(const struct mq_j_mark *m, struct mq_j_place *p);

#endif /* MQ_JOURNAL_BLOCK_H */
