// SPDX-License-Identifier: GPL-2.0
/*
 * Superblock, segment headers and blocks: making and checking them. Nothing
 * here trusts a number that it has not checked.
 */
#include "journal/block.h"

void mq_j_super_make(struct mq_j_super *s, const struct mq_j_shape *shape)
{
	memset(s, 0, sizeof(*s));
	s->version = cpu_to_le32(MQ_J_VERSION);
	s->unit = cpu_to_le32(shape->unit);
	memcpy(s->uuid, shape->uuid, sizeof(s->uuid));
	s->segment_size = cpu_to_le32(shape->segment_size);
	s->count = cpu_to_le32(shape->count);
	s->created = cpu_to_le64(shape->created);
	s->incompat = cpu_to_le64(shape->features);
	s->crc = cpu_to_le32(mq_j_crc(~0, s, offsetof(struct mq_j_super, crc)));
	memcpy(s->magic, MQ_J_MAGIC, sizeof(s->magic));
}

static bool mq_j_is_power_of_two(u32 n)
{
	return n && !(n & (n - 1));
}

static bool mq_j_shape_is_valid(const struct mq_j_shape *shape)
{
	return mq_j_is_power_of_two(shape->unit) &&
	       shape->unit >= MQ_J_UNIT_MIN && shape->unit <= MQ_J_UNIT_MAX &&
	       mq_j_is_power_of_two(shape->segment_size) &&
	       shape->segment_size >= MQ_J_SEGMENT_MIN &&
	       shape->segment_size <= MQ_J_SEGMENT_MAX &&
	       shape->count >= MQ_J_COUNT_MIN &&
	       shape->count <= MQ_J_COUNT_MAX;
}

/**
 * mq_j_super_check - read a superblock
 * @s: what stands in its place
 * @shape: gets what it says
 *
 * Return: 0; -EMEDIUMTYPE: this is no journal; -EUCLEAN: it is damaged;
 * -EOPNOTSUPP: a newer version made it.
 */
int mq_j_super_check(const struct mq_j_super *s, struct mq_j_shape *shape)
{
	if (memcmp(s->magic, MQ_J_MAGIC, sizeof(s->magic)))
		return -EMEDIUMTYPE;
	if (le32_to_cpu(s->crc) !=
	    mq_j_crc(~0, s, offsetof(struct mq_j_super, crc)))
		return -EUCLEAN;
	if (le32_to_cpu(s->version) != MQ_J_VERSION ||
	    le64_to_cpu(s->incompat) & ~(u64)(MQ_J_MOVED | MQ_J_PARTIAL))
		return -EOPNOTSUPP;
	memcpy(shape->uuid, s->uuid, sizeof(shape->uuid));
	shape->unit = le32_to_cpu(s->unit);
	shape->segment_size = le32_to_cpu(s->segment_size);
	shape->count = le32_to_cpu(s->count);
	shape->created = le64_to_cpu(s->created);
	shape->features = le64_to_cpu(s->incompat);
	return mq_j_shape_is_valid(shape) ? 0 : -EUCLEAN;
}

/* Return the seed of the checksums of an epoch. */
u32 mq_j_seed(const struct mq_j_shape *shape, u64 epoch)
{
	__le64 number = cpu_to_le64(epoch);

	return mq_j_crc(mq_j_crc(~0, shape->uuid, sizeof(shape->uuid)), &number,
			sizeof(number));
}

/* Return the checksum of @size bytes, of which those at @crc count as zero. */
static u32 mq_j_sum(const void *data, u32 size, const __le32 *crc, u32 seed)
{
	static const __le32 zero;
	u32 before = (const u8 *)crc - (const u8 *)data;

	seed = mq_j_crc(seed, data, before);
	seed = mq_j_crc(seed, &zero, sizeof(zero));
	return mq_j_crc(seed, crc + 1, size - before - sizeof(zero));
}

