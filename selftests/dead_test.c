// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are dead: in place, or in the queue that takes the dead.
 */
#include "mq_test.h"

FIXTURE(dead) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	struct mq_queue grave;	/* where the dead of queue go, if BURY() */
	int grave_fd;		/* O_RDWR, O_NONBLOCK, ack=manual */
	struct mq_look look;
	struct devmq_stat stat;
	char buffer[4096];
};

#define OPEN(which, ...) ({						\
	int __error = mq_create(which, "ack=manual " __VA_ARGS__);	\
									\
	__error ?: mq_open(which, O_RDWR | O_NONBLOCK);			\
})

#define CREATE(...) do {						\
	self->fd = OPEN(&self->queue, __VA_ARGS__);			\
	ASSERT_LE(0, self->fd);						\
} while (0)

/* The dead-letter queue with some options, and the queue. */
#define BURY(...) do {							\
	self->grave_fd = OPEN(&self->grave, __VA_ARGS__);		\
	ASSERT_LE(0, self->grave_fd);					\
	CREATE("dead_letter=%s", self->grave.name);			\
} while (0)

FIXTURE_SETUP(dead)
{
	MQ_REQUIRE();
	self->fd = self->grave_fd = -1;
}

FIXTURE_TEARDOWN(dead)
{
	close(self->fd);
	close(self->grave_fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Take the next message, which has this id, and reject it. */
static int kill_next(int fd, uint64_t id)
{
	char byte;

	if (mq_read(fd, &byte, 1) < 0)
		return -EIO;
	return mq_reject(fd, id);
}

#define STAT(which) do {						\
	ASSERT_EQ(0, mq_stat(which, &self->stat));			\
	EXPECT_TRUE(mq_conserved(&self->stat));				\
} while (0)

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
	STAT(&self->queue);
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
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual dead_letter=%s",
			       self->grave.name));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "a", .ttl_ns = MQ_HOUR));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "b"));
	mq_sleep_ms(100);
	before = mq_boot_ns();
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->grave, expired) == 2));
	EXPECT_LE(before + 50 * MQ_MS, mq_boot_ns());
	STAT(&self->grave);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(0, self->stat.ready);
}

TEST_F(dead, dead_letter_queue_without_a_time_to_live_keeps_what_arrives)
{
	ASSERT_EQ(0, mq_create(&self->grave, "dead_ttl_ms=1"));
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual dead_letter=%s",
			       self->grave.name));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
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
	STAT(&self->queue);
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
	/* Each has its own: one that goes takes nothing from the others. */
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
	STAT(&self->queue);
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
	STAT(&self->queue);
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

	/* Room among the dead: the next one gets in. */
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
	STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(3, self->stat.dead_refused);
	EXPECT_EQ(0, mq_held(self->fd));
}

/* It would come back again and again at once, and use up a processor. */
TEST_F(dead, message_beyond_max_dead_waits_as_for_a_retry)
{
	int other, id = 0;

	CREATE("max_dead=0 max_deliveries=1 retry_ms=3600000");
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	/* By a retry with a delay of its own, or as the queue says. */
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
	/* By a reject, a close, the end of a lease. */
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
	STAT(&self->queue);
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
	STAT(&self->queue);
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
	STAT(&self->queue);
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
	/* One fails; however slow the machine, one before it is held in time. */
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
	/* Only now, or the one that failed would have come alone. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	/* Its time is over, and the other has failed for the second time. */
	close(fd);
	STAT(&self->queue);
	/* Those that were not held in time expired as well. */
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

/* -- to the dead-letter queue ------------------------------------------------------ */

TEST_F(dead, rejected_message_moves_to_the_dead_letter_queue)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 4));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(2, self->stat.bytes);
	STAT(&self->grave);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(5, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(10, self->stat.bytes);
	MQ_EXPECT(&self->grave, 5, READY, 0, 0, NONE);
}

