// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes by io_uring: they complete at once if they can, or else wait
 * by poll, and need no worker thread.
 */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/ring.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(uring) {
	struct mq_queue queue;
	int fd;			/* O_RDWR */
	int other;		/* O_RDWR, O_NONBLOCK */
	struct ring ring;
	char data[ENTRIES][64];
};

FIXTURE_SETUP(uring)
{
	MQ_REQUIRE();
	RING_OPEN(0);
	RING_OPEN_QUEUE();
}

FIXTURE_TEARDOWN(uring)
{
	RING_TEARDOWN();
}

TEST_F(uring, ready_reads_are_done_at_once_without_a_worker)
{
	__u64 which;
	int i;

	ASSERT_EQ(0, mq_fill(self->other, 8));
	for (i = 0; i < 8; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(8, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, ring_done(&self->ring, &which)) {
			TH_LOG("completion %d is not there", i);
		}
		EXPECT_EQ(i, which);
		EXPECT_EQ('1' + i, self->data[i][1]);
	}
	EXPECT_EQ(0, workers());
	EXPECT_EQ(8, mq_stat_of(&self->queue, acked));
}

TEST_F(uring, ready_writes_are_done_at_once_without_a_worker)
{
	char texts[8][8];
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(texts[i], sizeof(texts[i]), "m%d", i + 1);
		ring_write(&self->ring, self->fd, texts[i], i);
	}
	ASSERT_EQ(8, ring_submit(&self->ring));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(2, ring_done(&self->ring, NULL)) {
			TH_LOG("completion %d is not there", i);
		}
	}
	EXPECT_EQ(0, workers());
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, mq_get(self->other, texts[i]));
}

TEST_F(uring, large_ready_messages_are_done_at_once)
{
	char *data = malloc(100000), *got = malloc(100000);

	memset(data, 'x', 100000);
	ring_sqe(&self->ring, IORING_OP_WRITE, self->fd, data, 100000, 1);
	ring_read(&self->ring, self->fd, got, 100000, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(100000, ring_done(&self->ring, NULL));
	EXPECT_EQ(100000, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	EXPECT_EQ(0, memcmp(data, got, 100000));
}

TEST_F(uring, read_waits_for_a_message_without_a_worker)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, read_with_framing_line_ends_in_a_newline)
{
	struct mq_queue lines;
	int fd;

	ASSERT_EQ(0, mq_create(&lines, "framing=line"));
	fd = mq_open(&lines, O_RDWR);
	ASSERT_LE(0, fd);
	ring_read(&self->ring, fd, self->data[0], 64, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_send_one(fd, "hello", 5));
	EXPECT_EQ(6, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "hello\n", 6));
	EXPECT_EQ(1, mq_stat_of(&lines, acked));
	close(fd);
}

TEST_F(uring, write_waits_for_room_without_a_worker)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_write(&self->ring, self->fd, "b", 1);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
	ASSERT_EQ(0, mq_get(self->other, "a"));
	EXPECT_EQ(1, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, mq_get(self->other, "b"));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, many_reads_wait_and_each_gets_a_message)
{
	bool seen[ENTRIES] = {};
	__u64 which;
	int i;

	for (i = 0; i < 32; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(32, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(0, mq_fill(self->other, 32));
	for (i = 0; i < 32; i++) {
		int message;

		ASSERT_LE(2, ring_wait(&self->ring, &which)) {
			TH_LOG("only %d of 32", i);
		}
		message = atoi(self->data[which] + 1);
		ASSERT_TRUE(message >= 1 && message <= 32);
		EXPECT_FALSE(seen[message]);
		seen[message] = true;
	}
	EXPECT_EQ(0, workers());
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, read_told_not_to_wait_completes_with_eagain)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 1)->rw_flags =
		RWF_NOWAIT;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, ring_done(&self->ring, NULL));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, errors_complete)
{
	int i, result[5] = {};
	__u64 which;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "4"));
	ring_write(&self->ring, self->fd, "12345", 1);
	ring_sqe(&self->ring, IORING_OP_WRITE, self->fd, MQ_BAD_POINTER, 4, 2);
	ring_sqe(&self->ring, IORING_OP_FSYNC, self->fd, NULL, 0, 3)->off = 0;
	ASSERT_EQ(3, ring_submit(&self->ring));
	for (i = 0; i < 3; i++) {
		int error = ring_wait(&self->ring, &which);

		ASSERT_LE(which, 3);
		result[which] = error;
	}
	EXPECT_EQ(-EMSGSIZE, result[1]);
	EXPECT_EQ(-EFAULT, result[2]);
	EXPECT_EQ(-EINVAL, result[3]);
	ASSERT_EQ(1, mq_put(self->other, "x"));
	ring_read(&self->ring, self->fd, MQ_BAD_POINTER, 4, 4);
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-EFAULT, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, mq_get(self->other, "x"));
}

