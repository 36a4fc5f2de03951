// SPDX-License-Identifier: GPL-2.0
/*
 * The pure parts of the journal in user space: what a writer that keeps to its
 * rules has written is read back, after any crash; and what is not as it was
 * written is noticed.
 *
 * A small writer makes a journal in memory, from random changes of a few
 * queues, and keeps a list of its writes and flushes. A model knows what has to
 * be there after each flush.
 */
#include <stdio.h>

#include "kselftest_harness.h"

/* Only a test that hangs needs it: a busy machine is several times slower. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 900

#include "journal/replay.h"
#include "journal_make.h"
#include "journal_salvage.h"

#include <linux/devmq.h>

/* So many that the header of a segment has two sectors, and can be torn. */
#define COUNT		56
/* The cleaner keeps so many places free. */
#define FREE		(COUNT - 12)
#define UNIT		512
#define RECORD_MAX	4096
#define SIZE		(MQ_J_SEGMENTS + COUNT * MQ_J_SEGMENT_MIN)

/* -- a disk that remembers what was flushed --------------------------------- */

struct write {
	u64 at;
	u32 size;
	u8 *data;
};

struct writer;

struct disk {
	/* Called after each write: the power may fail now. */
	void (*wrote)(struct writer *w);
	struct writer *writer;
	u8 *flushed;		/* what is on stable storage */
	u8 *bytes;		/* what a reader sees */
	struct write writes[256];	/* since the last flush */
	u32 count;
};

static void disk_write(struct disk *d, u64 at, const void *data, u32 size)
{
	struct write *w = &d->writes[d->count++];

	if (d->count == 256)
		abort();
	w->at = at;
	w->size = size;
	w->data = malloc(size);
	memcpy(w->data, data, size);
	memcpy(d->bytes + at, data, size);
	if (d->wrote)
		d->wrote(d->writer);
}

static void disk_flush(struct disk *d)
{
	u32 i;

	for (i = 0; i < d->count; i++) {
		struct write *w = &d->writes[i];

		memcpy(d->flushed + w->at, w->data, w->size);
		free(w->data);
	}
	d->count = 0;
}

static u64 dice_state;

/* A number below @n. */
static u32 dice(u32 n)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (dice_state >> 33) % n;
}

/* What a crash leaves: of each write since the flush, some of its sectors. */
static void disk_crash(const struct disk *d, u8 *to)
{
	u32 i, at, mode = dice(4), whole = dice(d->count + 1);

	memcpy(to, d->flushed, SIZE);
	for (i = 0; i < d->count; i++) {
		const struct write *w = &d->writes[i];

		for (at = 0; at < w->size; at += 512)
			if (mode == 0 ? i < whole : mode == 1 ? i != whole :
			    dice(mode == 2 ? 2 : 8))
				memcpy(to + w->at + at, w->data + at, 512);
	}
}

/* -- what has to be there --------------------------------------------------- */

#define OBJECTS		16384

struct object {
	u64 serial, queue, id, payload;
	u64 segment, state_segment;	/* where it is, where its state is */
	u32 version;
	u8 state;
	bool is_queue, ended;
};

/* Sum of all that a reader learns: it does not depend on the order. */
static u64 mix(u64 a, u64 b)
{
	a = (a ^ b) * 0xff51afd7ed558ccdULL;
	return a ^ a >> 33;
}

static u64 message_sum(u64 serial, u64 queue, u64 id, u8 state, u64 payload)
{
	return mix(mix(mix(mix(mix(1, serial), queue), id), state), payload);
}

struct writer {
	struct disk disk;
	struct mq_j_shape shape;
	u64 epoch, sequence, serial, ids;
	u64 map[COUNT];
	bool limbo[COUNT];		/* left out of the map, not flushed */
	struct mq_j_place open[MQ_J_STREAMS], marks[MQ_J_STREAMS];
	u32 positions[MQ_J_STREAMS];
	u8 block[MQ_J_SEGMENT_MIN];	/* of the hot stream */
	u8 cold[MQ_J_SEGMENT_MIN];
	u32 used[MQ_J_STREAMS];
	struct object objects[OBJECTS];
	u32 count, live;
	u64 sums[16384];			/* after each block of the hot stream */
	u32 blocks, safe;		/* how many; and how many are flushed */
};

