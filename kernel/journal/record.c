// SPDX-License-Identifier: GPL-2.0
/*
 * Records: going through those of a block, and their parts. A record is checked
 * once, by mq_j_record_is_valid(); after that its sizes can be relied on. A
 * checksum that is right is no proof that a record is: the file may have been
 * made to do harm.
 */
#include "journal/record.h"

#include <linux/devmq.h>

/* Return whether a serial or an id is one that a writer gives. */
static bool mq_j_is_number(__le64 n)
{
	return n && le64_to_cpu(n) < MQ_J_NUMBER_MAX;
}

/* Return the bytes of a state with its texts, padded. */
static u32 mq_j_state_size(const struct mq_j_state *s)
{
	return ALIGN((u32)sizeof(*s) + s->origin_size +
		     le16_to_cpu(s->note_size), 8);
}

static bool mq_j_state_is_valid(const struct mq_j_state *s, u32 room)
{
	if (room < sizeof(*s) || room < mq_j_state_size(s))
		return false;
	if (!mq_j_is_number(s->serial) || !mq_j_is_number(s->queue) ||
	    !mq_j_is_number(s->id) ||
	    s->origin_size > DEVMQ_NAME_MAX ||
	    le16_to_cpu(s->note_size) > DEVMQ_NOTE_MAX)
		return false;
	switch (s->state) {
	case DEVMQ_STATE_READY:
	case DEVMQ_STATE_DELAYED:
	case DEVMQ_STATE_DEFERRED:
	case DEVMQ_STATE_DEAD:
	case DEVMQ_STATE_RETAINED:
		return true;
	default:
		return false;
	}
}

static u32 mq_j_binding_size(const struct mq_j_binding *b)
{
	return ALIGN((u32)sizeof(*b) + le16_to_cpu(b->filter_size), 8);
}

static bool mq_j_bindings_are_valid(const u8 *at, u32 room)
{
	while (room) {
		const struct mq_j_binding *b = (const void *)at;

		if (room < sizeof(*b) || room < mq_j_binding_size(b) ||
		    !mq_j_is_number(b->topic) || !mq_j_is_number(b->id))
			return false;
		at += mq_j_binding_size(b);
		room -= mq_j_binding_size(b);
	}
	return true;
}

/* Return the bytes of what a queue is, up to its bindings. */
static u32 mq_j_queue_head(const struct mq_j_queue *q)
{
	u32 size = (u32)sizeof(*q) + le16_to_cpu(q->name_size) +
		   le16_to_cpu(q->options_size);

	return q->bindings_size ? ALIGN(size, 8) : size;
}

/* Return the bytes of the record of what a queue is, from its parts. */
u32 mq_j_queue_size(const struct mq_j_queue *q)
{
	return mq_j_queue_head(q) + le32_to_cpu(q->bindings_size);
}

static bool mq_j_queue_is_valid(const struct mq_j_queue *q, u32 size)
{
	u32 name = le16_to_cpu(q->name_size), head = mq_j_queue_head(q);

	return mq_j_is_number(q->serial) && name && name <= DEVMQ_NAME_MAX &&
	       head <= size && size - head == le32_to_cpu(q->bindings_size) &&
	       mq_j_bindings_are_valid((const u8 *)q + head, size - head);
}

/*
 * Are these headers, one behind the other? What is in them is not looked at: whoever
 * matches or shows them needs their sizes.
 */
static bool mq_j_headers_are_valid(const struct mq_j_bytes *headers)
{
	u32 left = headers->size;

	while (left) {
		struct devmq_header h;
		u32 size;

		if (left < sizeof(h))
			return false;
		memcpy(&h, (const u8 *)headers->at + headers->size - left, sizeof(h));
		size = (u32)sizeof(h) + h.name_size + h.value_size;
		if (!h.name_size || size > left)
			return false;
		left -= size;
	}
	return true;
}

static bool mq_j_message_is_valid(const struct mq_j_message *m, u32 size)
{
	u32 copies = le16_to_cpu(m->copies), room = le32_to_cpu(m->copies_size);
	struct mq_j_bytes key, headers, payload;
	const u8 *at = (const u8 *)(m + 1);
	u32 topic = le16_to_cpu(m->topic_size);
	u64 sum = sizeof(*m) + (u64)room + le16_to_cpu(m->key_size) +
		  le16_to_cpu(m->headers_size) + topic +
		  le32_to_cpu(m->payload_size);

	if (sum != size || !copies || !IS_ALIGNED(room, 8))
		return false;
	if (topic && (topic <= sizeof(u64) ||
		      topic > sizeof(u64) + DEVMQ_NAME_MAX))
		return false;
	for (; copies; copies--) {
		const struct mq_j_state *s = (const void *)at;

		if (!mq_j_state_is_valid(s, room))
			return false;
		at += mq_j_state_size(s);
		room -= mq_j_state_size(s);
	}
	mq_j_message_parts(m, &key, &headers, &payload);
	return !room && key.size <= DEVMQ_KEY_MAX && mq_j_headers_are_valid(&headers);
}

static bool mq_j_ceiling_is_valid(const struct mq_j_ceiling *c)
{
	return mq_j_is_number(c->queue) &&
	       le64_to_cpu(c->next_id) < MQ_J_NUMBER_MAX;
}

static bool mq_j_end_is_valid(const struct mq_j_end *e, u32 size)
{
	u32 i, n = mq_j_end_count(e);

	if (!n || size != sizeof(*e) + n * sizeof(*e->gone))
		return false;
	for (i = 0; i < n; i++)
		if (!mq_j_is_number(e->gone[i].serial) || !e->gone[i].segment)
			return false;
	return true;
}

