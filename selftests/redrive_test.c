// SPDX-License-Identifier: GPL-2.0
/* REDRIVE: another attempt for dead messages. */
#include <sys/stat.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(redrive) {
	struct mq_queue grave;	/* the dead-letter queue of @queue */
	struct mq_queue queue;
	int grave_fd;		/* O_RDWR, O_NONBLOCK, ack=manual */
	int fd;			/* likewise */
	struct mq_look look;
	struct devmq_stat stat;
	uint64_t stranded;
	char buffer[4096];
};

FIXTURE_SETUP(redrive)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->grave, "ack=manual"));
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual dead_letter=%s",
			       self->grave.name));
	self->grave_fd = mq_open(&self->grave, O_RDWR | O_NONBLOCK);
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->grave_fd);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(redrive)
{
	close(self->fd);
	close(self->grave_fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Receive the next message, which has this id, and reject it. */
static int kill_next(int fd, uint64_t id)
{
	char byte;

	if (mq_read(fd, &byte, 1) < 0)
		return -EIO;
	return mq_reject_with(fd, id, 777, "a note");
}

/* Send m1, m2... and reject the first @dead of them. */
#define KILL(fd, count, dead) do {					\
	int __i;							\
									\
	ASSERT_EQ(0, mq_fill(fd, count));				\
	for (__i = 1; __i <= (dead); __i++)				\
		ASSERT_EQ(1, kill_next(fd, __i));			\
} while (0)

/* Let dead messages stay in the queue. */
#define IN_PLACE() \
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "none"))

#define REDRIVE(fd)	mq_redrive(fd, 0, 0, -1, &self->stranded)

/* -- in place -------------------------------------------------------------- */

TEST_F(redrive, dead_message_is_ready_again_in_its_place)
{
	IN_PLACE();
	KILL(self->fd, 4, 3);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(3, REDRIVE(self->fd));
	EXPECT_EQ(0, self->stranded);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(5, self->stat.ready);
	EXPECT_EQ(0, self->stat.purged);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(redrive, failures_reason_and_note_are_gone)
{
	IN_PLACE();
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 2, 1, RETRY);
	EXPECT_EQ(1, REDRIVE(self->fd));
	MQ_EXPECT(&self->queue, 1, READY, 2, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.extra.origin_id);
	EXPECT_STREQ("m1", self->look.payload);
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(0, self->look.record.extra_size);
	EXPECT_EQ(3, self->look.record.attempt);
}

TEST_F(redrive, max_deliveries_counts_anew)
{
	int i;

	IN_PLACE();
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "2"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	}
	EXPECT_EQ(1, REDRIVE(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, READY, 3, 1, RETRY);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, DEAD, 4, 2, RETRY);
}

TEST_F(redrive, time_to_live_is_not_back)
{
	IN_PLACE();
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(1, REDRIVE(self->fd));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

/*
 * An empty message that was accepted stays valid when allow_empty is 0 again.
 */
TEST_F(redrive, empty_message_dies_and_comes_back_where_none_is_taken_any_more)
{
	struct mq_queue ordered;
	int fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	ASSERT_EQ(1, mq_send_one(self->fd, "", 0));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "0"));
	/* It moves to a dead-letter queue where allow_empty is 0. */
	ASSERT_EQ(0, mq_get(self->fd, ""));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
	EXPECT_EQ(1, mq_redrive(self->grave_fd, 0, 0, -1, &self->stranded));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	/*
	 * It dies in place, and moves to a queue with another kind of entries.
	 */
	IN_PLACE();
	ASSERT_EQ(0, mq_get(self->fd, ""));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
	ASSERT_EQ(0, mq_create(&ordered, "order=key"));
	fd = mq_open(&ordered, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_redrive(self->fd, 0, 0, fd, NULL));
	EXPECT_EQ(1, mq_stat_of(&ordered, ready));
	EXPECT_EQ(0, mq_get(fd, ""));
	EXPECT_EQ(-EINVAL, mq_send_one(fd, "", 0));
	close(fd);
}

