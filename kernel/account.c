// SPDX-License-Identifier: GPL-2.0
/*
 * What memory the module keeps for those who send, who made it do so, and how
 * much that may be.
 *
 * Memory is charged when it is allocated and uncharged when it is freed, whoever
 * had the last reference, as it is: a chunk with all of its pages, and with
 * what each of its messages may come to need beside it (mq_more), so that the
 * end of a delivery never has to ask. It is charged to the module as a whole,
 * max_total_bytes, and to the user who sent, max_user_bytes; the kernel charges
 * it to the sender's memory cgroup, too, where it stays wherever the message
 * goes (mq_payer).
 *
 * A counter never shows what was not granted, so nobody is refused because
 * others ask for too much.
 *
 * A user is who the kernel takes a sender for by its effective user id. In a
 * user namespace, which hands out many of these, it is who made the namespace.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>

#include "mq.h"

/* Who moves messages to free what is mostly unused may exceed by a 32nd. */
#define MQ_MOVE_SHIFT	5

/*
 * What is kept beside messages may be another 32nd, or this where that is more: for
 * one user; for all it is twice as much, so that one user alone does not use it up.
 */
#define MQ_BESIDE_SHIFT	5
#define MQ_BESIDE_LEAST	(128UL * SZ_1K)

/*
 * How long after that pollers are told that there is some memory again, and
 * another sender is woken, if there are any.
 */
#define MQ_ACCOUNT_DELAY	(HZ / 50 ?: 1)

static atomic_long_t mq_total_used;
static atomic_long_t mq_total_beside;
static unsigned long mq_total_max;	/* 0: not set yet */
static unsigned long mq_user_max;	/* 0: half of the other */

/* Users and payers come and go under this; it is taken last. */
static DEFINE_SPINLOCK(mq_accounts_lock);
static struct rb_root mq_users = RB_ROOT;
static struct rb_root mq_payers = RB_ROOT;

/*
 * Queues with pollers that wait for memory. The lock protects the list and
 * mq_queue.starved; it is taken last but for wait queue locks.
 */
static DEFINE_SPINLOCK(mq_starved_lock);
static LIST_HEAD(mq_starved);

/* Senders who wait for the bound of all; those who wait for a user's: mq_user. */
static struct mq_waiters mq_total_waiters;

static void mq_account_later(struct work_struct *work);
static DECLARE_DELAYED_WORK(mq_account_work, mq_account_later);

static unsigned long mq_max_of_user(void)
{
	return READ_ONCE(mq_user_max) ?: READ_ONCE(mq_total_max) / 2;
}

static int mq_bytes_set(const char *text, const struct kernel_param *kp)
{
	unsigned long *max = kp->arg;
	char *end;
	u64 bytes = memparse(text, &end);

	if (end == text || *skip_spaces(end) || bytes > LONG_MAX)
		return -EINVAL;
	/* Only the bound of a user has a default to go back to. */
	if (!bytes && max != &mq_user_max)
		return -EINVAL;
	WRITE_ONCE(*max, bytes);
	mq_account_wake();
	return 0;
}

static int mq_user_max_show(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", mq_max_of_user());
}

static int mq_used_show(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%ld\n", atomic_long_read(&mq_total_used) +
			  atomic_long_read(&mq_total_beside));
}

/* The longest line there. */
#define MQ_USER_LINE	32

/* Who uses how much, a line each: the user's id and bytes. As many as fit. */
static int mq_users_show(char *buf, const struct kernel_param *kp)
{
	struct rb_node *node;
	int n = 0;

	spin_lock(&mq_accounts_lock);
	for (node = rb_first(&mq_users); node && n < PAGE_SIZE - MQ_USER_LINE;
	     node = rb_next(node)) {
		struct mq_user *u = rb_entry(node, struct mq_user, node);
		long used = atomic_long_read(&u->used) +
			    atomic_long_read(&u->beside);

		if (used)
			n += sysfs_emit_at(buf, n, "%u %ld\n",
					   from_kuid_munged(current_user_ns(),
							    u->uid), used);
	}
	spin_unlock(&mq_accounts_lock);
	return n;
}

