// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND and DEVMQ_IOC_RECV: records laid end to end.
 *
 * A message is stored as the record that it came as. So plain records, which are
 * nothing but a payload and a priority, are copied into the producer's chunk as
 * they come, many at once, and are looked at there; and what stands behind each
 * other is copied out in one go. All other records are taken one by one, from a
 * window, a piece of memory that is copied from user space as a whole. A RECV
 * has its spans in such a piece (span.c).
 */
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/supply.h"
#include "queue/admit.h"
#include "queue/clock.h"
#include "queue/delivery.h"
#include "queue/file.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/span.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/wake.h"
#include "call/batch.h"
#include "call/ioc.h"
#include "call/owner.h"
#include "call/record.h"
#include "call/send.h"

/* One window for each processor waits for the next who needs one. */
static DEFINE_PER_CPU(void *, mq_windows);

static void *mq_window_get(gfp_t gfp)
{
	return this_cpu_xchg(mq_windows, NULL) ?: kmalloc(MQ_WINDOW, gfp);
}

static void mq_window_put(void *window)
{
	kfree(this_cpu_xchg(mq_windows, window));
}

/* The module goes. */
void mq_batch_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(mq_windows, cpu));
}

/*
 * How many bytes one SEND brings in at most, as they are in no queue's bound
 * yet. A single larger message is still taken.
 */
#define MQ_BATCH_BYTES	(16 << 20)

/* Have the beginning of the next record in the window. 0 or an error. */
static int mq_source_fill(struct mq_source *s)
{
	u32 size;

	if (!s->window)
		s->window = mq_window_get(GFP_KERNEL);
	if (!s->window)
		return -ENOMEM;
	s->user += s->at;
	s->space -= s->at;
	s->at = 0;
	s->end = 0;
	if (s->space < sizeof(struct devmq_record))
		return -EINVAL;
	size = min_t(u64, s->space, MQ_WINDOW);
	s->end = size - copy_from_user(s->window, s->user, size);
	return s->end < sizeof(struct devmq_record) ? -EFAULT : 0;
}

/* Is the next record in the window, but for one that never would be? */
static bool mq_source_has(const struct mq_source *s)
{
	const struct devmq_record *r = s->window + s->at;

	return s->end - s->at >= sizeof(*r) && r->size <= s->end - s->at;
}

/* Go on to the next one, which may be far behind the window. */
static void mq_source_skip(struct mq_source *s, u64 step)
{
	if (likely(step <= s->end - s->at)) {
		s->at += step;
		return;
	}
	step += s->at;
	s->user += step;
	s->space -= step;
	s->at = 0;
	s->end = 0;
}

/* There are more records, or something that should be one. */
static bool mq_source_more(const struct mq_source *s)
{
	return s->space - s->at >= sizeof(u64);
}

/**
 * struct mq_run - plain records in a chunk that become messages
 * @n: how many have an entry
 * @bytes: of payload
 * @end: behind the last one
 * @top: the last one's entry
 * @last: its link
 */
struct mq_run {
	u32			n;
	u64			bytes;
	void			*end;
	struct mq_entry		*top;
	struct list_head	*last;
};

/* From one entry's place to that of the next, if both had the same message. */
#define MQ_PLACE_NEXT	(sizeof(struct mq_entry) / 8 *			\
			 (MQ_PLACE_UNIT(msg) - MQ_PLACE_UNIT(chunk)))

/*
 * Make entries of the records that stand in @size bytes behind what the chunk
 * has, up to one where there is anything to think about.
 */
static void mq_run_parse(struct mq_file *f, struct mq_chunk *c, u64 size,
			 u32 max, struct mq_run *run)
{
	u64 most = READ_ONCE(f->q->plain_size), bytes = 0;
	struct mq_entry *e = (void *)c + c->top;
	void *at = (void *)c + c->used;
	u32 levels = f->q->ready.levels, n = 0;
	struct list_head *last = run->last;
	union mq_place place = {
		.msg = (at - (void *)e) / 8,
		.chunk = c->top / 8,
		.sender = c->sender,
	};

	while (n < max && size >= sizeof(u64)) {
		u64 head = mq_record_head(at), step = ALIGN(head, 8);
		u32 level;

		/* With a flag it is larger than any may be, without payload too. */
		if (head - sizeof(struct mq_msg) - 1 >= most || step > size ||
		    !mq_record_is_plain(at))
			break;
		level = mq_record_level(at);
		if (unlikely(level)) {
			if (level >= levels)
				break;
			mq_ready_prepare(&f->q->ready, level);
		}
		e--;
		place.word += MQ_PLACE_NEXT;
		e->place = place;
		place.word += step / 8 * MQ_PLACE_UNIT(msg);
		if (unlikely(head & 7))
			mq_entry_pad(e);
		last->next = &e->list;
		e->list.prev = last;
		last = &e->list;
		bytes += head;
		size -= step;
		at += step;
		n++;
	}
	run->n = n;
	run->bytes = bytes - n * sizeof(struct mq_msg);
	run->end = at;
	run->top = e;
	run->last = last;
}

