// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SETTLE and DEVMQ_IOC_CONSUMER: settling, and the consumer's mode.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "call/ioc.h"
#include "call/settle.h"
#include "memory/alloc.h"
#include "memory/entry.h"
#include "memory/payer.h"
#include "memory/text.h"
#include "queue/delivery.h"
#include "queue/held.h"
#include "queue/lock.h"
#include "queue/members.h"
#include "queue/openfile.h"
#include "queue/persist.h"
#include "queue/queue.h"
#include "wait/wake.h"

/* Check a settlement. @last_action: the last of enum devmq_action to allow. */
int mq_settlement_check(const struct devmq_settlement *s, u32 last_action)
{
	bool delays = s->action == DEVMQ_ACTION_RETRY ||
		      s->action == DEVMQ_ACTION_EXTEND;
	bool rejects = s->action == DEVMQ_ACTION_REJECT;
	bool says = rejects || s->action == DEVMQ_ACTION_RETRY;

	if (!s->first_id || s->last_id < s->first_id || s->reserved ||
	    s->action < DEVMQ_ACTION_ACK || s->action > last_action)
		return -EINVAL;
	if ((s->delay_ns && !delays) ||
	    ((s->note || s->note_size) && !says) || (s->reason && !rejects))
		return -EINVAL;
	if (s->note_size > DEVMQ_NOTE_MAX || !s->note != !s->note_size ||
	    (s->reason && s->reason < DEVMQ_REASON_USER))
		return -EINVAL;
	return 0;
}

/*
 * Read the note of a retry or a reject. Return it; NULL if there is none; or an
 * ERR_PTR.
 */
struct mq_text *mq_settlement_note(const struct devmq_settlement *s)
{
	struct mq_payer *p;
	struct mq_text *note;

	if (likely(!s->note_size))
		return NULL;
	p = mq_payer_get();
	if (!p)
		return ERR_PTR(-ENOMEM);
	note = mq_text_alloc(s->note_size, p);
	mq_payer_put(p);
	if (IS_ERR(note))
		return note;
	if (!copy_from_user(note->text, u64_to_user_ptr(s->note), s->note_size))
		return note;
	mq_text_put(note);
	return ERR_PTR(-EFAULT);
}

/**
 * mq_settle_portion - settle a portion of what a consumer holds
 * @f: the consumer
 * @s: which deliveries, and how; counts the messages that are dead now
 * @id: the first id to look at; moves on
 * @note: the note of a retry or a reject, or NULL
 * @detail: as for mq_delivery_prepare_locked()
 * @more: set to whether more is to be settled; that may need a detail
 *
 * A delivery whose lease has expired is not settled any more.
 *
 * Return: how many were settled.
 */
static u32 mq_settle_portion(struct mq_file *f, struct devmq_settlement *s,
			     u64 *id, struct mq_text *note,
			     struct mq_detail **detail, bool *more)
{
	u32 steps = 0, n = 0;
	struct mq_entry *e;

	lockdep_assert_held(&f->q->lock);
	while (true) {
		e = mq_held_after(&f->held, *id - 1);
		*more = e && mq_msg(e)->id <= s->last_id;
		if (!*more || steps++ == MQ_SETTLE_PORTION ||
		    !mq_delivery_prepare_locked(f->q, e, s->action, detail))
			break;
		*id = mq_msg(e)->id + 1;
		if (mq_lease_has_expired(e)) {
			mq_lease_expire_locked(f->q, e);
			continue;
		}
		n++;
		if (s->action == DEVMQ_ACTION_EXTEND) {
			mq_delivery_extend_locked(f, e, s->delay_ns);
			continue;
		}
		mq_delivery_unhold_locked(f, e);
		s->dead += mq_delivery_settle_locked(f, e, s, note);
	}
	return n;
}

/*
 * Settle a range, a portion in each hold of the lock. A caller that is being
 * killed stops: what it has not settled is still held, and its last close
 * returns it.
 */
void mq_settle_range(struct mq_file *f, struct devmq_settlement *s,
		     struct mq_text *note)
{
	struct mq_queue *q = f->q;
	struct mq_detail *detail = NULL;
	u64 id = s->first_id;
	bool more = true;