TEST_F(redrive, range_has_both_its_ends)
{
	static const struct {
		uint64_t first, last;
		int moved;
	} cases[] = {
		{ 9, 0, 0 }, { 3, 3, 1 }, { 4, 6, 2 }, { 0, 1, 1 },
		{ 7, ~0ULL, 2 }, { 0, 0, 1 },
	};
	unsigned int i;

	IN_PLACE();
	KILL(self->fd, 8, 5);
	ASSERT_EQ(0, mq_get(self->fd, "m6"));
	ASSERT_EQ(1, kill_next(self->fd, 7));
	ASSERT_EQ(1, kill_next(self->fd, 8));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].moved, mq_redrive(self->fd, cases[i].first,
						     cases[i].last, -1,
						     &self->stranded)) {
			TH_LOG("range %llu to %llu",
			       (unsigned long long)cases[i].first,
			       (unsigned long long)cases[i].last);
		}
		EXPECT_EQ(0, self->stranded);
	}
	/* Messages that were not rejected have not changed. */
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, mq_state(&self->queue, 6));
	EXPECT_EQ(0, REDRIVE(self->fd));
}

TEST_F(redrive, nothing_to_do_is_no_error)
{
	EXPECT_EQ(0, REDRIVE(self->fd));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(0, REDRIVE(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_redrive(self->fd, 1, 1, -1, &self->stranded));
	EXPECT_EQ(0, self->stranded);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
}

TEST_F(redrive, looking_is_enough_to_do_it)
{
	int fd = mq_open(&self->queue, MQ_LOOK);

	IN_PLACE();
	ASSERT_LE(0, fd);
	KILL(self->fd, 1, 1);
	EXPECT_EQ(1, REDRIVE(fd));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	close(fd);
}

TEST_F(redrive, message_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	IN_PLACE();
	ASSERT_LE(0, fd);
	KILL(self->fd, 1, 1);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, REDRIVE(self->fd));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(redrive, room_among_the_dead_is_free_again)
{
	IN_PLACE();
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_dead", "1"));
	KILL(self->fd, 2, 1);
	EXPECT_EQ(1, REDRIVE(self->fd));
	ASSERT_EQ(1, kill_next(self->fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dead_refused));
}

TEST_F(redrive, thousands_come_back_in_order)
{
	struct devmq_recv recv;
	char text[16], *buffer = malloc(1 << 20);
	int i, got;

	IN_PLACE();
	ASSERT_EQ(0, mq_fill_fast(self->fd, 3000));
	for (got = 0; got < 3000; got += recv.count)
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(3000, mq_settle(self->fd, 1, 3000, DEVMQ_ACTION_REJECT));
	EXPECT_EQ(3000, REDRIVE(self->fd));
	for (i = 1; i <= 3000; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_EQ(0, mq_get(self->fd, text));
	}
	free(buffer);
}

/* -- back to the origin ---------------------------------------------------- */

TEST_F(redrive, message_goes_back_under_a_new_number)
{
	struct devmq_record before;

	KILL(self->fd, 3, 2);
	ASSERT_EQ(0, mq_peek_id(&self->grave, 1, &before));
	EXPECT_EQ(2, REDRIVE(self->grave_fd));
	EXPECT_EQ(0, self->stranded);
	MQ_STAT(&self->grave);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(2, self->stat.purged);
	EXPECT_EQ(0, self->stat.bytes);
	MQ_STAT(&self->queue);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(2, self->stat.dead_lettered);
	MQ_EXPECT(&self->queue, 4, READY, 0, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->queue, 4, &self->look));
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.extra.origin_id);
	EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_EQ(before.time_ns, self->look.record.time_ns);
	EXPECT_EQ(before.pid, self->look.record.pid);
	EXPECT_EQ(before.uid, self->look.record.uid);
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(redrive, ready_deferred_and_dead_ones_go_and_what_is_in_flight_stays)
{
	KILL(self->fd, 4, 4);
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, kill_next(self->grave_fd, 2));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m3"));
	ASSERT_EQ(1, mq_defer(self->grave_fd, 3));
	EXPECT_EQ(3, REDRIVE(self->grave_fd));
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.in_flight);
	EXPECT_EQ(3, self->stat.purged);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(0, self->stat.deferred);
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
	EXPECT_EQ(1, mq_ack(self->grave_fd, 1));
}

