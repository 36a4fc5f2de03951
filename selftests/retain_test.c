// SPDX-License-Identifier: GPL-2.0
/*
 * What a topic retains, and reading it: retain_messages, retain_bytes, retain_ms,
 * read(2), lseek(2) and poll.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "fixtures/retain.h"

/* lseek(2): the position, or a negative errno. */
static long long seek(int fd, long long offset, int whence)
{
	off_t to = lseek(fd, offset, whence);

	return to < 0 ? -errno : to;
}

/* -- what is retained ------------------------------------------------------ */

TEST_F(topic, retains_nothing_unless_told)
{
	TOPIC("");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(0, mq_fill(self->fd, 3));
	RETAINED(0, 0, 0);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(-EINVAL, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(-ESPIPE, seek(self->q_fd[0], 0, SEEK_SET));
	EXPECT_EQ(0, polled(self->q_fd[0], POLLIN));
}

TEST_F(topic, retains_so_many_messages)
{
	TOPIC("retain_messages=3");
	EXPECT_EQ(0, mq_fill(self->fd, 2));
	RETAINED(2, 1, 2);
	EXPECT_EQ(4, self->stat.bytes);
	EXPECT_EQ(0, mq_fill(self->fd, 3));
	RETAINED(3, 3, 5);
	EXPECT_EQ(2, self->stat.trimmed);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(5, self->stat.unrouted);
	EXPECT_EQ(6, self->stat.bytes);
}

TEST_F(topic, retains_so_many_bytes)
{
	TOPIC("retain_bytes=10");
	EXPECT_EQ(4, mq_put(self->fd, "aaaa"));
	EXPECT_EQ(4, mq_put(self->fd, "bbbb"));
	RETAINED(2, 1, 2);
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "cc", .key = "key"));
	RETAINED(2, 2, 3);
	EXPECT_EQ(9, self->stat.bytes);
	EXPECT_EQ(11, mq_put(self->fd, "ddddddddddd"));
	RETAINED(0, 0, 0);
	EXPECT_EQ(4, self->stat.trimmed);
}

TEST_F(topic, retains_for_so_long)
{
	TOPIC("retain_ms=100");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(0, mq_fill(self->fd, 200));
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
	EXPECT_EQ(200, mq_stat_of(&self->queue, trimmed));
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
}

TEST_F(topic, retains_what_each_bound_allows)
{
	TOPIC("retain_messages=100 retain_bytes=6 retain_ms=1000000");
	EXPECT_EQ(0, mq_fill(self->fd, 9));
	RETAINED(3, 7, 9);
	SET("retain_messages", "2");
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 2));
}

TEST_F(topic, options_trim_at_once)
{
	TOPIC("retain_messages=100000");
	ASSERT_EQ(0, mq_fill_fast(self->fd, 5000));
	RETAINED(5000, 1, 5000);
	SET("retain_messages", "10");
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 10));
	RETAINED(10, 4991, 5000);
	SET("retain_messages", "0");
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
	EXPECT_EQ(5000, mq_stat_of(&self->queue, trimmed));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(topic, retention_begins_with_the_option)
{
	TOPIC("");
	EXPECT_EQ(0, mq_fill(self->fd, 2));
	SET("retain_messages", "10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	RETAINED(1, 3, 3);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, reader_learns_of_messages_that_were_not_retained)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
	SET("retain_messages", "0");
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained)));
	EXPECT_EQ(1, mq_put(self->fd, "2"));
	EXPECT_EQ(-EINVAL, mq_get(self->q_fd[0], ""));
	SET("retain_messages", "10");
	EXPECT_EQ(1, mq_put(self->fd, "3"));
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "3"));
}

TEST_F(topic, options_are_for_topics)
{
	EXPECT_EQ(-EINVAL, mq_control("create x retain_messages=1"));
	EXPECT_EQ(-EINVAL, mq_control("create x retain_bytes=1"));
	EXPECT_EQ(-EINVAL, mq_control("create x retain_ms=1"));
	EXPECT_EQ(-ERANGE, mq_control("create x type=topic retain_ms=99999999999999"));
}

