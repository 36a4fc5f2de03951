// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are dead in their queue: how they die, how long and how many are
 * kept.
 */
#include <poll.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/memory.h"
#include "helpers/thread.h"
#include "fixtures/dead.h"

/* -- how long it is kept ---------------------------------------------------------- */

TEST_F(dead, message_is_kept_in_place_for_so_long)
{
	uint64_t before;

	CREATE("dead_ttl_ms=3600000 on_expiry=dead");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_ttl_ms", "50"));
	before = mq_boot_ns();
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_LE(before + 50 * MQ_MS, mq_boot_ns());
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	MQ_EXPECT(&self->queue, 1, DEAD, 1, 0, NONE);
}

TEST_F(dead, redriven_message_is_not_gone_when_its_time_as_dead_is_over)
{
	struct devmq_redrive redrive = { .size = sizeof(redrive) };

	CREATE("dead_ttl_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &redrive));
	EXPECT_EQ(1, redrive.moved);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(dead, dead_letter_queues_own_time_to_live_begins_at_the_arrival)
{
	uint64_t before;

	ASSERT_EQ(0, mq_create(&self->grave, "ttl_ms=50"));
	MQ_OPEN_QUEUE("ack=manual dead_letter=%s",
		      self->grave.name);
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "a", .ttl_ns = MQ_HOUR));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "b"));
	mq_sleep_ms(100);
	before = mq_boot_ns();
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->grave, expired) == 2));
	EXPECT_LE(before + 50 * MQ_MS, mq_boot_ns());
	MQ_STAT(&self->grave);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(0, self->stat.ready);
}

TEST_F(dead, dead_letter_queue_without_a_time_to_live_keeps_what_arrives)
{
	ASSERT_EQ(0, mq_create(&self->grave, "dead_ttl_ms=1"));
	MQ_OPEN_QUEUE("ack=manual dead_letter=%s",
		      self->grave.name);
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "a", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

/* -- in place ------------------------------------------------------------------ */

TEST_F(dead, rejected_message_is_dead_in_its_queue)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_reject(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 1, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.extra.origin_id);
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(0, self->look.extra.since_ns);
	EXPECT_EQ(0, self->look.extra.holder_pid);
	EXPECT_STREQ("m1", self->look.payload);
	EXPECT_EQ(0, mq_held(self->fd));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.in_flight);
	EXPECT_EQ(4, self->stat.bytes);
	EXPECT_EQ(0, self->stat.dead_lettered);
}

TEST_F(dead, nobody_receives_it)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(-ESTALE, mq_reject(self->fd, 1));
}

TEST_F(dead, reason_and_note_are_kept)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_reject_with(self->fd, 1, 4711, "cannot parse"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(4711, self->look.extra.reason);
	EXPECT_EQ(12, self->look.extra.note_size);
	EXPECT_STREQ("cannot parse", self->look.note);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(1, mq_reject_with(self->fd, 2, 0, "only a note"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
	EXPECT_STREQ("only a note", self->look.note);
}

TEST_F(dead, reason_is_zero_or_256_to_65535)
{
	static const struct {
		unsigned int reason;
		int result;
	} cases[] = {
		{ 1, -EINVAL }, { DEVMQ_REASON_EXPIRED, -EINVAL },
		{ DEVMQ_REASON_USER - 1, -EINVAL }, { 0, 1 },
		{ DEVMQ_REASON_USER, 1 }, { 65535, 1 },
	};
	unsigned int i, id = 1;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].result,
			  mq_reject_with(self->fd, id, cases[i].reason,
					 NULL)) {
			TH_LOG("of reason %u", cases[i].reason);
		}
		if (cases[i].result < 0) {
			EXPECT_EQ(1, mq_held(self->fd));
			continue;
		}
		ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
		EXPECT_EQ(cases[i].reason ?: DEVMQ_REASON_REJECTED,
			  self->look.extra.reason);
		if (++id <= 3)
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	}
}

TEST_F(dead, note_has_up_to_256_bytes)
{
	static const unsigned int sizes[] = { 257, 65535, 0, 1, 255, 256 };
	struct devmq_settlement settlement;
	static char note[65536];
	unsigned int i, id = 1;

	CREATE("");
	memset(note, 'n', sizeof(note));
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		mq_settlement(&settlement, id, id, DEVMQ_ACTION_REJECT);
		settlement.note = sizes[i] ? (uintptr_t)note : 0;
		settlement.note_size = sizes[i];
		if (sizes[i] > DEVMQ_NOTE_MAX) {
			EXPECT_EQ(-EINVAL, mq_settle_one(self->fd,
							 &settlement));
			EXPECT_EQ(1, mq_held(self->fd));
			continue;
		}
		EXPECT_EQ(1, mq_settle_one(self->fd, &settlement));
		ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
		EXPECT_EQ(sizes[i], self->look.extra.note_size);
		EXPECT_EQ(0, memcmp(note, self->look.note, sizes[i]));
		if (++id <= 4)
			ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	}
}

