// SPDX-License-Identifier: GPL-2.0
/*
 * Queues that remove themselves: expires_ms and auto_delete.
 */
#include <signal.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/sleep.h"
#include "fixtures/time.h"

/* -- queues that remove themselves ----------------------------------------- */

static bool is_gone(const struct mq_queue *queue)
{
	return access(queue->path, F_OK) && errno == ENOENT;
}

TEST_F(time, unused_queue_goes_after_its_time)
{
	uint64_t start = mq_boot_ns();
	struct mq_queue other;
	char path[128];

	/* If nobody ever opens it, the time runs from its creation. */
	ASSERT_EQ(0, mq_create(&other, "expires_ms=100"));
	EXPECT_TRUE(mq_wait_until(is_gone(&other)));
	EXPECT_LE(100 * MQ_MS, mq_boot_ns() - start);
	snprintf(path, sizeof(path), MQ_CLASS "/%s", other.name);
	EXPECT_TRUE(mq_wait_until(access(path, F_OK)));
	EXPECT_EQ(0, mq_control("create %s", other.name));
}

TEST_F(time, queue_that_is_open_stays)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "expires_ms", "20"));
	mq_sleep_ms(60);
	EXPECT_FALSE(is_gone(&self->queue));
	EXPECT_EQ(0, mq_fill(self->fd, 1));
	close(self->fd);
	self->fd = -1;
	/* The queue is removed, although it has a message. */
	EXPECT_TRUE(mq_wait_until(is_gone(&self->queue)));
}

TEST_F(time, every_kind_of_user_keeps_a_queue)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		CREATE("");
		close(self->fd);
		self->fd = mq_open(&self->queue, flags[i] | O_NONBLOCK);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "expires_ms", "10"));
		mq_sleep_ms(40);
		EXPECT_FALSE(is_gone(&self->queue));
	}
}

TEST_F(time, who_only_looks_keeps_no_queue)
{
	int looker = mq_open(&self->queue, MQ_LOOK);
	struct devmq_stat stat;

	ASSERT_LE(0, looker);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "expires_ms", "20"));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(is_gone(&self->queue)));
	EXPECT_EQ(-ENODEV, mq_stat_fd(looker, &stat));
	close(looker);
}

TEST_F(time, setting_the_option_starts_anew)
{
	struct mq_queue other;
	uint64_t start;

	ASSERT_EQ(0, mq_create(&other, "expires_ms=3600000"));
	EXPECT_FALSE(is_gone(&other));
	start = mq_boot_ns();
	ASSERT_EQ(0, mq_sysfs_set(&other, "expires_ms", "50"));
	EXPECT_TRUE(mq_wait_until(is_gone(&other)));
	EXPECT_LE(50 * MQ_MS, mq_boot_ns() - start);
}

TEST_F(time, zero_turns_the_option_off)
{
	struct mq_queue other;

	/* A time long enough that setting the option comes before its end. */
	ASSERT_EQ(0, mq_create(&other, "expires_ms=2000"));
	ASSERT_EQ(0, mq_sysfs_set(&other, "expires_ms", "0"));
	mq_sleep_ms(2200);
	EXPECT_FALSE(is_gone(&other));
	EXPECT_EQ(0, mq_sysfs_number(&other, "expires_ms"));
}

TEST_F(time, last_close_starts_the_time)
{
	int i, fd, round;
	uint64_t start;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "expires_ms", "30"));
		for (i = 0; i < 3; i++) {
			fd = mq_open(&self->queue, O_RDONLY);
			ASSERT_LE(0, fd);
			mq_sleep_ms(20);
			close(fd);
		}
	}
	start = mq_boot_ns();
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(is_gone(&self->queue)));
	EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
}

TEST_F(time, open_and_the_end_of_a_queue_may_meet)
{
	struct mq_queue other;
	int round, fd, opened = 0;

	for (round = 0; round < 30; round++) {
		ASSERT_EQ(0, mq_create(&other, "expires_ms=5"));
		mq_names_count--;
		usleep(4000 + round % 5 * 500);
		fd = mq_open(&other, O_RDWR | O_NONBLOCK);
		if (fd < 0) {
			EXPECT_TRUE(fd == -ENOENT || fd == -ENODEV ||
				    fd == -ENXIO) {
				TH_LOG("error %d", fd);
			}
		} else {
			int error = mq_put(fd, "x");

			/*
			 * An open file either keeps the queue, or gets ENODEV.
			 */
			opened++;
			ASSERT_TRUE(error == 1 || error == -ENODEV);
			if (error == 1) {
				mq_sleep_ms(10);
				ASSERT_EQ(0, mq_get(fd, "x"));
			}
			close(fd);
		}
		ASSERT_TRUE(mq_wait_until(is_gone(&other)));
	}
	TH_LOG("%d opened in time", opened);
}

TEST_F(time, auto_delete_goes_at_the_last_close)
{
	struct devmq_stat stat;
	int fd, looker;

	CREATE("auto_delete=1");
	fd = mq_open(&self->queue, O_RDONLY);
	looker = mq_open(&self->queue, MQ_LOOK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	close(self->fd);
	EXPECT_FALSE(is_gone(&self->queue));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	self->fd = fd;
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(is_gone(&self->queue)));
	EXPECT_EQ(-ENODEV, mq_stat_fd(looker, &stat));
	close(looker);
}

TEST_F(time, queue_in_use_by_one_that_neither_sent_nor_received_stays)
{
	int fd;

	/*
	 * Set expires_ms only after the open, so that it cannot expire before.
	 */
	CREATE("auto_delete=1");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	close(self->fd);
	self->fd = fd;
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "expires_ms", "1"));
	mq_sleep_ms(20);
	EXPECT_FALSE(is_gone(&self->queue));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(is_gone(&self->queue)));
}

TEST_F(time, auto_delete_spares_a_queue_that_nobody_closed)
{
	struct mq_queue other;
	int looker;

	ASSERT_EQ(0, mq_create(&other, "auto_delete=1"));
	looker = mq_open(&other, MQ_LOOK);
	ASSERT_LE(0, looker);
	close(looker);
	looker = mq_open(&other, MQ_LOOK);
	EXPECT_LE(0, looker);
	close(looker);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "auto_delete", "1"));
	/* A queue is removed some time after the close. */
	mq_sleep_ms(20);
	EXPECT_FALSE(is_gone(&other));
	EXPECT_FALSE(is_gone(&self->queue));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "auto_delete", "0"));
	close(self->fd);
	self->fd = -1;
	mq_sleep_ms(20);
	EXPECT_FALSE(is_gone(&self->queue));
}

TEST_F(time, auto_delete_goes_when_its_only_user_is_killed)
{
	struct mq_queue other;
	pid_t child;

	ASSERT_EQ(0, mq_create(&other, "auto_delete=1"));
	child = mq_fork();
	if (!child) {
		mq_read(mq_open(&other, O_RDONLY), self->buffer, 10);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_TRUE(mq_wait_until(is_gone(&other)));
}

TEST_HARNESS_MAIN
