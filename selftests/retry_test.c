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

TEST_F(retry, ceiling_below_the_first_delay_is_obeyed)
{
	CREATE("retry_ms=7200000 retry_max_ms=600000");
	EXPECT_BACKOFF(1, 600 * MQ_SECOND);
	EXPECT_BACKOFF(2, 600 * MQ_SECOND);
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

	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
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
	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_retry(self->fd, 2, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
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

	CREATE("max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fail(self->fd, 1, 1));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(1, mq_read(fd, self->buffer, 1));
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
