// SPDX-License-Identifier: GPL-2.0
/* Deferred messages, which are received by their id. */
#include <poll.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(defer) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int other;		/* another consumer like it */
	struct devmq_recv recv;
	struct devmq_stat stat;
	char buffer[4096];
};

#define RECREATE(...)	MQ_REOPEN_PAIR("ack=manual " __VA_ARGS__)

FIXTURE_SETUP(defer)
{
	MQ_REQUIRE();
	self->fd = -1;
	self->other = -1;
	RECREATE("");
}

FIXTURE_TEARDOWN(defer)
{
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

#define RECV_ID(fd, id) \
	mq_recv_id(fd, id, self->buffer, sizeof(self->buffer), &self->recv)

/* Send m1, m2... and defer the first of them. */
#define DEFER_FIRST(count) do {						\
	ASSERT_EQ(0, mq_fill(self->fd, count));				\
	ASSERT_EQ(0, mq_get(self->fd, "m1"));				\
	ASSERT_EQ(1, mq_defer(self->fd, 1));				\
} while (0)

TEST_F(defer, message_is_set_aside)
{
	DEFER_FIRST(2);
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	EXPECT_EQ(0, mq_held(self->fd));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.deferred);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.in_flight);
	EXPECT_EQ(4, self->stat.bytes);
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "m2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
}

TEST_F(defer, message_is_received_by_its_id)
{
	struct devmq_record *record = (void *)self->buffer;

	DEFER_FIRST(2);
	ASSERT_EQ(0, RECV_ID(self->other, 1));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(DEVMQ_RECORD_STEP(record->size), self->recv.used);
	EXPECT_EQ(0, self->recv.need);
	EXPECT_EQ(1, record->id);
	EXPECT_EQ(2, record->attempt);
	EXPECT_EQ(0, record->failures);
	EXPECT_TRUE(mq_record_is(record, "m1"));
	EXPECT_EQ(1, mq_held(self->other));
	EXPECT_EQ(1, mq_last_id(self->other));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 0, NONE);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.deferred);
	EXPECT_EQ(1, self->stat.in_flight);
	EXPECT_EQ(2, self->stat.delivered);
	EXPECT_EQ(1, self->stat.redelivered);
	EXPECT_EQ(1, mq_ack(self->other, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(defer, message_received_by_its_id_can_be_all_that_others_can)
{
	DEFER_FIRST(2);
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(1, mq_defer(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, DEFERRED, 2, 0, NONE);
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(1, mq_retry(self->fd, 1, 1));
	MQ_EXPECT(&self->queue, 1, READY, 3, 1, RETRY);

	/* The message is back in its place. */
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
}

TEST_F(defer, close_of_its_receiver_is_a_crash)
{
	DEFER_FIRST(1);
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	close(self->fd);
	self->fd = -1;
	MQ_EXPECT(&self->queue, 1, READY, 2, 1, CRASH);
	EXPECT_EQ(0, mq_get(self->other, "m1"));
}

TEST_F(defer, close_of_who_deferred_it_changes_nothing)
{
	DEFER_FIRST(1);
	close(self->fd);
	self->fd = -1;
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	ASSERT_EQ(0, RECV_ID(self->other, 1));
}

TEST_F(defer, lease_of_its_receiver_counts)
{
	DEFER_FIRST(1);
	ASSERT_EQ(0, mq_consumer_set_lease(self->other, DEVMQ_ACK_MANUAL, 0,
					   20 * MQ_MS));
	ASSERT_EQ(0, RECV_ID(self->other, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	MQ_EXPECT(&self->queue, 1, READY, 2, 1, LEASE);
}

TEST_F(defer, receiver_in_auto_mode_acknowledges)
{
	DEFER_FIRST(1);
	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, RECV_ID(self->other, 1));
	EXPECT_EQ(0, mq_held(self->other));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(defer, what_is_not_deferred_is_enoent)
{
	struct devmq_stat before;

	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->other, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_ack(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m4"));
	ASSERT_EQ(1, mq_reject(self->fd, 4));
	ASSERT_EQ(0, mq_stat(&self->queue, &before));
	/*
	 * Held here, held by the other file, acknowledged, dead, ready,
	 * delayed, and never sent.
	 */
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 1));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 2));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 3));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 4));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 5));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 6));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 7));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, ~0ULL));
	MQ_STAT(&self->queue);
	before.oldest_ms = self->stat.oldest_ms;
	before.oldest_in_flight_ms = self->stat.oldest_in_flight_ms;
	EXPECT_EQ(0, memcmp(&before, &self->stat, sizeof(before)));
}

TEST_F(defer, message_received_by_its_id_is_deferred_no_more)
{
	DEFER_FIRST(1);
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 1));
	EXPECT_EQ(-ENOENT, RECV_ID(self->other, 1));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 1));
}

TEST_F(defer, receiving_by_id_never_waits)
{
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.id = 5;
	self->recv.deadline_ns = DEVMQ_FOREVER;
	EXPECT_EQ(-ENOENT, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	DEFER_FIRST(1);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "receive"));
	self->recv.id = 1;
	EXPECT_EQ(-EAGAIN, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ((char)MQ_POISON, self->buffer[0]);
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	close(fd);
}

