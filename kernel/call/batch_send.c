// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND: many messages in one call. The user's buffer holds their records,
 * one behind the other.
 *
 * A message is stored in the form of its record. SEND copies simple records, which
 * have nothing but a payload, a priority, a key and headers, into the producer's
 * chunk, many at once, and checks them there: a run (mq_run_get). It reads all other
 * records one by one from a window, a buffer into which it copies the next MQ_WINDOW
 * bytes from user space.
 *
 * With DEVMQ_SEND_PAYLOAD there are no records, and the call is a write(2) that
 * gives the id of its message (mq_send_payload in send.c).
 *
 * Messages of a durable queue have a detail before their entry, and a struct
 * mq_durable. A run gets these together, too. Messages with a short delay also have
 * a detail, and runs of their own. In a queue with an order, each entry of a run is
 * the end of a struct mq_ordered.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "call/batch.h"
#include "call/batch_send.h"
#include "call/ioc.h"
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
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/options.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/span.h"

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
 * enum mq_run_kind - what the messages of a run have besides their entry
 * @MQ_RUN_PLAIN: nothing
 * @MQ_RUN_DURABLE: a detail, which mq_entries_add_durable() fills in
 * @MQ_RUN_DELAYED: a detail with a delay
 * @MQ_RUN_ORDERED: a struct mq_ordered
 */
enum mq_run_kind {
	MQ_RUN_PLAIN,
	MQ_RUN_DURABLE,
	MQ_RUN_DELAYED,
	MQ_RUN_ORDERED,
};

/**
 * struct mq_run - simple records in a chunk that are being made messages
 * @n: how many of them have an entry
 * @bytes: what these count towards max_bytes
 * @end: end of the last one
 * @top: where the last entry begins, with what lies before it
 * @last: list link of that entry
 */
struct mq_run {
	u32			n;
	u64			bytes;
	void			*end;
	void			*top;
	struct list_head	*last;
};

/*
 * The change of mq_place.word from one entry to the next, which lies @step bytes
 * below it, if both had the same message: the entry comes nearer to the message
 * and to the beginning of the chunk.
 *
 * The members of a word can be added to in one step as long as none of them
 * passes zero, which would carry into its neighbour. None does. The messages
 * lie below the entries, so the distance to the message is negative for all
 * entries; it gets to zero only behind the last message, and is not used there.
 * The distance to the beginning of the chunk stays above zero, as the header of
 * the chunk is there.
 */
#define MQ_PLACE_NEXT(step)	((step) / 8 *				\
				 (MQ_PLACE_UNIT(msg) - MQ_PLACE_UNIT(chunk)))

/* Return true if the message waits for a short delay. */
static bool mq_record_waits(const struct devmq_record *r)
{
	return r->delay_ns - 1 < MQ_LONG_DELAY;
}

/* Return the bytes before each entry of a run. */
static __always_inline u32 mq_run_front(enum mq_run_kind kind)
{
	if (kind == MQ_RUN_ORDERED)
		return offsetof(struct mq_ordered, e);
	return kind == MQ_RUN_PLAIN ? 0 : sizeof(struct mq_detail);
}

/*
 * Return true if the record at @r, of which @head is known to be the head and to fit
 * where it lies, is for a run of this kind. Then make what follows its key and headers
 * what it is in a message: @pad gets the bytes of that.
 */
static __always_inline bool mq_run_takes(struct mq_queue *q, struct devmq_record *r,
					 u64 head, u64 most,
					 enum mq_run_kind kind, u32 *pad)
{
	u32 level;

	if (!mq_record_is_simple(r, kind == MQ_RUN_DELAYED))
		return false;
	if (kind == MQ_RUN_DELAYED && !mq_record_waits(r))
		return false;
	if (unlikely(mq_record_sizes(r))) {
		if (!mq_record_settle_meta(q, r, pad))
			return false;
	} else if (head - sizeof(*r) > most) {
		return false;
	}
	level = mq_record_level(r);
	if (unlikely(level)) {
		if (level >= q->ready.levels)
			return false;
		mq_ready_prepare(&q->ready, level);
	}
	return true;
}

/* Give an entry what the messages of a run of this kind have besides, but a journal's. */
static __always_inline void mq_run_equip(struct mq_entry *e, enum mq_run_kind kind)
{
	if (kind == MQ_RUN_DELAYED)
		mq_entry_delay(e);
	if (kind == MQ_RUN_ORDERED)
		mq_entry_order(e);
}

