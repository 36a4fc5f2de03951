// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out a call whose argument was read: an ioctl, or the same command
 * from io_uring. The callers are ioctl.c, uring.c and park.c.
 */
#include <linux/uaccess.h>

#include "call/ioc.h"

/*
 * Write the argument, which has the results, back to the user. As its size was
 * checked, this skips the hardened usercopy check.
 */
int mq_ioc_publish(struct mq_ioc *ioc)
{
	if (_copy_to_user(ioc->uarg, &ioc->arg, ioc->usize))
		return -EFAULT;
	ioc->published = true;
	return 0;
}

/*
 * Return true if results can be written to the @size bytes at @to, which lie in two
 * pages at most: write the first and the last byte of @from.
 */
bool mq_probe_user(const void *from, void __user *to, size_t size)
{
	const u8 *bytes = from;
	u8 __user *at = to;

	return !put_user(bytes[0], at) && !put_user(bytes[size - 1], at + size - 1);
}

/* Carry out a call that mq_ioc_begin() prepared, and write its results. */
int mq_ioc_run(struct mq_ioc *ioc)
{
	int err;

	static_assert(sizeof(ioc->arg) <= PAGE_SIZE);
	ioc->published = false;
	/* The user must learn the results: check first that it can. */
	if (unlikely(!mq_probe_user(&ioc->arg, ioc->uarg, ioc->usize)))
		return -EFAULT;
	err = ioc->op->fn(ioc);
	if (!ioc->published && (!err || err == ioc->op->tells))
		return mq_ioc_publish(ioc) ?: err;
	return err;
}
