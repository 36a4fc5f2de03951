// SPDX-License-Identifier: GPL-2.0
/*
 * Delays and schedules.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "mq_test.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/time.h"

static uint64_t real_ns(void)
{
	return mq_clock_ns(CLOCK_REALTIME);
}

/* -- delay ----------------------------------------------------------------- */

TEST_F(time, instant_that_no_timer_can_be_set_for)
{
	static const uint64_t instants[] = {
		INT64_MAX, 1ULL << 63, (1ULL << 63) + 1, UINT64_MAX - 1,
	};
	unsigned int i;

	/*
	 * The message stays delayed, and the timer must not fire all the time.
	 */
	for (i = 0; i < ARRAY_SIZE(instants); i++) {
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = "x",
					 .flags = DEVMQ_RECORD_AT,
					 .delay_ns = instants[i]));
		EXPECT_STATE(DELAYED, i + 1);
		ASSERT_EQ(0, mq_look_id(&self->queue, i + 1, &self->look));
		EXPECT_EQ(0, self->look.extra.due_ns);
	}
	EXPECT_EQ(4, mq_purge(self->fd, 1, 4));
}

TEST_F(time, delayed_message_is_there_and_not_ready)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "later", .delay_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(0, self->look.extra.expires_ns);
	EXPECT_EQ(0, self->look.record.delay_ns);
	EXPECT_EQ(0, self->look.record.ttl_ns);
	EXPECT_EQ(0, self->look.record.attempt);
	EXPECT_STREQ("later", self->look.payload);
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.delayed);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(7, self->stat.bytes);
	EXPECT_EQ(1, mq_sysfs_number(&self->queue, "delayed"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_stat_of(&self->queue, oldest_ms));
}

TEST_F(time, delayed_message_is_ready_at_its_time_and_not_before)
{
	uint64_t start;
	int i;

	for (i = 1; i <= 5; i++) {
		start = mq_boot_ns();
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x",
				     .delay_ns = 30 * MQ_MS));
		ASSERT_TRUE(READY(1));
		EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
		ASSERT_EQ(0, mq_get(self->fd, "x"));
		ASSERT_EQ(1, mq_ack(self->fd, i));
	}
}

TEST_F(time, read_never_gets_a_delayed_message_before_its_time)
{
	uint64_t start = mq_boot_ns(), now;
	ssize_t done;

	/* Read in a loop until the message comes. */
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 50 * MQ_MS));
	do {
		done = mq_read(self->fd, self->buffer, 10);
		now = mq_boot_ns();
	} while (done == -EAGAIN && now - start < 30 * MQ_SECOND);
	EXPECT_EQ(1, done);
	EXPECT_LE(50 * MQ_MS, now - start);
}

TEST_F(time, delay_of_one_is_over_at_once)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 1));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(time, longest_delay_does_not_wrap_around)
{
	static const uint64_t longest[] = {
		1ULL << 62, 1ULL << 63, DEVMQ_FOREVER - 1, DEVMQ_FOREVER,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(longest); i++) {
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = "x",
					 .delay_ns = longest[i]));
		EXPECT_STATE(DELAYED, i + 1);
	}
	mq_sleep_ms(20);
	EXPECT_EQ(ARRAY_SIZE(longest), mq_stat_of(&self->queue, delayed));
}

TEST_F(time, delay_of_the_queue_is_for_messages_that_name_none)
{
	CREATE("delay_ms=3600000");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(2, mq_send_one(self->fd, "y", 1));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "z", .delay_ns = 1));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "t", .delay_ns = 3 * MQ_HOUR));
	EXPECT_STATE(DELAYED, 1);
	EXPECT_STATE(DELAYED, 2);
	EXPECT_STATE(READY, 3);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 4, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 3 * MQ_HOUR));

	/* A change applies to later sends only. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "delay_ms", "0"));
	ASSERT_EQ(1, mq_put(self->fd, "u"));
	EXPECT_STATE(READY, 5);
	EXPECT_STATE(DELAYED, 1);
}

TEST_F(time, delay_of_the_queue_is_for_lines_as_well)
{
	CREATE("delay_ms=3600000 framing=line");
	ASSERT_EQ(4, mq_put(self->fd, "a\nb\n"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, delayed));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(time, delayed_messages_become_ready_in_the_order_of_their_times)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "third", .delay_ns = MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "second",
			     .delay_ns = 60 * MQ_MS));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "first",
			     .delay_ns = 20 * MQ_MS));
	EXPECT_TRUE(READY(2));
	EXPECT_STATE(DELAYED, 1);
	/* When both are ready, the order is that of their ids. */
	EXPECT_EQ(0, mq_get(self->fd, "second"));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
}