TEST_F(dead, moved_message_tells_where_it_came_from_and_why)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 1));
	ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 3, 999, "third"));
	ASSERT_EQ(0, mq_look_id(&self->grave, 2, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(3, self->look.extra.origin_id);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_STREQ("m3", self->look.payload);
	EXPECT_EQ(2, self->look.record.id);

	/* And so does the record that its consumer gets. */
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_EQ(2, self->look.record.id);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(3, self->look.extra.origin_id);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_STREQ("m3", self->look.payload);
	EXPECT_EQ(1, self->look.record.attempt);
}

TEST_F(dead, received_record_says_nothing_extra_otherwise)
{
	CREATE("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(0, self->look.record.extra_size);
}

TEST_F(dead, origin_and_note_need_room_in_the_buffer)
{
	struct devmq_recv recv;
	size_t need;

	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "a note"));
	need = DEVMQ_ALIGN(sizeof(struct devmq_record) +
			   sizeof(struct devmq_extra) +
			   strlen(self->queue.name) + 6) + 2;
	EXPECT_EQ(-EMSGSIZE, mq_recv(self->grave_fd, self->buffer, need - 1,
				     &recv));
	EXPECT_LE(need, recv.need);
	EXPECT_GE(DEVMQ_ALIGN(need), recv.need);
	MQ_EXPECT(&self->grave, 1, READY, 0, 0, NONE);
	EXPECT_EQ(0, mq_recv(self->grave_fd, self->buffer, recv.need, &recv));
	EXPECT_EQ(1, recv.count);
	ASSERT_EQ(0, mq_look_at((void *)self->buffer, &self->look));
	EXPECT_STREQ("a note", self->look.note);
}

TEST_F(dead, moved_message_keeps_key_headers_sender_and_payload)
{
	struct devmq_record *record, before;
	struct mq_batch batch = {};
	struct devmq_recv recv;
	char headers[64], *data;
	size_t size = mq_header_put(headers, "name", "value", 5);

	BURY("");
	mq_batch_add_full(&batch, "the key", 7, headers, size, "payload", 7);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &before));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_recv(self->grave_fd, self->buffer,
			     sizeof(self->buffer), &recv));
	record = mq_record_next(self->buffer, recv.used, NULL);
	ASSERT_NE(NULL, record);
	EXPECT_TRUE(mq_record_is(record, "payload"));
	ASSERT_EQ(7, record->key_size);
	ASSERT_EQ(size, record->headers_size);
	data = (char *)(record + 1) + record->extra_size;
	EXPECT_EQ(0, memcmp(data, "the key", 7));
	EXPECT_EQ(0, memcmp(data + 7, headers, size));
	EXPECT_EQ(before.uid, record->uid);
	EXPECT_EQ(before.gid, record->gid);
	EXPECT_EQ(before.pid, record->pid);
	mq_batch_free(&batch);
}

TEST_F(dead, read_gives_a_moved_message_like_any_other)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "note"));
	EXPECT_EQ(POLLIN, mq_poll(self->grave_fd, POLLIN));
	EXPECT_EQ(2, mq_fionread(self->grave_fd));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(1, mq_ack(self->grave_fd, 1));
}

TEST_F(dead, moved_message_keeps_its_failures_and_starts_counting_anew)
{
	int i;

	BURY("max_deliveries=2");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "3"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	}
	MQ_EXPECT(&self->grave, 1, READY, 0, 3, RETRY);
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_FAILURES, self->look.extra.reason);
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->grave_fd, 1, 1));
	MQ_EXPECT(&self->grave, 1, READY, 1, 4, RETRY);
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	close(self->grave_fd);
	self->grave_fd = -1;
	MQ_EXPECT(&self->grave, 1, DEAD, 2, 5, CRASH);
}

TEST_F(dead, order_is_kept_in_the_dead_letter_queue)
{
	struct devmq_recv recv;
	char text[16], *buffer = malloc(1 << 20);
	int i;

	BURY("");
	ASSERT_EQ(0, mq_fill_fast(self->fd, 500));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(500, recv.count);
	EXPECT_EQ(500, mq_settle(self->fd, 1, 500, DEVMQ_ACTION_REJECT));
	for (i = 1; i <= 500; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
		ASSERT_STREQ(text, self->look.payload);
		ASSERT_EQ(i, self->look.record.id);
		ASSERT_EQ(i, self->look.extra.origin_id);
	}
	free(buffer);
}

