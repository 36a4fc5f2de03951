// SPDX-License-Identifier: GPL-2.0
/*
 * Retries: the delay given, and the back-off of the queue.
 */
#include "mq_test.h"
#include "helpers/thread.h"
#include "fixtures/retry.h"

/* -- a retry ------------------------------------------------------------------ */

TEST_F(retry, message_is_ready_at_once_if_there_is_no_delay)
{
	struct devmq_stat stat;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 0));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, RETRY);
	EXPECT_EQ(0, mq_held(self->fd));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(1, stat.ready);
	EXPECT_EQ(0, stat.in_flight);
	EXPECT_EQ(0, stat.delayed);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, RETRY);
	EXPECT_EQ(1, mq_stat_of(&self->queue, redelivered));
}

TEST_F(retry, message_comes_back_to_its_place)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(1, mq_retry(self->fd, 3, 1));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 1));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
}

TEST_F(retry, range_comes_back_in_order)
{
	char text[16];
	int i;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 20));
	for (i = 1; i <= 15; i++)
		ASSERT_LT(0, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(10, mq_settle(self->fd, 3, 12, DEVMQ_ACTION_RETRY));
	for (i = 3; i <= 12; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
	EXPECT_EQ(0, mq_get(self->fd, "m16"));
}

TEST_F(retry, delay_given_holds_the_message_back)
{
	struct devmq_stat stat;

	CREATE("retry_ms=1 retry_max_ms=1");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 2 * MQ_HOUR));
	MQ_EXPECT(&self->queue, 1, DELAYED, 1, 1, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 2 * MQ_HOUR));
	EXPECT_EQ(0, mq_held(self->fd));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(1, stat.delayed);
	EXPECT_EQ(1, stat.ready);
	EXPECT_EQ(0, stat.in_flight);
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
}

TEST_F(retry, delay_given_of_one_is_none)
{
	CREATE("retry_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 1));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

TEST_F(retry, delayed_message_is_back_at_its_time_and_not_before)
{
	uint64_t start;
	int i;

	CREATE("retry_ms=30");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		start = mq_boot_ns();
		ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) ==
					  2));
		EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
		MQ_EXPECT(&self->queue, 1, READY, i, i, RETRY);
	}
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(retry, delayed_message_wakes_a_sleeping_reader)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 50 * MQ_MS));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(retry, immediate_one_wakes_a_sleeping_reader)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(retry, half_read_message_is_whole_again)
{
	CREATE("");
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 1));
	EXPECT_EQ(0, mq_get(self->fd, "abcdef"));
}

TEST_F(retry, makes_room_in_the_prefetch)
{
	CREATE("prefetch=1");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_retry(self->fd, 1, MQ_HOUR));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(retry, longest_delay_does_not_wrap_around)
{
	static const uint64_t longest[] = {
		1ULL << 62, 1ULL << 63, DEVMQ_FOREVER - 1, DEVMQ_FOREVER,
	};
	unsigned int i;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, ARRAY_SIZE(longest)));
	for (i = 0; i < ARRAY_SIZE(longest); i++) {
		ASSERT_LT(0, mq_read(self->fd, self->buffer, 10));
		EXPECT_EQ(1, mq_retry(self->fd, i + 1, longest[i]));
		EXPECT_EQ(DEVMQ_STATE_DELAYED, mq_state(&self->queue, i + 1));
	}
	mq_sleep_ms(20);
	EXPECT_EQ(ARRAY_SIZE(longest), mq_stat_of(&self->queue, delayed));
}

/* -- back-off ----------------------------------------------------------------- */

/* Expect the message to wait this long after its @nth failure. */
#define EXPECT_BACKOFF(nth, expected_ns) do {				\
	long long __id = MQ_SEND(self->fd, .text = "x");		\
									\
	ASSERT_LT(0, __id);						\
	ASSERT_EQ(0, fail(self->fd, __id, (nth) - 1));		\
	ASSERT_EQ(0, mq_get(self->fd, "x"));				\
	ASSERT_EQ(1, mq_retry(self->fd, __id, 0));			\
	ASSERT_EQ(0, mq_look_id(&self->queue, __id, &self->look));	\
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);	\
	EXPECT_EQ(nth, self->look.record.failures);		\
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, expected_ns)) { \
		TH_LOG("failure %d: due in %lld s", nth,			\
		       (long long)(self->look.extra.due_ns -		\
				   mq_clock_ns(CLOCK_REALTIME)) /	\
		       1000000000);					\
	}								\
	ASSERT_EQ(1, mq_purge(self->fd, __id, __id));			\
} while (0)

TEST_F(retry, backoff_grows_by_its_factor)
{
	CREATE("retry_ms=600000 retry_backoff=3");
	EXPECT_BACKOFF(1, 600 * MQ_SECOND);
	EXPECT_BACKOFF(2, 1800 * MQ_SECOND);
	EXPECT_BACKOFF(3, 5400 * MQ_SECOND);
	EXPECT_BACKOFF(4, 16200 * MQ_SECOND);
	EXPECT_BACKOFF(10, 600 * 19683 * MQ_SECOND);
}

