// SPDX-License-Identifier: GPL-2.0
/*
 * No bytes of a journal do harm to who reads it, be their checksums right or not; and
 * what was salvaged of them is sound. Built with sanitizers.
 */
#include <stdlib.h>

#include "journal_copy.h"
#include "journal_fixture.h"

#define COUNT	12
#define SIZE	(MQ_J_SEGMENTS + COUNT * MQ_J_SEGMENT_MIN)
#define ROUNDS	200

static u8 sound[SIZE], bytes[SIZE], saved[2 * SIZE];
static unsigned int numbers[6];		/* of how it ended */

static int memory_write(void *to, u64 at, const void *data, u32 size)
{
	if (at + size > (to == saved ? sizeof(saved) : SIZE))
		return -ENOSPC;
	memcpy((u8 *)to + at, data, size);
	return 0;
}

static int memory_flush(void *to)
{
	return 0;
}

static int memory_read(void *from, u64 at, void *to, u32 size)
{
	if (at + size > (from == saved ? sizeof(saved) : SIZE))
		return -EIO;
	memcpy(to, (u8 *)from + at, size);
	return 0;
}

static unsigned int dice(unsigned int n)
{
	static u64 state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

static void fail(const char *what, int err)
{
	printf("# %s: %d\n", what, err);
	exit(1);
}

/* Change some bytes of a part, mostly to what is like a number. */
static void change(u8 *part, u32 size, u32 times)
{
	static const u8 values[] = { 0, 1, 0x7f, 0x80, 0xff };

	while (times--)
		part[dice(size)] = dice(2) ? values[dice(5)] : dice(256);
}

/* Change headers and records of some blocks, and make their checksums right. */
static void change_block(struct mq_j_block *b, u32 room, u32 seed)
{
	u32 size = le32_to_cpu(b->size);

	change((u8 *)(b + 1), dice(2) ? 200 : size - sizeof(*b), 1 + dice(3));
	if (dice(8) == 0)
		change((u8 *)b + 8, 40, 1);
	if (le32_to_cpu(b->size) > room || le32_to_cpu(b->size) < sizeof(*b))
		b->size = cpu_to_le32(size);
	mq_j_block_seal(b, seed);
}

static void change_blocks(const struct mq_j_shape *shape)
{
	u32 position, offset, seed = mq_j_seed(shape, 77), header;

	header = mq_j_header_size(shape);
	for (position = 0; position < COUNT; position++) {
		u8 *segment = bytes + mq_j_segment_at(shape, position);

		for (offset = header; offset < shape->segment_size;) {
			struct mq_j_block *b = (void *)(segment + offset);
			u32 size = le32_to_cpu(b->size);

			if (b->magic != cpu_to_le32(MQ_J_MAGIC_BLOCK))
				break;
			if (dice(3) == 0)
				change_block(b, shape->segment_size - offset,
					     seed);
			offset += size;
		}
	}
}

static void change_header(const struct mq_j_shape *shape)
{
	u32 position = dice(4), size = sizeof(struct mq_j_segment) + 8 * COUNT;
	struct mq_j_segment *h = (void *)(bytes +
					  mq_j_segment_at(shape, position));

	change((u8 *)h + 16, size - 16, 1 + dice(2));
	if (dice(2))
		mq_j_segment_seal(h, shape);
}

static int read_all(const struct mq_j_source *source,
		    struct journal_contents *c)
{
	struct mq_j_log log;
	int err = mq_j_log_open(&log, source) ?: journal_read(&log, c);

	if (err == -EUCLEAN && !log.fault.what)
		numbers[4]++;
	mq_j_log_close(&log);
	return err;
}

/* Write what was salvaged, and read that. */
static void check_copy(const struct journal_contents *c,
		       const struct journal_salvage *s)
{
	struct journal_contents again = { .mend = false };
	struct mq_j_shape shape = s->shape;
	struct journal_sink sink = { memory_write, memory_flush, saved };
	struct mq_j_source source = {
		.read = memory_read, .context = saved, .size = sizeof(saved),
	};
	struct journal_writer w = {
		.sink = &sink, .shape = &shape, .epoch = 5,
		.serial = c->totals.serial,
	};
	int err;

	memset(saved, 0, sizeof(saved));
	shape.count = 20;
	err = journal_writer_begin(&w) ?: journal_copy(&w, c, s) ?:
	      journal_writer_end(&w);
	journal_writer_free(&w);
	if (err)
		fail("writing what was salvaged", err);
	err = read_all(&source, &again);
	if (err)
		fail("reading what was salvaged", err);
	if (again.totals.messages != c->totals.messages ||
	    again.totals.dedups != journal_copy_dedups(c, s))
		fail("messages were lost", (int)again.totals.messages);
	journal_contents_free(&again);
}

static int check_salvage(const struct mq_j_source *source)
{
	struct journal_contents c = { .keep = true, .mend = true };
	struct journal_salvage s;
	int err;

	err = journal_salvage_open(&s, source);
	err = err ?: read_all(&s.source, &c);
	if (!err)
		check_copy(&c, &s);
	journal_contents_free(&c);
	journal_salvage_close(&s);
	return err;
}

static void play(const struct mq_j_shape *shape)
{
	struct mq_j_source source = {
		.read = memory_read, .context = bytes, .size = SIZE,
	};
	struct journal_contents c = { .keep = dice(2) };
	int err;

	memcpy(bytes, sound, SIZE);
	if (dice(3))
		change_blocks(shape);
	if (dice(3) == 0)
		change_header(shape);
	if (dice(4) == 0)
		change(bytes + MQ_J_SEGMENTS, SIZE - MQ_J_SEGMENTS, 5);
	if (dice(20) == 0)
		change(bytes, 128, 1);
	err = read_all(&source, &c);
	journal_contents_free(&c);
	numbers[err ? 1 : 0]++;
	numbers[check_salvage(&source) ? 3 : 2]++;
}

int main(void)
{
	struct journal_sink sink = { memory_write, memory_flush, sound };
	struct mq_j_shape shape = {
		"0123456789abcde", 4096, MQ_J_SEGMENT_MIN, COUNT, 1, 0
	};
	unsigned int i;

	printf("TAP version 13\n1..1\n");
	if (fixture_write(&sink, &shape, FIXTURE_TORN))
		fail("fixture", 0);
	for (i = 0; i < ROUNDS; i++)
		play(&shape);
	printf("# %u sound, %u damaged; %u salvaged, %u not; %u without a word\n",
	       numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
	if (!numbers[0] || !numbers[1] || !numbers[2])
		fail("that was no test", 0);
	printf("ok 1 any bytes are read without harm\n");
	return 0;
}