TEST_F(topic, queues_get_what_is_retained_as_well)
{
	TOPIC("retain_messages=10");
	BOUND(0, "key=a", "");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "1", .key = "a"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "2", .key = "b"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	RETAINED(2, 1, 2);
	EXPECT_EQ(1, self->stat.routed);
	EXPECT_EQ(1, self->stat.unrouted);
}

TEST_F(topic, topic_behind_another_retains_what_comes_to_it)
{
	struct mq_queue outer;
	int fd;

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, create_topic(&outer, "retain_messages=1"));
	ASSERT_EQ(0, topic_bind(&outer, &self->queue, "key=a"));
	fd = mq_open(&outer, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, MQ_SEND(fd, .text = "1", .key = "b"));
	EXPECT_EQ(2, MQ_SEND(fd, .text = "2", .key = "a"));
	EXPECT_EQ(3, mq_put(self->fd, "own"));
	EXPECT_EQ(3, MQ_SEND(fd, .text = "3", .key = "a"));
	EXPECT_EQ(1, mq_stat_of(&outer, retained));
	EXPECT_EQ(3, mq_stat_of(&outer, first_id));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "2"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "own"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "3"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	RETAINED(3, 1, 3);
	close(fd);
}

TEST_F(topic, message_that_does_not_go_is_not_retained)
{
	TOPIC("retain_messages=10");
	BOUND(0, "", "max_messages=1");
	EXPECT_EQ(1, mq_put(self->fd, "1"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "2"));
	RETAINED(1, 1, 1);
}

TEST_F(topic, batch_is_retained_as_far_as_it_goes)
{
	TOPIC("retain_messages=10");
	READER(1, O_NONBLOCK);
	BOUND(0, "", "max_messages=2");
	mq_batch_add(&self->batch, "1");
	mq_batch_add(&self->batch, "2");
	mq_batch_add(&self->batch, "3");
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(2, self->send.count);
	RETAINED(2, 1, 2);
	EXPECT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[1], ""));
}

TEST_F(topic, peek_shows_what_is_retained)
{
	TOPIC("retain_messages=10");
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "one", .key = "k",
			     .delay_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_RETAINED, self->look.record.state);
	EXPECT_STREQ("k", self->look.key);
	EXPECT_STREQ("one", self->look.payload);
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(topic, who_may_only_read_cannot_purge)
{
	int fd;

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(-EBADF, mq_purge(self->q_fd[0], 0, 0));
	/* self->fd is open for writing alone. */
	EXPECT_EQ(-EBADF, mq_purge(self->fd, 0, 0));
	RETAINED(3, 1, 3);
	EXPECT_EQ(1, mq_purge_queue(&self->queue, 1, 1));
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, mq_purge(fd, 0, 0));
	close(fd);
}

TEST_F(topic, purge_removes_what_is_retained)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(1, mq_purge_queue(&self->queue, 3, 3));
	RETAINED(4, 1, 5);
	EXPECT_EQ(1, self->stat.trimmed);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m2"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m4"));
	EXPECT_EQ(4, mq_purge_queue(&self->queue, 0, 0));
	RETAINED(0, 0, 0);
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, topic_that_retains_messages_is_not_empty)
{
	TOPIC("retain_messages=10");
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(0, mq_control("remove %s force", self->queue.name));
}

/* What is retained is bounded as all memory is, and what is trimmed is given back. */
TEST_F(topic, memory_that_is_retained_is_charged)
{
	char total[64], data[1000] = "x";
	ssize_t done, size = sizeof(data);
	int sent = 0;

	TOPIC("retain_messages=1000000");
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while ((done = mq_write(self->fd, data, size)) == size && sent < 1100)
		sent++;
	SET("retain_messages", "1");
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, retained) == 1));
	EXPECT_TRUE(mq_wait_until(mq_write(self->fd, data, size) == size));
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
	EXPECT_EQ(-EAGAIN, done);
	EXPECT_LT(100, sent);
	EXPECT_GT(1100, sent);
}

