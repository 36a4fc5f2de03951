// SPDX-License-Identifier: GPL-2.0
/*
 * Deliveries that fail: what counts, how long they wait, when it is enough.
 */
#include "mq_test.h"

FIXTURE(retry) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	struct mq_look look;
	char buffer[4096];
};

#define CREATE(...) do {						\
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual " __VA_ARGS__)); \
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
} while (0)

FIXTURE_SETUP(retry)
{
	MQ_REQUIRE();
	self->fd = -1;
}

FIXTURE_TEARDOWN(retry)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Take the first message and retry it at once, so many times. */
static int fail(int fd, uint64_t id, unsigned int times)
{
	char byte;

	while (times--) {
		if (mq_read(fd, &byte, 1) != 1)
			return -EIO;
		if (mq_retry(fd, id, 1) != 1)
			return -ESTALE;
	}
	return 0;
}

/* Take a message with a new open file, and let it crash. */
static int crash(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	ssize_t done;
	char byte;

	if (fd < 0)
		return fd;
	done = mq_read(fd, &byte, 1);
	close(fd);
	return done == 1 ? 0 : -EIO;
}

/* Take a message and let its lease run out. */
static int lose(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	ssize_t done;
	char byte;

	if (fd < 0)
		return fd;
	mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 0, 1);
	done = mq_read(fd, &byte, 1);
	if (done == 1 && !mq_wait_until(mq_held(fd) == 0))
		done = -ETIME;
	close(fd);
	return done == 1 ? 0 : -EIO;
}

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

/* How long the message waits that fails for the @nth'th time now. */
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

/* -- what counts --------------------------------------------------------------- */

TEST_F(retry, last_failure_is_told_and_all_are_counted)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, RETRY);
	ASSERT_EQ(0, crash(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 2, 2, CRASH);
	ASSERT_EQ(0, lose(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 3, 3, LEASE);
	ASSERT_EQ(0, fail(self->fd, 1, 2));
	MQ_EXPECT(&self->queue, 1, READY, 5, 5, RETRY);
}

TEST_F(retry, release_counts_neither_attempt_nor_failure)
{
	int i;

	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_release(self->fd, 1));
	}
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, RETRY);
}

TEST_F(retry, failures_never_fall)
{
	unsigned int i, last = 0, attempt = 0, seed = 1;
	struct devmq_record record;

	CREATE("max_deliveries=0");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 60; i++) {
		seed = seed * 1103515245 + 12345;
		switch (seed >> 16 & 3) {
		case 0:
			ASSERT_EQ(0, fail(self->fd, 1, 1));
			break;
		case 1:
			ASSERT_EQ(0, crash(&self->queue));
			break;
		case 2:
			ASSERT_EQ(0, lose(&self->queue));
			break;
		default:
			ASSERT_EQ(0, mq_get(self->fd, "m1"));
			ASSERT_EQ(1, mq_release(self->fd, 1));
		}
		ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
		ASSERT_EQ(DEVMQ_STATE_READY, record.state);
		ASSERT_LE(last, record.failures);
		ASSERT_LE(attempt, record.attempt);
		ASSERT_EQ((seed >> 16 & 3) != 3, record.failures - last);
		last = record.failures;
		attempt = record.attempt;
	}
	EXPECT_EQ(last, attempt);
}

TEST_F(retry, message_that_was_never_looked_at_does_not_fail_at_close)
{
	int fd;

	/* Held is only what was read or handed over; the rest is not touched. */
	CREATE("max_deliveries=1");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EFAULT, mq_read(fd, MQ_BAD_POINTER, 10));
	close(fd);
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
}

/* -- what it says of why ------------------------------------------------------- */

TEST_F(retry, note_is_shown_with_the_failure)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, MQ_HOUR, "no route"));
	MQ_EXPECT(&self->queue, 1, DELAYED, 1, 1, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(8, self->look.extra.note_size);
	EXPECT_STREQ("no route", self->look.note);
	EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.origin_size);
}

TEST_F(retry, note_comes_with_the_next_delivery)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(1, self->look.record.id);
	EXPECT_STREQ("no route", self->look.note);
	EXPECT_STREQ("m1", self->look.payload);
	/* One that has not failed has nothing of it. */
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(2, self->look.record.id);
	EXPECT_EQ(0, self->look.record.extra_size);
}