TEST_F(retry, backoff_of_one_stays_the_same)
{
	CREATE("retry_ms=600000");
	EXPECT_BACKOFF(1, 600 * MQ_SECOND);
	EXPECT_BACKOFF(2, 600 * MQ_SECOND);
	EXPECT_BACKOFF(19, 600 * MQ_SECOND);
}

TEST_F(retry, backoff_stops_at_its_ceiling)
{
	CREATE("retry_ms=600000 retry_backoff=2 retry_max_ms=3600000");
	EXPECT_BACKOFF(1, 600 * MQ_SECOND);
	EXPECT_BACKOFF(3, 2400 * MQ_SECOND);
	EXPECT_BACKOFF(4, 3600 * MQ_SECOND);
	EXPECT_BACKOFF(5, 3600 * MQ_SECOND);
	EXPECT_BACKOFF(19, 3600 * MQ_SECOND);
}

TEST_F(retry, backoff_equal_to_its_ceiling_is_not_cut)
{
	CREATE("retry_ms=600000 retry_backoff=2 retry_max_ms=1200000");
	EXPECT_BACKOFF(1, 600 * MQ_SECOND);
	EXPECT_BACKOFF(2, 1200 * MQ_SECOND);
	EXPECT_BACKOFF(3, 1200 * MQ_SECOND);
}

TEST_F(retry, first_delay_above_the_ceiling_is_kept_and_does_not_grow)
{
	CREATE("retry_ms=7200000 retry_backoff=3 retry_max_ms=600000");
	EXPECT_BACKOFF(1, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(2, 7200 * MQ_SECOND);
}

TEST_F(retry, steepest_backoff_ends_at_its_ceiling)
{
	CREATE("max_deliveries=0 retry_ms=1000 retry_backoff=1000");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retry_max_ms", "7200000"));
	EXPECT_BACKOFF(2, 1000 * MQ_SECOND);
	EXPECT_BACKOFF(3, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(6, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(7, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(8, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(22, 7200 * MQ_SECOND);
	EXPECT_BACKOFF(100, 7200 * MQ_SECOND);
}

TEST_F(retry, steepest_backoff_without_a_ceiling_does_not_wrap_around)
{
	static const unsigned int failures[] = { 5, 6, 7, 8, 15, 22, 65, 100 };
	unsigned int i;
	long long id;

	CREATE("max_deliveries=0 retry_ms=1000 retry_backoff=1000");
	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		id = MQ_SEND(self->fd, .text = "x");
		ASSERT_LT(0, id);
		ASSERT_EQ(0, fail(self->fd, id, failures[i] - 1));
		ASSERT_EQ(0, mq_get(self->fd, "x"));
		ASSERT_EQ(1, mq_retry(self->fd, id, 0));
		ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
		EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state) {
			TH_LOG("after %u failures", failures[i]);
		}
		EXPECT_LT(mq_clock_ns(CLOCK_REALTIME) + 365 * 24 * MQ_HOUR,
			  self->look.extra.due_ns) {
			TH_LOG("after %u failures", failures[i]);
		}
	}
}

TEST_F(retry, backoff_is_live)
{
	CREATE("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retry_ms", "600000"));
	EXPECT_BACKOFF(2, 600 * MQ_SECOND);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retry_backoff", "4"));
	EXPECT_BACKOFF(2, 2400 * MQ_SECOND);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retry_max_ms", "1800000"));
	EXPECT_BACKOFF(2, 1800 * MQ_SECOND);
}

TEST_F(retry, delay_given_knows_no_ceiling)
{
	CREATE("retry_ms=1000 retry_max_ms=2000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 9 * MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 9 * MQ_HOUR));
}

TEST_F(retry, crash_and_lease_do_not_wait)
{
	CREATE("retry_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, crash(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, CRASH);
	ASSERT_EQ(0, lose(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 2, 2, LEASE);
}

/* -- by default ------------------------------------------------------------------ */

TEST_F(retry, default_waits_longer_after_each_failure_but_not_for_what_crashed)
{
	struct devmq_record record;
	uint64_t before, ms = 100;
	struct mq_look look;
	int i;

	mq_name(&self->queue);
	ASSERT_EQ(0, mq_control("create %s ack=manual", self->queue.name));
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, crash(&self->queue));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_READY, record.state);
	ASSERT_EQ(1, mq_purge(self->fd, 1, 1));

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 1; i < 4; i++, ms *= 2) {
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready)));
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		before = mq_clock_ns(CLOCK_REALTIME);
		ASSERT_EQ(1, mq_retry(self->fd, 2, 0));
		ASSERT_EQ(0, mq_look_id(&self->queue, 2, &look));
		EXPECT_EQ(DEVMQ_STATE_DELAYED, look.record.state);
		EXPECT_LE(before + (ms - 1) * MQ_MS, look.extra.due_ns);
	}
}

TEST_HARNESS_MAIN