TEST_F(uring, removal_completes_what_waits)
{
	struct io_uring_sqe *sqe;
	int i;

	for (i = 0; i < 4; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	sqe = ring_sqe(&self->ring, IORING_OP_POLL_ADD, self->fd, NULL, 0, 9);
	sqe->off = 0;
	sqe->poll32_events = POLLIN;
	ASSERT_EQ(5, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	for (i = 0; i < 5; i++) {
		__u64 which;
		int result = ring_wait(&self->ring, &which);

		EXPECT_EQ(which == 9 ? POLLIN | POLLERR | POLLHUP : -ENODEV,
			  result);
	}
}

TEST_F(uring, removal_completes_a_waiting_write)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->other, "a"));
	ring_write(&self->ring, self->fd, "b", 1);
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, ring_wait(&self->ring, NULL));
}

TEST_F(uring, cancelled_read_leaves_the_message)
{
	struct io_uring_sqe *sqe;
	__u64 which;
	int i, result;

	ring_read(&self->ring, self->fd, self->data[0], 64, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	sqe = ring_sqe(&self->ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 8);
	sqe->addr = 7;
	sqe->off = 0;
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		result = ring_wait(&self->ring, &which);
		EXPECT_EQ(which == 7 ? -ECANCELED : 0, result);
	}
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(0, mq_get(self->other, "hello"));
}

TEST_F(uring, ring_that_closes_leaves_the_messages)
{
	int i;

	for (i = 0; i < 8; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(8, ring_submit(&self->ring));
	ring_close(&self->ring);
	/*
	 * The kernel ends the ring asynchronously, and only then drops its
	 * reference to the file.
	 */
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, ring_open(&self->ring));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(0, mq_get(self->other, "m1"));
	EXPECT_EQ(7, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, killed_process_leaves_the_messages)
{
	struct ring ring;
	int ready[2], i;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);

		if (ring_open(&ring))
			_exit(1);
		for (i = 0; i < 8; i++)
			ring_read(&ring, fd, self->data[i], 64, i);
		if (ring_submit(&ring) != 8 || write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, mq_fill(self->other, 8));
	EXPECT_EQ(8, mq_stat_of(&self->queue, ready));
}

TEST_F(uring, forced_worker_waits_and_is_woken)
{
	ring_read(&self->ring, self->fd, self->data[0], 64, 1)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
}

TEST_F(uring, forced_worker_can_be_cancelled)
{
	struct io_uring_sqe *sqe;
	__u64 which = 0;
	int result;

	ring_read(&self->ring, self->fd, self->data[0], 64, 7)->flags =
		IOSQE_ASYNC;
	ASSERT_EQ(1, ring_submit(&self->ring));
	ASSERT_TRUE(mq_wait_until(workers() == 1));
	sqe = ring_sqe(&self->ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 8);
	sqe->addr = 7;
	sqe->off = 0;
	ASSERT_EQ(1, ring_submit(&self->ring));
	while (which != 7) {
		result = ring_wait(&self->ring, &which);
		ASSERT_NE(-ENODATA, result);
	}
	EXPECT_TRUE(result == -EINTR || result == -ECANCELED) {
		TH_LOG("got %d", result);
	}
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	EXPECT_EQ(0, mq_get(self->other, "hello"));
}

