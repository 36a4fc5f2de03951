// SPDX-License-Identifier: GPL-2.0
/*
 * Senders and pollers that wait for memory, after a charge was refused.
 *
 * There is one wait list for max_total_bytes, and one for max_user_bytes of
 * each user. A sender waits in the list of the bound that refused the charge.
 * Pollers wait in their queues, and these are in a list here.
 *
 * This file calls budget.c to look for memory, and budget.c calls this file
 * when memory was freed.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "base/waiters.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/shortage.h"

/*
 * How long after memory was freed mq_memory_later() notifies pollers and wakes
 * further senders.
 */
#define MQ_MEMORY_DELAY	(HZ / 50 ?: 1)

/*
 * Queues whose pollers wait for memory. Only locks of wait queues are taken
 * while the lock is held.
 */
static DEFINE_SPINLOCK(mq_starved_lock);
static LIST_HEAD(mq_starved);

/* Senders that wait for max_total_bytes; mq_user has those for its bound. */
static struct mq_waiters mq_total_waiters;

static void mq_memory_later(struct work_struct *work);
static DECLARE_DELAYED_WORK(mq_memory_work, mq_memory_later);

/*
 * Memory of @u was uncharged: in both wait lists, wake the longest waiter for
 * which there is enough. After trying, this waiter wakes the next one. The work
 * notifies pollers later, for many changes at once, and wakes another waiter in
 * case this one is stopped.
 */
void mq_memory_freed(struct mq_user *u)
{
	/* WAIT(account:freed): pairs with the barrier of mq_waiters_add(). */
	bool waits = mq_waiters_pending_mb(&mq_total_waiters) ||
		     mq_waiters_pending(&u->waiters);

	if (likely(!waits && list_empty(&mq_starved)))
		return;
	if (mq_waiters_pending(&u->waiters))
		mq_waiters_wake(&u->waiters, mq_user_room(u));
	if (mq_waiters_pending(&mq_total_waiters))
		mq_waiters_wake(&mq_total_waiters, mq_total_room());
	schedule_delayed_work(&mq_memory_work, MQ_MEMORY_DELAY);
}

/**
 * mq_memory_would_not_wait - look whether a send would not wait for memory
 * @s: the queue
 * @p: the payer
 * @bytes: the charge for the message
 *
 * Return: true if the charge would be granted now, or if the send would fail at
 * once.
 */
bool mq_memory_would_not_wait(const struct mq_starved *s, struct mq_payer *p,
			      unsigned long bytes)
{
	return likely(mq_budget_fits(p, bytes)) || mq_budget_exceeds_bounds(bytes) ||
	       !s->ops->waits(s);
}

/*
 * Like mq_memory_would_not_wait(), for a poller. If this returns false, the
 * pollers of the queue are notified when there may be memory.
 */
bool mq_memory_poll(struct mq_starved *s, struct mq_payer *p,
		    unsigned long bytes)
{
	if (mq_memory_would_not_wait(s, p, bytes))
		return true;
	/* WAIT(account:poll) */
	spin_lock(&mq_starved_lock);
	if (list_empty(&s->link))
		list_add_tail(&s->link, &mq_starved);
	spin_unlock(&mq_starved_lock);
	smp_mb(); /* join the list, then look: see mq_waiters_pending_mb() */
	return mq_memory_would_not_wait(s, p, bytes);
}

void mq_starved_init(struct mq_starved *s, const struct mq_starved_ops *ops)
{
	INIT_LIST_HEAD(&s->link);
	s->ops = ops;
}

/* Forget a queue that is being freed. It has no pollers any more. */
void mq_starved_exit(struct mq_starved *s)
{
	spin_lock(&mq_starved_lock);
	list_del_init(&s->link);
	spin_unlock(&mq_starved_lock);
}

/* Notify the pollers that wait for memory. Return: true if there were any. */
static bool mq_starved_wake(void)
{
	struct mq_starved *s;
	bool some = false;

	spin_lock(&mq_starved_lock);
	while ((s = list_first_entry_or_null(&mq_starved, struct mq_starved,
					     link))) {
		list_del_init(&s->link);
		/* A queue that is being freed has no pollers. */
		if (!s->ops->get(s))
			continue;
		spin_unlock(&mq_starved_lock);
		s->ops->tell(s);
		s->ops->put(s);
		some = true;
		cond_resched();
		spin_lock(&mq_starved_lock);
	}
	spin_unlock(&mq_starved_lock);
	return some;
}