TEST_F(retry, note_is_of_the_last_failure)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "first"));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "second"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_STREQ("second", self->look.note);
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.note_size);
}

TEST_F(retry, crash_says_nothing_and_takes_the_notes_place)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	ASSERT_EQ(0, crash(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 2, 2, CRASH);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.note_size);
}

TEST_F(retry, lease_says_nothing_and_takes_the_notes_place)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	ASSERT_EQ(0, lose(&self->queue));
	MQ_EXPECT(&self->queue, 1, READY, 2, 2, LEASE);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.note_size);
}

TEST_F(retry, release_leaves_the_note)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_STREQ("no route", self->look.note);
}

TEST_F(retry, note_of_the_failure_that_was_one_too_many_is_kept)
{
	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	MQ_EXPECT(&self->queue, 1, DEAD, 2, 2, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_FAILURES, self->look.extra.reason);
	EXPECT_STREQ("no route", self->look.note);
}

TEST_F(retry, expiry_leaves_the_note_of_the_last_failure)
{
	CREATE("on_expiry=dead");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "m1", .ttl_ns = 50000000));
	if (mq_get(self->fd, "m1"))
		SKIP(return, "it expired before it could be taken");
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, MQ_HOUR, "no route"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, dead) == 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_EXPIRED, self->look.extra.reason);
	EXPECT_STREQ("no route", self->look.note);
}

TEST_F(retry, reject_without_a_note_takes_the_notes_place)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "no route"));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
}

TEST_F(retry, note_has_up_to_256_bytes)
{
	struct devmq_settlement settlement;
	static char note[DEVMQ_NOTE_MAX + 2];

	CREATE("");
	memset(note, 'n', sizeof(note) - 1);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EINVAL, mq_retry_with(self->fd, 1, 1, note));
	mq_settlement(&settlement, 1, 1, DEVMQ_ACTION_RETRY);
	settlement.note_size = 1;
	EXPECT_EQ(-EINVAL, mq_settle_one(self->fd, &settlement));
	settlement.note_size = 0;
	settlement.note = (uintptr_t)note;
	EXPECT_EQ(-EINVAL, mq_settle_one(self->fd, &settlement));
	settlement.note = (uintptr_t)MQ_BAD_POINTER;
	settlement.note_size = 1;
	EXPECT_EQ(-EFAULT, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(1, mq_held(self->fd));
	note[DEVMQ_NOTE_MAX] = '\0';
	EXPECT_EQ(1, mq_retry_with(self->fd, 1, 1, note));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_NOTE_MAX, self->look.extra.note_size);
}

TEST_F(retry, settlement_says_how_many_are_dead)
{
	struct devmq_settlement settlement;

	CREATE("max_deliveries=100");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	/* With so few to come, it would have come alone. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	mq_settlement(&settlement, 1, 2, DEVMQ_ACTION_RETRY);
	ASSERT_EQ(2, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(1, settlement.dead);
	mq_settlement(&settlement, 3, 3, DEVMQ_ACTION_REJECT);
	ASSERT_EQ(1, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(1, settlement.dead);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	mq_settlement(&settlement, 2, 2, DEVMQ_ACTION_ACK);
	ASSERT_EQ(1, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(0, settlement.dead);
	/* Where one may not die, it is not dead. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "0"));
	ASSERT_LT(0, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	mq_settlement(&settlement, 4, 4, DEVMQ_ACTION_REJECT);
	ASSERT_EQ(1, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(0, settlement.dead);
}

/* -- when it is enough ------------------------------------------------------------ */

TEST_F(retry, message_is_dead_at_max_deliveries)
{
	CREATE("max_deliveries=3");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 2));
	MQ_EXPECT(&self->queue, 1, READY, 2, 2, RETRY);
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 3, 3, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_FAILURES, self->look.extra.reason);
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
}

