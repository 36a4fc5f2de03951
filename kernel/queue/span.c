// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: plain messages that are adjacent in a chunk, in the order of delivery.
 * When RECV takes a span, it visits each message once, to set its state and to
 * complete its record; all else is done once for the whole span.
 *
 * When the next message is in no span, RECV hands out messages one by one
 * (batch.c, delivery.c). The same happens where an option, a trace event or the
 * state of the queue rules spans out.
 */
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "queue/delivery.h"
#include "queue/known.h"
#include "queue/openfile.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/span.h"
#include "queue/trace.h"

/* Return true if trace events have to be emitted for each message. */
static bool mq_span_traced(void)
{
	return trace_mq_deliver_enabled() || trace_mq_ack_enabled();
}

/*
 * Hand out the entry at @at, if it is plain, and the entries behind it in @fifo
 * that belong to the same span: @max at most, whose records take @room bytes at
 * most. All messages of a span have the same sender: where the sender changes,
 * the chunk has a struct mq_sender between two messages, so they are not
 * adjacent.
 */
static __always_inline void mq_span_take(struct mq_span *s,
					 struct list_head *at,
					 const struct list_head *fifo,
					 const struct mq_sender_view *known, u32 max,
					 u64 room)
{
	struct mq_msg *m = mq_msg(list_entry(at, struct mq_entry, list));
	u64 bytes = 0;
	u32 n = 0;

	s->from = m;
	do {
		u64 step = mq_msg_padded_size(m);

		/* @detail of a message is in the same place as @no_ttl. */
		if (n == max || unlikely(m->no_ttl | m->attempt) || step > room)
			break;
		room -= step;
		bytes += mq_msg_bytes(m);
		m->state = DEVMQ_STATE_IN_FLIGHT;
		m->attempt = 1;
		mq_msg_present(m, known);
		n++;
		m = (void *)m + step;
		at = at->next;
	} while (at != fifo &&
		 mq_msg(list_entry(at, struct mq_entry, list)) == m);
	s->end = m;
	s->last = at->prev;
	s->bytes = bytes;
	s->n = n;
}

/* Hand out the first spans of a fifo. Return: how many messages. */
static u32 mq_span_take_fifo(struct mq_file *f, struct list_head *fifo,
			     struct mq_hand *h, u32 max, u64 *space)
{
	struct list_head *at = fifo->next;
	const struct mq_chunk *chunk = NULL;
	struct mq_sender_view known;
	LIST_HEAD(run);
	u32 n = 0;

	while (at != fifo && h->spans < MQ_SPANS) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		struct mq_span *s = &h->span[h->spans];

		if (mq_chunk_of(e) != chunk || e->sender != known.sender) {
			chunk = mq_chunk_of(e);
			mq_sender_view_set(&known, e);
		}
		mq_span_take(s, at, fifo, &known, max - n, *space);
		if (!s->n)
			break;
		n += s->n;
		h->bytes += s->bytes;
		*space -= s->end - s->from;
		at = s->last->next;
		h->spans++;
	}
	if (!n)
		return 0;
	list_cut_position(&run, fifo, at->prev);
	list_splice_tail(&run, &h->list);
	return n;
}

/* Hand out the first spans of a queue without an order. Return: how many messages. */
static u32 mq_span_take_fifos(struct mq_file *f, struct mq_hand *h, u32 max,
			      u64 *space)
{
	struct mq_ready *r = &f->q->ready;
	u32 n, all = 0;

	do {
		unsigned int top = mq_ready_top(r);
		struct list_head *fifo = mq_ready_fifo(r, top);

		if (!fifo)
			break;
		n = mq_span_take_fifo(f, fifo, h, max - all, space);
		all += n;
		if (likely(r->levels == 1) || !list_empty(fifo))
			break;
		__clear_bit(top, r->used);
	} while (n);
	return all;
}