TEST_F(redrive, messages_sent_to_the_dead_letter_queue_stay_in_it)
{
	KILL(self->fd, 1, 1);
	ASSERT_EQ(4, mq_put(self->grave_fd, "mine"));
	ASSERT_EQ(6, mq_put(self->grave_fd, "mine 2"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, kill_next(self->grave_fd, 2));
	ASSERT_EQ(1, mq_release(self->grave_fd, 1));

	/*
	 * One message returns to its origin, the one that died here is ready
	 * again, and the third one stays.
	 */
	EXPECT_EQ(2, REDRIVE(self->grave_fd));
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.purged);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(0, mq_get(self->grave_fd, "mine"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "mine 2"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

TEST_F(redrive, message_whose_origin_is_gone_is_stranded)
{
	struct mq_queue other;
	int fd;

	ASSERT_EQ(0, mq_create(&other, "ack=manual dead_letter=%s",
			       self->grave.name));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	KILL(fd, 2, 2);
	KILL(self->fd, 1, 1);
	close(fd);
	ASSERT_EQ(0, mq_control("remove %s", other.name));
	EXPECT_EQ(1, REDRIVE(self->grave_fd));
	EXPECT_EQ(2, self->stranded);
	MQ_STAT(&self->grave);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(1, self->stat.purged);
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_STREQ(other.name, self->look.origin);
	EXPECT_EQ(777, self->look.extra.reason);
	EXPECT_EQ(0, REDRIVE(self->grave_fd));
	EXPECT_EQ(2, self->stranded);
}

TEST_F(redrive, another_queue_of_the_same_name_is_not_the_origin)
{
	int fd;

	KILL(self->fd, 1, 1);
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_control("create %s dead_letter=%s", self->queue.name,
				self->grave.name));
	EXPECT_EQ(0, REDRIVE(self->grave_fd));
	EXPECT_EQ(1, self->stranded);
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	ASSERT_EQ(0, mq_look_id(&self->grave, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(777, self->look.extra.reason);

	/*
	 * A caller that has the queue open for writing can name it as the
	 * target.
	 */
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_redrive(self->grave_fd, 0, 0, fd, &self->stranded));
	EXPECT_EQ(0, mq_get(fd, "m1"));
	close(fd);
}

/* Redrive two messages as an unprivileged user: how many were stranded. */
static int redrive_as_nobody(int fd)
{
	pid_t child = mq_fork();
	uint64_t stranded = 0;
	long long moved;

	if (child)
		return mq_wait_child(child);
	if (mq_become(MQ_NOBODY, MQ_NOBODY))
		_exit(99);
	moved = mq_redrive(fd, 0, 0, -1, &stranded);
	_exit(moved + stranded == 2 ? stranded : 98);
}

TEST_F(redrive, origin_that_the_caller_may_not_write_strands)
{
	static const struct {
		unsigned int uid, gid, mode;
		int stranded;
	} cases[] = {
		{ 0, 0, 0600, 2 }, { 0, 0, 0666, 0 }, { 0, 0, 0664, 2 },
		{ 0, 0, 0602, 0 }, { MQ_NOBODY, 0, 0400, 2 },
		{ MQ_NOBODY, 0, 0200, 0 }, { MQ_NOBODY, 0, 0066, 2 },
		{ 0, MQ_NOBODY, 0640, 2 }, { 0, MQ_NOBODY, 0620, 0 },
	};
	struct mq_queue queue;
	unsigned int i;
	int fd;

	/* The mode with which the queue was created counts. */
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, mq_create(&queue,
				       "dead_letter=%s ack=manual uid=%u gid=%u mode=%04o",
				       self->grave.name, cases[i].uid,
				       cases[i].gid, cases[i].mode));
		fd = mq_open(&queue, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		KILL(fd, 2, 2);
		EXPECT_EQ(cases[i].stranded, redrive_as_nobody(self->grave_fd)) {
			TH_LOG("mode %04o", cases[i].mode);
		}
		EXPECT_EQ(2 - cases[i].stranded, mq_stat_of(&queue, ready));
		EXPECT_EQ(cases[i].stranded, mq_stat_of(&self->grave, ready));
		close(fd);
		ASSERT_LE(0, mq_purge(self->grave_fd, 0, 0));
		ASSERT_EQ(0, mq_remove(&queue));
	}
}

TEST_F(redrive, mode_of_the_node_is_what_it_is_now)
{
	KILL(self->fd, 2, 2);
	ASSERT_EQ(0, chmod(self->queue.path, 0602));
	EXPECT_EQ(0, redrive_as_nobody(self->grave_fd));
	ASSERT_EQ(1, kill_next(self->fd, 3));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	ASSERT_EQ(0, chmod(self->queue.path, 0660));
	EXPECT_EQ(2, redrive_as_nobody(self->grave_fd));
	EXPECT_EQ(2, REDRIVE(self->grave_fd));
	EXPECT_EQ(0, self->stranded);
}

TEST_F(redrive, no_mode_keeps_out_who_has_the_target_open)
{
	KILL(self->fd, 2, 2);
	EXPECT_EQ(2, redrive_as_nobody(self->grave_fd));
	EXPECT_EQ(2, mq_redrive(self->grave_fd, 0, 0, self->fd,
				&self->stranded));
}

TEST_F(redrive, message_down_a_chain_goes_back_to_its_beginning)
{
	struct mq_queue last;
	int fd;

	ASSERT_EQ(0, mq_create(&last, "ack=manual"));
	fd = mq_open(&last, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "dead_letter", "%s",
				  last.name));
	KILL(self->fd, 1, 1);
	ASSERT_EQ(1, kill_next(self->grave_fd, 1));
	EXPECT_EQ(1, mq_stat_of(&last, ready));
	EXPECT_EQ(1, REDRIVE(fd));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_stat_of(&self->grave, ready));
	close(fd);
}