static u64 model_sum(const struct writer *w)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < w->count; i++) {
		const struct object *o = &w->objects[i];

		if (o->ended)
			continue;
		sum += o->is_queue ? mix(2, o->serial) :
		       message_sum(o->serial, o->queue, o->id, o->state,
				   o->payload);
	}
	return sum;
}

/* -- the writer ------------------------------------------------------------- */

static void flush(struct writer *w)
{
	disk_flush(&w->disk);
	memcpy(w->marks, w->open, sizeof(w->marks));
	w->safe = w->blocks;
}

static u8 *block_of(struct writer *w, u32 stream)
{
	return stream == MQ_J_HOT ? w->block : w->cold;
}

static void write_block(struct writer *w, u32 stream, bool last)
{
	struct mq_j_block *b = (void *)block_of(w, stream);
	u32 i, size = ALIGN(w->used[stream], UNIT);

	memset(b, 0, sizeof(*b));
	memset((u8 *)b + w->used[stream], 0, size - w->used[stream]);
	b->size = cpu_to_le32(size);
	b->used = cpu_to_le32(w->used[stream]);
	b->sequence = cpu_to_le64(w->open[stream].sequence);
	b->offset = cpu_to_le32(w->open[stream].offset);
	b->flags = cpu_to_le32(last ? MQ_J_BLOCK_LAST : 0);
	for (i = 0; i < MQ_J_STREAMS; i++)
		mq_j_mark_set(&b->marks[i], &w->marks[i]);
	mq_j_block_seal(b, mq_j_seed(&w->shape, w->epoch));
	if (stream == MQ_J_HOT)
		w->sums[w->blocks++] = model_sum(w);
	disk_write(&w->disk, mq_j_segment_at(&w->shape, w->positions[stream]) +
		   w->open[stream].offset, b, size);
	w->open[stream].offset += size;
	w->used[stream] = sizeof(*b);
}

static void open_segment(struct writer *w, u32 stream)
{
	u32 i, position = 0, size = mq_j_header_size(&w->shape);
	struct mq_j_segment *h = calloc(1, size);

	while (w->map[position] || w->limbo[position])
		if (++position == COUNT)
			abort();
	w->map[position] = ++w->sequence;
	w->positions[stream] = position;
	w->open[stream] = (struct mq_j_place){ w->sequence, size };
	h->stream = cpu_to_le32(stream);
	h->epoch = cpu_to_le64(w->epoch);
	h->sequence = cpu_to_le64(w->sequence);
	h->serial = cpu_to_le64(w->serial);
	h->position = cpu_to_le32(position);
	for (i = 0; i < MQ_J_STREAMS; i++)
		mq_j_mark_set(&h->marks[i], &w->marks[i]);
	for (i = 0; i < COUNT; i++)
		h->map[i] = cpu_to_le64(w->map[i]);
	mq_j_segment_seal(h, &w->shape);
	disk_write(&w->disk, mq_j_segment_at(&w->shape, position), h, size);
	free(h);
	w->used[stream] = sizeof(struct mq_j_block);
}

/* Open another segment: see the rules in scan.c. */
static void next_segment(struct writer *w, u32 stream)
{
	if (w->open[stream].sequence) {
		write_block(w, stream, true);
		flush(w);
	}
	open_segment(w, stream);
	flush(w);
	memset(w->limbo, 0, sizeof(w->limbo));
}

static void clean(struct writer *w);

static u32 free_places(const struct writer *w)
{
	u32 i, n = 0;

	for (i = 0; i < COUNT; i++)
		n += !w->map[i] && !w->limbo[i];
	return n;
}

/*
 * Make room for a record of @size bytes in the block of a stream. This may write
 * a block, so it comes before a change of the model.
 */
static void make_room(struct writer *w, u32 stream, u32 size)
{
	u32 room = ALIGN(size, 8), left;

	if (!w->open[stream].sequence)
		next_segment(w, stream);
	left = MQ_J_SEGMENT_MIN - w->open[stream].offset;
	/* The last block needs room, too. */
	if (ALIGN(w->used[stream] + room, UNIT) + UNIT > left) {
		next_segment(w, stream);
		while (stream == MQ_J_HOT && free_places(w) < FREE)
			clean(w);
	}
}

static void *record(struct writer *w, u32 stream, u32 size, u8 type)
{
	struct mq_j_record *r;

	make_room(w, stream, size);
	r = (void *)(block_of(w, stream) + w->used[stream]);
	memset(r, 0, ALIGN(size, 8));
	r->size = cpu_to_le32(size);
	r->type = type;
	w->used[stream] += ALIGN(size, 8);
	return r;
}