TEST_F(dead, note_is_bytes_as_they_are)
{
	static const char note[] = "\0\xff\n\0end";
	struct devmq_settlement settlement;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	mq_settlement(&settlement, 1, 1, DEVMQ_ACTION_REJECT);
	settlement.note = (uintptr_t)note;
	settlement.note_size = sizeof(note);
	EXPECT_EQ(1, mq_settle_one(self->fd, &settlement));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(sizeof(note), self->look.extra.note_size);
	EXPECT_EQ(0, memcmp(note, self->look.note, sizeof(note)));
}

TEST_F(dead, note_of_a_range_is_of_each_message_in_it)
{
	struct devmq_settlement settlement;
	unsigned int id;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (id = 1; id <= 3; id++)
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	mq_settlement(&settlement, 1, 3, DEVMQ_ACTION_REJECT);
	settlement.note = (uintptr_t)"bad";
	settlement.note_size = 3;
	settlement.reason = 300;
	EXPECT_EQ(3, mq_settle_one(self->fd, &settlement));
	for (id = 1; id <= 3; id++) {
		ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
		EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
		EXPECT_EQ(300, self->look.extra.reason);
		EXPECT_STREQ("bad", self->look.note);
	}
	/*
	 * Each message has a note of its own: purging one leaves the others'
	 * notes.
	 */
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ("bad", self->look.note);
}

TEST_F(dead, note_that_cannot_be_read_is_efault_and_nothing_happens)
{
	struct devmq_settlement settlements[2];
	char *edge = mq_edge();
	uint64_t settled;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	mq_settlement(&settlements[0], 1, 1, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[1], 2, 2, DEVMQ_ACTION_REJECT);
	settlements[1].note = (uintptr_t)MQ_BAD_POINTER;
	settlements[1].note_size = 5;
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, 2, &settled));
	settlements[1].note = (uintptr_t)(edge - 4);
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, 2, &settled));
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	settlements[1].note = (uintptr_t)(edge - 5);
	memcpy(edge - 5, "notes", 5);
	EXPECT_EQ(0, mq_settle_many(self->fd, settlements, 2, &settled));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ("notes", self->look.note);
}

TEST_F(dead, note_without_a_place_is_einval)
{
	struct devmq_settlement settlement;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	mq_settlement(&settlement, 1, 1, DEVMQ_ACTION_REJECT);
	settlement.note_size = 1;
	EXPECT_EQ(-EINVAL, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(dead, failures_before_are_remembered)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 2, 1, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
}

TEST_F(dead, half_read_message_can_be_rejected)
{
	CREATE("");
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	EXPECT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
}

TEST_F(dead, message_counts_towards_the_bounds_until_it_is_purged)
{
	struct mq_call call;
	int fd;

	CREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	ASSERT_EQ(0, mq_write_start(&call, fd, "new", 3));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)));
	EXPECT_EQ(3, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, purged));
	close(fd);
}

TEST_F(dead, drop_head_takes_none_of_them)
{
	CREATE("max_messages=2 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "y"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, purge_by_state_takes_only_them)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(1, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.in_flight);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(1, self->stat.purged);
}

TEST_F(dead, peek_by_state_shows_only_them)
{
	struct devmq_record *record = (void *)self->buffer;
	struct devmq_peek peek;

	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	mq_peek_init(&peek, self->buffer, sizeof(self->buffer));
	peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD);
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &peek));
	EXPECT_EQ(1, peek.count);
	EXPECT_EQ(1, record->id);
	EXPECT_EQ(DEVMQ_STATE_DEAD, record->state);
}

TEST_F(dead, queue_that_holds_one_is_not_empty)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(1, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
}

TEST_F(dead, message_has_no_time_to_live)
{
	CREATE("");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_NE(0, self->look.extra.expires_ns);
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

/* -- max_dead ------------------------------------------------------------------- */

TEST_F(dead, max_dead_of_zero_keeps_all_alive)
{
	CREATE("max_dead=0");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 0, NONE);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.dead_refused);
	EXPECT_EQ(1, mq_sysfs_number(&self->queue, "dead_refused"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(dead, message_beyond_max_dead_is_ready_in_its_place)
{
	CREATE("max_dead=1");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead_refused));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 2));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead_refused));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));

	/* Purging makes room for one more dead message. */
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_EQ(1, mq_reject(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 2));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead_refused));
}

TEST_F(dead, message_beyond_max_dead_fails_on_and_on)
{
	int i;

	CREATE("max_dead=0 max_deliveries=2");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 1; i <= 6; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
		MQ_EXPECT(&self->queue, 1, READY, i, i, RETRY);
		EXPECT_EQ(i < 2 ? 0 : i - 1,
			  mq_stat_of(&self->queue, dead_refused));
	}
}