TEST_F(time, place_is_that_of_the_id)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "delayed",
			     .delay_ns = 20 * MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_TRUE(READY(4));
	EXPECT_EQ(0, mq_get(self->fd, "delayed"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(time, delayed_message_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};
	uint64_t start;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	start = mq_boot_ns();
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 50 * MQ_MS));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_LE(50 * MQ_MS, mq_boot_ns() - start);
	close(fd);
}

TEST_F(time, delayed_message_wakes_poll_and_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct mq_call call;

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 50 * MQ_MS));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	close(epoll);
}

/* Nobody waits when the message is sent, so no timer is set for it then. */
TEST_F(time, reader_that_begins_to_wait_later_gets_a_delayed_message)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 300 * MQ_MS));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_STREQ("x", data);
	close(fd);
}

/* A poller for edges does not look again once the first message is gone. */
TEST_F(time, poller_that_found_another_message_hears_of_a_delayed_one)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "later", .delay_ns = 500 * MQ_MS));
	ASSERT_EQ(1, mq_put(self->fd, "y"));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	ASSERT_EQ(0, mq_get(self->fd, "y"));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(0, mq_get(self->fd, "later"));
	close(epoll);
}

TEST_F(time, exclusive_poller_that_comes_later_hears_of_a_delayed_message)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 300 * MQ_MS));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	/* It is still there for the next one. */
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "y", .delay_ns = 50 * MQ_MS));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(0, mq_get(self->fd, "y"));
	close(epoll);
}

/* A reader without credit is in no line when the message is sent. */
TEST_F(time, reader_that_gets_credit_later_gets_a_delayed_message)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(1, mq_put(self->fd, "y"));
	ASSERT_EQ(0, mq_get(fd, "y"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "x", .delay_ns = 300 * MQ_MS));
	ASSERT_EQ(1, mq_ack(fd, 1));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_STREQ("x", data);
	close(fd);
}

#define MEETINGS	400

struct meeting {
	int fd;
	int read;
	bool failed;
};

static void *read_all(void *argument)
{
	struct meeting *m = argument;
	char data[8];

	while (m->read < MEETINGS && !m->failed) {
		if (mq_read(m->fd, data, sizeof(data)) == 1)
			__atomic_add_fetch(&m->read, 1, __ATOMIC_RELEASE);
		else
			m->failed = true;
	}
	return NULL;
}

/* The reader begins to wait before, while and after the next message is sent. */
TEST_F(time, reader_and_sender_of_delayed_messages_miss_each_other_never)
{
	struct meeting m = {};
	pthread_t thread;
	int i;

	m.fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, m.fd);
	ASSERT_EQ(0, mq_consumer_set(m.fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_all, &m));
	for (i = 1; i <= MEETINGS; i++) {
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x",
				     .delay_ns = 1 + i * 37 % 40 * 25 * MQ_US));
		/* To look at the queue would wake the reader. */
		ASSERT_TRUE(mq_wait_until(__atomic_load_n(&m.read, __ATOMIC_ACQUIRE) == i ||
					  i % 3));
	}
	EXPECT_TRUE(mq_wait_until(__atomic_load_n(&m.read, __ATOMIC_ACQUIRE) == MEETINGS));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_FALSE(m.failed);
	close(m.fd);
}

TEST_F(time, message_is_ready_since_its_delay_ended)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 10 * MQ_MS));
	/* Nobody looks meanwhile. */
	mq_sleep_ms(300);
	EXPECT_LE(200, mq_stat_of(&self->queue, oldest_ms));
}

/* Messages of a batch with one delay share a timer: each may leave at any time. */
TEST_F(time, batch_with_one_delay_becomes_ready_without_what_has_left)
{
	static const uint64_t left[] = { 2, 3, 4, 6, 7, 8 };
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i;

	for (i = 1; i <= 9; i++)
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = "x", .delay_ns = 900 * MQ_MS,
		});
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	ASSERT_EQ(9, send.count);
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_EQ(1, mq_purge(self->fd, 5, 5));
	/* The place of a walk may lie between two of them. */
	ASSERT_EQ(0, mq_look_id(&self->queue, 7, &self->look));
	EXPECT_EQ(1, mq_purge(self->fd, 9, 9));
	EXPECT_TRUE(READY(ARRAY_SIZE(left)));
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		ASSERT_EQ(0, mq_get(self->fd, "x"));
		ASSERT_EQ(1, mq_ack(self->fd, left[i]));
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.delayed + self->stat.ready);
	mq_batch_free(&batch);
}

