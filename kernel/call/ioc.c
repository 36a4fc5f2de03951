// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out a call whose argument was read: an ioctl, or the same command
 * from io_uring. The callers are ioctl.c, uring.c and park.c.
 */
#include <linux/uaccess.h>

#include "call/ioc.h"

/* Write the argument, which has the results, back to the user. */
int mq_ioc_publish(struct mq_ioc *ioc)
{
	if (copy_to_user(ioc->uarg, &ioc->arg, ioc->usize))
		return -EFAULT;
	ioc->published = true;
	return 0;
}

/*
 * Return 0 if the argument can be written. It lies in two pages at most, so
 * write its first and its last byte.
 */
static int mq_ioc_probe(struct mq_ioc *ioc)
{
	const u8 *arg = (const u8 *)&ioc->arg;
	u8 __user *to = ioc->uarg;
	u32 last = ioc->usize - 1;

	static_assert(sizeof(ioc->arg) <= PAGE_SIZE);
	return put_user(arg[0], to) ?: put_user(arg[last], to + last);
}

/* Carry out a call that mq_ioc_begin() prepared, and write its results. */
int mq_ioc_run(struct mq_ioc *ioc)
{
	int err;

	/* The user must learn the results: check first that it can. */
	err = mq_ioc_probe(ioc);
	if (err)
		return err;
	err = ioc->op->fn(ioc);
	if (!ioc->published && (!err || err == ioc->op->tells))
		return mq_ioc_publish(ioc) ?: err;
	return err;
}
