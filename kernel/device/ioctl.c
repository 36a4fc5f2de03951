// SPDX-License-Identifier: GPL-2.0
/*
 * The entry of all ioctls, and of the commands from io_uring. A table says what
 * each of them takes. Each argument begins with its size, which says how much
 * of it the caller knows.
 */
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>
#include <linux/devmq.h>

#include <asm/ioctls.h>

#include "call/batch.h"
#include "call/batch_send.h"
#include "call/bind.h"
#include "call/ioc.h"
#include "call/peek.h"
#include "call/receive.h"
#include "call/redrive.h"
#include "call/replay.h"
#include "call/revoke.h"
#include "call/send.h"
#include "call/settle.h"
#include "device/ioctl.h"
#include "queue/openfile.h"
#include "queue/queue.h"
#include "queue/stat.h"

/*
 * The layout is the same for 32- and 64-bit callers, and no member ever moves.
 */
#define MQ_LAYOUT(type, size) static_assert(sizeof(struct type) == (size))
#define MQ_OFFSET(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset))

MQ_LAYOUT(devmq_record, 72);
MQ_OFFSET(devmq_record, id, 8);
MQ_OFFSET(devmq_record, ttl_ns, 32);
MQ_OFFSET(devmq_record, uid, 40);
MQ_OFFSET(devmq_record, failures, 56);
MQ_OFFSET(devmq_record, priority, 60);
MQ_OFFSET(devmq_record, extra_size, 64);
MQ_LAYOUT(devmq_extra, 56);
MQ_OFFSET(devmq_extra, reason, 40);
MQ_OFFSET(devmq_extra, topic_id, 48);
MQ_LAYOUT(devmq_header, 4);
MQ_LAYOUT(devmq_send, 48);
MQ_OFFSET(devmq_send, count, 24);
MQ_LAYOUT(devmq_recv, 88);
MQ_OFFSET(devmq_recv, max_count, 40);
MQ_OFFSET(devmq_recv, ack_first_id, 64);
MQ_LAYOUT(devmq_settlement, 56);
MQ_OFFSET(devmq_settlement, action, 32);
MQ_OFFSET(devmq_settlement, dead, 48);
MQ_LAYOUT(devmq_settle, 32);
MQ_OFFSET(devmq_settle, count, 16);
MQ_LAYOUT(devmq_consumer, 48);
MQ_LAYOUT(devmq_peek, 72);
MQ_OFFSET(devmq_peek, states, 32);
MQ_OFFSET(devmq_peek, count, 48);
MQ_LAYOUT(devmq_purge, 48);
MQ_OFFSET(devmq_purge, states, 32);
MQ_LAYOUT(devmq_stat, 288);
MQ_LAYOUT(devmq_redrive, 56);
MQ_OFFSET(devmq_redrive, target_fd, 24);
MQ_OFFSET(devmq_redrive, reason, 48);
MQ_LAYOUT(devmq_revoke, 80);
MQ_OFFSET(devmq_revoke, how, 16);
MQ_LAYOUT(devmq_bind, 32);
MQ_OFFSET(devmq_bind, filter, 16);
MQ_LAYOUT(devmq_binding, 104);
MQ_LAYOUT(devmq_bindings, 56);
MQ_OFFSET(devmq_bindings, count, 36);
MQ_LAYOUT(devmq_uring_cmd, 16);

static int mq_ioc_stat(struct mq_ioc *ioc)
{
	if (ioc->arg.stat.flags)
		return -EINVAL;
	return mq_queue_stat(ioc->f->q, &ioc->arg.stat);
}

#define MQ_IOC(_cmd, _access, _callee, _name, _last, _tells) {		\
	.cmd = DEVMQ_IOC_##_cmd,					\
	.access = _access,						\
	.callee = MQ_OF_##_callee,					\
	.size = sizeof(struct devmq_##_name),				\
	.min_size = offsetofend(struct devmq_##_name, _last),		\
	.tells = _tells,						\
	.fn = mq_ioc_##_name,						\
}

/* UNBIND has the argument of BIND. */
#define devmq_unbind	devmq_bind

static const struct mq_ioc_op mq_ioc_ops[] = {
	MQ_IOC(SEND, MQ_WRITES, BOTH, send, last_id, 0),
	MQ_IOC(RECV, MQ_READS, QUEUES, recv, need, -EMSGSIZE),
	MQ_IOC(SETTLE, MQ_READS, QUEUES, settle, settled, 0),
	MQ_IOC(CONSUMER, MQ_READS, QUEUES, consumer, last_id, 0),
	MQ_IOC(PEEK, MQ_LOOKS, BOTH, peek, need, -EMSGSIZE),
	MQ_IOC(PURGE, MQ_REMOVES, BOTH, purge, purged, 0),
	MQ_IOC(REDRIVE, MQ_LOOKS, QUEUES, redrive, stranded, -ENOSPC),
	MQ_IOC(REVOKE, MQ_LOOKS, QUEUES, revoke, busy, 0),
	MQ_IOC(STAT, MQ_ANY, BOTH, stat, oldest_ms, 0),
	MQ_IOC(BIND, MQ_WRITES, TOPICS, bind, id, 0),
	MQ_IOC(UNBIND, MQ_WRITES, TOPICS, unbind, id, 0),
	MQ_IOC(BINDINGS, MQ_ANY, TOPICS, bindings, need, -EMSGSIZE),
};

static const struct mq_ioc_op *mq_ioc_find(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mq_ioc_ops); i++)
		if (mq_ioc_ops[i].cmd == cmd)
			return &mq_ioc_ops[i];
	return NULL;
}