/*
 * Have room in the chunk, or in the next one, for the next record and its entry:
 * bytes that the record takes, 0: it cannot be looked at, or is not for a chunk.
 */
static u32 mq_run_room(struct mq_file *f, const struct mq_source *s,
		       struct mq_chunk **c)
{
	const void __user *from = s->user + s->at;
	u32 size, step;

	if (s->space - s->at < sizeof(struct devmq_record) ||
	    get_user(size, (const u32 __user *)from) ||
	    size < sizeof(struct devmq_record) || size > SZ_4K)
		return 0;
	step = ALIGN(size, 8);
	if (!mq_chunk_has(*c, step + sizeof(struct mq_entry)))
		*c = mq_chunk_next(&f->supply, *c, step + sizeof(struct mq_entry));
	return *c ? step : 0;
}

/**
 * mq_run_get - make entries of plain records
 * @f: the producer
 * @s: where they come from
 * @claimed: its chunk, claimed
 * @b: gets them
 *
 * So many records are copied behind what the chunk has as come with their
 * entries if all are as large as the first.
 *
 * Return: bytes of records; 0: the next one is not so simple.
 */
static u32 mq_run_get(struct mq_file *f, struct mq_source *s,
		      struct mq_chunk **claimed, struct mq_batch *b)
{
	struct mq_run run = { .last = b->list.prev };
	u32 step, room, size, max = DEVMQ_BATCH_MAX - b->count;
	struct mq_chunk *c = *claimed;

	if (!READ_ONCE(f->q->plain_size) || !c || c == MQ_CHUNK_CLAIMED ||
	    !mq_chunk_is_ours(c))
		return 0;
	step = mq_run_room(f, s, claimed);
	if (!step)
		return 0;
	c = *claimed;
	room = c->top - c->used;
	size = min_t(u64, s->space - s->at,
		     room / (step + sizeof(struct mq_entry)) * step);
	max = min_t(u32, max, (room - size) / sizeof(struct mq_entry));
	size -= _copy_from_user((void *)c + c->used, s->user + s->at, size);
	mq_run_parse(f, c, size, max, &run);
	step = run.end - (void *)c - c->used;
	c->used += step;
	c->top = (void *)run.top - (void *)c;
	c->given += run.n * MQ_CHUNK_ONE + step;
	run.last->next = &b->list;
	b->list.prev = run.last;
	b->count += run.n;
	b->bytes += run.bytes;
	return step;
}

/*
 * Make entries of the records, as many as there is memory for. Return: 0, or
 * what is wrong with the first.
 */
static int mq_batch_get(struct mq_ioc *ioc, struct mq_source *s,
			struct mq_chunk **c, struct mq_batch *b)
{
	u64 bytes = 0, step;
	int err;

	while (b->count < DEVMQ_BATCH_MAX && bytes < MQ_BATCH_BYTES &&
	       (!b->count || mq_source_more(s))) {
		struct mq_entry *e;

		/* One that is not plain is seldom alone. */
		step = s->at == s->end ? mq_run_get(ioc->f, s, c, b) : 0;
		if (unlikely(!step)) {
			err = mq_source_has(s) ? 0 : mq_source_fill(s);
			if (err)
				return b->count ? 0 : err;
			e = mq_record_get(ioc->f, c, s, &step);
			if (IS_ERR(e))
				return b->count ? 0 : PTR_ERR(e);
			mq_batch_add(b, e);
		}
		bytes += step;
		mq_source_skip(s, step);
		cond_resched();
	}
	return 0;
}

/* How large the first message is, which there is no room for. */
struct mq_need {
	u64	payload;
	u64	meta;
};

/* As mq_batch_get(); @need is that of a first record that gets no memory. */
static int mq_batch_read(struct mq_ioc *ioc, struct mq_batch *b,
			 struct mq_need *need)
{
	struct mq_source s = {
		.user = u64_to_user_ptr(ioc->arg.send.records),
		.space = ioc->arg.send.records_size,
	};
	struct mq_chunk *c = mq_chunk_claim(&ioc->f->supply);
	int err = mq_batch_get(ioc, &s, &c, b);

