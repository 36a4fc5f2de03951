// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND and DEVMQ_IOC_RECV: many messages in one call. The user's
 * buffer holds their records, one behind the other.
 *
 * A message is stored in the form of its record. SEND copies plain records,
 * which have nothing but a payload and a priority, into the producer's chunk,
 * many at once, and checks them there (mq_run_get). It reads all other records
 * one by one from a window, a buffer into which it copies the next MQ_WINDOW
 * bytes from user space.
 *
 * RECV copies messages that lie one behind the other in a chunk to user space
 * at once. It keeps its list of spans (span.c) in a window as well.
 */
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "call/batch.h"
#include "call/ioc.h"
#include "call/owner.h"
#include "call/record.h"
#include "call/send.h"
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
#include "queue/persist.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/span.h"
#include "wait/gate.h"
#include "wait/side.h"
#include "wait/sleep.h"
#include "wait/wake.h"

/* Each processor keeps one free window for its next user. */
static DEFINE_PER_CPU(void *, mq_windows);

static void *mq_window_get(gfp_t gfp)
{
	return this_cpu_xchg(mq_windows, NULL) ?: kmalloc(MQ_WINDOW, gfp);
}

static void mq_window_put(void *window)
{
	kfree(this_cpu_xchg(mq_windows, window));
}

/* Free the windows, when the module is unloaded. */
void mq_batch_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(mq_windows, cpu));
}

/*
 * The most bytes of records that one SEND reads. No queue's bound counts them
 * until the messages are linked. A single larger message is still taken.
 */
#define MQ_BATCH_BYTES	(16 << 20)

/* Read a new window that begins with the next record. Return 0 or an error. */
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

/*
 * Return true if the window has all of the next record. It never has all of a
 * record that is larger than a window.
 */
static bool mq_source_has(const struct mq_source *s)
{
	const struct devmq_record *r = s->window + s->at;

	return s->end - s->at >= sizeof(*r) && r->size <= s->end - s->at;
}

/* Move on to the next record, which may begin far behind the window. */
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

/* Return true if another record follows, valid or not. */
static bool mq_source_more(const struct mq_source *s)
{
	return s->space - s->at >= sizeof(u64);
}

/**
 * struct mq_run - plain records in a chunk that are being made messages
 * @n: how many of them have an entry
 * @bytes: bytes of the payload of these
 * @end: end of the last one
 * @top: entry of the last one
 * @last: list link of that entry
 */
struct mq_run {
	u32			n;
	u64			bytes;
	void			*end;
	struct mq_entry		*top;
	struct list_head	*last;
};

/*
 * The change of mq_place.word from one entry to the next, which lies below it,
 * if both had the same message: the entry comes nearer to the message and to
 * the beginning of the chunk.
 *
 * The members of a word can be added to in one step as long as none of them
 * passes zero, which would carry into its neighbour. None does. The messages
 * lie below the entries, so the distance to the message is negative for all
 * entries; it gets to zero only behind the last message, and is not used there.
 * The distance to the beginning of the chunk stays above zero, as the header of
 * the chunk is there.
 */
#define MQ_PLACE_NEXT	(sizeof(struct mq_entry) / 8 *			\
			 (MQ_PLACE_UNIT(msg) - MQ_PLACE_UNIT(chunk)))

/*
 * Make entries for the records in the @size bytes behind the used part of the
 * chunk, @max entries at most. Stop at the first record that is not plain.
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

		/* A flag makes this large, as does no payload (it wraps). */
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
 * Make room for the next record and its entry, in this chunk or in a new one.
 * Return the bytes that the record takes; or 0 if it cannot be read, is not for
 * a chunk of pages, or gets no memory.
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
		*c = mq_supply_next_chunk(&f->supply, *c,
					  step + sizeof(struct mq_entry));
	return *c ? step : 0;
}

/**
 * mq_run_get - read plain records and make entries for them
 * @f: the producer
 * @s: where the records come from
 * @claimed: the producer's chunk, claimed; changes if that is full
 * @b: the batch that gets the entries
 *
 * Copies as many records to the chunk as have room there, together with their
 * entries, if all of them are as large as the first one.
 *
 * Return: bytes of the records that have entries now; 0: the next record is not
 * plain, or does not fit.
 */
static u32 mq_run_get(struct mq_file *f, struct mq_source *s,
		      struct mq_chunk **claimed, struct mq_batch *b)
{
	struct mq_run run = { .last = b->list.prev };
	u32 step, room, size, max = DEVMQ_BATCH_MAX - b->count;
	struct mq_chunk *c = *claimed;

