/* SPDX-License-Identifier: GPL-2.0 */
/* Who pays for memory: see payer.c. */
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
 * struct mq_user - what one user has made the module keep
 * @node: in the tree of users (mq_accounts_lock)
 * @uid: who it is (invariant)
 * @payers: how many payers the user has (mq_accounts_lock)
 * @used: bytes that are charged for messages (atomic)
 * @beside: bytes that are charged for what is kept beside them (atomic)
 * @waiters: senders who wait for this user's bound
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
 * struct mq_payer - a user in a memory cgroup: who pays for a piece of memory
 * @node: in the tree of payers (mq_accounts_lock)
 * @refs: one for each piece of memory that is charged, and for each holder
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
