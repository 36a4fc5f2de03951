/* SPDX-License-Identifier: GPL-2.0 */
/* Processes: children, signals, users, and passing descriptors. */
#ifndef MQ_TEST_PROCESS_H
#define MQ_TEST_PROCESS_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers/clock.h"
#include "helpers/queue.h"

/* An unprivileged uid and gid. */
#define MQ_NOBODY	65534

static inline void mq_signal_handler(int number)
{
}

/*
 * Let SIGUSR1 interrupt system calls and do nothing else. @flags: SA_RESTART or
 * 0.
 */
static inline int mq_catch_signal(int flags)
{
	struct sigaction action = {
		.sa_handler = mq_signal_handler,
		.sa_flags = flags,
	};

	return sigaction(SIGUSR1, &action, NULL) ? -errno : 0;
}

/*
 * Fork a child that is killed when its parent dies. The child's mq_cleanup()
 * does not remove the queues of its parent.
 */
static inline pid_t mq_fork(void)
{
	pid_t parent = getpid(), child;

	fflush(NULL);
	child = fork();
	if (!child) {
		mq_forget_queues();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	return child;
}

/*
 * Wait for a child: its exit status, 128 plus the signal that killed it, or a
 * negative errno.
 */
static inline int mq_wait_child(pid_t child)
{
	uint64_t end = mq_now_ms() + MQ_PATIENCE_MS;
	int status;
	pid_t done;

	while (!(done = waitpid(child, &status, WNOHANG))) {
		if (mq_now_ms() > end) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -ETIME;
		}
		usleep(500);
	}
	if (done < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}

/* Change to this user and group, permanently. */
static inline int mq_become(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* Send a descriptor through a Unix domain socket. */
static inline int mq_pass_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 'x';
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -errno;
}

/* Receive a descriptor that mq_pass_fd() sent, or a negative errno. */
static inline int mq_take_fd(int socket)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, 0) != 1)
		return -errno;
	if (control.header.cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	return fd;
}

#endif /* MQ_TEST_PROCESS_H */