TEST_F(retry, max_deliveries_of_one_allows_no_failure)
{
	CREATE("max_deliveries=1");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 1, 1, RETRY);
	ASSERT_EQ(0, crash(&self->queue));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 1, CRASH);
	ASSERT_EQ(0, lose(&self->queue));
	MQ_EXPECT(&self->queue, 3, DEAD, 1, 1, LEASE);
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead));
}

TEST_F(retry, max_deliveries_of_zero_never_gives_up)
{
	CREATE("max_deliveries=0");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 100));
	MQ_EXPECT(&self->queue, 1, READY, 100, 100, RETRY);
}

TEST_F(retry, max_deliveries_is_twenty_by_default)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 19));
	MQ_EXPECT(&self->queue, 1, READY, 19, 19, RETRY);
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 20, 20, RETRY);
}

TEST_F(retry, largest_max_deliveries_is_taken_as_it_is)
{
	CREATE("max_deliveries=2147483647");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 50));
	MQ_EXPECT(&self->queue, 1, READY, 50, 50, RETRY);
}

TEST_F(retry, last_failure_is_dead_and_does_not_wait)
{
	CREATE("max_deliveries=1 retry_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 0));
	MQ_EXPECT(&self->queue, 1, DEAD, 1, 1, RETRY);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(1, mq_retry(self->fd, 2, MQ_HOUR));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 1, RETRY);
	EXPECT_EQ(0, mq_stat_of(&self->queue, delayed));
}

TEST_F(retry, max_deliveries_counts_when_a_failure_happens)
{
	CREATE("max_deliveries=0");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, fail(self->fd, 1, 5));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "3"));
	MQ_EXPECT(&self->queue, 1, READY, 5, 5, RETRY);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, READY, 5, 5, RETRY);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "7"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, READY, 6, 6, RETRY);
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 7, 7, RETRY);
}

TEST_F(retry, range_of_which_some_have_failed_enough)
{
	CREATE("max_deliveries=9");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_retry(self->fd, 2, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	/* Only now, or the second would have come alone. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	EXPECT_EQ(3, mq_settle(self->fd, 1, 4, DEVMQ_ACTION_RETRY));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, RETRY);
	MQ_EXPECT(&self->queue, 2, DEAD, 2, 2, RETRY);
	MQ_EXPECT(&self->queue, 3, READY, 1, 1, RETRY);
	MQ_EXPECT(&self->queue, 4, READY, 0, 0, NONE);
}

TEST_F(retry, close_of_which_some_have_failed_enough)
{
	struct devmq_stat stat;
	int fd;

	CREATE("max_deliveries=9");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	close(fd);
	MQ_EXPECT(&self->queue, 1, DEAD, 2, 2, CRASH);
	MQ_EXPECT(&self->queue, 2, READY, 1, 1, CRASH);
	MQ_EXPECT(&self->queue, 3, READY, 1, 1, CRASH);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(2, stat.ready);
	EXPECT_EQ(1, stat.dead);
}

TEST_F(retry, consumers_that_crash_on_a_poison_message_get_rid_of_it)
{
	int i;

	CREATE("max_deliveries=3");
	ASSERT_EQ(6, mq_put(self->fd, "poison"));
	ASSERT_EQ(4, mq_put(self->fd, "good"));
	for (i = 0; i < 3; i++) {
		pid_t child = mq_fork();

		if (!child) {
			int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

			if (mq_get(fd, "poison"))
				_exit(1);
			raise(SIGKILL);
		}
		ASSERT_EQ(128 + SIGKILL, mq_wait_child(child));
	}
	MQ_EXPECT(&self->queue, 1, DEAD, 3, 3, CRASH);
	EXPECT_EQ(0, mq_get(self->fd, "good"));
}

/* -- handed out alone ------------------------------------------------------------ */

/* How many a RECV of as many as there are gives, with the first's id in @id. */
static int take(int fd, char *buffer, size_t size, uint64_t *id)
{
	struct devmq_recv recv;
	int error = mq_recv(fd, buffer, size, &recv);

	if (error)
		return error;
	if (recv.count)
		*id = ((const struct devmq_record *)buffer)->id;
	return recv.count;
}

#define TAKE(fd) take(fd, self->buffer, sizeof(self->buffer), &id)

/* Take and hold the first @n messages. Return: how many were taken. */
static int hold_first(int fd, int n)
{
	char byte[8];
	int i;

	for (i = 0; i < n; i++)
		if (mq_read(fd, byte, sizeof(byte)) <= 0)
			break;
	return i;
}

static int release_first(int fd, int n)
{
	return n ? mq_settle(fd, 1, n, DEVMQ_ACTION_RELEASE) : 0;
}

/* A queue with @count messages, of which the @which-th failed so often. */
#define CREATE_FAILED(count, which, failures, ...) do {			\
	CREATE(__VA_ARGS__);						\
	ASSERT_EQ(0, mq_fill(self->fd, which));				\
	ASSERT_EQ((which) - 1, hold_first(self->fd, (which) - 1));	\
	ASSERT_EQ(0, fail(self->fd, which, failures));			\
	ASSERT_EQ((which) - 1, release_first(self->fd, (which) - 1));	\
	ASSERT_EQ(0, mq_fill(self->fd, (count) - (which)));		\
} while (0)

TEST_F(retry, half_of_the_deliveries_make_a_message_come_alone)
{
	static const struct {
		int most, alone;	/* failures; 0: never */
	} cases[] = {
		{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 },
		{ 20, 10 }, { 21, 11 },
	};
	unsigned int i;
	uint64_t id;
	int n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int last = cases[i].most ? cases[i].most - 1 : 25;

		CREATE("max_deliveries=%d", cases[i].most);
		ASSERT_EQ(0, mq_fill(self->fd, 3));
		for (n = 0; n <= last; n++) {
			bool alone = cases[i].alone && n >= cases[i].alone;

			EXPECT_EQ(alone ? 1 : 3, TAKE(self->fd)) {
				TH_LOG("%d of %d", n, cases[i].most);
			}
			EXPECT_EQ(1, id);
			if (!alone)
				ASSERT_EQ(2, mq_settle(self->fd, 2, 3,
						       DEVMQ_ACTION_RELEASE));
			if (n < last)
				ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
		}
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(0, mq_remove(&self->queue));
	}
}

