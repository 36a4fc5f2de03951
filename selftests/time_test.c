// SPDX-License-Identifier: GPL-2.0
/*
 * What time does to messages and queues: delays, schedules, times to live,
 * queues that remove themselves.
 *
 * Whatever must not have happened yet has an hour before it does; whatever
 * must happen is waited for.
 */
#include "mq_test.h"

FIXTURE(time) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	struct mq_look look;
	struct devmq_stat stat;
	long long stepped_ns;	/* how far CLOCK_REALTIME was set */
	char buffer[4096];
};

#define CREATE(...) do {						\
	close(self->fd);						\
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual " __VA_ARGS__)); \
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
} while (0)

FIXTURE_SETUP(time)
{
	MQ_REQUIRE();
	self->fd = -1;
	CREATE("");
}

/* Set CLOCK_REALTIME forward or back. */
static int step(FIXTURE_DATA(time) *self, long long by_ns)
{
	struct timespec time;
	long long now;

	clock_gettime(CLOCK_REALTIME, &time);
	now = time.tv_sec * 1000000000LL + time.tv_nsec + by_ns;
	time.tv_sec = now / 1000000000;
	time.tv_nsec = now % 1000000000;
	if (clock_settime(CLOCK_REALTIME, &time))
		return -errno;
	self->stepped_ns += by_ns;
	return 0;
}

FIXTURE_TEARDOWN(time)
{
	if (self->stepped_ns)
		EXPECT_EQ(0, step(self, -self->stepped_ns));
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

#define STAT() do {							\
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));		\
	EXPECT_TRUE(mq_conserved(&self->stat));				\
} while (0)

#define EXPECT_STATE(state, id) \
	EXPECT_EQ(DEVMQ_STATE_##state, mq_state(&self->queue, id))

/* Is the message to be seen as ready by now, if one waits? */
#define READY(count) \
	mq_wait_until(mq_stat_of(&self->queue, ready) == (count))

static uint64_t real_ns(void)
{
	return mq_clock_ns(CLOCK_REALTIME);
}

/* -- delay --------------------------------------------------------------------- */

TEST_F(time, instant_that_no_timer_can_be_set_for)
{
	static const uint64_t instants[] = {
		INT64_MAX, 1ULL << 63, (1ULL << 63) + 1, UINT64_MAX - 1,
	};
	unsigned int i;

	/* It does not come, and does not go off all the time either. */
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
	STAT();
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

	/* As fast as it goes, around the moment itself. */
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

	/* Live, for later sends. */
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
	/* Both ready: then it is their place that counts. */
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

TEST_F(time, earlier_message_is_not_held_up_by_a_later_one)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	/* The timer that runs for the first is too late for the second. */
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
	STAT();
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
		mq_batch_add_message(&batch, &(struct mq_message){
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

	/* As many as the machine takes in some seconds. */
	CREATE("max_bytes=1G");
	for (i = 0; i < 1000; i++) {
		seed = seed * 1103515245 + 12345;
		mq_batch_add_message(&batch, &(struct mq_message){
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
	/* Make room, so that the next ones are taken. */
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

/* -- schedules ------------------------------------------------------------------- */

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
	/* Else the clock was set too late for it. */
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
		/* As the clock goes now. */
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

/* -- time to live ------------------------------------------------------------------ */

TEST_F(time, message_expires_with_nobody_reading)
{
	uint64_t start = mq_boot_ns();

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 30 * MQ_MS));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(mq_sysfs_number(&self->queue, "expired") ==
				  1));
	EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
	STAT();
	EXPECT_EQ(1, self->stat.expired);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(1, self->stat.sent);
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
}

TEST_F(time, room_of_an_expired_message_wakes_a_writer)
{
	struct mq_call call;
	int fd;

	/* No call looks at the queue: its timer does it. */
	CREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 50 * MQ_MS));
	ASSERT_EQ(0, mq_write_start(&call, fd, "y", 1));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "y"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, expired));
	close(fd);
}

TEST_F(time, message_expires_wherever_it_stands)
{
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "2", .ttl_ns = 40 * MQ_MS));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "3", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "4", .ttl_ns = 20 * MQ_MS));
	ASSERT_EQ(1, mq_put(self->fd, "5"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 2));
	EXPECT_EQ(0, mq_get(self->fd, "1"));
	EXPECT_EQ(0, mq_get(self->fd, "3"));
	EXPECT_EQ(0, mq_get(self->fd, "5"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
}

TEST_F(time, read_never_gets_an_expired_message)
{
	uint64_t start, before;
	ssize_t done;
	int i;

	for (i = 0; i < 50; i++) {
		start = mq_boot_ns();
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x",
				     .ttl_ns = 2 * MQ_MS));
		while (mq_boot_ns() < start + 2 * MQ_MS + (i % 5 - 2) * 50000)
			;
		before = mq_boot_ns();
		done = mq_read(self->fd, self->buffer, 10);
		if (done < 0) {
			ASSERT_EQ(-EAGAIN, done);
			EXPECT_LE(2 * MQ_MS, mq_boot_ns() - start);
			continue;
		}
		/* It came, so its time was not over when the read began. */
		ASSERT_EQ(1, done);
		ASSERT_EQ(1, mq_ack(self->fd, i + 1));
		EXPECT_GT(start + 2 * MQ_MS + 30 * MQ_SECOND, before);
	}
	STAT();
	EXPECT_EQ(50, self->stat.acked + self->stat.expired);
}