	mq_chunk_unclaim(&ioc->f->supply, c);
	if (unlikely(err == -EDQUOT)) {
		const struct devmq_record *r = s.window + s.at;

		need->payload = r->size - DEVMQ_RECORD_PAYLOAD(r);
		need->meta = r->key_size + r->headers_size;
	}
	if (unlikely(s.window))
		mq_window_put(s.window);
	return err;
}

/* Read the records and send what there is room for: how many, or why none. */
static int mq_batch_send(struct mq_ioc *ioc, struct mq_sent *sent,
			 struct mq_need *need)
{
	struct mq_batch b;
	int ret;

	mq_batch_init(&b);
	ret = mq_batch_read(ioc, &b, need);
	if (unlikely(ret))
		return ret;
	ret = mq_send(ioc->f, &b, sent);
	if (unlikely(ret < 0)) {
		const struct mq_msg *m = mq_msg(list_first_entry(&b.list,
						struct mq_entry, list));

		need->payload = mq_msg_size(m);
		need->meta = m->key_size + m->headers_size;
	}
	if (unlikely(!list_empty(&b.list)))
		mq_entries_free(&b.list);
	return ret;
}

int mq_ioc_send(struct mq_ioc *ioc)
{
	struct devmq_send *a = &ioc->arg.send;
	struct mq_turn turn = {};
	struct mq_need need = {};
	struct mq_sent sent;
	int ret, err;

	if (a->flags || a->result)
		return -EINVAL;
	err = mq_act_as(ioc->f, FMODE_WRITE);
	if (unlikely(err))
		return err;
	do {
		ret = mq_batch_send(ioc, &sent, &need);
		if (likely(ret > 0))
			break;
		err = mq_send_wait(ioc->f, need.payload, need.meta,
				   ioc->nowait, ret, &turn);
		if (err)
			ret = err;
	} while (!err);
	mq_turn_end(ioc->f->q, &turn);
	if (ret < 0)
		return ret;
	a->result = sent.dup ? DEVMQ_SENT_DUP : 0;
	a->count = ret;
	a->last_id = sent.last_id;
	a->first_id = sent.last_id - ret + 1;
	return 0;
}

static struct mq_entry *mq_batch_next(struct mq_queue *q, struct mq_ioc *ioc)
{
	u64 id = ioc->arg.recv.id;

	return likely(!id) ? mq_delivery_next_locked(q, ioc->f) :
			     mq_delivery_deferred_locked(q, ioc->f, id);
}

/*
 * Take what is ready and fits. Return: how many; 0 at end of file; or an
 * error, EMSGSIZE with what the first would need.
 */
static int mq_batch_take(struct mq_ioc *ioc, struct mq_hand *h)
{
	struct devmq_recv *a = &ioc->arg.recv;
	u32 max = a->id ? 1 : min_t(u32, a->max_count ?: DEVMQ_BATCH_MAX,
				    DEVMQ_BATCH_MAX);
	struct mq_queue *q = ioc->f->q;
	u64 space = a->buffer_size;
	int n = 0, err = 0;

	mq_lock(q);
	ioc->f->pid = task_tgid_nr(current);
	if (likely(!a->id))
		n = mq_span_take_locked(ioc->f, h, max, &space);
	for (; n < max; n++) {
		struct mq_entry *e = mq_batch_next(q, ioc);
		u64 step;

		err = PTR_ERR_OR_ZERO(e);
		if (err || !e)
			break;
		step = mq_record_step(e);
		if (step > space) {
			a->need = step;
			err = -EMSGSIZE;
			break;
		}
		mq_delivery_begin_locked(ioc->f, e);
		list_add_tail(&e->list, &h->list);
		space -= step;
	}
	mq_unlock(q);
	return n ?: err;
}

/*
 * Have room for spans, in a window. It goes without as well, so memory, which
 * receiving gives back, is not waited for.
 */
static void mq_hand_open(struct mq_hand *h)
{
	INIT_LIST_HEAD(&h->list);
	h->span = mq_window_get(GFP_NOWAIT | __GFP_NOWARN);
	h->spans = 0;
	h->bytes = 0;
}

static void mq_hand_close(struct mq_hand *h)
{
	if (likely(h->span))
		mq_window_put(h->span);
}