/* After its delay, a message is like any other: it can be retried, and die. */
TEST_F(time, message_that_was_delayed_can_be_retried_and_rejected)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 1));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	EXPECT_TRUE(READY(1));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
}

TEST_F(time, earlier_message_is_not_held_up_by_a_later_one)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	/*
	 * The timer is set for the first message, and must be set earlier for
	 * the second.
	 */
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "later", .delay_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "x", .delay_ns = 30 * MQ_MS));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_STREQ("x", data);
	close(fd);
}

TEST_F(time, timed_wait_ends_with_the_message_or_its_deadline)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct devmq_recv recv;

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	mq_recv_init(&recv, self->buffer, sizeof(self->buffer));
	recv.deadline_ns = mq_now_ns() + 20 * MQ_MS;
	EXPECT_EQ(-ETIMEDOUT, mq_ioctl(fd, DEVMQ_IOC_RECV, &recv));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "y", .delay_ns = 20 * MQ_MS));
	mq_recv_init(&recv, self->buffer, sizeof(self->buffer));
	recv.deadline_ns = DEVMQ_FOREVER;
	EXPECT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_RECV, &recv));
	EXPECT_EQ(1, recv.count);
	EXPECT_TRUE(mq_record_is((void *)self->buffer, "y"));
	close(fd);
}

TEST_F(time, delayed_message_does_not_keep_end_of_file_away)
{
	CREATE("eof=empty");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	EXPECT_EQ(0, mq_read(self->fd, self->buffer, 10));
}

TEST_F(time, delayed_message_counts_towards_the_bounds)
{
	CREATE("max_messages=1");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	EXPECT_EQ(-EAGAIN, MQ_SEND(self->fd, .text = "y",
				   .delay_ns = MQ_HOUR));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "y"));
	EXPECT_STATE(DELAYED, 1);
}

TEST_F(time, purge_cancels_a_delayed_message)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "y", .delay_ns = MQ_HOUR));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "z", .delay_ns = 30 * MQ_MS));
	ASSERT_EQ(1, mq_put(self->fd, "t"));
	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	EXPECT_TRUE(READY(2));
	EXPECT_EQ(1, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED)));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.delayed);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.purged);
}

TEST_F(time, queue_with_running_timers_can_be_removed)
{
	int i;

	for (i = 1; i <= 50; i++)
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x",
				     .delay_ns = i * MQ_MS,
				     .ttl_ns = i * MQ_MS));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0,
					   3 * MQ_MS));
	mq_read(self->fd, self->buffer, 10);
	ASSERT_EQ(0, mq_control("remove %s force", self->queue.name));
	mq_sleep_ms(60);
}

TEST_F(time, many_delayed_messages_all_become_ready)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	struct devmq_recv recv;
	struct devmq_record *record;
	char *buffer = malloc(1 << 20);
	unsigned int i, got = 0, next = 1, seed = 1;

	for (i = 0; i < 1000; i++) {
		seed = seed * 1103515245 + 12345;
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = "x", .delay_ns = 1 + (seed >> 8) % 100 * MQ_MS,
		});
	}
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	ASSERT_EQ(1000, send.count);
	EXPECT_TRUE(READY(1000));
	while (got < 1000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
		record = NULL;
		while ((record = mq_record_next(buffer, recv.used, record))) {
			ASSERT_EQ(next, record->id);
			next++;
		}
		got += recv.count;
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, delayed));
	mq_batch_free(&batch);
	free(buffer);
}

TEST_F(time, pending_delays_up_to_a_million_do_no_harm)
{
	uint64_t end = mq_now_ms() + 15000;
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i, sent = 0, seed = 1;

	/* Send as many as the machine can in some seconds. */
	CREATE("max_bytes=1G");
	for (i = 0; i < 1000; i++) {
		seed = seed * 1103515245 + 12345;
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = "x", .delay_ns = MQ_HOUR + seed * 1000ULL,
		});
	}
	while (sent < 1000000 && mq_now_ms() < end) {
		int error = mq_send(self->fd, batch.data, batch.size, &send);

		if (error == -EAGAIN || error == -ENOMEM)
			break;
		ASSERT_EQ(0, error);
		sent += send.count;
	}
	TH_LOG("%u delayed messages", sent);
	EXPECT_LT(1000, sent);
	/* Make room for the next message. */
	ASSERT_EQ(1000, mq_purge(self->fd, 1, 1000));
	EXPECT_EQ(sent - 1000, mq_stat_of(&self->queue, delayed));
	ASSERT_EQ(sent + 1, MQ_SEND(self->fd, .text = "soon",
				    .delay_ns = 20 * MQ_MS));
	EXPECT_TRUE(READY(1));
	EXPECT_EQ(0, mq_get(self->fd, "soon"));
	EXPECT_EQ(sent - 1000, mq_stat_of(&self->queue, delayed));
	EXPECT_EQ(0, mq_remove(&self->queue));
	mq_batch_free(&batch);
}

