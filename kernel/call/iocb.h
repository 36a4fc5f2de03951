/* SPDX-License-Identifier: GPL-2.0 */
/* How a read or a write may wait. */
#ifndef MQ_CALL_IOCB_H
#define MQ_CALL_IOCB_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/types.h>

/* May not sleep for a message or for room: both ways of saying so. */
static inline bool mq_iocb_nowait(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ||
	       iocb->ki_filp->f_flags & O_NONBLOCK;
}

/*
 * These locks are held while others copy, not while they wait for a message,
 * so O_NONBLOCK takes them: EAGAIN is to mean that nothing is there. Only
 * IOCB_NOWAIT, whose caller asks again, must not sleep even for that.
 */
static inline int mq_iocb_lock(const struct kiocb *iocb, struct mutex *lock)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return mutex_trylock(lock) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(lock) ? -ERESTARTSYS : 0;
}

#endif /* MQ_CALL_IOCB_H */