TEST_F(time, message_over_its_time_is_not_received)
{
	uint64_t sent;
	int i;

	/* Its end lies before the read with certainty. */
	for (i = 0; i < 20; i++) {
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
		sent = mq_boot_ns();
		while (mq_boot_ns() <= sent + MQ_MS)
			;
		ASSERT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	}
	EXPECT_EQ(20, mq_stat_of(&self->queue, expired));
}

TEST_F(time, message_over_its_time_is_not_seen)
{
	struct devmq_peek peek;
	uint64_t sent;

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
	sent = mq_boot_ns();
	while (mq_boot_ns() <= sent + MQ_MS)
		;
	ASSERT_EQ(0, mq_peek(self->fd, self->buffer, sizeof(self->buffer),
			     &peek));
	EXPECT_EQ(0, peek.count);
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
	sent = mq_boot_ns();
	while (mq_boot_ns() <= sent + MQ_MS)
		;
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
	sent = mq_boot_ns();
	while (mq_boot_ns() <= sent + MQ_MS)
		;
	EXPECT_EQ(0, mq_fionread(self->fd));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
	sent = mq_boot_ns();
	while (mq_boot_ns() <= sent + MQ_MS)
		;
	EXPECT_EQ(0, mq_sysfs_number(&self->queue, "ready"));
	ASSERT_EQ(5, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_MS));
	sent = mq_boot_ns();
	while (mq_boot_ns() <= sent + MQ_MS)
		;
	EXPECT_EQ(0, mq_purge(self->fd, 0, 0));
	STAT();
	EXPECT_EQ(5, self->stat.expired);
}

TEST_F(time, end_of_a_time_to_live_is_told)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 2 * MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "y"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, 2 * MQ_HOUR));
	EXPECT_EQ(0, self->look.extra.due_ns);
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(time, time_to_live_of_the_queue_is_for_messages_that_name_none)
{
	CREATE("ttl_ms=3600000");
	ASSERT_EQ(1, mq_put(self->fd, "1"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "2"));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "3", .ttl_ns = 3 * MQ_HOUR));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "4", .ttl_ns = DEVMQ_FOREVER));
	ASSERT_EQ(5, MQ_SEND(self->fd, .text = "5", .ttl_ns = 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 3, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, 3 * MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 4, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 5));

	/* Live, for later sends. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "ttl_ms", "0"));
	ASSERT_EQ(1, mq_put(self->fd, "6"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 6, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_NE(0, self->look.extra.expires_ns);
}

TEST_F(time, longest_time_to_live_does_not_wrap_around)
{
	static const uint64_t longest[] = {
		1ULL << 62, 1ULL << 63, DEVMQ_FOREVER - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(longest); i++) {
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = "x",
					 .ttl_ns = longest[i]));
		EXPECT_STATE(READY, i + 1);
	}
	mq_sleep_ms(20);
	EXPECT_EQ(0, mq_stat_of(&self->queue, expired));
}

TEST_F(time, time_to_live_begins_when_the_delay_is_over)
{
	uint64_t start = mq_boot_ns();

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR,
			     .ttl_ns = MQ_MS));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	mq_sleep_ms(5);
	EXPECT_STATE(DELAYED, 1);
	ASSERT_EQ(1, mq_purge(self->fd, 0, 0));

	start = mq_boot_ns();
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "x", .delay_ns = 30 * MQ_MS,
			     .ttl_ns = 30 * MQ_MS));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_LE(60 * MQ_MS, mq_boot_ns() - start);

	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "x", .delay_ns = 10 * MQ_MS,
			     .ttl_ns = MQ_HOUR));
	EXPECT_TRUE(READY(1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 3, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
}

/*
 * Take a message whose time to live is over soon, and wait until it is: in
 * flight, that does nothing.  However slow the machine, one is taken in time.
 */
static long long take_expired(int fd)
{
	uint64_t end, ttl = 20 * MQ_MS;
	long long id;

	do {
		id = MQ_SEND(fd, .text = "x", .ttl_ns = ttl);
		end = mq_boot_ns() + ttl;
		ttl *= 2;
	} while (id > 0 && mq_get(fd, "x") && ttl < 60 * MQ_SECOND);
	while (mq_boot_ns() <= end)
		usleep(1000);
	return id;
}

