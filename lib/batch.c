// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Batches: building records in memory. The setters change the last record only, so
 * no other record has to move.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "record.h"

/* A record's size, and the size with its padding, must fit 32 bits. */
#define LMQ_RECORD_MAX	(UINT32_MAX - 7U)
/* Most bytes of a header's name. */
#define LMQ_HEADER_NAME_MAX	255

_Static_assert(sizeof(struct devmq_record) % 8 == 0, "payloads are aligned");

static struct devmq_record *lmq_first(const struct devmq_batch *b)
{
	return (void *)(b->data + b->start);
}

static struct devmq_record *lmq_last(const struct devmq_batch *b)
{
	return (void *)(b->data + b->last);
}

const struct devmq_msg *lmq_batch_msg(const struct devmq_batch *b)
{
	return (const void *)lmq_last(b);
}

/* Where the headers of a record begin. */
static size_t lmq_headers_at(const struct devmq_record *r)
{
	return sizeof(*r) + r->key_size + r->dedup_size;
}

LMQ_EXPORT int devmq_batch_new(struct devmq_batch **batch)
{
	struct devmq_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*batch = b;
	return 0;
}

LMQ_EXPORT void devmq_batch_free(struct devmq_batch *batch)
{
	if (!batch)
		return;
	free(batch->data);
	free(batch);
}

LMQ_EXPORT void devmq_batch_clear(struct devmq_batch *batch)
{
	batch->start = 0;
	batch->last = 0;
	batch->end = 0;
	batch->count = 0;
}

LMQ_EXPORT size_t devmq_batch_count(const struct devmq_batch *batch)
{
	return batch->count;
}

LMQ_EXPORT size_t devmq_batch_bytes(const struct devmq_batch *batch)
{
	if (!batch->count)
		return 0;
	return batch->last + lmq_last(batch)->size - batch->start;
}

/* Close the gap that sent records left at the front. */
static void lmq_batch_compact(struct devmq_batch *b)
{
	memmove(b->data, b->data + b->start, b->end - b->start);
	b->last -= b->start;
	b->end -= b->start;
	b->start = 0;
}

/* Make room for @size bytes behind the first @from bytes. */
static int lmq_batch_room(struct devmq_batch *b, size_t from, size_t size)
{
	size_t need, room = b->room ? b->room : 1024;
	unsigned char *data;

	if (__builtin_add_overflow(from, size, &need) || need > SIZE_MAX / 2)
		return -ENOMEM;
	if (need <= b->room)
		return 0;
	while (room < need)
		room *= 2;
	data = realloc(b->data, room);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->room = room;
	return 0;
}

/* Make room for @size more bytes. */
static int lmq_batch_make_room(struct devmq_batch *b, size_t size)
{
	if (b->start)
		lmq_batch_compact(b);
	return lmq_batch_room(b, b->end, size);
}

/*
 * Add a record of @size bytes, for which there is room. Its header and its padding
 * are zero; the caller fills the rest.
 */
static inline struct devmq_record *lmq_batch_append(struct devmq_batch *b,
						    size_t size)
{
	size_t step = DEVMQ_ALIGN(size), at = b->end;
	struct devmq_record *r = (void *)(b->data + at);

	memset((char *)r + step - 8, 0, 8);
	*r = (struct devmq_record) { .size = size };
	b->last = at;
	b->end = at + step;
	b->count++;
	return r;
}

static int __attribute__((noinline)) lmq_batch_add_far(struct devmq_batch *b,
						       const void *payload,
						       size_t size)
{
	int err;

	if (size > LMQ_RECORD_MAX - sizeof(struct devmq_record))
		return -EMSGSIZE;
	err = lmq_batch_make_room(b, sizeof(struct devmq_record) + size + 7);
	return err ? err : devmq_batch_add(b, payload, size);
}

/* The fast path of adding many messages; what is rare is not inline. */
LMQ_EXPORT int devmq_batch_add(struct devmq_batch *batch, const void *payload,
			       size_t size)
{
	struct devmq_record *r;

	if (__builtin_expect(size > LMQ_RECORD_MAX - sizeof(*r) ||
			     DEVMQ_ALIGN(sizeof(*r) + size) >
			     batch->room - batch->end, 0))
		return lmq_batch_add_far(batch, payload, size);
	r = lmq_batch_append(batch, sizeof(*r) + size);
	if (size)
		memcpy(r + 1, payload, size);
	return 0;
}