static void state_fill(struct mq_j_state *s, const struct object *o)
{
	memset(s, 0, sizeof(*s));
	s->serial = cpu_to_le64(o->serial);
	s->queue = cpu_to_le64(o->queue);
	s->id = cpu_to_le64(o->id);
	s->version = cpu_to_le32(o->version);
	s->state = o->state;
}

/* Payload sizes differ, and the payload can be told from its number. */
static u32 payload_size(u64 payload)
{
	return 8 + payload % 3000;
}

static void put_message(struct writer *w, u32 stream, struct object *o)
{
	u32 size = payload_size(o->payload), i;
	struct mq_j_message *m;
	u8 *at;

	m = record(w, stream, sizeof(*m) + sizeof(struct mq_j_state) + size,
		   MQ_J_MESSAGE);
	m->payload_size = cpu_to_le32(size);
	m->copies = cpu_to_le16(1);
	m->copies_size = cpu_to_le32(sizeof(struct mq_j_state));
	state_fill((void *)(m + 1), o);
	at = (u8 *)(m + 1) + sizeof(struct mq_j_state);
	memcpy(at, &o->payload, 8);
	for (i = 8; i < size; i++)
		at[i] = o->payload + i;
	o->segment = w->open[stream].sequence;
	o->state_segment = o->segment;
}

static void put_state(struct writer *w, u32 stream, struct object *o)
{
	struct mq_j_state_record *r = record(w, stream, sizeof(*r), MQ_J_STATE);

	state_fill(&r->s, o);
	o->state_segment = w->open[stream].sequence;
}

static void put_queue(struct writer *w, u32 stream, struct object *o)
{
	struct mq_j_queue *q = record(w, stream, sizeof(*q) + 1, MQ_J_QUEUE);

	q->serial = cpu_to_le64(o->serial);
	q->version = cpu_to_le32(1);
	q->name_size = cpu_to_le16(1);
	*(char *)(q + 1) = 'q';
	o->segment = w->open[stream].sequence;
}

static void put_gone(struct writer *w, u32 stream, u64 serial, u64 segment)
{
	struct mq_j_end *e = record(w, stream, sizeof(*e) + sizeof(*e->gone),
				    MQ_J_END);

	e->gone[0].serial = cpu_to_le64(serial);
	e->gone[0].segment = cpu_to_le64(segment);
}

static struct object *object_of(struct writer *w, u64 serial)
{
	return &w->objects[serial - 1];
}

static struct object *new_object(struct writer *w)
{
	struct object *o = &w->objects[w->count++];

	if (w->count == OBJECTS)
		abort();
	memset(o, 0, sizeof(*o));
	w->live++;
	o->serial = w->count;
	w->serial = w->count + 1;
	return o;
}

static bool in_map(const struct writer *w, u64 sequence)
{
	u32 i;

	for (i = 0; i < COUNT; i++)
		if (w->map[i] == sequence || (w->limbo[i] && sequence))
			return true;
	return false;
}

/* Copy what is needed of a record to the cold stream. */
static void carry(struct writer *w, const struct mq_j_record *r, u64 sequence)
{
	const struct mq_j_state *s;
	struct object *o;

	switch (r->type) {
	case MQ_J_QUEUE:
		o = object_of(w, le64_to_cpu(((struct mq_j_queue *)r)->serial));
		if (!o->ended && o->segment == sequence)
			put_queue(w, MQ_J_COLD, o);
		break;
	case MQ_J_MESSAGE:
		s = (void *)((struct mq_j_message *)r + 1);
		o = object_of(w, le64_to_cpu(s->serial));
		if (!o->ended && o->segment == sequence)
			put_message(w, MQ_J_COLD, o);
		break;
	case MQ_J_STATE:
		o = object_of(w, le64_to_cpu(((struct mq_j_state_record *)r)->
					     s.serial));
		if (!o->ended && o->state_segment == sequence &&
		    o->segment != sequence)
			put_state(w, MQ_J_COLD, o);
		break;
	case MQ_J_END: {
		const struct mq_j_end *e = (const void *)r;

		if (in_map(w, le64_to_cpu(e->gone[0].segment)))
			put_gone(w, MQ_J_COLD, le64_to_cpu(e->gone[0].serial),
				 le64_to_cpu(e->gone[0].segment));
	}
	}
}

