// SPDX-License-Identifier: GPL-2.0
/*
 * The moment in between: a message is being copied, and something else happens.
 * userfaultfd stops the copying at a page for as long as it takes.
 */
#include "mq_test.h"
#include <linux/userfaultfd.h>

#define PAGE	4096

FIXTURE(copy) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int uffd;
	char *page;		/* whoever touches it stops */
};

/* A page that stops whoever touches it, in this process. */
static int trap_page(char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0)
		return -errno;
	*page = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*page == MAP_FAILED)
		return -errno;
	/* The page in front of it is there. */
	memset(*page, 'x', PAGE);
	*page += PAGE;
	area.range.start = (uintptr_t)*page;
	area.range.len = PAGE;
	if (ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &area))
		return -errno;
	return uffd;
}

/* Wait until somebody has stopped there. */
static bool trapped(int uffd)
{
	struct pollfd poll_fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&poll_fd, 1, MQ_PATIENCE_MS) != 1)
		return false;
	return read(uffd, &message, sizeof(message)) == sizeof(message) &&
	       message.event == UFFD_EVENT_PAGEFAULT;
}

/* Let them go on, with a page of zeros. */
static int go_on(int uffd, char *page)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)page, .len = PAGE },
	};

	return ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

/* Let them go on, and find that there is no page. */
static int go_wrong(int uffd, char *page)
{
	struct uffdio_range range = { .start = (uintptr_t)page, .len = PAGE };

	if (munmap(page, PAGE) || ioctl(uffd, UFFDIO_WAKE, &range))
		return -errno;
	return 0;
}

FIXTURE_SETUP(copy)
{
	MQ_REQUIRE();
	self->uffd = trap_page(&self->page);
	if (self->uffd == -ENOSYS || self->uffd == -EPERM)
		SKIP(return, "no userfaultfd");
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(copy)
{
	close(self->fd);
	close(self->uffd);
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(copy, message_in_hand_is_in_flight)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct devmq_stat stat;
	struct mq_call call;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(1, stat.in_flight);
	EXPECT_EQ(1, stat.ready);
	EXPECT_EQ(0, stat.acked);
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(-EAGAIN, mq_read(other, (char [4]){}, 4));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(self->page, "m1", 2));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
}

TEST_F(copy, message_in_hand_counts_towards_the_bounds)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
}

TEST_F(copy, descriptor_answers_meanwhile)
{
	struct devmq_consumer consumer;
	struct devmq_peek peek;
	struct devmq_recv recv;
	struct devmq_stat stat;
	struct mq_call call;
	char buffer[512], path[64], text[1024];

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(0, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(0, mq_peek(self->fd, buffer, sizeof(buffer), &peek));
	EXPECT_EQ(2, mq_fionread(self->fd));
	EXPECT_EQ(-EBUSY, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	EXPECT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_recv(self->fd, buffer, sizeof(buffer), &recv));
	EXPECT_EQ(2, recv.count);
	EXPECT_EQ(2, mq_settle(self->fd, 2, 3, DEVMQ_ACTION_ACK));
	/* What is not handed over yet is not there to be settled. */
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(copy, queue_can_be_removed_meanwhile)
{
	struct mq_call call;
	long result;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	result = mq_call_result(&call);
	EXPECT_TRUE(result == 2 || result == -ENODEV) {
		TH_LOG("got %ld", result);
	}
	EXPECT_EQ(-ENODEV, mq_read(self->fd, (char [4]){}, 4));
}

TEST_F(copy, queue_can_be_removed_under_a_read_that_fails)
{
	struct mq_call call;
	long result;

	/* Nothing of the message could be copied: it has no place to go. */
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	result = mq_call_result(&call);
	EXPECT_TRUE(result == -EFAULT || result == -ENODEV) {
		TH_LOG("got %ld", result);
	}
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
}

TEST_F(copy, read_that_fails_puts_the_message_back_in_its_place)
{
	struct devmq_record record;
	struct mq_call call;

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(0, record.attempt);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(copy, returned_message_wakes_a_reader_that_came_meanwhile)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call, sleeper;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_read_start(&sleeper, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&sleeper));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	EXPECT_EQ(2, mq_call_result(&sleeper));
	EXPECT_STREQ("m1", data);
}

TEST_F(copy, batch_of_which_the_second_record_stops)
{
	size_t small = sizeof(struct devmq_record) + 8;
	struct devmq_recv recv;
	struct devmq_stat stat;
	struct mq_call call;

	/* The first one in front of the page, the rest in it. */
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	mq_recv_init(&recv, self->page - small, 1000);
	ASSERT_EQ(0, mq_ioctl_start(&call, self->fd, DEVMQ_IOC_RECV, &recv));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(3, stat.in_flight);
	EXPECT_EQ(0, stat.acked);
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, recv.count);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));
}

/* Have a child stop in the middle of receiving, and kill it there. */
static int kill_receiver(const struct mq_queue *queue, bool batch)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(queue, O_RDONLY);
		struct devmq_recv recv;
		char *page;

		if (trap_page(&page) < 0)
			_exit(1);
		if (batch) {
			mq_recv_init(&recv, page - 100, PAGE);
			mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
		} else {
			mq_read(fd, page, PAGE);
		}
		_exit(2);
	}
	if (!mq_wait_until(mq_stat_of(queue, in_flight) > 0))
		return -ETIME;
	mq_sleep_ms(20);
	kill(child, SIGKILL);
	return mq_wait_child(child);
}

TEST_F(copy, message_of_a_killed_reader_is_whole_again)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	EXPECT_EQ(128 + SIGKILL, kill_receiver(&self->queue, false));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(copy, batch_of_a_killed_receiver_comes_back_whole)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(128 + SIGKILL, kill_receiver(&self->queue, true));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(copy, message_that_is_being_written_is_not_there_yet)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_write_start(&call, self->fd, self->page - 10, 20));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	/* Others get in first, and the queue is not held up. */
	ASSERT_EQ(5, mq_put(self->fd, "first"));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(20, mq_call_result(&call));
	EXPECT_EQ(20, mq_read(self->fd, (char [100]){}, 100));
}

TEST_F(copy, write_into_a_queue_that_is_removed_meanwhile)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_write_start(&call, self->fd, self->page - 10, 20));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(-ENODEV, mq_call_result(&call));
}

TEST_F(copy, write_of_a_killed_process_sends_nothing)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_WRONLY);
		char *page;

		if (trap_page(&page) < 0)
			_exit(1);
		mq_write(fd, page - 10, 20);
		_exit(2);
	}
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, producers) == 2));
	mq_sleep_ms(50);
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(copy, bounds_are_looked_at_when_the_message_is_complete)
{
	struct mq_call call;

	/* There was room when it began, and there is none any more. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_write_start(&call, self->fd, self->page - 10, 20));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(-EAGAIN, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(copy, peek_stops_nobody)
{
	struct devmq_peek peek;
	struct mq_call call;

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	mq_peek_init(&peek, self->page - 100, 1000);
	ASSERT_EQ(0, mq_ioctl_start(&call, self->fd, DEVMQ_IOC_PEEK, &peek));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_control("remove %s force", self->queue.name));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	/* What it had seen by then, or that the queue is gone. */
	EXPECT_NE(-ETIME, mq_call_result(&call));
}

TEST_HARNESS_MAIN
