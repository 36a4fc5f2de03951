/* SPDX-License-Identifier: GPL-2.0 */
/* A call with its argument: see ioc.c. */
#ifndef MQ_CALL_IOC_H
#define MQ_CALL_IOC_H

#include <linux/types.h>
#include <linux/devmq.h>

struct file;
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
	struct devmq_bind	bind;
	struct devmq_bindings	bindings;
};

/**
 * struct mq_ioc - a call: an ioctl, or the same command from io_uring
 * @f: the open file
 * @file: the same, as the kernel has it; NULL: the call came from io_uring
 * @op: the table's line for the ioctl
 * @nowait: it must not sleep, as the open file's O_NONBLOCK or io_uring says
 * @inlined: io_uring runs it while it is submitted, so it must not sleep at all
 * @arg: the kernel's copy of the argument
 * @uarg: the user's argument
 * @usize: bytes of the argument that both sides know
 * @published: the results have been written to the user
 * @acked: a RECV has carried out the acknowledgements that it was called with
 */
struct mq_ioc {
	struct mq_file	*f;
	struct file	*file;
	const struct mq_ioc_op *op;
	bool		nowait;
	bool		inlined;
	union mq_ioc_arg arg;
	void __user	*uarg;
	u32		usize;
	bool		published;
	bool		acked;
};

/*
 * Which open files may call: any (MQ_ANY); those opened for reading; for writing; for
 * reading or looking (MQ_LOOKS). MQ_REMOVES is MQ_LOOKS, but a file of a topic that was
 * opened for reading must be open for writing as well: reading a topic removes nothing,
 * so permission to read is not permission to remove.
 */
enum mq_access { MQ_ANY, MQ_READS, MQ_WRITES, MQ_LOOKS, MQ_REMOVES };

/* What may be called: queues, topics, or both. */
enum mq_callee { MQ_OF_QUEUES, MQ_OF_TOPICS, MQ_OF_BOTH };

/**
 * struct mq_ioc_op - a line in the table of ioctls
 * @cmd: number of the ioctl
 * @access: which open files may call it
 * @callee: what it is for
 * @size: bytes of the argument that this module knows
 * @min_size: bytes of the argument's first version
 * @tells: an error with which the results are written, too; or 0
 * @fn: carries the ioctl out
 */
struct mq_ioc_op {
	unsigned int	cmd;
	enum mq_access	access;
	enum mq_callee	callee;
	u32		size;
	u32		min_size;
	int		tells;
	int		(*fn)(struct mq_ioc *ioc);
};

/*
 * Prepare a call, which is declared as __uninitialized, so that the compiler does not
 * clear the argument: mq_ioc_begin() writes all of it that the ioctl has.
 */
static inline void mq_ioc_init(struct mq_ioc *ioc, struct mq_file *f,
			       void __user *uarg)
{
	ioc->f = f;
	ioc->file = NULL;
	ioc->nowait = false;
	ioc->inlined = false;
	ioc->uarg = uarg;
	ioc->published = false;
	ioc->acked = false;
}

bool mq_probe_user(const void *from, void __user *to, size_t size);
int mq_ioc_publish(struct mq_ioc *ioc);
int mq_ioc_run(struct mq_ioc *ioc);

#endif /* MQ_CALL_IOC_H */
