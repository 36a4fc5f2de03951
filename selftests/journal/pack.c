// SPDX-License-Identifier: GPL-2.0
/*
 * pack JOURNAL OUTPUT: make a small input for the fuzzer of a journal. All segments
 * that are needed stay, with the first blocks of each and its last, and of each of
 * these the first records; long payloads are cut.
 */
#include "image.h"
#include "packed.h"

#define BLOCKS		5
#define RECORDS		700
#define PAYLOAD		24

/* Where a block was, and where it is now. */
struct moved {
	u64 sequence;
	u32 from, to;
};

static struct moved *moves;
static size_t move_count;
static u64 queues[256];
static size_t queue_count;
static FILE *out;

static void moved(u64 sequence, u32 from, u32 to)
{
	if (!(move_count & (move_count - 1)))
		moves = realloc(moves, (move_count ? 2 * move_count : 1) *
				sizeof(*moves));
	moves[move_count++] = (struct moved){ sequence, from, to };
}

static void move_marks(struct mq_j_mark *marks)
{
	u32 i, to;
	size_t k;

	for (i = 0; i < MQ_J_STREAMS; i++) {
		to = le32_to_cpu(marks[i].offset);
		for (k = 0; k < move_count; k++)
			if (moves[k].sequence == le64_to_cpu(marks[i].sequence) &&
			    moves[k].from == le32_to_cpu(marks[i].offset))
				to = moves[k].to;
		marks[i].offset = cpu_to_le32(to);
	}
}

static void put(u64 at, const void *data, u32 size)
{
	struct packed_piece p = { cpu_to_le16(at / 512), cpu_to_le16(size) };

	fwrite(&p, sizeof(p), 1, out);
	fwrite(data, 1, size, out);
}

static bool is_queue(u64 serial)
{
	size_t i;

	for (i = 0; i < queue_count; i++)
		if (queues[i] == serial)
			return true;
	return false;
}

/* Keep the ends of queues only. Returns the bytes of the record, or 0. */
static u32 end_shorten(struct mq_j_end *e)
{
	u32 i, n = 0, count = mq_j_end_count(e), size;

	for (i = 0; i < count; i++)
		if (is_queue(le64_to_cpu(e->gone[i].serial)))
			e->gone[n++] = e->gone[i];
	size = sizeof(*e) + n * sizeof(*e->gone);
	e->r.size = cpu_to_le32(size);
	return n ? size : 0;
}

/* A record that may be shorter. Returns its bytes, padded. */
static u32 record_shorten(const struct mq_j_record *r, u8 *to, bool queues_only)
{
	u32 size = le32_to_cpu(r->size), less;
	struct mq_j_message *m = (void *)to;

	memset(to, 0, ALIGN(size, 8));
	memcpy(to, r, size);
	if (r->type == MQ_J_END && queues_only)
		return end_shorten((void *)to);
	if (queues_only && r->type != MQ_J_QUEUE && r->type != MQ_J_CEILING)
		return 0;
	if (r->type != MQ_J_MESSAGE || le32_to_cpu(m->payload_size) <= PAYLOAD)
		return ALIGN(size, 8);
	less = le32_to_cpu(m->payload_size) - PAYLOAD;
	m->payload_size = cpu_to_le32(PAYLOAD);
	m->r.size = cpu_to_le32(size - less);
	memset(to + size - less, 0, less);
	return ALIGN(size - less, 8);
}

/* Returns the bytes of the block that it makes. */
static u32 block_shorten(const struct mq_j_block *b, u8 *to, bool queues_only)
{
	static u8 record[MQ_J_SEGMENT_MAX];
	struct mq_j_block *new = (void *)to;
	u32 offset = 0, used = sizeof(*b), size;
	const struct mq_j_record *r;

	while ((r = mq_j_record_next(b, &offset))) {
		queues_only |= used > sizeof(*b) + RECORDS;
		size = record_shorten(r, record, queues_only);
		memcpy(to + used, record, size);
		used += size;
	}
	memcpy(new, b, sizeof(*b));
	new->used = cpu_to_le32(used);
	return used;
}

/* Put the blocks of a segment; without @really only note where they come to lie. */
static void put_blocks(struct mq_j_log *log, u32 position, u32 end, bool really)
{
	u32 n = 0, offset = 0, at = mq_j_header_size(&log->shape), from = at, used;
	u64 sequence = log->segments[position].sequence;
	u64 begin = mq_j_segment_at(&log->shape, position);
	const struct mq_j_block *b;
	static u8 block[MQ_J_SEGMENT_MAX];
	bool more;

	while ((b = mq_j_block_next(log, end, &offset))) {
		if (!really)
			moved(sequence, from, at);
		from = offset;
		more = n++ >= BLOCKS;
		used = block_shorten(b, block, more);
		if (more && used == sizeof(*b) &&
		    !(le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST))
			continue;
		b = (void *)block;
		((struct mq_j_block *)block)->size =
			cpu_to_le32(ALIGN(used, log->shape.unit));
		((struct mq_j_block *)block)->offset = cpu_to_le32(at);
		move_marks(((struct mq_j_block *)block)->marks);
		if (really)
			put(begin + at, block, used);
		at += ALIGN(used, log->shape.unit);
	}
	if (!really)
		moved(sequence, from, at);
}

static void note_queues(struct mq_j_log *log, u32 end)
{
	const struct mq_j_record *r;
	const struct mq_j_block *b;
	const struct mq_j_queue *q;
	u32 offset = 0, inner;

	while ((b = mq_j_block_next(log, end, &offset))) {
		inner = 0;
		while ((r = mq_j_record_next(b, &inner))) {
			q = (const void *)r;
			if (r->type == MQ_J_QUEUE && queue_count < 256)
				queues[queue_count++] = le64_to_cpu(q->serial);
		}
	}
}

enum passes { NOTE, MOVE, PUT };

static int put_segments(struct mq_j_log *log, enum passes pass)
{
	u32 position, end, size;
	int err = 0;

	for (position = 0; position < log->shape.count && !err; position++) {
		if (!log->segments[position].sequence)
			continue;
		err = mq_j_segment_load(log, position, &end);
		if (err)
			break;
		if (pass == NOTE) {
			note_queues(log, end);
			continue;
		}
		size = sizeof(struct mq_j_segment) + 8 * log->shape.count;
		move_marks(((struct mq_j_segment *)log->buffer)->marks);
		if (pass == PUT)
			put(mq_j_segment_at(&log->shape, position), log->buffer,
			    size);
		put_blocks(log, position, end, pass == PUT);
	}
	return err;
}

int main(int argc, char **argv)
{
	static const u8 head[PACKED_HEAD];
	struct mq_j_source source;
	struct mq_j_log log;
	struct image image;
	int err;

	if (argc != 3 || image_load(&image, argv[1]))
		return 2;
	source = image_source(&image);
	err = mq_j_log_open(&log, &source);
	if (!err && mq_j_segment_at(&log.shape, log.shape.count) > PACKED_BYTES)
		err = -EFBIG;
	out = fopen(argv[2], "w");
	if (err || !out) {
		fprintf(stderr, "pack: %s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	fwrite(head, 1, sizeof(head), out);
	put(0, image.bytes, sizeof(struct mq_j_super));
	put(MQ_J_COPY, image.bytes, sizeof(struct mq_j_super));
	err = put_segments(&log, NOTE) ?: put_segments(&log, MOVE) ?:
	      put_segments(&log, PUT);
	mq_j_log_close(&log);
	return fclose(out) || err ? 1 : 0;
}
