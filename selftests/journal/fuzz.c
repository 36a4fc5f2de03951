// SPDX-License-Identifier: GPL-2.0
/*
 * A target for libFuzzer: no bytes of a journal do harm to who reads, checks or
 * salvages it; what was salvaged is sound, and has as many messages; and no damage of
 * what a flush is known to have reached is accepted.
 */
#include "fuzz.h"
#include "journal_copy.h"
#include "packed.h"
#include "places.h"

#define SAVED_BYTES	(2 * PACKED_BYTES)

static struct image image, saved;
/* Behind this, @saved is zero. */
static u64 saved_end;

static void fail(const char *what, int err)
{
	fprintf(stderr, "fuzz: %s: %d\n", what, err);
	abort();
}

/* -- the journal of an input --------------------------------------------------- */

static u64 piece_at(const struct packed_piece *p)
{
	return 512ULL * le16_to_cpu(p->sector);
}

/* The bytes of a piece of which there are @left, with its head. */
static size_t piece_size(const struct packed_piece *p, size_t left)
{
	u64 size = le16_to_cpu(p->size);

	size = min(size, (u64)(left - sizeof(*p)));
	if (piece_at(p) >= image.size)
		return 0;
	return min(size, image.size - piece_at(p));
}

static void each_piece(const u8 *data, size_t size,
		       void (*what)(u64 at, const u8 *data, size_t size))
{
	struct packed_piece p;

	while (size > sizeof(p)) {
		size_t bytes;

		memcpy(&p, data, sizeof(p));
		bytes = piece_size(&p, size);
		what(piece_at(&p), data + sizeof(p), bytes);
		data += sizeof(p) + bytes;
		size -= sizeof(p) + bytes;
	}
}

static void place_piece(u64 at, const u8 *data, size_t size)
{
	memcpy(image.bytes + at, data, size);
}

static void clear_piece(u64 at, const u8 *data, size_t size)
{
	memset(image.bytes + at, 0, size);
}

static struct mq_j_shape shape;
static bool shaped;

/* Make the checksum of a superblock right, and that of headers. */
static void seal_header(u64 at, const u8 *data, size_t size)
{
	struct mq_j_super *super = (void *)(image.bytes + at);
	struct mq_j_segment *h = (void *)(image.bytes + at);
	struct mq_j_shape found;

	if (at < MQ_J_SEGMENTS && size >= sizeof(*super)) {
		super->crc = cpu_to_le32(mq_j_crc(~0, super, offsetof(struct mq_j_super, crc)));
		if (shaped || mq_j_super_check(super, &found) ||
		    mq_j_segment_at(&found, found.count) > image.size)
			return;
		shape = found;
		shaped = true;
	} else if (shaped && size >= sizeof(*h) &&
		   h->magic == cpu_to_le32(MQ_J_MAGIC_SEGMENT) &&
		   mq_j_header_size(&shape) <= image.size - at) {
		mq_j_segment_seal(h, &shape);
	}
}

static void seal_block(u64 at, const u8 *data, size_t size)
{
	struct mq_j_block *b = (void *)(image.bytes + at);
	const struct mq_j_segment *h;
	u32 position;

	if (!shaped || at < MQ_J_SEGMENTS || size < sizeof(*b) ||
	    b->magic != cpu_to_le32(MQ_J_MAGIC_BLOCK) ||
	    le32_to_cpu(b->size) < sizeof(*b) ||
	    le32_to_cpu(b->size) > image.size - at)
		return;
	position = (at - MQ_J_SEGMENTS) / shape.segment_size;
	if (position >= shape.count)
		return;
	h = (void *)(image.bytes + mq_j_segment_at(&shape, position));
	mq_j_block_seal(b, mq_j_seed(&shape, le64_to_cpu(h->epoch)));
}

/* -- reading it -------------------------------------------------------------------- */

static int read_all(const struct mq_j_source *source, struct journal_contents *c,
		    struct mq_j_fault *fault)
{
	struct mq_j_log log;
	int err = mq_j_log_open(&log, source) ?: journal_read(&log, c);

	*fault = log.fault;
	if (err == -EUCLEAN && !log.fault.what)
		fail("damaged, and it is not said how", err);
	if (err && err != -EUCLEAN && err != -EMEDIUMTYPE && err != -EOPNOTSUPP &&
	    err != -ENODATA)
		fail("an error that does not come from the journal", err);
	mq_j_log_close(&log);
	return err;
}

/* Damage a byte of what is guarded: that has to be noticed. */
static void check_damage(u32 which)
{
	struct journal_contents c = { .keep = false };
	struct mq_j_source source = image_source(&image);
	struct mq_j_fault fault;
	struct places p;
	size_t i, n, guarded = 0;
	u64 at;

	if (places_find(&p, &image))
		fail("places of a sound journal", 0);
	for (i = 0; i < p.count; i++)
		guarded += p.all[i].guarded;
	if (!guarded)
		goto out;
	n = which % guarded;
	for (i = 0; n || !p.all[i].guarded; i++)
		n -= p.all[i].guarded;
	at = p.all[i].at + which / guarded % p.all[i].used;
	image.bytes[at] ^= 1 << at % 8;
	if (read_all(&source, &c, &fault) != -EUCLEAN)
		fail("damage was not noticed", at);
	image.bytes[at] ^= 1 << at % 8;
	journal_contents_free(&c);
out:
	places_free(&p);
}