TEST_F(defer, prefetch_that_is_used_up_is_eagain)
{
	DEFER_FIRST(2);
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(-EAGAIN, RECV_ID(self->fd, 1));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(defer, buffer_that_is_too_small_is_emsgsize)
{
	size_t needed = DEVMQ_RECORD_STEP(sizeof(struct devmq_record) + 2);
	int error;

	DEFER_FIRST(1);
	error = mq_recv_id(self->fd, 1, self->buffer,
			   sizeof(struct devmq_record) + 1, &self->recv);
	EXPECT_EQ(-EMSGSIZE, error);
	EXPECT_LE(sizeof(struct devmq_record) + 2, self->recv.need);
	EXPECT_GE(needed, self->recv.need);
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	error = mq_recv_id(self->fd, 1, self->buffer, self->recv.need,
			   &self->recv);
	EXPECT_EQ(0, error);
	EXPECT_EQ(1, self->recv.count);
}

TEST_F(defer, buffer_that_cannot_be_written_leaves_it_deferred)
{
	DEFER_FIRST(1);
	mq_recv_init(&self->recv, MQ_BAD_POINTER, 4096);
	self->recv.id = 1;
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	EXPECT_EQ(0, mq_held(self->fd));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.deferred);
	EXPECT_EQ(0, RECV_ID(self->fd, 1));
}

TEST_F(defer, this_one_alone_is_received)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_DEFER));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.id = 2;
	self->recv.max_count = 100;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_TRUE(mq_record_is((void *)self->buffer, "m2"));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
}

TEST_F(defer, half_read_message_can_be_deferred)
{
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	EXPECT_EQ(1, mq_defer(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_TRUE(mq_record_is((void *)self->buffer, "abcdef"));
}

TEST_F(defer, half_read_message_is_not_disturbed_by_receiving_by_id)
{
	DEFER_FIRST(1);
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	ASSERT_EQ(0, RECV_ID(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "cdef"));
	EXPECT_EQ(2, mq_held(self->fd));
}

TEST_F(defer, room_in_the_prefetch_wakes_the_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_defer(fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m2", data);
	close(fd);
}

TEST_F(defer, message_counts_towards_the_bounds)
{
	RECREATE("max_messages=1");
	DEFER_FIRST(1);
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "x"));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
}

TEST_F(defer, queue_that_holds_one_is_not_empty)
{
	DEFER_FIRST(1);
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
}

TEST_F(defer, purge_takes_it)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_DEFER));
	EXPECT_EQ(0, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)));
	EXPECT_EQ(1, mq_purge_states(self->fd, 2, 2,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED)));
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, 2));
	EXPECT_EQ(1, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED)));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.deferred);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.purged);
}

TEST_F(defer, message_expires_when_its_time_is_over)
{
	uint64_t ttl, start;
	long long id = 0;

	for (ttl = 50 * MQ_MS; ttl < 60 * MQ_SECOND; ttl *= 2) {
		start = mq_boot_ns();
		id = MQ_SEND(self->fd, .text = "x", .ttl_ns = ttl);
		ASSERT_LT(0, id);
		if (mq_get(self->fd, "x") || mq_defer(self->fd, id) != 1)
			continue;
		if (mq_state(&self->queue, id) == DEVMQ_STATE_DEFERRED)
			break;
	}
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, deferred) == 0));
	EXPECT_LE(ttl, mq_boot_ns() - start);
	EXPECT_EQ(-ENOENT, RECV_ID(self->fd, id));
	MQ_STAT(&self->queue);
	EXPECT_EQ(id, self->stat.expired);
}

TEST_F(defer, many_are_received_in_any_order)
{
	struct devmq_record *record = (void *)self->buffer;
	char text[16];
	int i, id;

	ASSERT_EQ(0, mq_fill(self->fd, 200));
	for (i = 0; i < 200; i++)
		ASSERT_LT(0, mq_read(self->fd, self->buffer, 10));
	ASSERT_EQ(200, mq_settle(self->fd, 1, 200, DEVMQ_ACTION_DEFER));
	for (i = 0; i < 200; i++) {
		id = i * 77 % 200 + 1;
		ASSERT_EQ(0, RECV_ID(self->other, id));
		snprintf(text, sizeof(text), "m%d", id);
		ASSERT_EQ(id, record->id);
		ASSERT_TRUE(mq_record_is(record, text));
	}
	EXPECT_EQ(200, mq_settle(self->other, 1, 200, DEVMQ_ACTION_ACK));
}

TEST_F(defer, only_one_of_two_receivers_gets_it)
{
	struct devmq_recv recvs[2];
	struct mq_call calls[2];
	char buffers[2][256];
	long results[2];
	int round, i;

	for (round = 1; round <= 50; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(0, mq_get(self->fd, "x"));
		ASSERT_EQ(1, mq_defer(self->fd, round));
		for (i = 0; i < 2; i++) {
			mq_recv_init(&recvs[i], buffers[i], sizeof(buffers[i]));
			recvs[i].id = round;
			ASSERT_EQ(0, mq_ioctl_start(&calls[i],
						    i ? self->other : self->fd,
						    DEVMQ_IOC_RECV,
						    &recvs[i]));
		}
		for (i = 0; i < 2; i++)
			results[i] = mq_call_result(&calls[i]);
		ASSERT_TRUE((!results[0] && results[1] == -ENOENT) ||
			    (!results[1] && results[0] == -ENOENT)) {
			TH_LOG("results %ld and %ld", results[0], results[1]);
		}
		ASSERT_EQ(1, mq_ack(results[0] ? self->other : self->fd,
				    round));
	}
}

TEST_HARNESS_MAIN
