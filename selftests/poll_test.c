// SPDX-License-Identifier: GPL-2.0
/*
 * Pollers: all are woken, however many there are, and beside many of them it
 * costs the same to send and receive a message.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

/* A debug kernel needs minutes for some thousands of pollers. */
#define MANY	(mq_is_debug_kernel() ? 400 : 4000)
/* The most descriptors of a test: each poller may have two. */
#define FDS	8000
/* How many messages are sent while pollers come and go. */
#define MESSAGES	(mq_is_debug_kernel() ? 1000 : 3000)

FIXTURE(poll) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int file;		/* another open file of it, O_RDWR */
	int *fds;		/* epoll files and open files, to be closed */
	int count;
};

FIXTURE_SETUP(poll)
{
	struct rlimit limit = { FDS + 4000, FDS + 4000 };

	MQ_REQUIRE();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	self->count = 0;
	self->fds = calloc(FDS, sizeof(*self->fds));
	ASSERT_NE(NULL, self->fds);
	MQ_OPEN_QUEUE("max_bytes=1M");
	MQ_OPEN(file, O_RDWR);
}

static void close_all(FIXTURE_DATA(poll) *self)
{
	while (self->count)
		close(self->fds[--self->count]);
}

FIXTURE_TEARDOWN(poll)
{
	close_all(self);
	free(self->fds);
	close(self->fd);
	close(self->file);
	EXPECT_EQ(0, mq_cleanup());
}

/* Poll a file for these events, with a new epoll file. */
static int poll_with(FIXTURE_DATA(poll) *self, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		return -errno;
	self->fds[self->count++] = epoll;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Add @n pollers. @apart: each polls a separate open file. */
static int poll_many(FIXTURE_DATA(poll) *self, int n, uint32_t events,
		     bool apart)
{
	int error = 0, fd = self->file;

	while (n-- && !error) {
		if (apart) {
			fd = mq_open(&self->queue, O_RDWR);
			if (fd < 0)
				return fd;
			self->fds[self->count++] = fd;
		}
		error = poll_with(self, fd, events);
	}
	return error;
}

/* The events that the epoll file at index @i reports, without waiting. */
static uint32_t told(FIXTURE_DATA(poll) *self, int i)
{
	struct epoll_event event = {};

	return epoll_wait(self->fds[i], &event, 1, 0) == 1 ? event.events : 0;
}

/* Does each epoll file report one of these events, sooner or later? */
static bool all_told(FIXTURE_DATA(poll) *self, bool apart, uint32_t events)
{
	int i;

	for (i = apart; i < self->count; i += 1 + apart)
		if (!mq_wait_until(told(self, i) & events))
			return false;
	return true;
}

/* Does no epoll file report an event? */
static bool none_told(FIXTURE_DATA(poll) *self, bool apart)
{
	int i;

	for (i = apart; i < self->count; i += 1 + apart)
		if (told(self, i))
			return false;
	return true;
}

FIXTURE_VARIANT(poll) {
	bool apart;
};

FIXTURE_VARIANT_ADD(poll, one_file) {
	.apart = false,
};

FIXTURE_VARIANT_ADD(poll, many_files) {
	.apart = true,
};

TEST_F(poll, all_are_told_of_each_message)
{
	int round;

	ASSERT_EQ(0, poll_many(self, 500, EPOLLIN | EPOLLET, variant->apart));
	EXPECT_TRUE(none_told(self, variant->apart));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_TRUE(all_told(self, variant->apart, EPOLLIN));
	}
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
}

TEST_F(poll, all_are_told_of_room)
{
	static char large[1 << 19];

	ASSERT_EQ(sizeof(large), mq_write(self->fd, large, sizeof(large)));
	while (mq_write(self->fd, large, 4096) == 4096)
		;
	while (mq_write(self->fd, "", 1) == 1)
		;
	ASSERT_EQ(0, poll_many(self, 500, EPOLLOUT | EPOLLET, variant->apart));
	EXPECT_TRUE(none_told(self, variant->apart));
	ASSERT_EQ(sizeof(large), mq_read(self->fd, large, sizeof(large)));
	EXPECT_TRUE(all_told(self, variant->apart, EPOLLOUT));
}

TEST_F(poll, all_are_told_that_the_queue_is_gone)
{
	ASSERT_EQ(0, poll_many(self, 200, EPOLLIN | EPOLLET, variant->apart));
	ASSERT_EQ(0, poll_many(self, 200, EPOLLOUT | EPOLLET, variant->apart));
	ASSERT_EQ(0, poll_many(self, 200, 0, variant->apart));
	ASSERT_EQ(0, poll_many(self, 100, EPOLLHUP | EPOLLEXCLUSIVE,
			       variant->apart));
	told(self, variant->apart);
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_TRUE(all_told(self, variant->apart, EPOLLHUP));
}

TEST_F(poll, those_of_a_file_that_only_sends_are_told_that_the_queue_is_gone)
{
	close(self->file);
	MQ_OPEN(file, O_WRONLY);
	ASSERT_EQ(0, poll_many(self, 30, EPOLLET, false));
	ASSERT_EQ(0, poll_many(self, 30, EPOLLHUP | EPOLLEXCLUSIVE, false));
	EXPECT_TRUE(none_told(self, false));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_TRUE(all_told(self, false, EPOLLHUP));
}

