// SPDX-License-Identifier: GPL-2.0
/* prefetch: the most deliveries that a consumer holds. */
#include <poll.h>
#include <sys/epoll.h>

#include "mq_test.h"
#include "helpers/thread.h"
#include "fixtures/settle.h"

/* -- prefetch -------------------------------------------------------------- */

TEST_F(settle, prefetch_holds_reads_off)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	EXPECT_EQ(0, take(self->fd, 1, 2));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 100));
	EXPECT_EQ(-EAGAIN, receive(self, self->fd, 0));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));

	/* Other consumers are not held off. */
	EXPECT_EQ(POLLIN, mq_poll(self->other, POLLIN));
	EXPECT_EQ(0, get_filled(self->other, 3));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, get_filled(self->fd, 4));
}

TEST_F(settle, prefetch_bounds_a_batch)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 5));
	ASSERT_EQ(0, mq_fill(self->fd, 20));
	EXPECT_EQ(5, receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_ACK));
	EXPECT_EQ(2, receive(self, self->fd, 10));
	EXPECT_EQ(5, mq_held(self->fd));
}

TEST_F(settle, prefetch_lets_a_half_read_message_be_finished)
{
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(2, mq_put(self->fd, "cd"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('b', byte);
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "cd"));
}

TEST_F(settle, prefetch_of_the_queue_counts_for_new_opens)
{
	int fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "prefetch", "1"));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	EXPECT_EQ(0, get_filled(fd, 1));
	EXPECT_EQ(-EAGAIN, mq_read(fd, self->buffer, 100));
	EXPECT_EQ(0, take(self->fd, 2, 4));
}

TEST_F(settle, prefetch_has_no_effect_with_auto)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	EXPECT_EQ(0, take(self->fd, 1, 4));
	EXPECT_EQ(6, receive(self, self->fd, 0));
}

TEST_F(settle, ack_wakes_its_own_reader_that_prefetch_holds_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_ack(fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m2", data);
}

TEST_F(settle, ack_wakes_its_own_poll_that_prefetch_holds_off)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(settle, ack_wakes_its_own_poll_for_reading_and_writing)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct mq_call call;

	/* The queue is full, so that only EPOLLIN can come. */
	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "4"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN | POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	close(epoll);
}

TEST_F(settle, release_wakes_the_reader_that_prefetch_held_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_release(fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
}

TEST_F(settle, larger_prefetch_wakes_a_reader_held_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 2));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m2", data);
}

TEST_F(settle, message_for_a_reader_held_off_wakes_another)
{
	int i, fds[2];
	struct mq_call calls[2];
	char data[2][8] = {};

	/*
	 * The first sleeper may hold no more, so the wake-up must go to the
	 * second one.
	 */
	for (i = 0; i < 2; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, mq_consumer_set(fds[0], DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(fds[0], 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	EXPECT_EQ(4, mq_call_result(&calls[1]));
	EXPECT_STREQ("next", data[1]);
	EXPECT_TRUE(mq_call_sleeps(&calls[0]));
}

TEST_HARNESS_MAIN