/* Complete a segment's header: set its size and its checksum. */
void mq_j_segment_seal(struct mq_j_segment *h, const struct mq_j_shape *shape)
{
	u32 size = mq_j_header_size(shape);

	h->magic = cpu_to_le32(MQ_J_MAGIC_SEGMENT);
	memcpy(h->uuid, shape->uuid, sizeof(h->uuid));
	h->size = cpu_to_le32(size);
	h->count = cpu_to_le32(shape->count);
	h->crc = cpu_to_le32(mq_j_sum(h, size, &h->crc,
				      mq_j_seed(shape, le64_to_cpu(h->epoch))));
}

/*
 * Return whether @h is the header of the segment at a place of this journal.
 * @h has mq_j_header_size() bytes.
 */
bool mq_j_segment_is_valid(const struct mq_j_segment *h,
			   const struct mq_j_shape *shape, u32 position)
{
	u32 size = mq_j_header_size(shape);

	return h->magic == cpu_to_le32(MQ_J_MAGIC_SEGMENT) &&
	       h->size == cpu_to_le32(size) &&
	       h->count == cpu_to_le32(shape->count) &&
	       h->position == cpu_to_le32(position) &&
	       le32_to_cpu(h->stream) < MQ_J_STREAMS && h->sequence &&
	       le64_to_cpu(h->sequence) < MQ_J_NUMBER_MAX &&
	       le64_to_cpu(h->serial) < MQ_J_NUMBER_MAX &&
	       !memcmp(h->uuid, shape->uuid, sizeof(h->uuid)) &&
	       h->map[position] == h->sequence &&
	       le32_to_cpu(h->crc) ==
	       mq_j_sum(h, size, &h->crc, mq_j_seed(shape, le64_to_cpu(h->epoch)));
}

/* Return the checksum of a block's header alone. */
static u32 mq_j_head_sum(const struct mq_j_block *b, u32 seed)
{
	struct mq_j_block head = *b;

	head.crc = 0;
	head.head_crc = 0;
	return mq_j_crc(seed, &head, sizeof(head));
}

/* Complete a block: set its checksums. */
void mq_j_block_seal(struct mq_j_block *b, u32 seed)
{
	b->magic = cpu_to_le32(MQ_J_MAGIC_BLOCK);
	b->head_crc = cpu_to_le32(mq_j_head_sum(b, seed));
	b->crc = cpu_to_le32(mq_j_sum(b, le32_to_cpu(b->size), &b->crc, seed));
}

/*
 * Return whether the header of @b, behind which are @room bytes of the segment,
 * this header included, is that of the block at an offset of a segment. The rest
 * of the block may be torn. Nothing else of the segment lies in its size.
 */
bool mq_j_head_is_valid(const struct mq_j_block *b, u32 room, u32 seed,
			u64 sequence, u32 offset, u32 unit)
{
	u32 size, used;

	if (room < sizeof(*b) || b->magic != cpu_to_le32(MQ_J_MAGIC_BLOCK))
		return false;
	size = le32_to_cpu(b->size);
	used = le32_to_cpu(b->used);
	return size <= room && IS_ALIGNED(size, unit) && used <= size &&
	       used >= sizeof(*b) && le64_to_cpu(b->sequence) == sequence &&
	       le32_to_cpu(b->offset) == offset &&
	       le32_to_cpu(b->head_crc) == mq_j_head_sum(b, seed);
}

/* The same of all of the block. */
bool mq_j_block_is_valid(const struct mq_j_block *b, u32 room, u32 seed,
			 u64 sequence, u32 offset, u32 unit)
{
	return mq_j_head_is_valid(b, room, seed, sequence, offset, unit) &&
	       le32_to_cpu(b->crc) ==
	       mq_j_sum(b, le32_to_cpu(b->size), &b->crc, seed);
}

void mq_j_mark_set(struct mq_j_mark *m, const struct mq_j_place *p)
{
	m->sequence = cpu_to_le64(p->sequence);
	m->offset = cpu_to_le32(p->offset);
	m->reserved = 0;
}

void mq_j_mark_get(const struct mq_j_mark *m, struct mq_j_place *p)
{
	p->sequence = le64_to_cpu(m->sequence);
	p->offset = le32_to_cpu(m->offset);
}