static const struct kernel_param_ops mq_total_ops = {
	.set	= mq_bytes_set,
	.get	= param_get_ulong,
};

static const struct kernel_param_ops mq_user_ops = {
	.set	= mq_bytes_set,
	.get	= mq_user_max_show,
};

static const struct kernel_param_ops mq_used_ops = { .get = mq_used_show };
static const struct kernel_param_ops mq_users_ops = { .get = mq_users_show };

module_param_cb(max_total_bytes, &mq_total_ops, &mq_total_max, 0644);
MODULE_PARM_DESC(max_total_bytes,
		 "most bytes of memory for the messages of all queues (K, M or G may follow; default a quarter of RAM)");
module_param_cb(max_user_bytes, &mq_user_ops, &mq_user_max, 0644);
MODULE_PARM_DESC(max_user_bytes,
		 "most bytes of memory for the messages of one user without CAP_SYS_RESOURCE (default 0: half of max_total_bytes)");
module_param_cb(used_bytes, &mq_used_ops, NULL, 0444);
MODULE_PARM_DESC(used_bytes, "bytes of memory that messages take now");
module_param_cb(used_by, &mq_users_ops, NULL, 0444);
MODULE_PARM_DESC(used_by, "whose messages take how much: a user id and bytes a line");

/* -- who pays ---------------------------------------------------------------- */

/* Whom the caller's memory is charged to. */
static kuid_t mq_account_uid(void)
{
	const struct cred *cred = current_cred();
	const struct user_namespace *ns = cred->user_ns;
	kuid_t uid = cred->euid;

	for (; ns != &init_user_ns; ns = ns->parent)
		uid = ns->owner;
	return uid;
}

static int mq_user_order(const void *key, const struct rb_node *node)
{
	const kuid_t *uid = key;
	const struct mq_user *u = rb_entry(node, struct mq_user, node);

	if (uid_eq(*uid, u->uid))
		return 0;
	return uid_lt(*uid, u->uid) ? -1 : 1;
}

static bool mq_user_less(struct rb_node *a, const struct rb_node *b)
{
	return mq_user_order(&rb_entry(a, struct mq_user, node)->uid, b) < 0;
}

static int mq_payer_compare(kuid_t uid, const struct mem_cgroup *memcg,
			    const struct rb_node *node)
{
	const struct mq_payer *p = rb_entry(node, struct mq_payer, node);

	if (memcg != p->memcg)
		return memcg < p->memcg ? -1 : 1;
	return mq_user_order(&uid, &p->user->node);
}

static bool mq_payer_less(struct rb_node *a, const struct rb_node *b)
{
	const struct mq_payer *p = rb_entry(a, struct mq_payer, node);

	return mq_payer_compare(p->user->uid, p->memcg, b) < 0;
}

