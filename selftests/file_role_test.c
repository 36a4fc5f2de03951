// SPDX-License-Identifier: GPL-2.0
/*
 * What makes a consumer or a producer of an open file: access modes, what it does,
 * O_EXCL.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "fixtures/file.h"

TEST_F(file, access_mode_is_obeyed)
{
	int reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	int writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	int looker = mq_open(&self->queue, MQ_LOOK | O_NONBLOCK);
	char byte;

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EBADF, mq_put(reader, "x"));
	EXPECT_EQ(-EBADF, mq_read(writer, &byte, 1));
	EXPECT_EQ(-EBADF, mq_read(looker, &byte, 1));
	EXPECT_EQ(-EBADF, mq_put(looker, "x"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(file, create_append_and_truncate_are_harmless)
{
	int fd;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	fd = open(self->queue.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
		  0666);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "b"));
	EXPECT_EQ(1, mq_put(fd, "c"));
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(0, mq_get(self->fd, "c"));
}

TEST_F(file, opens_for_one_side_are_counted_from_open_to_close)
{
	struct devmq_stat stat;
	int reader, writer, looker, copy;

	reader = mq_open(&self->queue, O_RDONLY);
	writer = mq_open(&self->queue, O_WRONLY);
	looker = mq_open(&self->queue, MQ_LOOK);
	copy = dup(reader);
	ASSERT_LE(0, looker);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(1, stat.consumers);
	EXPECT_EQ(1, stat.producers);
	close(reader);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	close(copy);
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	close(looker);
	EXPECT_EQ(1, mq_stat_of(&self->queue, producers));
	close(writer);
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
}

/* Actions, some of which make a consumer of a file that was opened for both. */
enum act {
	ACT_READ, ACT_READV, ACT_RECV, ACT_RECV_ID, ACT_GET, ACT_SET, ACT_POLL,
	ACT_EPOLL, ACT_SPLICE, ACTS
};

static int act(int fd, enum act act)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct devmq_recv recv;
	struct devmq_consumer consumer;
	int pair[2], err = 0;
	char data[512];

	switch (act) {
	case ACT_READ:
		return mq_read(fd, data, 1);
	case ACT_READV:
		return readv(fd, &(struct iovec) { data, 1 }, 1) < 0 ? -errno : 0;
	case ACT_RECV:
		return mq_recv(fd, data, sizeof(data), &recv);
	case ACT_RECV_ID:
		return mq_recv_id(fd, 7, data, sizeof(data), &recv);
	case ACT_GET:
		return mq_consumer_get(fd, &consumer);
	case ACT_SET:
		return mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0);
	case ACT_POLL:
		return mq_poll(fd, POLLIN);
	case ACT_EPOLL:
		pair[0] = epoll_create1(0);
		if (epoll_ctl(pair[0], EPOLL_CTL_ADD, fd, &event))
			err = -errno;
		close(pair[0]);
		return err;
	default:
		if (pipe(pair))
			return -errno;
		if (splice(fd, NULL, pair[1], NULL, 1, SPLICE_F_NONBLOCK) < 0)
			err = -errno;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
}

TEST_F(file, each_way_to_receive_or_wait_makes_a_consumer_of_one_open_for_both)
{
	int i;

	for (i = 0; i < ACTS; i++) {
		int fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK), err;

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
		err = i == ACT_RECV_ID ? -ENOENT :
		      i == ACT_GET || i == ACT_SET || i == ACT_POLL ||
		      i == ACT_EPOLL ? 0 : -EAGAIN;
		EXPECT_EQ(err, act(fd, i)) {
			TH_LOG("act %d", i);
		}
		EXPECT_EQ(1, mq_stat_of(&self->queue, consumers)) {
			TH_LOG("act %d", i);
		}
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
		close(fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	}
}