TEST_F(dead, order_is_kept_when_a_consumer_crashes)
{
	char text[16];
	int i, fd;

	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "1"));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 50));
	for (i = 0; i < 50; i++)
		ASSERT_LT(0, mq_read(i % 3 ? fd : self->fd, self->buffer, 10));
	close(fd);
	close(self->fd);
	self->fd = -1;
	STAT(&self->queue);
	EXPECT_EQ(50, self->stat.dead_lettered);
	/* First those of the one, then those of the other. */
	for (i = 0; i < 50; i++) {
		if (!(i % 3))
			continue;
		snprintf(text, sizeof(text), "m%d", i + 1);
		ASSERT_EQ(0, mq_get(self->grave_fd, text));
	}
	for (i = 0; i < 50; i += 3) {
		snprintf(text, sizeof(text), "m%d", i + 1);
		ASSERT_EQ(0, mq_get(self->grave_fd, text));
	}
}

TEST_F(dead, priority_is_kept_as_far_as_there_is_one)
{
	static const unsigned int priorities[] = { 0, 2, 3, 9 };
	static const unsigned int expected[] = { 0, 2, 2, 2 };
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=10 dead_letter=%s", self->grave.name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = "x",
					 .priority = priorities[i]));
		ASSERT_EQ(1, kill_next(self->fd, i + 1));
		ASSERT_EQ(0, mq_look_id(&self->grave, i + 1, &self->look));
		EXPECT_EQ(expected[i], self->look.record.priority);
	}
}

/* A level has a place of its own only when somebody sends to it. */
TEST_F(dead, the_dead_go_first_at_levels_that_nobody_had_sent_to)
{
	static const char *const order[] = {
		"dead 2", "batch 2", "dead 1", "batch 1", "dead 0", "batch 0",
	};
	char dead[3][16], sent[3][16];
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=3 dead_letter=%s", self->grave.name);
	for (i = 0; i < 3; i++) {
		snprintf(dead[i], sizeof(dead[i]), "dead %u", i);
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = dead[i],
					 .priority = i));
		ASSERT_EQ(1, kill_next(self->fd, i + 1));
	}
	for (i = 0; i < 3; i++) {
		snprintf(sent[i], sizeof(sent[i]), "batch %u", i);
		mq_batch_add_message(&batch, &(struct mq_message){
			.text = sent[i], .priority = i });
	}
	ASSERT_EQ(0, mq_send(self->grave_fd, batch.data, batch.size, &send));
	EXPECT_EQ(3, send.count);
	mq_batch_free(&batch);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
	STAT(&self->grave);
	EXPECT_EQ(0, self->stat.ready);
}

/* -- room for the dead ------------------------------------------------------------- */

TEST_F(dead, max_messages_of_the_dead_letter_queue_bounds_the_dead)
{
	BURY("max_messages=2");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 3, 999, "third"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 3, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(999, self->look.extra.reason);
	EXPECT_STREQ("third", self->look.note);
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.extra.origin_id);
	STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead_refused);
	STAT(&self->grave);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.sent);
}

TEST_F(dead, max_bytes_of_the_dead_letter_queue_bounds_the_dead)
{
	BURY("max_bytes=10");
	ASSERT_EQ(11, mq_put(self->fd, "eleven byte"));
	ASSERT_EQ(8, mq_put(self->fd, "eight by"));
	ASSERT_EQ(3, mq_put(self->fd, "123"));
	ASSERT_EQ(2, mq_put(self->fd, "12"));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	STAT(&self->queue);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(2, self->stat.dead);
	EXPECT_EQ(14, self->stat.bytes);
	STAT(&self->grave);
	EXPECT_EQ(10, self->stat.bytes);
	EXPECT_EQ(0, mq_get(self->grave_fd, "eight by"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "12"));
}

