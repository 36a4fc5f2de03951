// SPDX-License-Identifier: GPL-2.0
/*
 * Which open files may receive and send: the single active consumer, and paused
 * queues.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"

FIXTURE(active) {
	struct mq_queue queue;
	int writer;		/* O_WRONLY, O_NONBLOCK */
	int fds[3];		/* O_RDONLY, O_NONBLOCK, in this order */
	struct devmq_recv recv;
	char buffer[4096];
};

#define CREATE(...) do {						\
	int __i;							\
									\
	close_all(self);						\
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual " __VA_ARGS__)); \
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);	\
	ASSERT_LE(0, self->writer);					\
	for (__i = 0; __i < 3; __i++) {					\
		self->fds[__i] = mq_open(&self->queue,			\
					 O_RDONLY | O_NONBLOCK);	\
		ASSERT_LE(0, self->fds[__i]);				\
	}								\
} while (0)

static void shut(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void close_all(FIXTURE_DATA(active) *self)
{
	int i;

	shut(&self->writer);
	for (i = 0; i < 3; i++)
		shut(&self->fds[i]);
}

FIXTURE_SETUP(active)
{
	MQ_REQUIRE();
	self->writer = -1;
	self->fds[0] = -1;
	self->fds[1] = -1;
	self->fds[2] = -1;
}

FIXTURE_TEARDOWN(active)
{
	close_all(self);
	EXPECT_EQ(0, mq_cleanup());
}

#define NOTHING_FOR(fd) do {						\
	EXPECT_EQ(-EAGAIN, mq_read(fd, self->buffer, 10));		\
	EXPECT_EQ(-EAGAIN, mq_recv(fd, self->buffer,			\
				   sizeof(self->buffer), &self->recv));	\
	EXPECT_EQ(0, mq_poll(fd, POLLIN));				\
	EXPECT_EQ(0, mq_fionread(fd));					\
} while (0)

/* -- a single active consumer ---------------------------------------------- */

TEST_F(active, only_the_oldest_consumer_receives)
{
	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 3));
	NOTHING_FOR(self->fds[1]);
	NOTHING_FOR(self->fds[2]);
	EXPECT_EQ(POLLIN, mq_poll(self->fds[0], POLLIN));
	EXPECT_EQ(2, mq_fionread(self->fds[0]));
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	EXPECT_EQ(0, mq_get(self->fds[0], "m2"));
	NOTHING_FOR(self->fds[1]);
	EXPECT_EQ(2, mq_settle(self->fds[0], 1, 2, DEVMQ_ACTION_ACK));
}

TEST_F(active, next_takes_over_when_it_goes)
{
	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 3));
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	shut(&self->fds[0]);
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	NOTHING_FOR(self->fds[2]);
	EXPECT_EQ(POLLIN, mq_poll(self->fds[1], POLLIN));
	EXPECT_EQ(0, mq_get(self->fds[1], "m1"));
	EXPECT_EQ(0, mq_get(self->fds[1], "m2"));
	shut(&self->fds[1]);
	EXPECT_EQ(0, mq_get(self->fds[2], "m1"));
}

TEST_F(active, one_that_goes_while_it_waits_changes_nothing)
{
	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 2));
	shut(&self->fds[1]);
	NOTHING_FOR(self->fds[2]);
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	ASSERT_EQ(1, mq_ack(self->fds[0], 1));
	shut(&self->fds[0]);
	EXPECT_EQ(0, mq_get(self->fds[2], "m2"));
}

TEST_F(active, who_comes_back_stands_last)
{
	CREATE("single_active=1");
	shut(&self->fds[0]);
	self->fds[0] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fds[0]);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	NOTHING_FOR(self->fds[0]);
	NOTHING_FOR(self->fds[2]);
	EXPECT_EQ(0, mq_get(self->fds[1], "m1"));
}

TEST_F(active, last_close_is_what_counts)
{
	int copy;

	CREATE("single_active=1");
	copy = dup(self->fds[0]);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, mq_fill(self->writer, 2));
	shut(&self->fds[0]);
	NOTHING_FOR(self->fds[1]);
	EXPECT_EQ(0, mq_get(copy, "m1"));
	ASSERT_EQ(1, mq_ack(copy, 1));
	close(copy);
	EXPECT_EQ(0, mq_get(self->fds[1], "m2"));
}

TEST_F(active, writers_and_lookers_are_no_consumers)
{
	int looker, fd;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1"));
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	looker = mq_open(&self->queue, MQ_LOOK);
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	EXPECT_EQ(0, mq_get(fd, "m1"));
	close(looker);
	close(fd);
}

/*
 * Files that are opened for both sides, as by a shell's exec 3<> or rsyslog's
 * ompipe.
 */
