/* SPDX-License-Identifier: GPL-2.0 */
/* A call with its argument: see ioc.c. */
#ifndef MQ_CALL_IOC_H
#define MQ_CALL_IOC_H

#include <linux/types.h>
#include <linux/devmq.h>

struct mq_file;
struct mq_ioc_op;

union mq_ioc_arg {
	u32			size;
	struct devmq_send	send;
	struct devmq_recv	recv;
	struct devmq_settle	settle;
	struct devmq_consumer	consumer;
	struct devmq_peek	peek;
	struct devmq_purge	purge;
	struct devmq_redrive	redrive;
	struct devmq_revoke	revoke;
	struct devmq_stat	stat;
};

/**
 * struct mq_ioc - a call: an ioctl, or the same command from io_uring
 * @f: the open file
 * @op: the table's line for the ioctl
 * @nowait: it must not sleep, as the open file's O_NONBLOCK or io_uring says
 * @inlined: io_uring runs it while it is submitted, so it must not sleep at all
 * @arg: the kernel's copy of the argument
 * @uarg: the user's argument
 * @usize: bytes of the argument that both sides know
 * @published: the results have been written to the user
 */
struct mq_ioc {
	struct mq_file	*f;
	const struct mq_ioc_op *op;
	bool		nowait;
	bool		inlined;
	union mq_ioc_arg arg;
	void __user	*uarg;
	u32		usize;
	bool		published;
};

/*
 * Which open files may call: any, or those that were opened for reading, for
 * writing, or for reading or looking.
 */
enum mq_access { MQ_ANY, MQ_READS, MQ_WRITES, MQ_LOOKS };

/**
 * struct mq_ioc_op - a line in the table of ioctls
 * @cmd: number of the ioctl
 * @access: which open files may call it
 * @size: bytes of the argument that this module knows
 * @min_size: bytes of the argument's first version
 * @tells: an error with which the results are written, too; or 0
 * @fn: carries the ioctl out
 */
struct mq_ioc_op {
	unsigned int	cmd;
	enum mq_access	access;
	u32		size;
	u32		min_size;
	int		tells;
	int		(*fn)(struct mq_ioc *ioc);
};

int mq_ioc_publish(struct mq_ioc *ioc);
int mq_ioc_run(struct mq_ioc *ioc);

#endif /* MQ_CALL_IOC_H */
