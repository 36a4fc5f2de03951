// SPDX-License-Identifier: GPL-2.0
/* Times to live, and the expiry of messages. */
#include <poll.h>

#include "mq_test.h"
#include "helpers/thread.h"
#include "fixtures/time.h"

/* -- time to live ---------------------------------------------------------- */

TEST_F(time, message_expires_with_nobody_reading)
{
	uint64_t start = mq_boot_ns();

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 30 * MQ_MS));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(mq_sysfs_number(&self->queue, "expired") ==
				  1));
	EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
	MQ_STAT(&self->queue);
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

	/* No call looks at the queue: its timer expires the message. */
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
	uint64_t start, sent, before;
	ssize_t done;
	int i;

	for (i = 0; i < 50; i++) {
		start = mq_boot_ns();
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "x",
				     .ttl_ns = 2 * MQ_MS));
		sent = mq_boot_ns();
		while (mq_boot_ns() < start + 2 * MQ_MS + (i % 5 - 2) * 50000)
			;
		before = mq_boot_ns();
		done = mq_read(self->fd, self->buffer, 10);
		if (done < 0) {
			ASSERT_EQ(-EAGAIN, done);
			EXPECT_LE(2 * MQ_MS, mq_boot_ns() - start);
			continue;
		}
		/*
		 * The message was received, so it had not expired when the read
		 * began.
		 */
		ASSERT_EQ(1, done);
		ASSERT_EQ(1, mq_ack(self->fd, i + 1));
		EXPECT_GE(sent + 2 * MQ_MS, before);
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(50, self->stat.acked + self->stat.expired);
}

TEST_F(time, message_over_its_time_is_not_received)
{
	uint64_t sent;
	int i;

	/* The message has certainly expired before the read. */
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
	MQ_STAT(&self->queue);
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

	/* A changed ttl_ms applies to later sends only. */
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
 * Receive a message with a short time to live, and wait until that is over,
 * which does nothing to a message in flight. The time is doubled until a
 * message is received before it expires.
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
	MQ_STAT(&self->queue);
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
		MQ_STAT(&self->queue);
		EXPECT_EQ(id, self->stat.expired);
		EXPECT_EQ(0, self->stat.ready + self->stat.deferred +
			  self->stat.delayed + self->stat.in_flight);
	}
	id = take_expired(self->fd);
	EXPECT_EQ(1, mq_retry(self->fd, id, MQ_HOUR));
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));

	/* A close of its consumer expires the message. */
	id = take_expired(self->fd);
	close(self->fd);
	EXPECT_EQ(id, mq_stat_of(&self->queue, expired));
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);

	/* So does the end of its lease. */
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
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = "x", .ttl_ns = 1 + i * 37 % 50 * MQ_MS,
		});
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	ASSERT_EQ(1000, send.count);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1000));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	mq_batch_free(&batch);
}

TEST_HARNESS_MAIN