TEST_F(dead, range_that_fills_the_dead_letter_queue_is_settled_all_the_same)
{
	struct devmq_recv recv;
	char *buffer = malloc(1 << 20);
	unsigned int id;

	BURY("max_messages=300");
	ASSERT_EQ(0, mq_fill_fast(self->fd, 1000));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(1000, recv.count);
	EXPECT_EQ(1000, mq_settle(self->fd, 1, 1000, DEVMQ_ACTION_REJECT));
	STAT(&self->queue);
	EXPECT_EQ(300, self->stat.dead_lettered);
	EXPECT_EQ(700, self->stat.dead);
	STAT(&self->grave);
	EXPECT_EQ(300, self->stat.ready);
	for (id = 299; id <= 302; id++)
		EXPECT_EQ(id <= 300 ? -ENOENT : DEVMQ_STATE_DEAD,
			  mq_state(&self->queue, id));
	free(buffer);
}

TEST_F(dead, what_is_sent_to_the_dead_letter_queue_keeps_no_dead_out)
{
	BURY("max_messages=2 max_bytes=5 max_message_size=2");
	ASSERT_EQ(0, mq_fill(self->grave_fd, 2));
	ASSERT_EQ(4, mq_put(self->fd, "dead"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	STAT(&self->grave);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(9, self->stat.bytes);
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "y"));
}

TEST_F(dead, the_dead_keep_no_sender_out)
{
	int i;

	BURY("max_messages=2 max_bytes=4");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 1; i <= 2; i++)
		ASSERT_EQ(1, kill_next(self->fd, i));
	EXPECT_EQ(POLLOUT, mq_poll(self->grave_fd, POLLOUT));
	EXPECT_EQ(0, mq_fill(self->grave_fd, 2));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "x"));
	EXPECT_EQ(0, mq_poll(self->grave_fd, POLLOUT));
	STAT(&self->grave);
	EXPECT_EQ(4, self->stat.ready);

	/* One that goes gives its place to its own kind. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "x"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m2"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 3));
	EXPECT_EQ(1, mq_put(self->grave_fd, "x"));
}

TEST_F(dead, writer_does_not_wake_for_the_room_of_the_dead)
{
	struct mq_call call;
	int fd;

	BURY("max_messages=1");
	fd = mq_open(&self->grave, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(4, mq_put(self->grave_fd, "mine"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "new", 3));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->grave_fd, "mine"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 2));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(dead, writer_wakes_for_his_room_whatever_is_dead_there)
{
	struct mq_call call;
	int i, fd;

	BURY("max_messages=2 max_bytes=6");
	fd = mq_open(&self->grave, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 1; i <= 2; i++)
		ASSERT_EQ(1, kill_next(self->fd, i));
	ASSERT_EQ(6, mq_put(self->grave_fd, "sender"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "all of", 6));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_purge(self->grave_fd, 3, 3));
	EXPECT_EQ(6, mq_call_result(&call));
	STAT(&self->grave);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(10, self->stat.bytes);
	close(fd);
}

TEST_F(dead, those_that_found_no_room_stay_and_are_redriven_or_purged)
{
	uint64_t stranded;

	BURY("max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));

	/* Room comes: it is for who dies from now on. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));

	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(1, mq_redrive(self->fd, 0, 0, -1, &stranded));
	EXPECT_EQ(0, stranded);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	STAT(&self->queue);
	EXPECT_EQ(0, self->stat.dead);
}

/* However a message leaves, its place is free then. */
TEST_F(dead, place_in_the_dead_letter_queue_is_free_when_a_message_has_left)
{
	char buffer[512];
	struct devmq_recv recv;
	uint64_t stranded;
	int i, id = 0, fd;

	BURY("max_messages=1 max_bytes=8");
	fd = mq_open(&self->grave, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_AUTO, 0));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(4, mq_put(self->fd, "text"));
		ASSERT_EQ(1, kill_next(self->fd, ++id));
		ASSERT_EQ(i + 1, mq_stat_of(&self->queue, dead_lettered)) {
			TH_LOG("round %d", i);
		}
		switch (i) {
		case 0:
			ASSERT_EQ(0, mq_get(fd, "text"));
			break;
		case 1:
			ASSERT_EQ(0, mq_recv(fd, buffer, sizeof(buffer), &recv));
			ASSERT_EQ(1, recv.count);
			break;
		case 2:
			ASSERT_EQ(0, mq_recv(self->grave_fd, buffer,
					     sizeof(buffer), &recv));
			ASSERT_EQ(1, mq_ack(self->grave_fd, i + 1));
			break;
		case 3:
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
			break;
		case 4:
			ASSERT_EQ(1, kill_next(self->grave_fd, i + 1));
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
			break;
		case 5:
		case 6:
			ASSERT_EQ(1, mq_redrive(self->grave_fd, 0, 0,
						i == 5 ? -1 : self->fd,
						&stranded));
			ASSERT_EQ(1, mq_purge(self->fd, 0, 0));
			id++;
			break;
		default:
			ASSERT_EQ(1, mq_purge(self->grave_fd, 0, 0));
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead));
	close(fd);
}