TEST_F(dead, message_beyond_max_dead_loses_its_time_to_live)
{
	CREATE("max_dead=0");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(dead, message_beyond_max_dead_wakes_a_sleeping_reader)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("max_dead=0");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(dead, max_dead_is_live_and_kills_nobody_twice)
{
	CREATE("max_dead=2");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "1"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 3));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "3"));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_refused));
}

TEST_F(dead, range_that_reaches_max_dead_is_settled_all_the_same)
{
	int i;

	CREATE("max_dead=2");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(5, mq_settle(self->fd, 1, 5, DEVMQ_ACTION_REJECT));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(3, self->stat.dead_refused);
	EXPECT_EQ(0, mq_held(self->fd));
}

/* Without a delay, it would come back at once, again and again. */
TEST_F(dead, message_beyond_max_dead_waits_as_for_a_retry)
{
	int other, id = 0;

	CREATE("max_dead=0 max_deliveries=1 retry_ms=3600000");
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	/* After a retry, with a delay given or with the queue's back-off. */
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, ++id, 2 * MQ_HOUR));
	MQ_EXPECT(&self->queue, id, DELAYED, 1, 1, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 2 * MQ_HOUR));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, ++id, 0));
	MQ_EXPECT(&self->queue, id, DELAYED, 1, 1, RETRY);
	/* After a reject, a close, or the end of a lease. */
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, ++id));
	MQ_EXPECT(&self->queue, id, DELAYED, 1, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->queue, id, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(other, "m1"));
	close(other);
	MQ_EXPECT(&self->queue, ++id, DELAYED, 1, 1, CRASH);
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0,
					   MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	id++;
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, in_flight) == 0));
	MQ_EXPECT(&self->queue, id, DELAYED, 1, 1, LEASE);
	MQ_STAT(&self->queue);
	EXPECT_EQ(id, self->stat.delayed);
	EXPECT_EQ(id, self->stat.dead_refused);
}

TEST_F(dead, message_beyond_max_dead_waits_longer_each_time)
{
	int i;

	CREATE("max_dead=0 max_deliveries=1 retry_ms=1 retry_backoff=1000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready)));
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	}
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retry_ms", "3600"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready)));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 1000 * MQ_HOUR));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_refused));
}

/* -- expired ones ---------------------------------------------------------------- */

TEST_F(dead, expired_message_is_dead_with_its_reason)
{
	CREATE("on_expiry=dead");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, dead) == 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_EXPIRED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	MQ_EXPECT(&self->queue, 1, DEAD, 0, 0, NONE);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.expired);
	EXPECT_EQ(0, self->stat.ready);
}

TEST_F(dead, expired_message_goes_to_the_dead_letter_queue)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "on_expiry", "dead"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->grave, ready) == 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_EXPIRED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.expired);
	EXPECT_EQ(1, self->stat.dead_lettered);
}

TEST_F(dead, one_close_expires_one_and_buries_another)
{
	uint64_t end, ttl = 50 * MQ_MS;
	long long a = 0, b;
	int fd;

	BURY("");
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	/*
	 * One message fails.  However slow the machine is, one before it is
	 * received in time.
	 */
	ASSERT_LT(0, b = mq_send_one(self->fd, "b", 1));
	ASSERT_EQ(0, mq_get(fd, "b"));
	ASSERT_EQ(1, mq_settle(fd, b, b, DEVMQ_ACTION_RETRY));
	ASSERT_EQ(0, mq_get(fd, "b"));
	do {
		a = MQ_SEND(self->fd, .text = "a", .ttl_ns = ttl);
		ASSERT_LT(0, a);
		end = mq_boot_ns() + ttl;
		ttl *= 2;
	} while (mq_get(fd, "a"));
	while (mq_boot_ns() <= end)
		usleep(1000);
	EXPECT_EQ(2, mq_held(fd));
	/*
	 * Not before now, as the message that failed would be delivered alone.
	 */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	/* The first one is expired, and the other one has failed twice. */
	close(fd);
	MQ_STAT(&self->queue);
	/* Messages that were not received in time have expired as well. */
	EXPECT_EQ(a - b, self->stat.expired);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(0, mq_get(self->grave_fd, "b"));
}

TEST_F(dead, expired_message_wakes_a_reader_of_the_dead_letter_queue)
{
	char data[8] = {};
	struct mq_call call;
	int fd;

	BURY("");
	fd = mq_open(&self->grave, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "on_expiry", "dead"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = 50 * MQ_MS));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_STREQ("x", data);
	close(fd);
}

TEST_F(dead, expired_message_beyond_max_dead_lives_on)
{
	CREATE("on_expiry=dead max_dead=0");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = 20 * MQ_MS));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, dead_refused) ==
				  1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	EXPECT_EQ(0, mq_stat_of(&self->queue, expired));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead_refused));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_HARNESS_MAIN
