// SPDX-License-Identifier: GPL-2.0
/*
 * The last close of a consumer returns its messages, whether by close(), exec,
 * exit or a signal.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "fixtures/settle.h"

/* -- the last close -------------------------------------------------------- */

TEST_F(settle, close_gives_back_in_order_with_a_failure_each)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 8));
	for (i = 1; i <= 6; i++)
		ASSERT_EQ(0, get_filled(i % 2 ? self->fd : self->other, i));
	ASSERT_EQ(1, mq_ack(self->fd, 3));
	close(self->fd);
	self->fd = -1;
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	MQ_EXPECT(&self->queue, 2, IN_FLIGHT, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 5, READY, 1, 1, CRASH);
	MQ_EXPECT(&self->queue, 7, READY, 0, 0, NONE);
	EXPECT_EQ(4, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(3, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, get_filled(self->other, 1));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, CRASH);
	EXPECT_EQ(0, get_filled(self->other, 5));
	EXPECT_EQ(2, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(0, take(self->other, 7, 8));
	EXPECT_EQ(2, mq_stat_of(&self->queue, redelivered));
}

TEST_F(settle, close_after_release_gives_nothing_back)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	close(self->fd);
	self->fd = -1;
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
}

TEST_F(settle, close_gives_back_a_half_read_message_whole)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	close(self->fd);
	self->fd = -1;
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	EXPECT_EQ(0, mq_get(self->other, "first"));
}

TEST_F(settle, close_wakes_as_many_sleeping_readers_as_it_gives_back)
{
	struct mq_call calls[3];
	char data[3][8];
	int i, fds[3];

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(mq_call_done(&calls[0]) +
				  mq_call_done(&calls[1]) +
				  mq_call_done(&calls[2]) == 2));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
}

TEST_F(settle, failures_add_up)
{
	int i, fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "0"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 1; i <= 30; i++) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, get_filled(fd, 1));
		close(fd);
		MQ_EXPECT(&self->queue, 1, READY, i, i, CRASH);
	}
	EXPECT_EQ(29, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(30, mq_stat_of(&self->queue, delivered));
}

TEST_F(settle, copy_of_the_descriptor_keeps_what_is_held)
{
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	close(self->fd);
	self->fd = copy;
	EXPECT_EQ(2, mq_held(copy));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(2, mq_settle(copy, 1, 2, DEVMQ_ACTION_ACK));
}

