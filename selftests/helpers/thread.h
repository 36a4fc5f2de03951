/* SPDX-License-Identifier: GPL-2.0 */
/* A system call that another thread makes. */
#ifndef MQ_TEST_THREAD_H
#define MQ_TEST_THREAD_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "helpers/call.h"
#include "helpers/sleep.h"

struct mq_call {
	long number;		/* SYS_read, SYS_write, SYS_ioctl, SYS_fsync or SYS_poll */
	int fd;
	unsigned long command;	/* of an ioctl */
	void *data;
	size_t size;
	short events;		/* of a poll; then what it returned */
	long result;		/* of the call; negative errno on failure */
	pid_t tid;
	bool done;
	pthread_t thread;
};

static inline void *mq_call_thread(void *argument)
{
	struct mq_call *call = argument;
	struct pollfd poll_fd = { .fd = call->fd, .events = call->events };
	long result;

	__atomic_store_n(&call->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	switch (call->number) {
	case SYS_read:
		result = mq_read(call->fd, call->data, call->size);
		break;
	case SYS_write:
		result = mq_write(call->fd, call->data, call->size);
		break;
	case SYS_ioctl:
		result = mq_ioctl(call->fd, call->command, call->data);
		break;
	case SYS_fsync:
		result = fsync(call->fd);
		if (result < 0)
			result = -errno;
		break;
	case SYS_poll:
		result = poll(&poll_fd, 1, -1);
		if (result < 0)
			result = -errno;
		call->events = poll_fd.revents;
		break;
	default:
		result = -ENOSYS;
	}
	call->result = result;
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static inline int mq_call_start(struct mq_call *call)
{
	call->tid = 0;
	call->done = false;
	call->result = -EINPROGRESS;
	return -pthread_create(&call->thread, NULL, mq_call_thread, call);
}

static inline bool mq_call_done(struct mq_call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

/* Wait until the thread sleeps in its call. */
static inline bool mq_call_sleeps(struct mq_call *call)
{
	return mq_wait_until(mq_call_done(call) ||
			     (__atomic_load_n(&call->tid, __ATOMIC_ACQUIRE) &&
			      mq_is_asleep(getpid(), call->tid,
					   call->number))) &&
	       !mq_call_done(call);
}

/* Signal a thread that sleeps in its call. Does it sleep in it again after that? */
static inline bool mq_call_outlasts(struct mq_call *call, int signal)
{
	long switches = mq_switches(getpid(), call->tid);

	return !pthread_kill(call->thread, signal) &&
	       mq_wait_until(mq_switches(getpid(), call->tid) > switches) &&
	       mq_call_sleeps(call);
}

/* Wait until the call ends: its result, or -ETIME if it does not end. */
static inline long mq_call_result(struct mq_call *call)
{
	if (!mq_wait_until(mq_call_done(call)))
		return -ETIME;
	pthread_join(call->thread, NULL);
	return call->result;
}

static inline int mq_read_start(struct mq_call *call, int fd, void *data,
				size_t size)
{
	*call = (struct mq_call) {
		.number = SYS_read, .fd = fd, .data = data, .size = size,
	};
	return mq_call_start(call);
}

static inline int mq_write_start(struct mq_call *call, int fd,
				 const void *data, size_t size)
{
	*call = (struct mq_call) {
		.number = SYS_write, .fd = fd, .data = (void *)data,
		.size = size,
	};
	return mq_call_start(call);
}

static inline int mq_ioctl_start(struct mq_call *call, int fd,
				 unsigned long command, void *argument)
{
	*call = (struct mq_call) {
		.number = SYS_ioctl, .fd = fd, .command = command,
		.data = argument,
	};
	return mq_call_start(call);
}

static inline int mq_poll_start(struct mq_call *call, int fd, short events)
{
	*call = (struct mq_call) {
		.number = SYS_poll, .fd = fd, .events = events,
	};
	return mq_call_start(call);
}

#endif /* MQ_TEST_THREAD_H */