TEST_F(dead, message_keeps_its_place_as_long_as_it_is_there)
{
	BURY("max_messages=1");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	/* In flight, deferred, dead. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, mq_defer(self->grave_fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(0, mq_recv_id(self->grave_fd, 1, self->buffer,
				sizeof(self->buffer),
				&(struct devmq_recv){}));
	ASSERT_EQ(1, mq_reject(self->grave_fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->grave, 1));
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(3, self->stat.dead);
}

TEST_F(dead, room_for_the_dead_changes_live)
{
	BURY("max_messages=3");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "1"));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(1, mq_put(self->grave_fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "y"));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "3"));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	ASSERT_EQ(1, kill_next(self->fd, 5));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, max_dead_bounds_what_found_no_room)
{
	BURY("max_messages=1");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.dead_refused);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(dead, drop_head_takes_none_of_those_that_came_as_dead)
{
	BURY("max_messages=2 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s1"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s2"));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s3"));
	STAT(&self->grave);
	EXPECT_EQ(1, self->stat.dropped);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m2"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s2"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s3"));

	/* Where nothing else is ready nothing goes. */
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, mq_release(self->grave_fd, 1));
	EXPECT_EQ(-ENOSPC, mq_put(self->grave_fd, "s4"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, dropped));
}

TEST_F(dead, those_that_came_as_dead_are_delivered_in_order_with_the_others)
{
	static const char *const order[] = {
		"s2", "dead 2", "dead 1", "s1", "late 1", "s0", "dead 0",
	};
	unsigned int i;

	BURY("priorities=3");
	close(self->fd);
	CREATE("priorities=3 dead_letter=%s", self->grave.name);
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s0"));
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s2", .priority = 2));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 0"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 1", .priority = 1));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "dead 2", .priority = 2));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_LT(0, MQ_SEND(self->grave_fd, .text = "s1", .priority = 1));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "late 1", .priority = 1));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
	for (i = 1; i <= ARRAY_SIZE(order); i++)
		ASSERT_EQ(1, mq_release(self->grave_fd, i));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(0, mq_get(self->grave_fd, order[i]));
}

TEST_F(dead, room_in_the_queue_is_free_when_a_message_has_moved)
{
	struct mq_call call;
	int fd;

	BURY("");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "new", 3));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(3, mq_call_result(&call));
	close(fd);
}

TEST_F(dead, settings_for_senders_do_not_concern_the_dead)
{
	BURY("paused=send delay_ms=3600000");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
}

TEST_F(dead, time_to_live_does_not_go_with_the_message)
{
	BURY("");
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_F(dead, moved_message_wakes_a_sleeping_reader_and_poll)
{
	struct mq_call calls[2];
	char data[8] = {};
	int fd;

	BURY("");
	fd = mq_open(&self->grave, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_poll_start(&calls[1], self->grave_fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&calls[1]));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(1, mq_call_result(&calls[1]));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&calls[0], fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&calls[0]));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(2, mq_call_result(&calls[0]));
	EXPECT_STREQ("m2", data);
	close(fd);
}

TEST_F(dead, max_dead_does_not_concern_what_moves)
{
	BURY("max_dead=0");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "0"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead_refused));
	EXPECT_EQ(2, mq_stat_of(&self->grave, ready));
}