TEST_F(settle, child_keeps_what_its_parent_received)
{
	int to_child[2], to_parent[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(to_child));
	ASSERT_EQ(0, pipe(to_parent));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	child = mq_fork();
	if (!child) {
		if (read(to_child[0], &byte, 1) != 1)
			_exit(1);
		if (mq_ack(self->fd, 1) != 1)
			_exit(2);
		if (write(to_parent[1], "x", 1) != 1)
			_exit(3);
		pause();
		_exit(4);
	}
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(1, write(to_child[1], "x", 1));
	ASSERT_EQ(1, read(to_parent[0], &byte, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	MQ_EXPECT(&self->queue, 2, READY, 1, 1, CRASH);
}

TEST_F(settle, killed_holder_gives_back_at_once)
{
	int ready[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (take(fd, 1, 2) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	MQ_EXPECT(&self->queue, 2, READY, 1, 1, CRASH);
	MQ_EXPECT(&self->queue, 3, READY, 0, 0, NONE);
	EXPECT_EQ(0, take(self->fd, 1, 3));
}

TEST_F(settle, killed_holder_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY), ready[2];
	struct mq_call call;
	char data[8] = {};
	pid_t child;
	char byte;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (get_filled(mine, 1) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
}

TEST_F(settle, holder_killed_asleep_gives_back)
{
	pid_t child;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);
		char byte;

		if (get_filled(fd, 1))
			_exit(1);
		mq_read(fd, &byte, 1);
		_exit(2);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
}

TEST_F(settle, exec_closes_and_gives_back)
{
	int ready[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		char * const arguments[] = { "/proc/self/exe", "-h", NULL };

		if (get_filled(fd, 1))
			_exit(1);
		freopen("/dev/null", "w", stderr);
		execv("/proc/self/exe", arguments);
		_exit(2);
	}
	/* The end of file says that exec has closed its descriptors. */
	close(ready[1]);
	EXPECT_EQ(0, read(ready[0], &byte, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	EXPECT_LE(0, mq_wait_child(child));
}

TEST_F(settle, passed_descriptor_keeps_what_is_held_after_its_holder_died)
{
	struct devmq_record record;
	int sockets[2], passed;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (take(fd, 1, 2) || mq_pass_fd(sockets[1], fd))
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, mq_wait_child(child));

	/*
	 * The descriptor is in the socket: no process has it, but it is open.
	 */
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	passed = mq_take_fd(sockets[0]);
	ASSERT_LE(0, passed);
	EXPECT_EQ(2, mq_held(passed));
	EXPECT_EQ(1, mq_ack(passed, 1));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 2, &record));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record.state);
	EXPECT_EQ(0, record.failures);
	close(passed);
	MQ_EXPECT(&self->queue, 2, READY, 1, 1, CRASH);
}

TEST_F(settle, descriptor_that_nobody_takes_gives_back_with_its_socket)
{
	int sockets[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		_exit(get_filled(fd, 1) || mq_pass_fd(sockets[1], fd));
	}
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
}

TEST_F(settle, exclusive_holder_is_followed_by_the_next)
{
	int ready[2], fd;
	pid_t child;
	char byte;

	close(self->other);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	close(self->fd);
	self->fd = -1;
	self->other = -1;
	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY | O_EXCL);

		if (get_filled(mine, 1) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	fd = mq_open(&self->queue, O_RDONLY | O_EXCL | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_filled(fd, 1));
}

TEST_F(settle, tens_of_thousands_are_given_back_in_order)
{
	struct devmq_record *record;
	char *buffer = malloc(4 << 20);
	unsigned int next = 1;
	int got = 0;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 20000));
	while (got < 10000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 500 * 100, &self->recv));
		got += self->recv.count;
		ASSERT_EQ(0, mq_recv(self->other, buffer, 300 * 100,
				     &self->recv));
	}
	close(self->fd);
	close(self->other);
	self->other = -1;
	MQ_OPEN(fd, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(20000, mq_stat_of(&self->queue, ready));
	while (next <= 20000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 4 << 20, &self->recv));
		ASSERT_LT(0, self->recv.count);
		record = NULL;
		while ((record = mq_record_next(buffer, self->recv.used,
						record))) {
			ASSERT_EQ(next, record->id);
			next++;
		}
	}
}

TEST_F(settle, settling_in_many_threads_counts_every_delivery_once)
{
	struct devmq_settlement settlements[4];
	struct devmq_settle settles[4];
	struct mq_call calls[4];
	char *buffer = malloc(1 << 20);
	unsigned int i, round, total;
	long result;

	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, mq_fill_fast(self->fd, 500));
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &self->recv));
		ASSERT_EQ(500, self->recv.count);
		for (i = 0; i < 4; i++) {
			mq_settlement(&settlements[i], round * 500 + 1,
				      round * 500 + 500, DEVMQ_ACTION_ACK);
			memset(&settles[i], 0, sizeof(settles[i]));
			settles[i].size = sizeof(settles[i]);
			settles[i].settlements = (uintptr_t)&settlements[i];
			settles[i].count = 1;
			ASSERT_EQ(0, mq_ioctl_start(&calls[i], self->fd,
						    DEVMQ_IOC_SETTLE,
						    &settles[i]));
		}
		for (total = i = 0; i < 4; i++) {
			result = mq_call_result(&calls[i]);
			ASSERT_TRUE(!result || result == -ESTALE);
			total += settlements[i].settled;
		}
		ASSERT_EQ(500, total);
	}
	EXPECT_EQ(10000, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_HARNESS_MAIN
