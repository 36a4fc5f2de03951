// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <search.h>
#include <stdio.h>

#include "journal_make.h"
#include "journal_salvage.h"

/* So many seeds are tried on the blocks of a segment that has no header. */
#define SEEDS	256

/* All segments that are built have this epoch; any number would do. */
#define EPOCH	1

/**
 * struct journal_place - a place for a segment in the file
 * @sequence: number of the segment that is read from it; 0: none
 * @seed: of its blocks
 * @valid: its header is
 */
struct journal_place {
	u64	sequence;
	u32	seed;
	bool	valid;
};

/**
 * struct journal_serial - a queue that a record speaks of
 * @serial: its number
 * @known: there is a record that says what it is
 * @next: link in journal_salvage.first
 */
struct journal_serial {
	u64			serial;
	bool			known;
	struct journal_serial	*next;
};

static int super_read(struct journal_salvage *s)
{
	u8 *unit = mq_j_alloc(MQ_J_UNIT_MAX);
	int err, copy;

	if (!unit)
		return -ENOMEM;
	err = s->from->read(s->from->context, 0, unit, MQ_J_UNIT_MAX) ?:
	      mq_j_super_check((void *)unit, &s->shape);
	if (err) {
		copy = s->from->read(s->from->context, MQ_J_COPY, unit,
				     MQ_J_UNIT_MAX) ?:
		       mq_j_super_check((void *)unit, &s->shape);
		err = copy ? err : 0;
	}
	/* What is readable is wanted, whatever became of the journal. */
	s->shape.features = 0;
	mq_j_free(unit);
	return err;
}

static int allocate(struct journal_salvage *s)
{
	u32 count = s->shape.count;

	s->places = mq_j_alloc(count * sizeof(*s->places));
	s->seeds = mq_j_alloc(SEEDS * sizeof(*s->seeds));
	s->map = mq_j_alloc(count * sizeof(*s->map));
	s->raw = mq_j_alloc(s->shape.segment_size);
	s->built = mq_j_alloc(s->shape.segment_size);
	return s->places && s->seeds && s->map && s->raw && s->built ? 0 :
	       -ENOMEM;
}

static int raw_read(struct journal_salvage *s, u32 position)
{
	return s->from->read(s->from->context,
			     mq_j_segment_at(&s->shape, position), s->raw,
			     s->shape.segment_size);
}

static void seed_add(struct journal_salvage *s, u32 seed)
{
	u32 i;

	for (i = 0; i < s->seed_count; i++)
		if (s->seeds[i] == seed)
			return;
	if (s->seed_count < SEEDS)
		s->seeds[s->seed_count++] = seed;
}

/* Read all headers. The newest one's map goes to s->map. */
static int headers_read(struct journal_salvage *s)
{
	u32 i, position, size = mq_j_header_size(&s->shape);
	struct mq_j_segment *h = (void *)s->raw;
	int err;

	for (position = 0; position < s->shape.count; position++) {
		struct journal_place *p = &s->places[position];

		err = s->from->read(s->from->context,
				    mq_j_segment_at(&s->shape, position), h,
				    size);
		if (err)
			return err;
		p->valid = mq_j_segment_is_valid(h, &s->shape, position);
		if (!p->valid)
			continue;
		p->sequence = le64_to_cpu(h->sequence);
		p->seed = mq_j_seed(&s->shape, le64_to_cpu(h->epoch));
		seed_add(s, p->seed);
		if (p->sequence <= s->sequence)
			continue;
		s->sequence = p->sequence;
		s->serial = le64_to_cpu(h->serial);
		for (i = 0; i < s->shape.count; i++)
			s->map[i] = le64_to_cpu(h->map[i]);
	}
	return s->sequence ? 0 : -EUCLEAN;
}

/* Return the block at an offset of the segment that was read, if its header is valid. */
static const struct mq_j_block *head_at(const struct journal_salvage *s,
					u32 offset, u64 sequence, u32 seed)
{
	const struct mq_j_block *b = (const void *)(s->raw + offset);

	return mq_j_head_is_valid(b, s->shape.segment_size - offset, seed,
				  sequence, offset, s->shape.unit) ? b : NULL;
}

/*
 * A segment without a valid header: its blocks say which one it was, if they have
 * the seed of another segment, or that of what is in the place of the epoch. It is
 * needed if the map says so, or if it is newer than the map.
 */
static bool orphan_find(struct journal_salvage *s, struct journal_place *p,
			u64 wanted)
{
	const struct mq_j_segment *h = (const void *)s->raw;
	u32 own = mq_j_seed(&s->shape, le64_to_cpu(h->epoch));
	u32 offset, i;

	for (offset = mq_j_header_size(&s->shape);
	     offset < s->shape.segment_size; offset += s->shape.unit) {
		const struct mq_j_block *b = (const void *)(s->raw + offset);
		u64 sequence = le64_to_cpu(b->sequence);

		if (sequence != wanted && sequence <= s->sequence)
			continue;
		for (i = 0; i <= s->seed_count; i++) {
			u32 seed = i < s->seed_count ? s->seeds[i] : own;

			if (!head_at(s, offset, sequence, seed))
				continue;
			p->sequence = sequence;
			p->seed = seed;
			return true;
		}
	}
	return false;
}