TEST_F(redrive, message_that_dies_again_is_a_new_death)
{
	KILL(self->fd, 1, 1);
	EXPECT_EQ(1, REDRIVE(self->grave_fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 888, NULL));
	ASSERT_EQ(0, mq_look_id(&self->grave, 2, &self->look));
	EXPECT_EQ(2, self->look.extra.origin_id);
	EXPECT_EQ(888, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_STREQ(self->queue.name, self->look.origin);
}

TEST_F(redrive, bounds_of_the_origin_keep_nothing_out)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "3"));
	KILL(self->fd, 3, 3);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "delay_ms", "3600000"));
	EXPECT_EQ(3, REDRIVE(self->grave_fd));
	EXPECT_EQ(6, mq_stat_of(&self->queue, ready));
}

TEST_F(redrive, messages_wake_readers_of_their_origin)
{
	struct mq_call calls[2];
	char data[2][8] = {};
	int i, fds[2];

	KILL(self->fd, 2, 2);
	for (i = 0; i < 2; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(2, REDRIVE(self->grave_fd));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(2, mq_call_result(&calls[i]));
		close(fds[i]);
	}
}

TEST_F(redrive, messages_that_leave_make_room)
{
	int fd = mq_open(&self->queue, O_WRONLY);
	struct mq_call call;

	IN_PLACE();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	KILL(self->fd, 1, 1);
	ASSERT_EQ(0, mq_write_start(&call, fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_redrive(self->fd, 0, 0, self->grave_fd, NULL));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

TEST_F(redrive, messages_that_leave_make_room_for_more_dead)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "2"));
	KILL(self->fd, 4, 3);
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
	EXPECT_EQ(2, REDRIVE(self->grave_fd));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dead));
}

/* -- to a given queue ------------------------------------------------------ */

