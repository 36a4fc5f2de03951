// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: plain messages that stand behind each other in a chunk, in the order of
 * delivery. RECV hands them out with one look at each: it is in flight then, and
 * is the record that goes out; the rest is done for all of a span at once.
 *
 * What comes where there are no more spans is handed out one by one (batch.c,
 * delivery.c). So it is wherever something is not as expected.
 */
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "queue/delivery.h"
#include "queue/file.h"
#include "queue/known.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/span.h"
#include "queue/trace.h"

/* Somebody wants to be told of each. */
static bool mq_span_traced(void)
{
	return trace_mq_deliver_enabled() || trace_mq_ack_enabled();
}

/*
 * Hand out the entry at @at, if it is plain, and those behind it in @fifo that
 * belong to the same span: @max at most, whose records take @room bytes at
 * most. They have one sender, as he stands between two messages where another
 * one follows.
 */
static __always_inline void mq_span_take(struct mq_span *s,
					 struct list_head *at,
					 const struct list_head *fifo,
					 const struct mq_known *known, u32 max,
					 u64 room)
{
	struct mq_msg *m = mq_msg(list_entry(at, struct mq_entry, list));
	u64 bytes = 0;
	u32 n = 0;

	s->from = m;
	do {
		u64 step = mq_msg_step(m);

		/* What has more has no_ttl in its place. */
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

/* Hand out what is next in a fifo. Return: how many. */
static u32 mq_span_take_fifo(struct mq_file *f, struct list_head *fifo,
			     struct mq_hand *h, u32 max, u64 *space)
{
	struct list_head *at = fifo->next;
	const struct mq_chunk *chunk = NULL;
	struct mq_known known;
	LIST_HEAD(run);
	u32 n = 0;

	while (at != fifo && h->spans < MQ_SPANS) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		struct mq_span *s = &h->span[h->spans];

		if (mq_chunk_of(e) != chunk || e->sender != known.sender) {
			chunk = mq_chunk_of(e);
			mq_known_learn(&known, e);
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

/**
 * mq_span_take_locked - hand out plain messages, as long as there are any
 * @f: the consumer
 * @h: gets them, and had nothing
 * @max: so many at most
 * @space: bytes that there are for their records; goes down
 *
 * Plain is what is next in the order of sending, has nothing but a message and
 * was not handed out before.
 *
 * Return: how many. Where it stops, mq_delivery_next_locked() goes on, or says
 * why not.
 */
u32 mq_span_take_locked(struct mq_file *f, struct mq_hand *h, u32 max,
			u64 *space)
{
	struct mq_queue *q = f->q;
	struct mq_ready *r = &q->ready;
	u32 n, all = 0;

	lockdep_assert_held(&q->lock);
	if (q->order || mq_delivery_may_locked(q, f) || !h->span ||
	    r->in_trees || mq_span_traced())
		return 0;
	if (f->ack == DEVMQ_ACK_MANUAL && f->prefetch)
		max = min_t(u64, max, f->prefetch - f->held_count);
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
	q->ready_bytes -= h->bytes;
	q->stat.delivered += all;
	mq_count(&q->stat.ready, -(s64)all);
	mq_count(&q->stat.in_flight, all);
	mq_count(&f->held_count, all);
	h->n = all;
	return all;
}

/*
 * A span, which begins with @first, leaves the queue's list of all. Ids that
 * follow each other do so there, unless there are cursors.
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
 * mq_span_finish_locked - what is in spans is done
 * @f: the consumer
 * @h: the spans
 * @batch: a list that begins with them; they leave it
 *
 * Return: there were some. The caller frees them, with mq_span_free() and without
 * the lock.
 */
bool mq_span_finish_locked(struct mq_file *f, struct mq_hand *h,
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
	mq_delivery_count_done_locked(f, h->n, h->bytes);
	return true;
}

/* Free what mq_span_finish_locked() finished. */
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
