// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_PEEK and DEVMQ_IOC_PURGE: walking through a queue by id, past
 * other people's work, without holding its lock for long.
 */
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mq.h"

/* All that may be asked for. No message is ever delayed, deferred or dead. */
#define MQ_STATES	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD))

/**
 * struct mq_view - what PEEK saw of a message under the lock
 * @msg: its bytes, with a reference
 * @r: the record's header
 * @x: the extra block
 */
struct mq_view {
	struct mq_msg		*msg;
	struct devmq_record	r;
	struct devmq_extra	x;
};

/* The delivery with the smallest id above @after, whoever holds it. */
static struct mq_entry *mq_flying_next(struct mq_queue *q, u64 after,
				       struct mq_file **holder)
{
	struct mq_entry *best = NULL;
	struct mq_file *f;

	lockdep_assert_held(&q->lock);
	list_for_each_entry(f, &q->holders, holder) {
		struct mq_entry *e = mq_ids_after(&f->held, after);

		if (e && (!best || e->id < best->id)) {
			best = e;
			*holder = f;
		}
	}
	return best;
}

/* The message with the smallest id above @after; -EAGAIN: call again. */
static struct mq_entry *mq_any_next(struct mq_file *f, u32 states, u64 after,
				    struct mq_file **holder)
{
	struct mq_entry *ready = NULL, *flying = NULL;
	struct mq_queue *q = f->q;

	if (states & DEVMQ_STATE_MASK(DEVMQ_STATE_READY))
		ready = mq_ready_next(&q->ready, &f->cursor, after);
	if (IS_ERR(ready))
		return ready;
	if (states & DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT))
		flying = mq_flying_next(q, after, holder);
	if (flying && (!ready || flying->id < ready->id))
		return flying;
	*holder = NULL;
	return ready;
}

/* Look at the next message. 0, ENOENT at the end, ENODEV, or EAGAIN. */
static int mq_view_next(struct mq_file *f, u32 states, u64 after,
			struct mq_view *v)
{
	struct mq_queue *q = f->q;
	struct mq_file *holder;
	struct mq_entry *e;
	int err = 0;

	spin_lock(&q->lock);
	e = q->gone ? ERR_PTR(-ENODEV) : mq_any_next(f, states, after, &holder);
	if (IS_ERR_OR_NULL(e)) {
		err = e ? PTR_ERR(e) : -ENOENT;
	} else {
		mq_record_fill(&v->r, e);
		v->x.since_ns = e->since_ns;
		v->x.holder_pid = holder ? mq_record_pid(holder->pid) : 0;
		v->x.payload_size = e->msg->size;
		v->msg = e->msg;
		refcount_inc(&v->msg->refs);
	}
	spin_unlock(&q->lock);
	return err;
}

/* Show a message, its payload cut off at @max, if it fits. */
static int mq_view_put(struct mq_view *v, struct devmq_peek *a, u64 max)
{
	void __user *to = u64_to_user_ptr(a->buffer) + a->used;
	u32 size = min_t(u64, v->msg->size, max);
	u32 data = mq_msg_offset(v->msg) + size;
	u32 pad = ALIGN(data, 8) - data;
	u64 step = sizeof(v->r) + sizeof(v->x) + data + pad;

	if (step > a->buffer_size - a->used) {
		a->need = step;
		return -EMSGSIZE;
	}
	v->r.extra_size = sizeof(v->x);
	v->r.size = step - pad;
	if (copy_to_user(to, &v->r, sizeof(v->r)))
		return -EFAULT;
	to += sizeof(v->r);
	if (copy_to_user(to, &v->x, sizeof(v->x)))
		return -EFAULT;
	to += sizeof(v->x);
	if (copy_to_user(to, v->msg->data, data) || clear_user(to + data, pad))
		return -EFAULT;
	a->used += step;
	a->count++;
	return 0;
}

