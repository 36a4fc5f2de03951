// SPDX-License-Identifier: GPL-2.0
/*
 * Events while a message is being copied to or from user space: userfaultfd
 * stops the copy at a page for as long as a test needs.
 */
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "helpers/used.h"

#define PAGE	4096

FIXTURE(copy) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int uffd;
	char *page;		/* a thread that touches it stops */
};

/* Map a page of this process: a thread that touches it stops. */
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
	/* The page before it is present. */
	memset(*page, 'x', PAGE);
	*page += PAGE;
	area.range.start = (uintptr_t)*page;
	area.range.len = PAGE;
	if (ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &area))
		return -errno;
	return uffd;
}

/* Wait until a thread has stopped at the page. */
static bool trapped(int uffd)
{
	struct pollfd poll_fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&poll_fd, 1, MQ_PATIENCE_MS) != 1)
		return false;
	return read(uffd, &message, sizeof(message)) == sizeof(message) &&
	       message.event == UFFD_EVENT_PAGEFAULT;
}

/* Let the stopped threads continue, with a page of zeros. */
static int go_on(int uffd, char *page)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)page, .len = PAGE },
	};

	return ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

/* Unmap the page and let the stopped threads continue: their copy fails. */
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
	MQ_OPEN_QUEUE("");
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
	EXPECT_EQ(-EAGAIN, mq_read(other, (char [4]) {}, 4));
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
	/* A message that is still being copied cannot be settled. */
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
	EXPECT_EQ(-ENODEV, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(copy, queue_can_be_removed_under_a_read_that_fails)
{
	struct mq_call call;
	long result;

	/* No byte of the message is copied, and its queue is gone. */
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

/*
 * A message over 256 bytes is copied without a lock, so another read may leave
 * a message half-read meanwhile.
 */
TEST_F(copy, read_that_fails_leaves_another_half_read_where_it_is)
{
	char large[300] = "first", buffer[300];
	struct mq_call call;
	int left;

	ASSERT_EQ(sizeof(large), mq_write(self->fd, large, sizeof(large)));
	ASSERT_EQ(10, mq_put(self->fd, "0123456789"));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 300));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(4, mq_read(self->fd, buffer, 4));
	EXPECT_EQ(0, memcmp(buffer, "0123", 4));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &left));
	EXPECT_EQ(6, left);
	ASSERT_EQ(6, mq_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer, "456789", 6));
	ASSERT_EQ(300, mq_read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(buffer, large, sizeof(large)));
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

	/* The first record lies before the page, the others in it. */
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

/* Let a child stop in the middle of a receive, and kill it there. */
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
	/* Other messages get in first: the write does not block the queue. */
	ASSERT_EQ(5, mq_put(self->fd, "first"));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(20, mq_call_result(&call));
	EXPECT_EQ(20, mq_read(self->fd, (char [100]) {}, 100));
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
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, producers) == 1));
	mq_sleep_ms(50);
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(copy, bounds_are_looked_at_when_the_message_is_complete)
{
	struct mq_call call;

	/*
	 * There is room when the write begins, but not when its message is
	 * complete.
	 */
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
	/*
	 * The call reports what it saw before, or fails as the queue is gone.
	 */
	EXPECT_NE(-ETIME, mq_call_result(&call));
}

/* -- timers and other calls during a copy ---------------------------------- */

TEST_F(copy, lease_takes_a_message_away_only_after_the_copying)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct mq_call call;
	uint64_t start;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	for (start = mq_boot_ns(); mq_boot_ns() < start + 20 * MQ_MS;)
		usleep(1000);
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(-EAGAIN, mq_read(other, (char [4]) {}, 4));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(self->page, "m1", 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(other, "m1"));
	close(other);
}

TEST_F(copy, lease_that_ends_in_a_copying_that_fails_is_no_failure)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	mq_sleep_ms(10);
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
}

TEST_F(copy, lease_does_not_concern_what_is_acknowledged_by_the_copying)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_AUTO, 0, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	mq_sleep_ms(10);
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(copy, message_in_hand_is_seen_as_in_flight)
{
	struct mq_call call;
	struct mq_look look;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &look));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, look.record.state);
	EXPECT_EQ(getpid(), look.extra.holder_pid);
	EXPECT_STREQ("m1", look.payload);
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
}

TEST_F(copy, message_in_hand_that_expires_comes_back_expired)
{
	struct mq_call call;
	uint64_t ttl, end = 0;

	/* Double the time until one message is received before it expires. */
	for (ttl = 50 * MQ_MS; ttl < 60 * MQ_SECOND; ttl *= 2) {
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = ttl));
		end = mq_boot_ns() + ttl;
		ASSERT_EQ(0, mq_read_start(&call, self->fd, self->page, 100));
		if (mq_wait_until(mq_call_done(&call) ||
				  mq_poll(self->uffd, POLLIN)) &&
		    !mq_call_done(&call))
			break;
		ASSERT_EQ(-EAGAIN, mq_call_result(&call));
	}
	ASSERT_TRUE(trapped(self->uffd));
	while (mq_boot_ns() <= end)
		usleep(1000);
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(mq_stat_of(&self->queue, sent),
		  mq_stat_of(&self->queue, expired));
}

