// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that wait in a ring when the ring, its process or the queue ends: no
 * message is lost.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/uring_cmd.h"

TEST_F(parked, killed_process_leaves_the_messages)
{
	int told[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(told));
	child = parked_child(&self->queue, variant->flags, 8, told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
}

TEST_F(parked, process_that_is_killed_as_messages_come_loses_none)
{
	int told[2], round, kept = 0, given = 0;
	pid_t child;
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_AUTO, 0));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, pipe(told));
		ASSERT_EQ(0, fcntl(told[0], F_SETFL, O_NONBLOCK));
		child = parked_child(&self->queue, variant->flags, 8, told[1]);
		close(told[1]);
		ASSERT_TRUE(mq_wait_until(read(told[0], &byte, 1) == 1));
		ASSERT_EQ(0, mq_fill(self->other, 4 + round % 3));
		ASSERT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue,
						     consumers) == 1));
		/*
		 * Messages that are gone were received by the child and
		 * acknowledged.
		 */
		given = mq_stat_of(&self->queue, acked);
		kept = mq_stat_of(&self->queue, ready);
		EXPECT_EQ(mq_stat_of(&self->queue, sent), given + kept);
		EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
		close(told[0]);
		while (mq_read(self->other, &byte, 1) > 0)
			;
	}
}

TEST_F(parked, stopped_process_does_not_keep_a_message_from_others)
{
	struct mq_call call;
	char data[8], byte;
	int told[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe(told));
	child = parked_child(&self->queue, variant->flags, 1, told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* The command of the stopped process is first in line. */
	ASSERT_EQ(1, mq_put(self->other, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	ASSERT_EQ(0, kill(child, SIGCONT));
	ASSERT_EQ(1, mq_put(self->other, "b"));
	ASSERT_EQ(1, read(told[0], &byte, 1));
	EXPECT_EQ('m', byte);
	EXPECT_EQ(0, mq_wait_child(child));
}

/*
 * The ring is closed by another process while the task that submitted its
 * command is stopped.
 */
TEST_F(parked, stopped_process_does_not_keep_its_ring_from_going)
{
	int told[2], status;
	pid_t child;
	char byte;

	if (variant->flags)
		SKIP(return, "only its creator can submit to such a ring");
	ASSERT_EQ(0, pipe(told));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);

		ring_recv(&self->ring, fd, &self->receipts[0], 1, 1);
		if (fd < 0 || ring_submit(&self->ring) != 1 || parked(fd) != 1)
			_exit(1);
		ring_close(&self->ring);
		close(fd);
		if (write(told[1], "p", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	close(told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	ring_close(&self->ring);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_EQ(0, ring_open(&self->ring));
}

TEST_F(parked, end_of_file_ends_the_wait)
{
	int fd, writer;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "hangup"));
	close(self->fd);
	close(self->other);
	self->other = -1;
	writer = mq_open(&self->queue, O_WRONLY);
	fd = mq_open(&self->queue, O_RDONLY);
	self->fd = fd;
	ASSERT_LE(0, fd);
	ring_recv(&self->ring, fd, &self->receipts[0], 1, 1);
	ring_recv(&self->ring, fd, &self->receipts[1], 1, 1);
	PARK(fd, 2);
	close(writer);
	COMPLETES(0, 1);
	COMPLETES(0, 1);
	EXPECT_EQ(0, self->receipts[0].recv.count);
	EXPECT_EQ(0, self->receipts[1].recv.count);
}

TEST_F(parked, removal_ends_the_wait)
{
	int i, recvs = 0, sends = 0;
	__u64 which;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	for (i = 0; i < 4; i++)
		ring_recv(&self->ring, self->fd, &self->receipts[i], 1, 1);
	mq_batch_add(&self->batch, "b");
	ring_send(&self->ring, self->fd, &self->send, &self->batch, 2);
	PARK(self->fd, 5);
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(-ENODEV, ring_wait(&self->ring, &which));
		recvs += which == 1;
		sends += which == 2;
	}
	EXPECT_EQ(4, recvs);
	EXPECT_EQ(1, sends);
	EXPECT_EQ(0, parked(self->fd));
}

TEST_F(parked, nothing_is_lost_where_the_results_cannot_be_told)
{
	char *edge = mq_edge() - sizeof(struct receipt);
	size_t page = sysconf(_SC_PAGESIZE);
	struct receipt *receipt = (void *)((uintptr_t)edge & ~7UL);
	struct mq_call call;
	char data[8];

	ring_recv(&self->ring, self->fd, receipt, 1, 1);
	PARK(self->fd, 1);
	ASSERT_EQ(0, mq_read_start(&call, self->fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, munmap((void *)((uintptr_t)receipt & ~(page - 1)),
			    page * 2));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	COMPLETES(-EFAULT, 1);
	/* The next reader gets the message. */
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_HARNESS_MAIN
