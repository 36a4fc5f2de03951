// SPDX-License-Identifier: GPL-2.0
/*
 * A call that has its argument: an ioctl, or the same command from io_uring. It is
 * carried out here, whoever came by what way (ioctl.c, uring.c, park.c).
 */
#include <linux/uaccess.h>

#include "call/ioc.h"

/* Write the argument, results and all, back to the caller. */
int mq_ioc_publish(struct mq_ioc *ioc)
{
	if (copy_to_user(ioc->uarg, &ioc->arg, ioc->usize))
		return -EFAULT;
	ioc->published = true;
	return 0;
}

/* Could it be written? It lies in two pages at most. */
static int mq_ioc_probe(struct mq_ioc *ioc)
{
	const u8 *arg = (const u8 *)&ioc->arg;
	u8 __user *to = ioc->uarg;
	u32 last = ioc->usize - 1;

	static_assert(sizeof(ioc->arg) <= PAGE_SIZE);
	return put_user(arg[0], to) ?: put_user(arg[last], to + last);
}

/* Carry out what mq_ioc_begin() began, and write the results. */
int mq_ioc_run(struct mq_ioc *ioc)
{
	int err;

	/* The results must be told: see that they can be before they exist. */
	err = mq_ioc_probe(ioc);
	if (err)
		return err;
	err = ioc->op->fn(ioc);
	if (!ioc->published && (!err || err == ioc->op->tells))
		return mq_ioc_publish(ioc) ?: err;
	return err;
}