int mq_ioc_peek(struct mq_ioc *ioc)
{
	struct devmq_peek *a = &ioc->arg.peek;
	u32 states = a->states ?: MQ_STATES;
	u64 after = a->after_id;
	struct mq_view v;
	int err = 0;

	if (a->flags || a->reserved || states & ~MQ_STATES)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	while (!err && (!a->max_count || a->count < a->max_count)) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		err = mq_view_next(ioc->f, states, after, &v);
		if (err == -EAGAIN) {
			err = 0;
		} else if (!err) {
			err = mq_view_put(&v, a, a->payload_max);
			mq_msg_put(v.msg);
			after = v.r.id;
		}
	}
	if (err == -ENOENT || (a->count && err != -ENODEV)) {
		a->need = 0;
		err = 0;
	}
	return err;
}

/* Take out what @a names, a portion of it. 0 at the end, or -EAGAIN. */
static int mq_purge_some(struct mq_queue *q, const struct devmq_purge *a,
			 struct mq_cursor *c, u64 *after, u64 before_ns,
			 struct list_head *gone)
{
	unsigned int steps;

	lockdep_assert_held(&q->lock);
	for (steps = 0; steps < 256; steps++) {
		struct mq_entry *e = mq_ready_next(&q->ready, c, *after);

		if (IS_ERR(e))
			return PTR_ERR(e);
		if (!e || e->id > a->last_id)
			return 0;
		*after = e->id;
		if (e->msg->time_ns > before_ns)
			continue;
		mq_queue_purge_locked(q, e);
		list_add_tail(&e->list, gone);
	}
	return -EAGAIN;
}

/* The bounds of a purge, with what the caller left open filled in. */
static int mq_purge_bounds(struct mq_queue *q, struct devmq_purge *a,
			   u64 *before_ns)
{
	u64 now = ktime_get_real_ns();
	u32 states = a->states ?: MQ_STATES;
	int err = 0;

	if (a->flags || a->reserved || states & ~MQ_STATES ||
	    (a->last_id && a->last_id < a->first_id))
		return -EINVAL;
	*before_ns = U64_MAX;
	if (a->older_than_ns)
		*before_ns = now > a->older_than_ns ? now - a->older_than_ns : 0;
	spin_lock(&q->lock);
	if (q->gone)
		err = -ENODEV;
	/* What is sent from now on stays. */
	if (!a->last_id || a->last_id >= q->next_id)
		a->last_id = q->next_id - 1;
	/* What is in flight stays, so with no other state nothing goes. */
	if (!(states & DEVMQ_STATE_MASK(DEVMQ_STATE_READY)))
		a->last_id = 0;
	spin_unlock(&q->lock);
	return err;
}

int mq_ioc_purge(struct mq_ioc *ioc)
{
	struct devmq_purge a = ioc->arg.purge;
	struct mq_queue *q = ioc->f->q;
	u64 after = a.first_id ? a.first_id - 1 : 0;
	struct mq_cursor cursor;
	u64 before_ns, n = 0;
	LIST_HEAD(gone);
	int err;

	err = mq_purge_bounds(q, &a, &before_ns);
	if (err)
		return err;
	mq_cursor_init(&cursor);
	do {
		struct mq_entry *e;
		bool edge;

		spin_lock(&q->lock);
		edge = mq_queue_full(q);
		err = mq_purge_some(q, &a, &cursor, &after, before_ns, &gone);
		spin_unlock(&q->lock);
		list_for_each_entry(e, &gone, list)
			n++;
		if (!list_empty(&gone))
			mq_wake_writers(q, edge);
		mq_entries_free(&gone);
		cond_resched();
		if (err && signal_pending(current))
			err = -EINTR;
	} while (err == -EAGAIN);
	spin_lock(&q->lock);
	mq_cursor_unlink(&cursor);
	spin_unlock(&q->lock);
	ioc->arg.purge.purged = n;
	return err;
}