/*
 * Make entries for the records in the @size bytes behind the used part of the
 * chunk, @max entries at most. Stop at the first record that is not for such a run.
 */
static __always_inline void mq_run_parse(struct mq_file *f, struct mq_chunk *c,
					 u64 size, u32 max,
					 enum mq_run_kind kind,
					 struct mq_run *run)
{
	u32 front = mq_run_front(kind);
	u64 most = READ_ONCE(f->q->run_size), bytes = 0;
	struct mq_entry *e = (void *)c + c->top + front;
	void *at = (void *)c + c->used;
	u32 n = 0;
	struct list_head *last = run->last;
	union mq_place place = {
		.msg = (at - (void *)e) / 8,
		.chunk = (c->top + front) / 8,
		.sender = c->sender,
	};

	while (n < max && size >= sizeof(u64)) {
		u64 head = mq_record_head(at), step = ALIGN(head, 8);
		u32 pad = 0;

		/* A flag makes this large, as does no payload (it wraps). */
		if (head - sizeof(struct mq_msg) - 1 >= MQ_CHUNK_MAX || step > size ||
		    !mq_run_takes(f->q, at, head, most, kind, &pad))
			break;
		e = (void *)e - (sizeof(*e) + front);
		place.word += MQ_PLACE_NEXT(sizeof(*e) + front);
		e->place = place;
		place.word += step / 8 * MQ_PLACE_UNIT(msg);
		if (unlikely(head & 7))
			mq_entry_pad(e);
		last->next = &e->list;
		e->list.prev = last;
		last = &e->list;
		mq_run_equip(e, kind);
		bytes += head - pad;
		size -= step;
		at += step;
		n++;
	}
	run->n = n;
	run->bytes = bytes - n * sizeof(struct mq_msg);
	run->end = at;
	run->top = (void *)e - front;
	run->last = last;
}

/*
 * Make room for the next record and its entry, in this chunk or in a new one.
 * Return the bytes that the record takes; or 0 if it cannot be read, is not for
 * a chunk of pages, or gets no memory.
 */
static __always_inline u32 mq_run_room(struct mq_file *f,
				       const struct mq_source *s, u32 front,
				       struct mq_chunk **c)
{
	const void __user *from = s->user + s->at;
	u32 size, step;

	if (s->space - s->at < sizeof(struct devmq_record) ||
	    get_user(size, (const u32 __user *)from) ||
	    size < sizeof(struct devmq_record) || size > SZ_4K)
		return 0;
	step = ALIGN(size, 8);
	if (!mq_chunk_has(*c, step + sizeof(struct mq_entry) + front))
		*c = mq_supply_next_chunk(&f->supply, *c,
					  step + sizeof(struct mq_entry) + front);
	return *c ? step : 0;
}

/* Return true if the next record seems to be for a run of messages with a delay. */
static bool mq_source_waits(const struct mq_source *s)
{
	const struct devmq_record __user *r = s->user + s->at;
	u64 delay;

	return s->space - s->at >= sizeof(*r) && !get_user(delay, &r->delay_ns) &&
	       delay - 1 < MQ_LONG_DELAY;
}

/* Take the run out of what is left of the chunk, and add it to the batch. */
static __always_inline u32 mq_run_take(struct mq_chunk *c,
				       const struct mq_run *run,
				       struct mq_batch *b)
{
	u32 step = run->end - (void *)c - c->used;

	c->used += step;
	c->top = run->top - (void *)c;
	c->given += run->n * MQ_CHUNK_ONE + step;
	run->last->next = &b->list;
	b->list.prev = run->last;
	b->count += run->n;
	b->bytes += run->bytes;
	return step;
}

/* mq_run_get(), for one kind of run. */
static __always_inline u32 mq_run_make(struct mq_file *f, struct mq_source *s,
				       struct mq_chunk **claimed,
				       enum mq_run_kind kind, struct mq_batch *b)
{
	u32 front = mq_run_front(kind);
	struct mq_run run = { .last = b->list.prev };
	u32 step, room, size, max = DEVMQ_BATCH_MAX - b->count;
	u32 each = sizeof(struct mq_entry) + front;
	struct mq_chunk *c;