TEST_F(uring, linked_write_and_read)
{
	__u64 which;

	ring_write(&self->ring, self->fd, "hello", 1)->flags = IOSQE_IO_LINK;
	ring_read(&self->ring, self->fd, self->data[0], 64, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, &which));
	EXPECT_EQ(1, which);
	EXPECT_EQ(5, ring_wait(&self->ring, &which));
	EXPECT_EQ(2, which);
	EXPECT_EQ(0, memcmp(self->data[0], "hello", 5));
}

TEST_F(uring, registered_buffers)
{
	struct iovec vectors[2] = {
		{ self->data[0], 64 }, { self->data[1], 64 },
	};

	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd,
			     IORING_REGISTER_BUFFERS, vectors, 2));
	memcpy(self->data[0], "hello", 6);
	ring_sqe(&self->ring, IORING_OP_WRITE_FIXED, self->fd, self->data[0],
		 5, 1)->buf_index = 0;
	ring_sqe(&self->ring, IORING_OP_READ_FIXED, self->fd, self->data[1],
		 64, 2)->buf_index = 1;
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[1], "hello", 5));
	EXPECT_EQ(0, workers());
}

TEST_F(uring, vectors)
{
	struct iovec out[2] = { { "hel", 3 }, { "lo", 2 } };
	struct iovec in[2] = { { self->data[0], 2 }, { self->data[1], 64 } };

	ring_sqe(&self->ring, IORING_OP_WRITEV, self->fd, out, 2, 1);
	ring_sqe(&self->ring, IORING_OP_READV, self->fd, in, 2, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(5, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[0], "he", 2));
	EXPECT_EQ(0, memcmp(self->data[1], "llo", 3));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(uring, short_read_goes_on_with_the_next)
{
	ASSERT_EQ(5, mq_put(self->other, "hello"));
	ring_read(&self->ring, self->fd, self->data[0], 2, 1)->flags =
		IOSQE_IO_LINK;
	ring_read(&self->ring, self->fd, self->data[1], 64, 2);
	ASSERT_EQ(2, ring_submit(&self->ring));
	EXPECT_EQ(2, ring_wait(&self->ring, NULL));
	EXPECT_EQ(3, ring_wait(&self->ring, NULL));
	EXPECT_EQ(0, memcmp(self->data[1], "llo", 3));
}

TEST_F(uring, poll_tells_a_message)
{
	struct io_uring_sqe *sqe;

	sqe = ring_sqe(&self->ring, IORING_OP_POLL_ADD, self->fd, NULL, 0, 1);
	sqe->off = 0;
	sqe->poll32_events = POLLIN;
	ASSERT_EQ(1, ring_submit(&self->ring));
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_put(self->other, "x"));
	EXPECT_EQ(POLLIN, ring_wait(&self->ring, NULL));
}

TEST_F(uring, waiting_read_does_not_swallow_what_a_plain_reader_waits_for)
{
	struct mq_call call;
	char data[8];
	int i, fd = mq_open(&self->queue, O_RDONLY);
	int done = 0;

	/* With as many messages as waiters of both kinds, each gets one. */
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++)
		ring_read(&self->ring, self->fd, self->data[i], 64, i);
	ASSERT_EQ(3, ring_submit(&self->ring));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_fill(self->other, 4));
	for (i = 0; i < 3; i++)
		done += ring_wait(&self->ring, NULL) == 2;
	EXPECT_EQ(3, done);
	EXPECT_EQ(2, mq_call_result(&call));
}

/* -- one read for many messages -------------------------------------------- */

/* The linux/io_uring.h that the tests are built with may lack this. */
#define OP_READ_MULTISHOT	49

FIXTURE(multishot) {
	struct mq_queue queue;
	int fd;			/* O_RDWR */
	int other;		/* O_RDWR, O_NONBLOCK */
	struct ring ring;
	struct buffers buffers;
	struct io_uring_cqe cqe;
};

