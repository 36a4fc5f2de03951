// SPDX-License-Identifier: GPL-2.0
/*
 * Messages wake as many readers as can receive one, and no others.
 *
 * The module wakes another thread when one that was woken does not get to run
 * within a few milliseconds (MQ_GRACE_JIFFIES), and a busy machine can cause
 * that. So a test that no thread is woken needlessly passes if one try of many
 * passes (UNTIL_CALM): a fault in the module would show in each try.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "fixtures/wake.h"

TEST_F(wake, one_message_wakes_one_reader)
{
	int i;

	UNTIL_CALM() {
		START_READERS();
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			EXPECT_WOKEN(i);
		}
	}
}

TEST_F(wake, readers_are_served_in_the_order_of_their_coming)
{
	int i;

	START_READERS();
	for (i = 0; i < SLEEPERS; i++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, mq_call_result(&self->calls[i]));
	}
}

TEST_F(wake, batch_of_messages_wakes_as_many_readers)
{
	struct mq_batch batch = {};
	int i;

	for (i = 0; i < 3; i++)
		mq_batch_add(&batch, "x");
	UNTIL_CALM() {
		START_READERS();
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		EXPECT_WOKEN(3);
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
		ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
		EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	}
	mq_batch_free(&batch);
}

TEST_F(wake, refused_message_wakes_nobody)
{
	static char big[1001];

	START_READERS();
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, big, sizeof(big)));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, MQ_BAD_POINTER, 10));
	EXPECT_EQ(0, mq_write(self->fd, "", 0));
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(0, ended(self));
	EXPECT_EQ(0, woken_in_vain(self));
}

TEST_F(wake, interrupted_reader_leaves_the_message_to_the_next)
{
	int i, round;

	/* A signal and a message come at the same time: either may be first. */
	ASSERT_EQ(0, mq_catch_signal(0));
	for (round = 0; round < 20; round++) {
		START_READERS();
		pthread_kill(self->calls[0].thread, SIGUSR1);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 0))
		{
			TH_LOG("in round %d", round);
		}
		for (i = 1; i < SLEEPERS; i++)
			ASSERT_EQ(1, mq_put(self->fd, "x"));
		/* One message is left if the first reader ended with EINTR. */
		ASSERT_TRUE(mq_wait_until(ended(self) == SLEEPERS));
		for (i = 0; i < SLEEPERS; i++) {
			pthread_join(self->calls[i].thread, NULL);
			close(self->fds[i]);
		}
		mq_read(self->fd, self->data[0], 64);
		ASSERT_EQ(0, mq_stat_of(&self->queue, ready));
	}
}

TEST_F(wake, killed_reader_takes_no_message)
{
	struct mq_call call;
	int fd, round, result;
	pid_t child;
	char data[8];

	/*
	 * The first reader in line is killed, then a message comes. It must
	 * wake the second reader, as a dying process receives nothing.
	 */
	for (round = 0; round < 30; round++) {
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_RDONLY);
			mq_read(fd, data, sizeof(data));
			_exit(0);
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		kill(child, SIGKILL);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		result = mq_wait_child(child);
		EXPECT_EQ(128 + SIGKILL, result);
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("lost in round %d", round);
		}
		close(fd);
	}
}

TEST_F(wake, closing_reader_leaves_the_message_to_the_next)
{
	struct mq_call call;
	int fd, round;
	pid_t child;
	char data[8];

	/* The message comes first, and the kill right after it. */
	for (round = 0; round < 30; round++) {
		child = mq_fork();
		if (!child) {
			fd = mq_open(&self->queue, O_RDONLY);
			mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0);
			mq_read(fd, data, sizeof(data));
			for (;;)
				pause();
		}
		ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		kill(child, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_EQ(1, mq_call_result(&call)) {
			TH_LOG("lost in round %d", round);
		}
		close(fd);
	}
	EXPECT_EQ(30, mq_stat_of(&self->queue, acked));
}

TEST_F(wake, reader_in_poll_and_reader_in_read)
{
	int i;

	/* A message wakes all pollers, and one reader. */
	UNTIL_CALM() {
		for (i = 0; i < POLLERS; i++) {
			ASSERT_EQ(0, mq_poll_start(&self->polls[i], self->fd,
						   POLLIN));
			ASSERT_TRUE(mq_call_sleeps(&self->polls[i]));
		}
		START_READERS();
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_WOKEN(1);
		ASSERT_EQ(1, mq_put(self->fd, "y"));
		ASSERT_TRUE(mq_wait_until(ended(self) == 2));
	}
}

TEST_F(wake, two_messages_wake_two_readers_even_if_the_first_is_slow)
{
	int round, i;

	/* Messages come in quick succession: each has to wake a reader. */
	for (round = 0; round < 10; round++) {
		START_READERS();
		for (i = 0; i < SLEEPERS; i++)
			ASSERT_EQ(1, mq_put(self->fd, "x"));
		for (i = 0; i < SLEEPERS; i++) {
			ASSERT_EQ(1, mq_call_result(&self->calls[i])) {
				TH_LOG("reader %d in round %d", i, round);
			}
			close(self->fds[i]);
		}
	}
}