/* The payer that there is for the caller, with a reference, or NULL. */
static struct mq_payer *mq_payer_find_locked(kuid_t uid,
					     const struct mem_cgroup *memcg)
{
	struct rb_node *node = mq_payers.rb_node;

	lockdep_assert_held(&mq_accounts_lock);
	while (node) {
		int c = mq_payer_compare(uid, memcg, node);

		if (!c)
			return mq_payer_hold(rb_entry(node, struct mq_payer,
						      node));
		node = c < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/* The payer is the user's from now on; @u is the user's account if there is none. */
static struct mq_user *mq_payer_join_locked(struct mq_payer *p,
					    struct mq_user *u)
{
	struct rb_node *node = rb_find(&u->uid, &mq_users, mq_user_order);
	struct mq_user *unused = NULL;

	lockdep_assert_held(&mq_accounts_lock);
	if (node) {
		unused = u;
		u = rb_entry(node, struct mq_user, node);
	} else {
		rb_add(&u->node, &mq_users, mq_user_less);
	}
	u->payers++;
	p->user = u;
	rb_add(&p->node, &mq_payers, mq_payer_less);
	return unused;
}

static struct mq_payer *mq_payer_new(kuid_t uid, struct mem_cgroup *memcg)
{
	struct mq_payer *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	struct mq_user *u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	struct mq_payer *found;

	if (!p || !u) {
		kfree(p);
		kfree(u);
		return NULL;
	}
	refcount_set(&p->refs, 1);
	p->memcg = memcg;
	u->uid = uid;
	mq_waiters_init(&u->waiters);
	spin_lock(&mq_accounts_lock);
	found = mq_payer_find_locked(uid, memcg);
	if (!found)
		u = mq_payer_join_locked(p, u);
	spin_unlock(&mq_accounts_lock);
	kfree(u);
	if (!found) {
		mq_memcg_get(memcg);
		return p;
	}
	kfree(p);
	return found;
}

/**
 * mq_payer_get - who pays for what the caller sends
 *
 * Return: the payer, which mq_payer_put() gives back; NULL: no memory.
 */
struct mq_payer *mq_payer_get(void)
{
	struct mem_cgroup *memcg = mq_memcg_get_current();
	kuid_t uid = mq_account_uid();
	struct mq_payer *p;

	spin_lock(&mq_accounts_lock);
	p = mq_payer_find_locked(uid, memcg);
	spin_unlock(&mq_accounts_lock);
	if (!p)
		p = mq_payer_new(uid, memcg);
	mq_memcg_put(memcg);
	return p;
}

/* Would the caller pay for what it sends? */
bool mq_payer_is_current(const struct mq_payer *p)
{
	return mq_memcg_is_current(p->memcg) &&
	       uid_eq(p->user->uid, mq_account_uid());
}

void mq_payer_put(struct mq_payer *p)
{
	struct mq_user *u;

	if (!p || refcount_dec_not_one(&p->refs))
		return;
	spin_lock(&mq_accounts_lock);
	/* Somebody may have found it meanwhile. */
	if (!refcount_dec_and_test(&p->refs)) {
		spin_unlock(&mq_accounts_lock);
		return;
	}
	u = p->user;
	rb_erase(&p->node, &mq_payers);
	if (--u->payers)
		u = NULL;
	else
		rb_erase(&u->node, &mq_users);
	spin_unlock(&mq_accounts_lock);
	mq_memcg_put(p->memcg);
	kfree(p);
	kfree(u);
}

/* -- charging ---------------------------------------------------------------- */

/* In one step, so that who fails is never seen to have used anything. */
static bool mq_counter_add(atomic_long_t *used, unsigned long bytes,
			   unsigned long max)
{
	long now = atomic_long_read(used);

	do {
		if (now + bytes > max)
			return false;
	} while (!atomic_long_try_cmpxchg(used, &now, now + bytes));
	return true;
}

static bool mq_is_exempt(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/* How much of a bound is left. */
static unsigned long mq_room(const atomic_long_t *used, unsigned long max)
{
	unsigned long now = atomic_long_read(used);

	return now < max ? max - now : 0;
}

static unsigned long mq_total_room(void)
{
	return mq_room(&mq_total_used, READ_ONCE(mq_total_max));
}

static unsigned long mq_user_room(const struct mq_user *u)
{
	return mq_room(&u->used, mq_max_of_user());
}

/*
 * There is more than before: the sender who has waited longest among those for
 * whom it is enough is woken, and wakes the next after trying. That sender may
 * be stopped, and pollers are not told one by one, so some work comes after.
 */
static void mq_account_freed(struct mq_user *u)
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
	schedule_delayed_work(&mq_account_work, MQ_ACCOUNT_DELAY);
}

/*
 * Add to a user's counter and to that of all, or to neither. If the second one is
 * full, what only the same user can have seen is taken back: ENOSPC, else EDQUOT.
 */
static int mq_counters_add(atomic_long_t *user, unsigned long user_max,
			   atomic_long_t *total, unsigned long total_max,
			   unsigned long bytes)
{
	if (!mq_counter_add(user, bytes, user_max))
		return -EDQUOT;
	if (mq_counter_add(total, bytes, total_max))
		return 0;
	atomic_long_sub(bytes, user);
	return -ENOSPC;
}

static bool mq_charge_bounds(struct mq_user *u, unsigned long bytes,
			     unsigned long user_max, unsigned long total_max)
{
	int err = mq_counters_add(&u->used, user_max, &mq_total_used, total_max,
				  bytes);

	/* WAIT(account:back) some was taken back */
	if (unlikely(err == -ENOSPC))
		mq_account_freed(u);
	return !err;
}

/**
 * mq_charge_more - charge more to a payer of whom the caller has a charge
 * @p: the payer
 * @bytes: how much more
 *
 * Return: false if that would be too much, and nothing is charged.
 */
bool mq_charge_more(struct mq_payer *p, unsigned long bytes)
{
	unsigned long total = READ_ONCE(mq_total_max);

	return likely(mq_charge_bounds(p->user, bytes, mq_max_of_user(),
				       total)) ||
	       (bytes <= total &&
		atomic_long_read(&mq_total_used) + bytes <= total &&
		mq_is_exempt() &&
		mq_charge_bounds(p->user, bytes, LONG_MAX, total));
}

/* Charge a piece of memory; a reference to the payer is part of that. */
bool mq_charge(struct mq_payer *p, unsigned long bytes)
{
	if (unlikely(!mq_charge_more(p, bytes)))
		return false;
	mq_payer_hold(p);
	return true;
}

/* The same for what messages move to, to free more than that. */
bool mq_charge_to_move(struct mq_payer *p, unsigned long bytes)
{
	unsigned long total = READ_ONCE(mq_total_max);

	if (!mq_charge_bounds(p->user, bytes, LONG_MAX,
			      total + (total >> MQ_MOVE_SHIFT)))
		return false;
	mq_payer_hold(p);
	return true;
}

void mq_charge_less(struct mq_payer *p, unsigned long bytes)
{
	atomic_long_sub(bytes, &p->user->used);
	atomic_long_sub(bytes, &mq_total_used);
	mq_account_freed(p->user);
}

/* The memory is free. */
void mq_uncharge(struct mq_payer *p, unsigned long bytes)
{
	mq_charge_less(p, bytes);
	mq_payer_put(p);
}

/* -- what is kept beside messages -------------------------------------------------- */

static unsigned long mq_beside_max_of_user(void)
{
	return max(mq_max_of_user() >> MQ_BESIDE_SHIFT, MQ_BESIDE_LEAST);
}

static unsigned long mq_beside_max(void)
{
	return max(READ_ONCE(mq_total_max) >> MQ_BESIDE_SHIFT,
		   2 * MQ_BESIDE_LEAST);
}

static bool mq_beside_add(struct mq_user *u, unsigned long bytes,
			  unsigned long user_max, unsigned long total_max)
{
	return !mq_counters_add(&u->beside, user_max, &mq_total_beside,
				total_max, bytes);
}

/**
 * mq_charge_beside - charge what is kept, but is no message
 * @p: the payer
 * @bytes: how much
 *
 * For an open file, or a command that waits. It takes no room of messages, so that
 * whoever is to make room can open a queue and wait at it where messages have used
 * up all; and who waits to send keeps no room from others. There is no bound for
 * those who are exempt.
 *
 * Return: false if that would be too much. A reference to the payer is part of it.
 */
bool mq_charge_beside(struct mq_payer *p, unsigned long bytes)
{
	if (!mq_beside_add(p->user, bytes, mq_beside_max_of_user(),
			   mq_beside_max()) &&
	    (!mq_is_exempt() ||
	     !mq_beside_add(p->user, bytes, LONG_MAX, LONG_MAX)))
		return false;
	mq_payer_hold(p);
	return true;
}

void mq_uncharge_beside(struct mq_payer *p, unsigned long bytes)
{
	atomic_long_sub(bytes, &p->user->beside);
	atomic_long_sub(bytes, &mq_total_beside);
	mq_payer_put(p);
}

/* -- waiting for some ---------------------------------------------------------- */

/* Would a charge be granted now? */
static bool mq_account_fits(const struct mq_payer *p, unsigned long bytes)
{
	if (atomic_long_read(&mq_total_used) + bytes > READ_ONCE(mq_total_max))
		return false;
	return atomic_long_read(&p->user->used) + bytes <= mq_max_of_user() ||
	       mq_is_exempt();
}

/* Whose bound it is that is reached, if not that of all: then NULL. */
const struct mq_user *mq_user_short(const struct mq_payer *p)
{
	/* A chunk may be what was asked for. */
	return atomic_long_read(&mq_total_used) + SZ_128K <=
	       READ_ONCE(mq_total_max) ? p->user : NULL;
}

/* Would it never be, for the caller? */
bool mq_account_never(unsigned long bytes)
{
	return bytes > READ_ONCE(mq_total_max) ||
	       (bytes > mq_max_of_user() && !mq_is_exempt());
}

/**
 * mq_account_open - would there be memory for a send, or an error at once?
 * @q: the queue
 * @p: who pays
 * @bytes: what the message takes
 */
bool mq_account_open(const struct mq_queue *q, struct mq_payer *p,
		     unsigned long bytes)
{
	return likely(mq_account_fits(p, bytes)) || mq_account_never(bytes) ||
	       READ_ONCE(q->opt.overflow) != MQ_OVERFLOW_BLOCK;
}

/* The same; if not, those who poll the queue are told when there may be. */
bool mq_account_poll(struct mq_queue *q, struct mq_payer *p,
		     unsigned long bytes)
{
	if (mq_account_open(q, p, bytes))
		return true;
	/* WAIT(account:poll) */
	spin_lock(&mq_starved_lock);
	if (list_empty(&q->starved))
		list_add_tail(&q->starved, &mq_starved);
	spin_unlock(&mq_starved_lock);
	smp_mb(); /* on the list, then look; as for who sleeps */
	return mq_account_open(q, p, bytes);
}

/* A queue goes: no one polls it any more. */
void mq_account_forget(struct mq_queue *q)
{
	spin_lock(&mq_starved_lock);
	list_del_init(&q->starved);
	spin_unlock(&mq_starved_lock);
}

/* Those who poll queues are to look. Return: there were some. */
static bool mq_starved_wake(void)
{
	struct mq_queue *q;
	bool some = false;

	spin_lock(&mq_starved_lock);
	while ((q = list_first_entry_or_null(&mq_starved, struct mq_queue,
					     starved))) {
		list_del_init(&q->starved);
		/* It is about to go: nobody polls it. */
		if (!kobject_get_unless_zero(&q->dev.kobj))
			continue;
		spin_unlock(&mq_starved_lock);
		mq_wake_pollers(q);
		mq_waiters_wake_all(&q->room);
		mq_queue_put(q);
		some = true;
		cond_resched();
		spin_lock(&mq_starved_lock);
	}
	spin_unlock(&mq_starved_lock);
	return some;
}

/* The first user behind @uid in the tree, who stays until mq_user_put(). */
static struct mq_user *mq_user_after(const struct mq_user *before)
{
	struct rb_node *node;
	struct mq_user *u;

	spin_lock(&mq_accounts_lock);
	node = before ? rb_next(&before->node) : rb_first(&mq_users);
	u = rb_entry_safe(node, struct mq_user, node);
	if (u)
		u->payers++;
	spin_unlock(&mq_accounts_lock);
	return u;
}

static void mq_user_put(struct mq_user *u)
{
	spin_lock(&mq_accounts_lock);
	if (--u->payers)
		u = NULL;
	else
		rb_erase(&u->node, &mq_users);
	spin_unlock(&mq_accounts_lock);
	kfree(u);
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
static void mq_account_later(struct work_struct *work)
{
	/* WAIT(account:later) */
	bool woken = mq_waiters_wake(&mq_total_waiters, mq_total_room());

	woken |= mq_each_user(mq_user_wake_one);
	/* WAIT(account:starved) */
	mq_starved_wake();
	if (woken)
		schedule_delayed_work(&mq_account_work, MQ_ACCOUNT_DELAY);
}

/* What all are to look at has changed: a bound, an option, a queue is gone. */
void mq_account_wake(void)
{
	/* WAIT(account:wake) */
	mq_waiters_wake_all(&mq_total_waiters);
	mq_each_user(mq_user_wake_all);
	if (!list_empty(&mq_starved))
		schedule_delayed_work(&mq_account_work, MQ_ACCOUNT_DELAY);
}

/**
 * struct mq_account_waiter - a sender who waits for memory
 * @w: in mq_user.waiters or in mq_total_waiters
 * @q: the queue that it is for
 * @u: whose bound it is, NULL: that of all
 */
struct mq_account_waiter {
	struct mq_waiter	w;
	const struct mq_queue	*q;
	const struct mq_user	*u;
};

/*
 * That bound has room, or it is of no use to wait. The other one is no matter of
 * this line: it is looked at by trying.
 */
static bool mq_account_may_go(const struct mq_waiter *w)
{
	const struct mq_account_waiter *x;

	x = container_of(w, struct mq_account_waiter, w);
	return READ_ONCE(x->q->gone) || mq_account_never(w->need) ||
	       READ_ONCE(x->q->opt.overflow) != MQ_OVERFLOW_BLOCK ||
	       w->need <= (x->u ? mq_user_room(x->u) : mq_total_room());
}

/**
 * mq_account_wait - sleep until there may be so much memory for the caller
 * @q: the queue that it is for
 * @bytes: how much
 * @turn: what the last wait said, all 0 before the first
 *
 * Whoever called this calls mq_account_answer() when he has tried to send, and
 * before he waits for anything else.
 *
 * Return: 0 (try again, if only to fail), ENOMEM or ERESTARTSYS.
 */
int mq_account_wait(struct mq_queue *q, unsigned long bytes,
		    struct mq_account_turn *turn)
{
	struct mq_account_waiter x = { .q = q };
	struct mq_waiters *waiters = &mq_total_waiters;
	struct mq_payer *p;
	int err;

	mq_account_answer(turn);
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
	err = mq_waiters_sleep(waiters, &x.w, mq_account_may_go);
	turn->waiters = waiters;
	turn->ticket = x.w.ticket;
	if (x.w.woken)
		turn->payer = p;
	else
		mq_payer_put(p);
	return err;
}

/* Who waited has tried to send: if memory is left, it is for the next. */
void mq_account_answer(struct mq_account_turn *turn)
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

int __init mq_account_init(void)
{
	mq_waiters_init(&mq_total_waiters);
	/* A parameter on the command line has been set by now. */
	if (!mq_total_max)
		mq_total_max = min_t(u64, LONG_MAX,
				     (u64)totalram_pages() / 4 << PAGE_SHIFT);
	return 0;
}

void mq_account_exit(void)
{
	cancel_delayed_work_sync(&mq_account_work);
	WARN_ON_ONCE(atomic_long_read(&mq_total_used));
	WARN_ON_ONCE(atomic_long_read(&mq_total_beside));
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&mq_payers));
}
