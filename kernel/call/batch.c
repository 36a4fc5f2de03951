// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_RECV: many messages in one call, and what it shares with SEND
 * (batch_send.c). The user's buffer gets their records, one behind the other.
 *
 * One plain message goes the quick way, by mq_recv_plain() in receive.c.
 *
 * RECV copies messages that lie one behind the other in a chunk to user space
 * at once. It keeps its list of spans (span.c) in a window.
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
#include "call/receive.h"
#include "call/record.h"
#include "call/send.h"
#include "call/settle.h"
#include "memory/alloc.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/keep.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/supply.h"
#include "queue/admit.h"
#include "queue/ceiling.h"
#include "queue/clock.h"
#include "queue/delivery.h"
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

void *mq_window_get(gfp_t gfp)
{
	return this_cpu_xchg(mq_windows, NULL) ?: kmalloc(MQ_WINDOW, gfp);
}

void mq_window_put(void *window)
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
		if (ret == -EINPROGRESS) {
			ret = ioc->inlined ? -EAGAIN :
					     mq_persist_unbar(ioc->f->q, ioc->nowait);
			if (!ret)
				continue;
		}
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
	return likely(!m->detail) ||
	       (e->own_detail && !mq_has_extra(e) && !mq_msg_borrows(m));
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

/* Receive in the general case. Return 0, an error, or as mq_batch_wait(). */
static noinline int mq_recv_slow(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	struct mq_hand hand;
	LIST_HEAD(batch);
	int ret;

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

/*
 * Receive by the quick way: one plain message. Before that, in the same hold of the
 * lock, acknowledge what the call names. Return 1, and the results are written;
 * EFAULT; or 0 if there is no message, or it is not so simple.
 */
static int mq_recv_quick(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	struct mq_file *f = ioc->f;
	struct mq_queue *q = f->q;
	struct mq_entry *large = NULL;
	LIST_HEAD(acked);
	bool rare = false;
	int ret;

	mq_lock(q);
	if (a->ack_last_id && !ioc->acked && !q->gone) {
		a->acked = mq_delivery_ack_held_locked(f, a->ack_first_id,
						       a->ack_last_id,
						       MQ_SETTLE_PORTION,
						       &acked, &rare);
		/* If it is not clear that these are all, look for more. */
		ioc->acked = a->acked && a->acked < MQ_SETTLE_PORTION;
	}
	if (unlikely(a->id || (a->ack_last_id && !ioc->acked) ||
		     (a->max_count != 1 && q->stat.ready != 1))) {
		mq_unlock(q);
		ret = 0;
	} else {
		ret = mq_recv_plain(ioc, &large);
	}
	if (!list_empty(&acked))
		mq_entries_free_plain(&acked, rare);
	/* This comes last: it may wait for a page of the user for as long as he likes. */
	return unlikely(large) ? mq_recv_large(ioc, large) : ret;
}

/* Acknowledge what mq_recv_quick() has not acknowledged. */
static noinline void mq_recv_ack(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	struct devmq_settlement s = {
		.first_id = a->ack_first_id,
		.last_id = a->ack_last_id,
		.action = DEVMQ_ACTION_ACK,
	};

	mq_settle_range(ioc->f, &s, NULL);
	a->acked += s.settled;
	ioc->acked = true;
}

/*
 * A RECV that has acknowledged something fails: tell the user that it has, and that
 * nothing was received, and do not let a signal restart it.
 */
static noinline int mq_recv_failed(struct mq_ioc *ioc, int err)
{
	/* Records that were copied out in part may have been counted. */
	ioc->arg.recv.count = 0;
	ioc->arg.recv.used = 0;
	if (mq_ioc_publish(ioc))
		return -EFAULT;
	return err == -ERESTARTSYS ? -EINTR : err;
}

/* Check the flags and the ids of a RECV, and clear its results. */
static int mq_recv_begin(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;

	if (a->flags || a->ack_last_id < a->ack_first_id ||
	    !a->ack_first_id != !a->ack_last_id)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	/* A command of io_uring that has waited has acknowledged already. */
	if (likely(!ioc->acked))
		a->acked = 0;
	return 0;
}

/**
 * mq_recv_fetch - read the argument of a RECV, if there may be a quick way
 * @ioc: the call, as mq_ioc_init() has prepared it
 *
 * Return: true if this did all that mq_ioc_begin() does, and the results can be
 * written; false: nothing was done.
 */
bool mq_recv_fetch(struct mq_ioc *ioc)
{
	const struct devmq_recv __user *from = ioc->uarg;
	struct devmq_recv *a = &ioc->arg.recv;

	/* So it is open for reading, and the queue is neither a topic nor gone. */
	if (!(READ_ONCE(ioc->f->roles) & FMODE_READ) ||
	    !READ_ONCE(ioc->f->q->run_size) ||
	    !user_access_begin(from, sizeof(*from)))
		return false;
	unsafe_get_user(a->size, &from->size, fault);
	unsafe_get_user(a->flags, &from->flags, fault);
	unsafe_get_user(a->buffer, &from->buffer, fault);
	unsafe_get_user(a->buffer_size, &from->buffer_size, fault);
	unsafe_get_user(a->deadline_ns, &from->deadline_ns, fault);
	unsafe_get_user(a->id, &from->id, fault);
	unsafe_get_user(a->max_count, &from->max_count, fault);
	unsafe_get_user(a->ack_first_id, &from->ack_first_id, fault);
	unsafe_get_user(a->ack_last_id, &from->ack_last_id, fault);
	/* Whoever sees whether the results can be written writes this back. */
	unsafe_get_user(a->acked, &from->acked, fault);
	user_access_end();
	ioc->usize = sizeof(*a);
	return a->size == sizeof(*a);
fault:
	user_access_end();
	return false;
}

int mq_ioc_recv(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	int ret;

	ret = mq_recv_begin(ioc) ?: mq_take_role(ioc->f, FMODE_READ);
	if (unlikely(ret))
		return ret;
	if (READ_ONCE(ioc->f->ack) == DEVMQ_ACK_MANUAL)
		mq_owner_note(ioc->f);
	ret = mq_recv_quick(ioc);
	if (!ret) {
		if (unlikely(a->ack_last_id && !ioc->acked))
			mq_recv_ack(ioc);
		ret = mq_recv_slow(ioc);
	}
	if (unlikely(a->acked)) {
		mq_wake_stand(&ioc->f->stand);
		if (ret < 0)
			ret = mq_recv_failed(ioc, ret);
	}
	return min(ret, 0);
}
