// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for memory: senders to whom it was refused, one line for the bound of all
 * and one for that of each user, and queues whose pollers wait for some.
 *
 * They call budget.c to look, and budget.c calls this when there is more: neither
 * can do without the other.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "base/waiters.h"
#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/shortage.h"

/*
 * How long after that pollers are told that there is some memory again, and
 * another sender is woken, if there are any.
 */
#define MQ_MEMORY_DELAY	(HZ / 50 ?: 1)

/*
 * Queues with pollers that wait for memory. The lock is taken last but for wait
 * queue locks.
 */
static DEFINE_SPINLOCK(mq_starved_lock);
static LIST_HEAD(mq_starved);

/* Senders who wait for the bound of all; those who wait for a user's: mq_user. */
static struct mq_waiters mq_total_waiters;

static void mq_memory_later(struct work_struct *work);
static DECLARE_DELAYED_WORK(mq_memory_work, mq_memory_later);

/*
 * There is more than before: the sender who has waited longest among those for
 * whom it is enough is woken, and wakes the next after trying. That sender may
 * be stopped, and pollers are not told one by one, so some work comes after.
 */
void mq_memory_freed(struct mq_user *u)
{
	/* WAIT(account:freed): pairs with that of whoever gets in line, then looks. */
	bool waits = mq_waiters_any(&mq_total_waiters) ||
		     mq_waiters_some(&u->waiters);

	if (likely(!waits && list_empty(&mq_starved)))
		return;
	if (mq_waiters_some(&u->waiters))
		mq_waiters_wake(&u->waiters, mq_user_room(u));
	if (mq_waiters_some(&mq_total_waiters))
		mq_waiters_wake(&mq_total_waiters, mq_total_room());
	schedule_delayed_work(&mq_memory_work, MQ_MEMORY_DELAY);
}

/**
 * mq_memory_open - would there be memory for a send, or an error at once?
 * @s: what it is sent to
 * @p: who pays
 * @bytes: what the message takes
 */
bool mq_memory_open(const struct mq_starved *s, struct mq_payer *p,
		    unsigned long bytes)
{
	return likely(mq_budget_fits(p, bytes)) || mq_budget_never(bytes) ||
	       !s->ops->waits(s);
}

/* The same; if not, those who poll the queue are told when there may be. */
bool mq_memory_poll(struct mq_starved *s, struct mq_payer *p,
		    unsigned long bytes)
{
	if (mq_memory_open(s, p, bytes))
		return true;
	/* WAIT(account:poll) */
	spin_lock(&mq_starved_lock);
	if (list_empty(&s->link))
		list_add_tail(&s->link, &mq_starved);
	spin_unlock(&mq_starved_lock);
	smp_mb(); /* on the list, then look; as for who sleeps */
	return mq_memory_open(s, p, bytes);
}

void mq_starved_init(struct mq_starved *s, const struct mq_starved_ops *ops)
{
	INIT_LIST_HEAD(&s->link);
	s->ops = ops;
}

/* A queue goes: no one polls it any more. */
void mq_starved_exit(struct mq_starved *s)
{
	spin_lock(&mq_starved_lock);
	list_del_init(&s->link);
	spin_unlock(&mq_starved_lock);
}

/* Those who poll queues are to look. Return: there were some. */
static bool mq_starved_wake(void)
{
	struct mq_starved *s;
	bool some = false;

	spin_lock(&mq_starved_lock);
	while ((s = list_first_entry_or_null(&mq_starved, struct mq_starved,
					     link))) {
		list_del_init(&s->link);
		/* It is about to go: nobody polls it. */
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

/* Have @wake look after the waiters of each user. Return: as @wake for any. */
static bool mq_each_user(bool (*wake)(struct mq_user *u))
{
	struct mq_user *u = mq_user_after(NULL), *next;
	bool some = false;

	for (; u; u = next) {
		if (mq_waiters_some(&u->waiters))
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
 * Some memory was freed a while ago. Who was woken for it may not have come, so
 * another one is; as long as that goes on, so does this.
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

/* What all are to look at has changed: a bound, an option, a queue is gone. */
void mq_memory_wake_all(void)
{
	/* WAIT(account:wake) */
	mq_waiters_wake_all(&mq_total_waiters);
	mq_each_user(mq_user_wake_all);
	if (!list_empty(&mq_starved))
		schedule_delayed_work(&mq_memory_work, MQ_MEMORY_DELAY);
}

/**
 * struct mq_memory_waiter - a sender who waits for memory
 * @w: in mq_user.waiters or in mq_total_waiters
 * @s: what it is sent to
 * @u: whose bound it is, NULL: that of all
 */
struct mq_memory_waiter {
	struct mq_waiter	w;
	const struct mq_starved	*s;
	const struct mq_user	*u;
};

/*
 * That bound has room, or it is of no use to wait. The other one is no matter of
 * this line: it is looked at by trying.
 */
static bool mq_memory_may_go(const struct mq_waiter *w)
{
	const struct mq_memory_waiter *x;

	x = container_of(w, struct mq_memory_waiter, w);
	return mq_budget_never(w->need) || !x->s->ops->waits(x->s) ||
	       w->need <= (x->u ? mq_user_room(x->u) : mq_total_room());
}

/**
 * mq_memory_wait - sleep until there may be so much memory for the caller
 * @s: what it is for
 * @bytes: how much
 * @turn: what the last wait said, all 0 before the first
 *
 * Whoever called this calls mq_memory_answer() when he has tried to send, and
 * before he waits for anything else.
 *
 * Return: 0 (try again, if only to fail), ENOMEM or ERESTARTSYS.
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
	/* Who was woken too early, as others were faster, keeps the place. */
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

/* Who waited has tried to send: if memory is left, it is for the next. */
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