TEST_F(retry, what_comes_before_one_that_comes_alone_comes_without_it)
{
	uint64_t id;

	CREATE_FAILED(6, 3, 2, "max_deliveries=4");
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(2, mq_fionread(self->fd));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
}

TEST_F(retry, who_holds_one_that_came_alone_gets_nothing_and_others_go_on)
{
	uint64_t id;
	int other;

	CREATE_FAILED(4, 1, 2, "max_deliveries=4");
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(3, TAKE(other));
	EXPECT_EQ(2, id);
	close(other);
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(3, TAKE(self->fd));
}

TEST_F(retry, each_end_of_the_flight_of_one_that_came_alone_frees_its_holder)
{
	static const int ends[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
		DEVMQ_ACTION_REJECT, DEVMQ_ACTION_DEFER,
	};
	unsigned int i;
	uint64_t id;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		CREATE_FAILED(2, 1, 2, "max_deliveries=9");
		ASSERT_EQ(2, TAKE(self->fd));
		ASSERT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_RELEASE));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "4"));
		EXPECT_EQ(1, TAKE(self->fd));
		EXPECT_EQ(-EAGAIN, TAKE(self->fd));
		ASSERT_EQ(1, mq_settle(self->fd, 1, 1, ends[i]));
		EXPECT_EQ(1, TAKE(self->fd));
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(0, mq_remove(&self->queue));
	}
}

TEST_F(retry, end_of_the_lease_of_one_that_came_alone_frees_its_holder)
{
	uint64_t id;

	CREATE_FAILED(2, 1, 2, "max_deliveries=4");
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0,
					   20 * MQ_MS));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_TRUE(mq_wait_until(mq_held(self->fd) == 0));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
}

TEST_F(retry, reader_that_holds_others_is_told_when_another_takes_what_comes_alone)
{
	struct mq_call call;
	int fd, other;
	uint64_t id;

	CREATE_FAILED(3, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, take(other, self->buffer + 100, 1000, &id));
	EXPECT_EQ(2, id);
	/* m3, which is called m1 as well. */
	EXPECT_EQ(2, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 3, IN_FLIGHT, 1, 0, NONE);
	close(fd);
	close(other);
}

