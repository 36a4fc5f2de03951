/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What memory the module keeps for those who send, who made it do so, and how
 * much that may be.
 */
#ifndef MQ_ACCOUNT_H
#define MQ_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/log2.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "waiters.h"

struct mem_cgroup;
struct mq_queue;

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

/**
 * struct mq_account_turn - a sender who waited for memory
 * @payer: who was to pay, if others rely on the sender to try; else NULL
 * @waiters: where the sender waited (only to be compared with, without a @payer)
 * @ticket: the sender's place in line there, 0: none yet
 */
struct mq_account_turn {
	struct mq_payer		*payer;
	struct mq_waiters	*waiters;
	u64			ticket;
};

struct mq_payer *mq_payer_get(void);
bool mq_payer_is_current(const struct mq_payer *p);
void mq_payer_put(struct mq_payer *p);

static inline struct mq_payer *mq_payer_hold(struct mq_payer *p)
{
	refcount_inc(&p->refs);
	return p;
}

bool mq_charge(struct mq_payer *p, unsigned long bytes);
bool mq_charge_beside(struct mq_payer *p, unsigned long bytes);
void mq_uncharge_beside(struct mq_payer *p, unsigned long bytes);
bool mq_charge_to_move(struct mq_payer *p, unsigned long bytes);
void mq_uncharge(struct mq_payer *p, unsigned long bytes);
bool mq_charge_more(struct mq_payer *p, unsigned long bytes);
void mq_charge_less(struct mq_payer *p, unsigned long bytes);

const struct mq_user *mq_user_short(const struct mq_payer *p);
bool mq_account_never(unsigned long bytes);
bool mq_account_open(const struct mq_queue *q, struct mq_payer *p,
		     unsigned long bytes);
bool mq_account_poll(struct mq_queue *q, struct mq_payer *p,
		     unsigned long bytes);
int mq_account_wait(struct mq_queue *q, unsigned long bytes,
		    struct mq_account_turn *turn);
void mq_account_answer(struct mq_account_turn *turn);
void mq_account_forget(struct mq_queue *q);
void mq_account_wake(void);
int mq_account_init(void);
void mq_account_exit(void);

/* What the slab allocator takes for an object of @size bytes. */
static inline unsigned long mq_kmalloc_bytes(unsigned long size)
{
	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	return roundup_pow_of_two(size);
}

#endif /* MQ_ACCOUNT_H */