LMQ_EXPORT int devmq_batch_add_msg(struct devmq_batch *batch,
				   const struct devmq_msg *msg)
{
	const struct devmq_record *from = devmq_msg_record(msg);
	size_t meta = lmq_meta_size(from) - from->extra_size;
	size_t offset = DEVMQ_ALIGN(sizeof(*from) + meta);
	struct devmq_record *r;
	const void *payload;
	size_t size;
	int err;

	payload = devmq_msg_payload(msg, &size);
	if (size > LMQ_RECORD_MAX - offset)
		return -EMSGSIZE;
	err = lmq_batch_make_room(batch, offset + size + 7);
	if (err)
		return err;
	r = lmq_batch_append(batch, offset + size);
	r->priority = from->priority;
	r->key_size = from->key_size;
	r->dedup_size = from->dedup_size;
	r->headers_size = from->headers_size;
	memcpy(r + 1, (const char *)(from + 1) + from->extra_size, meta);
	memset((char *)(r + 1) + meta, 0, offset - sizeof(*r) - meta);
	memcpy((char *)r + offset, payload, size);
	return 0;
}

/* Zero the padding from @p to @end, less than 8 bytes and often none. */
static void lmq_zero(unsigned char *p, const unsigned char *end)
{
	while (p != end)
		*p++ = 0;
}

/*
 * In the metadata of the last record, replace the @old bytes at @pos by @size bytes,
 * and move what follows. *@gap gets the address of the new bytes, which the caller
 * fills, and counts in the record's key_size, dedup_size or headers_size.
 */
static int lmq_batch_splice(struct devmq_batch *b, size_t pos, size_t old,
			    size_t size, unsigned char **gap)
{
	struct devmq_record *r = lmq_last(b);
	size_t meta = sizeof(*r) + lmq_meta_size(r);
	size_t from = DEVMQ_ALIGN(meta), to = DEVMQ_ALIGN(meta - old + size);
	size_t payload = r->size - from, rest = meta - pos - old;
	unsigned char *p;
	int err;

	if (payload > LMQ_RECORD_MAX - to)
		return -EMSGSIZE;
	err = lmq_batch_room(b, b->last, DEVMQ_ALIGN(to + payload));
	if (err)
		return err;
	r = lmq_last(b);
	p = (unsigned char *)r;
	/* Move first what would be overwritten. */
	if (to > from)
		memmove(p + to, p + from, payload);
	if (rest)
		memmove(p + pos + size, p + pos + old, rest);
	if (to < from)
		memmove(p + to, p + from, payload);
	lmq_zero(p + pos + size + rest, p + to);
	r->size = to + payload;
	b->end = b->last + DEVMQ_RECORD_STEP(r->size);
	lmq_zero(p + r->size, p + (b->end - b->last));
	*gap = p + pos;
	return 0;
}

/*
 * Give the last record, which has no metadata yet, a key, if there is room for it.
 * Payloads move with their padding, so only the key's is to be written. Return: false if
 * nothing was done.
 */
static bool lmq_batch_key_quickly(struct devmq_batch *b, const void *key, size_t size)
{
	struct devmq_record *r = lmq_last(b);
	size_t step = DEVMQ_ALIGN(size);
	char *data = (char *)(r + 1);

	if (!size || !lmq_is_plain(r) || step > b->room - b->end ||
	    r->size > LMQ_RECORD_MAX - step)
		return false;
	memmove(data + step, data, b->end - b->last - sizeof(*r));
	memset(data + step - 8, 0, 8);
	memcpy(data, key, size);
	r->size += step;
	r->key_size = size;
	b->end += step;
	return true;
}

