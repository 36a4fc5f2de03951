// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_PEEK and DEVMQ_IOC_PURGE: walking through a queue by id, past
 * other people's work, without holding its lock for long.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "record.h"

/* All that may be asked for. */
#define MQ_STATES	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD))

/* What there is to show, with references to all that is not copied. */
static void mq_view_fill(struct mq_show *v, const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);
	const struct mq_file *holder;

	mq_show_fill(v, e);
	mq_chunk_get(mq_chunk_of(e));
	mq_text_get(v->origin);
	mq_text_get(v->note);
	if (m->state != DEVMQ_STATE_IN_FLIGHT)
		return;
	/* One that is being handed over at this moment has no time yet. */
	holder = READ_ONCE(m->holder);
	v->x.since_ns = (holder ? m->since_ns : 0) ?: ktime_get_real_ns();
	v->x.holder_pid = holder ? mq_record_pid(holder->pid) : 0;
}

static void mq_view_put(struct mq_show *v)
{
	mq_text_put(v->origin);
	mq_text_put(v->note);
	mq_chunk_put(mq_chunk_of(v->e), MQ_CHUNK_ONE);
}

/* Look at the next message. 0, ENOENT at the end, ENODEV, or EAGAIN. */
static int mq_view_next(struct mq_queue *q, struct mq_cursor *c, u32 states,
			u64 *after, struct mq_show *v)
{
	struct mq_entry *e;
	int err = -ENOENT;

	mq_lock(q);
	e = q->gone ? ERR_PTR(-ENODEV) :
		      mq_walk_locked(q, c, states, after);
	if (IS_ERR(e)) {
		err = PTR_ERR(e);
	} else if (e) {
		mq_view_fill(v, e);
		*after = mq_msg(e)->id;
		err = 0;
	}
	mq_unlock(q);
	return err;
}

/* Show a message, its payload cut off at @max, if it fits. */
static int mq_view_show(struct mq_show *v, struct devmq_peek *a, u64 max)
{
	u32 size = min_t(u64, mq_size(v->e), max);
	u64 step = mq_show_step(v, size);
	int err;

	if (step > a->buffer_size - a->used) {
		a->need = step;
		return -EMSGSIZE;
	}
	err = mq_show_put(u64_to_user_ptr(a->buffer) + a->used, v, size);
	if (err)
		return err;
	a->used += step;
	a->count++;
	return 0;
}

/*
 * Begin to look: where the file's last look stopped, unless another thread does
 * so now. Two with one place would send each other back for ever.
 */
static struct mq_cursor *mq_look_begin(struct mq_file *f, struct mq_cursor *own)
{
	if (!test_and_set_bit_lock(0, &f->looking))
		return &f->cursor;
	mq_cursor_init(own);
	return own;
}

static void mq_look_end(struct mq_file *f, struct mq_cursor *c)
{
	if (c == &f->cursor) {
		clear_bit_unlock(0, &f->looking);
		return;
	}
	spin_lock(&f->q->lock);
	mq_cursor_unlink_locked(f->q, c);
	mq_unlock(f->q);
}

/* Show what there is, as long as it fits. */
static int mq_look(struct mq_file *f, struct mq_cursor *c, struct devmq_peek *a)
{
	u32 states = a->states ?: MQ_STATES;
	u64 after = a->after_id;
	struct mq_show v;
	int err = 0;

	while (!err && (!a->max_count || a->count < a->max_count)) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		err = mq_view_next(f->q, c, states, &after, &v);
		if (err == -EAGAIN) {
			err = 0;
		} else if (!err) {
			err = mq_view_show(&v, a, a->payload_max);
			mq_view_put(&v);
		}
	}
	return err;
}

int mq_ioc_peek(struct mq_ioc *ioc)
{
	struct devmq_peek *a = &ioc->arg.peek;
	struct mq_cursor own, *c;
	int err;

	if (a->flags || a->reserved || a->states & ~MQ_STATES)
		return -EINVAL;
	a->count = 0;
	a->used = 0;
	a->need = 0;
	c = mq_look_begin(ioc->f, &own);
	err = mq_look(ioc->f, c, a);
	mq_look_end(ioc->f, c);
	if (err == -ENOENT || (a->count && err != -ENODEV && err != -EINTR)) {
		a->need = 0;
		err = 0;
	}
	return err;
}

/* Take out what @a names, a portion of it. 0 at the end, or -EAGAIN. */
static int mq_purge_some(struct mq_queue *q, const struct devmq_purge *a,
			 struct mq_cursor *c, u64 *after, u64 before_ns,
			 u64 *n)
{
	u32 states = a->states & ~DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	unsigned int steps;

	lockdep_assert_held(&q->lock);
	for (steps = 0; steps < 256; steps++) {
		struct mq_entry *e = mq_walk_locked(q, c, states, after);

		if (IS_ERR(e))
			return PTR_ERR(e);
		if (!e || mq_msg(e)->id > a->last_id)
			return 0;
		*after = mq_msg(e)->id;
		if (mq_msg(e)->time_ns > before_ns)
			continue;
		mq_queue_purge_locked(q, e);
		++*n;
	}
	return -EAGAIN;
}

/* What is sent from now on stays. Return: 0 or ENODEV. */
int mq_last_now(struct mq_queue *q, u64 *last_id)
{
	int err = 0;

	mq_lock(q);
	if (q->gone)
		err = -ENODEV;
	if (!*last_id || *last_id >= q->next_id)
		*last_id = q->next_id - 1;
	mq_unlock(q);
	return err;
}

/* The bounds of a purge, with what the caller left open filled in. */
static int mq_purge_bounds(struct mq_queue *q, struct devmq_purge *a,
			   u64 *before_ns)
{
	u64 now = ktime_get_real_ns();

	a->states = a->states ?: MQ_STATES;
	if (a->flags || a->reserved || a->states & ~MQ_STATES ||
	    (a->last_id && a->last_id < a->first_id))
		return -EINVAL;
	*before_ns = U64_MAX;
	if (a->older_than_ns)
		*before_ns = now > a->older_than_ns ? now - a->older_than_ns : 0;
	return mq_last_now(q, &a->last_id);
}

int mq_ioc_purge(struct mq_ioc *ioc)
{
	struct devmq_purge a = ioc->arg.purge;
	struct mq_queue *q = ioc->f->q;
	u64 after = a.first_id ? a.first_id - 1 : 0;
	struct mq_cursor cursor;
	u64 before_ns, n = 0;
	int err;

	err = mq_purge_bounds(q, &a, &before_ns);
	if (err)
		return err;
	mq_cursor_init(&cursor);
	do {
		mq_lock(q);
		err = mq_purge_some(q, &a, &cursor, &after, before_ns, &n);
		mq_unlock(q);
		cond_resched();
		if (err && signal_pending(current))
			err = -EINTR;
	} while (err == -EAGAIN);
	spin_lock(&q->lock);
	mq_cursor_unlink_locked(q, &cursor);
	mq_unlock(q);
	ioc->arg.purge.purged = n;
	return err;
}
