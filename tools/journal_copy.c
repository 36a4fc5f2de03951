// SPDX-License-Identifier: GPL-2.0
#include "journal_copy.h"

/* So many ids are left out where some may have been told to somebody. */
#define ID_GAP	(1ULL << 20)

bool journal_copy_omits(const struct journal_queue *q,
			const struct journal_salvage *s)
{
	return !journal_queue_messages(q) &&
	       journal_salvage_made_up(s, le64_to_cpu(q->record->serial));
}

u64 journal_copy_dedups(const struct journal_contents *c,
			const struct journal_salvage *s)
{
	u64 dedups = c->totals.dedups;
	size_t i;

	for (i = 0; i < c->count; i++)
		if (journal_copy_omits(c->queues[i], s))
			dedups -= c->queues[i]->dedups;
	return dedups;
}

static bool something_is_lost(const struct journal_contents *c,
			      const struct journal_salvage *s)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		const struct journal_queue *q = c->queues[i];

		if (journal_salvage_made_up(s, le64_to_cpu(q->record->serial)) &&
		    !journal_copy_omits(q, s))
			return true;
	}
	return s->segments || s->holes || s->records;
}

static int write_queue(struct journal_writer *w, const struct journal_queue *q)
{
	struct mq_j_bytes name, options, bindings;
	struct mq_j_queue head = *q->record, *to;
	const struct mq_j_queue *from = q->record;
	u32 name_size = (u32)strlen(q->name);
	void *record;
	int err;

	mq_j_queue_parts(from, &name, &options);
	mq_j_bindings_begin(from, &bindings);
	head.name_size = cpu_to_le16((u16)name_size);
	err = journal_writer_add(w, mq_j_queue_size(&head), MQ_J_QUEUE, &record);
	if (err)
		return err;
	to = record;
	to->serial = from->serial;
	to->version = from->version;
	to->uid = from->uid;
	to->gid = from->gid;
	to->mode = from->mode;
	to->name_size = cpu_to_le16((u16)name_size);
	to->options_size = from->options_size;
	to->bindings_size = from->bindings_size;
	memcpy(to + 1, q->name, name_size);
	memcpy((u8 *)(to + 1) + name_size, options.at, options.size);
	memcpy((u8 *)to + mq_j_queue_size(to) - bindings.size, bindings.at,
	       bindings.size);
	return 0;
}

static int write_ceiling(struct journal_writer *w,
			 const struct journal_queue *q, bool lost)
{
	u64 next_id = q->next_id, delivered = q->delivered;
	struct mq_j_ceiling *to;
	void *record;
	int err = journal_writer_add(w, sizeof(*to), MQ_J_CEILING, &record);

	if (err)
		return err;
	if (lost && next_id < ~0ULL - ID_GAP) {
		next_id += ID_GAP;
		delivered = next_id;
	}
	to = record;
	to->queue = q->record->serial;
	to->version = cpu_to_le64(1);
	to->next_id = cpu_to_le64(next_id);
	to->delivered = cpu_to_le64(delivered);
	return 0;
}

/* Write a message with all of its copies, in the states that they have now. */
static int write_body(struct journal_writer *w, const struct journal_body *body)
{
	const struct mq_j_message *from = body->record;
	struct mq_j_bytes key, headers, payload;
	const struct journal_copy *copy;
	u32 copies = 0, copies_size = 0;
	struct mq_j_message *to;
	u64 rest;
	void *record;
	u8 *at;
	int err;

	for (copy = body->copies; copy; copy = copy->next, copies++)
		copies_size += copy->size;
	mq_j_message_parts(from, &key, &headers, &payload);
	/* With what it tells of its topic, between the headers and the payload. */
	rest = (u64)key.size + headers.size + le16_to_cpu(from->topic_size) +
	       payload.size;
	err = journal_writer_add(w, sizeof(*to) + copies_size + rest,
				 MQ_J_MESSAGE, &record);
	if (err)
		return err;
	to = record;
	to->time_ns = from->time_ns;
	to->uid = from->uid;
	to->gid = from->gid;
	to->pid = from->pid;
	to->payload_size = from->payload_size;
	to->key_size = from->key_size;
	to->headers_size = from->headers_size;
	to->copies = cpu_to_le16((u16)copies);
	to->topic_size = from->topic_size;
	to->copies_size = cpu_to_le32(copies_size);
	at = (u8 *)(to + 1);
	for (copy = body->copies; copy; copy = copy->next) {
		memcpy(at, copy->state, copy->size);
		at += copy->size;
	}
	memcpy(at, key.at, rest);
	return 0;
}

static int write_dedup(struct journal_writer *w, const struct mq_j_dedup *from)
{
	u32 size = le32_to_cpu(from->r.size);
	void *record;
	int err = journal_writer_add(w, size, MQ_J_DEDUP, &record);

	if (!err)
		memcpy(record, from, size);
	return err;
}

int journal_copy(struct journal_writer *w, const struct journal_contents *c,
		 const struct journal_salvage *s)
{
	const struct journal_body *body;
	const struct journal_dedup *d;
	bool lost = something_is_lost(c, s);
	int err = 0;
	size_t i;

	for (i = 0; !err && i < c->count; i++) {
		if (!journal_copy_omits(c->queues[i], s))
			err = write_queue(w, c->queues[i]) ?:
			      write_ceiling(w, c->queues[i], lost);
	}
	for (body = c->bodies; !err && body; body = body->next)
		err = write_body(w, body);
	for (d = c->dedups; !err && d; d = d->next)
		err = write_dedup(w, d->record);
	return err;
}