/* Find out which segments are to be read: those of the map, and newer ones. */
static int places_choose(struct journal_salvage *s)
{
	u64 wanted, newest = s->sequence;
	u32 position;
	int err;

	for (position = 0; position < s->shape.count; position++) {
		struct journal_place *p = &s->places[position];

		wanted = s->map[position];
		if (p->valid) {
			if (p->sequence != wanted)
				p->sequence = 0;
		} else {
			err = raw_read(s, position);
			if (err)
				return err;
			orphan_find(s, p, wanted);
		}
		if (wanted && !p->sequence)
			s->segments++;
		s->map[position] = p->sequence;
		if (p->sequence > newest)
			newest = p->sequence;
	}
	s->sequence = newest;
	return 0;
}

static void header_build(const struct journal_salvage *s, u32 position,
			 struct mq_j_segment *h)
{
	struct journal_head head = {
		.epoch = EPOCH,
		.sequence = s->map[position],
		.serial = s->serial,
		.position = position,
		.map = s->map,
	};

	journal_head_fill(h, &s->shape, &head);
}

static void block_begin(struct mq_j_block *b, u64 sequence, u32 offset)
{
	memset(b, 0, sizeof(*b));
	b->used = cpu_to_le32(sizeof(*b));
	b->sequence = cpu_to_le64(sequence);
	b->offset = cpu_to_le32(offset);
}

static void record_add(struct mq_j_block *b, const struct mq_j_record *r)
{
	u32 used = le32_to_cpu(b->used), size = ALIGN(le32_to_cpu(r->size), 8);

	memcpy((u8 *)b + used, r, size);
	b->used = cpu_to_le32(used + size);
}

/* Complete a block, and return its size. */
static u32 block_end(const struct journal_salvage *s, struct mq_j_block *b)
{
	u32 used = le32_to_cpu(b->used), size = ALIGN(used, s->shape.unit);

	memset((u8 *)b + used, 0, size - used);
	b->size = cpu_to_le32(size);
	mq_j_block_seal(b, mq_j_seed(&s->shape, EPOCH));
	return size;
}

/* Copy the valid records of a block. */
static void records_copy(struct journal_salvage *s, struct mq_j_block *to,
			 const struct mq_j_block *from)
{
	const struct mq_j_record *r;
	u32 offset = 0;

	while ((r = mq_j_record_next(from, &offset))) {
		if (mq_j_record_is_valid(r))
			record_add(to, r);
		else
			s->records += s->counting;
	}
	if (offset != le32_to_cpu(from->used))
		s->records += s->counting;
}

/*
 * Put the valid blocks of the segment that was read one behind the other. Return where
 * the last of them begins.
 */
static u32 blocks_build(struct journal_salvage *s, const struct journal_place *p)
{
	u32 from = mq_j_header_size(&s->shape), to = from, last = to, end = from;
	const struct mq_j_block *b;
	struct mq_j_block *built;

	block_begin((void *)(s->built + to), p->sequence, to);
	while (from < s->shape.segment_size) {
		b = head_at(s, from, p->sequence, p->seed);
		if (!b || !mq_j_block_is_valid(b, s->shape.segment_size - from,
					       p->seed, p->sequence, from,
					       s->shape.unit)) {
			/* Nothing else is in what a header says is its block. */
			from += b ? le32_to_cpu(b->size) : s->shape.unit;
			continue;
		}
		s->holes += s->counting && from != end;
		built = (void *)(s->built + to);
		block_begin(built, p->sequence, to);
		records_copy(s, built, b);
		last = to;
		to += block_end(s, built);
		from += le32_to_cpu(b->size);
		end = from;
		if (le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST)
			break;
	}
	return last;
}

/* The segment with a record for each queue that has none. */
static void spare_build(struct journal_salvage *s)
{
	u32 at = mq_j_header_size(&s->shape);
	struct mq_j_block *b = (void *)(s->built + at);
	u32 room = s->shape.segment_size - at;
	struct journal_serial *serial;
	struct {
		struct mq_j_queue q;
		char name[32];
	} record;

	block_begin(b, s->map[s->spare], at);
	for (serial = s->first; serial; serial = serial->next) {
		if (serial->known ||
		    le32_to_cpu(b->used) + sizeof(record) > room)
			continue;
		memset(&record, 0, sizeof(record));
		snprintf(record.name, sizeof(record.name), "lost.%" PRIu64,
			 (uint64_t)serial->serial);
		record.q.r.type = MQ_J_QUEUE;
		record.q.r.size = cpu_to_le32((u32)(sizeof(record.q) +
						    strlen(record.name)));
		record.q.serial = cpu_to_le64(serial->serial);
		record.q.mode = cpu_to_le32(0600);
		record.q.name_size = cpu_to_le16((u16)strlen(record.name));
		record_add(b, &record.q.r);
	}
}