	if (!READ_ONCE(f->q->plain_size) || !c || c == MQ_CHUNK_CLAIMED ||
	    !mq_chunk_sender_is_current(c))
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
 * Read records and make entries for them, until the batch is full or a record
 * fails. Return 0 if there is an entry, else the error of the first record.
 */
static int mq_batch_get(struct mq_ioc *ioc, struct mq_source *s,
			struct mq_chunk **c, struct mq_batch *b)
{
	u64 bytes = 0, step;
	int err;

	while (b->count < DEVMQ_BATCH_MAX && bytes < MQ_BATCH_BYTES &&
	       (!b->count || mq_source_more(s))) {
		struct mq_entry *e;

		/* Finish the window: one that is not plain is seldom alone. */
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

/* The size of the first message, if there is no room for it. */
struct mq_need {
	u64	payload;
	u64	meta;
};

/* As mq_batch_get(), with the records of the call. Fill in @need on EDQUOT. */
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

/*
 * Read the records and send those for which there is room. Return how many; or
 * an error, in which case @need is filled in where the caller may wait.
 */
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

/*
 * Wait until what was sent is on stable storage, if the caller wants that. If it
 * fails, the user learns what was sent all the same.
 */
static int mq_send_confirm(struct mq_ioc *ioc, bool sync)
{
	int err;

	if (likely(!ioc->f->q->feed.journal) || (!sync && !ioc->f->sync))
		return 0;
	err = mq_persist_confirm(ioc->f->q);
	if (err && mq_ioc_publish(ioc))
		err = -EFAULT;
	return err;
}

int mq_ioc_send(struct mq_ioc *ioc)
{
	struct devmq_send *a = &ioc->arg.send;
	struct mq_turn turn = {};
	struct mq_need need = {};
	struct mq_sent sent;
	int ret, err;

	if (a->flags & ~DEVMQ_SEND_SYNC || a->result)
		return -EINVAL;
	err = mq_take_role(ioc->f, FMODE_WRITE);
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
	return mq_send_confirm(ioc, a->flags & DEVMQ_SEND_SYNC);
}

static struct mq_entry *mq_batch_next(struct mq_queue *q, struct mq_ioc *ioc)
{
	u64 id = ioc->arg.recv.id;

	return likely(!id) ? mq_delivery_next_locked(q, ioc->f) :
			     mq_delivery_deferred_locked(q, ioc->f, id);
}

/*
 * Take the ready messages whose records fit into the buffer. Return how many; 0
 * at end of file; or an error. With EMSGSIZE, @need of the argument is what the
 * first record needs.
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
		step = mq_record_stride(e);
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
 * Prepare a hand that is empty, with a window for its spans. Do not wait for
 * the window's memory: RECV works without spans, too, and gives memory back.
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
		if (ret == -EAGAIN && !ioc->inlined &&
		    !mq_persist_unbar(ioc->f->q, ioc->nowait))
			continue;
		if (ret == -EAGAIN && mq_has_due(ioc->f->q)) {
			mq_lock_pause();
			continue;
		}
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		if (ioc->nowait || !deadline_ns || ioc->arg.recv.id) {
			mq_wake_next_without_credit(&ioc->f->stand);
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
 * struct mq_sink - where RECV copies its records to
 * @to: user address of the next record
 * @a: the argument, which counts the records
 * @taken: list of the entries that RECV took
 * @last: link of the entry that was copied last, or @taken
 * @chunk: chunk of the message for which @known was filled in
 * @known: sender of that message, as the caller may see it
 */
struct mq_sink {
	void __user		*to;
	struct devmq_recv	*a;
	struct list_head	*taken;
	struct list_head	*last;
	const struct mq_chunk	*chunk;
	struct mq_sender_view		known;
};

/*
 * Count the next @n records, of @bytes bytes, as copied, up to the entry @last.
 */
static void mq_sink_done(struct mq_sink *s, struct list_head *last, u32 n,
			 u64 bytes)
{
	s->last = last;
	s->a->used += bytes;
	s->a->count += n;
	s->to += bytes;
}

/* Only @bytes bytes of a run could be copied: count its complete records. */
static noinline void mq_sink_cut(struct mq_sink *s, u64 bytes)
{
	struct list_head *at;

	for (at = s->last->next; at != s->taken; at = at->next) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		u64 step = mq_msg_padded_size(mq_msg(e));

		if (step > bytes)
			break;
		bytes -= step;
		mq_sink_done(s, at, 1, step);
	}
}

/*
 * Return true if the message can be made a record in place. The record
 * overwrites the pointer to the mq_detail; mq_sink_restore() finds the detail
 * again only if it lies before its entry (own_detail).
 */
static bool mq_sink_takes(const struct mq_entry *e, const struct mq_msg *m)
{
	return likely(!m->detail) || (e->own_detail && !mq_has_extra(e));
}

/*
 * Restore the overwritten pointers to details, of the entries behind @s->last
 * up to @last.
 */
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

/*
 * Copy a run of @n records out, from @from to @end. @last is the link of its
 * last entry; @has_details: at least one of its entries has a detail.
 */
static int mq_sink_copy(struct mq_sink *s, const void *from, const void *end,
			struct list_head *last, u32 n, bool has_details)
{
	u32 left = _copy_to_user(s->to, from, end - from);

