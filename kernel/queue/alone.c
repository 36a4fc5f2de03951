// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are handed out alone
 *
 * A message that has failed in half of its max_deliveries may be what crashes
 * its consumers. It is handed out alone, so that a crash is not counted as a
 * failure of other messages too: a consumer that holds it gets no other
 * delivery, and a consumer that holds other deliveries does not get it
 * (mq_must_be_alone).
 *
 * Later messages do not pass it, or a consumer that always holds some delivery
 * would never get it. So a consumer that holds deliveries when the message is
 * next receives nothing until it has settled them, or another consumer has
 * taken the message. MQ_NEXT_IS_ALONE notes that the consumer has met the
 * message, and takes its credit (mq_has_credit). Its waiters are told to look
 * again when one of its deliveries ends (mq_credit_restore_locked), and when
 * the message is no longer next, which each mq_unlock() checks
 * (mq_alone_over_locked).
 */
#include "memory/entry.h"
#include "queue/alone.h"
#include "queue/openfile.h"
#include "queue/order.h"
#include "queue/queue.h"
#include "queue/ready.h"
#include "queue/tell.h"
#include "wait/wake.h"

/* Return how many failures count towards max_deliveries of this queue. */
u32 mq_failures_counted(const struct mq_entry *e)
{
	const struct mq_detail *detail = mq_msg(e)->detail;

	return mq_msg(e)->failures - (detail ? detail->forgiven : 0);
}

/* Return true if an entry has to be handed out alone. */
bool mq_must_be_alone(const struct mq_queue *q, const struct mq_entry *e)
{
	u64 most = READ_ONCE(q->opt.max_deliveries);

	return unlikely(mq_msg(e)->failures) && most &&
	       2 * (u64)mq_failures_counted(e) >= most;
}

/* Take a consumer's credit for the reason @why. */
void mq_credit_take_locked(struct mq_file *f, enum mq_no_credit why)
{
	if (why == MQ_NEXT_IS_ALONE)
		list_move_tail(&f->alone, &f->q->alone_waiting);
	WRITE_ONCE(f->no_credit, f->no_credit | why);
	mq_file_update_plain_locked(f);
}

/*
 * Give back the credit of a consumer after one of its deliveries ended, and
 * tell its waiters to try to receive again.
 */
void mq_credit_restore_locked(struct mq_file *f)
{
	list_del_init(&f->alone);
	WRITE_ONCE(f->no_credit, 0);
	mq_file_update_plain_locked(f);
	mq_notify_locked(f);
}

/*
 * Move the consumers in mq_queue.alone_waiting to mq_queue.alone_untold if the
 * next message is not handed out alone any more. Return: true if the caller has
 * to call mq_alone_tell() after it has dropped the lock.
 */
bool mq_alone_over_locked(struct mq_queue *q)
{
	struct mq_entry *e;

	lockdep_assert_held(&q->lock);
	if (likely(list_empty(&q->alone_waiting)))
		return false;
	e = q->order ? mq_order_first(q) : mq_ready_first(&q->ready);
	if (e && mq_must_be_alone(q, e))
		return false;
	list_splice_tail_init(&q->alone_waiting, &q->alone_untold);
	return true;
}

/**
 * mq_alone_tell - tell the consumers in mq_queue.alone_untold to look again
 * @q: the queue, its lock not held
 * @most: maximum number of consumers to tell
 *
 * A consumer enters the list at most once for each attempt to receive. As there
 * may be many, a thread that changed which message is next tells a few of them,
 * and the queue's work tells the others.
 *
 * Return: true if there may be more.
 */
bool mq_alone_tell(struct mq_queue *q, unsigned int most)
{
	struct mq_file *f;

	do {
		if (!most--)
			return true;
		spin_lock(&q->lock);
		f = list_first_entry_or_null(&q->alone_untold, struct mq_file, alone);
		if (f) {
			list_del_init(&f->alone);
			WRITE_ONCE(f->no_credit, f->no_credit & ~MQ_NEXT_IS_ALONE);
			mq_file_update_plain_locked(f);
		}
		/* The file may be closed now; RCU keeps its memory. */
		rcu_read_lock();
		spin_unlock(&q->lock);
		if (f)
			mq_wake_stand(&f->stand);
		rcu_read_unlock();
		cond_resched();
	} while (f);
	return false;
}
