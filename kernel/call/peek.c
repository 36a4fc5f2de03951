// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_PEEK and DEVMQ_IOC_PURGE: walks through a queue by id, while others
 * use it, that hold its lock for short times only. Neither call waits for anything but
 * that messages are read back which a topic has in its journal alone, so only a signal
 * that kills the caller ends it early.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/peek.h"
#include "call/record.h"
#include "journal/fetch.h"
#include "memory/chunk.h"
#include "memory/entry.h"
#include "memory/layout.h"
#include "memory/message.h"
#include "memory/text.h"
#include "queue/back.h"
#include "queue/clock.h"
#include "queue/held.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/retain.h"
#include "queue/state.h"
#include "queue/walk.h"

/* All states that a caller may ask for. */
#define MQ_STATES	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD) | \
			 DEVMQ_STATE_MASK(DEVMQ_STATE_RETAINED))

/*
 * Fill in what PEEK shows of a message, with references to what is not copied.
 */
static void mq_view_fill(struct mq_show *v, const struct mq_entry *e)
{
	const struct mq_msg *m = mq_msg(e);
	const struct mq_file *holder;

	mq_show_fill(v, e);
	mq_chunk_get(mq_chunk_of(e));
	mq_text_get(v->topic);
	mq_text_get(v->origin);
	mq_text_get(v->note);
	if (m->state != DEVMQ_STATE_IN_FLIGHT)
		return;
	/* A delivery that is just being handed out has no time yet. */
	holder = READ_ONCE(m->holder);
	v->x.since_ns = holder && m->since_ns ? mq_to_realtime(m->since_ns) :
						ktime_get_real_ns();
	v->x.holder_pid = holder ? mq_record_pid(holder->pid) : 0;
}

static void mq_view_put(struct mq_show *v)
{
	mq_text_put(v->topic);
	mq_text_put(v->origin);
	mq_text_put(v->note);
	mq_chunk_put(mq_chunk_of(v->e), MQ_CHUNK_ONE);
}

/**
 * struct mq_look - a call of PEEK
 * @f: the open file that looks
 * @c: the cursor of the walk
 * @held: show only what @f holds
 * @states: mask of the states to show; without @held
 * @after: the last id that was looked at
 * @portion: what was read back from the journal last, or NULL
 */
struct mq_look {
	struct mq_file		*f;
	struct mq_cursor	*c;
	bool			held;
	u32			states;
	u64			after;
	struct mq_portion	*portion;
};

/*
 * Return the next message; NULL at the end; or an ERR_PTR: ENODEV, or EAGAIN to
 * go on in another hold of the lock.
 */
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

/*
 * Fill @v in from the next message. Return 0, ENOENT at the end, ENODEV, or
 * EAGAIN.
 */