TEST_F(poll, all_are_told_that_their_file_may_hold_another)
{
	char byte;

	if (variant->apart)
		SKIP(return, "only for pollers that share an open file");
	ASSERT_EQ(0, mq_consumer_set(self->file, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->file, &byte, 1));
	ASSERT_EQ(1, mq_read(self->file, &byte, 1));
	ASSERT_EQ(0, poll_many(self, 300, EPOLLIN | EPOLLET, false));
	ASSERT_EQ(0, poll_many(self, 100, EPOLLIN | EPOLLEXCLUSIVE, false));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_TRUE(none_told(self, false));
	ASSERT_EQ(1, mq_ack(self->file, 1));
	EXPECT_TRUE(all_told(self, false, EPOLLIN));
}

TEST_F(poll, all_that_want_to_be_the_only_one_are_told_if_none_listens)
{
	char byte;
	int round;

	ASSERT_EQ(0, poll_many(self, 100, EPOLLIN | EPOLLEXCLUSIVE,
			       variant->apart));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_TRUE(all_told(self, variant->apart, EPOLLIN));
		ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
		EXPECT_TRUE(none_told(self, variant->apart));
	}
}

TEST_F(poll, those_that_do_not_listen_leave_the_message_to_a_reader)
{
	struct mq_call call;
	char byte;
	int i, fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poll_many(self, 100, EPOLLIN | EPOLLEXCLUSIVE,
			       variant->apart));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, mq_read_start(&call, fd, &byte, 1));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_EQ(1, mq_call_result(&call));
	}
	close(fd);
}

/* -- what a message costs -------------------------------------------------- */

/*
 * Beside ten pollers, a message wakes each of them. Beside many, it wakes a
 * few, and waits while the queue's work wakes a portion of the others in one
 * hold of the lock. Waking all would cost hundreds of times as much.
 */
#define EXPECT_CHEAP(events) do {					\
	uint64_t __few, __many;						\
									\
	ASSERT_EQ(0, poll_many(self, 10, events, variant->apart));	\
	__few = mq_message_cost(self->fd);				\
	ASSERT_EQ(0, poll_many(self, variant->apart ? MANY / 2 : MANY,	\
			       events, variant->apart));		\
	__many = mq_message_cost(self->fd);				\
	ASSERT_NE(UINT64_MAX, __few);					\
	ASSERT_NE(UINT64_MAX, __many);					\
	TH_LOG("%llu ns beside 10, %llu ns beside %d",			\
	       (unsigned long long)__few, (unsigned long long)__many,	\
	       self->count);						\
	EXPECT_GE(20 * __few, __many);					\
} while (0)

TEST_F(poll, message_costs_the_same_beside_many_who_poll_for_it)
{
	EXPECT_CHEAP(EPOLLIN);
}

TEST_F(poll, message_costs_the_same_beside_many_who_do_not_listen)
{
	EXPECT_CHEAP(EPOLLIN | EPOLLEXCLUSIVE);
}

TEST_F(poll, message_costs_the_same_beside_many_who_wait_for_the_end)
{
	EXPECT_CHEAP(EPOLLHUP);
}

TEST_F(poll, message_costs_the_same_beside_many_who_poll_for_room)
{
	/* Each message fills the queue. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	EXPECT_CHEAP(EPOLLOUT);
}

/* -- pollers that come and go ---------------------------------------------- */

struct guest {
	const struct mq_queue *queue;
	bool stop;
	int error;
};

/* Poll in many ways and close again, in a loop. */
static void *come_and_go(void *argument)
{
	static const uint32_t ways[] = {
		EPOLLIN, EPOLLIN | EPOLLEXCLUSIVE, EPOLLOUT, 0,
		EPOLLIN | EPOLLOUT | EPOLLET,
	};
	struct epoll_event event = {};
	struct guest *g = argument;
	int i, n = 0, epolls[40];

	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
		int fd = mq_open(g->queue, O_RDWR | O_NONBLOCK);

		if (fd < 0)
			g->error = fd;
		for (i = 0; i < ARRAY_SIZE(epolls); i++) {
			epolls[i] = epoll_create1(0);
			event.events = ways[n++ % ARRAY_SIZE(ways)];
			if (epoll_ctl(epolls[i], EPOLL_CTL_ADD, fd, &event))
				g->error = -errno;
			epoll_wait(epolls[i], &event, 1, 0);
		}
		/* Close the file before its pollers, or after them. */
		if (n & 1)
			close(fd);
		for (i = 0; i < ARRAY_SIZE(epolls); i++)
			close(epolls[i]);
		if (!(n & 1))
			close(fd);
		n += 7;
	}
	return NULL;
}

TEST_F(poll, pollers_may_come_and_go_while_they_are_told)
{
	struct guest guests[3];
	pthread_t threads[3];
	int i;

	memset(guests, 0, sizeof(guests));
	ASSERT_EQ(0, poll_many(self, 100, EPOLLIN | EPOLLET, variant->apart));
	for (i = 0; i < 3; i++) {
		guests[i].queue = &self->queue;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, come_and_go,
					    &guests[i]));
	}
	for (i = 0; i < MESSAGES; i++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		if (i % 3 == 2)
			ASSERT_EQ(0, mq_purge(self->fd, 1, i) < 0);
	}
	for (i = 0; i < 3; i++) {
		__atomic_store_n(&guests[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, guests[i].error);
	}
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_TRUE(all_told(self, variant->apart, EPOLLIN));
}

TEST_HARNESS_MAIN