	if (unlikely(has_details))
		mq_sink_restore(s, last);
	if (likely(!left)) {
		mq_sink_done(s, last, n, end - from);
		return 0;
	}
	mq_sink_cut(s, end - from - left);
	return -EFAULT;
}

/*
 * Copy out the next message and those that lie directly behind it, as far as
 * each can be made a record in place. All are in one chunk, because no message
 * lies at the very beginning of a chunk; and all have one sender, because a
 * chunk has the sender's data between the messages of two senders.
 */
static int mq_sink_run(struct mq_sink *s)
{
	struct list_head *at = s->last->next, *last;
	struct mq_entry *e = list_entry(at, struct mq_entry, list);
	struct mq_msg *m = mq_msg(e);
	const void *from = m;
	bool has_details = false;
	u32 n = 0;

	if (mq_chunk_of(e) != s->chunk || e->sender != s->known.sender) {
		s->chunk = mq_chunk_of(e);
		mq_sender_view_set(&s->known, e);
	}
	do {
		has_details |= e->own_detail;
		m->no_ttl = 0;
		mq_msg_present(m, &s->known);
		m = (void *)m + mq_msg_padded_size(m);
		n++;
		last = at;
		at = at->next;
		e = list_entry(at, struct mq_entry, list);
	} while (at != s->taken && mq_msg(e) == m && mq_sink_takes(e, m));
	return mq_sink_copy(s, from, m, last, n, has_details);
}

/* Copy out one message that cannot be made a record in place. */
static noinline int mq_sink_long(struct mq_sink *s, struct mq_entry *e)
{
	u64 step = mq_record_stride(e);

	if (mq_record_put(s->to, e))
		return -EFAULT;
	mq_sink_done(s, &e->list, 1, step);
	return 0;
}

/* Copy out the spans, each of them at once. */
static int mq_sink_spans(struct mq_sink *sink, struct mq_hand *h)
{
	u32 i;

	for (i = 0; i < h->spans; i++) {
		const struct mq_span *s = &h->span[i];
		u64 size = s->end - s->from;
		u32 left = _copy_to_user(sink->to, s->from, size);

		if (unlikely(left)) {
			mq_sink_cut(sink, size - left);
			/* Only whole spans can be settled as spans. */
			h->spans = 0;
			return -EFAULT;
		}
		mq_sink_done(sink, s->last, s->n, size);
	}
	return 0;
}

/* Copy out the messages in hand, and move those that were copied to @batch. */
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

/*
 * Put messages back in their places, the newest first, as if they had not been
 * taken.
 */
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

/* Acknowledge or hold the messages, as the consumer's mode says. */
static void mq_batch_deliver(struct mq_file *f, struct mq_hand *h,
			     struct list_head *batch)
{
	struct mq_queue *q = f->q;
	/* A caller that is killed has not seen them: hold them. */
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
		spans = mq_span_ack_locked(f, h, batch);
		if (unlikely(!list_empty(batch)))
			rare = mq_delivery_ack_batch_locked(f, batch);
	}
	mq_unlock(q);
	if (likely(spans))
		mq_span_free(h);
	if (unlikely(!list_empty(batch)))
		mq_entries_free_plain(batch, rare);
}

/*
 * Give each message a lease, if the consumer has one. A message with a lease is
 * not plain, so no spans are left.
 */
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
	ret = mq_take_role(ioc->f, FMODE_READ);
	if (unlikely(ret))
		return ret;
	if (READ_ONCE(ioc->f->ack) == DEVMQ_ACK_MANUAL)
		mq_owner_note(ioc->f);
	ret = mq_batch_wait(ioc, &hand);
	if (ret <= 0)
		return ret;
	a->need = 0;
	mq_batch_lease(ioc->f, &hand);
	mq_batch_write(ioc, &hand, &batch);
	/*
	 * Write the results before the messages are settled: a caller that
	 * cannot be told what it received has received nothing.
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