TEST_F(dead, two_queues_share_a_dead_letter_queue)
{
	struct mq_queue second;
	int fd;

	BURY("");
	fd = OPEN(&second, "dead_letter=%s", self->grave.name);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_fill(fd, 2));
	ASSERT_EQ(1, kill_next(fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(fd, 2));
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(second.name, self->look.origin);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ(second.name, self->look.origin);
	EXPECT_EQ(2, self->look.extra.origin_id);
	close(fd);
}

TEST_F(dead, chain_keeps_the_first_origin_and_the_last_reason)
{
	struct mq_queue last;
	int fd;

	fd = OPEN(&last, "");
	ASSERT_LE(0, fd);
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "dead_letter", "%s",
				  last.name));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 300, "first"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m2"));
	ASSERT_EQ(1, mq_reject_with(self->grave_fd, 1, 400, "second"));
	ASSERT_EQ(0, mq_look_id(&last, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(2, self->look.extra.origin_id);
	EXPECT_EQ(400, self->look.extra.reason);
	EXPECT_STREQ("second", self->look.note);
	EXPECT_EQ(1, mq_stat_of(&self->grave, dead_lettered));

	/* A last death without a note leaves none of the one before. */
	ASSERT_EQ(0, mq_get(fd, "m2"));
	ASSERT_EQ(1, mq_reject(fd, 1));
	ASSERT_EQ(0, mq_look_id(&last, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_EQ(DEVMQ_REASON_REJECTED, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	close(fd);
}

TEST_F(dead, message_is_dead_in_place_where_the_chain_ends)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->grave_fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, self->look.record.state);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	STAT(&self->grave);
	EXPECT_EQ(1, self->stat.dead);
}

TEST_F(dead, longest_name_is_told_as_origin)
{
	char name[DEVMQ_NAME_MAX + 1];
	struct mq_queue origin;
	int fd;

	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	memset(name, 'n', DEVMQ_NAME_MAX);
	name[DEVMQ_NAME_MAX] = '\0';
	strcpy(origin.name, name);
	snprintf(origin.path, sizeof(origin.path), "/dev/mq/%s", name);
	ASSERT_EQ(0, mq_control("create %s ack=manual dead_letter=%s", name,
				self->grave.name));
	fd = mq_open(&origin, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(fd, 1));
	EXPECT_EQ(1, kill_next(fd, 1));
	close(fd);
	EXPECT_EQ(0, mq_control("remove %s force", name));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_STREQ(name, self->look.origin);
}

TEST_F(dead, origin_that_is_gone_is_told_all_the_same)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
}

/* -- the option itself -------------------------------------------------------------- */

TEST_F(dead, option_shows_the_name_or_none)
{
	char text[128];

	BURY("");
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ(self->grave.name, text);
	ASSERT_EQ(0, mq_sysfs_get(&self->grave, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s\n",
				  self->grave.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ(self->grave.name, text);
}

TEST_F(dead, unset_option_leaves_the_dead_in_place)
{
	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 2));
	EXPECT_EQ(1, mq_stat_of(&self->grave, sent));
}

TEST_F(dead, option_set_later_concerns_later_deaths)
{
	CREATE("");
	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				  self->grave.name));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	ASSERT_EQ(1, kill_next(self->fd, 2));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->grave, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, target_that_is_not_there_is_enoent)
{
	struct mq_queue other;
	char text[128];

	CREATE("");
	mq_name(&other);
	EXPECT_EQ(-ENOENT, mq_sysfs_set(&self->queue, "dead_letter", "%s",
					other.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(-ENOENT, mq_create(&other, "dead_letter=nobody.knows.it"));
	EXPECT_EQ(-ENOENT, mq_open(&other, O_RDWR));
	EXPECT_EQ(-ENOENT, mq_control("remove %s", other.name));
}

TEST_F(dead, target_that_cannot_be_is_refused)
{
	static const char * const bad[] = {
		"a/b", "..", ".", "control", "a:b", "\xff", "None", "*",
	};
	char text[128];
	unsigned int i;
	int error;

	CREATE("");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		error = mq_sysfs_set(&self->queue, "dead_letter", "%s", bad[i]);
		EXPECT_TRUE(error == -ENOENT || error == -EINVAL) {
			TH_LOG("%s gives %d", bad[i], error);
		}
	}
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
}

TEST_F(dead, itself_as_target_is_eloop)
{
	int error;

	CREATE("");
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				       self->queue.name));
	mq_name(&self->grave);
	error = mq_control("create %s dead_letter=%s", self->grave.name,
			   self->grave.name);
	EXPECT_TRUE(error == -ELOOP || error == -ENOENT) {
		TH_LOG("error %d", error);
	}
	EXPECT_EQ(-ENOENT, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, chain_that_closes_is_eloop)
{
	struct mq_queue chain[5];
	char text[128];
	int i;

	ASSERT_EQ(0, mq_create(&chain[0], ""));
	for (i = 1; i < 5; i++)
		ASSERT_EQ(0, mq_create(&chain[i], "dead_letter=%s",
				       chain[i - 1].name));
	for (i = 1; i < 5; i++)
		EXPECT_EQ(-ELOOP, mq_sysfs_set(&chain[0], "dead_letter", "%s",
					       chain[i].name));
	ASSERT_EQ(0, mq_sysfs_get(&chain[0], "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);

	/* Opened in the middle, it may be closed at its ends. */
	ASSERT_EQ(0, mq_sysfs_set(&chain[2], "dead_letter", "none"));
	EXPECT_EQ(0, mq_sysfs_set(&chain[0], "dead_letter", "%s",
				  chain[4].name));
	EXPECT_EQ(-ELOOP, mq_sysfs_set(&chain[2], "dead_letter", "%s",
				       chain[1].name));
	EXPECT_EQ(0, mq_sysfs_set(&chain[0], "dead_letter", "none"));
}

TEST_F(dead, two_that_close_a_chain_at_once_do_not_both_succeed)
{
	struct mq_queue a, b;
	int round, status;
	pid_t child;

	ASSERT_EQ(0, mq_create(&a, ""));
	ASSERT_EQ(0, mq_create(&b, ""));
	for (round = 0; round < 50; round++) {
		int mine;

		child = mq_fork();
		if (!child)
			_exit(-mq_sysfs_set(&a, "dead_letter", "%s", b.name));
		mine = mq_sysfs_set(&b, "dead_letter", "%s", a.name);
		status = mq_wait_child(child);
		ASSERT_TRUE((!mine && status == ELOOP) ||
			    (mine == -ELOOP && !status)) {
			TH_LOG("%d and %d", mine, -status);
		}
		ASSERT_EQ(0, mq_sysfs_set(&a, "dead_letter", "none"));
		ASSERT_EQ(0, mq_sysfs_set(&b, "dead_letter", "none"));
	}
}

TEST_F(dead, target_is_not_removed)
{
	BURY("");
	EXPECT_EQ(-EBUSY, mq_control("remove %s", self->grave.name));
	EXPECT_EQ(0, access(self->grave.path, F_OK));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, target_can_be_removed_when_its_last_queue_is)
{
	struct mq_queue second;

	BURY("");
	ASSERT_EQ(0, mq_create(&second, "dead_letter=%s", self->grave.name));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-EBUSY, mq_control("remove %s", self->grave.name));
	ASSERT_EQ(0, mq_control("remove %s", second.name));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, failed_create_does_not_hold_the_target)
{
	struct mq_queue other;

	self->grave_fd = OPEN(&self->grave, "");
	ASSERT_LE(0, self->grave_fd);
	CREATE("");
	EXPECT_EQ(-EEXIST, mq_control("create %s dead_letter=%s",
				      self->queue.name, self->grave.name));
	EXPECT_EQ(-EINVAL, mq_create(&other, "dead_letter=%s eof=nonsense",
				     self->grave.name));
	EXPECT_EQ(0, mq_control("remove %s", self->grave.name));
}

TEST_F(dead, forced_removal_of_the_target_leaves_the_dead_in_place)
{
	char text[128];

	BURY("");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_control("remove %s force", self->grave.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "dead_letter", text,
				  sizeof(text)));
	EXPECT_STREQ("none", text);
	EXPECT_EQ(1, mq_reject(self->fd, 2));
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(0, mq_control("create %s", self->grave.name));
	EXPECT_EQ(1, kill_next(self->fd, 3));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
}