static int mq_view_next(struct mq_look *l, struct mq_show *v)
{
	struct mq_queue *q = l->f->q;
	struct mq_entry *e;
	int err = -ENOENT;

	mq_lock_current(q);
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

/*
 * If a message is in the journal alone, read it back. Return 0; ENOENT: it is gone; or an
 * error of mq_back_get(). In any case it is for mq_view_put().
 */
static int mq_view_back(struct mq_look *l, struct mq_show *v)
{
	struct mq_entry *e;

	if (likely(!mq_msg_is_stub(mq_msg(v->e))))
		return 0;
	/* mq_back_get() drops one. */
	mq_chunk_get(mq_chunk_of(v->e));
	e = mq_back_get(l->f->q, (struct mq_entry *)v->e, &l->portion, MQ_BACK_WAITS);
	if (IS_ERR(e))
		return PTR_ERR(e);
	mq_chunk_put(mq_chunk_of(v->e), MQ_CHUNK_ONE);
	v->e = e;
	return 0;
}

/*
 * Copy a message out, if it fits, with @max bytes of its payload at most, and unless it is
 * gone meanwhile.
 */
static int mq_view_show(struct mq_look *l, struct mq_show *v, struct devmq_peek *a, u64 max)
{
	u32 size = min_t(u64, mq_entry_size(v->e), max);
	u64 step = mq_show_stride(v, size);
	int err;

	if (step > a->buffer_size - a->used) {
		a->need = step;
		return -EMSGSIZE;
	}
	err = mq_view_back(l, v);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = mq_show_put(u64_to_user_ptr(a->buffer) + a->used, v, size);
	if (err)
		return err;
	a->used += step;
	a->count++;
	return 0;
}

/*
 * Begin a walk with the open file's cursor, which is where the last walk
 * stopped. If another thread uses it, return @own: two walks with one cursor
 * would set each other back for ever.
 */
struct mq_cursor *mq_walk_cursor_get(struct mq_file *f, struct mq_cursor *own)
{
	if (!test_and_set_bit_lock(0, &f->looking))
		return &f->cursor;
	mq_cursor_init(own);
	return own;
}

/*
 * End a walk. The open file's cursor keeps its place for the next walk, unless
 * it is at the end of the queue, which is found without it.
 */
void mq_walk_cursor_put(struct mq_file *f, struct mq_cursor *c)
{
	bool kept = c == &f->cursor;

	spin_lock(&f->q->lock);
	if (!kept || list_is_last(&c->mark.all, &f->q->all))
		mq_cursor_unlink_locked(f->q, c);
	mq_unlock(f->q);
	if (kept)
		clear_bit_unlock(0, &f->looking);
}

/* Show messages as long as they fit. */
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
		if (mq_dying()) {
			err = -EINTR;
			break;
		}
		err = mq_view_next(&l, &v);
		if (err == -EAGAIN) {
			mq_lock_pause();
			err = 0;
		} else if (!err) {
			err = mq_view_show(&l, &v, a, a->payload_max);
			mq_view_put(&v);
		}
	}
	mq_portion_put(l.portion);
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
	c = mq_walk_cursor_get(ioc->f, &own);
	err = mq_look(ioc->f, c, a);
	mq_walk_cursor_put(ioc->f, c);
	if (err == -ENOENT || (a->count && err != -ENODEV && err != -EINTR)) {
		a->need = 0;
		err = 0;
	}
	return err;
}

/**
 * struct mq_purge - a call of PURGE
 * @c: the cursor of the walk
 * @after: the last id that was looked at
 * @last: the last id to look at
 * @older_ns: keep messages that have been in their state for less than this
 * @states: mask of the states to purge
 * @reason: purge only messages that died of this, 0: any
 * @n: how many were purged
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

/*
 * Return true if the message has been in its state for @ns or longer. Its age
 * is counted in ticks, so the true age may be less by up to a tick.
 */
static bool mq_is_older(const struct mq_entry *e, u64 ns)
{
	u64 age = mq_ticks_age(mq_msg(e)->since);

	return age > TICK_NSEC && age - TICK_NSEC >= ns;
}

/*
 * Purge a portion of what @p names. A message that is purged counts as two
 * steps, one that is passed as one. Return 0 at the end, EAGAIN to go on, or
 * ENODEV.
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
		    (p->reason && p->reason != mq_entry_reason(e)))
			continue;
		if (unlikely(q->topic))
			mq_retain_drop_locked(q, e);
		else
			mq_purge_locked(q, e);
		p->n++;
		left -= min(left, 2U);
	}
	return -EAGAIN;
}

/*
 * Bound @last_id by the last message that was sent, so that a walk leaves alone
 * what is sent from now on; 0 is no bound of the caller's. Return 0 or ENODEV.
 */
int mq_bound_last_id(struct mq_queue *q, u64 *last_id)
{
	int err = 0;

	mq_lock_current(q);
	if (q->gone)
		err = -ENODEV;
	if (!*last_id || *last_id >= q->next_id)
		*last_id = q->next_id - 1;
	mq_unlock(q);
	return err;
}

/* Check the argument and fill in @p. What the caller left open has defaults. */
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
	return mq_bound_last_id(q, &p->last);
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
	p.c = mq_walk_cursor_get(ioc->f, &own);
	do {
		mq_lock(q);
		err = mq_purge_some(q, &p);
		mq_unlock(q);
		mq_lock_pause();
		/* Each caller that survives learns of all that it purged. */
		if (err == -EAGAIN && mq_dying())
			err = -EINTR;
	} while (err == -EAGAIN);
	mq_walk_cursor_put(ioc->f, p.c);
	ioc->arg.purge.purged = p.n;
	return err;
}
