// SPDX-License-Identifier: GPL-2.0
/*
 * read(2) and write(2) that wait: without O_NONBLOCK, interrupted, killed, and
 * side by side.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "fixtures/file.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* -- waiting ---------------------------------------------------------------- */

TEST_F(file, nonblocking_calls_give_eagain)
{
	MQ_REOPEN_QUEUE("max_messages=1");
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, o_nonblock_can_be_set_and_cleared)
{
	struct mq_call call;
	char byte;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	ASSERT_EQ(0, mq_read_start(&call, fd, &byte, 1));
	EXPECT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
}

TEST_F(file, rwf_nowait_does_not_wait)
{
	char data[4];
	struct iovec vector = { data, sizeof(data) };
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, preadv2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, pwritev2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(-1, pwritev2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, preadv2(fd, &vector, 1, -1, RWF_NOWAIT));
}

TEST_F(file, read_waits_for_a_message)
{
	struct mq_call call;
	char data[8] = {};
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(3, mq_put(self->fd, "now"));
	EXPECT_EQ(3, mq_call_result(&call));
	EXPECT_STREQ("now", data);
}

TEST_F(file, write_waits_for_room)
{
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, waiting_write_has_taken_its_data_or_takes_it_later_but_whole)
{
	struct mq_call call;
	char *data = malloc(5000), *got = malloc(5000);
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "a"));
	pattern(data, 5000, 9);
	ASSERT_EQ(0, mq_write_start(&call, fd, data, 5000));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(5000, mq_call_result(&call));
	EXPECT_EQ(5000, mq_read(self->fd, got, 5000));
	EXPECT_EQ(0, memcmp(data, got, 5000));
}

TEST_F(file, signal_ends_a_waiting_read_with_eintr)
{
	struct mq_call call;
	char data[8];
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, signal_with_sa_restart_lets_a_waiting_read_go_on)
{
	struct mq_call call;
	char data[8] = {};
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_TRUE(mq_call_outlasts(&call, SIGUSR1));
	ASSERT_EQ(3, mq_put(self->fd, "now"));
	EXPECT_EQ(3, mq_call_result(&call));
	EXPECT_STREQ("now", data);
}

TEST_F(file, signal_ends_a_waiting_write_with_eintr_and_nothing_sent)
{
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(file, signal_with_sa_restart_lets_a_waiting_write_go_on)
{
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_TRUE(mq_call_outlasts(&call, SIGUSR1));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
}

TEST_F(file, sleeping_reader_can_be_killed)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);
		char byte;

		mq_read(fd, &byte, 1);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
}

TEST_F(file, sleeping_reader_does_not_keep_its_descriptor_from_others)
{
	struct mq_call call;
	struct devmq_stat stat;
	struct devmq_consumer consumer;
	char data[8], fdinfo[1024], path[64];
	int fd = mq_open(&self->queue, O_RDWR);

	/*
	 * Other calls on the descriptor work while one thread sleeps in read.
	 */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_stat_fd(fd, &stat));
	EXPECT_EQ(0, mq_consumer_get(fd, &consumer));
	EXPECT_EQ(0, mq_fionread(fd));
	EXPECT_EQ(POLLOUT, mq_poll(fd, POLLIN | POLLOUT));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	EXPECT_EQ(0, mq_read_file(path, fdinfo, sizeof(fdinfo)));
	EXPECT_EQ(1, mq_put(fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
}

struct sharing_reader {
	FIXTURE_DATA(file) *fixture;
	int got, wrong;
	pthread_t thread;
};

static void *sharing_reader_thread(void *argument)
{
	struct sharing_reader *reader = argument;
	char byte;

	while (mq_read(reader->fixture->fd, &byte, 1) == 1)
		reader->got++;
	/* The read gave EAGAIN: then no message is ready. */
	reader->wrong = mq_stat_of(&reader->fixture->queue, ready);
	return NULL;
}

TEST_F(file, threads_sharing_a_nonblocking_descriptor_see_eagain_only_when_empty)
{
	struct sharing_reader readers[4] = {};
	int i, total = 0;

	for (i = 0; i < 2000; i++)
		ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 4; i++) {
		readers[i].fixture = self;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL,
					    sharing_reader_thread,
					    &readers[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(readers[i].thread, NULL);
		EXPECT_EQ(0, readers[i].wrong) {
			TH_LOG("EAGAIN with %d ready", readers[i].wrong);
		}
		total += readers[i].got;
	}
	EXPECT_EQ(2000, total);
}

TEST_HARNESS_MAIN