/* -- reading --------------------------------------------------------------- */

TEST_F(topic, each_reader_gets_each_message)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	READER(1, O_NONBLOCK);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "m1"));
	EXPECT_EQ(0, mq_get(self->q_fd[1], "m2"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m2"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	RETAINED(2, 1, 2);
	EXPECT_EQ(2, self->stat.consumers);
}

TEST_F(topic, rest_of_a_message_comes_with_the_next_read)
{
	char data[4];

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(6, mq_put(self->fd, "abcdef"));
	EXPECT_EQ(4, mq_read(self->q_fd[0], data, 4));
	EXPECT_EQ(0, memcmp(data, "abcd", 4));
	EXPECT_EQ(1, seek(self->q_fd[0], 0, SEEK_CUR));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "ef"));
	EXPECT_EQ(2, seek(self->q_fd[0], 0, SEEK_CUR));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
}

TEST_F(topic, read_to_bad_memory_moves_nothing)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EFAULT, mq_read(self->q_fd[0], (void *)8, 100));
	EXPECT_EQ(0, mq_read(self->q_fd[0], (void *)8, 0));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, reader_that_was_overtaken_is_told_once)
{
	TOPIC("retain_messages=2");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m2"));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(POLLIN | POLLERR | POLLPRI,
		  polled(self->q_fd[0], POLLIN | POLLPRI));
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(POLLIN, polled(self->q_fd[0], POLLIN | POLLPRI));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m2"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m3"));
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, polled(self->q_fd[0], POLLIN | POLLPRI));
}

TEST_F(topic, reader_is_told_that_the_rest_is_gone)
{
	char data[1];

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(2, seek(self->q_fd[0], 2, SEEK_SET));
	EXPECT_EQ(1, mq_read(self->q_fd[0], data, 1));
	EXPECT_EQ(1, mq_purge_queue(&self->queue, 2, 2));
	EXPECT_EQ(-EPIPE, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m3"));
}

TEST_F(topic, empty_message_reads_as_nothing)
{
	TOPIC("retain_messages=10 allow_empty=1");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "", .key = "k"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "x"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, line_is_read_with_its_end)
{
	TOPIC("retain_messages=10 framing=line");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(8, mq_put(self->fd, "one\ntwo\n"));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "3"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "one\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "two\n"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "3\n"));
}

TEST_F(topic, pause_holds_readers_off)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	SET("paused", "receive");
	EXPECT_EQ(-EAGAIN, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(0, polled(self->q_fd[0], POLLIN));
	SET("paused", "none");
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, fionread_tells_the_next_message)
{
	char data[2];
	int size = -1;

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(0, ioctl(self->q_fd[0], FIONREAD, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(5, mq_put(self->fd, "12345"));
	EXPECT_EQ(0, ioctl(self->q_fd[0], FIONREAD, &size));
	EXPECT_EQ(5, size);
	EXPECT_EQ(2, mq_read(self->q_fd[0], data, 2));
	EXPECT_EQ(0, ioctl(self->q_fd[0], FIONREAD, &size));
	EXPECT_EQ(3, size);
}

TEST_F(topic, receive_is_for_queues)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EINVAL, mq_take(self->q_fd[0], &self->look));
}

TEST_F(topic, only_reader_keeps_others_off)
{
	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK | O_EXCL);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
}

TEST_F(topic, pread_and_offsets_have_no_place)
{
	char data[8];

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-1, pread(self->q_fd[0], data, 8, 1));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd, data, 8, 1));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, fdinfo_tells_the_position)
{
	char path[64], text[4096];

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->q_fd[0]);
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_TRUE(strstr(text, "\nmq-position:\t2")) {
		TH_LOG("%s", text);
	}
	EXPECT_TRUE(!strncmp(text, "pos:\t2\n", 7));
}

