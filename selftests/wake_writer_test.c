// SPDX-License-Identifier: GPL-2.0
/*
 * Writers that wait for room: as many are woken as there is room for.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "fixtures/wake.h"

#define CROWD		1500
#define CROWD_RATIO	4

/* A thread of the crowd, which waits for more room than there is. */
static void *write_big(void *arg)
{
	static const char big[800];

	return (void *)(long)mq_write(*(int *)arg, big, sizeof(big));
}

/* Count the threads of this process that sleep in this system call. */
static int count_asleep(long call)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)))
		n += mq_is_asleep(getpid(), atoi(entry->d_name), call);
	if (dir)
		closedir(dir);
	return n;
}

TEST_F(wake, message_costs_the_same_beside_many_writers_that_do_not_fit)
{
	static pthread_t threads[CROWD];
	int fd = mq_open(&self->queue, O_WRONLY), i;
	int holder = mq_open(&self->queue, O_RDONLY);
	uint64_t alone, beside;
	pthread_attr_t attr;
	void *result;
	char data[300] = {};

	ASSERT_LE(0, fd);
	ASSERT_LE(0, holder);
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(300, mq_write(self->fd, data, 300));
	ASSERT_EQ(300, mq_read(holder, data, 300));
	alone = mq_message_cost(self->fd);
	ASSERT_NE(UINT64_MAX, alone);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], &attr, write_big,
					    &fd));
	/*
	 * Measure when all are asleep, and again if a busy machine spoils it.
	 */
	ASSERT_TRUE(mq_wait_until(count_asleep(SYS_write) == CROWD));
	EXPECT_TRUE(mq_wait_until((beside = mq_message_cost(self->fd)) <=
				  CROWD_RATIO * alone));
	TH_LOG("%llu ns alone, %llu ns beside %d", (unsigned long long)alone,
	       (unsigned long long)beside, CROWD);
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < CROWD; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(-ENODEV, (long)result);
	}
	close(fd);
	close(holder);
}

TEST_F(wake, one_place_wakes_one_writer)
{
	int i;

	UNTIL_CALM() {
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		START_WRITERS("y");
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_read(self->fd, self->data[0], 64));
			EXPECT_WOKEN(i);
			EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
		}
	}
}

TEST_F(wake, much_room_wakes_as_many_writers_as_fit)
{
	char text[101];

	/* One message of 1000 bytes makes room for eight of 100. */
	memset(text, 'x', 100);
	text[100] = '\0';
	ASSERT_EQ(1000, mq_write(self->fd, (char [1000]) {}, 1000));
	START_WRITERS(text);
	ASSERT_EQ(1000, mq_read(self->fd, (char [1000]) {}, 1000));
	ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
	EXPECT_EQ(100 * SLEEPERS, mq_stat_of(&self->queue, bytes));
}

TEST_F(wake, room_for_some_wakes_some)
{
	char text[101];

	memset(text, 'x', 100);
	text[100] = '\0';
	ASSERT_EQ(350, mq_write(self->fd, (char [350]) {}, 350));
	ASSERT_EQ(650, mq_write(self->fd, (char [650]) {}, 650));
	START_WRITERS(text);
	ASSERT_EQ(350, mq_read(self->fd, (char [1000]) {}, 1000));
	ASSERT_TRUE(mq_wait_until(ended(self) == 3));
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(3, ended(self));
	EXPECT_EQ(950, mq_stat_of(&self->queue, bytes));
}

TEST_F(wake, killed_writer_leaves_the_room_to_the_next)
{
	struct mq_call call;
	int fd, round, status;
	long long sent = 0;
	pid_t child;
	char byte;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	for (round = 0; round < 30; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "a"));
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_WRONLY);
			mq_put(fd, "b");
			_exit(0);
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_write));
		fd = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_write_start(&call, fd, "c", 1));
		ASSERT_TRUE(mq_call_sleeps(&call));
		kill(child, SIGKILL);
		ASSERT_EQ(0, mq_get(self->fd, "a"));
		status = mq_wait_child(child);
		EXPECT_EQ(128 + SIGKILL, status);
		/* If the dying writer got in first, make room again. */
		if (mq_stat_of(&self->queue, sent) == sent + 2 &&
		    !mq_call_done(&call))
			mq_read(self->fd, &byte, 1);
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("stuck in round %d", round);
		}
		while (mq_read(self->fd, &byte, 1) == 1)
			;
		sent = mq_stat_of(&self->queue, sent);
		close(fd);
	}
}

TEST_F(wake, writers_alternate_with_readers_without_a_pause)
{
	char byte;
	int i;

	/*
	 * Many writers and one reader share a queue with room for one message:
	 * all writers must succeed.
	 */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	START_WRITERS("y");
	close(self->fd);
	MQ_OPEN(fd, O_RDONLY);
	for (i = 0; i < SLEEPERS + 1; i++)
		ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(1, mq_call_result(&self->calls[i]));
}

TEST_HARNESS_MAIN
