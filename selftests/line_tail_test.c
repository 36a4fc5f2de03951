// SPDX-License-Identifier: GPL-2.0
/*
 * framing=line: the tail of a write, which has no newline yet, its place in the bounds,
 * and what becomes of it at the close.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/line.h"

TEST_F(line, tail_waits_for_its_newline)
{
	EXPECT_EQ(2, mq_put(self->writer, "ab"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EMPTY();
	EXPECT_EQ(2, mq_put(self->writer, "cd"));
	EXPECT_EMPTY();
	EXPECT_EQ(5, mq_put(self->writer, "ef\ngh"));
	EXPECT_EQ(0, mq_get(self->fd, "abcdef\n"));
	EXPECT_EMPTY();
	EXPECT_EQ(1, mq_put(self->writer, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "gh\n"));
	EXPECT_EMPTY();
}

TEST_F(line, one_byte_at_a_time)
{
	const char *text = "hello\n\nworld\n";

	for (; *text; text++)
		ASSERT_EQ(1, mq_write(self->writer, text, 1));
	EXPECT_EQ(0, mq_get(self->fd, "hello\n"));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "world\n"));
	EXPECT_EMPTY();
}

TEST_F(line, tail_becomes_a_message_at_close)
{
	ASSERT_EQ(8, mq_put(self->writer, "line\ntai"));
	ASSERT_EQ(1, mq_put(self->writer, "l"));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "line\n"));
	EXPECT_EQ(0, mq_get(self->fd, "tail\n"));
	EXPECT_EMPTY();
}

TEST_F(line, nothing_is_sent_at_close_without_a_tail)
{
	ASSERT_EQ(5, mq_put(self->writer, "line\n"));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(line, tail_waits_for_the_last_close)
{
	int copy = dup(self->writer);

	ASSERT_LE(0, copy);
	ASSERT_EQ(4, mq_put(self->writer, "tail"));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	ASSERT_EQ(5, mq_put(copy, " end\n"));
	EXPECT_EQ(0, mq_get(self->fd, "tail end\n"));
	ASSERT_EQ(4, mq_put(copy, "more"));
	close(copy);
	EXPECT_EQ(0, mq_get(self->fd, "more\n"));
}

TEST_F(line, tails_of_different_opens_do_not_mix)
{
	int other = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);

	ASSERT_LE(0, other);
	ASSERT_EQ(2, mq_put(self->writer, "ab"));
	ASSERT_EQ(2, mq_put(other, "xy"));
	ASSERT_EQ(2, mq_put(self->writer, "c\n"));
	ASSERT_EQ(2, mq_put(other, "z\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abc\n"));
	EXPECT_EQ(0, mq_get(self->fd, "xyz\n"));
}

/* -- the place of a tail ---------------------------------------------------- */