	while (more && !mq_dying()) {
		LIST_HEAD(acked);
		bool rare = false;
		u32 n = 0;

		more = false;
		mq_lock(q);
		if (!q->gone && s->action == DEVMQ_ACTION_ACK)
			n = mq_delivery_ack_held_locked(f, id, s->last_id,
							MQ_SETTLE_PORTION,
							&acked, &rare);
		if (n)
			more = n == MQ_SETTLE_PORTION;
		else if (!q->gone)
			n = mq_settle_portion(f, s, &id, note, &detail, &more);
		mq_unlock(q);
		if (!list_empty(&acked))
			mq_entries_free_plain(&acked, rare);
		s->settled += n;
		if (likely(!more))
			break;
		mq_lock_pause();
		if (!detail)
			detail = mq_detail_alloc();
	}
	mq_detail_free(detail);
	if (more)
		s->error = -EINTR;
	else
		s->error = s->settled ? 0 :
			   READ_ONCE(q->gone) ? -ENODEV : -ESTALE;
}

/* Carry out a settlement. If its note cannot be read, settle nothing. */
static void mq_settle_one(struct mq_file *f, struct devmq_settlement *s)
{
	struct mq_text *note;

	s->settled = 0;
	s->dead = 0;
	s->error = mq_settlement_check(s, DEVMQ_ACTION_DEFER);
	if (s->error)
		return;
	note = mq_settlement_note(s);
	if (IS_ERR(note)) {
		s->error = PTR_ERR(note);
		return;
	}
	mq_settle_range(f, s, note);
	mq_text_put(note);
}

/*
 * The most settlements that a call reads at once. As it needs no more memory
 * than this, it needs none of the module's budget.
 */
#define MQ_SETTLEMENTS	64
static_assert(MQ_SETTLEMENTS * sizeof(struct devmq_settlement) <= PAGE_SIZE);

/* How many settlements have room on the stack. */
#define MQ_SETTLEMENTS_FEW	4

/**
 * struct mq_settlements - the settlements of a call of SETTLE
 * @ioc: the call
 * @s: those of them that were read last
 * @max: how many have room in @s
 * @first: number of the first one in @s
 * @count: how many are in @s
 */
struct mq_settlements {
	struct mq_ioc		*ioc;
	struct devmq_settlement	*s;
	u32			max;
	u32			first;
	u32			count;
};

static struct devmq_settlement __user *
mq_settlements_user(const struct mq_settlements *c)
{
	struct devmq_settlement __user *all;

	all = u64_to_user_ptr(c->ioc->arg.settle.settlements);
	return all + c->first;
}

/*
 * Read the settlements from @first on, unless they were read last. This and the
 * next function skip the hardened usercopy check, as @max bounds what they copy.
 */
static int mq_settlements_read(struct mq_settlements *c, u32 first)
{
	u32 n = min(c->ioc->arg.settle.count - first, c->max);

	if (c->count && c->first == first)
		return 0;
	c->first = first;
	c->count = n;
	return _copy_from_user(c->s, mq_settlements_user(c), n * sizeof(*c->s)) ?
	       -EFAULT : 0;
}

/* Write the settlements in @c->s back to the user, with their results. */
static int mq_settlements_write(struct mq_settlements *c)
{
	return _copy_to_user(mq_settlements_user(c), c->s,
			     c->count * sizeof(*c->s)) ? -EFAULT : 0;
}

/*
 * Check all settlements before the first one is carried out, and that their
 * notes can be read and their results written, as the user must learn these.
 */
static int mq_settlements_check(struct mq_settlements *c)
{
	u32 i, first = 0;
	int err;

	do {
		err = mq_settlements_read(c, first);
		for (i = 0; !err && i < c->count; i++) {
			err = mq_settlement_check(&c->s[i], DEVMQ_ACTION_DEFER);
			if (!err && c->s[i].note_size &&
			    fault_in_readable(u64_to_user_ptr(c->s[i].note),
					      c->s[i].note_size))
				err = -EFAULT;
		}
		if (!err && !mq_probe_user(c->s, mq_settlements_user(c),
					   c->count * sizeof(*c->s)))
			err = -EFAULT;
		first += c->count;
		cond_resched();
	} while (!err && first < c->ioc->arg.settle.count && !mq_dying());
	return err;
}

