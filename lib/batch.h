/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records to be sent. */
#ifndef LIBDEVMQ_BATCH_H
#define LIBDEVMQ_BATCH_H

#include "internal.h"

/**
 * struct devmq_batch - records laid end to end, as the kernel takes them
 * @data: the memory, from malloc()
 * @room: bytes there
 * @last: offset of the last record, if there is one. Keep it apart from @end:
 *	the compiler stores neighbours as one vector, which is slower here
 * @start: offset of the first record, a multiple of 8; grows as records are
 *	sent
 * @end: offset behind the last record and its padding, a multiple of 8
 * @count: how many records there are
 */
struct devmq_batch {
	unsigned char	*data;
	size_t		room;
	size_t		last;
	size_t		start;
	size_t		end;
	size_t		count;
};

/* The message that was added last, to be read as a received one. */
const struct devmq_msg *lmq_batch_msg(const struct devmq_batch *batch);

/* Remove the first @count records, which have been sent. */
void lmq_batch_sent(struct devmq_batch *batch, size_t count);

#endif /* LIBDEVMQ_BATCH_H */