/* -- schedules ------------------------------------------------------------- */

#define SCHEDULE(message, when)	\
	MQ_SEND(self->fd, .text = message, .flags = DEVMQ_RECORD_AT, \
		.delay_ns = when)

TEST_F(time, instant_to_come_is_waited_for)
{
	uint64_t when = real_ns() + MQ_HOUR;

	ASSERT_EQ(1, SCHEDULE("x", when));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(0, self->look.record.flags);
	when = real_ns() + 50 * MQ_MS;
	ASSERT_EQ(2, SCHEDULE("y", when));
	EXPECT_TRUE(READY(1));
	EXPECT_LE(when, real_ns());
	EXPECT_EQ(0, mq_get(self->fd, "y"));
}

TEST_F(time, instant_that_has_passed_is_now)
{
	CREATE("delay_ms=3600000");
	ASSERT_EQ(1, SCHEDULE("zero", 0));
	ASSERT_EQ(2, SCHEDULE("one", 1));
	ASSERT_EQ(3, SCHEDULE("before", real_ns() - 1));
	EXPECT_EQ(0, mq_get(self->fd, "zero"));
	EXPECT_EQ(0, mq_get(self->fd, "one"));
	EXPECT_EQ(0, mq_get(self->fd, "before"));
}

TEST_F(time, instant_beyond_all_clocks_never_comes)
{
	static const uint64_t latest[] = {
		1ULL << 63, DEVMQ_FOREVER - 1, DEVMQ_FOREVER,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(latest); i++) {
		ASSERT_EQ(i + 1, SCHEDULE("x", latest[i]));
		EXPECT_STATE(DELAYED, i + 1);
	}
}

TEST_F(time, instant_comes_when_the_clock_is_set_past_it)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, SCHEDULE("x", real_ns() + MQ_HOUR));
	EXPECT_STATE(DELAYED, 1);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, step(self, 2 * (long long)MQ_HOUR));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_STREQ("x", data);
	close(fd);
}

/* Nobody waits, and nobody looks before the clock is set. */
TEST_F(time, clock_that_is_set_past_an_instant_makes_no_age)
{
	ASSERT_EQ(1, SCHEDULE("x", real_ns() + MQ_HOUR));
	ASSERT_EQ(0, step(self, 100 * (long long)MQ_HOUR));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_GT(1000 * 1000, self->stat.oldest_ms);
}

TEST_F(time, instant_goes_away_when_the_clock_is_set_back)
{
	uint64_t when = real_ns() + 500 * MQ_MS;

	ASSERT_EQ(1, SCHEDULE("x", when));
	ASSERT_EQ(0, step(self, -(long long)MQ_HOUR));
	if (mq_state(&self->queue, 1) == DEVMQ_STATE_DELAYED) {
		mq_sleep_ms(600);
		EXPECT_STATE(DELAYED, 1);
		ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
		EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	}
	/* Otherwise the clock was set after the message had become ready. */
	ASSERT_EQ(0, step(self, MQ_HOUR));
	EXPECT_TRUE(READY(1));
	EXPECT_LE(when, real_ns());
}

TEST_F(time, clock_that_is_set_changes_no_duration)
{
	int i;

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "y", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "z"));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0,
					   MQ_HOUR));
	ASSERT_EQ(0, mq_get(self->fd, "y"));
	ASSERT_EQ(1, mq_release(self->fd, 2));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, step(self, i ? -4 * (long long)MQ_HOUR :
					2 * (long long)MQ_HOUR));
		EXPECT_STATE(DELAYED, 1);
		EXPECT_STATE(READY, 2);
		/* The times are shown by the new setting of the clock. */
		ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
		EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
		ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
		EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns,
					   MQ_HOUR));
	}
	ASSERT_EQ(0, mq_get(self->fd, "y"));
	ASSERT_EQ(0, step(self, 3 * (long long)MQ_HOUR));
	EXPECT_STATE(IN_FLIGHT, 2);
	EXPECT_EQ(0, mq_stat_of(&self->queue, expired));
}

TEST_HARNESS_MAIN