/*
 * Carry out all settlements. Those that are read a second time may have been
 * changed by the user: one that is not valid any more fails. Return the first
 * error.
 */
static int mq_settlements_carry_out(struct mq_settlements *c)
{
	int err = 0, failed;
	u32 i, first = 0;

	do {
		failed = mq_settlements_read(c, first);
		if (failed)
			break;
		for (i = 0; i < c->count; i++) {
			mq_settle_one(c->ioc->f, &c->s[i]);
			c->ioc->arg.settle.settled += c->s[i].settled;
			err = err ?: c->s[i].error;
		}
		failed = mq_settlements_write(c);
		first += c->count;
	} while (!failed && first < c->ioc->arg.settle.count);
	return failed ?: err;
}

int mq_ioc_settle(struct mq_ioc *ioc)
{
	struct devmq_settlement few[MQ_SETTLEMENTS_FEW] __uninitialized;
	struct devmq_settle *a = &ioc->arg.settle;
	struct mq_settlements c = { .ioc = ioc, .s = few, .max = ARRAY_SIZE(few) };
	int err;

	if (a->flags & ~DEVMQ_SETTLE_SYNC || a->reserved || !a->count)
		return -EINVAL;
	if (a->count > DEVMQ_SETTLE_MAX)
		return -E2BIG;
	if (a->count > c.max) {
		c.max = min_t(u32, a->count, MQ_SETTLEMENTS);
		c.s = kmalloc_array(c.max, sizeof(*c.s), GFP_KERNEL_ACCOUNT);
		if (!c.s)
			return -ENOMEM;
	}
	err = mq_settlements_check(&c);
	if (err)
		goto out_free;
	a->settled = 0;
	err = mq_settlements_carry_out(&c);
	if (a->settled)
		mq_wake_stand(&ioc->f->stand);
	if (a->flags & DEVMQ_SETTLE_SYNC)
		err = mq_persist_confirm(ioc->f->q) ?: err;
	/* The user learns how many were settled even if one failed. */
	if (mq_ioc_publish(ioc))
		err = -EFAULT;
out_free:
	if (c.s != few)
		kfree(c.s);
	return err;
}

/*
 * Read the argument of a SETTLE of one settlement, if that acknowledges a range that
 * is no larger than a portion. Return the settlement, whose results can be written, and
 * the range; or NULL.
 */
static struct devmq_settlement __user *
mq_ack_fetch(struct devmq_settle __user *a, u64 *first, u64 *last)
{
	u32 size, flags, count, reserved, action, one, dead;
	struct devmq_settlement __user *s;
	u64 from, settled, delay, note;
	u16 note_size, reason;

	if (!user_access_begin(a, sizeof(*a)))
		return NULL;
	unsafe_get_user(size, &a->size, fault);
	unsafe_get_user(flags, &a->flags, fault);
	unsafe_get_user(from, &a->settlements, fault);
	unsafe_get_user(count, &a->count, fault);
	unsafe_get_user(reserved, &a->reserved, fault);
	unsafe_get_user(settled, &a->settled, fault);
	unsafe_put_user(settled, &a->settled, fault);
	user_access_end();
	s = u64_to_user_ptr(from);
	if (size != sizeof(*a) || count != 1 || flags | reserved ||
	    !user_access_begin(s, sizeof(*s)))
		return NULL;
	unsafe_get_user(*first, &s->first_id, fault);
	unsafe_get_user(*last, &s->last_id, fault);
	unsafe_get_user(delay, &s->delay_ns, fault);
	unsafe_get_user(note, &s->note, fault);
	unsafe_get_user(action, &s->action, fault);
	unsafe_get_user(note_size, &s->note_size, fault);
	unsafe_get_user(reason, &s->reason, fault);
	unsafe_get_user(reserved, &s->reserved, fault);
	/* The results may lie in two pages. */
	unsafe_get_user(one, &s->settled, fault);
	unsafe_put_user(one, &s->settled, fault);
	unsafe_get_user(dead, &s->dead, fault);
	unsafe_put_user(dead, &s->dead, fault);
	user_access_end();
	if (action != DEVMQ_ACTION_ACK || delay | note | note_size | reason | reserved ||
	    !*first || *last - *first >= MQ_SETTLE_PORTION)
		return NULL;
	return s;
fault:
	user_access_end();
	return NULL;
}