TEST_F(redrive, descriptor_says_where_to)
{
	struct mq_queue other;
	int fd;

	ASSERT_EQ(0, mq_create(&other, "max_messages=1"));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	KILL(self->fd, 3, 3);
	EXPECT_EQ(2, mq_redrive(self->grave_fd, 2, 3, fd, &self->stranded));
	EXPECT_EQ(0, self->stranded);
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(2, self->stat.purged);
	MQ_STAT(&other);
	EXPECT_EQ(3, self->stat.sent);
	EXPECT_EQ(3, self->stat.ready);
	ASSERT_EQ(0, mq_look_id(&other, 2, &self->look));
	EXPECT_EQ(0, self->look.extra.origin_size);
	EXPECT_EQ(0, self->look.record.failures);
	EXPECT_EQ(0, mq_get(fd, "x"));
	EXPECT_EQ(0, mq_get(fd, "m2"));
	EXPECT_EQ(0, mq_get(fd, "m3"));
	close(fd);
}

TEST_F(redrive, dead_of_this_queue_go_to_another)
{
	IN_PLACE();
	KILL(self->fd, 3, 2);
	EXPECT_EQ(2, mq_redrive(self->fd, 0, 0, self->grave_fd,
				&self->stranded));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(2, self->stat.purged);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m2"));
}

TEST_F(redrive, descriptor_of_this_queue_makes_its_dead_ready)
{
	KILL(self->fd, 2, 2);
	ASSERT_EQ(4, mq_put(self->grave_fd, "mine"));
	ASSERT_EQ(1, kill_next(self->grave_fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->grave, 1));
	EXPECT_EQ(2, mq_redrive(self->grave_fd, 0, 0, self->grave_fd,
				&self->stranded));
	EXPECT_EQ(0, self->stranded);
	MQ_STAT(&self->grave);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(0, self->stat.purged);
	EXPECT_EQ(0, mq_get(self->grave_fd, "m1"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "m2"));
	EXPECT_EQ(0, mq_get(self->grave_fd, "mine"));
}

TEST_F(redrive, those_that_came_here_as_dead_can_be_made_this_queues_own)
{
	unsigned int id;

	ASSERT_EQ(0, mq_sysfs_set(&self->grave, "max_messages", "3"));
	KILL(self->fd, 4, 3);
	ASSERT_EQ(4, mq_put(self->grave_fd, "mine"));
	ASSERT_EQ(0, mq_get(self->grave_fd, "m1"));
	ASSERT_EQ(1, mq_defer(self->grave_fd, 1));
	ASSERT_EQ(1, kill_next(self->grave_fd, 2));
	EXPECT_EQ(3, mq_redrive(self->grave_fd, 0, 0, self->grave_fd,
				&self->stranded));
	EXPECT_EQ(0, self->stranded);
	for (id = 1; id <= 3; id++) {
		ASSERT_EQ(0, mq_look_id(&self->grave, id, &self->look));
		EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
		EXPECT_EQ(0, self->look.extra.origin_size);
		EXPECT_EQ(0, self->look.extra.origin_id);
		EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
		EXPECT_EQ(0, self->look.extra.note_size);
	}
	MQ_STAT(&self->grave);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(0, self->stat.purged);

	/*
	 * They count as sent here now, so the queue is full for senders, but
	 * has room for a dead message.
	 */
	EXPECT_EQ(-EAGAIN, mq_put(self->grave_fd, "x"));
	ASSERT_EQ(1, kill_next(self->fd, 4));
	EXPECT_EQ(4, mq_stat_of(&self->queue, dead_lettered));
	EXPECT_EQ(1, REDRIVE(self->grave_fd));
	EXPECT_EQ(0, self->stranded);
	for (id = 1; id <= 3; id++)
		EXPECT_EQ(2, mq_read(self->grave_fd, self->buffer, 10));
	EXPECT_EQ(0, mq_get(self->grave_fd, "mine"));
}

TEST_F(redrive, stranded_ones_can_be_sent_elsewhere)
{
	struct mq_queue other;
	int fd;

	ASSERT_EQ(0, mq_create(&other, ""));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	KILL(self->fd, 2, 2);
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(0, REDRIVE(self->grave_fd));
	EXPECT_EQ(2, self->stranded);
	EXPECT_EQ(2, mq_redrive(self->grave_fd, 0, 0, fd, &self->stranded));
	EXPECT_EQ(0, self->stranded);
	EXPECT_EQ(2, mq_stat_of(&other, ready));
	close(fd);
}

