// SPDX-License-Identifier: GPL-2.0
/*
 * poll and epoll of a queue.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "fixtures/file.h"

/* -- poll and epoll --------------------------------------------------------- */

TEST_F(file, poll_tells_what_would_not_wait)
{
	short all = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	short in = POLLIN | POLLRDNORM, out = POLLOUT | POLLWRNORM;

	MQ_REOPEN_QUEUE("max_messages=2");
	EXPECT_EQ(out, mq_poll(self->fd, all));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(in | out, mq_poll(self->fd, all));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(in, mq_poll(self->fd, all));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(in | out, mq_poll(self->fd, all));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(out, mq_poll(self->fd, all));
}

TEST_F(file, poll_of_a_full_queue_by_bytes_tells_no_room)
{
	MQ_REOPEN_QUEUE("max_bytes=4");
	ASSERT_EQ(4, mq_put(self->fd, "1234"));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	EXPECT_EQ(0, mq_get(self->fd, "1234"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
}

TEST_F(file, poll_knows_the_access_mode)
{
	int reader = mq_open(&self->queue, O_RDONLY);
	int writer = mq_open(&self->queue, O_WRONLY);
	int looker = mq_open(&self->queue, MQ_LOOK);

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	ASSERT_EQ(1, mq_put(writer, "x"));
	EXPECT_EQ(POLLIN, mq_poll(reader, POLLIN | POLLOUT));
	EXPECT_EQ(POLLOUT, mq_poll(writer, POLLIN | POLLOUT));
	EXPECT_EQ(0, mq_poll(looker, POLLIN));
}

TEST_F(file, poll_tells_the_rest_of_a_half_read_message)
{
	int other = mq_open(&self->queue, O_RDONLY);
	char byte;

	ASSERT_LE(0, other);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_poll(other, POLLIN));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
}

TEST_F(file, poll_always_tells_room_if_the_queue_never_blocks)
{
	MQ_REOPEN_QUEUE("max_messages=1 overflow=reject");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
	MQ_REOPEN_QUEUE("max_messages=1 overflow=drop-head");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
}

TEST_F(file, poll_wakes_when_a_message_comes)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(file, poll_wakes_when_there_is_room)
{
	struct mq_call call;

	MQ_REOPEN_QUEUE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLOUT, call.events);
}

TEST_F(file, poll_wakes_when_a_message_comes_back)
{
	int holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct mq_call call;
	char byte;

	ASSERT_LE(0, holder);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(holder, &byte, 1));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(holder);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(file, poll_of_a_removed_queue_tells_hangup_and_error)
{
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(POLLIN | POLLOUT | POLLHUP | POLLERR,
		  mq_poll(self->fd, POLLIN | POLLOUT));
	EXPECT_EQ(POLLHUP | POLLERR, mq_poll(self->fd, 0));
}

TEST_F(file, edge_triggered_epoll_tells_every_message)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int i, epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
		EXPECT_EQ(EPOLLIN, event.events);
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	}
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
}

TEST_F(file, edge_triggered_epoll_tells_room)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	MQ_REOPEN_QUEUE("max_messages=1");
	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		;
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLOUT, event.events);
}

struct epoll_waiter {
	int epoll;
	pid_t tid;
	int got;
	bool done;
	pthread_t thread;
};

static void *epoll_waiter_thread(void *argument)
{
	struct epoll_waiter *waiter = argument;
	struct epoll_event event;

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	waiter->got = syscall(SYS_epoll_wait, waiter->epoll, &event, 1, -1);
	__atomic_store_n(&waiter->done, true, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(file, one_message_wakes_one_exclusive_epoll_waiter)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_waiter waiters[4] = {};
	int i, fds[4], done = 0, asleep = 0;

	for (i = 0; i < 4; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
		waiters[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_LE(0, waiters[i].epoll);
		ASSERT_EQ(0, epoll_ctl(waiters[i].epoll, EPOLL_CTL_ADD, fds[i],
				       &event));
		ASSERT_EQ(0, pthread_create(&waiters[i].thread, NULL,
					    epoll_waiter_thread, &waiters[i]));
	}
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(mq_wait_thread_asleep(&waiters[i].tid,
						  SYS_epoll_wait));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&waiters[i].done,
							  __ATOMIC_ACQUIRE) ||
					  mq_is_asleep(getpid(), waiters[i].tid,
						       SYS_epoll_wait)));
	for (i = 0; i < 4; i++) {
		if (__atomic_load_n(&waiters[i].done, __ATOMIC_ACQUIRE))
			done++;
		else
			asleep++;
	}
	EXPECT_EQ(1, done);
	EXPECT_EQ(3, asleep);
}

TEST_F(file, epoll_that_wants_more_later_is_told_of_it)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int set = epoll_create1(0), writer;

	MQ_REOPEN_QUEUE("max_messages=1");
	writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, writer);
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	event.events = EPOLLIN;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_MOD, self->fd, &event));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	ASSERT_EQ(0, epoll_wait(set, &event, 1, 0));
	ASSERT_EQ(1, mq_put(writer, "x"));
	EXPECT_EQ(1, epoll_wait(set, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);

	/* The same for EPOLLOUT: the queue is full now. */
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_DEL, self->fd, NULL));
	event.events = 0;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	event.events = EPOLLOUT;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_MOD, self->fd, &event));
	ASSERT_EQ(0, epoll_wait(set, &event, 1, 0));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(set, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLOUT, event.events);
	close(set);
}

TEST_HARNESS_MAIN