TEST_F(dead, target_is_in_use_whatever_its_options_say)
{
	/* Nobody has it open; but it is where the dead of others go. */
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "auto_delete", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "expires_ms", "10"));
	close(self->grave_fd);
	self->grave_fd = -1;
	mq_sleep_ms(50);
	EXPECT_EQ(0, access(self->grave.path, F_OK));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));

	/* Until they do not any more. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"));
	EXPECT_TRUE(mq_wait_until(access(self->grave.path, F_OK)));
}

/* -- overflow=dead-letter ------------------------------------------------------------- */

TEST_F(dead, overflow_moves_the_oldest)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	STAT(&self->queue);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dropped);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ("m1", self->look.payload);
	EXPECT_EQ(DEVMQ_REASON_OVERFLOW, self->look.extra.reason);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	ASSERT_EQ(0, mq_take(self->grave_fd, &self->look));
	EXPECT_STREQ("m2", self->look.payload);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
}

TEST_F(dead, overflow_moves_as_many_as_it_needs)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "10"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(5, mq_put(self->fd, "12345"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(9, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(3, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
}

TEST_F(dead, overflow_that_cannot_make_room_is_enospc_and_moves_nothing)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "8"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(4, mq_put(self->fd, "held"));
	ASSERT_EQ(0, mq_get(self->fd, "held"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "12345"));
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead_lettered);
	EXPECT_EQ(0, mq_stat_of(&self->grave, sent));
	EXPECT_EQ(4, mq_put(self->fd, "1234"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, sent));
}

TEST_F(dead, overflow_to_nowhere_is_einval)
{
	struct mq_queue other;
	char text[64];

	CREATE("");
	EXPECT_EQ(-EINVAL, mq_sysfs_set(&self->queue, "overflow",
					"dead-letter"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "overflow", text,
				  sizeof(text)));
	EXPECT_STREQ("block", text);
	EXPECT_EQ(-EINVAL, mq_create(&other, "overflow=dead-letter"));
	EXPECT_EQ(-ENOENT, mq_open(&other, O_RDWR));

	/* Together they are fine, in any order of words. */
	EXPECT_EQ(0, mq_create(&other, "overflow=dead-letter dead_letter=%s",
			       self->queue.name));
	EXPECT_EQ(0, mq_create(&other, "dead_letter=%s overflow=dead-letter",
			       self->queue.name));
	EXPECT_EQ(-EINVAL, mq_sysfs_set(&other, "dead_letter", "none"));
	ASSERT_EQ(0, mq_sysfs_get(&other, "dead_letter", text, sizeof(text)));
	EXPECT_STREQ(self->queue.name, text);
	EXPECT_EQ(0, mq_sysfs_set(&other, "overflow", "block"));
	EXPECT_EQ(0, mq_sysfs_set(&other, "dead_letter", "none"));
}

TEST_F(dead, overflow_to_a_target_removed_by_force_rejects)
{
	BURY("");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_control("remove %s force", self->grave.name));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	STAT(&self->queue);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
}

TEST_F(dead, overflow_that_the_dead_letter_queue_refuses_is_enospc)
{
	BURY("max_messages=3");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	STAT(&self->queue);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(3, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.dropped);
	EXPECT_EQ(0, self->stat.dead_refused);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(3, mq_stat_of(&self->grave, ready));

	/* With room there it goes on. */
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_ack(self->grave_fd, 1));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(4, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_get(self->fd, "m5"));
}

TEST_F(dead, overflow_cascades_down_no_chain)
{
	/* Nobody goes from the dead-letter queue for what comes as dead. */
	struct mq_queue last;

	ASSERT_EQ(0, mq_create(&last, ""));
	BURY("max_messages=1 overflow=dead-letter dead_letter=%s", last.name);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(0, mq_stat_of(&last, sent));

	/* For what is sent to it, what was sent to it goes. */
	ASSERT_EQ(2, mq_put(self->grave_fd, "s1"));
	ASSERT_EQ(2, mq_put(self->grave_fd, "s2"));
	EXPECT_EQ(2, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(1, mq_stat_of(&last, sent));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "s2"));
}

TEST_HARNESS_MAIN