/* Call @wake for each user with waiters. Return: true if any call did so. */
static bool mq_each_user(bool (*wake)(struct mq_user *u))
{
	struct mq_user *u = mq_user_after(NULL), *next;
	bool some = false;

	for (; u; u = next) {
		if (mq_waiters_pending(&u->waiters))
			some |= wake(u);
		next = mq_user_after(u);
		mq_user_put(u);
		cond_resched();
	}
	return some;
}

static bool mq_user_wake_one(struct mq_user *u)
{
	return mq_waiters_wake(&u->waiters, mq_user_room(u));
}

static bool mq_user_wake_all(struct mq_user *u)
{
	mq_waiters_wake_all(&u->waiters);
	return true;
}

/*
 * The work after memory was freed. The waiter that was woken then may not have
 * run, so wake another one in each wait list. Repeat this while there are
 * waiters for which there is enough.
 */
static void mq_memory_later(struct work_struct *work)
{
	/* WAIT(account:later) */
	bool woken = mq_waiters_wake(&mq_total_waiters, mq_total_room());

	woken |= mq_each_user(mq_user_wake_one);
	/* WAIT(account:starved) */
	mq_starved_wake();
	if (woken)
		schedule_delayed_work(&mq_memory_work, MQ_MEMORY_DELAY);
}

/*
 * Make all waiters and pollers look again, because a bound or an option was
 * changed, or a queue was removed.
 */
void mq_memory_wake_all(void)
{
	/* WAIT(account:wake) */
	mq_waiters_wake_all(&mq_total_waiters);
	mq_each_user(mq_user_wake_all);
	if (!list_empty(&mq_starved))
		schedule_delayed_work(&mq_memory_work, MQ_MEMORY_DELAY);
}

/**
 * struct mq_memory_waiter - a sender that waits for memory
 * @w: waiter in mq_user.waiters or in mq_total_waiters
 * @s: the queue to which it sends
 * @u: the user for whose max_user_bytes it waits; NULL: it waits for
 *	max_total_bytes
 */
struct mq_memory_waiter {
	struct mq_waiter	w;
	const struct mq_starved	*s;
	const struct mq_user	*u;
};

/*
 * Return true if the bound of the waiter has room, or if waiting is of no use.
 * This does not look at the other bound. When the sender tries, it finds out
 * whether that one has room.
 */
static bool mq_memory_may_go(const struct mq_waiter *w)
{
	const struct mq_memory_waiter *x;

	x = container_of(w, struct mq_memory_waiter, w);
	return mq_budget_exceeds_bounds(w->need) || !x->s->ops->waits(x->s) ||
	       w->need <= (x->u ? mq_user_room(x->u) : mq_total_room());
}

/**
 * mq_memory_wait - sleep until the caller may get memory
 * @s: the queue to which it sends
 * @bytes: the charge that it needs
 * @turn: the result of the caller's last wait, all 0 before the first one
 *
 * The caller must call mq_memory_answer() after it has tried to send, and
 * before it waits for anything else.
 *
 * Return: 0 to try again (the charge may still be refused), -ENOMEM or
 * -ERESTARTSYS.
 */
int mq_memory_wait(const struct mq_starved *s, unsigned long bytes,
		   struct mq_memory_turn *turn)
{
	struct mq_memory_waiter x = { .s = s };
	struct mq_waiters *waiters = &mq_total_waiters;
	struct mq_payer *p;
	int err;

	mq_memory_answer(turn);
	p = mq_payer_get();
	if (!p)
		return -ENOMEM;
	/* WAIT(account:line) */
	if (bytes > mq_user_room(p->user) && !mq_is_exempt()) {
		x.u = p->user;
		waiters = &p->user->waiters;
	}
	mq_waiter_init_thread(&x.w, bytes);
	/* If another sender was faster, the caller waits at its old place. */
	if (turn->waiters == waiters)
		x.w.ticket = turn->ticket;
	err = mq_waiters_sleep(waiters, &x.w, mq_memory_may_go);
	turn->waiters = waiters;
	turn->ticket = x.w.ticket;
	if (x.w.woken)
		turn->payer = p;
	else
		mq_payer_put(p);
	return err;
}

/* A sender that was woken has tried: if memory is left, wake the next one. */
void mq_memory_answer(struct mq_memory_turn *turn)
{
	struct mq_payer *p = turn->payer;

	if (likely(!p))
		return;
	turn->payer = NULL;
	/* WAIT(account:answer) */
	mq_waiters_wake(turn->waiters, turn->waiters == &mq_total_waiters ?
			mq_total_room() : mq_user_room(p->user));
	mq_payer_put(p);
}

void __init mq_shortage_init(void)
{
	mq_waiters_init(&mq_total_waiters);
}

void mq_shortage_exit(void)
{
	cancel_delayed_work_sync(&mq_memory_work);
}
