// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers: where the kernel writes records, and going from one to the next. */
#include <errno.h>
#include <stdlib.h>

#include "buffer.h"

#define LMQ_DEFAULT_ROOM	(64 * 1024)
#define LMQ_PAGE		4096ULL

LMQ_EXPORT int devmq_buffer_new(struct devmq_buffer **buffer, size_t capacity)
{
	struct devmq_buffer *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->room = capacity ? capacity : LMQ_DEFAULT_ROOM;
	b->data = malloc(b->room);
	if (!b->data) {
		free(b);
		return -ENOMEM;
	}
	*buffer = b;
	return 0;
}

LMQ_EXPORT void devmq_buffer_free(struct devmq_buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->data);
	free(buffer);
}

void lmq_buffer_reset(struct devmq_buffer *buffer)
{
	buffer->used = 0;
	buffer->next = 0;
	buffer->count = 0;
}

int lmq_buffer_grow(struct devmq_buffer *buffer, uint64_t need)
{
	uint64_t room = (need + LMQ_PAGE - 1) & ~(LMQ_PAGE - 1);
	unsigned char *data;

	/* Otherwise the caller would try again for ever. */
	if (need <= buffer->room)
		return -EMSGSIZE;
	if (room < need || room > SIZE_MAX / 2)
		return -ENOMEM;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	free(buffer->data);
	buffer->data = data;
	buffer->room = room;
	lmq_buffer_reset(buffer);
	return 0;
}

int lmq_buffer_take(struct devmq_buffer *buffer, uint64_t used, uint64_t count)
{
	if (used > buffer->room || count > INT32_MAX)
		return -EBADMSG;
	buffer->used = used;
	buffer->count = count;
	return count;
}

static int __attribute__((noinline))
lmq_buffer_next_far(struct devmq_buffer *buffer, const struct devmq_msg **msg)
{
	return lmq_buffer_at(buffer, &buffer->next, msg);
}

/* The fast path of reading many messages; what is rare is not inline. */
LMQ_EXPORT int devmq_buffer_next(struct devmq_buffer *buffer,
				 const struct devmq_msg **msg)
{
	size_t at = buffer->next, space = buffer->used - at;
	const struct devmq_record *r = (const void *)(buffer->data + at);

	if (space < sizeof(*r) || r->size < sizeof(*r) || !lmq_is_plain(r) ||
	    DEVMQ_RECORD_STEP(r->size) > space)
		return lmq_buffer_next_far(buffer, msg);
	*msg = (const void *)r;
	buffer->next = at + DEVMQ_RECORD_STEP(r->size);
	return 1;
}

LMQ_EXPORT void devmq_buffer_rewind(struct devmq_buffer *buffer)
{
	buffer->next = 0;
}

LMQ_EXPORT size_t devmq_buffer_count(const struct devmq_buffer *buffer)
{
	return buffer->count;
}
