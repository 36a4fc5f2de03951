/* SPDX-License-Identifier: GPL-2.0 */
/* Payers, to which memory is charged: see payer.c. */
#ifndef MQ_MEMORY_PAYER_H
#define MQ_MEMORY_PAYER_H

#include <linux/atomic.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "base/waiters.h"

struct kernel_param;
struct mem_cgroup;

/**
 * struct mq_user - the memory that is charged to a user
 * @node: node in mq_users (mq_accounts_lock)
 * @uid: the user id (invariant)
 * @payers: number of payers of this user, and of references from
 *	mq_user_after() (mq_accounts_lock)
 * @used: bytes charged as MQ_MESSAGES and MQ_MOVES (atomic)
 * @beside: bytes charged as MQ_BESIDE (atomic)
 * @waiters: senders that wait until the user has memory below max_user_bytes
 */
struct mq_user {
	struct rb_node		node;
	kuid_t			uid;
	unsigned int		payers;
	atomic_long_t		used;
	atomic_long_t		beside;
	struct mq_waiters	waiters;
};

/**
 * struct mq_payer - a user in a memory cgroup, to which memory is charged
 * @node: node in mq_payers (mq_accounts_lock)
 * @refs: one for each charge, and one for each mq_payer_hold() or
 *	mq_payer_get()
 * @user: the user (invariant)
 * @memcg: the memory cgroup (invariant, holds a reference)
 */
struct mq_payer {
	struct rb_node		node;
	refcount_t		refs;
	struct mq_user		*user;
	struct mem_cgroup	*memcg;
};

struct mq_payer *mq_payer_get(void);
struct mq_payer *mq_payer_get_for(kuid_t uid);
bool mq_payer_is_current(const struct mq_payer *p);
void mq_payer_put(struct mq_payer *p);
int mq_users_show(char *buf, const struct kernel_param *kp);
struct mq_user *mq_user_after(const struct mq_user *before);
void mq_user_put(struct mq_user *u);
void mq_payers_exit(void);

static inline struct mq_payer *mq_payer_hold(struct mq_payer *p)
{
	refcount_inc(&p->refs);
	return p;
}

#endif /* MQ_MEMORY_PAYER_H */