TEST_F(retry, poller_that_holds_others_is_told_when_what_comes_alone_is_purged)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(3, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_poll_start(&call, fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	close(fd);
}

/* Somebody in epoll_wait(), with an open file that wants to be the only one told. */
struct waiter {
	int epoll;
	pid_t tid;
	int result;		/* of epoll_wait() */
	pthread_t thread;
};

static void *wait_alone(void *arg)
{
	struct waiter *w = arg;
	struct epoll_event event;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	w->result = epoll_wait(w->epoll, &event, 1, MQ_PATIENCE_MS);
	return NULL;
}

/* Wait until it sleeps: 0, or a negative errno. */
static int waiter_start(struct waiter *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int error;

	w->tid = 0;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	error = -pthread_create(&w->thread, NULL, wait_alone, w);
	if (error)
		return error;
	return mq_wait_until(__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) &&
			     mq_is_asleep(getpid(), w->tid, SYS_epoll_wait)) ?
	       0 : -ETIME;
}

/* The first in line is told, and cannot receive it: then the next one is. */
TEST_F(retry, what_comes_alone_is_not_lost_on_an_exclusive_poller_that_holds_others)
{
	struct waiter first, second;
	int fd, other, third;
	uint64_t id;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY);
	third = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(1, take(third, self->buffer, sizeof(self->buffer), &id));
	ASSERT_EQ(0, waiter_start(&first, fd));
	ASSERT_EQ(0, waiter_start(&second, other));
	ASSERT_EQ(1, mq_release(third, id));
	ASSERT_EQ(0, pthread_join(second.thread, NULL));
	EXPECT_EQ(1, second.result);
	/* The first is told when it can receive it. */
	ASSERT_EQ(1, mq_ack(fd, 1));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	EXPECT_EQ(1, first.result);
	close(first.epoll);
	close(second.epoll);
	close(fd);
	close(other);
	close(third);
}

/* Somebody looks with its open file before it comes, and finds that it cannot. */
TEST_F(retry, what_comes_alone_is_not_lost_on_one_whose_file_met_it_otherwise)
{
	struct mq_call call;
	struct waiter first;
	int fd, other, third;
	uint64_t id;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	other = mq_open(&self->queue, O_RDONLY);
	third = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(1, take(third, self->buffer, sizeof(self->buffer), &id));
	ASSERT_EQ(0, waiter_start(&first, fd));
	ASSERT_EQ(0, mq_read_start(&call, other, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_release(third, id));
	EXPECT_EQ(0, mq_fionread(fd));
	EXPECT_EQ(2, mq_call_result(&call));
	ASSERT_EQ(1, mq_ack(fd, 1));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, pthread_join(first.thread, NULL));
	EXPECT_EQ(1, first.result);
	close(first.epoll);
	close(fd);
	close(other);
	close(third);
}

TEST_F(retry, reader_that_holds_others_gets_an_urgent_one_before_what_comes_alone)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(2, 2, 2, "max_deliveries=4 priorities=2");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "now", .priority = 1));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(retry, reader_gets_what_comes_alone_when_it_has_settled_all_others)
{
	struct mq_call call;
	int fd;

	CREATE_FAILED(3, 3, 2, "max_deliveries=4");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(0, mq_read_start(&call, fd, self->buffer, 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_ack(fd, 1));
	EXPECT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_ack(fd, 2));
	EXPECT_EQ(2, mq_call_result(&call));
	MQ_EXPECT(&self->queue, 3, IN_FLIGHT, 3, 2, RETRY);
	close(fd);
}