FIXTURE_SETUP(multishot)
{
	MQ_REQUIRE();
	RING_OPEN(0);
	if (!ring_has(&self->ring, OP_READ_MULTISHOT))
		SKIP(return, "the kernel has no multishot read");
	RING_OPEN_QUEUE();
}

FIXTURE_TEARDOWN(multishot)
{
	RING_TEARDOWN();
}

/* Provide @count buffers, and submit one multishot read. */
#define ARM(count) do {							\
	ASSERT_EQ(0, buffers_open(&self->ring, &self->buffers, count));	\
	REARM();							\
} while (0)

#define REARM() do {							\
	struct io_uring_sqe *__sqe;					\
									\
	__sqe = ring_sqe(&self->ring, OP_READ_MULTISHOT, self->fd, NULL, \
			 0, 7);						\
	__sqe->flags = IOSQE_BUFFER_SELECT;				\
	__sqe->buf_group = 0;						\
	ASSERT_EQ(1, ring_submit(&self->ring));				\
} while (0)

/* Expect a completion with these bytes, and that more will follow. */
#define BRINGS(text) do {						\
	unsigned int __id;						\
									\
	ASSERT_EQ(0, ring_wait_cqe(&self->ring, &self->cqe));		\
	ASSERT_EQ((int)strlen(text), self->cqe.res);			\
	EXPECT_EQ(7, self->cqe.user_data);				\
	EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);		\
	EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_BUFFER);		\
	__id = self->cqe.flags >> IORING_CQE_BUFFER_SHIFT;		\
	ASSERT_GT(BUFFERS, __id);					\
	EXPECT_EQ(0, memcmp(self->buffers.data[__id], text,		\
			    self->cqe.res));				\
} while (0)

/* Expect the last completion of this SQE. */
#define ENDS(error) do {						\
	ASSERT_EQ(0, ring_wait_cqe(&self->ring, &self->cqe));		\
	EXPECT_EQ(error, self->cqe.res);				\
	EXPECT_EQ(7, self->cqe.user_data);				\
	EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);		\
} while (0)

TEST_F(multishot, one_read_brings_every_message_as_it_comes)
{
	ASSERT_EQ(2, mq_put(self->other, "ab"));
	ASSERT_EQ(3, mq_put(self->other, "cde"));
	ARM(8);
	BRINGS("ab");
	BRINGS("cde");
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	ASSERT_EQ(1, mq_put(self->other, "f"));
	BRINGS("f");
	ASSERT_EQ(2, mq_put(self->other, "gh"));
	ASSERT_EQ(3, mq_put(self->other, "ijk"));
	BRINGS("gh");
	BRINGS("ijk");
	EXPECT_EQ(0, workers());
	EXPECT_EQ(5, mq_stat_of(&self->queue, acked));
}

TEST_F(multishot, buffers_that_come_back_are_used_again)
{
	char text[8];
	int i;

	ARM(2);
	for (i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_LT(0, mq_put(self->other, text));
		BRINGS(text);
		buffer_give(&self->buffers,
			    self->cqe.flags >> IORING_CQE_BUFFER_SHIFT);
	}
	EXPECT_EQ(100, mq_stat_of(&self->queue, acked));
}

