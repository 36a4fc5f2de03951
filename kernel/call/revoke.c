// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_REVOKE: a caller that may purge a queue settles what others hold.
 * It walks through the queue as PEEK and PURGE do, and settles as SETTLE does.
 */
#include <linux/sched.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/peek.h"
#include "call/revoke.h"
#include "call/settle.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/text.h"
#include "queue/delivery.h"
#include "queue/known.h"
#include "queue/lock.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/walk.h"

/**
 * struct mq_revoke - a call of REVOKE
 * @c: the cursor of the walk
 * @after: the last id that was looked at
 * @last: the last id to look at
 * @pid: only what this process holds, 0: what any process holds
 * @how: how to settle the deliveries
 * @note: the note of a retry or a reject, or NULL
 * @detail: as for mq_delivery_prepare_locked()
 * @n: how many deliveries were settled
 * @dead: how many of their messages are dead now
 * @busy: how many could not be settled, as their holders had them in hand
 */
struct mq_revoke {
	struct mq_cursor		*c;
	u64				after;
	u64				last;
	u32				pid;
	const struct devmq_settlement	*how;
	struct mq_text			*note;
	struct mq_detail		*detail;
	u64				n;
	u64				dead;
	u64				busy;
};

/*
 * Settle a delivery if the call means it. Return false if that needs a detail.
 */
static bool mq_revoke_one(struct mq_queue *q, struct mq_revoke *r,
			  struct mq_entry *e)
{
	const struct mq_file *f = mq_msg(e)->holder;

	if (r->pid && (!f || f->pid != r->pid))
		return true;
	/* Its holder has it in hand, and is copying it out. */
	if (!f || e->hold == MQ_IN_HAND) {
		r->busy++;
		return true;
	}
	if (!mq_delivery_prepare_locked(q, e, r->how->action, &r->detail))
		return false;
	if (mq_lease_has_expired(e)) {
		mq_lease_expire_locked(q, e);
		return true;
	}
	r->dead += mq_delivery_revoke_locked(e, r->how, r->note);
	r->n++;
	return true;
}

/*
 * Settle a portion of what @r names. A delivery that is settled counts as two
 * steps, a message that is passed as one. Return 0 at the end, EAGAIN to go on,
 * or ENODEV.
 */
static int mq_revoke_some(struct mq_queue *q, struct mq_revoke *r)
{
	const u32 states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	unsigned int left = MQ_WALK_STEPS;

	lockdep_assert_held(&q->lock);
	if (q->gone)
		return -ENODEV;
	while (left > 1) {
		struct mq_entry *e = mq_walk_locked(q, r->c, states, &r->after,
						    &left);
		u64 id;

		if (IS_ERR(e))
			return PTR_ERR(e);
		if (!e || mq_msg(e)->id > r->last)
			return 0;
		id = mq_msg(e)->id;
		if (!mq_revoke_one(q, r, e))
			return -EAGAIN;
		r->after = id;
		left -= min(left, 2U);
	}
	return -EAGAIN;
}

/* Walk through the queue. Messages that are sent from now on are left alone. */
static int mq_revoke_all(struct mq_file *f, struct mq_revoke *r)
{
	struct mq_queue *q = f->q;
	struct mq_cursor own;
	int err = mq_bound_last_id(q, &r->last);

	if (err)
		return err;
	r->c = mq_walk_cursor_get(f, &own);
	do {
		mq_lock(q);
		err = mq_revoke_some(q, r);
		mq_unlock(q);
		mq_lock_pause();
		if (err == -EAGAIN && mq_dying())
			err = -EINTR;
		if (err == -EAGAIN && !r->detail)
			r->detail = mq_detail_alloc();
	} while (err == -EAGAIN);
	mq_walk_cursor_put(f, r->c);
	mq_detail_free(r->detail);
	return err;
}

int mq_ioc_revoke(struct mq_ioc *ioc)
{
	struct devmq_revoke *a = &ioc->arg.revoke;
	struct mq_revoke r = {
		.after = a->how.first_id - 1,
		.last = a->how.last_id,
		.pid = a->holder_pid,
		.how = &a->how,
	};
	int err;

	if (a->flags || a->reserved)
		return -EINVAL;
	err = mq_settlement_check(&a->how, DEVMQ_ACTION_PURGE);
	if (err)
		return err;
	/* A caller to whom PEEK shows no process ids can name none. */
	if (a->holder_pid && !mq_record_pid(1))
		return -ESRCH;
	r.note = mq_settlement_note(&a->how);
	if (IS_ERR(r.note))
		return PTR_ERR(r.note);
	err = mq_revoke_all(ioc->f, &r);
	mq_text_put(r.note);
	a->how.error = 0;
	a->how.settled = min_t(u64, r.n, U32_MAX);
	a->how.dead = min_t(u64, r.dead, U32_MAX);
	a->busy = r.busy;
	return err;
}