/* -- lseek ----------------------------------------------------------------- */

TEST_F(topic, seek_moves_the_position)
{
	int fd;

	TOPIC("retain_messages=5");
	READER(0, O_NONBLOCK);
	fd = self->q_fd[0];
	ASSERT_EQ(0, mq_fill(self->fd, 9));
	EXPECT_EQ(-EPIPE, mq_get(fd, ""));
	EXPECT_EQ(5, seek(fd, 0, SEEK_CUR));
	EXPECT_EQ(7, seek(fd, 7, SEEK_SET));
	EXPECT_EQ(0, mq_get(fd, "m7"));
	EXPECT_EQ(8, seek(fd, 0, SEEK_CUR));
	EXPECT_EQ(6, seek(fd, -2, SEEK_CUR));
	EXPECT_EQ(0, mq_get(fd, "m6"));
	EXPECT_EQ(9, seek(fd, -1, SEEK_END));
	EXPECT_EQ(0, mq_get(fd, "m9"));
	EXPECT_EQ(5, seek(fd, 0, SEEK_SET));
	EXPECT_EQ(0, mq_get(fd, "m5"));
	EXPECT_EQ(10, seek(fd, 0, SEEK_END));
	EXPECT_EQ(-EAGAIN, mq_get(fd, ""));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(fd, "x"));
}

TEST_F(topic, seek_refuses_what_is_not_there)
{
	int fd;

	TOPIC("retain_messages=5");
	READER(0, O_NONBLOCK);
	fd = self->q_fd[0];
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(-EINVAL, seek(fd, -1, SEEK_SET));
	EXPECT_EQ(-EINVAL, seek(fd, 5, SEEK_SET));
	EXPECT_EQ(-EINVAL, seek(fd, 1, SEEK_END));
	EXPECT_EQ(-EINVAL, seek(fd, INT64_MIN, SEEK_CUR));
	EXPECT_EQ(-EINVAL, seek(fd, INT64_MAX, SEEK_CUR));
	EXPECT_EQ(-EINVAL, seek(fd, -5, SEEK_END));
	EXPECT_EQ(-EINVAL, seek(fd, 0, SEEK_HOLE));
	EXPECT_EQ(-EINVAL, seek(fd, 0, 99));
	EXPECT_EQ(-ENXIO, seek(fd, 4, SEEK_DATA));
	EXPECT_EQ(1, seek(fd, 0, SEEK_CUR));
	EXPECT_EQ(0, mq_get(fd, "m1"));
}

TEST_F(topic, seek_finds_the_next_message_there_is)
{
	int fd;

	TOPIC("retain_messages=5");
	READER(0, O_NONBLOCK);
	fd = self->q_fd[0];
	ASSERT_EQ(0, mq_fill(self->fd, 7));
	EXPECT_EQ(1, mq_purge_queue(&self->queue, 5, 5));
	EXPECT_EQ(3, seek(fd, 0, SEEK_DATA));
	EXPECT_EQ(3, seek(fd, 1, SEEK_DATA));
	EXPECT_EQ(4, seek(fd, 4, SEEK_DATA));
	EXPECT_EQ(6, seek(fd, 5, SEEK_DATA));
	EXPECT_EQ(0, mq_get(fd, "m6"));
	EXPECT_EQ(2, seek(fd, 2, SEEK_SET));
	EXPECT_EQ(-EPIPE, mq_get(fd, ""));
	EXPECT_EQ(0, mq_get(fd, "m3"));
}

TEST_F(topic, seek_begins_a_message_anew)
{
	char data[2];
	int fd;

	TOPIC("retain_messages=5");
	READER(0, O_NONBLOCK);
	fd = self->q_fd[0];
	EXPECT_EQ(6, mq_put(self->fd, "abcdef"));
	EXPECT_EQ(2, mq_read(fd, data, 2));
	EXPECT_EQ(1, seek(fd, 1, SEEK_SET));
	EXPECT_EQ(0, mq_get(fd, "abcdef"));
}

