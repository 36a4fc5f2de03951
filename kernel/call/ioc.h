/* SPDX-License-Identifier: GPL-2.0 */
/* A call that has its argument: see ioc.c. */
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
 * struct mq_ioc - an ioctl, or the same command from io_uring, under way
 * @f: the open file
 * @op: which one it is
 * @nowait: not to sleep, as the descriptor or io_uring says
 * @arg: the kernel's copy of the argument
 * @uarg: the user's
 * @usize: bytes of it that both sides know
 * @published: the results have been written to the user already
 */
struct mq_ioc {
	struct mq_file	*f;
	const struct mq_ioc_op *op;
	bool		nowait;
	union mq_ioc_arg arg;
	void __user	*uarg;
	u32		usize;
	bool		published;
};

/* Who may call: any open file, or one that was opened so. */
enum mq_access { MQ_ANY, MQ_READS, MQ_WRITES, MQ_LOOKS };

/**
 * struct mq_ioc_op - an ioctl
 * @cmd: its number
 * @access: who may call it
 * @size: bytes of the argument as this module knows it
 * @min_size: bytes of its first version
 * @tells: error with which the results are written all the same, or 0
 * @fn: carries it out
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
