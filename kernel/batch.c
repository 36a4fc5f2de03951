// SPDX-License-Identifier: GPL-2.0
/* DEVMQ_IOC_SEND and DEVMQ_IOC_RECV: records laid end to end. */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mq.h"

/*
 * How many bytes one SEND brings in at most, as they are in no queue's bound
 * yet. A single larger message is still taken.
 */
#define MQ_BATCH_BYTES	(16 << 20)

/*
 * Make entries of the records. The first may wait for memory; the others must
 * not, as what they wait for could be what the batch has taken already.
 */
static int mq_batch_get(struct mq_ioc *ioc, struct list_head *batch)
{
	const void __user *from = u64_to_user_ptr(ioc->arg.send.records);
	u64 space = ioc->arg.send.records_size;
	u64 bytes = 0, step;
	int n = 0;

	while (n < DEVMQ_BATCH_MAX && bytes < MQ_BATCH_BYTES &&
	       (!n || space >= sizeof(u64))) {
		struct mq_entry *e;

		e = mq_record_get(ioc->f, from, space, ioc->nowait || n,
				  &step);
		if (IS_ERR(e))
			return n ?: PTR_ERR(e);
		list_add_tail(&e->list, batch);
		n++;
		bytes += step;
		from += step;
		space -= step;
		cond_resched();
	}
	return n;
}

int mq_ioc_send(struct mq_ioc *ioc)
{
	struct devmq_send *a = &ioc->arg.send;
	LIST_HEAD(batch);
	u64 last_id;
	bool dup;
	int ret;

	if (a->flags || a->result)
		return -EINVAL;
	ret = mq_batch_get(ioc, &batch);
	if (ret < 0)
		return ret;
	ret = mq_send(ioc->f, &batch, ioc->nowait, &last_id, &dup);
	mq_entries_free(&batch);
	if (ret < 0)
		return ret;
	a->result = dup ? DEVMQ_SENT_DUP : 0;
	a->count = ret;
	a->last_id = last_id;
	a->first_id = last_id - ret + 1;
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
	int n, err = 0;

	mq_lock(q);
	for (n = 0; n < max; n++) {
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
	bool slept = false;
	int ret;

	for (;;) {
		ret = mq_batch_take(ioc, batch);
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		if (ioc->nowait || !deadline_ns || ioc->arg.recv.id) {
			ret = -EAGAIN;
			break;
		}
		slept = true;
		ret = mq_wait_message(ioc->f, false, deadline_ns);
		if (ret)
			break;
	}
	if (slept && ret <= 0)
		mq_pass_on(ioc->f->q);
	return ret;
}

/* Copy out what was taken, and move what could be from @taken to @batch. */
static void mq_batch_put(struct mq_ioc *ioc, struct list_head *taken,
			 struct list_head *batch)
{
	struct devmq_recv *a = &ioc->arg.recv;
	void __user *to = u64_to_user_ptr(a->buffer);
	struct mq_entry *e, *next;

	list_for_each_entry_safe(e, next, taken, list) {
		if (mq_record_put(to + a->used, e))
			return;
		list_move_tail(&e->list, batch);
		a->used += mq_record_step(e);
		a->count++;
	}
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
	struct mq_entry *e, *next;
	bool keep;

	mq_lock(q);
	/* Who was killed meanwhile has not seen them: they come back. */
	keep = f->ack != DEVMQ_ACK_AUTO || fatal_signal_pending(current);
	list_for_each_entry_safe(e, next, batch, list) {
		f->last_id = e->id;
		list_del(&e->list);
		if (!keep)
			mq_flight_ack_locked(f, e);
		else
			mq_flight_hold_locked(f, e);
	}
	mq_unlock(q);
}

int mq_ioc_recv(struct mq_ioc *ioc)
{
	struct devmq_recv *a = &ioc->arg.recv;
	LIST_HEAD(taken);
	LIST_HEAD(batch);
	int ret;

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
	mq_batch_put(ioc, &taken, &batch);
	/*
	 * The caller must know what it got before that is settled: if it
	 * cannot be told, it has got nothing.
	 */
	ret = ret && !a->count ? -EFAULT : mq_ioc_publish(ioc);
	if (ret)
		list_splice_init(&batch, &taken);
	else
		mq_batch_deliver(ioc->f, &batch);
	mq_batch_undeliver(ioc->f, &taken);
	return ret;
}