TEST_F(line, tail_has_a_place_in_the_bounds)
{
	RECREATE("max_messages=2 max_bytes=10");
	ASSERT_EQ(4, mq_put(self->writer, "tail"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "sevenb\n"));
	EXPECT_EQ(2, mq_put(self->fd, "x\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(6, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(2, mq_put(self->fd, "y\n"));
	EXPECT_EQ(0, mq_get(self->fd, "tail\n"));
	EXPECT_EQ(0, mq_get(self->fd, "y\n"));
}

#define TAILS	200

/*
 * Write a tail of this size to each of many files and close them: how many were
 * accepted.
 */
static int leave_tails(const struct mq_queue *queue, unsigned int size)
{
	static const char tail[64] = "0123456789012345678901234567890123456789";
	int i, in = 0, fds[TAILS];
	ssize_t done;

	for (i = 0; i < TAILS; i++) {
		fds[i] = mq_open(queue, O_WRONLY | O_NONBLOCK);
		if (fds[i] < 0)
			return fds[i];
		done = mq_write(fds[i], tail, size);
		if (done != -EAGAIN && done != size)
			return -EIO;
		in += done == size;
	}
	for (i = 0; i < TAILS; i++)
		close(fds[i]);
	return in;
}

TEST_F(line, tails_of_many_files_keep_to_the_bounds)
{
	RECREATE("max_messages=2");
	EXPECT_EQ(2, leave_tails(&self->queue, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, leave_tails(&self->queue, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	RECREATE("max_bytes=100");
	EXPECT_EQ(3, leave_tails(&self->queue, 30));
	EXPECT_EQ(90, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(1, leave_tails(&self->queue, 10));
	EXPECT_EQ(100, mq_stat_of(&self->queue, bytes));
}

TEST_F(line, tail_that_is_completed_takes_its_place)
{
	RECREATE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->writer, "a"));
	ASSERT_EQ(1, mq_put(self->writer, "b"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x\n"));
	EXPECT_EQ(2, mq_put(self->writer, "c\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "d"));
	EXPECT_EQ(0, mq_get(self->fd, "abc\n"));
	EXPECT_EQ(1, mq_put(self->writer, "d"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x\n"));
}

TEST_F(line, tail_that_finds_no_room_is_as_a_message)
{
	RECREATE("max_messages=1");
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "t"));
	EXPECT_EQ(0, mq_poll(self->writer, POLLOUT));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(POLLOUT, mq_poll(self->writer, POLLOUT));
	/* The line takes the only place, so its tail finds none. */
	EXPECT_EQ(2, mq_put(self->writer, "a\nt"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	RECREATE("max_messages=1 overflow=reject");
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	EXPECT_EQ(-ENOSPC, mq_put(self->writer, "t"));
	RECREATE("max_messages=1 overflow=drop-head");
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	EXPECT_EQ(1, mq_put(self->writer, "t"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "y\n"));
	EXPECT_EQ(2, mq_put(self->writer, "u\n"));
	EXPECT_EQ(0, mq_get(self->fd, "tu\n"));
}

TEST_F(line, tail_makes_room_by_dead_letters)
{
	struct mq_queue grave;

	RECREATE("max_messages=2 max_bytes=10");
	ASSERT_EQ(0, mq_create(&grave, "max_messages=2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				  grave.name));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(4, mq_put(self->fd, "one\n"));
	ASSERT_EQ(4, mq_put(self->fd, "two\n"));
	EXPECT_EQ(1, mq_put(self->writer, "a"));
	EXPECT_EQ(1, mq_stat_of(&grave, ready));
	/* A tail that grows needs room for its bytes alone. */
	EXPECT_EQ(5, mq_put(self->writer, "bcdef"));
	EXPECT_EQ(1, mq_stat_of(&grave, ready));
	EXPECT_EQ(1, mq_put(self->writer, "g"));
	EXPECT_EQ(2, mq_stat_of(&grave, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(3, mq_put(self->fd, "12\n"));
	EXPECT_EQ(-ENOSPC, mq_put(self->writer, "h"));
	EXPECT_EQ(0, mq_get(self->fd, "12\n"));
	EXPECT_EQ(2, mq_put(self->writer, "h\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abcdefgh\n"));
}

TEST_F(line, writer_of_a_tail_sleeps_until_there_is_room)
{
	int fd = mq_open(&self->queue, O_WRONLY);
	struct mq_call call;

	RECREATE("max_messages=1");
	close(fd);
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "tail", 4));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(4, mq_call_result(&call));
	/* The next writer gets in when the waiting one is gone. */
	ASSERT_EQ(0, mq_write_start(&call, self->fd, "y\n", 2));
	EXPECT_EQ(-EAGAIN, mq_call_result(&call));
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "tail\n"));
	EXPECT_EQ(2, mq_put(self->fd, "y\n"));
}

TEST_F(line, tail_that_grows_waits_for_bytes_alone)
{
	struct mq_queue other;
	struct mq_call call;
	int fd, other_fd;
	char byte;

	RECREATE("max_messages=3 max_bytes=13");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_create(&other, "ack=manual"));
	other_fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, other_fd);
	ASSERT_EQ(8, mq_put(self->fd, "1234567\n"));
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	ASSERT_EQ(2, mq_put(fd, "ab"));
	/* Redriven messages are accepted, so they take all places. */
	ASSERT_EQ(1, mq_put(other_fd, "r"));
	ASSERT_EQ(1, mq_read(other_fd, &byte, 1));
	ASSERT_EQ(1, mq_reject(other_fd, 1));
	ASSERT_EQ(1, mq_redrive(other_fd, 0, 0, self->fd, NULL));
	ASSERT_EQ(0, mq_write_start(&call, fd, "cdef\n", 5));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "1234567\n"));
	EXPECT_EQ(5, mq_call_result(&call));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y\n"));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(0, mq_get(self->fd, "r\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abcdef\n"));
	close(fd);
	close(other_fd);
}

TEST_F(line, signal_while_a_tail_waits_to_grow_leaves_it)
{
	struct mq_call call;
	int fd;

	RECREATE("max_bytes=10");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, mq_put(fd, "ab"));
	ASSERT_EQ(8, mq_put(self->fd, "1234567\n"));
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(0, mq_write_start(&call, fd, "c", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	close(fd);
	EXPECT_EQ(10, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(0, mq_get(self->fd, "1234567\n"));
	EXPECT_EQ(0, mq_get(self->fd, "ab\n"));
}

TEST_F(line, poll_waits_until_a_tail_can_grow)
{
	RECREATE("max_messages=2 max_bytes=10");
	ASSERT_EQ(2, mq_put(self->writer, "ab"));
	ASSERT_EQ(7, mq_put(self->fd, "123456\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "cd"));
	EXPECT_EQ(0, mq_poll(self->writer, POLLOUT));
	EXPECT_EQ(1, mq_put(self->writer, "c"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "d\n"));
	EXPECT_EQ(0, mq_poll(self->writer, POLLOUT));
	EXPECT_EQ(0, mq_get(self->fd, "123456\n"));
	EXPECT_EQ(POLLOUT, mq_poll(self->writer, POLLOUT));
	EXPECT_EQ(2, mq_put(self->writer, "d\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abcd\n"));
}

TEST_F(line, beginning_that_is_cut_off_gives_its_room_back)
{
	RECREATE("max_message_size=4 max_messages=2 max_bytes=10");
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "longer"));
	EXPECT_EQ(2, mq_put(self->writer, "ab"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "cde"));
	EXPECT_EQ(4, mq_put(self->fd, "123\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x\n"));
	EXPECT_EQ(2, mq_put(self->writer, "c\n"));
	EXPECT_EQ(0, mq_get(self->fd, "123\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abc\n"));
	/* The whole room is free again. */
	EXPECT_EQ(8, mq_put(self->fd, "123\n456\n"));
}

TEST_F(line, bounds_that_get_lower_leave_a_tail_its_place)
{
	RECREATE("max_messages=3 max_bytes=20");
	ASSERT_EQ(6, mq_put(self->writer, "abcdef"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	EXPECT_EQ(2, mq_put(self->writer, "g\n"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "4"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y\n"));
	close(self->fd);
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "abcdefg\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y\n"));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(2, mq_put(self->fd, "y\n"));
}

TEST_F(line, higher_bounds_wake_a_tail_that_waits)
{
	struct mq_call call;
	int fd;

	RECREATE("max_bytes=4");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, mq_put(fd, "ab"));
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "cd", 2));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "6"));
	EXPECT_EQ(2, mq_call_result(&call));
	ASSERT_EQ(0, mq_write_start(&call, fd, "e", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, mq_call_result(&call));
	close(fd);
}

TEST_F(line, tail_at_close_wakes_a_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(4, mq_put(self->writer, "tail"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(5, mq_call_result(&call));
	EXPECT_STREQ("tail\n", data);
}

TEST_F(line, tail_of_a_killed_writer_is_sent)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_WRONLY);

		if (mq_put(fd, "line\ntail") != 9)
			_exit(1);
		kill(getpid(), SIGKILL);
		_exit(2);
	}
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_get(self->fd, "line\n"));
	EXPECT_EQ(0, mq_get(self->fd, "tail\n"));
}

TEST_F(line, tail_is_stamped_with_its_sender)
{
	struct devmq_record record;
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_WRONLY);

		if (mq_become(1001, 1002))
			_exit(1);
		_exit(mq_put(fd, "tail") == 4 ? 0 : 2);
	}
	EXPECT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(1001, record.uid);
	EXPECT_EQ(1002, record.gid);
	EXPECT_EQ(child, record.pid);
}

TEST_F(line, tail_goes_before_end_of_file_at_hangup)
{
	struct mq_call call;
	char data[8] = {};
	int reader;

	RECREATE("eof=hangup");
	close(self->fd);
	self->fd = -1;
	reader = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, reader);
	ASSERT_EQ(4, mq_put(self->writer, "tail"));
	ASSERT_EQ(0, mq_read_start(&call, reader, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(5, mq_call_result(&call));
	EXPECT_STREQ("tail\n", data);
	EXPECT_EQ(0, mq_read(reader, data, sizeof(data)));
}

TEST_F(line, tail_of_a_removed_queue_goes_away)
{
	ASSERT_EQ(4, mq_put(self->writer, "tail"));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENODEV, mq_put(self->writer, "x\n"));
	EXPECT_EQ(0, close(self->writer));
	self->writer = -1;
}

TEST_HARNESS_MAIN