/**
 * mq_span_take_locked - hand out plain messages, as many as come next
 * @f: the consumer
 * @h: gets the messages; empty before
 * @max: maximum number of messages
 * @space: bytes available for their records, reduced by what they take
 *
 * Takes messages that are next in a fifo, have no mq_detail and were never
 * handed out before. In a queue with an order, they are in no spans.
 *
 * Return: how many messages were taken. For the next message the caller calls
 * mq_delivery_next_locked(), which also says why there is none.
 */
u32 mq_span_take_locked(struct mq_file *f, struct mq_hand *h, u32 max,
			u64 *space)
{
	struct mq_queue *q = f->q;
	u32 all;

	lockdep_assert_held(&q->lock);
	if (mq_delivery_check_locked(q, f) || !h->span || q->ready.in_trees ||
	    mq_span_traced())
		return 0;
	if (f->ack == DEVMQ_ACK_MANUAL && f->prefetch)
		max = min_t(u64, max, f->prefetch - f->held_count);
	if (unlikely(q->order))
		all = mq_order_take_locked(q, &h->list, max, space, &h->bytes);
	else
		all = mq_span_take_fifos(f, h, max, space);
	q->ready_bytes -= h->bytes;
	q->stat.delivered += all;
	mq_count(&q->stat.ready, -(s64)all);
	mq_count(&q->stat.in_flight, all);
	mq_count(&f->held_count, all);
	if (unlikely(q->order && all))
		mq_order_drained_locked(q);
	h->n = all;
	return all;
}

/*
 * Unlink a span that begins with @first from mq_queue.all. If the ids of the
 * span are consecutive and there are no cursors, its entries are adjacent there
 * too.
 */
static void mq_span_unlink(struct mq_queue *q, const struct mq_span *s,
			   struct mq_entry *first)
{
	struct mq_entry *last = list_entry(s->last, struct mq_entry, list);
	struct list_head *at;
	u32 n;

	if (likely(s->n == 1 ||
		   (mq_msg(last)->id - mq_msg(first)->id == s->n - 1 &&
		    !q->cursors))) {
		__list_del(first->all.prev, last->all.next);
		return;
	}
	at = &first->list;
	for (n = s->n; n; n--, at = at->next)
		mq_list_remove(&list_entry(at, struct mq_entry, list)->all);
}

/**
 * mq_span_ack_locked - acknowledge the messages of spans
 * @f: the consumer
 * @h: the spans
 * @batch: list that begins with the entries of the spans; they are removed from
 *	it
 *
 * Return: true if there were any. The caller drops the lock and frees them with
 * mq_span_free().
 */
bool mq_span_ack_locked(struct mq_file *f, struct mq_hand *h,
			struct list_head *batch)
{
	struct list_head *at = batch;
	u32 i;

	lockdep_assert_held(&f->q->lock);
	if (unlikely(mq_span_traced()))
		h->spans = 0;
	if (unlikely(!h->spans))
		return false;
	for (i = 0; i < h->spans; i++) {
		mq_span_unlink(f->q, &h->span[i],
			       list_entry(at->next, struct mq_entry, list));
		at = h->span[i].last;
	}
	__list_del(batch, at->next);
	mq_delivery_count_acked_locked(f, h->n, h->bytes);
	return true;
}

/* Free what mq_span_ack_locked() acknowledged. */
void mq_span_free(const struct mq_hand *h)
{
	struct mq_chunk *chunk = NULL;
	u64 what = 0;
	u32 i;

	for (i = 0; i < h->spans; i++) {
		const struct mq_span *s = &h->span[i];
		struct mq_chunk *c = mq_chunk_of(list_entry(s->last,
							    struct mq_entry,
							    list));

		if (c != chunk) {
			if (what)
				mq_chunk_put(chunk, what);
			chunk = c;
			what = 0;
		}
		what += s->n * MQ_CHUNK_ONE + (s->end - s->from);
	}
	mq_chunk_put(chunk, what);
}
