// SPDX-License-Identifier: GPL-2.0
/*
 * Payers: memory is charged to a user, and to the memory cgroup of the sender.
 *
 * The user is the effective user id of the sender. In a user namespace, the
 * user is the one who created it, because its processes can choose among many
 * user ids.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include "base/compat.h"
#include "memory/payer.h"

/* Protects both trees. No other lock is taken while this is held. */
static DEFINE_SPINLOCK(mq_accounts_lock);
static struct rb_root mq_users = RB_ROOT;
static struct rb_root mq_payers = RB_ROOT;

/* Return the user id that the caller's memory is charged to. */
static kuid_t mq_memory_uid(void)
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

/* Find a payer and take a reference to it. Return NULL if there is none. */
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

/*
 * Add a payer to its user. If the user is not known yet, this adds @u. Return:
 * NULL, or @u if it was not needed.
 */
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

/* As mq_payer_get(), for another user in the caller's memory cgroup. */
struct mq_payer *mq_payer_get_for(kuid_t uid)
{
	struct mem_cgroup *memcg = mq_memcg_get_current();
	struct mq_payer *p;

	spin_lock(&mq_accounts_lock);
	p = mq_payer_find_locked(uid, memcg);
	spin_unlock(&mq_accounts_lock);
	if (!p)
		p = mq_payer_new(uid, memcg);
	mq_memcg_put(memcg);
	return p;
}

/**
 * mq_payer_get - get the payer for the messages of the caller
 *
 * Return: the payer with a reference, for mq_payer_put(); NULL if there is no
 * memory.
 */
struct mq_payer *mq_payer_get(void)
{
	return mq_payer_get_for(mq_memory_uid());
}

/* Return true if @p is the payer for the messages of the caller. */
bool mq_payer_is_current(const struct mq_payer *p)
{
	return mq_memcg_is_current(p->memcg) &&
	       uid_eq(p->user->uid, mq_memory_uid());
}

void mq_payer_put(struct mq_payer *p)
{
	struct mq_user *u;

	if (!p || refcount_dec_not_one(&p->refs))
		return;
	spin_lock(&mq_accounts_lock);
	/* mq_payer_find_locked() may have taken a reference meanwhile. */
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

/* The longest line of used_by. */
#define MQ_USER_LINE	32

/* Show a user id and its bytes per line, as many as fit in a page. */
int mq_users_show(char *buf, const struct kernel_param *kp)
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

/*
 * Return the user behind @before (NULL: the first user) in mq_users, or NULL.
 * The user is not freed before mq_user_put().
 */
struct mq_user *mq_user_after(const struct mq_user *before)
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

void mq_user_put(struct mq_user *u)
{
	spin_lock(&mq_accounts_lock);
	if (--u->payers)
		u = NULL;
	else
		rb_erase(&u->node, &mq_users);
	spin_unlock(&mq_accounts_lock);
	kfree(u);
}

/* Check that all payers are gone when the module is unloaded. */
void mq_payers_exit(void)
{
	WARN_ON_ONCE(!RB_EMPTY_ROOT(&mq_payers));
}
