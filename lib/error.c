// SPDX-License-Identifier: LGPL-2.1-or-later
/* What errors mean for a queue, in words. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * What errors mean for a queue, a journal or the control node: all those that the table
 * in linux/devmq.h describes, and others that mean something else there than strerror(3)
 * says.
 */
static const char *const lmq_errors[] = {
	[0]		= "no error",
	[E2BIG]		= "the command is longer than it may be, or the filter too large",
	[EAGAIN]	= "the call would have to wait",
	[EBADF]		= "the descriptor is not open, or not open for this",
	[EBADMSG]	= "what is in the buffer is malformed",
	[EBUSY]		= "others use it, or this open file holds deliveries",
	[ECANCELED]	= "the call was ended by devmq_wake()",
	[EDQUOT]	= "messages take all the memory that they may",
	[EEXIST]	= "there is a queue with this name, or such a binding, already",
	[EFAULT]	= "a pointer does not lead to memory that can be used",
	[EINTR]		= "a signal came while the call waited",
	[EINVAL]	= "a value is not allowed here, or the queue has no journal",
	[EIO]		= "the queue's journal has failed",
	[ELOOP]		= "messages would go round in a circle, or through too many topics",
	[EMSGSIZE]	= "the message is larger than the queue takes",
	[ENAMETOOLONG]	= "the name is longer than a queue's may be",
	[ENODEV]	= "the queue has been removed",
	[ENODATA]	= "the file is no journal, or not a complete one",
	[ENOENT]	= "there is no such queue, option, message or binding",
	[ENOMEM]	= "the kernel, or the caller's memory cgroup, has no memory",
	[ENOSPC]	= "the queue is full",
	[ENOTBLK]	= "this is neither a regular file nor a block device",
	[ENOTCONN]	= "no journal of that name is attached",
	[ENOTEMPTY]	= "the queue still stores messages",
	[ENOTTY]	= "this is not a queue",
	[ENXIO]		= "the queue has no device node",
	[EOPNOTSUPP]	= "the module, or the file system, cannot do this",
	[EPERM]		= "it is for the owner, of both nodes where two are bound",
	[ESRCH]		= "holders have no process ids in this pid namespace",
	[ESTALE]	= "no such delivery is held",
	[ETIMEDOUT]	= "the time is over",
	[EUCLEAN]	= "the journal is damaged",
	[EPIPE]		= "messages are no longer retained that were not read",
	[EXDEV]		= "the other queue is not in the same journal",
};

/* Unlike strerror(3), the same text in every thread and locale. */
static const char *lmq_system_error(unsigned int number)
{
#ifdef __GLIBC__
	const char *text = strerrordesc_np((int)number);
#else
	const char *text = strerror((int)number);
#endif

	return text ? text : "unknown error";
}

LMQ_EXPORT const char *devmq_strerror(int error)
{
	unsigned int number = error < 0 ? -(unsigned int)error :
					  (unsigned int)error;

	if (number < sizeof(lmq_errors) / sizeof(*lmq_errors) &&
	    lmq_errors[number])
		return lmq_errors[number];
	return lmq_system_error(number);
}
