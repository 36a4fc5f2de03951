/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of compat.h that is about block devices, which is long: each few
 * versions of the kernel claim them in another way.
 */
#ifndef MQ_COMPAT_BLOCK_H
#define MQ_COMPAT_BLOCK_H

#include <linux/blkdev.h>
#include <linux/file.h>

#include "base/compat.h"

/**
 * struct mq_claim - a block device that nobody else may write to or mount
 * @of: what the kernel knows the claim by, or NULL
 */
struct mq_claim {
	void *of;
};

/* Claim a block device for @holder. Return 0 or an error, as EBUSY. */
static inline int mq_claim_begin(struct mq_claim *c, dev_t dev, void *holder)
{
#if MQ_SINCE(6, 9)
	c->of = bdev_file_open_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_WRITE,
				      holder, NULL);
#elif MQ_SINCE(6, 7)
	c->of = bdev_open_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_WRITE, holder,
				 NULL);
#elif MQ_SINCE(6, 5)
	c->of = blkdev_get_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_WRITE, holder,
				  NULL);
#else
	c->of = blkdev_get_by_dev(dev, FMODE_READ | FMODE_WRITE | FMODE_EXCL,
				  holder);
#endif
	if (!IS_ERR(c->of))
		return 0;
	return PTR_ERR(xchg(&c->of, NULL));
}

static inline void mq_claim_end(struct mq_claim *c, void *holder)
{
	if (!c->of)
		return;
#if MQ_SINCE(6, 9)
	fput(c->of);
#elif MQ_SINCE(6, 7)
	bdev_release(c->of);
#elif MQ_SINCE(6, 5)
	blkdev_put(c->of, holder);
#else
	blkdev_put(c->of, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
#endif
	c->of = NULL;
}

#endif /* MQ_COMPAT_BLOCK_H */