TEST_F(time, nothing_expires_in_flight)
{
	long long id = take_expired(self->fd);
	long long expired = mq_stat_of(&self->queue, expired);

	EXPECT_STATE(IN_FLIGHT, id);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(id - 1, expired);
	EXPECT_EQ(1, mq_extend(self->fd, id, MQ_HOUR));
	EXPECT_STATE(IN_FLIGHT, id);
	EXPECT_EQ(1, mq_ack(self->fd, id));
	STAT();
	EXPECT_EQ(1, self->stat.acked);
	EXPECT_EQ(expired, self->stat.expired);
}

TEST_F(time, every_return_applies_the_time_to_live)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY, DEVMQ_ACTION_DEFER,
	};
	unsigned int i;
	long long id;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		id = take_expired(self->fd);
		EXPECT_EQ(1, mq_settle(self->fd, id, id, actions[i])) {
			TH_LOG("action %u", actions[i]);
		}
		EXPECT_EQ(-ENOENT, mq_state(&self->queue, id));
		STAT();
		EXPECT_EQ(id, self->stat.expired);
		EXPECT_EQ(0, self->stat.ready + self->stat.deferred +
			  self->stat.delayed + self->stat.in_flight);
	}
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_retry(self->fd, id, MQ_HOUR));
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));

	/* The close of its consumer. */
	id = take_expired(self->fd);
	close(self->fd);
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);

	/* The end of its lease. */
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_extend(self->fd, id, 1));
	EXPECT_TRUE(mq_wait_until(mq_held(self->fd) == 0));
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, id));
}

TEST_F(time, return_that_expires_can_make_dead)
{
	long long id;

	CREATE("on_expiry=dead");
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_release(self->fd, id));
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_EXPIRED, self->look.extra.reason);
	EXPECT_EQ(0, mq_stat_of(&self->queue, expired));
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_retry(self->fd, id, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_EQ(DEVMQ_REASON_EXPIRED, self->look.extra.reason);
	EXPECT_EQ(1, self->look.record.failures);
}

TEST_F(time, return_that_expires_at_the_last_failure_died_of_failures)
{
	long long id;

	CREATE("max_deliveries=1");
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_retry(self->fd, id, 0));
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_FAILURES, self->look.extra.reason);
}

TEST_F(time, reject_of_an_expired_message_is_a_reject)
{
	long long id = take_expired(self->fd);

	EXPECT_EQ(1, mq_reject(self->fd, id));
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
}

TEST_F(time, half_read_message_can_be_read_to_its_end)
{
	uint64_t ttl, end;

	for (ttl = 20 * MQ_MS; ttl < 60 * MQ_SECOND; ttl *= 2) {
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "abcdef",
				     .ttl_ns = ttl));
		end = mq_boot_ns() + ttl;
		if (mq_read(self->fd, self->buffer, 2) == 2)
			break;
	}
	while (mq_boot_ns() <= end)
		usleep(1000);
	EXPECT_EQ(0, mq_get(self->fd, "cdef"));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(time, message_expires_while_a_retry_delays_it)
{
	uint64_t ttl, end;
	long long id = 0;

	for (ttl = 50 * MQ_MS; ttl < 60 * MQ_SECOND; ttl *= 2) {
		id = MQ_SEND(self->fd, .text = "x", .ttl_ns = ttl);
		end = mq_boot_ns();
		if (!mq_get(self->fd, "x") &&
		    mq_retry(self->fd, id, MQ_HOUR) == 1 &&
		    mq_state(&self->queue, id) == DEVMQ_STATE_DELAYED)
			break;
	}
	ASSERT_EQ(id, mq_stat_of(&self->queue, sent));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, delayed) == 0));
	EXPECT_LE(end - MQ_SECOND + ttl, mq_boot_ns());
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));
}

TEST_F(time, on_expiry_counts_when_it_happens)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 20 * MQ_MS));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "x", .delay_ns = 50 * MQ_MS,
			     .ttl_ns = 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "on_expiry", "dead"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, dead) +
				  mq_stat_of(&self->queue, expired) == 2));
}

TEST_F(time, thousand_messages_expire)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	int i;

	for (i = 0; i < 1000; i++)
		mq_batch_add_message(&batch, &(struct mq_message){
			.text = "x", .ttl_ns = 1 + i * 37 % 50 * MQ_MS,
		});
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	ASSERT_EQ(1000, send.count);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1000));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	mq_batch_free(&batch);
}

/* -- queues that remove themselves ---------------------------------------------------- */

static bool is_gone(const struct mq_queue *queue)
{
	return access(queue->path, F_OK) && errno == ENOENT;
}

TEST_F(time, unused_queue_goes_after_its_time)
{
	uint64_t start = mq_boot_ns();
	struct mq_queue other;
	char path[128];

	/* Nobody ever opened it: it counts from the creation. */
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
	/* With all that it holds. */
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

	/* And zero ends it. */
	ASSERT_EQ(0, mq_create(&other, "expires_ms=3600000"));
	ASSERT_EQ(0, mq_sysfs_set(&other, "expires_ms", "0"));
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

			/* Who is in keeps it; who came too late is told. */
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

	/* It must not expire before it is open. */
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
	EXPECT_FALSE(is_gone(&other));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "auto_delete", "1"));
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