TEST_F(redrive, descriptor_must_be_a_queue_open_for_writing)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int control = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	int reader = mq_open(&self->queue, O_RDONLY);
	int looker = mq_open(&self->queue, MQ_LOOK);
	int error;

	ASSERT_LE(0, null);
	ASSERT_LE(0, control);
	ASSERT_LE(0, looker);
	KILL(self->fd, 1, 1);
	EXPECT_EQ(-EBADF, mq_redrive(self->grave_fd, 0, 0, 9999, NULL));
	EXPECT_EQ(-EBADF, mq_redrive(self->grave_fd, 0, 0, reader, NULL));
	EXPECT_EQ(-EBADF, mq_redrive(self->grave_fd, 0, 0, looker, NULL));
	error = mq_redrive(self->grave_fd, 0, 0, null, NULL);
	EXPECT_TRUE(error == -EINVAL || error == -EBADF) {
		TH_LOG("error %d", error);
	}
	error = mq_redrive(self->grave_fd, 0, 0, control, NULL);
	EXPECT_TRUE(error == -EINVAL || error == -EBADF) {
		TH_LOG("error %d", error);
	}
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
	close(null);
	close(control);
	close(reader);
	close(looker);
}

TEST_F(redrive, negative_descriptor_is_ebadf)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive), .flags = DEVMQ_REDRIVE_TO,
		.target_fd = -1,
	};

	KILL(self->fd, 1, 1);
	EXPECT_EQ(-EBADF, mq_ioctl(self->grave_fd, DEVMQ_IOC_REDRIVE,
				   &redrive));
	redrive.target_fd = -100;
	EXPECT_EQ(-EBADF, mq_ioctl(self->grave_fd, DEVMQ_IOC_REDRIVE,
				   &redrive));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
}

TEST_F(redrive, descriptor_of_a_removed_queue_is_enodev)
{
	struct mq_queue other;
	int fd;

	ASSERT_EQ(0, mq_create(&other, ""));
	fd = mq_open(&other, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_remove(&other));
	KILL(self->fd, 1, 1);
	EXPECT_EQ(-ENODEV, mq_redrive(self->grave_fd, 0, 0, fd, NULL));
	MQ_STAT(&self->grave);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.purged);
	close(fd);
}

TEST_F(redrive, descriptor_without_the_flag_is_einval)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive), .target_fd = self->fd,
	};

	KILL(self->fd, 1, 1);
	EXPECT_EQ(-EINVAL, mq_ioctl(self->grave_fd, DEVMQ_IOC_REDRIVE,
				    &redrive));
	redrive.target_fd = -1;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->grave_fd, DEVMQ_IOC_REDRIVE,
				    &redrive));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
}

TEST_F(redrive, priority_fits_the_queue_it_goes_to)
{
	struct mq_queue high, low;
	int high_fd, low_fd;

	ASSERT_EQ(0, mq_create(&high, "ack=manual priorities=8"));
	ASSERT_EQ(0, mq_create(&low, "priorities=3"));
	high_fd = mq_open(&high, O_RDWR | O_NONBLOCK);
	low_fd = mq_open(&low, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(high_fd, .text = "x", .priority = 7));
	ASSERT_EQ(1, kill_next(high_fd, 1));
	EXPECT_EQ(1, mq_redrive(high_fd, 0, 0, low_fd, NULL));
	ASSERT_EQ(0, mq_look_id(&low, 1, &self->look));
	EXPECT_EQ(2, self->look.record.priority);
	close(high_fd);
	close(low_fd);
}

TEST_F(redrive, reason_selects)
{
	struct devmq_redrive redrive = {
		.size = sizeof(redrive), .reason = 777,
	};

	KILL(self->fd, 2, 1);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	ASSERT_EQ(0, mq_ioctl(self->grave_fd, DEVMQ_IOC_REDRIVE, &redrive));
	EXPECT_EQ(1, redrive.moved);
	EXPECT_EQ(0, redrive.stranded);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_stat_of(&self->grave, ready));
}

TEST_HARNESS_MAIN