/* Return the place of a closed segment that is needed. */
static u32 victim_of(struct writer *w, const bool *taken)
{
	u32 i, position = dice(COUNT);

	for (i = 0; i < COUNT; i++, position = (position + 1) % COUNT)
		if (w->map[position] && !taken[position] &&
		    w->map[position] != w->open[MQ_J_HOT].sequence &&
		    w->map[position] != w->open[MQ_J_COLD].sequence)
			return position;
	abort();
}

/* Copy what is needed of a closed segment. */
static void carry_segment(struct writer *w, u32 victim)
{
	static u8 segment[MQ_J_SEGMENT_MIN];
	u32 offset = mq_j_header_size(&w->shape), inner;
	const struct mq_j_record *r;
	const struct mq_j_block *b;

	memcpy(segment, w->disk.bytes + mq_j_segment_at(&w->shape, victim),
	       sizeof(segment));
	do {
		b = (const void *)(segment + offset);
		inner = 0;
		while ((r = mq_j_record_next(b, &inner)))
			carry(w, r, w->map[victim]);
		offset += le32_to_cpu(b->size);
	} while (!(le32_to_cpu(b->flags) & MQ_J_BLOCK_LAST));
}

/* Make room: carry what is needed of some segments, and give them up. */
static void clean(struct writer *w)
{
	bool taken[COUNT] = {};
	u32 i, stream;

	for (i = 0; i < 3; i++) {
		u32 victim = victim_of(w, taken);

		taken[victim] = true;
		carry_segment(w, victim);
	}
	/* What the hot stream has of these messages is needed as well. */
	for (stream = 0; stream < MQ_J_STREAMS; stream++)
		if (w->open[stream].sequence &&
		    w->used[stream] > sizeof(struct mq_j_block))
			write_block(w, stream, false);
	flush(w);
	for (i = 0; i < COUNT; i++)
		if (taken[i]) {
			w->map[i] = 0;
			w->limbo[i] = true;
		}
	next_segment(w, MQ_J_COLD);
}

static int make_write(void *context, u64 at, const void *data, u32 size)
{
	disk_write(context, at, data, size);
	return 0;
}

static int make_flush(void *context)
{
	disk_flush(context);
	return 0;
}

/* A new journal, as the command makes it, and its first segment open. */
static void writer_begin(struct writer *w)
{
	struct journal_sink sink = { make_write, make_flush, &w->disk };

	memset(w, 0, sizeof(*w));
	w->disk.bytes = calloc(1, SIZE);
	w->disk.flushed = calloc(1, SIZE);
	w->shape = (struct mq_j_shape){ "0123456789abcde", UNIT,
					MQ_J_SEGMENT_MIN, COUNT, 1, 0 };
	w->epoch = dice(1U << 31);
	w->serial = 1;
	if (journal_make(&sink, &w->shape, w->epoch))
		abort();
	w->sequence = 1;
	w->map[0] = w->sequence;
	w->open[MQ_J_HOT] = (struct mq_j_place){
		1, mq_j_header_size(&w->shape)
	};
	w->used[MQ_J_HOT] = sizeof(struct mq_j_block);
	w->sums[w->blocks++] = 0;
	flush(w);
}

static void writer_end(struct writer *w)
{
	disk_flush(&w->disk);
	free(w->disk.bytes);
	free(w->disk.flushed);
}

/* A living object of a kind, or NULL. */
static struct object *pick(struct writer *w, bool is_queue)
{
	u32 i, tries;

	for (tries = 0; tries < 64; tries++) {
		/* Recent ones more often. */
		i = dice(2) ? w->count - 1 - dice(min(w->count, 64U)) :
		    dice(w->count);
		if (!w->objects[i].ended && w->objects[i].is_queue == is_queue)
			return &w->objects[i];
	}
	return NULL;
}

static void end_object(struct writer *w, struct object *o)
{
	make_room(w, MQ_J_HOT, RECORD_MAX);
	o->ended = true;
	w->live--;
	put_gone(w, MQ_J_HOT, o->serial, o->segment);
}

static void remove_queue(struct writer *w, struct object *q)
{
	u32 i;

	for (i = 0; i < w->count; i++)
		if (!w->objects[i].ended && !w->objects[i].is_queue &&
		    w->objects[i].queue == q->serial)
			end_object(w, &w->objects[i]);
	end_object(w, q);
}