/*
 * Start a process that keeps one processor of @set busy with real-time
 * priority, so that a thread that is woken there has to wait. Leaves only that
 * processor in @set. Returns the pid.
 */
static int occupy(cpu_set_t *set)
{
	struct sched_param param = { .sched_priority = 10 };
	int cpu, ready[2];
	char byte;
	pid_t pid;

	for (cpu = CPU_SETSIZE - 1; cpu && !CPU_ISSET(cpu, set); cpu--)
		;
	CPU_ZERO(set);
	CPU_SET(cpu, set);
	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sched_setaffinity(0, sizeof(*set), set) ||
		    sched_setscheduler(0, SCHED_FIFO, &param))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			;
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

/*
 * One message may wait for a reader that does not get to run, but no more. The
 * kernel gives such a reader some processor time after a while: a try in which
 * it ran proves nothing.
 */
static void check_hold_up(struct __test_metadata *_metadata,
			  FIXTURE_DATA(wake) *self, unsigned int pause_us)
{
	cpu_set_t all, one;
	pid_t hog;
	int i;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2)
		SKIP(return, "one processor");
	UNTIL_CALM() {
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
		START_READERS();
		one = all;
		hog = occupy(&one);
		ASSERT_LT(0, hog);
		/* The first reader may only run on the busy processor. */
		ASSERT_EQ(0, sched_setaffinity(self->calls[0].tid, sizeof(one),
					       &one));
		CPU_XOR(&one, &all, &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
		for (i = 1; i < SLEEPERS; i++)
			ASSERT_EQ(0, sched_setaffinity(self->calls[i].tid,
						       sizeof(one), &one));
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			usleep(pause_us);
		}
		EXPECT_TRUE(mq_wait_until(ended(self) >= 3));
		self->vain = mq_call_done(&self->calls[0]);
		kill(hog, SIGKILL);
		ASSERT_EQ(hog, waitpid(hog, NULL, 0));
		EXPECT_TRUE(mq_wait_until(ended(self) == 4));
	}
}

TEST_F(wake, reader_that_does_not_get_to_run_holds_up_no_later_message)
{
	check_hold_up(_metadata, self, 20000);
}

TEST_F(wake, reader_that_does_not_get_to_run_holds_up_no_burst)
{
	check_hold_up(_metadata, self, 0);
}

/*
 * A message that cannot be received yet must not wake readers again and again.
 */
TEST_F(wake, message_in_a_paused_queue_leaves_sleepers_asleep)
{
	int i;

	START_READERS();
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	usleep(20000);
	ASSERT_TRUE(settled(self));
	EXPECT_EQ(0, ended(self));
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_GE(self->switches[i] + 4,
			  mq_switches(getpid(), self->calls[i].tid));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_TRUE(mq_wait_until(ended(self) == 1));
}

/*
 * A message may come while a reader spins before it sleeps, and must not be
 * left behind.
 */
TEST_F(wake, looking_before_sleeping_loses_no_message)
{
	int round, i;

	for (i = 0; i < 2; i++) {
		self->fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, self->fds[i]);
	}
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, mq_read_start(&self->calls[i], self->fds[i],
						   self->data[i], 64));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, mq_put(self->fd, "y"));
		for (i = 0; i < 2; i++)
			ASSERT_EQ(1, mq_call_result(&self->calls[i])) {
				TH_LOG("reader %d in round %d", i, round);
			}
	}
}

TEST_F(wake, threads_sharing_one_open_are_woken_one_by_one)
{
	int fd, i;

	UNTIL_CALM() {
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		for (i = 0; i < SLEEPERS; i++) {
			ASSERT_EQ(0, mq_read_start(&self->calls[i], fd,
						   self->data[i], 64));
			ASSERT_TRUE(mq_call_sleeps(&self->calls[i]));
		}
		remember(self);
		for (i = 1; i <= SLEEPERS; i++) {
			ASSERT_EQ(1, mq_put(self->fd, "x"));
			EXPECT_WOKEN(i);
		}
		close(fd);
	}
}

TEST_F(wake, thread_that_shares_gets_the_rest_of_a_half_read_message)
{
	struct mq_call call;
	int fd = mq_open(&self->queue, O_RDONLY);
	char rest[8] = {};

	/*
	 * Both threads read one byte each: a message of two bytes is for both.
	 */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, rest, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_read_start(&self->calls[0], fd, self->data[0], 1));
	ASSERT_TRUE(mq_call_sleeps(&self->calls[0]));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(1, mq_call_result(&self->calls[0]));
	EXPECT_EQ('a' + 'b', rest[0] + self->data[0][0]);
}

TEST_HARNESS_MAIN