TEST_F(retry, sleeper_with_free_hands_gets_what_comes_alone_past_those_that_hold)
{
	struct mq_call calls[3];
	char data[3][8] = {};
	int fds[3], i;

	CREATE("max_deliveries=4");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, fail(fds[0], 1, 2));
	ASSERT_EQ(1, mq_read(fds[0], data[0], 1) > 0);
	ASSERT_EQ(0, mq_get(fds[1], "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(0, mq_read_start(&calls[1], fds[1], data[1], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(0, mq_read_start(&calls[2], fds[2], data[2], 8));
	ASSERT_TRUE(mq_call_sleeps(&calls[2]));
	/* The first in line holds another one. */
	close(fds[0]);
	EXPECT_EQ(2, mq_call_result(&calls[2]));
	EXPECT_STREQ("m1", data[2]);
	EXPECT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	close(fds[1]);
	close(fds[2]);
}

TEST_F(retry, what_comes_alone_by_its_id_comes_so_as_well)
{
	struct devmq_recv recv;
	uint64_t id;

	CREATE_FAILED(3, 1, 2, "max_deliveries=4");
	EXPECT_EQ(1, TAKE(self->fd));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EAGAIN, mq_recv_id(self->fd, 1, self->buffer,
				      sizeof(self->buffer), &recv));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_recv_id(self->fd, 1, self->buffer,
				sizeof(self->buffer), &recv));
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
}

TEST_F(retry, what_comes_alone_does_so_where_receiving_acknowledges)
{
	uint64_t id;

	CREATE_FAILED(5, 3, 2, "max_deliveries=4");
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(3, id);
	EXPECT_EQ(2, TAKE(self->fd));
	EXPECT_EQ(5, mq_stat_of(&self->queue, acked));
}

TEST_F(retry, what_comes_alone_does_so_in_a_queue_with_an_order)
{
	struct mq_call call;
	uint64_t id;
	int fd;

	CREATE_FAILED(4, 2, 2, "max_deliveries=4 order=key fairness=key");
	EXPECT_EQ(1, TAKE(self->fd));
	EXPECT_EQ(1, id);
	EXPECT_EQ(-EAGAIN, TAKE(self->fd));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, TAKE(fd));
	EXPECT_EQ(2, id);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(2, TAKE(self->fd));
	close(fd);
}

TEST_F(retry, failures_elsewhere_do_not_make_a_dead_message_come_alone)
{
	struct mq_queue other;
	uint64_t id;
	int fd;

	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_create(&other, "max_deliveries=2 dead_letter=%s",
			       self->queue.name));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(fd, 2));
	ASSERT_EQ(0, fail(fd, 1, 2));
	ASSERT_EQ(0, fail(fd, 2, 2));
	EXPECT_EQ(2, TAKE(self->fd));
	close(fd);
}

/* A worker that takes 16 at a time, does them in order, and dies of the poison. */
static void work_on_16(const struct mq_queue *queue)
{
	int fd = mq_open(queue, O_RDONLY | O_NONBLOCK);
	struct devmq_recv recv;
	char buffer[16384];
	size_t at = 0;

	if (fd < 0 || mq_recv(fd, buffer, sizeof(buffer), &recv))
		_exit(1);
	if (!recv.count)
		_exit(2);
	while (at < recv.used) {
		const struct devmq_record *r = (void *)(buffer + at);

		if (!memcmp((char *)r + DEVMQ_RECORD_PAYLOAD(r), "poison", 6))
			raise(SIGKILL);
		at += DEVMQ_RECORD_STEP(r->size);
	}
	/* It acknowledges them when all are done. */
	if (mq_settle(fd, 1, 100, DEVMQ_ACTION_ACK) != recv.count)
		_exit(3);
	_exit(0);
}

TEST_F(retry, poison_that_kills_its_worker_dies_alone)
{
	struct devmq_stat stat;
	int i, kills = 0;

	CREATE("max_deliveries=4");
	for (i = 1; i <= 16; i++)
		ASSERT_LT(0, mq_put(self->fd, i == 7 ? "poison" : "good"));
	/* Twice all of them, and then each alone, the poison twice more. */
	for (i = 0; i < 2 + 16 + 1; i++) {
		pid_t child = mq_fork();
		int status;

		if (!child)
			work_on_16(&self->queue);
		status = mq_wait_child(child);
		kills += status == 128 + SIGKILL;
		ASSERT_TRUE(!status || status == 128 + SIGKILL) {
			TH_LOG("worker %d exited with %d", i, status);
		}
	}
	EXPECT_EQ(4, kills);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(15, stat.acked);
	EXPECT_EQ(1, stat.dead);
	MQ_EXPECT(&self->queue, 7, DEAD, 4, 4, CRASH);
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
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
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