static int mq_batch_wait(struct mq_ioc *ioc, struct mq_hand *h)
{
	u64 deadline_ns = ioc->arg.recv.deadline_ns;
	struct mq_wait wait = {};
	bool called = false;
	int ret;

	for (;;) {
		mq_hand_open(h);
		ret = mq_batch_take(ioc, h);
		if (ret > 0)
			break;
		mq_hand_close(h);
		if (ret == -EAGAIN && mq_has_due(ioc->f->q)) {
			cond_resched();
			continue;
		}
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		if (ioc->nowait || !deadline_ns || ioc->arg.recv.id) {
			mq_leave_to_others(&ioc->f->stand);
			ret = -EAGAIN;
			break;
		}
		mq_wait_begin(&ioc->f->q->gate.rx, &wait);
		ret = mq_wait_message(&ioc->f->stand, false, deadline_ns, &called);
		if (ret)
			break;
	}
	mq_wait_end(&ioc->f->q->gate.rx, &wait);
	mq_answer_message(&ioc->f->q->gate, &called);
	return ret;
}

/**
 * struct mq_sink - where the records of a RECV go
 * @to: there
 * @a: counts them
 * @taken: entries that were taken
 * @last: the last one that was copied out, or @taken
 * @chunk: where the last one's sender stands
 * @known: he
 */
struct mq_sink {
	void __user		*to;
	struct devmq_recv	*a;
	struct list_head	*taken;
	struct list_head	*last;
	const struct mq_chunk	*chunk;
	struct mq_known		known;
};

/* The next ones, up to @last, were copied: @n, of @bytes. */
static void mq_sink_done(struct mq_sink *s, struct list_head *last, u32 n,
			 u64 bytes)
{
	s->last = last;
	s->a->used += bytes;
	s->a->count += n;
	s->to += bytes;
}

/* No more than so many bytes of a run could be copied. */
static noinline void mq_sink_cut(struct mq_sink *s, u64 bytes)
{
	struct list_head *at;

	for (at = s->last->next; at != s->taken; at = at->next) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		u64 step = mq_msg_step(mq_msg(e));

		if (step > bytes)
			break;
		bytes -= step;
		mq_sink_done(s, at, 1, step);
	}
}

/*
 * Can its record be made where it is stored? Where that has the place of its
 * mq_detail, that is found again only if it stands before the entry.
 */
static bool mq_sink_takes(const struct mq_entry *e, const struct mq_msg *m)
{
	return likely(!m->detail) || (e->own_detail && !mq_has_extra(e));
}

/* After that, behind what was copied before, up to @last. */
static noinline void mq_sink_restore(struct mq_sink *s, struct list_head *last)
{
	struct list_head *at = s->last;
	struct mq_entry *e;

	do {
		at = at->next;
		e = list_entry(at, struct mq_entry, list);
		if (e->own_detail)
			mq_detail_restore(e);
	} while (at != last);
}

/* Copy a run out, from @from up to @end, and up to the entry @last. */
static int mq_sink_copy(struct mq_sink *s, const void *from, const void *end,
			struct list_head *last, u32 n, bool more)
{
	u32 left = _copy_to_user(s->to, from, end - from);

	if (unlikely(more))
		mq_sink_restore(s, last);
	if (likely(!left)) {
		mq_sink_done(s, last, n, end - from);
		return 0;
	}
	mq_sink_cut(s, end - from - left);
	return -EFAULT;
}

/*
 * Copy those out that stand behind each other, the next of them anyway. They
 * are of one chunk, as no message stands at the beginning of one, and of one
 * sender, as he stands between two messages where another one follows.
 */
static int mq_sink_run(struct mq_sink *s)
{
	struct list_head *at = s->last->next, *last;
	struct mq_entry *e = list_entry(at, struct mq_entry, list);
	struct mq_msg *m = mq_msg(e);
	const void *from = m;
	bool more = false;
	u32 n = 0;

	if (mq_chunk_of(e) != s->chunk || e->sender != s->known.sender) {
		s->chunk = mq_chunk_of(e);
		mq_known_learn(&s->known, e);
	}
	do {
		more |= e->own_detail;
		m->no_ttl = 0;
		mq_msg_present(m, &s->known);
		m = (void *)m + mq_msg_step(m);
		n++;
		last = at;
		at = at->next;
		e = list_entry(at, struct mq_entry, list);
	} while (at != s->taken && mq_msg(e) == m && mq_sink_takes(e, m));
	return mq_sink_copy(s, from, m, last, n, more);
}

/* Copy one out that has more than a message. */
static noinline int mq_sink_long(struct mq_sink *s, struct mq_entry *e)
{
	u64 step = mq_record_step(e);

	if (mq_record_put(s->to, e))
		return -EFAULT;
	mq_sink_done(s, &e->list, 1, step);
	return 0;
}

