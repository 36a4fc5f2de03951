// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are handed out alone
 *
 * What has used half of its deliveries may well be what ends its consumers. Then
 * it is to die alone: no other message is handed out with it, none to who holds
 * it, and it is not handed to who holds others (mq_comes_alone). It keeps its place
 * meanwhile, and is not passed over, or a consumer that is never done with all it
 * holds would never come to it. So a consumer for whom it is next, and who holds
 * others, receives nothing until he has settled these, or until another one has
 * taken it. That he "met" it is noted, and takes his credit (mq_has_credit); he is
 * told when something that he held was settled, and tries again, and when such a
 * message no longer is next, which each mq_unlock() looks for (mq_unmeet_locked).
 */
#include "memory/entry.h"
#include "wait/wake.h"
#include "queue/alone.h"
#include "queue/file.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/tell.h"

/* How many failures count in this queue. */
u32 mq_failures_here(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return mq_msg(e)->failures - (detail ? detail->forgiven : 0);
}

/* Has it used half of its deliveries? See the top of this file. */
bool mq_comes_alone(const struct mq_queue *q, const struct mq_entry *e)
{
	u64 most = READ_ONCE(q->opt.max_deliveries);

	return unlikely(mq_msg(e)->failures) && most &&
	       2 * (u64)mq_failures_here(e) >= most;
}

/* A consumer is apart, for one more reason. */
void mq_apart_locked(struct mq_file *f, enum mq_apart why)
{
	if (why == MQ_MET_ALONE)
		list_move_tail(&f->met, &f->q->met);
	WRITE_ONCE(f->apart, f->apart | why);
	mq_file_tune_locked(f);
}

/* A delivery of a consumer's ended that was apart: it may receive, or try to. */
void mq_rejoin_locked(struct mq_file *f)
{
	list_del_init(&f->met);
	WRITE_ONCE(f->apart, 0);
	mq_file_tune_locked(f);
	mq_tell_locked(f);
}

/*
 * Is what consumers met not next any more? mq_unlock() asks when it looks at what
 * has changed, and has them look as well: mq_unmeet().
 */
bool mq_unmeet_locked(struct mq_queue *q)
{
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	if (likely(list_empty(&q->met)))
		return false;
	e = q->order ? mq_order_first(q) : mq_ready_first(&q->ready);
	if (e && mq_comes_alone(q, e))
		return false;
	list_splice_tail_init(&q->met, &q->unmet);
	return true;
}

/**
 * mq_unmeet - have those look whom mq_unmeet_locked() found, one at a time
 * @q: the queue, its lock not held
 * @most: so many of them
 *
 * Each of them has tried to receive once since this was done for it. As they may
 * be many, whoever changed what is next has a few of them look, and the queue's
 * work the rest.
 *
 * Return: there may be more.
 */
bool mq_unmeet(struct mq_queue *q, unsigned int most)
{
	struct mq_file *f;

	do {
		if (!most--)
			return true;
		spin_lock(&q->lock);
		f = list_first_entry_or_null(&q->unmet, struct mq_file, met);
		if (f) {
			list_del_init(&f->met);
			WRITE_ONCE(f->apart, f->apart & ~MQ_MET_ALONE);
			mq_file_tune_locked(f);
		}
		/* The file may be closed now, but its memory stays. */
		rcu_read_lock();
		spin_unlock(&q->lock);
		if (f)
			mq_wake_stand(&f->stand);
		rcu_read_unlock();
		cond_resched();
	} while (f);
	return false;
}