/* A random change. */
static void change(struct writer *w)
{
	struct object *o, *q = w->count ? pick(w, true) : NULL;
	u32 what = dice(100);

	make_room(w, MQ_J_HOT, RECORD_MAX);
	/* The journal is never more than half full. */
	if (what < 45 && what > 1 && w->live > 1000)
		what = 80;
	if (!q || what == 0) {
		o = new_object(w);
		o->is_queue = true;
		put_queue(w, MQ_J_HOT, o);
	} else if (what == 1 && w->count > 50) {
		remove_queue(w, q);
	} else if (what < 45) {
		o = new_object(w);
		o->queue = q->serial;
		o->id = ++w->ids;
		o->payload = dice(1U << 31);
		o->state = DEVMQ_STATE_READY;
		put_message(w, MQ_J_HOT, o);
	} else if ((o = pick(w, false)) && what < 60) {
		o->version++;
		o->state = dice(2) ? DEVMQ_STATE_READY : DEVMQ_STATE_DEAD;
		if (dice(3) == 0) {
			o->queue = q->serial;
			o->id = ++w->ids;
		}
		put_state(w, MQ_J_HOT, o);
	} else if (o && what < 92) {
		end_object(w, o);
	} else {
		if (w->used[MQ_J_HOT] > sizeof(struct mq_j_block))
			write_block(w, MQ_J_HOT, false);
		if (dice(3) == 0)
			flush(w);
	}
}

/* -- the reader ------------------------------------------------------------- */

/* @slots: reads that were begun; @reads: how many there were; @fails: the one that fails */
struct reading {
	const u8 *bytes;
	u64 sum;
	u64 live;
	struct {
		u64 at;
		void *to;
		u32 size;
	} slots[MQ_J_SLOTS];
	u32 reads, fails;
};

struct found {
	u64 serial, queue, id, payload;
	u8 state;
};

static int read_at(void *context, u64 at, void *to, u32 size)
{
	struct reading *r = context;

	if (++r->reads == r->fails)
		return -ENXIO;
	if (at + size > SIZE)
		return -EIO;
	memcpy(to, r->bytes + at, size);
	return 0;
}

/* Nothing of what was begun may be looked at before its end. */
static void read_begin(void *context, u32 slot, u64 at, void *to, u32 size)
{
	struct reading *r = context;

	if (slot >= MQ_J_SLOTS || r->slots[slot].to || size % MQ_J_UNIT_MAX)
		abort();
	r->slots[slot].at = at;
	r->slots[slot].to = to;
	r->slots[slot].size = size;
	memset(to, 0xa5, size);
}

static int read_end(void *context, u32 slot)
{
	struct reading *r = context;
	void *to = r->slots[slot].to;

	if (!to)
		abort();
	r->slots[slot].to = NULL;
	return read_at(r, r->slots[slot].at, to, r->slots[slot].size);
}

static void found_state(struct found *f, const struct mq_j_copy *copy)
{
	f->serial = le64_to_cpu(copy->s->serial);
	f->queue = le64_to_cpu(copy->s->queue);
	f->id = le64_to_cpu(copy->s->id);
	f->state = copy->s->state;
}

static void *on_message(void *context, const struct mq_j_message *m,
			const struct mq_j_copy *copy)
{
	struct mq_j_bytes key, headers, payload;
	struct found *f = calloc(1, sizeof(*f));
	struct reading *r = context;
	u32 i;

	mq_j_message_parts(m, &key, &headers, &payload);
	memcpy(&f->payload, payload.at, 8);
	for (i = 8; i < payload.size; i++)
		if (((const u8 *)payload.at)[i] != (u8)(f->payload + i))
			f->payload = 0;
	if (payload.size != payload_size(f->payload))
		f->payload = 0;
	found_state(f, copy);
	r->live++;
	return f;
}

static int on_state(void *context, void *message, const struct mq_j_copy *copy)
{
	found_state(message, copy);
	return 0;
}

static void on_drop(void *context, void *message)
{
	struct reading *r = context;

	r->live--;
	free(message);
}

static void *on_queue(void *context, const struct mq_j_queue *q, u64 next_id,
		      u64 delivered)
{
	struct reading *r = context;

	/* One that was made up has a longer name. */
	if (le16_to_cpu(q->name_size) == 1)
		r->sum += mix(2, le64_to_cpu(q->serial));
	return context;
}