TEST_F(topic, queue_has_no_position)
{
	QUEUE(0, "");
	EXPECT_EQ(-ESPIPE, seek(self->q_fd[0], 0, SEEK_SET));
}

/* -- waiting --------------------------------------------------------------- */

TEST_F(topic, message_wakes_all_readers)
{
	struct mq_call calls[3], polls;
	char data[3][8];
	int i;

	TOPIC("retain_messages=10");
	for (i = 0; i < 4; i++)
		READER(i, 0);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_read_start(&calls[i], self->q_fd[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_poll_start(&polls, self->q_fd[3], POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&polls));
	EXPECT_EQ(3, mq_stat_of(&self->queue, waiting_receivers));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, mq_call_result(&calls[i]));
	EXPECT_EQ(1, mq_call_result(&polls));
	EXPECT_EQ(POLLIN, polls.events);
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_receivers));
}

/* More readers than are woken in one hold of a lock. */
#define READERS	200

struct reader {
	struct mq_call call;
	char data[8];
	int fd;
};

/* Let them all sleep. Return 0 or an error. */
static int readers_sleep(const struct mq_queue *topic, struct reader *r)
{
	int i, error = 0;

	for (i = 0; !error && i < READERS; i++) {
		r[i].fd = mq_open(topic, O_RDONLY);
		error = r[i].fd < 0 ? r[i].fd :
			mq_read_start(&r[i].call, r[i].fd, r[i].data, 8);
	}
	for (i = 0; !error && i < READERS; i++)
		if (!mq_call_sleeps(&r[i].call))
			error = -ETIMEDOUT;
	return error;
}

/* Return how many of them end with this result. */
static int readers_end(struct reader *r, ssize_t result)
{
	int i, n = 0;

	for (i = 0; i < READERS; i++) {
		n += mq_call_result(&r[i].call) == result;
		close(r[i].fd);
	}
	return n;
}

TEST_F(topic, message_wakes_many_readers)
{
	static struct reader readers[READERS];

	TOPIC("retain_messages=10");
	ASSERT_EQ(0, readers_sleep(&self->queue, readers));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(READERS, readers_end(readers, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_receivers));
}

TEST_F(topic, removal_wakes_many_readers)
{
	static struct reader readers[READERS];

	TOPIC("retain_messages=10");
	ASSERT_EQ(0, readers_sleep(&self->queue, readers));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(READERS, readers_end(readers, -ENODEV));
}

TEST_F(topic, reader_that_waits_is_interrupted)
{
	struct mq_call call;
	char data[8];

	TOPIC("retain_messages=10");
	READER(0, 0);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(0, mq_read_start(&call, self->q_fd[0], data, 8));
	ASSERT_TRUE(mq_call_sleeps(&call));
	pthread_kill(call.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, mq_call_result(&call));
}

TEST_F(topic, removal_wakes_readers)
{
	struct mq_call calls[3];
	char data[3][8];
	int i;

	TOPIC("retain_messages=10");
	for (i = 0; i < 3; i++)
		READER(i, 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, mq_read_start(&calls[i], self->q_fd[i], data[i], 8));
	ASSERT_EQ(0, mq_poll_start(&calls[2], self->q_fd[2], POLLIN));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-ENODEV, mq_call_result(&calls[i]));
	EXPECT_EQ(1, mq_call_result(&calls[2]));
	EXPECT_TRUE(calls[2].events & POLLHUP);
	EXPECT_EQ(-ENODEV, seek(self->q_fd[0], 0, SEEK_SET));
}

