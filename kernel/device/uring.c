// SPDX-License-Identifier: GPL-2.0
/*
 * SEND, RECV and SETTLE from io_uring. The structures and the code are those of
 * the ioctls; only the way in and the way out differ.
 *
 * io_uring first issues a command in a mode in which it must not wait, with the
 * ring's lock held. What can be done is done at once, and a command that would
 * have to wait is parked (park.c). In a worker thread, which a command gets to
 * only if its user asked for that (IOSQE_ASYNC), it may sleep, as an ioctl
 * would.
 */
#include <linux/devmq.h>

#include "base/compat.h"
#include "call/ioc.h"
#include "call/park.h"
#include "device/ioctl.h"
#include "device/uring.h"
#include "queue/openfile.h"
#include "queue/queue.h"

/* Check this driver's part of the SQE, and get its address. */
static int mq_uring_addr(struct io_uring_cmd *cmd, u64 *addr)
{
	const struct devmq_uring_cmd *c = mq_uring_payload(cmd);

	/* The user can write there at any time: read each field once. */
	*addr = READ_ONCE(c->addr);
	if (READ_ONCE(c->flags) || READ_ONCE(c->reserved) ||
	    cmd->flags & MQ_URING_USER_FLAGS)
		return -EINVAL;
	return 0;
}

/* Return true if the ioctl would wait, on a descriptor without O_NONBLOCK. */
static bool mq_uring_waits(const struct mq_ioc *ioc, u32 cmd_op)
{
	const struct devmq_recv *a = &ioc->arg.recv;

	return cmd_op != DEVMQ_IOC_RECV || (a->deadline_ns && !a->id);
}

/* Return true if the command waits for the disk: that takes a worker thread. */
static bool mq_uring_syncs(const struct mq_ioc *ioc, u32 cmd_op)
{
	if (!ioc->f->q->feed.journal)
		return false;
	if (cmd_op == DEVMQ_IOC_SEND)
		return ioc->f->sync ||
		       ioc->arg.send.flags & DEVMQ_SEND_SYNC;
	return cmd_op == DEVMQ_IOC_SETTLE &&
	       ioc->arg.settle.flags & DEVMQ_SETTLE_SYNC;
}

static int mq_uring_run(struct io_uring_cmd *cmd, u64 addr,
			unsigned int issue_flags)
{
	bool nonblock = READ_ONCE(cmd->file->f_flags) & O_NONBLOCK;
	bool inline_only = issue_flags & IO_URING_F_NONBLOCK;
	struct mq_ioc ioc __uninitialized;
	int err;

	mq_ioc_init(&ioc, cmd->file->private_data, u64_to_user_ptr(addr));
	ioc.nowait = nonblock || inline_only;
	ioc.inlined = inline_only;
	err = mq_ioc_begin(&ioc, cmd->cmd_op);
	if (!err && inline_only && mq_uring_syncs(&ioc, cmd->cmd_op))
		return -ERESTARTNOINTR;
	err = err ?: mq_ioc_run(&ioc);
	/*
	 * A sender of a topic waits for its turn, and at one of many queues: in a
	 * worker thread.
	 */
	if (err == -EAGAIN && inline_only && ioc.f->q->topic)
		return -ERESTARTNOINTR;
	if (err != -EAGAIN || nonblock || !inline_only ||
	    !mq_uring_waits(&ioc, cmd->cmd_op))
		return err;
	return mq_park(cmd, &ioc, issue_flags);
}

static int mq_uring_issue(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	u64 addr;
	int err;

	if (mq_uring_polls(cmd, issue_flags))
		return -EOPNOTSUPP;
	switch (cmd->cmd_op) {
	case DEVMQ_IOC_SEND:
	case DEVMQ_IOC_RECV:
	case DEVMQ_IOC_SETTLE:
		return mq_uring_addr(cmd, &addr) ?:
		       mq_uring_run(cmd, addr, issue_flags);
	case DEVMQ_URING_CANCEL:
		err = mq_uring_addr(cmd, &addr);
		return err ?: mq_park_cancel_user(cmd->file->private_data, cmd,
					       addr);
	default:
		return -EOPNOTSUPP;
	}
}

int mq_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int err;

	if (mq_uring_cancels(issue_flags)) {
		mq_park_cancel_ring(cmd, issue_flags);
		return 0;
	}
	err = mq_uring_issue(cmd, issue_flags);
	switch (err) {
	case -EAGAIN:
		/* To io_uring this means: try again in a worker thread. */
		mq_uring_done(cmd, err, issue_flags);
		return -EIOCBQUEUED;
	case -ERESTARTSYS:
		return -EINTR;
	case -ERESTARTNOINTR:
		return -EAGAIN;
	default:
		return err;
	}
}