/* Write the results after the @n deliveries of a range were acknowledged. */
static bool mq_ack_tell(struct devmq_settle __user *a,
			struct devmq_settlement __user *s, u32 n)
{
	if (!user_access_begin(s, sizeof(*s)))
		return false;
	unsafe_put_user(n, &s->settled, fault);
	unsafe_put_user(0, &s->error, fault);
	unsafe_put_user(0, &s->dead, fault);
	user_access_end();
	if (!user_access_begin(a, sizeof(*a)))
		return false;
	unsafe_put_user(n, &a->settled, fault);
	user_access_end();
	return true;
fault:
	user_access_end();
	return false;
}

/**
 * mq_settle_quick - SETTLE that acknowledges one range, if there is a quick way
 * @f: the consumer
 * @a: the argument; that its results can be written is seen to before anything is
 *	acknowledged
 *
 * The range has to begin with the oldest delivery that the consumer holds.
 *
 * Return: 1, and the results are written; EFAULT; or 0: nothing was done, and the
 * general way says why.
 */
int mq_settle_quick(struct mq_file *f, struct devmq_settle __user *a)
{
	struct devmq_settlement __user *s;
	struct mq_queue *q = f->q;
	u64 first, last;
	LIST_HEAD(acked);
	bool rare = false;
	u32 n = 0;

	/* Who holds something is a consumer of a queue. */
	s = READ_ONCE(f->held_count) ? mq_ack_fetch(a, &first, &last) : NULL;
	if (!s)
		return 0;
	mq_lock(q);
	if (!q->gone)
		n = mq_delivery_ack_held_locked(f, first, last, MQ_SETTLE_PORTION,
						&acked, &rare);
	mq_unlock(q);
	if (!n)
		return 0;
	mq_entries_free_plain(&acked, rare);
	mq_wake_stand(&f->stand);
	return mq_ack_tell(a, s, n) ? 1 : -EFAULT;
}

static int mq_consumer_set(struct mq_file *f, const struct devmq_consumer *a)
{
	struct mq_queue *q = f->q;
	int err = 0;

	mq_lock_current(q);
	if (a->ack != f->ack && f->held_count) {
		err = -EBUSY;
	} else {
		WRITE_ONCE(f->ack, a->ack);
		WRITE_ONCE(f->prefetch, a->prefetch);
		f->lease_ns = a->lease_ns;
		mq_file_update_plain_locked(f);
	}
	mq_unlock(q);
	if (!err)
		mq_wake_stand(&f->stand);
	return err;
}

int mq_ioc_consumer(struct mq_ioc *ioc)
{
	struct devmq_consumer *a = &ioc->arg.consumer;
	struct mq_file *f = ioc->f;
	int err;

	if (a->flags & ~DEVMQ_CONSUMER_SET ||
	    (a->flags & DEVMQ_CONSUMER_SET && a->ack > DEVMQ_ACK_MANUAL))
		return -EINVAL;
	err = mq_take_role(f, FMODE_READ);
	if (err)
		return err;
	if (a->flags & DEVMQ_CONSUMER_SET) {
		err = mq_consumer_set(f, a);
		if (err)
			return err;
	}
	mq_lock_current(f->q);
	a->ack = f->ack;
	a->prefetch = f->prefetch;
	a->lease_ns = f->lease_ns;
	a->held = f->held_count;
	a->last_id = f->last_id;
	a->partial_id = f->partial ? mq_msg(f->partial)->id : 0;
	mq_unlock(f->q);
	return 0;
}
