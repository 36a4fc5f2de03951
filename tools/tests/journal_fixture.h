/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A journal with something in it, for tests: 300 messages with states, ends and
 * de-duplication ids in three queues, in a few segments, and blocks behind what was
 * flushed.
 */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H

#include <stdio.h>

#include <linux/devmq.h>

#include "journal/record.h"
#include "journal_write.h"

#define FIXTURE_MESSAGES	300
#define FIXTURE_PAYLOAD		2000

/* What stands behind the last mark. */
enum fixture_tail {
	FIXTURE_WHOLE,		/* nothing */
	FIXTURE_TORN,		/* a gap and a block, as a crash leaves it */
	FIXTURE_FLUSHED,	/* the same, but the block says that all was flushed */
	FIXTURE_FORGED,		/* what looks like large blocks everywhere */
	FIXTURE_TWICE,		/* nothing, but queue 1 was removed and made again */
};

static inline int fixture_queue(struct journal_writer *w, u64 serial,
				const char *name, const char *options)
{
	struct mq_j_ceiling *c;
	struct mq_j_queue *q;
	void *record;
	int err;

	err = journal_writer_add(w, sizeof(*q) + strlen(name) + strlen(options),
				 MQ_J_QUEUE, &record);
	if (err)
		return err;
	q = record;
	q->serial = cpu_to_le64(serial);
	q->uid = cpu_to_le32(1000);
	q->mode = cpu_to_le32(0640);
	q->name_size = cpu_to_le16(strlen(name));
	q->options_size = cpu_to_le16(strlen(options));
	memcpy(q + 1, name, strlen(name));
	memcpy((char *)(q + 1) + strlen(name), options, strlen(options));
	err = journal_writer_add(w, sizeof(*c), MQ_J_CEILING, &record);
	if (err)
		return err;
	c = record;
	c->queue = cpu_to_le64(serial);
	c->next_id = cpu_to_le64(1000);
	c->delivered = cpu_to_le64(100);
	return 0;
}

static inline void fixture_state(struct mq_j_state *s, u64 serial, u64 queue,
				 u32 version, u8 state)
{
	s->serial = cpu_to_le64(serial);
	s->queue = cpu_to_le64(queue);
	s->id = cpu_to_le64(serial);
	s->version = cpu_to_le32(version);
	s->state = state;
}

/* A message in queue 1, and also in queue 2 if @both. */
static inline int fixture_message(struct journal_writer *w, u64 serial,
				  bool both)
{
	u32 copies = both ? 2 : 1;
	u32 states = copies * sizeof(struct mq_j_state);
	struct mq_j_message *m;
	struct mq_j_state *s;
	void *record;
	int err;

	err = journal_writer_add(w, sizeof(*m) + states + FIXTURE_PAYLOAD,
				 MQ_J_MESSAGE, &record);
	if (err)
		return err;
	m = record;
	m->payload_size = cpu_to_le32(FIXTURE_PAYLOAD);
	m->copies = cpu_to_le16(copies);
	m->copies_size = cpu_to_le32(states);
	s = (void *)(m + 1);
	fixture_state(s, serial, 1, 1, DEVMQ_STATE_READY);
	if (both)
		fixture_state(s + 1, serial + 10000, 2, 1, DEVMQ_STATE_READY);
	memset((char *)(m + 1) + states, 'a' + serial % 26, FIXTURE_PAYLOAD);
	return 0;
}

/* Each third is dead now, and has a note; each fifth is gone. */
static inline int fixture_change(struct journal_writer *w, u64 serial)
{
	static const char note[] = "no good";
	struct mq_j_state_record *r;
	struct mq_j_end *e;
	void *record;
	int err = 0;

	if (serial % 3 == 0) {
		err = journal_writer_add(w, ALIGN(sizeof(*r) + strlen(note), 8),
					 MQ_J_STATE, &record);
		if (err)
			return err;
		r = record;
		fixture_state(&r->s, serial, 1, 2, DEVMQ_STATE_DEAD);
		r->s.note_size = cpu_to_le16(strlen(note));
		memcpy(r + 1, note, strlen(note));
	}
	if (serial % 5 == 0) {
		err = journal_writer_add(w, sizeof(*e) + sizeof(*e->gone),
					 MQ_J_END, &record);
		if (err)
			return err;
		e = record;
		e->gone[0].serial = cpu_to_le64(serial);
		e->gone[0].segment = cpu_to_le64(1);
	}
	return 0;
}