static int on_place(void *context, void *queue, void *message)
{
	struct reading *r = context;
	struct found *f = message;

	r->sum += message_sum(f->serial, f->queue, f->id, f->state, f->payload);
	r->live--;
	free(f);
	return 0;
}

static int on_dedup(void *context, void *queue, const struct mq_j_dedup *d)
{
	return 0;
}

static const struct mq_j_ops ops = {
	on_message, on_state, on_drop, on_queue, on_place, on_dedup,
};

static int recover_from(const struct mq_j_source *source, struct reading *r,
			u64 *sum, struct mq_j_fault *fault)
{
	struct mq_j_totals totals;
	struct mq_j_log log;
	int err;

	err = mq_j_log_open(&log, source);
	err = err ?: mq_j_replay(&log, &ops, r, &totals);
	*fault = log.fault;
	mq_j_log_close(&log);
	if (r->live)
		err = -ENOTRECOVERABLE;
	*sum = r->sum;
	return err;
}

/* Read a journal in one of two ways: with what comes next read ahead, or not. */
static int recover_reading(struct reading *r, bool ahead, u64 *sum,
			   struct mq_j_fault *fault)
{
	struct mq_j_source source = {
		.read = read_at, .context = r, .size = SIZE,
	};
	u32 slot;
	int err;

	if (ahead) {
		source.begin = read_begin;
		source.end = read_end;
	}
	err = recover_from(&source, r, sum, fault);
	/* After that nothing is being read. */
	for (slot = 0; slot < MQ_J_SLOTS; slot++)
		if (r->slots[slot].to)
			abort();
	return err;
}

/* Read a journal. Return the error; the sum of what it has in @sum. */
static int recover(const u8 *bytes, u64 *sum, struct mq_j_fault *fault)
{
	struct reading r = { .bytes = bytes };
	static bool ahead;

	ahead = !ahead;
	return recover_reading(&r, ahead, sum, fault);
}

/* The same of what is readable, with queues made up for messages that lost theirs. */
static int salvage(const u8 *bytes, u64 *sum, struct mq_j_fault *fault)
{
	struct reading r = { .bytes = bytes };
	struct mq_j_source source = {
		.read = read_at, .context = &r, .size = SIZE,
	};
	struct journal_salvage s;
	int err;

	err = journal_salvage_open(&s, &source);
	err = err ?: recover_from(&s.source, &r, sum, fault);
	journal_salvage_close(&s);
	return err;
}

/* -- the tests -------------------------------------------------------------- */

FIXTURE(journal) {
	struct writer *w;
	u8 *crashed;
};

FIXTURE_SETUP(journal)
{
	const char *seed = getenv("JOURNAL_SEED");

	dice_state = seed ? strtoull(seed, NULL, 0) : 1;
	self->w = calloc(1, sizeof(*self->w));
	self->crashed = malloc(SIZE);
	writer_begin(self->w);
}

FIXTURE_TEARDOWN(journal)
{
	writer_end(self->w);
	free(self->w);
	free(self->crashed);
}

/* Is this the sum after one of the blocks since the last flush? */
static bool may_be(const struct writer *w, u64 sum)
{
	u32 i;

	for (i = w->safe - 1; i < w->blocks; i++)
		if (w->sums[i] == sum)
			return true;
	return false;
}

TEST_F(journal, all_is_read_back)
{
	struct mq_j_fault fault;
	u32 i;
	u64 sum;

	for (i = 0; i < 15000; i++) {
		change(self->w);
		if (i % 500)
			continue;
		write_block(self->w, MQ_J_HOT, false);
		ASSERT_EQ(0, recover(self->w->disk.bytes, &sum, &fault)) {
			TH_LOG("%u: %s", i, fault.what);
		}
		ASSERT_EQ(model_sum(self->w), sum) {
			TH_LOG("%u", i);
		}
	}
}

