// SPDX-License-Identifier: GPL-2.0
/*
 * The accounting of memory: how much the module uses, for which users, and how
 * much it may use.
 *
 * Memory is charged when it is allocated and uncharged when it is freed. A
 * charge is the memory that is really used: a chunk with all of its pages. It
 * includes a detail (mq_detail) for each message that may be in the chunk, so
 * that the end of a delivery never needs a charge, which could fail. The memory
 * is charged to the module as a whole, within max_total_bytes, and to the
 * sending user, within max_user_bytes. The kernel charges it to the memory
 * cgroup of the sender as well. It stays charged there, whichever queue the
 * message goes to (mq_payer).
 *
 * A refused charge is never added to the counter of the bound that refuses it,
 * so one sender is not refused because another asks for too much.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include "memory/budget.h"
#include "memory/payer.h"
#include "memory/shortage.h"

/* MQ_MOVES may exceed max_total_bytes by the bound shifted by this. */
#define MQ_MOVE_SHIFT	5

/*
 * The bounds of MQ_BESIDE are those of messages shifted by this, but at least
 * MQ_BESIDE_LEAST for each user and twice that for all users together. So one
 * user cannot use up all of it.
 */
#define MQ_BESIDE_SHIFT	5
#define MQ_BESIDE_LEAST	(128UL * SZ_1K)

static atomic_long_t mq_total_used;
static atomic_long_t mq_total_beside;
static unsigned long mq_total_max;	/* 0: not set yet */
static unsigned long mq_user_max;	/* 0: half of mq_total_max */

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
	/* 0 stands for a default, which only max_user_bytes has. */
	if (!bytes && max != &mq_user_max)
		return -EINVAL;
	WRITE_ONCE(*max, bytes);
	mq_memory_wake_all();
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

/* -- charging -------------------------------------------------------------- */

/* Add to a counter unless it would exceed @max, in one atomic step. */
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

bool mq_is_exempt(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/* Return how many bytes are left below a bound. */
static unsigned long mq_room(const atomic_long_t *used, unsigned long max)
{
	unsigned long now = atomic_long_read(used);

	return now < max ? max - now : 0;
}

unsigned long mq_total_room(void)
{
	return mq_room(&mq_total_used, READ_ONCE(mq_total_max));
}

unsigned long mq_user_room(const struct mq_user *u)
{
	return mq_room(&u->used, mq_max_of_user());
}

/*
 * Add to the counter of a user and to the total, or to neither of them.
 * Return: 0; -EDQUOT if the user's bound is reached; -ENOSPC if the total bound
 * is reached. In the latter case, the user's counter was too high for a moment.
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

	/* WAIT(account:back) the user's counter was too high for a moment */
	if (unlikely(err == -ENOSPC))
		mq_memory_freed(u);
	return !err;
}

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

/* Charge memory of messages. An exempt caller is bounded by the total alone. */
static bool mq_charge_messages(struct mq_user *u, unsigned long bytes)
{
	unsigned long total = READ_ONCE(mq_total_max);

	return likely(mq_charge_bounds(u, bytes, mq_max_of_user(), total)) ||
	       (bytes <= total &&
		atomic_long_read(&mq_total_used) + bytes <= total &&
		mq_is_exempt() && mq_charge_bounds(u, bytes, LONG_MAX, total));
}

static bool mq_charge_move(struct mq_user *u, unsigned long bytes)
{
	unsigned long total = READ_ONCE(mq_total_max);

	return mq_charge_bounds(u, bytes, LONG_MAX,
				total + (total >> MQ_MOVE_SHIFT));
}

static bool mq_charge_beside(struct mq_user *u, unsigned long bytes)
{
	return mq_beside_add(u, bytes, mq_beside_max_of_user(),
			     mq_beside_max()) ||
	       (mq_is_exempt() && mq_beside_add(u, bytes, LONG_MAX, LONG_MAX));
}

/**
 * mq_charge - charge memory that is about to be allocated
 * @p: the payer
 * @what: what the memory is used for
 * @bytes: its size in bytes
 *
 * A charge includes a reference to the payer. mq_uncharge() drops it.
 *
 * Return: true; false if a bound would be exceeded, so that nothing was
 * charged.
 */
bool mq_charge(struct mq_payer *p, enum mq_budget what, unsigned long bytes)
{
	bool granted;

	switch (what) {
	case MQ_MESSAGES:
		granted = mq_charge_messages(p->user, bytes);
		break;
	case MQ_MOVES:
		granted = mq_charge_move(p->user, bytes);
		break;
	default:
		granted = mq_charge_beside(p->user, bytes);
	}
	if (likely(granted))
		mq_payer_hold(p);
	return granted;
}

/* Uncharge memory of messages, and wake senders that wait for it. */
static void mq_uncharge_messages(struct mq_payer *p, unsigned long bytes)
{
	atomic_long_sub(bytes, &p->user->used);
	atomic_long_sub(bytes, &mq_total_used);
	mq_memory_freed(p->user);
}

/**
 * mq_recharge - change the charge for memory of messages
 * @p: the payer
 * @from: the bytes that are charged
 * @to: the bytes that should be charged
 *
 * Return: true; false if a bound would be exceeded, so that nothing was
 * changed.
 */
bool mq_recharge(struct mq_payer *p, unsigned long from, unsigned long to)
{
	if (to > from)
		return mq_charge_messages(p->user, to - from);
	if (to < from)
		mq_uncharge_messages(p, from - to);
	return true;
}

/* Uncharge memory that was freed. MQ_MOVES is the same as MQ_MESSAGES here. */
void mq_uncharge(struct mq_payer *p, enum mq_budget what, unsigned long bytes)
{
	if (what == MQ_BESIDE) {
		atomic_long_sub(bytes, &p->user->beside);
		atomic_long_sub(bytes, &mq_total_beside);
	} else {
		mq_uncharge_messages(p, bytes);
	}
	mq_payer_put(p);
}

/* Return true if a charge of @bytes would be granted now. */
bool mq_budget_fits(const struct mq_payer *p, unsigned long bytes)
{
	if (atomic_long_read(&mq_total_used) + bytes > READ_ONCE(mq_total_max))
		return false;
	return atomic_long_read(&p->user->used) + bytes <= mq_max_of_user() ||
	       mq_is_exempt();
}

/*
 * After a refused charge of @bytes: return the user, if max_user_bytes was the bound that
 * refused it; NULL, if it was max_total_bytes.
 */
const struct mq_user *mq_budget_limiting_user(const struct mq_payer *p,
					      unsigned long bytes)
{
	if (mq_is_exempt())
		return NULL;
	if (bytes > mq_user_room(p->user))
		return p->user;
	if (bytes > mq_total_room())
		return NULL;
	/* The refused charge may have been that of the largest chunk. */
	return atomic_long_read(&mq_total_used) + SZ_128K <=
	       READ_ONCE(mq_total_max) ? p->user : NULL;
}

/* Return true if @bytes alone exceed a bound of the caller. */
bool mq_budget_exceeds_bounds(unsigned long bytes)
{
	return bytes > READ_ONCE(mq_total_max) ||
	       (bytes > mq_max_of_user() && !mq_is_exempt());
}

void __init mq_budget_init(void)
{
	/* Parameters from the command line have been set before this. */
	if (!mq_total_max)
		mq_total_max = min_t(u64, LONG_MAX,
				     (u64)totalram_pages() / 4 << PAGE_SHIFT);
}

void mq_budget_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&mq_total_used));
	WARN_ON_ONCE(atomic_long_read(&mq_total_beside));
}
