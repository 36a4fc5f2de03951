// SPDX-License-Identifier: GPL-2.0
/*
 * Senders of topics that wait where their message goes by way of another topic,
 * and those of io_uring, which wait in a worker thread.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/ring.h"
#include "fixtures/topic.h"

/* Two topics, one behind the other, with one queue each. The second one is full. */
#define CHAIN(below) do {						\
	TOPIC("");							\
	ASSERT_EQ(0, create_topic(below, ""));				\
	ASSERT_EQ(0, topic_bind(&self->queue, below, ""));		\
	BOUND(0, "", "");						\
	QUEUE(1, "max_messages=1");					\
	ASSERT_EQ(0, topic_bind(below, &self->q[1], ""));		\
	ASSERT_EQ(1, mq_put(self->fd, "1"));				\
} while (0)

/* -- behind another topic ------------------------------------------------------- */

TEST_F(topic, sender_waits_for_a_queue_behind_another_topic)
{
	struct mq_queue below;
	struct mq_call call;
	char name[DEVMQ_NAME_MAX + 1];
	int fd;

	CHAIN(&below);
	SENDER_WAITS(fd, &call, "2");
	full_of(fd, name, sizeof(name));
	EXPECT_STREQ(self->q[1].name, name);
	/* A sender of the topic below waits for the same queue. */
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, mq_stat_of(&below, routed));
	close(fd);
}

TEST_F(topic, sender_goes_on_when_the_topic_on_its_way_is_unbound)
{
	struct mq_queue below;
	struct mq_call call;
	int fd;

	CHAIN(&below);
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, topic_unbind(&self->queue, &below, ""));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(1, mq_stat_of(&self->q[1], sent));
	EXPECT_EQ(1, mq_stat_of(&below, sent));
	close(fd);
}

TEST_F(topic, sender_goes_on_when_the_topic_on_its_way_is_removed)
{
	struct mq_queue below;
	struct mq_call call;
	int fd;

	CHAIN(&below);
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, mq_remove(&below));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	close(fd);
}

TEST_F(topic, sender_that_waits_for_a_queue_ends_when_its_topic_pauses)
{
	struct mq_call call;
	int fd;

	TOPIC("");
	BOUND(0, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	SENDER_WAITS(fd, &call, "2");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	ASSERT_EQ(0, mq_get(self->q_fd[0], "1"));
	/* It waits for the end of the pause now. */
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "2"));
	close(fd);
}

/* With fdinfo a sender that does not wait can say which queue has refused it. */
TEST_F(topic, queue_that_refused_is_named_until_the_next_message)
{
	char name[DEVMQ_NAME_MAX + 1];

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	BOUND(2, "", "max_messages=2 overflow=reject");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	full_of(self->fd, name, sizeof(name));
	EXPECT_STREQ("", name);
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "2"));
	full_of(self->fd, name, sizeof(name));
	EXPECT_STREQ(self->q[1].name, name);
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	ASSERT_EQ(1, mq_put(self->fd, "2"));
	full_of(self->fd, name, sizeof(name));
	EXPECT_STREQ("", name);
	ASSERT_EQ(0, mq_get(self->q_fd[1], "2"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "3"));
	full_of(self->fd, name, sizeof(name));
	EXPECT_STREQ(self->q[2].name, name);
}

TEST_F(topic, killed_sender_leaves_nothing_behind)
{
	pid_t child;
	int fd;

	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	child = mq_fork();
	if (!child) {
		fd = mq_open(&self->queue, O_WRONLY);
		_exit(fd < 0 || mq_put(fd, "2") != 1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_write));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(1, mq_put(self->fd, "3"));
	EXPECT_EQ(2, mq_stat_of(&self->q[0], sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_senders));
}

/* -- places that are kept ------------------------------------------------------- */

/*
 * A page whose next use waits for the caller once it is given up. Return a descriptor
 * with which the caller lets it go on, or an error.
 */
static int slow_page(void *page, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)page, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &range))
		return fd;
	close(fd);
	return -EIO;
}

/* Let those that wait for room in a queue try again. */
static int try_again(const struct mq_queue *topic, const struct mq_queue *queue)
{
	return topic_bind(topic, queue, "key=none") ?:
	       topic_unbind(topic, queue, "key=none");
}

/*
 * Return the number of a queue that takes no message: 0 or 2, or -1 for none. A sender
 * that tries has its place for less than a moment.
 */
static int taken(FIXTURE_DATA(topic) *self)
{
	int i, n;

	for (i = 0; i <= 2; i += 2) {
		for (n = 0; n < 5 && mq_put(self->q_fd[i], "x") == -EAGAIN; n++)
			usleep(1000);
		if (n == 5)
			return i;
		mq_get(self->q_fd[i], "x");
	}
	return -1;
}