/**
 * mq_j_record_is_valid - check a record
 * @r: the record; all of its bytes are there
 *
 * Return: true if its type is known and its sizes agree with each other.
 */
bool mq_j_record_is_valid(const struct mq_j_record *r)
{
	u32 size = le32_to_cpu(r->size);

	switch (r->type) {
	case MQ_J_QUEUE:
		return size >= sizeof(struct mq_j_queue) &&
		       mq_j_queue_is_valid((const void *)r, size);
	case MQ_J_CEILING:
		return size == sizeof(struct mq_j_ceiling) &&
		       mq_j_ceiling_is_valid((const void *)r);
	case MQ_J_MESSAGE:
		return size >= sizeof(struct mq_j_message) &&
		       mq_j_message_is_valid((const void *)r, size);
	case MQ_J_STATE: {
		const struct mq_j_state_record *s = (const void *)r;

		return size >= sizeof(*s) &&
		       mq_j_state_is_valid(&s->s, size - sizeof(*r)) &&
		       size == sizeof(*r) + mq_j_state_size(&s->s);
	}
	case MQ_J_END:
		return size >= sizeof(struct mq_j_end) &&
		       mq_j_end_is_valid((const void *)r, size);
	case MQ_J_DEDUP: {
		const struct mq_j_dedup *d = (const void *)r;

		return size >= sizeof(*d) && mq_j_is_number(d->queue) &&
		       mq_j_is_number(d->id) &&
		       size - sizeof(*d) <= DEVMQ_KEY_MAX;
	}
	default:
		return false;
	}
}

/**
 * mq_j_record_next - go through the records of a block
 * @b: a valid block
 * @offset: where the next record begins, or 0 to begin; moves on
 *
 * Return: the record, which mq_j_record_is_valid() has to look at. NULL: there
 * is no further one, or no room for one; then @offset is the end of the records
 * or is not.
 */
const struct mq_j_record *mq_j_record_next(const struct mq_j_block *b,
					   u32 *offset)
{
	u32 used = le32_to_cpu(b->used), at = *offset ?: sizeof(*b), size;
	const struct mq_j_record *r = (const void *)((const u8 *)b + at);

	*offset = at;
	if (used - at < sizeof(*r))
		return NULL;
	size = le32_to_cpu(r->size);
	if (size < sizeof(*r) || size > used - at ||
	    ALIGN((u64)size, 8) > used - at)
		return NULL;
	*offset = at + ALIGN(size, 8);
	return r;
}

void mq_j_queue_parts(const struct mq_j_queue *q, struct mq_j_bytes *name,
		      struct mq_j_bytes *options)
{
	name->at = q + 1;
	name->size = le16_to_cpu(q->name_size);
	options->at = (const u8 *)name->at + name->size;
	options->size = le16_to_cpu(q->options_size);
}

void mq_j_state_parts(const struct mq_j_state *s, struct mq_j_copy *copy)
{
	copy->s = s;
	copy->origin.at = s + 1;
	copy->origin.size = s->origin_size;
	copy->note.at = (const u8 *)copy->origin.at + copy->origin.size;
	copy->note.size = le16_to_cpu(s->note_size);
	copy->place = 0;
}

void mq_j_copies_begin(const struct mq_j_message *m, struct mq_j_copies *all)
{
	all->at = (const u8 *)(m + 1);
	all->left = le16_to_cpu(m->copies);
}

/* Take the next copy. Return whether there is one. */
bool mq_j_copies_next(struct mq_j_copies *all, struct mq_j_copy *copy)
{
	if (!all->left)
		return false;
	mq_j_state_parts((const void *)all->at, copy);
	all->at += mq_j_state_size(copy->s);
	all->left--;
	return true;
}

/* Begin to go through the bindings that lead to a queue. */
void mq_j_bindings_begin(const struct mq_j_queue *q, struct mq_j_bytes *left)
{
	left->at = (const u8 *)q + mq_j_queue_head(q);
	left->size = le32_to_cpu(q->bindings_size);
}

/* Return the next binding, or NULL: there is no further one. */
const struct mq_j_binding *mq_j_bindings_next(struct mq_j_bytes *left)
{
	const struct mq_j_binding *b = left->at;

	if (!left->size)
		return NULL;
	left->at = (const u8 *)left->at + mq_j_binding_size(b);
	left->size -= mq_j_binding_size(b);
	return b;
}

void mq_j_message_parts(const struct mq_j_message *m, struct mq_j_bytes *key,
			struct mq_j_bytes *headers, struct mq_j_bytes *payload)
{
	key->at = (const u8 *)(m + 1) + le32_to_cpu(m->copies_size);
	key->size = le16_to_cpu(m->key_size);
	headers->at = (const u8 *)key->at + key->size;
	headers->size = le16_to_cpu(m->headers_size);
	payload->at = (const u8 *)headers->at + headers->size +
		      le16_to_cpu(m->topic_size);
	payload->size = le32_to_cpu(m->payload_size);
}

/* The id of a message in its topic, and the topic's name; no bytes: it has none. */
void mq_j_message_topic(const struct mq_j_message *m, struct mq_j_bytes *topic)
{
	topic->at = (const u8 *)(m + 1) + le32_to_cpu(m->copies_size) +
		    le16_to_cpu(m->key_size) + le16_to_cpu(m->headers_size);
	topic->size = le16_to_cpu(m->topic_size);
}

/* Return how many messages an end is of. */
u32 mq_j_end_count(const struct mq_j_end *e)
{
	return (le32_to_cpu(e->r.size) - sizeof(*e)) / sizeof(*e->gone);
}

void mq_j_dedup_id(const struct mq_j_dedup *d, struct mq_j_bytes *id)
{
	id->at = d + 1;
	id->size = le32_to_cpu(d->r.size) - sizeof(*d);
}