static bool mq_ioc_allowed(const struct mq_file *f, enum mq_access access)
{
	switch (access) {
	case MQ_READS:
		return f->mode & FMODE_READ;
	case MQ_WRITES:
		return f->mode & FMODE_WRITE;
	case MQ_LOOKS:
		return f->mode & FMODE_READ || f->look;
	case MQ_REMOVES:
		return f->look || (f->mode & FMODE_READ &&
				   (!f->q->topic || f->mode & FMODE_WRITE));
	default:
		return true;
	}
}

/* Return true if the ioctl is for what the file is of: a queue, or a topic. */
static bool mq_ioc_is_for(const struct mq_queue *q, enum mq_callee callee)
{
	return callee != (q->topic ? MQ_OF_QUEUES : MQ_OF_TOPICS);
}

static int mq_ioc_fetch(struct mq_ioc *ioc, const struct mq_ioc_op *op)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)ioc->uarg))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	/* Most callers know as much as this module: this takes less time. */
	if (likely(size == op->size))
		err = _copy_from_user(&ioc->arg, ioc->uarg, size) ? -EFAULT : 0;
	else
		err = copy_struct_from_user(&ioc->arg, op->size, ioc->uarg, size);
	if (err)
		return err;
	/* Use the size that was checked: the user may have changed it. */
	ioc->arg.size = size;
	ioc->usize = min(size, op->size);
	return 0;
}

static long mq_fionread(struct mq_file *f, int __user *to)
{
	if (READ_ONCE(f->q->gone))
		return -ENODEV;
	return put_user(f->q->topic ? mq_replay_next_size(f) : mq_next_size(f),
			to);
}

/**
 * mq_ioc_begin - check that a call is allowed, and read its argument
 * @ioc: the call, with the open file and the argument's address
 * @cmd: number of the ioctl
 *
 * Return: 0, ENOTTY, EBADF, ENODEV; EINVAL: it is for a queue and this is a topic,
 * or the other way round; or an error of the argument.
 */
int mq_ioc_begin(struct mq_ioc *ioc, unsigned int cmd)
{
	ioc->op = mq_ioc_find(cmd);
	if (!ioc->op)
		return -ENOTTY;
	if (!mq_ioc_allowed(ioc->f, ioc->op->access))
		return -EBADF;
	if (READ_ONCE(ioc->f->q->gone))
		return -ENODEV;
	if (!mq_ioc_is_for(ioc->f->q, ioc->op->callee))
		return -EINVAL;
	return mq_ioc_fetch(ioc, ioc->op);
}

/*
 * Read the argument of a call that is made for each message, if there may be a quick
 * way. Return false if the call has to go the general way from the start.
 */
static bool mq_ioc_fetch_quick(struct mq_ioc *ioc, unsigned int cmd)
{
	return (cmd == DEVMQ_IOC_SEND && mq_send_fetch(ioc)) ||
	       (cmd == DEVMQ_IOC_RECV && mq_recv_fetch(ioc));
}

long mq_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct mq_file *f = file->private_data;
	struct mq_ioc ioc __uninitialized;
	int ret = 0;

	if (cmd == FIONREAD)
		return mq_fionread(f, (int __user *)arg);
	mq_ioc_init(&ioc, f, (void __user *)arg);
	ioc.file = file;
	ioc.nowait = file->f_flags & O_NONBLOCK;
	if (mq_ioc_fetch_quick(&ioc, cmd)) {
		if (cmd == DEVMQ_IOC_SEND)
			ret = mq_send_quick(&ioc) ?: mq_record_quick(&ioc);
		if (ret)
			return min(ret, 0);
		ioc.op = mq_ioc_find(cmd);
		return mq_ioc_run(&ioc);
	}
	if (cmd == DEVMQ_IOC_SETTLE)
		ret = mq_settle_quick(f, ioc.uarg);
	if (ret)
		return min(ret, 0);
	return mq_ioc_begin(&ioc, cmd) ?: mq_ioc_run(&ioc);
}
