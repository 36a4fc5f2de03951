// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_PEEK and DEVMQ_IOC_PURGE: walking through a queue by id, past
 * other people's work, without holding its lock for long. Neither sleeps for
 * anything, so no signal ends them but one that kills.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/clock.h"
#include "queue/file.h"
#include "queue/held.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/queue.h"
#include "queue/state.h"
#include "queue/walk.h"
#include "call/ioc.h"
#include "call/peek.h"
#include "call/record.h"

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
	v->x.since_ns = holder && m->since_ns ? mq_to_realtime(m->since_ns) :
						ktime_get_real_ns();
	v->x.holder_pid = holder ? mq_record_pid(holder->pid) : 0;
}

static void mq_view_put(struct mq_show *v)
{
	mq_text_put(v->origin);
	mq_text_put(v->note);
	mq_chunk_put(mq_chunk_of(v->e), MQ_CHUNK_ONE);
}

/**
 * struct mq_look - a look under way
 * @f: who looks
 * @c: where it is
 * @held: at nothing but what @f holds
 * @states: mask of states; without @held
 * @after: the last id that was looked at
 */
struct mq_look {
	struct mq_file		*f;
	struct mq_cursor	*c;
	bool			held;
	u32			states;
	u64			after;
};

/* The next message; NULL at the end, or an ERR_PTR of ENODEV or EAGAIN. */
static struct mq_entry *mq_look_next_locked(struct mq_look *l)
{
	unsigned int left = MQ_WALK_STEPS;
	struct mq_queue *q = l->f->q;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return ERR_PTR(-ENODEV);
	if (l->held)
		return mq_held_after(&l->f->held, l->after);
	return mq_walk_locked(q, l->c, l->states, &l->after, &left);
}

/* Look at the next message. 0, ENOENT at the end, ENODEV, or EAGAIN. */
static int mq_view_next(struct mq_look *l, struct mq_show *v)
{
	struct mq_queue *q = l->f->q;
	struct mq_entry *e;
	int err = -ENOENT;

	mq_lock_looking(q);
	e = mq_look_next_locked(l);
	if (IS_ERR(e)) {
		err = PTR_ERR(e);
	} else if (e) {
		mq_view_fill(v, e);
		l->after = mq_msg(e)->id;
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
struct mq_cursor *mq_look_begin(struct mq_file *f, struct mq_cursor *own)
{
	if (!test_and_set_bit_lock(0, &f->looking))
		return &f->cursor;
	mq_cursor_init(own);
	return own;
}

/* The place is kept for the next look, unless it is the end, which is near. */
void mq_look_end(struct mq_file *f, struct mq_cursor *c)
{
	bool kept = c == &f->cursor;

	spin_lock(&f->q->lock);
	if (!kept || list_is_last(&c->mark.all, &f->q->all))
		mq_cursor_unlink_locked(f->q, c);
	mq_unlock(f->q);
	if (kept)
		clear_bit_unlock(0, &f->looking);
}

/* Show what there is, as long as it fits. */
static int mq_look(struct mq_file *f, struct mq_cursor *c, struct devmq_peek *a)
{
	struct mq_look l = {
		.f = f,
		.c = c,
		.held = a->flags & DEVMQ_PEEK_HELD,
		.states = a->states ?: MQ_STATES,
		.after = a->after_id,
	};
	struct mq_show v;
	int err = 0;

	while (!err && (!a->max_count || a->count < a->max_count)) {
		cond_resched();
		if (mq_dying())
			return -EINTR;
		err = mq_view_next(&l, &v);
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

	if (a->flags & ~DEVMQ_PEEK_HELD || a->reserved ||
	    a->states & ~MQ_STATES || (a->flags && a->states))
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

/**
 * struct mq_purge - a purge under way
 * @c: where it is
 * @after: the last id that was looked at
 * @last: the last id to look at
 * @older_ns: what has not been in its state for so long stays
 * @states: mask of states that go
 * @reason: what they died of, or 0
 * @n: how many went
 */
struct mq_purge {
	struct mq_cursor	*c;
	u64			after;
	u64			last;
	u64			older_ns;
	u32			states;
	u32			reason;
	u64			n;
};

/* Has it been in its state for longer than that? A tick less may be none. */
static bool mq_is_older(const struct mq_entry *e, u64 ns)
{
	u64 age = mq_ticks_age(mq_msg(e)->since);

	return age > TICK_NSEC && age - TICK_NSEC >= ns;
}

/*
 * Take out what @p names, a portion of it: one that goes counts as much as two
 * that are passed. 0 at the end, EAGAIN, or ENODEV.
 */
static int mq_purge_some(struct mq_queue *q, struct mq_purge *p)
{
	unsigned int left = MQ_WALK_STEPS;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	while (left > 1) {
		struct mq_entry *e = mq_walk_locked(q, p->c, p->states,
						    &p->after, &left);

		if (IS_ERR(e))
			return PTR_ERR(e);
		if (!e || mq_msg(e)->id > p->last)
			return 0;
		p->after = mq_msg(e)->id;
		if ((p->older_ns && !mq_is_older(e, p->older_ns)) ||
		    (p->reason && p->reason != mq_reason(e)))
			continue;
		mq_queue_purge_locked(q, e);
		p->n++;
		left -= min(left, 2U);
	}
	return -EAGAIN;
}

/* What is sent from now on stays. Return: 0 or ENODEV. */
int mq_last_now(struct mq_queue *q, u64 *last_id)
{
	int err = 0;

	mq_lock_looking(q);
	if (q->gone)
		err = -ENODEV;
	if (!*last_id || *last_id >= q->next_id)
		*last_id = q->next_id - 1;
	mq_unlock(q);
	return err;
}

/* What is to be purged, with what the caller left open filled in. */
static int mq_purge_begin(struct mq_queue *q, const struct devmq_purge *a,
			  struct mq_purge *p)
{
	if (a->flags || a->reason > U16_MAX || a->states & ~MQ_STATES ||
	    (a->last_id && a->last_id < a->first_id))
		return -EINVAL;
	p->states = (a->states ?: MQ_STATES) &
		    ~DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	p->reason = a->reason;
	p->after = a->first_id ? a->first_id - 1 : 0;
	p->older_ns = a->older_than_ns;
	p->last = a->last_id;
	return mq_last_now(q, &p->last);
}

int mq_ioc_purge(struct mq_ioc *ioc)
{
	struct mq_queue *q = ioc->f->q;
	struct mq_purge p = {};
	struct mq_cursor own;
	int err;

	err = mq_purge_begin(q, &ioc->arg.purge, &p);
	if (err)
		return err;
	p.c = mq_look_begin(ioc->f, &own);
	do {
		mq_lock(q);
		err = mq_purge_some(q, &p);
		mq_unlock(q);
		cond_resched();
		/* Some have gone: whoever lives to hear of it hears of all. */
		if (err == -EAGAIN && mq_dying())
			err = -EINTR;
	} while (err == -EAGAIN);
	mq_look_end(ioc->f, p.c);
	ioc->arg.purge.purged = p.n;
	return err;
}