/* A sender lost so often that it keeps a place. Then it sleeps in its own memory. */
TEST_F(topic, places_are_kept_for_a_moment_wherever_the_sender_sleeps)
{
	struct pollfd fault = { .events = POLLIN };
	size_t size = sysconf(_SC_PAGESIZE);
	struct mq_call call;
	char *page;
	int fd, i, kept = -1;

	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	*page = '2';
	fault.fd = slow_page(page, size);
	if (fault.fd < 0)
		SKIP(return, "no userfaultfd: %d", fault.fd);
	TOPIC("");
	/* One of the others is asked for room before the full one, whatever the order. */
	BOUND(0, "", "max_messages=1");
	BOUND(1, "", "max_messages=1");
	BOUND(2, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	ASSERT_EQ(0, mq_get(self->q_fd[0], "1"));
	ASSERT_EQ(0, mq_get(self->q_fd[2], "1"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, fd, page, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	for (i = 0; kept < 0 && i < 1000; i++) {
		ASSERT_EQ(0, try_again(&self->queue, &self->q[1]));
		kept = taken(self);
	}
	ASSERT_LE(0, kept);
	ASSERT_EQ(0, madvise(page, size, MADV_DONTNEED));
	ASSERT_EQ(0, try_again(&self->queue, &self->q[1]));
	ASSERT_EQ(1, poll(&fault, 1, 10000));
	EXPECT_TRUE(mq_wait_until(mq_put(self->q_fd[kept], "x") == 1));
	EXPECT_EQ(0, mq_get(self->q_fd[kept], "x"));
	EXPECT_EQ(0, mq_control("remove %s", self->q[kept].name));
	close(fault.fd);
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
	munmap(page, size);
}

/* -- io_uring ---------------------------------------------------------------------- */

static void ring_send(struct ring *ring, int fd, struct devmq_send *send,
		      struct mq_batch *batch)
{
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = 0;
	send->records = (uintptr_t)batch->data;
	send->records_size = batch->size;
	send->result = 0;
	ring_command(ring, fd, DEVMQ_IOC_SEND, send, 1);
}

TEST_F(topic, send_of_a_ring_goes_at_once)
{
	struct ring ring;

	if (ring_open(&ring))
		SKIP(return, "no io_uring");
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "");
	mq_batch_add(&self->batch, "a");
	mq_batch_add(&self->batch, "b");
	ring_send(&ring, self->fd, &self->send, &self->batch);
	ASSERT_LE(0, ring_submit(&ring));
	EXPECT_EQ(0, ring_wait(&ring, NULL));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(2, self->send.last_id);
	EXPECT_EQ(2, mq_stat_of(&self->q[1], sent));
	ring_close(&ring);
}

TEST_F(topic, send_of_a_ring_waits_in_a_worker)
{
	struct ring ring;
	int fd;

	if (ring_open(&ring))
		SKIP(return, "no io_uring");
	TOPIC("");
	BOUND(0, "", "");
	BOUND(1, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	mq_batch_add(&self->batch, "2");
	ring_send(&ring, fd, &self->send, &self->batch);
	ASSERT_LE(0, ring_submit(&ring));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, waiting_senders) == 1));
	EXPECT_EQ(-ENODATA, ring_done(&ring, NULL));
	ASSERT_EQ(0, mq_get(self->q_fd[1], "1"));
	EXPECT_EQ(0, ring_wait(&ring, NULL));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(0, mq_get(self->q_fd[1], "2"));
	close(fd);
	ring_close(&ring);
}

TEST_F(topic, send_of_a_ring_does_not_wait_with_o_nonblock)
{
	struct ring ring;

	if (ring_open(&ring))
		SKIP(return, "no io_uring");
	TOPIC("");
	BOUND(0, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	mq_batch_add(&self->batch, "2");
	ring_send(&ring, self->fd, &self->send, &self->batch);
	ASSERT_LE(0, ring_submit(&ring));
	EXPECT_EQ(-EAGAIN, ring_wait(&ring, NULL));
	EXPECT_EQ(1, mq_stat_of(&self->q[0], sent));
	ring_close(&ring);
}

TEST_F(topic, write_of_a_ring_waits)
{
	struct ring ring;
	int fd;

	if (ring_open(&ring))
		SKIP(return, "no io_uring");
	TOPIC("");
	BOUND(0, "", "max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ring_write(&ring, fd, "2", 1);
	ASSERT_LE(0, ring_submit(&ring));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, waiting_senders) == 1));
	ASSERT_EQ(0, mq_get(self->q_fd[0], "1"));
	EXPECT_EQ(1, ring_wait(&ring, NULL));
	EXPECT_EQ(0, mq_get(self->q_fd[0], "2"));
	close(fd);
	ring_close(&ring);
}

TEST_HARNESS_MAIN
