// SPDX-License-Identifier: GPL-2.0
/*
 * The sender that the kernel stamps on each message.
 */
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/thread.h"
#include "fixtures/send.h"

/* -- the sender ------------------------------------------------------------ */

/* Receive the next message and return the fixed part of its record. */
static int next_record(int fd, struct devmq_record *record)
{
	struct devmq_recv recv;
	char buffer[1024];
	int error;

	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	memcpy(record, buffer, sizeof(*record));
	return error;
}

TEST_F(send, sender_and_time_are_stamped_by_the_kernel)
{
	uint64_t before = mq_clock_ns(CLOCK_REALTIME), after;
	struct devmq_record record;
	int i;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(2, mq_send_one(self->fd, "b", 1));
	after = mq_clock_ns(CLOCK_REALTIME);
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(0, next_record(self->fd, &record));
		EXPECT_EQ(i, record.id);
		EXPECT_EQ(getuid(), record.uid);
		EXPECT_EQ(getgid(), record.gid);
		EXPECT_EQ(getpid(), record.pid);
		/* The kernel's coarse clock may be a tick behind. */
		EXPECT_LE(before - 20000000, record.time_ns);
		EXPECT_GE(after, record.time_ns);
		EXPECT_EQ(1, record.attempt);
		EXPECT_EQ(0, record.failures);
		EXPECT_EQ(DEVMQ_FAILURE_NONE, record.failure);
		EXPECT_EQ(0, record.priority);
		EXPECT_EQ(0, record.flags);
		EXPECT_EQ(0, record.reserved);
		EXPECT_EQ(0, record.delay_ns);
		EXPECT_EQ(0, record.ttl_ns);
		EXPECT_EQ(0, record.dedup_size);
	}
}

TEST_F(send, sender_is_who_sends_and_not_who_opened)
{
	struct devmq_record record;
	pid_t child;
	int i;

	child = mq_fork();
	if (!child) {
		if (mq_become(1001, 1002))
			_exit(1);
		if (mq_put(self->fd, "write") != 5)
			_exit(2);
		if (mq_send_one(self->fd, "send", 4) != 2)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, next_record(self->fd, &record));
		EXPECT_EQ(1001, record.uid);
		EXPECT_EQ(1002, record.gid);
		EXPECT_EQ(child, record.pid);
	}
}

TEST_F(send, sender_is_the_effective_user)
{
	struct devmq_record record;
	pid_t child;

	child = mq_fork();
	if (!child) {
		if (setresgid(2001, 2002, 2003) || setresuid(1001, 1002, 1003))
			_exit(1);
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(1002, record.uid);
	EXPECT_EQ(2002, record.gid);
}

TEST_F(send, sender_through_a_passed_descriptor_is_the_one_that_got_it)
{
	struct devmq_record record;
	int sockets[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = mq_fork();
	if (!child) {
		int fd;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		fd = mq_take_fd(sockets[1]);
		_exit(fd >= 0 && mq_put(fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_pass_fd(sockets[0], self->fd));
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(MQ_NOBODY, record.uid);
	EXPECT_EQ(MQ_NOBODY, record.gid);
	EXPECT_EQ(child, record.pid);
}

TEST_F(send, thread_sends_as_its_process)
{
	struct devmq_record record;
	struct mq_call call;

	ASSERT_EQ(0, mq_write_start(&call, self->fd, "x", 1));
	ASSERT_EQ(1, mq_call_result(&call));
	ASSERT_NE(getpid(), call.tid);
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(getpid(), record.pid);
}

TEST_F(send, dead_sender_keeps_its_stamp)
{
	struct devmq_record record;
	pid_t child = mq_fork();

	if (!child)
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 1);
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(child, record.pid);
	EXPECT_EQ(0, record.uid);
}

TEST_F(send, sender_is_seen_from_the_receivers_user_namespace)
{
	int unshared[2], mapped[2];
	struct devmq_record record;
	char path[64], answer;
	pid_t child;

	child = mq_fork();
	if (!child) {
		if (mq_become(1001, 1002))
			_exit(1);
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(1, mq_put(self->fd, "y"));

	ASSERT_EQ(0, pipe(unshared));
	ASSERT_EQ(0, pipe(mapped));
	child = mq_fork();
	if (!child) {
		char byte = 'n';

		if (!unshare(CLONE_NEWUSER))
			byte = 'y';
		if (write(unshared[1], &byte, 1) != 1)
			_exit(1);
		if (read(mapped[0], &byte, 1) != 1)
			_exit(2);
		if (next_record(self->fd, &record))
			_exit(3);
		if (record.uid != 7)
			_exit(4);
		if (record.gid != 8)
			_exit(5);
		if (next_record(self->fd, &record))
			_exit(6);
		/* Root is not mapped in this user namespace. */
		if (record.uid != 65534)
			_exit(7);
		if (record.gid != 65534)
			_exit(8);
		_exit(0);
	}
	ASSERT_EQ(1, read(unshared[0], &answer, 1));
	if (answer == 'n')
		SKIP(return, "no user namespaces");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
	ASSERT_EQ(0, mq_write_file(path, "7 1001 1"));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", child);
	ASSERT_EQ(0, mq_write_file(path, "8 1002 1"));
	ASSERT_EQ(1, write(mapped[1], "x", 1));
	EXPECT_EQ(0, mq_wait_child(child));
}

TEST_F(send, pid_is_zero_to_a_receiver_in_another_pid_namespace)
{
	struct devmq_record record;
	pid_t child;
	int code;

	ASSERT_EQ(1, mq_put(self->fd, "x"));
	child = mq_fork();
	if (!child) {
		if (unshare(CLONE_NEWPID))
			_exit(42);
		child = fork();
		if (!child) {
			if (next_record(self->fd, &record))
				_exit(1);
			if (record.pid)
				_exit(2);
			_exit(mq_put(self->fd, "y") == 1 ? 0 : 3);
		}
		waitpid(child, &code, 0);
		if (next_record(self->fd, &record))
			_exit(4);
		/*
		 * unshare() does not move the caller: this process is still in
		 * the initial pid namespace, and must get its child's pid
		 * there.
		 */
		if (record.pid != child)
			_exit(5);
		_exit(WIFEXITED(code) ? WEXITSTATUS(code) : 6);
	}
	code = mq_wait_child(child);
	if (code == 42)
		SKIP(return, "no pid namespaces");
	EXPECT_EQ(0, code);
}

TEST_HARNESS_MAIN
