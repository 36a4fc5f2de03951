/* SPDX-License-Identifier: GPL-2.0 */
/* Plain messages that are adjacent in a chunk: see span.c. */
#ifndef MQ_QUEUE_SPAN_H
#define MQ_QUEUE_SPAN_H

#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct mq_file;

/**
 * struct mq_span - messages in hand that are adjacent in a chunk
 * @last: link of the last entry
 * @from: record of the first message
 * @end: end of the record of the last message
 * @bytes: what the messages count towards max_bytes
 * @n: number of messages
 */
struct mq_span {
	struct list_head	*last;
	void			*from;
	void			*end;
	u64			bytes;
	u32			n;
};

/**
 * struct mq_hand - the messages that a RECV has in hand
 * @list: their entries, in order
 * @span: array of MQ_SPANS spans, or NULL
 * @spans: number of spans that the list begins with, 0: the spans are not known
 * @n: number of entries in these spans
 * @bytes: what these count towards max_bytes
 *
 * Messages in a span are plain, and their records are ready to be copied out.
 */
struct mq_hand {
	struct list_head	list;
	struct mq_span		*span;
	u32			spans;
	u32			n;
	u64			bytes;
};

/* Bytes of a window: see call/batch.c. */
#define MQ_WINDOW	SZ_8K

/* Number of spans that fit in a window. */
#define MQ_SPANS	(MQ_WINDOW / sizeof(struct mq_span))

u32 mq_span_take_locked(struct mq_file *f, struct mq_hand *h, u32 max,
			u64 *space);
bool mq_span_ack_locked(struct mq_file *f, struct mq_hand *h,
			struct list_head *batch);
void mq_span_free(const struct mq_hand *h);

#endif /* MQ_QUEUE_SPAN_H */
