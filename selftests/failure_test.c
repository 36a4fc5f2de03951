// SPDX-License-Identifier: GPL-2.0
/*
 * Failures: what counts as one, the note that says why, and how many are enough.
 */
#include <signal.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "fixtures/retry.h"

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

	/*
	 * A consumer holds what it received; messages that it only looked at do
	 * not fail.
	 */
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
	/* A message that has not failed has no extra block. */
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
	/*
	 * Not before now: with so few attempts left the message would be
	 * delivered alone.
	 */
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
	/* With max_dead=0 no message dies. */
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
	/* Not before now, as the second message would be delivered alone. */
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

TEST_HARNESS_MAIN