	step = mq_run_room(f, s, front, claimed);
	if (!step)
		return 0;
	c = *claimed;
	room = c->top - c->used;
	size = min_t(u64, s->space - s->at, room / (step + each) * step);
	max = min_t(u32, max, (room - size) / each);
	size -= _copy_from_user((void *)c + c->used, s->user + s->at, size);
	mq_run_parse(f, c, size, max, kind, &run);
	/* If there is no memory, the record is read once more, and its error told. */
	if (kind == MQ_RUN_DURABLE && !mq_entries_add_durable(c, run.n)) {
		/* The run is linked to the last entry of the batch already. */
		b->list.prev->next = &b->list;
		return 0;
	}
	if (kind == MQ_RUN_DELAYED && run.n) {
		b->plain = false;
		b->delayed += run.n;
	}
	return mq_run_take(c, &run, b);
}

static noinline u32 mq_run_make_durable(struct mq_file *f, struct mq_source *s,
					struct mq_chunk **claimed,
					struct mq_batch *b)
{
	return mq_run_make(f, s, claimed, MQ_RUN_DURABLE, b);
}

static noinline u32 mq_run_make_ordered(struct mq_file *f, struct mq_source *s,
					struct mq_chunk **claimed,
					struct mq_batch *b)
{
	return mq_run_make(f, s, claimed, MQ_RUN_ORDERED, b);
}

static noinline u32 mq_run_make_delayed(struct mq_file *f, struct mq_source *s,
					struct mq_chunk **claimed,
					struct mq_batch *b)
{
	return mq_run_make(f, s, claimed, MQ_RUN_DELAYED, b);
}

/**
 * mq_run_get - read simple records and make entries for them
 * @f: the producer
 * @s: where the records come from
 * @claimed: the producer's chunk, claimed; changes if that is full
 * @b: the batch that gets the entries
 *
 * Copies as many records to the chunk as have room there, together with their
 * entries, if all of them are as large as the first one.
 *
 * Return: bytes of the records that have entries now; 0: the next record is not
 * simple, or does not fit.
 */
static u32 mq_run_get(struct mq_file *f, struct mq_source *s,
		      struct mq_chunk **claimed, struct mq_batch *b)
{
	struct mq_chunk *c = *claimed;
	u32 step;

	if (!READ_ONCE(f->q->run_size) || !c || c == MQ_CHUNK_CLAIMED ||
	    !mq_chunk_sender_is_current(c))
		return 0;
	if (unlikely(f->q->feed.journal))
		return mq_run_make_durable(f, s, claimed, b);
	if (unlikely(f->q->order))
		return mq_run_make_ordered(f, s, claimed, b);
	step = mq_run_make(f, s, claimed, MQ_RUN_PLAIN, b);
	if (likely(step) || !mq_source_waits(s))
		return step;
	return mq_run_make_delayed(f, s, claimed, b);
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
static int mq_batch_send(struct mq_ioc *ioc, struct mq_turn *turn,
			 struct mq_sent *sent, struct mq_need *need)
{
	struct mq_batch b;
	int ret;

	mq_batch_init(&b);
	ret = mq_batch_read(ioc, &b, need);
	if (unlikely(ret))
		return ret;
	ret = mq_send(ioc->f, &b, turn, sent);
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

/*
 * Make an entry of a record that is sent alone, as of one in a run. The record takes
 * @size bytes. Return NULL if there is no quick way.
 */
static __always_inline struct mq_entry *
mq_record_make(struct mq_file *f, const void __user *from, u32 size,
	       enum mq_run_kind kind)
{
	u32 step = ALIGN(size, 8), pad;
	struct devmq_record *r;
	struct mq_entry *e;
	u64 head;

