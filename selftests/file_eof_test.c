// SPDX-License-Identifier: GPL-2.0
/*
 * End of file: eof=never, eof=empty and eof=hangup.
 */
#include <poll.h>
#include <signal.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/thread.h"
#include "fixtures/file.h"

/* -- end of file ------------------------------------------------------------ */

TEST_F(file, eof_never_waits_at_the_end)
{
	MQ_REOPEN_QUEUE("eof=never");
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
}

TEST_F(file, eof_empty_ends_when_nothing_is_ready)
{
	int fd;

	MQ_REOPEN_QUEUE("eof=empty");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(0, mq_get(fd, "a"));
	EXPECT_EQ(0, mq_get(fd, "b"));
	EXPECT_EQ(0, mq_read(fd, (char [4]) {}, 4));
	EXPECT_EQ(0, mq_read(self->fd, (char [4]) {}, 4));
	EXPECT_EQ(POLLIN, mq_poll(fd, POLLIN));

	/* The end is not final: a message that comes later is read. */
	ASSERT_EQ(1, mq_put(self->fd, "c"));
	EXPECT_EQ(0, mq_get(fd, "c"));
	EXPECT_EQ(0, mq_read(fd, (char [4]) {}, 4));
}

TEST_F(file, eof_empty_counts_only_what_is_ready)
{
	int other;
	char byte;

	MQ_REOPEN_QUEUE("eof=empty");
	other = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_read(other, (char [4]) {}, 4));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, eof_hangup_ends_when_no_writer_is_left)
{
	int reader;

	MQ_REOPEN_QUEUE("eof=hangup");
	reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, reader);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(reader, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(reader, (char [4]) {}, 4));
	EXPECT_EQ(0, mq_poll(reader, POLLIN));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	close(self->fd);
	EXPECT_EQ(0, mq_get(reader, "b"));
	EXPECT_EQ(0, mq_read(reader, (char [4]) {}, 4));
	EXPECT_EQ(POLLIN, mq_poll(reader, POLLIN));

	/* An open file for looking is no writer, one for writing is. */
	MQ_OPEN(fd, MQ_LOOK);
	EXPECT_EQ(0, mq_read(reader, (char [4]) {}, 4));
	close(self->fd);
	MQ_OPEN(fd, O_WRONLY);
	EXPECT_EQ(-EAGAIN, mq_read(reader, (char [4]) {}, 4));
	EXPECT_EQ(0, mq_poll(reader, POLLIN));
}

TEST_F(file, eof_hangup_counts_the_readers_own_sends_not_its_access)
{
	MQ_REOPEN_QUEUE("eof=hangup");
	EXPECT_EQ(0, mq_read(self->fd, (char [4]) {}, 4));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(file, eof_hangup_is_not_held_off_by_one_open_for_both_that_only_reads)
{
	struct mq_call call;
	char data[8];
	int fd;

	MQ_REOPEN_QUEUE("eof=hangup");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(fd, "a"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, mq_call_result(&call));
	close(fd);
}

TEST_F(file, eof_hangup_wakes_sleeping_readers_at_the_last_close)
{
	struct mq_call calls[3];
	char data[3][8];
	int i, fds[3], second;

	MQ_REOPEN_QUEUE("eof=hangup");
	close(self->fd);
	MQ_OPEN(fd, O_WRONLY);
	second = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, second);
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	close(second);
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(mq_call_sleeps(&calls[i]));
	close(self->fd);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, mq_call_result(&calls[i]));
}

TEST_F(file, eof_hangup_wakes_poll_at_the_last_close)
{
	struct mq_call call;
	int reader;

	MQ_REOPEN_QUEUE("eof=hangup");
	close(self->fd);
	MQ_OPEN(fd, O_WRONLY);
	reader = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, mq_poll_start(&call, reader, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_TRUE(call.events & POLLIN);
}

TEST_F(file, eof_hangup_wakes_readers_when_the_writer_is_killed)
{
	struct mq_call call;
	char byte;
	int reader, ready[2];
	pid_t child;

	MQ_REOPEN_QUEUE("eof=hangup");
	reader = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, pipe(ready));
	close(self->fd);
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_WRONLY);

		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, mq_read_start(&call, reader, &byte, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_call_result(&call));
}

TEST_F(file, eof_changed_live_wakes_sleeping_readers)
{
	struct mq_call calls[2];
	char data[2][8];
	int i, fds[2];

	for (i = 0; i < 2; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "empty"));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, mq_call_result(&calls[i]));
}

TEST_HARNESS_MAIN
