/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records that were received. */
#ifndef LIBDEVMQ_BUFFER_H
#define LIBDEVMQ_BUFFER_H

#include <errno.h>

#include "internal.h"
#include "record.h"

/**
 * struct devmq_buffer - records laid end to end, as the kernel gives them
 * @data: the memory, from malloc()
 * @room: bytes there
 * @used: bytes that the records take
 * @next: offset of the record that devmq_buffer_next() gives next
 * @count: how many records the kernel says there are
 */
struct devmq_buffer {
	unsigned char	*data;
	size_t		room;
	size_t		used;
	size_t		next;
	size_t		count;
};

/* Forget all records. */
void lmq_buffer_reset(struct devmq_buffer *buffer);

/*
 * Make room for a record of @need bytes. The records in the buffer are lost; if
 * there is no memory, the room that the buffer has stays. Return: 0, -ENOMEM, or
 * -EMSGSIZE if there is room for @need bytes already.
 */
int lmq_buffer_grow(struct devmq_buffer *buffer, uint64_t need);

/*
 * The kernel has filled the buffer. Return: how many messages there are, or
 * -EBADMSG.
 */
int lmq_buffer_take(struct devmq_buffer *buffer, uint64_t used,
		    uint64_t count);

/*
 * Find the message at *@offset, and move *@offset behind it. Return: as
 * devmq_buffer_next().
 */
static inline int lmq_buffer_at(const struct devmq_buffer *buffer,
				size_t *offset, const struct devmq_msg **msg)
{
	size_t at = *offset, space = buffer->used - at, step;
	const struct devmq_record *r = (const void *)(buffer->data + at);

	*msg = NULL;
	if (!space)
		return 0;
	if (!lmq_record_ok(r, space))
		return -EBADMSG;
	*msg = (const void *)r;
	step = DEVMQ_RECORD_STEP(r->size);
	*offset = at + (step < space ? step : space);
	return 1;
}

#endif /* LIBDEVMQ_BUFFER_H */
