/* SPDX-License-Identifier: GPL-2.0 */
/* How a read or a write may wait. */
#ifndef MQ_CALL_IOCB_H
#define MQ_CALL_IOCB_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "base/compat.h"

/*
 * Return where the bytes of an iterator are, if they are one piece of the caller's memory
 * and the file has the short ways of read(2) and write(2); else NULL.
 */
static inline void __user *mq_iocb_plain(const struct kiocb *iocb,
					 const struct iov_iter *i)
{
	if (unlikely(!iocb->ki_filp->f_op->write))
		return NULL;
	if (iter_is_ubuf(i))
		return i->ubuf + i->iov_offset;
	if (iter_is_iovec(i) && i->nr_segs == 1)
		return iter_iov(i)->iov_base + i->iov_offset;
	return NULL;
}

/* Return true if the call must not sleep for a message or for room. */
static inline bool mq_iocb_nowait(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ||
	       iocb->ki_filp->f_flags & O_NONBLOCK;
}

/* Return true if it must not even sleep for a moment: it is tried again. */
static inline bool mq_iocb_hurries(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT &&
	       !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

/*
 * Take mq_file.rx or mq_file.tx. Return 0, EAGAIN or ERESTARTSYS.
 *
 * Other threads hold these locks while they copy, but not while they wait for a
 * message. So a file with O_NONBLOCK sleeps for them: EAGAIN has to mean that
 * there is no message. A call with IOCB_NOWAIT, which is tried again, must not
 * sleep even for that.
 */
static inline int mq_iocb_lock(const struct kiocb *iocb, struct mutex *lock)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return mutex_trylock(lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(lock) ? -ERESTARTSYS : 0;
}

#endif /* MQ_CALL_IOCB_H */