/* Copy the spans out. */
static int mq_sink_spans(struct mq_sink *sink, struct mq_hand *h)
{
	u32 i;

	for (i = 0; i < h->spans; i++) {
		const struct mq_span *s = &h->span[i];
		u64 size = s->end - s->from;
		u32 left = _copy_to_user(sink->to, s->from, size);

		if (unlikely(left)) {
			mq_sink_cut(sink, size - left);
			/* Some of a span is no span. */
			h->spans = 0;
			return -EFAULT;
		}
		mq_sink_done(sink, s->last, s->n, size);
	}
	return 0;
}

/* Copy out what was taken, and move what could be to the batch. */
static void mq_batch_write(struct mq_ioc *ioc, struct mq_hand *h,
			   struct list_head *batch)
{
	struct list_head *taken = &h->list;
	struct mq_sink s = {
		.to = u64_to_user_ptr(ioc->arg.recv.buffer),
		.a = &ioc->arg.recv,
		.taken = taken,
		.last = taken,
	};
	int err = mq_sink_spans(&s, h);
	struct mq_entry *e;

	while (!err && s.last->next != taken) {
		e = list_entry(s.last->next, struct mq_entry, list);
		err = likely(mq_sink_takes(e, mq_msg(e))) ?
		      mq_sink_run(&s) : mq_sink_long(&s, e);
	}
	if (likely(s.last != taken))
		list_cut_position(batch, taken, s.last);
}

/* Back in their places, newest first, as if they had never been taken. */
static void mq_batch_undeliver(struct mq_file *f, struct list_head *batch)
{
	struct mq_queue *q = f->q;
	struct mq_entry *e, *prev;

	if (list_empty(batch))
		return;
	mq_lock(q);
	list_for_each_entry_safe_reverse(e, prev, batch, list)
		mq_delivery_undo_locked(f, e);
	mq_unlock(q);
	mq_wake_stand(&f->stand);
}

/* Settle them or hold them, as the consumer's mode says. */
static void mq_batch_deliver(struct mq_file *f, struct mq_hand *h,
			     struct list_head *batch)
{
	struct mq_queue *q = f->q;
	/* Who was killed meanwhile has not seen them: they come back. */
	bool keep = fatal_signal_pending(current);
	bool spans = false, rare = false;

	if (list_empty(batch))
		return;
	mq_lock(q);
	f->last_id = mq_last_id(batch);
	keep = keep || f->ack != DEVMQ_ACK_AUTO;
	if (keep) {
		mq_delivery_hold_batch_locked(f, batch);
	} else {
		spans = mq_span_finish_locked(f, h, batch);
		if (unlikely(!list_empty(batch)))
			rare = mq_delivery_done_batch_locked(f, batch);
	}
	mq_unlock(q);
	if (likely(spans))
		mq_span_free(h);
	if (unlikely(!list_empty(batch)))
		mq_entries_free_plain(batch, rare);
}

/* Leases have to be able to end: what has one is no plain message, in no span. */
static void mq_batch_lease(struct mq_file *f, struct mq_hand *h)
{
	struct list_head *taken = &h->list;
	struct mq_entry *e;

	if (likely(!READ_ONCE(f->lease_ns)))
		return;
	h->spans = 0;
	list_for_each_entry(e, taken, list)
		mq_delivery_lease(f, e);
}

int mq_ioc_recv(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	struct mq_hand hand;
	LIST_HEAD(batch);
	int ret;

	if (a->flags)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	ret = mq_act_as(ioc->f, FMODE_READ);
	if (unlikely(ret))
		return ret;
	if (READ_ONCE(ioc->f->ack) == DEVMQ_ACK_MANUAL)
		mq_own(ioc->f);
	ret = mq_batch_wait(ioc, &hand);
	if (ret <= 0)
		return ret;
	a->need = 0;
	mq_batch_lease(ioc->f, &hand);
	mq_batch_write(ioc, &hand, &batch);
	/*
	 * The caller must know what it got before that is settled: if it
	 * cannot be told, it has got nothing.
	 */
	ret = !a->count ? -EFAULT : mq_ioc_publish(ioc);
	if (ret)
		list_splice_init(&batch, &hand.list);
	else
		mq_batch_deliver(ioc->f, &hand, &batch);
	mq_batch_undeliver(ioc->f, &hand.list);
	mq_hand_close(&hand);
	return ret;
}