LMQ_EXPORT int devmq_batch_set_key(struct devmq_batch *batch, const void *key,
				   size_t size)
{
	unsigned char *gap;
	int err;

	if (!batch->count || size > DEVMQ_KEY_MAX)
		return -EINVAL;
	if (lmq_batch_key_quickly(batch, key, size))
		return 0;
	err = lmq_batch_splice(batch, sizeof(struct devmq_record),
			       lmq_last(batch)->key_size, size, &gap);
	if (err)
		return err;
	lmq_last(batch)->key_size = size;
	if (size)
		memcpy(gap, key, size);
	return 0;
}

LMQ_EXPORT int devmq_batch_set_dedup_id(struct devmq_batch *batch,
					const void *dedup_id, size_t size)
{
	unsigned char *gap;
	size_t pos;
	int err;

	if (!batch->count || size > DEVMQ_KEY_MAX)
		return -EINVAL;
	pos = sizeof(struct devmq_record) + lmq_last(batch)->key_size;
	err = lmq_batch_splice(batch, pos, lmq_last(batch)->dedup_size, size,
			       &gap);
	if (err)
		return err;
	lmq_last(batch)->dedup_size = size;
	if (size)
		memcpy(gap, dedup_id, size);
	return 0;
}

static bool lmq_header_name_ok(const char *name, size_t size)
{
	size_t i;

	if (!size || size > LMQ_HEADER_NAME_MAX)
		return false;
	for (i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '=')
			return false;
	return true;
}

LMQ_EXPORT int devmq_batch_add_header(struct devmq_batch *batch,
				      const char *name, const void *value,
				      size_t size)
{
	size_t name_size = strlen(name), all;
	struct devmq_header h;
	unsigned char *gap;
	int err;

	if (!batch->count || !lmq_header_name_ok(name, name_size))
		return -EINVAL;
	if (size > DEVMQ_HEADERS_MAX)
		return -EMSGSIZE;
	all = sizeof(h) + name_size + size;
	if (all > DEVMQ_HEADERS_MAX - (size_t)lmq_last(batch)->headers_size)
		return -EMSGSIZE;
	err = lmq_batch_splice(batch, lmq_headers_at(lmq_last(batch)) +
			       lmq_last(batch)->headers_size, 0, all, &gap);
	if (err)
		return err;
	lmq_last(batch)->headers_size += all;
	h.name_size = name_size;
	h.value_size = size;
	memcpy(gap, &h, sizeof(h));
	memcpy(gap + sizeof(h), name, name_size);
	if (size)
		memcpy(gap + sizeof(h) + name_size, value, size);
	return 0;
}

LMQ_EXPORT int devmq_batch_set_priority(struct devmq_batch *batch,
					uint8_t priority)
{
	if (!batch->count)
		return -EINVAL;
	lmq_last(batch)->priority = priority;
	return 0;
}

LMQ_EXPORT int devmq_batch_set_delay(struct devmq_batch *batch,
				     uint64_t delay_ns)
{
	if (!batch->count)
		return -EINVAL;
	lmq_last(batch)->flags &= ~DEVMQ_RECORD_AT;
	lmq_last(batch)->delay_ns = delay_ns;
	return 0;
}

LMQ_EXPORT int devmq_batch_set_at(struct devmq_batch *batch, uint64_t time_ns)
{
	if (!batch->count)
		return -EINVAL;
	lmq_last(batch)->flags |= DEVMQ_RECORD_AT;
	lmq_last(batch)->delay_ns = time_ns;
	return 0;
}

LMQ_EXPORT int devmq_batch_set_ttl(struct devmq_batch *batch, uint64_t ttl_ns)
{
	if (!batch->count)
		return -EINVAL;
	lmq_last(batch)->ttl_ns = ttl_ns;
	return 0;
}

void lmq_batch_sent(struct devmq_batch *batch, size_t count)
{
	if (count == batch->count)
		devmq_batch_clear(batch);
	else
		while (count--)
			devmq_batch_drop_first(batch);
}

LMQ_EXPORT int devmq_batch_drop_first(struct devmq_batch *batch)
{
	if (!batch->count)
		return -EINVAL;
	batch->start += DEVMQ_RECORD_STEP(lmq_first(batch)->size);
	if (!--batch->count)
		devmq_batch_clear(batch);
	return 0;
}