TEST_F(journal, read_that_fails_is_reported_in_either_way)
{
	u32 ahead, n, reads[2] = {};
	struct mq_j_fault fault;
	u64 sum;

	for (n = 0; n < 5000; n++)
		change(self->w);
	write_block(self->w, MQ_J_HOT, false);
	for (ahead = 0; ahead < 2; ahead++) {
		struct reading whole = { .bytes = self->w->disk.bytes };

		ASSERT_EQ(0, recover_reading(&whole, ahead, &sum, &fault));
		ASSERT_EQ(model_sum(self->w), sum);
		reads[ahead] = whole.reads;
		/* Of the superblock there is a copy. */
		for (n = 2; n <= whole.reads; n++) {
			struct reading r = { .bytes = whole.bytes, .fails = n };

			ASSERT_EQ(-ENXIO, recover_reading(&r, ahead, &sum, &fault)) {
				TH_LOG("read %u of %u", n, whole.reads);
			}
		}
	}
	/* Nothing is read in vain. */
	EXPECT_EQ(reads[0], reads[1]);
	EXPECT_LT(20, reads[0]);
}

static struct {
	u32 crashes, failed;
	int error;
	struct mq_j_fault fault;
} crashes;

static void crash(struct writer *w)
{
	static u8 left[SIZE];
	u64 sum = 0;
	int error;

	if (dice(2) || crashes.failed)
		return;
	crashes.crashes++;
	disk_crash(&w->disk, left);
	error = recover(left, &sum, &crashes.fault);
	if (!error && may_be(w, sum))
		return;
	crashes.failed = crashes.crashes;
	crashes.error = error;
}

TEST_F(journal, crash_leaves_what_was_flushed)
{
	u32 i;

	memset(&crashes, 0, sizeof(crashes));
	self->w->disk.wrote = crash;
	self->w->disk.writer = self->w;
	for (i = 0; i < 15000 && !crashes.failed; i++)
		change(self->w);
	EXPECT_EQ(0, crashes.failed) {
		TH_LOG("%d: %s at %llu", crashes.error, crashes.fault.what,
		       (unsigned long long)crashes.fault.at);
	}
	EXPECT_LT(100, crashes.crashes);
	self->w->disk.wrote = NULL;
}

TEST_F(journal, flipped_bit_is_noticed_or_of_no_interest)
{
	struct mq_j_fault fault;
	u32 i, noticed = 0;
	u64 sum, whole;

	for (i = 0; i < 8000; i++)
		change(self->w);
	write_block(self->w, MQ_J_HOT, false);
	flush(self->w);
	/* A mark that says so, as an idle writer makes it. */
	write_block(self->w, MQ_J_HOT, false);
	flush(self->w);
	ASSERT_EQ(0, recover(self->w->disk.bytes, &whole, &fault));
	for (i = 0; i < 400; i++) {
		u64 at = dice(8) ? MQ_J_SEGMENTS + dice(SIZE - MQ_J_SEGMENTS) :
			 dice(SIZE);

		self->w->disk.bytes[at] ^= 1 << dice(8);
		if (recover(self->w->disk.bytes, &sum, &fault)) {
			noticed++;
			EXPECT_NE(NULL, fault.what);
		} else {
			ASSERT_EQ(whole, sum) {
				TH_LOG("at %llu", (unsigned long long)at);
			}
		}
		memcpy(self->w->disk.bytes, self->w->disk.flushed, SIZE);
	}
	EXPECT_LT(20, noticed);
}

TEST_F(journal, salvage_reads_all_that_is_sound)
{
	struct mq_j_fault fault;
	u32 i;
	u64 sum;

	for (i = 0; i < 10000; i++) {
		change(self->w);
		if (i % 1000)
			continue;
		write_block(self->w, MQ_J_HOT, false);
		ASSERT_EQ(0, salvage(self->w->disk.bytes, &sum, &fault)) {
			TH_LOG("%u: %s", i, fault.what);
		}
		ASSERT_EQ(model_sum(self->w), sum) {
			TH_LOG("%u", i);
		}
	}
}

TEST_F(journal, salvage_reads_something_whatever_is_damaged)
{
	struct mq_j_fault fault;
	u32 i, k, at, bad = 0;
	u64 sum;

	for (i = 0; i < 8000; i++)
		change(self->w);
	flush(self->w);
	for (i = 0; i < 30; i++) {
		for (k = dice(20); k < 20; k++) {
			at = MQ_J_COPY + dice(SIZE - MQ_J_COPY);
			self->w->disk.bytes[at] ^= 1 << dice(8);
		}
		bad += !!salvage(self->w->disk.bytes, &sum, &fault);
		memcpy(self->w->disk.bytes, self->w->disk.flushed, SIZE);
	}
	EXPECT_EQ(0, bad);
}

TEST_HARNESS_MAIN