TEST_F(topic, end_of_retention_ends_the_wait)
{
	struct mq_call call;
	char data[8];

	TOPIC("retain_messages=10");
	READER(0, 0);
	ASSERT_EQ(0, mq_read_start(&call, self->q_fd[0], data, 8));
	ASSERT_TRUE(mq_call_sleeps(&call));
	SET("retain_messages", "0");
	EXPECT_EQ(-EINVAL, mq_call_result(&call));
}

TEST_F(topic, seek_wakes_a_reader_of_the_file)
{
	struct mq_call call;
	char data[8];

	TOPIC("retain_messages=10");
	READER(0, 0);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "m1"));
	ASSERT_EQ(0, mq_read_start(&call, self->q_fd[0], data, 8));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, seek(self->q_fd[0], 0, SEEK_SET));
	EXPECT_EQ(2, mq_call_result(&call));
}

TEST_F(topic, readers_that_wait_can_be_killed)
{
	pid_t children[3];
	char data[8];
	int i;

	TOPIC("retain_messages=10");
	READER(0, 0);
	for (i = 0; i < 3; i++) {
		children[i] = mq_fork();
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			mq_read(self->q_fd[0], data, sizeof(data));
			_exit(1);
		}
	}
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(mq_wait_asleep(children[i], children[i], SYS_read));
		kill(children[i], SIGKILL);
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(children[i]));
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_receivers));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "x"));
}

TEST_F(topic, edge_triggered_poll_sees_each_message)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int i, epoll;

	TOPIC("retain_messages=10");
	READER(0, O_NONBLOCK);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->q_fd[0], &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
		EXPECT_EQ(EPOLLIN, event.events);
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	}
	close(epoll);
}

/* -- many at a time -------------------------------------------------------- */

TEST_F(topic, reader_beside_senders_gets_each_message_in_order)
{
	pthread_t threads[SENDERS];
	void *failed;
	int i;

	TOPIC("retain_messages=%d", SENDERS * EACH);
	READER(0, 0);
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_many,
					    &self->queue));
	for (i = 0; i < SENDERS * EACH; i++) {
		if (mq_get(self->q_fd[0], "x") ||
		    seek(self->q_fd[0], 0, SEEK_CUR) != i + 2)
			break;
	}
	EXPECT_EQ(SENDERS * EACH, i);
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	RETAINED(SENDERS * EACH, 1, SENDERS * EACH);
}

/* A reader is overtaken again and again, and its ids only rise. */
TEST_F(topic, trimming_beneath_a_reader_loses_only_what_is_told)
{
	pthread_t threads[SENDERS];
	long long at, before = 0, gaps = 0, told = 0;
	void *failed;
	int i, error;

	TOPIC("retain_messages=3");
	READER(0, O_NONBLOCK);
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_many,
					    &self->queue));
	while (before < SENDERS * EACH) {
		error = mq_get(self->q_fd[0], "x");
		if (error == -EPIPE)
			told++;
		if (error == -EPIPE || error == -EAGAIN)
			continue;
		ASSERT_EQ(0, error);
		at = seek(self->q_fd[0], 0, SEEK_CUR) - 1;
		ASSERT_GT(at, before);
		gaps += at != before + 1;
		before = at;
	}
	EXPECT_LE(gaps, told);
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_EQ(SENDERS * EACH, mq_stat_of(&self->queue, trimmed) + 3);
}

/* Readers, senders and a topic that is removed. */
TEST_F(topic, removal_amid_senders_and_readers)
{
	struct mq_call calls[2];
	pthread_t thread;
	char data[2][8];
	void *result;
	int i;

	TOPIC("retain_messages=5");
	READER(0, 0);
	READER(1, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_many, &self->queue));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, mq_read_start(&calls[i], self->q_fd[i], data[i], 8));
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < 2; i++)
		EXPECT_NE(-ETIME, mq_call_result(&calls[i]));
	EXPECT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(-ENODEV, mq_get(self->q_fd[0], ""));
	EXPECT_EQ(-ENODEV, mq_put(self->fd, "x"));
}

TEST_HARNESS_MAIN