	e = mq_chunk_take_quick(&f->supply, mq_run_front(kind), step);
	if (unlikely(!e))
		return NULL;
	r = (void *)mq_msg(e);
	if (unlikely(_copy_from_user(r, from, size)))
		goto out_put;
	head = mq_record_head(r);
	if (unlikely(head > size || ALIGN(head, 8) != step || head <= sizeof(*r) ||
		     !mq_run_takes(f->q, r, head, READ_ONCE(f->q->run_size), kind,
				   &pad)))
		goto out_put;
	if (unlikely(head & 7))
		mq_entry_pad(e);
	mq_run_equip(e, kind);
	return e;

out_put:
	/* Nothing of what the user wrote is believed. */
	mq_chunk_put(mq_chunk_of(e), MQ_CHUNK_ONE + step);
	return NULL;
}

/* mq_record_make(), for the kind of run that the record would be in. */
static struct mq_entry *mq_record_make_any(struct mq_file *f,
					   const struct devmq_record __user *from,
					   u32 size, bool *waits)
{
	u64 delay;

	*waits = false;
	if (f->q->order)
		return mq_record_make(f, from, size, MQ_RUN_ORDERED);
	if (get_user(delay, &from->delay_ns))
		return NULL;
	*waits = delay;
	if (!delay)
		return mq_record_make(f, from, size, MQ_RUN_PLAIN);
	return mq_record_make(f, from, size, MQ_RUN_DELAYED);
}

/**
 * mq_record_quick - SEND of one record, if there is a quick way
 * @ioc: the call, after mq_send_fetch()
 *
 * The record is one that could be in a run, and the queue has no journal.
 *
 * Return: as mq_send_quick()
 */
int mq_record_quick(struct mq_ioc *ioc)
{
	const struct devmq_send *a = &ioc->arg.send;
	struct mq_file *f = ioc->f;
	struct mq_sent sent;
	struct mq_batch b;
	struct mq_entry *e;
	bool waits;

	if (a->flags || a->result || f->q->feed.journal ||
	    a->records_size < sizeof(struct devmq_record) || a->records_size > SZ_4K)
		return 0;
	e = mq_record_make_any(f, u64_to_user_ptr(a->records), a->records_size,
			       &waits);
	if (unlikely(!e))
		return 0;
	mq_batch_init(&b);
	mq_batch_add(&b, e);
	b.delayed = waits;
	/* A turn is only for topics. */
	if (likely(mq_send(f, &b, NULL, &sent) > 0))
		return mq_send_tell(ioc->uarg, sent.last_id);
	mq_entry_free(e);
	return 0;
}

/* Send a bare payload as one message. Return 1, or an error. */
static int mq_send_bare(struct mq_ioc *ioc, struct mq_sent *sent)
{
	const struct devmq_send *a = &ioc->arg.send;
	s64 id;

	if (unlikely(!a->records_size && !READ_ONCE(ioc->f->q->opt.allow_empty)))
		return -EINVAL;
	id = mq_send_payload(ioc->f, u64_to_user_ptr(a->records),
			     a->records_size, ioc->inlined ? MQ_HURRIES :
			     ioc->nowait ? MQ_NOWAIT : MQ_WAITS);
	if (unlikely(id < 0))
		return id;
	sent->last_id = id;
	sent->dup = false;
	return 1;
}

/* Send records, as many as there is room for. Return how many, or an error. */
static int mq_send_records(struct mq_ioc *ioc, struct mq_sent *sent)
{
	struct mq_turn turn = { .hurries = ioc->inlined };
	struct mq_need need = {};
	int ret, err;

	err = mq_take_role(ioc->f, FMODE_WRITE);
	if (unlikely(err))
		return err;
	do {
		ret = mq_batch_send(ioc, &turn, sent, &need);
		if (likely(ret > 0))
			break;
		err = mq_send_wait(ioc->f, need.payload, need.meta,
				   ioc->nowait, ret, &turn);
		if (err)
			ret = err;
	} while (!err);
	mq_turn_end(ioc->f->q, &turn);
	return ret;
}

int mq_ioc_send(struct mq_ioc *ioc)
{
	struct devmq_send *a = &ioc->arg.send;
	struct mq_sent sent;
	int ret;

	if (a->flags & ~(DEVMQ_SEND_SYNC | DEVMQ_SEND_PAYLOAD) || a->result)
		return -EINVAL;
	ret = a->flags & DEVMQ_SEND_PAYLOAD ? mq_send_bare(ioc, &sent) :
					      mq_send_records(ioc, &sent);
	if (ret < 0)
		return ret;
	a->result = sent.dup ? DEVMQ_SENT_DUP : 0;
	a->count = ret;
	a->last_id = sent.last_id;
	a->first_id = sent.last_id - ret + 1;
	return mq_send_confirm(ioc, a->flags & DEVMQ_SEND_SYNC);
}