TEST_F(active, one_open_for_both_is_not_active_before_it_receives)
{
	int both, other;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1 ack=manual"));
	both = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	self->fds[0] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fds[0]);
	ASSERT_EQ(0, mq_fill(both, 2));
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	ASSERT_EQ(1, mq_ack(self->fds[0], 1));

	/*
	 * They take over in the order of their first receives, not of their
	 * opens.
	 */
	NOTHING_FOR(other);
	NOTHING_FOR(both);
	shut(&self->fds[0]);
	NOTHING_FOR(both);
	EXPECT_EQ(2, mq_fionread(other));
	EXPECT_EQ(POLLIN, mq_poll(other, POLLIN));
	EXPECT_EQ(0, mq_get(other, "m2"));
	close(other);
	EXPECT_EQ(0, mq_get(both, "m2"));
	close(both);
}

TEST_F(active, first_receive_with_no_consumer_there_is_served_at_once)
{
	int fd;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1"));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(fd, 2));
	EXPECT_EQ(2, mq_fionread(fd));
	EXPECT_EQ(0, mq_get(fd, "m1"));
	EXPECT_EQ(POLLIN, mq_poll(fd, POLLIN));
	close(fd);
}

TEST_F(active, poller_open_for_both_takes_over)
{
	struct mq_call call;
	int fd;

	CREATE("single_active=1");
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_poll_start(&call, fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	shut(&self->fds[0]);
	shut(&self->fds[1]);
	ASSERT_TRUE(mq_call_sleeps(&call));
	shut(&self->fds[2]);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	EXPECT_EQ(0, mq_get(fd, "m1"));
	close(fd);
}

TEST_F(active, message_wakes_the_active_one_whoever_slept_first)
{
	struct mq_call calls[2];
	char data[2][8] = {};
	long switches;
	int fds[2];

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1"));
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	fds[0] = mq_open(&self->queue, O_RDONLY);
	fds[1] = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fds[1]);
	ASSERT_EQ(0, mq_read_start(&calls[1], fds[1], data[1], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_read_start(&calls[0], fds[0], data[0], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	switches = mq_switches(getpid(), calls[1].tid);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	EXPECT_EQ(2, mq_call_result(&calls[0]));
	EXPECT_STREQ("m1", data[0]);
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	TH_LOG("needless wake-ups: %ld",
	       mq_switches(getpid(), calls[1].tid) - switches);
	ASSERT_EQ(0, close(fds[0]));
	ASSERT_EQ(1, mq_put(self->writer, "x"));
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	close(fds[1]);
}

TEST_F(active, sleeper_takes_over_what_is_there)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	shut(&self->fds[0]);
	shut(&self->fds[2]);
	ASSERT_TRUE(mq_call_sleeps(&call));
	shut(&self->fds[1]);
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(active, poll_of_who_takes_over_wakes)
{
	struct mq_call call;

	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_poll_start(&call, self->fds[1], POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	shut(&self->fds[0]);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(active, killed_one_is_followed_at_once)
{
	int ready[2], fd;
	struct mq_call call;
	char data[8] = {}, byte;
	pid_t child;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1 ack=manual"));
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY);

		if (write(ready[1], "x", 1) != 1 || mq_get(mine, "m1") ||
		    write(ready[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	close(fd);
}

TEST_F(active, who_waits_gets_no_end_of_file)
{
	CREATE("single_active=1 eof=empty");
	EXPECT_EQ(0, mq_read(self->fds[0], self->buffer, 10));
	NOTHING_FOR(self->fds[1]);
	shut(&self->fds[0]);
	EXPECT_EQ(0, mq_read(self->fds[1], self->buffer, 10));
}

TEST_F(active, who_waits_does_not_receive_by_id_either)
{
	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_get(self->fds[0], "m1"));
	ASSERT_EQ(1, mq_defer(self->fds[0], 1));
	EXPECT_EQ(-EAGAIN, mq_recv_id(self->fds[1], 1, self->buffer,
				      sizeof(self->buffer), &self->recv));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
	EXPECT_EQ(0, mq_recv_id(self->fds[0], 1, self->buffer,
				sizeof(self->buffer), &self->recv));
}

TEST_F(active, timed_wait_of_who_may_not_receive_ends)
{
	int fd;

	CREATE("single_active=1");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.deadline_ns = mq_now_ns() + 20 * MQ_MS;
	EXPECT_EQ(-ETIMEDOUT, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	close(fd);
}

TEST_F(active, option_set_live_leaves_one)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->writer, 4));
	ASSERT_EQ(0, mq_get(self->fds[2], "m1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	NOTHING_FOR(self->fds[1]);
	NOTHING_FOR(self->fds[2]);
	EXPECT_EQ(0, mq_get(self->fds[0], "m2"));
	/* A consumer that is not active may still settle what it holds. */
	EXPECT_EQ(1, mq_ack(self->fds[2], 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "0"));
	EXPECT_EQ(0, mq_get(self->fds[1], "m3"));
	EXPECT_EQ(0, mq_get(self->fds[2], "m4"));
}

TEST_F(active, option_unset_live_wakes_the_others)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("single_active=1");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "0"));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(active, half_read_message_can_be_finished_by_who_lost_the_right)
{
	CREATE("");
	ASSERT_EQ(6, mq_put(self->writer, "abcdef"));
	ASSERT_EQ(2, mq_read(self->fds[2], self->buffer, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	EXPECT_EQ(POLLIN, mq_poll(self->fds[2], POLLIN));
	EXPECT_EQ(0, mq_get(self->fds[2], "cdef"));
	EXPECT_EQ(1, mq_ack(self->fds[2], 1));
}

TEST_F(active, lease_of_the_active_one_may_end)
{
	CREATE("single_active=1");
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fds[0], DEVMQ_ACK_MANUAL, 0,
					   1));
	ASSERT_EQ(0, mq_get(self->fds[0], "m1"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	NOTHING_FOR(self->fds[1]);
	EXPECT_EQ(POLLIN, mq_poll(self->fds[0], POLLIN));
}

TEST_F(active, many_take_over_one_after_the_other)
{
	int fds[20], i;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1 ack=manual"));
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	for (i = 0; i < 20; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	for (i = 0; i < 19; i++) {
		ASSERT_EQ(0, mq_get(fds[i], "m1"));
		ASSERT_EQ(-EAGAIN, mq_read(fds[i + 1], self->buffer, 10));
		close(fds[i]);
	}
	MQ_EXPECT(&self->queue, 1, READY, 19, 19, CRASH);
	EXPECT_EQ(0, mq_get(fds[19], "m1"));
	close(fds[19]);
}

/* -- with O_EXCL ----------------------------------------------------------- */

TEST_F(active, exclusive_open_is_refused_while_others_wait)
{
	int fd;

	CREATE("single_active=1");
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	shut(&self->fds[0]);
	shut(&self->fds[1]);
	shut(&self->fds[2]);
	fd = mq_open(&self->queue, O_RDONLY | O_EXCL | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	EXPECT_EQ(0, mq_get(fd, "m1"));
	close(fd);
	self->fds[0] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fds[0]);
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
}

TEST_F(active, refused_open_does_not_stand_in_line)
{
	int fd;

	ASSERT_EQ(0, mq_create(&self->queue, "single_active=1"));
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	fd = mq_open(&self->queue, O_RDONLY | O_EXCL | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	close(fd);
	self->fds[0] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fds[0]);
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
}

/* -- paused receivers ------------------------------------------------------ */

TEST_F(active, paused_receivers_get_nothing)
{
	static const char * const values[] = { "receive", "both" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		CREATE("");
		ASSERT_EQ(0, mq_fill(self->writer, 1));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "%s",
					  values[i]));
		NOTHING_FOR(self->fds[0]);
		EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
		EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	}
}

TEST_F(active, queue_can_be_created_paused)
{
	CREATE("paused=both");
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "x"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	EXPECT_EQ(1, mq_put(self->writer, "x"));
	NOTHING_FOR(self->fds[0]);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "y"));
	EXPECT_EQ(0, mq_get(self->fds[0], "x"));
}

TEST_F(active, paused_receivers_may_look_settle_and_purge)
{
	struct devmq_peek peek;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->writer, 5));
	ASSERT_EQ(0, mq_get(self->fds[0], "m1"));
	ASSERT_EQ(0, mq_get(self->fds[0], "m2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	EXPECT_EQ(1, mq_ack(self->fds[0], 1));
	EXPECT_EQ(1, mq_release(self->fds[0], 2));
	EXPECT_EQ(0, mq_peek(self->fds[0], self->buffer,
			     sizeof(self->buffer), &peek));
	EXPECT_EQ(4, peek.count);
	EXPECT_EQ(1, mq_purge(self->fds[0], 3, 3));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(0, mq_get(self->fds[0], "m2"));
	EXPECT_EQ(0, mq_get(self->fds[0], "m4"));
}

TEST_F(active, half_read_message_can_be_finished_when_paused)
{
	CREATE("");
	ASSERT_EQ(6, mq_put(self->writer, "abcdef"));
	ASSERT_EQ(2, mq_read(self->fds[0], self->buffer, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "both"));
	EXPECT_EQ(POLLIN, mq_poll(self->fds[0], POLLIN));
	EXPECT_EQ(4, mq_fionread(self->fds[0]));
	EXPECT_EQ(0, mq_get(self->fds[0], "cdef"));
	NOTHING_FOR(self->fds[0]);
}

TEST_F(active, paused_receivers_get_no_end_of_file)
{
	static const char * const values[] = { "empty", "hangup" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		CREATE("eof=%s", values[i]);
		shut(&self->writer);
		EXPECT_EQ(0, mq_read(self->fds[0], self->buffer, 10));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
		NOTHING_FOR(self->fds[0]);
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
		EXPECT_EQ(0, mq_read(self->fds[0], self->buffer, 10));
	}
}

TEST_F(active, paused_receiver_sleeps_until_it_is_over)
{
	struct mq_call calls[3];
	char data[3][8] = {};
	int i, fds[3];

	CREATE("paused=receive");
	ASSERT_EQ(0, mq_fill(self->writer, 2));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(1, mq_put(self->writer, "x"));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	for (i = 0; i < 3; i++) {
		EXPECT_LT(0, mq_call_result(&calls[i]));
		close(fds[i]);
	}
}

TEST_F(active, poll_wakes_when_the_pause_is_over)
{
	struct mq_call calls[2];

	CREATE("paused=both");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	ASSERT_EQ(0, mq_fill(self->writer, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "both"));
	ASSERT_EQ(0, mq_poll_start(&calls[0], self->fds[0], POLLIN));
	ASSERT_EQ(0, mq_poll_start(&calls[1], self->writer, POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(1, mq_call_result(&calls[0]));
	EXPECT_EQ(POLLIN, calls[0].events);
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	EXPECT_EQ(POLLOUT, calls[1].events);
}

TEST_F(active, pause_of_receivers_leaves_senders_alone)
{
	CREATE("paused=receive");
	EXPECT_EQ(1, mq_put(self->writer, "x"));
	EXPECT_EQ(POLLOUT, mq_poll(self->writer, POLLOUT));
}

/* -- paused senders -------------------------------------------------------- */

TEST_F(active, paused_senders_are_held_off_whatever_overflow_says)
{
	static const char * const values[] = { "block", "reject", "drop-head" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		CREATE("paused=send overflow=%s", values[i]);
		EXPECT_EQ(-EAGAIN, mq_put(self->writer, "x"));
		EXPECT_EQ(-EAGAIN, mq_send_one(self->writer, "x", 1));
		EXPECT_EQ(0, mq_poll(self->writer, POLLOUT));
		EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
		EXPECT_EQ(POLLOUT, mq_poll(self->writer, POLLOUT));
		EXPECT_EQ(1, mq_put(self->writer, "x"));
	}
}

TEST_F(active, paused_senders_drop_nothing)
{
	CREATE("max_messages=1 overflow=drop-head");
	ASSERT_EQ(1, mq_put(self->writer, "x"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "y"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fds[0], "x"));
}

TEST_F(active, paused_sender_sleeps_until_it_is_over)
{
	struct mq_call calls[3];
	int i, fd;

	CREATE("paused=send");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_write_start(&calls[i], fd, "x", 1));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, mq_call_result(&calls[i]));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	close(fd);
}

TEST_F(active, room_does_not_let_a_paused_sender_go)
{
	struct mq_call call;
	int fd;

	CREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->writer, "x"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "y", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	ASSERT_EQ(0, mq_get(self->fds[0], "x"));
	ASSERT_EQ(1, mq_ack(self->fds[0], 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

TEST_F(active, pause_of_senders_leaves_receivers_alone)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->writer, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(POLLIN, mq_poll(self->fds[0], POLLIN));
	EXPECT_EQ(0, mq_get(self->fds[0], "m1"));
	EXPECT_EQ(0, mq_get(self->fds[0], "m2"));
}

TEST_F(active, signal_ends_the_sleep_of_both_sides)
{
	struct mq_call calls[2];
	char data[8];
	int fd;

	CREATE("paused=both");
	ASSERT_EQ(0, mq_catch_signal(0));
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&calls[0], fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	pthread_kill(calls[0].thread, SIGUSR1);
	EXPECT_EQ(-EINTR, mq_call_result(&calls[0]));
	ASSERT_EQ(0, mq_write_start(&calls[1], fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	pthread_kill(calls[1].thread, SIGUSR1);
	EXPECT_EQ(-EINTR, mq_call_result(&calls[1]));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	close(fd);
}

TEST_F(active, removal_ends_the_sleep_of_both_sides)
{
	struct mq_call calls[2];
	char data[8];
	int fd;

	CREATE("paused=both");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&calls[0], fd, data, sizeof(data)));
	ASSERT_EQ(0, mq_write_start(&calls[1], fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENODEV, mq_call_result(&calls[0]));
	EXPECT_EQ(-ENODEV, mq_call_result(&calls[1]));
	close(fd);
}

TEST_HARNESS_MAIN