/* -- salvaging it ------------------------------------------------------------------- */

static int saved_write(void *to, u64 at, const void *data, u32 size)
{
	if (at > saved.size || size > saved.size - at)
		return -ENOSPC;
	memcpy(saved.bytes + at, data, size);
	if (saved_end < at + size)
		saved_end = at + size;
	return 0;
}

static int saved_flush(void *to)
{
	return 0;
}

/* Write what was salvaged, and read that. */
static void check_copy(const struct journal_contents *c,
		       const struct journal_salvage *s)
{
	struct journal_contents again = { .keep = false };
	struct mq_j_source source = image_source(&saved);
	struct journal_sink sink = { saved_write, saved_flush, NULL };
	struct mq_j_shape new = s->shape;
	struct journal_writer w = {
		.sink = &sink, .shape = &new, .epoch = 5,
		.serial = c->totals.serial,
	};
	struct mq_j_fault fault;
	int err;

	memset(saved.bytes, 0, saved_end);
	saved_end = 0;
	new.count = (saved.size - MQ_J_SEGMENTS) / new.segment_size;
	err = journal_writer_begin(&w) ?: journal_copy(&w, c, s) ?:
	      journal_writer_end(&w);
	journal_writer_free(&w);
	/* Records of half a segment waste as much. */
	if (err == -ENOSPC || err == -EMSGSIZE)
		return;
	err = err ?: read_all(&source, &again, &fault);
	if (err)
		fail("what was salvaged is not sound", err);
	if (again.totals.messages != c->totals.messages ||
	    again.totals.dedups != journal_copy_dedups(c, s))
		fail("something was not salvaged", 0);
	journal_contents_free(&again);
}

static void check_salvage(void)
{
	struct journal_contents c = { .keep = true, .mend = true };
	struct mq_j_source source = image_source(&image);
	struct journal_salvage s;
	struct mq_j_fault fault;

	if (!journal_salvage_open(&s, &source) &&
	    !read_all(&s.source, &c, &fault))
		check_copy(&c, &s);
	journal_contents_free(&c);
	journal_salvage_close(&s);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct journal_contents c = { .keep = true };
	struct mq_j_source source;
	struct mq_j_fault fault;
	u32 which;
	int err;

	if (!image.bytes) {
		image = (struct image){ calloc(1, PACKED_BYTES), PACKED_BYTES };
		saved = (struct image){ calloc(1, SAVED_BYTES), SAVED_BYTES };
	}
	if (size < PACKED_HEAD)
		return 0;
	memcpy(&which, data + 1, sizeof(which));
	shaped = false;
	each_piece(data + PACKED_HEAD, size - PACKED_HEAD, place_piece);
	if (!(*data & PACKED_RAW)) {
		each_piece(data + PACKED_HEAD, size - PACKED_HEAD, seal_header);
		each_piece(data + PACKED_HEAD, size - PACKED_HEAD, seal_block);
	}
	source = image_source(&image);
	err = read_all(&source, &c, &fault);
	journal_contents_free(&c);
	if (!err)
		check_damage(le32_to_cpu(which));
	/* It takes long, and what is sound is salvaged as it is read. */
	if (err || which % 8 == 0)
		check_salvage();
	each_piece(data + PACKED_HEAD, size - PACKED_HEAD, clear_piece);
	return 0;
}

/* Mostly, change the bytes of one piece, so that the others stay what they are. */
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned int seed)
{
	struct packed_piece p;
	u8 *at = data + PACKED_HEAD, *chosen = NULL;
	size_t left, bytes, chosen_size = 0, n = 0;

	if (seed % 8 == 0 || size < PACKED_HEAD)
		return LLVMFuzzerMutate(data, size, max);
	for (left = size - PACKED_HEAD; left > sizeof(p);
	     left -= sizeof(p) + bytes, at += sizeof(p) + bytes) {
		memcpy(&p, at, sizeof(p));
		bytes = min((size_t)le16_to_cpu(p.size), left - sizeof(p));
		n++;
		if (bytes && (seed / 8 * 2654435761U * n >> 7) % n == 0) {
			chosen = at + sizeof(p);
			chosen_size = bytes;
		}
	}
	if (!chosen)
		return LLVMFuzzerMutate(data, size, max);
	if (seed % 8 == 1)
		LLVMFuzzerMutate(data, PACKED_HEAD, PACKED_HEAD);
	/* What is shorter leaves the rest as it was. */
	LLVMFuzzerMutate(chosen, chosen_size, chosen_size);
	return size;
}