static inline int fixture_dedup(struct journal_writer *w)
{
	struct mq_j_dedup *d;
	void *record;
	int err = journal_writer_add(w, sizeof(*d) + 4, MQ_J_DEDUP, &record);

	if (err)
		return err;
	d = record;
	d->queue = cpu_to_le64(1);
	d->id = cpu_to_le64(7);
	d->sent_ns = cpu_to_le64(~0ULL);
	memcpy(d + 1, "once", 4);
	return 0;
}

/* A block with one message at an offset of the open segment. */
static inline int fixture_block(const struct journal_writer *w, u32 offset,
				u64 serial, u32 flushed)
{
	u8 bytes[4096] = {};
	struct mq_j_block *b = (void *)bytes;
	struct mq_j_place mark = { w->sequence, flushed };
	struct mq_j_message *m = (void *)(b + 1);
	u32 size = sizeof(*m) + sizeof(struct mq_j_state) + 100;

	m->r.size = cpu_to_le32(size);
	m->r.type = MQ_J_MESSAGE;
	m->payload_size = cpu_to_le32(100);
	m->copies = cpu_to_le16(1);
	m->copies_size = cpu_to_le32(sizeof(struct mq_j_state));
	fixture_state((void *)(m + 1), serial, 3, 1, DEVMQ_STATE_READY);
	b->size = cpu_to_le32(sizeof(bytes));
	b->used = cpu_to_le32(sizeof(*b) + ALIGN(size, 8));
	b->sequence = cpu_to_le64(w->sequence);
	b->offset = cpu_to_le32(offset);
	mq_j_mark_set(&b->marks[MQ_J_HOT], &mark);
	mq_j_block_seal(b, mq_j_seed(w->shape, w->epoch));
	return w->sink->write(w->sink->context,
			      mq_j_segment_at(w->shape, (u32)w->sequence - 1) +
			      offset, bytes, sizeof(bytes));
}

/* What a payload may have that would like to be a block. */
static inline int fixture_forge(const struct journal_writer *w)
{
	u32 at, size = w->shape->segment_size;
	struct mq_j_block b = {
		.magic = cpu_to_le32(MQ_J_MAGIC_BLOCK),
		.used = cpu_to_le32(sizeof(b)),
		.sequence = cpu_to_le64(w->sequence),
	};
	int err = 0;

	for (at = mq_j_header_size(w->shape); !err && at < size;
	     at += w->shape->unit) {
		b.size = cpu_to_le32(size - at);
		b.offset = cpu_to_le32(at);
		err = w->sink->write(w->sink->context,
				     mq_j_segment_at(w->shape,
						     (u32)w->sequence - 1) + at,
				     &b, sizeof(b));
	}
	return err;
}

static inline int fixture_tail(const struct journal_writer *w,
			       enum fixture_tail tail)
{
	u32 at = mq_j_header_size(w->shape), end = at + 3 * 4096;

	if (tail == FIXTURE_WHOLE || tail == FIXTURE_TWICE)
		return 0;
	if (tail == FIXTURE_FORGED)
		return fixture_forge(w);
	return fixture_block(w, at, 2000, at) ?:
	       fixture_block(w, at + 2 * 4096, 2001,
			     tail == FIXTURE_FLUSHED ? end : at);
}

/* Write it to @sink, which is full of zeros or a journal. */
static inline int fixture_write(const struct journal_sink *sink,
				const struct mq_j_shape *shape,
				enum fixture_tail tail)
{
	struct journal_writer w = {
		.sink = sink, .shape = shape, .epoch = 77, .serial = 20000,
	};
	u64 i;
	int err;

	err = journal_writer_begin(&w) ?:
	      fixture_queue(&w, 1, "orders", "max_messages=5000 overflow=reject") ?:
	      fixture_queue(&w, 2, "mail", "") ?:
	      fixture_queue(&w, 3, "empty", "") ?: fixture_dedup(&w);
	if (!err && tail == FIXTURE_TWICE)
		err = fixture_queue(&w, 4, "orders", "max_messages=7");
	for (i = 0; !err && i < FIXTURE_MESSAGES; i++)
		err = fixture_message(&w, 10 + i, i % 10 == 0);
	for (i = 0; !err && i < FIXTURE_MESSAGES; i++)
		err = fixture_change(&w, 10 + i);
	err = err ?: journal_writer_end(&w) ?: fixture_tail(&w, tail);
	journal_writer_free(&w);
	return err;
}

#endif /* JOURNAL_FIXTURE_H */
