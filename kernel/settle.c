// SPDX-License-Identifier: GPL-2.0
/* DEVMQ_IOC_SETTLE and DEVMQ_IOC_CONSUMER: how deliveries are finished. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mq.h"

/* How many deliveries of a range are settled in one hold of the lock. */
#define MQ_SETTLE_PORTION	256

static int mq_settlement_check(const struct devmq_settlement *s)
{
	if (!s->first_id || s->last_id < s->first_id || s->delay_ns ||
	    s->note || s->note_size || s->reason)
		return -EINVAL;
	switch (s->action) {
	case DEVMQ_ACTION_ACK:
	case DEVMQ_ACTION_RELEASE:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Settle what @f holds from *@id on, a portion of it. Return: how many. */
static u32 mq_settle_some(struct mq_file *f, const struct devmq_settlement *s,
			  u64 *id, struct list_head *gone)
{
	struct mq_entry *e;
	u32 n = 0;

	lockdep_assert_held(&f->q->lock);
	while (n < MQ_SETTLE_PORTION) {
		e = mq_ids_after(&f->held, *id - 1);
		if (!e || e->id > s->last_id)
			break;
		*id = e->id + 1;
		mq_queue_unhold_locked(f, e);
		if (s->action == DEVMQ_ACTION_ACK) {
			mq_queue_ack_locked(f, e);
			list_add_tail(&e->list, gone);
		} else {
			mq_queue_release_locked(f, e);
		}
		n++;
	}
	return n;
}

static void mq_settle_range(struct mq_file *f, struct devmq_settlement *s)
{
	struct mq_queue *q = f->q;
	u64 id = s->first_id;
	LIST_HEAD(gone);
	bool edge;
	u32 n;

	s->settled = 0;
	do {
		spin_lock(&q->lock);
		edge = mq_queue_full(q);
		n = q->gone ? 0 : mq_settle_some(f, s, &id, &gone);
		spin_unlock(&q->lock);
		s->settled += n;
		if (n && s->action == DEVMQ_ACTION_ACK)
			mq_wake_writers(q, edge);
		else if (n)
			mq_wake_readers(q, n);
		mq_entries_free(&gone);
		cond_resched();
	} while (n == MQ_SETTLE_PORTION);
	s->error = s->settled ? 0 : READ_ONCE(q->gone) ? -ENODEV : -ESTALE;
}

int mq_ioc_settle(struct mq_ioc *ioc)
{
	struct devmq_settle *a = &ioc->arg.settle;
	void __user *user = u64_to_user_ptr(a->settlements);
	size_t size = array_size(a->count, sizeof(struct devmq_settlement));
	struct devmq_settlement *s;
	int err = 0;
	u32 i;

	if (a->flags || a->reserved || !a->count)
		return -EINVAL;
	if (a->count > DEVMQ_SETTLE_MAX)
		return -E2BIG;
	s = vmemdup_user(user, size);
	if (IS_ERR(s))
		return PTR_ERR(s);
	for (i = 0; !err && i < a->count; i++)
		err = mq_settlement_check(&s[i]);
	/* The outcome must be told, so see that it can be before it happens. */
	if (!err && copy_to_user(user, s, size))
		err = -EFAULT;
	if (err)
		goto out_free;

	a->settled = 0;
	for (i = 0; i < a->count; i++) {
		mq_settle_range(ioc->f, &s[i]);
		a->settled += s[i].settled;
		if (!err)
			err = s[i].error;
	}
	if (a->settled)
		mq_wake_file(ioc->f);
	/* Whatever became of them, the caller is told. */
	if (copy_to_user(user, s, size) || mq_ioc_publish(ioc))
		err = -EFAULT;
out_free:
	kvfree(s);
	return err;
}

static int mq_consumer_set(struct mq_file *f, const struct devmq_consumer *a)
{
	struct mq_queue *q = f->q;
	int err = 0;

	if (a->ack > DEVMQ_ACK_MANUAL || a->lease_ns)
		return -EINVAL;
	spin_lock(&q->lock);
	if (a->ack != f->ack && f->held_count) {
		err = -EBUSY;
	} else {
		WRITE_ONCE(f->ack, a->ack);
		WRITE_ONCE(f->prefetch, a->prefetch);
	}
	spin_unlock(&q->lock);
	if (!err)
		mq_wake_file(f);
	return err;
}

int mq_ioc_consumer(struct mq_ioc *ioc)
{
	struct devmq_consumer *a = &ioc->arg.consumer;
	struct mq_file *f = ioc->f;
	int err;

	if (a->flags & ~DEVMQ_CONSUMER_SET)
		return -EINVAL;
	if (a->flags & DEVMQ_CONSUMER_SET) {
		err = mq_consumer_set(f, a);
		if (err)
			return err;
	}
	spin_lock(&f->q->lock);
	a->ack = f->ack;
	a->prefetch = f->prefetch;
	a->lease_ns = 0;
	a->held = f->held_count;
	a->last_id = f->last_id;
	spin_unlock(&f->q->lock);
	return 0;
}