TEST_F(file, each_way_to_send_or_wait_makes_a_producer_of_one_open_for_both)
{
	int i;

	for (i = 0; i < 4; i++) {
		int fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
		if (i == 0)
			EXPECT_EQ(1, mq_put(fd, "x"));
		if (i == 1)
			EXPECT_EQ(1, writev(fd, &(struct iovec) { "x", 1 }, 1));
		if (i == 2)
			EXPECT_LT(0, mq_send_one(fd, "x", 1));
		if (i == 3)
			EXPECT_EQ(POLLOUT, mq_poll(fd, POLLOUT));
		EXPECT_EQ(1, mq_stat_of(&self->queue, producers)) {
			TH_LOG("way %d", i);
		}
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
		close(fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	}
}

TEST_F(file, looking_makes_nothing_of_one_open_for_both)
{
	struct devmq_consumer bad = {
		.size = sizeof(bad), .flags = DEVMQ_CONSUMER_SET, .ack = 2,
	};
	int writer = mq_open(&self->queue, O_WRONLY);
	char path[64], text[2048], data[512];
	struct devmq_peek peek;
	struct devmq_stat stat;

	ASSERT_LE(0, writer);
	ASSERT_EQ(0, mq_fill(writer, 2));
	EXPECT_EQ(2, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_peek(self->fd, data, sizeof(data), &peek));
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_EQ(0, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_read(self->fd, data, 0));
	EXPECT_EQ(0, mq_write(self->fd, data, 0));
	EXPECT_EQ(-1, ioctl(self->fd, DEVMQ_IOC_CONSUMER, &bad));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, mq_poll(self->fd, 0));
	close(writer);
	ASSERT_EQ(0, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(0, stat.consumers);
	EXPECT_EQ(0, stat.producers);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tnone\n"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tconsumer\n"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tconsumer,producer\n"));
}

TEST_F(file, receiver_that_is_killed_in_its_first_read_is_a_consumer_no_more)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_RDWR);
		char byte;

		mq_read(fd, &byte, 1);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
}

/* -- O_EXCL ----------------------------------------------------------------- */

TEST_F(file, o_excl_wants_to_be_the_only_consumer)
{
	int fd;

	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	close(self->fd);
	MQ_OPEN(fd, O_RDONLY | O_EXCL | O_NONBLOCK);

	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));

	/* Others can still open it to write or to look. */
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "x"));
	close(fd);
	fd = mq_open(&self->queue, MQ_LOOK);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "x"));

	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_LE(0, self->fd);
}

TEST_F(file, one_open_for_both_is_no_consumer_beside_an_exclusive_one)
{
	int fd = mq_open(&self->queue, O_RDONLY | O_EXCL), set, i;
	struct epoll_event event = { .events = EPOLLIN };
	int result;

	/* A file that was open before may still send. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < ACTS; i++) {
		result = i == ACT_POLL ? POLLIN | POLLERR :
			 i == ACT_EPOLL ? 0 : -EBUSY;
		EXPECT_EQ(result, act(self->fd, i)) {
			TH_LOG("act %d", i);
		}
	}
	EXPECT_EQ(0, mq_fionread(self->fd));
	set = epoll_create1(0);
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(set, &event, 1, 0));
	EXPECT_EQ(EPOLLIN | EPOLLERR, event.events);
	close(set);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	close(fd);
	EXPECT_EQ(1, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, o_excl_of_one_open_for_both_counts_when_it_receives)
{
	int excl, other;

	excl = mq_open(&self->queue, O_RDWR | O_EXCL | O_NONBLOCK);
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, excl);
	ASSERT_LE(0, other);
	ASSERT_EQ(1, mq_put(excl, "x"));
	EXPECT_EQ(-EBUSY, mq_read(excl, (char [4]) {}, 4));
	close(other);
	EXPECT_EQ(0, mq_get(excl, "x"));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	EXPECT_EQ(-EBUSY, mq_read(self->fd, (char [4]) {}, 4));
	close(excl);
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(file, o_excl_on_a_writer_has_no_effect)
{
	int first = mq_open(&self->queue, O_WRONLY | O_EXCL);
	int second = mq_open(&self->queue, O_WRONLY | O_EXCL);
	int reader = mq_open(&self->queue, O_RDONLY);

	EXPECT_LE(0, first);
	EXPECT_LE(0, second);
	EXPECT_LE(0, reader);
}

TEST_F(file, o_excl_ends_with_the_last_close)
{
	int copy;

	close(self->fd);
	MQ_OPEN(fd, O_RDONLY | O_EXCL);
	copy = dup(self->fd);
	ASSERT_LE(0, copy);
	close(self->fd);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	close(copy);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_LE(0, self->fd);
}

TEST_F(file, o_excl_ends_with_the_process)
{
	int ready[2];
	pid_t child;
	char byte;

	close(self->fd);
	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_EXCL);

		if (fd < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	self->fd = mq_open(&self->queue, O_RDONLY | O_EXCL);
	EXPECT_LE(0, self->fd);
}

TEST_HARNESS_MAIN