TEST_F(multishot, without_a_buffer_it_ends_and_no_message_is_lost)
{
	ARM(3);
	ASSERT_EQ(0, mq_fill(self->other, 5));
	BRINGS("m1");
	BRINGS("m2");
	BRINGS("m3");
	ENDS(-ENOBUFS);
	EXPECT_EQ(3, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	buffer_give(&self->buffers, 0);
	buffer_give(&self->buffers, 1);
	buffer_give(&self->buffers, 2);
	REARM();
	BRINGS("m4");
	BRINGS("m5");
	ASSERT_EQ(1, mq_put(self->other, "x"));
	BRINGS("x");
}

TEST_F(multishot, longer_message_comes_in_parts_and_no_two_at_once)
{
	ARM(8);
	ASSERT_EQ(20, mq_put(self->other, "0123456789abcdefghij"));
	ASSERT_EQ(1, mq_put(self->other, "k"));
	BRINGS("0123456789abcdef");
	BRINGS("ghij");
	BRINGS("k");
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

TEST_F(multishot, half_read_message_comes_back_when_it_ends)
{
	ARM(1);
	ASSERT_EQ(20, mq_put(self->other, "0123456789abcdefghij"));
	BRINGS("0123456789abcdef");
	ENDS(-ENOBUFS);
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	ring_close(&self->ring);
	close(self->fd);
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(0, mq_get(self->other, "0123456789abcdefghij"));
	ASSERT_EQ(0, ring_open(&self->ring));
	self->fd = -1;
}

TEST_F(multishot, cancelled_it_leaves_the_messages)
{
	int i;

	ARM(8);
	ASSERT_EQ(1, mq_put(self->other, "a"));
	BRINGS("a");
	ring_cancel(&self->ring, 7);
	ASSERT_EQ(1, ring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ring_wait_cqe(&self->ring, &self->cqe));
		EXPECT_EQ(self->cqe.user_data == 7 ? -ECANCELED : 0,
			  self->cqe.res);
		EXPECT_FALSE(self->cqe.flags & IORING_CQE_F_MORE);
	}
	ASSERT_EQ(1, mq_put(self->other, "b"));
	EXPECT_EQ(0, mq_get(self->other, "b"));
}

TEST_F(multishot, ring_that_closes_leaves_the_messages)
{
	ARM(8);
	ring_close(&self->ring);
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, ring_open(&self->ring));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, consumers) == 0));
	ASSERT_EQ(0, mq_fill(self->other, 4));
	EXPECT_EQ(4, mq_stat_of(&self->queue, ready));
}

TEST_F(multishot, removal_ends_it)
{
	ARM(8);
	ASSERT_EQ(1, mq_put(self->other, "a"));
	BRINGS("a");
	ASSERT_EQ(0, mq_remove(&self->queue));
	ENDS(-ENODEV);
}

TEST_F(multishot, consumer_takes_no_more_than_it_may_hold)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	ASSERT_EQ(0, mq_fill(self->other, 4));
	ARM(8);
	BRINGS("m1");
	BRINGS("m2");
	EXPECT_EQ(-ENODATA, ring_done(&self->ring, NULL));
	EXPECT_EQ(2, mq_held(self->fd));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	BRINGS("m3");
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(2, mq_settle(self->fd, 2, 3, DEVMQ_ACTION_ACK));
	BRINGS("m4");
}

TEST_F(multishot, many_senders_lose_nothing)
{
	bool seen[201] = {};
	pid_t senders[2];
	int i, n;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "4"));
	ARM(4);
	for (i = 0; i < 2; i++) {
		senders[i] = mq_fork();
		if (!senders[i]) {
			char text[12];

			for (n = 1; n <= 100; n++) {
				snprintf(text, sizeof(text), "%d", 100 * i + n);
				if (mq_put(self->fd, text) <= 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (i = 0; i < 200; i++) {
		unsigned int id;

		ASSERT_EQ(0, ring_wait_cqe(&self->ring, &self->cqe));
		if (self->cqe.res == -ENOBUFS) {
			i--;
			REARM();
			continue;
		}
		ASSERT_LT(0, self->cqe.res);
		id = self->cqe.flags >> IORING_CQE_BUFFER_SHIFT;
		self->buffers.data[id][self->cqe.res] = '\0';
		n = atoi(self->buffers.data[id]);
		ASSERT_TRUE(n >= 1 && n <= 200);
		EXPECT_FALSE(seen[n]);
		seen[n] = true;
		buffer_give(&self->buffers, id);
		if (!(self->cqe.flags & IORING_CQE_F_MORE))
			REARM();
	}
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, mq_wait_child(senders[i]));
	EXPECT_EQ(200, mq_stat_of(&self->queue, acked));
}

TEST_HARNESS_MAIN