TEST_F(copy, message_in_hand_holds_its_key)
{
	struct mq_queue keys;
	struct mq_call call;
	int fd, other;

	ASSERT_EQ(0, mq_create(&keys, "order=key"));
	fd = mq_open(&keys, O_RDWR | O_NONBLOCK);
	other = mq_open(&keys, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	ASSERT_EQ(1, MQ_SEND(fd, .text = "a1", .key = "a"));
	ASSERT_EQ(2, MQ_SEND(fd, .text = "a2", .key = "a"));
	ASSERT_EQ(3, MQ_SEND(fd, .text = "b1", .key = "b"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(0, mq_get(other, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(other, (char [4]) {}, 4));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(other, "a2"));
	close(fd);
	close(other);
}

TEST_F(copy, deferred_message_whose_copying_fails_is_deferred_still)
{
	struct devmq_recv recv;
	struct mq_call call;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	mq_recv_init(&recv, self->page, 1000);
	recv.id = 1;
	ASSERT_EQ(0, mq_ioctl_start(&call, self->fd, DEVMQ_IOC_RECV, &recv));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, go_wrong(self->uffd, self->page));
	EXPECT_EQ(-EFAULT, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
}

TEST_F(copy, duplicate_of_what_came_in_meanwhile)
{
	size_t size = DEVMQ_ALIGN(sizeof(struct devmq_record) + 2) + 20;
	struct devmq_send sends[2];
	struct mq_batch batch = {};
	struct mq_call call;
	char *start;

	/* The first send is the last to be complete, so it is the duplicate. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	mq_batch_add_message(&batch, &(struct mq_message) {
		.text = "01234567890123456789", .dedup = "id",
	});
	ASSERT_EQ(size, batch.size);
	start = self->page - size + 10;
	start -= (uintptr_t)start % 8;
	memcpy(start, batch.data, self->page - start);
	memset(&sends[0], 0, sizeof(sends[0]));
	sends[0].size = sizeof(sends[0]);
	sends[0].records = (uintptr_t)start;
	sends[0].records_size = size;
	ASSERT_EQ(0, mq_ioctl_start(&call, self->fd, DEVMQ_IOC_SEND,
				    &sends[0]));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &sends[1]));
	EXPECT_EQ(0, sends[1].result);
	EXPECT_EQ(1, sends[1].first_id);
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(DEVMQ_SENT_DUP, sends[0].result);
	EXPECT_EQ(1, sends[0].first_id);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	mq_batch_free(&batch);
}

TEST_F(copy, queue_with_a_dead_letter_queue_that_goes_meanwhile)
{
	struct mq_queue grave, dying;
	struct mq_call call;
	int fd;

	ASSERT_EQ(0, mq_create(&grave, ""));
	ASSERT_EQ(0, mq_create(&dying, "max_deliveries=1 dead_letter=%s",
			       grave.name));
	fd = mq_open(&dying, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 0, 1));
	ASSERT_EQ(0, mq_fill(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->page, 100));
	ASSERT_TRUE(trapped(self->uffd));
	ASSERT_EQ(0, mq_control("remove %s force", grave.name));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&dying, dead) == 1));
	MQ_EXPECT(&dying, 1, DEAD, 1, 1, LEASE);
	close(fd);
}

/* What was acknowledged takes no memory while the next message is copied out. */
TEST_F(copy, acknowledged_messages_are_freed_though_the_copying_stops)
{
	static char data[1 << 16];
	struct devmq_recv recv;
	struct mq_call call;
	long long before;
	int i;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	before = mq_used_settled();
	for (i = 0; i < 100; i++)
		ASSERT_EQ(i + 2, mq_send_payload(self->fd, data, 60000));
	for (i = 0; i < 101; i++) {
		mq_recv_init(&recv, data, sizeof(data));
		recv.max_count = 1;
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv));
	}
	ASSERT_EQ(102, mq_send_payload(self->fd, data, 3000));
	EXPECT_LT(before + 100 * 60000, mq_used());
	mq_recv_init(&recv, self->page, PAGE);
	recv.max_count = 1;
	recv.ack_first_id = 1;
	recv.ack_last_id = 101;
	ASSERT_EQ(0, mq_ioctl_start(&call, self->fd, DEVMQ_IOC_RECV, &recv));
	ASSERT_TRUE(trapped(self->uffd));
	EXPECT_EQ(101, mq_stat_of(&self->queue, acked));
	EXPECT_TRUE(mq_wait_until(mq_used() < before + (1 << 20)));
	ASSERT_EQ(0, go_on(self->uffd, self->page));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(101, recv.acked);
	EXPECT_EQ(1, recv.count);
}

TEST_HARNESS_MAIN
