// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND and DEVMQ_IOC_RECV: records laid end to end.
 *
 * What is small goes through a window, a piece of memory that is copied from or
 * to user space as a whole, so that a record costs no copy of its own.
 */
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "record.h"

/* Bytes of a window. */
#define MQ_WINDOW	SZ_8K

/* One window for each processor waits for the next who needs one. */
static DEFINE_PER_CPU(void *, mq_windows);

static void *mq_window_get(void)
{
	return this_cpu_xchg(mq_windows, NULL) ?:
	       kmalloc(MQ_WINDOW, GFP_KERNEL);
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

/* Have the beginning of the next record in the window. 0, EINVAL or EFAULT. */
static int mq_source_fill(struct mq_source *s)
{
	u32 size;

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

/*
 * The budget has not so much left: the records go the long way as well. What
 * was linked stands behind the end that the list's head knows.
 */
static void mq_run_undo(struct mq_batch *b)
{
	struct list_head *at = b->list.prev->next, *next;

	b->list.prev->next = &b->list;
	for (; at != &b->list; at = next) {
		next = at->next;
		mq_chunk_put(mq_chunk_of(list_entry(at, struct mq_entry, list)));
	}
}

/**
 * mq_run_get - make entries of plain records
 * @f: the producer
 * @s: where they come from; what is in its window
 * @c: its chunk, claimed
 * @b: gets them
 *
 * Ends where there is anything to think about. The budget is charged for all
 * of them at once.
 *
 * Return: how many.
 */
static u32 mq_run_get(struct mq_file *f, struct mq_source *s,
		      struct mq_chunk *c, struct mq_batch *b)
{
	u32 max = min_t(u64, READ_ONCE(f->q->plain_size), MQ_WINDOW);
	u32 at = s->at, end = s->end, levels = f->q->ready.levels;
	u32 count = DEVMQ_BATCH_MAX - b->count;
	struct list_head *last = b->list.prev;
	u64 bytes = 0;
	u32 n;

	if (!max || !c || c == MQ_CHUNK_CLAIMED || !mq_chunk_is_ours(c))
		return 0;
	for (n = 0; n < count; n++) {
		const struct devmq_record *r = s->window + at;
		struct mq_msg msg = {};
		struct mq_entry *e;
		u32 size, room;

		if (at + sizeof(*r) > end)
			break;
		size = r->size - sizeof(*r);
		room = ALIGN(size, 8);
		if (size > max || at + sizeof(*r) + room > end ||
		    !mq_record_is_plain(r) ||
		    r->priority >= levels ||
		    sizeof(*e) + room > c->size - c->used)
			break;
		msg.size = size;
		e = mq_chunk_take(c, 0, sizeof(*e) + room);
		mq_entry_init(e, &msg);
		e->priority = r->priority;
		mq_ready_prepare(&f->q->ready, r->priority);
		memcpy(mq_data(e), r + 1, room);
		if (unlikely(size & 7))
			mq_entry_pad(e);
		last->next = &e->list;
		e->list.prev = last;
		last = &e->list;
		bytes += size;
		at += sizeof(*r) + room;
	}
	last->next = &b->list;
	if (unlikely(!mq_budget_try(n * mq_cost(0) + bytes))) {
		mq_run_undo(b);
		return 0;
	}
	b->list.prev = last;
	b->count += n;
	b->bytes += bytes;
	s->at = at;
	return n;
}

/*
 * Make entries of the records. The first may wait for memory; the others must
 * not, as what they wait for could be what the batch has taken already.
 */
static int mq_batch_get(struct mq_ioc *ioc, struct mq_source *s,
			struct mq_chunk **c, struct mq_batch *b)
{
	u64 bytes = 0, step;
	int err;

	while (b->count < DEVMQ_BATCH_MAX && bytes < MQ_BATCH_BYTES &&
	       (!b->count || mq_source_more(s))) {
		struct mq_entry *e;

		if (unlikely(!mq_source_has(s))) {
			err = mq_source_fill(s);
			if (err)
				return b->count ? 0 : err;
			cond_resched();
		}
		if (likely(mq_run_get(ioc->f, s, *c, b)))
			continue;
		e = mq_record_get(ioc->f, c, s, ioc->nowait || b->count, &step);
		if (IS_ERR(e))
			return b->count ? 0 : PTR_ERR(e);
		mq_batch_add(b, e);
		bytes += step;
		mq_source_skip(s, step);
	}
	return 0;
}

static int mq_batch_read(struct mq_ioc *ioc, struct mq_batch *b)
{
	struct mq_source s = {
		.window = mq_window_get(),
		.user = u64_to_user_ptr(ioc->arg.send.records),
		.space = ioc->arg.send.records_size,
	};
	struct mq_chunk *c;
	int err;

	if (!s.window)
		return -ENOMEM;
	c = mq_chunk_claim(ioc->f);
	err = mq_batch_get(ioc, &s, &c, b);
	mq_chunk_unclaim(ioc->f, c);
	mq_window_put(s.window);
	return err;
}

int mq_ioc_send(struct mq_ioc *ioc)
{
	struct devmq_send *a = &ioc->arg.send;
	struct mq_sent sent;
	struct mq_batch b;
	int ret;

	if (a->flags || a->result)
		return -EINVAL;
	mq_batch_init(&b);
	ret = mq_batch_read(ioc, &b);
	if (ret)
		return ret;
	ret = mq_send(ioc->f, &b, ioc->nowait, &sent);
	mq_entries_free(&b.list);
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

	return likely(!id) ? mq_flight_next_locked(q, ioc->f) :
			     mq_flight_deferred_locked(q, ioc->f, id);
}

/*
 * Take what is ready and fits. Return: how many; 0 at end of file; or an
 * error, EMSGSIZE with what the first would need.
 */
static int mq_batch_take(struct mq_ioc *ioc, struct list_head *batch)
{
	struct devmq_recv *a = &ioc->arg.recv;
	u32 max = a->id ? 1 : min_t(u32, a->max_count ?: DEVMQ_BATCH_MAX,
				    DEVMQ_BATCH_MAX);
	struct mq_queue *q = ioc->f->q;
	u64 space = a->buffer_size;
	int n = 0, err = 0;

	mq_lock(q);
	if (likely(!a->id))
		n = mq_flight_take_run_locked(ioc->f, batch, max, &space);
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
		mq_flight_take_locked(ioc->f, e);
		list_add_tail(&e->list, batch);
		space -= step;
	}
	mq_unlock(q);
	return n ?: err;
}

static int mq_batch_wait(struct mq_ioc *ioc, struct list_head *batch)
{
	u64 deadline_ns = ioc->arg.recv.deadline_ns;
	bool called = false;
	int ret;

	for (;;) {
		ret = mq_batch_take(ioc, batch);
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		if (ioc->nowait || !deadline_ns || ioc->arg.recv.id) {
			ret = -EAGAIN;
			break;
		}
		ret = mq_wait_message(ioc->f, false, deadline_ns, &called);
		if (ret)
			break;
	}
	mq_answer_message(ioc->f->q, &called);
	return ret;
}

/**
 * struct mq_sink - where the records of a RECV go
 * @window: a piece of them
 * @used: how much there is in it
 * @count: records that make that
 * @last: the last one's entry
 * @to: where that goes
 * @taken: entries that were taken; the first ones are in the window
 * @batch: gets those that were copied out
 * @known: who sent the last one
 */
struct mq_sink {
	void			*window;
	u32			used;
	u32			count;
	struct list_head	*last;
	void __user		*to;
	struct list_head	*taken;
	struct list_head	*batch;
	struct mq_known		known;
};

/* No more than so many bytes could be copied: what does the window come to? */
static noinline void mq_sink_cut(struct mq_sink *s, u64 bytes)
{
	struct mq_entry *e;

	s->last = s->taken;
	s->count = 0;
	s->used = 0;
	list_for_each_entry(e, s->taken, list) {
		u64 step = mq_record_step(e);

		if (step > bytes - s->used)
			break;
		s->used += step;
		s->count++;
		s->last = &e->list;
	}
}

/* Copy the window out. 0 or EFAULT. */
static int mq_sink_flush(struct mq_sink *s, struct devmq_recv *a)
{
	u32 left;
	LIST_HEAD(done);

	left = copy_to_user(s->to, s->window, s->used);
	if (unlikely(left))
		mq_sink_cut(s, s->used - left);
	list_cut_position(&done, s->taken, s->last);
	list_splice_tail(&done, s->batch);
	a->used += s->used;
	a->count += s->count;
	s->to += s->used;
	return left ? -EFAULT : 0;
}

/*
 * Lay the first records out in the window, as long as there is room for them.
 * Return: how many.
 */
static u32 mq_sink_fill(struct mq_sink *s)
{
	struct list_head *at;
	u32 used = 0, count = 0;

	list_for_each(at, s->taken) {
		struct mq_entry *e = list_entry(at, struct mq_entry, list);
		struct devmq_record *r = s->window + used;
		u32 offset = mq_msg_offset(&e->msg);
		u64 bytes = offset + ALIGN((u64)e->msg.size, 8);

		if (unlikely(mq_has_extra(e)) ||
		    bytes + sizeof(*r) > MQ_WINDOW - used)
			break;
		mq_record_fill(r, e, offset, &s->known);
		memcpy(r + 1, mq_data(e), bytes);
		used += sizeof(*r) + bytes;
		count++;
	}
	s->used = used;
	s->count = count;
	s->last = at->prev;
	return count;
}

/* Copy a record out that is not for the window. 0 or EFAULT. */
static noinline int mq_sink_long(struct mq_sink *s, struct devmq_recv *a,
				 struct mq_entry *e)
{
	u64 step = mq_record_step(e);

	if (mq_record_put(s->to, e))
		return -EFAULT;
	list_move_tail(&e->list, s->batch);
	a->used += step;
	a->count++;
	s->to += step;
	return 0;
}

/* Copy out what was taken, and move what could be to the batch. */
static void mq_batch_put(struct mq_sink *s, struct devmq_recv *a)
{
	struct mq_entry *e;

	while (!list_empty(s->taken)) {
		e = list_first_entry(s->taken, struct mq_entry, list);
		if (mq_sink_fill(s) ? mq_sink_flush(s, a) :
				      mq_sink_long(s, a, e))
			return;
	}
}

static int mq_batch_write(struct mq_ioc *ioc, struct list_head *taken,
			  struct list_head *batch)
{
	struct mq_sink s = {
		.window = mq_window_get(),
		.to = u64_to_user_ptr(ioc->arg.recv.buffer),
		.taken = taken,
		.batch = batch,
	};

	if (!s.window)
		return -ENOMEM;
	mq_batch_put(&s, &ioc->arg.recv);
	mq_window_put(s.window);
	return 0;
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
		mq_flight_undeliver_locked(f, e);
	mq_unlock(q);
	mq_wake_file(f);
}

/* Settle them or hold them, as the consumer's mode says. */
static void mq_batch_deliver(struct mq_file *f, struct list_head *batch)
{
	struct mq_queue *q = f->q;
	/* Who was killed meanwhile has not seen them: they come back. */
	bool keep = fatal_signal_pending(current);
	u64 cost = 0;

	if (list_empty(batch))
		return;
	mq_lock(q);
	f->last_id = list_last_entry(batch, struct mq_entry, list)->id;
	keep = keep || f->ack != DEVMQ_ACK_AUTO;
	if (keep)
		mq_flight_hold_run_locked(f, batch);
	else
		cost = mq_flight_finish_run_locked(f, batch);
	mq_unlock(q);
	if (!keep)
		mq_run_free(batch, cost);
}

/* Leases have to be able to end. */
static void mq_batch_lease(struct mq_file *f, struct list_head *taken)
{
	struct mq_entry *e;

	if (likely(!READ_ONCE(f->lease_ns)))
		return;
	list_for_each_entry(e, taken, list)
		mq_flight_lease(f, e);
}

int mq_ioc_recv(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	LIST_HEAD(taken);
	LIST_HEAD(batch);
	int ret, err;

	if (a->flags)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	if (READ_ONCE(ioc->f->ack) == DEVMQ_ACK_MANUAL)
		mq_own(ioc->f);
	ret = mq_batch_wait(ioc, &taken);
	if (ret < 0)
		return ret;
	a->need = 0;
	mq_batch_lease(ioc->f, &taken);
	err = mq_batch_write(ioc, &taken, &batch);
	/*
	 * The caller must know what it got before that is settled: if it
	 * cannot be told, it has got nothing.
	 */
	ret = err ?: ret && !a->count ? -EFAULT : mq_ioc_publish(ioc);
	if (ret)
		list_splice_init(&batch, &taken);
	else
		mq_batch_deliver(ioc->f, &batch);
	mq_batch_undeliver(ioc->f, &taken);
	return ret;
}