/* Build the segment at a place. */
static int segment_build(struct journal_salvage *s, u32 position)
{
	struct mq_j_block *last;
	u32 at = mq_j_header_size(&s->shape);
	int err = 0;

	memset(s->built, 0, s->shape.segment_size);
	header_build(s, position, (void *)s->built);
	if (position == s->spare) {
		spare_build(s);
	} else {
		err = raw_read(s, position);
		if (!err)
			at = blocks_build(s, &s->places[position]);
	}
	last = (void *)(s->built + at);
	last->flags = cpu_to_le32(MQ_J_BLOCK_LAST);
	block_end(s, last);
	return err;
}

static int compare_serials(const void *a, const void *b)
{
	const struct journal_serial *x = a, *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int serial_note(struct journal_salvage *s, u64 number, bool known)
{
	struct journal_serial *serial = mq_j_alloc(sizeof(*serial));
	struct journal_serial **found;

	if (!serial)
		return -ENOMEM;
	serial->serial = number;
	found = tsearch(serial, &s->serials, compare_serials);
	if (!found) {
		mq_j_free(serial);
		return -ENOMEM;
	}
	if (*found == serial) {
		serial->next = s->first;
		s->first = serial;
	} else {
		mq_j_free(serial);
	}
	(*found)->known = (*found)->known || known;
	return 0;
}

/* Note the queues that a record speaks of. */
static int record_note(struct journal_salvage *s, const struct mq_j_record *r)
{
	struct mq_j_copies all;
	struct mq_j_copy copy;
	int err = 0;

	if (r->type == MQ_J_QUEUE)
		return serial_note(s, le64_to_cpu(((const struct mq_j_queue *)r)->serial),
				   true);
	if (r->type == MQ_J_STATE)
		return serial_note(s, le64_to_cpu(((const struct mq_j_state_record *)r)->s.queue),
				   false);
	if (r->type != MQ_J_MESSAGE)
		return 0;
	mq_j_copies_begin((const void *)r, &all);
	while (!err && mq_j_copies_next(&all, &copy))
		err = serial_note(s, le64_to_cpu(copy.s->queue), false);
	return err;
}

/* Look through the records of the segment that was built. */
static int segment_note(struct journal_salvage *s)
{
	u32 offset = mq_j_header_size(&s->shape), inner;
	const struct mq_j_record *r;
	const struct mq_j_block *b;
	int err = 0;

	do {
		b = (const void *)(s->built + offset);
		inner = 0;
		while (!err && (r = mq_j_record_next(b, &inner)))
			err = record_note(s, r);
		offset += le32_to_cpu(b->size);
	} while (!err && !(le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST));
	return err;
}

/* Find a place for the records of queues that have none. */
static void spare_choose(struct journal_salvage *s)
{
	struct journal_serial *serial;
	u32 position;

	for (serial = s->first; serial; serial = serial->next)
		s->queues += !serial->known;
	for (position = 0; s->queues && position < s->shape.count; position++) {
		if (s->map[position])
			continue;
		s->spare = position;
		s->map[position] = ++s->sequence;
		return;
	}
}

static int queues_find(struct journal_salvage *s)
{
	u32 position;
	int err = 0;

	s->counting = true;
	for (position = 0; !err && position < s->shape.count; position++) {
		if (!s->map[position])
			continue;
		err = segment_build(s, position) ?: segment_note(s);
	}
	s->counting = false;
	if (!err)
		spare_choose(s);
	return err;
}

/* The journal that is read instead: only what mq_j_log_open() and its like ask for. */
static int salvage_read(void *context, u64 at, void *to, u32 size)
{
	struct journal_salvage *s = context;
	u32 position;
	int err = 0;

	if (at < MQ_J_SEGMENTS) {
		memset(to, 0, size);
		mq_j_super_make(to, &s->shape);
		return 0;
	}
	position = (u32)((at - MQ_J_SEGMENTS) / s->shape.segment_size);
	if (!s->map[position]) {
		memset(to, 0, size);
	} else if (size == mq_j_header_size(&s->shape)) {
		header_build(s, position, to);
	} else {
		err = segment_build(s, position);
		memcpy(to, s->built, size);
	}
	return err;
}

int journal_salvage_open(struct journal_salvage *s,
			 const struct mq_j_source *from)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->from = from;
	s->spare = ~0U;
	err = super_read(s) ?: allocate(s) ?: headers_read(s) ?:
	      places_choose(s) ?: queues_find(s);
	s->source.read = salvage_read;
	s->source.context = s;
	s->source.size = mq_j_segment_at(&s->shape, s->shape.count);
	return err;
}

bool journal_salvage_made_up(const struct journal_salvage *s, u64 serial)
{
	struct journal_serial key = { .serial = serial }, **found;

	found = tfind(&key, &s->serials, compare_serials);
	return found && !(*found)->known;
}

void journal_salvage_close(struct journal_salvage *s)
{
	tdestroy(s->serials, free);
	mq_j_free(s->places);
	mq_j_free(s->seeds);
	mq_j_free(s->map);
	mq_j_free(s->raw);
	mq_j_free(s->built);
}
