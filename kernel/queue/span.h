/* SPDX-License-Identifier: GPL-2.0 */
/* Plain messages that stand behind each other: see span.c. */
#ifndef MQ_QUEUE_SPAN_H
#define MQ_QUEUE_SPAN_H

#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct mq_file;

/**
 * struct mq_span - messages in hand that stand behind each other in a chunk
 * @last: link of the last one's entry
 * @from: the first one's record
 * @end: behind the last one's
 * @bytes: what they count in the queue's bound
 * @n: how many they are
 */
struct mq_span {
	struct list_head	*last;
	void			*from;
	void			*end;
	u64			bytes;
	u32			n;
};

/**
 * struct mq_hand - what a RECV has in hand
 * @list: the entries, in order
 * @span: room for MQ_SPANS spans, or NULL
 * @spans: how many the first of the entries are, 0: that is not known
 * @n: how many entries those have
 * @bytes: what these count in the queue's bound
 *
 * What is in a span has nothing but a message, and its record is as it goes out.
 */
struct mq_hand {
	struct list_head	list;
	struct mq_span		*span;
	u32			spans;
	u32			n;
	u64			bytes;
};

/* Bytes of a window: see batch.c. */
#define MQ_WINDOW	SZ_8K

/* How many spans go in there. */
#define MQ_SPANS	(MQ_WINDOW / sizeof(struct mq_span))

u32 mq_span_take_locked(struct mq_file *f, struct mq_hand *h, u32 max,
			u64 *space);
bool mq_span_finish_locked(struct mq_file *f, struct mq_hand *h,
			   struct list_head *batch);
void mq_span_free(const struct mq_hand *h);

#endif /* MQ_QUEUE_SPAN_H */
