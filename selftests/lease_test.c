// SPDX-License-Identifier: GPL-2.0
/* Leases: a delivery returns to the queue when its lease ends. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(lease) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int other;		/* another consumer like it */
	struct mq_look look;
	char buffer[4096];
};

FIXTURE_SETUP(lease)
{
	MQ_REQUIRE();
	MQ_OPEN_PAIR("ack=manual");
}

FIXTURE_TEARDOWN(lease)
{
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

static int set_lease(int fd, uint64_t lease_ns)
{
	return mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 0, lease_ns);
}

static uint64_t get_lease(int fd)
{
	struct devmq_consumer consumer;

	return mq_consumer_get(fd, &consumer) ? ~0ULL : consumer.lease_ns;
}

/* Wait until this many messages are ready. False if that does not happen. */
#define BACK(count) \
	mq_wait_until(mq_stat_of(&self->queue, ready) == (count))

/* -- the length of a lease ------------------------------------------------- */

TEST_F(lease, queue_has_none_by_default)
{
	EXPECT_EQ(0, mq_sysfs_number(&self->queue, "lease_ms"));
	EXPECT_EQ(0, get_lease(self->fd));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.due_ns);
}

TEST_F(lease, option_counts_for_later_opens)
{
	char path[64], text[1024];
	int fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "lease_ms", "54321"));
	EXPECT_EQ(0, get_lease(self->fd));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(54321 * MQ_MS, get_lease(fd));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-lease-ns:\t54321000000\n"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "lease_ms", "0"));
	EXPECT_EQ(54321 * MQ_MS, get_lease(fd));
	close(fd);
}

TEST_F(lease, option_is_where_messages_get_it_from)
{
	int fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "lease_ms", "20"));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(fd, "m1"));
	EXPECT_TRUE(BACK(1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
	close(fd);
}

TEST_F(lease, is_of_the_open_file)
{
	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	EXPECT_EQ(MQ_HOUR, get_lease(self->fd));
	EXPECT_EQ(0, get_lease(self->other));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	EXPECT_EQ(1, get_lease(self->fd));
	ASSERT_EQ(0, set_lease(self->fd, 0));
	EXPECT_EQ(0, get_lease(self->fd));
}

TEST_F(lease, end_is_told)
{
	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.since_ns, 0));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
}

TEST_F(lease, counts_for_deliveries_from_now_on)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, set_lease(self->fd, 20 * MQ_MS));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_TRUE(BACK(1));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 2, READY, 1, 1, LEASE);
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(lease, longest_one_does_not_wrap_around)
{
	static const uint64_t longest[] = {
		1ULL << 62, 1ULL << 63, DEVMQ_FOREVER - 1,
	};
	unsigned int i;

	/*
	 * Such a lease may be refused; if it is accepted, it does not wrap
	 * around.
	 */
	ASSERT_EQ(0, mq_fill(self->fd, ARRAY_SIZE(longest)));
	for (i = 0; i < ARRAY_SIZE(longest); i++) {
		int error = set_lease(self->fd, longest[i]);

		EXPECT_TRUE(!error || error == -EINVAL) {
			TH_LOG("error %d", error);
		}
		ASSERT_LT(0, mq_read(self->fd, self->buffer, 10));
		EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, mq_state(&self->queue, i + 1));
	}
	mq_sleep_ms(20);
	EXPECT_EQ(ARRAY_SIZE(longest), mq_held(self->fd));
}

/* -- the end of a lease ---------------------------------------------------- */

TEST_F(lease, message_comes_back_with_a_failure)
{
	struct devmq_stat stat;

	ASSERT_EQ(0, set_lease(self->fd, 20 * MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_TRUE(BACK(1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
	EXPECT_EQ(0, mq_held(self->fd));
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(0, stat.in_flight);
	EXPECT_EQ(1, stat.delivered);
	EXPECT_EQ(0, stat.redelivered);
	EXPECT_EQ(2, stat.bytes);
	ASSERT_EQ(0, mq_get(self->other, "m1"));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, LEASE);
	EXPECT_EQ(1, mq_stat_of(&self->queue, redelivered));
}

TEST_F(lease, message_does_not_come_back_before)
{
	uint64_t start, end;
	int i;

	ASSERT_EQ(0, set_lease(self->fd, 30 * MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < 5; i++) {
		start = mq_boot_ns();
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_TRUE(BACK(1));
		end = mq_boot_ns();
		EXPECT_LE(30 * MQ_MS, end - start);
	}
}

TEST_F(lease, end_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	/* No call could notice the end of the lease: a timer does. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, set_lease(self->fd, 50 * MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	EXPECT_EQ(0, mq_held(self->fd));
	close(fd);
}

TEST_F(lease, end_wakes_poll_and_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, set_lease(self->fd, 50 * MQ_MS));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->other, &event));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(POLLIN, mq_poll_wait(self->other, POLLIN));
	close(epoll);
}

TEST_F(lease, end_makes_room_in_the_prefetch_of_its_holder)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 1, MQ_HOUR));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_extend(fd, 1, 30 * MQ_MS));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, LEASE);
	close(fd);
}

TEST_F(lease, message_comes_back_to_its_place)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->other, "m2"));
	ASSERT_EQ(1, mq_extend(self->fd, 1, 20 * MQ_MS));
	EXPECT_TRUE(BACK(3));
	EXPECT_EQ(0, mq_get(self->other, "m1"));
	EXPECT_EQ(0, mq_get(self->other, "m3"));
	EXPECT_EQ(0, mq_get(self->other, "m4"));
}

TEST_F(lease, others_keep_theirs)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, set_lease(self->other, MQ_HOUR));
	ASSERT_EQ(0, mq_get(self->other, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->other, "m3"));
	ASSERT_EQ(1, mq_extend(self->fd, 2, 20 * MQ_MS));
	EXPECT_TRUE(BACK(2));
	EXPECT_EQ(2, mq_held(self->other));
	EXPECT_EQ(2, mq_settle(self->other, 1, 3, DEVMQ_ACTION_ACK));
}

TEST_F(lease, thousand_come_back_in_order)
{
	struct devmq_recv recv;
	char text[16], *buffer = malloc(1 << 20);
	int i;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 1000));
	ASSERT_EQ(0, set_lease(self->fd, 20 * MQ_MS));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &recv));
	ASSERT_EQ(1000, recv.count);
	EXPECT_TRUE(BACK(1000));
	EXPECT_EQ(0, mq_held(self->fd));
	for (i = 1; i <= 1000; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_EQ(0, mq_get(self->other, text));
	}
	free(buffer);
}

TEST_F(lease, settled_delivery_has_none)
{
	uint64_t lease;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	/*
	 * Double the lease until the ack comes in time; its end then has no
	 * effect.
	 */
	for (lease = 30 * MQ_MS; lease < MQ_HOUR; lease *= 2) {
		ASSERT_EQ(0, set_lease(self->fd, lease));
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		if (mq_ack(self->fd, 1) == 1)
			break;
		ASSERT_TRUE(BACK(1));
	}
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	mq_sleep_ms(lease / MQ_MS + 20);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(lease, delivery_after_it_has_one_of_its_own)
{
	/* The first lease would end during the second delivery. */
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, set_lease(self->fd, 50 * MQ_MS));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	mq_release(self->fd, 1);
	ASSERT_TRUE(BACK(1));
	ASSERT_EQ(0, set_lease(self->other, MQ_HOUR));
	ASSERT_EQ(0, mq_get(self->other, "m1"));
	mq_sleep_ms(100);
	EXPECT_EQ(1, mq_held(self->other));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(lease, stopped_consumer_loses_its_message)
{
	int fd = mq_open(&self->queue, O_RDONLY), stop;
	pid_t child;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (set_lease(mine, 50 * MQ_MS) || mq_get(mine, "m1"))
			_exit(1);
		raise(SIGSTOP);
		_exit(mq_ack(mine, 1) == -ESTALE && !mq_held(mine) ? 42 : 2);
	}
	ASSERT_EQ(child, waitpid(child, &stop, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(stop));
	EXPECT_EQ(2, mq_read(fd, self->buffer, 10));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, LEASE);
	ASSERT_EQ(0, kill(child, SIGCONT));
	EXPECT_EQ(42, mq_wait_child(child));
	EXPECT_EQ(1, mq_ack(fd, 1));
	close(fd);
}

TEST_F(lease, has_no_effect_with_auto)
{
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_AUTO, 0, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(lease, failures_add_up_with_each_end)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	for (i = 1; i <= 10; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_TRUE(BACK(1));
		MQ_EXPECT(&self->queue, 1, READY, i, i, LEASE);
	}
}

/* -- late settlements ------------------------------------------------------ */

TEST_F(lease, late_settlement_is_estale_and_harms_nothing)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
		DEVMQ_ACTION_REJECT, DEVMQ_ACTION_EXTEND, DEVMQ_ACTION_DEFER,
	};
	struct devmq_stat before, after;
	unsigned int i;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_TRUE(BACK(1));
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		EXPECT_EQ(-ESTALE, mq_settle(self->fd, 1, 1, actions[i]));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);

	/* The same while another consumer holds the message. */
	ASSERT_EQ(0, mq_get(self->other, "m1"));
	ASSERT_EQ(0, mq_stat(&self->queue, &before));
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		EXPECT_EQ(-ESTALE, mq_settle(self->fd, 1, 1, actions[i]));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, LEASE);
	ASSERT_EQ(0, mq_stat(&self->queue, &after));
	after.oldest_in_flight_ms = before.oldest_in_flight_ms;
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(1, mq_ack(self->other, 1));
}

TEST_F(lease, late_settlement_in_a_range_leaves_the_rest)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_TRUE(BACK(2));
	ASSERT_EQ(0, set_lease(self->fd, 0));
	ASSERT_EQ(0, mq_get(self->other, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(2, mq_settle(self->fd, 1, 3, DEVMQ_ACTION_ACK));
	EXPECT_EQ(1, mq_held(self->other));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

TEST_F(lease, late_settlement_beside_others_is_told_for_itself)
{
	struct devmq_settlement settlements[3];
	uint64_t settled;

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_TRUE(BACK(2));
	ASSERT_EQ(0, set_lease(self->fd, 0));
	ASSERT_EQ(0, mq_get(self->other, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	mq_settlement(&settlements[0], 2, 2, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[1], 3, 3, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[2], 1, 1, DEVMQ_ACTION_RETRY);
	EXPECT_EQ(-ESTALE, mq_settle_many(self->fd, settlements, 3, &settled));
	EXPECT_EQ(2, settled);
	EXPECT_EQ(-ESTALE, settlements[0].error);
	EXPECT_EQ(0, settlements[0].settled);
	EXPECT_EQ(0, settlements[1].error);
	EXPECT_EQ(1, settlements[1].settled);
	EXPECT_EQ(0, settlements[2].error);
	EXPECT_EQ(1, settlements[2].settled);
}

TEST_F(lease, same_consumer_gets_it_again_and_may_settle_that)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_TRUE(BACK(1));
	ASSERT_EQ(0, set_lease(self->fd, 0));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

/* -- half-read messages ---------------------------------------------------- */

/* Read two bytes of message 1, "abcdef", and let its lease end. */
#define LOSE_HALF_READ() do {						\
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));			\
	ASSERT_EQ(0, set_lease(self->fd, 1));				\
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));		\
	ASSERT_TRUE(BACK(1));						\
} while (0)

TEST_F(lease, half_read_message_lost_is_estale_once)
{
	LOSE_HALF_READ();
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
	ASSERT_EQ(0, mq_get(self->other, "abcdef"));
	ASSERT_EQ(4, mq_put(self->other, "next"));
	memset(self->buffer, MQ_POISON, 8);
	EXPECT_EQ(-ESTALE, mq_read(self->fd, self->buffer, 8));
	EXPECT_EQ((char)MQ_POISON, self->buffer[0]);
	ASSERT_EQ(0, set_lease(self->fd, 0));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 8));
}

TEST_F(lease, half_read_message_lost_begins_anew_after_the_estale)
{
	LOSE_HALF_READ();
	ASSERT_EQ(0, set_lease(self->fd, 0));
	EXPECT_EQ(-ESTALE, mq_read(self->fd, self->buffer, 8));
	EXPECT_EQ(0, mq_get(self->fd, "abcdef"));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 2, 1, LEASE);
}

TEST_F(lease, half_read_message_lost_can_be_polled_for)
{
	LOSE_HALF_READ();
	ASSERT_EQ(0, mq_get(self->other, "abcdef"));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-ESTALE, mq_read(self->fd, self->buffer, 8));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 8));
}

TEST_F(lease, half_read_message_lost_does_not_make_a_reader_sleep)
{
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(0, set_lease(fd, 1));
	ASSERT_EQ(2, mq_read(fd, self->buffer, 2));
	ASSERT_TRUE(BACK(1));
	ASSERT_EQ(0, mq_get(self->other, "abcdef"));
	EXPECT_EQ(-ESTALE, mq_read(fd, self->buffer, 8));
	close(fd);
}

TEST_F(lease, half_read_message_is_lost_in_auto_mode_as_well)
{
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_AUTO, 0,
					   20 * MQ_MS));
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	ASSERT_TRUE(BACK(1));
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
	EXPECT_EQ(-ESTALE, mq_read(self->fd, self->buffer, 8));
	EXPECT_EQ(0, mq_get(self->fd, "abcdef"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(lease, half_read_message_settled_by_oneself_is_no_estale)
{
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
}

TEST_F(lease, wholly_read_message_lost_is_no_estale_to_read)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, set_lease(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_TRUE(BACK(2));
	ASSERT_EQ(0, set_lease(self->fd, 0));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

/* -- extended leases ------------------------------------------------------- */

TEST_F(lease, extend_gives_the_lease_that_it_names)
{
	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_extend(self->fd, 1, 5 * MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 5 * MQ_HOUR));

	/* 0 stands for the lease of the consumer. */
	EXPECT_EQ(1, mq_extend(self->fd, 1, 0));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(1, mq_extend(self->fd, 1, DEVMQ_FOREVER));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(1, mq_extend(self->fd, 1, 2 * MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 2 * MQ_HOUR));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 1, 0, NONE);
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(lease, extend_of_a_consumer_without_one_takes_it_away)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_extend(self->fd, 1, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_NE(0, self->look.extra.due_ns);
	EXPECT_EQ(1, mq_extend(self->fd, 1, 0));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
}

TEST_F(lease, extend_can_make_it_shorter)
{
	uint64_t start;

	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	start = mq_boot_ns();
	EXPECT_EQ(1, mq_extend(self->fd, 1, 30 * MQ_MS));
	EXPECT_TRUE(BACK(1));
	EXPECT_LE(30 * MQ_MS, mq_boot_ns() - start);
	MQ_EXPECT(&self->queue, 1, READY, 1, 1, LEASE);
}

TEST_F(lease, extended_one_outlives_its_first_end)
{
	uint64_t lease;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (lease = 30 * MQ_MS; lease < MQ_HOUR; lease *= 2) {
		ASSERT_EQ(0, set_lease(self->fd, lease));
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		if (mq_extend(self->fd, 1, MQ_HOUR) == 1)
			break;
		ASSERT_TRUE(BACK(1));
	}
	mq_sleep_ms(lease / MQ_MS + 20);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(lease, extend_of_a_range_takes_what_is_held_in_it)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->other, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(2, mq_settle_after(self->fd, 1, 4, DEVMQ_ACTION_EXTEND,
				     MQ_HOUR));
	EXPECT_EQ(2, mq_held(self->fd));
	ASSERT_EQ(0, mq_look_id(&self->queue, 3, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(0, self->look.extra.due_ns);
	EXPECT_EQ(-ESTALE, mq_extend(self->fd, 2, MQ_HOUR));
	EXPECT_EQ(-ESTALE, mq_extend(self->fd, 4, MQ_HOUR));
	EXPECT_EQ(-ESTALE, mq_extend(self->fd, 5, MQ_HOUR));
}

TEST_F(lease, extend_without_end_does_not_wrap_around)
{
	static const uint64_t longest[] = {
		1ULL << 62, 1ULL << 63, DEVMQ_FOREVER - 1, DEVMQ_FOREVER,
	};
	unsigned int i;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	for (i = 0; i < ARRAY_SIZE(longest); i++) {
		EXPECT_EQ(1, mq_extend(self->fd, 1, longest[i]));
		EXPECT_EQ(1, mq_held(self->fd));
	}
	mq_sleep_ms(20);
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(lease, half_read_message_can_be_extended)
{
	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(0, set_lease(self->fd, MQ_HOUR));
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 2));
	EXPECT_EQ(1, mq_extend(self->fd, 1, 3 * MQ_HOUR));
	EXPECT_EQ(0, mq_get(self->fd, "cdef"));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

/* -- two events at the same time ------------------------------------------- */

TEST_F(lease, close_at_its_end_counts_one_failure)
{
	unsigned int round, failures = 0, leases = 0;
	uint64_t end, wait = 2 * MQ_MS;
	struct devmq_record record;
	int fd;

	/*
	 * Close a little earlier if the lease ended first, else later: so they
	 * meet.
	 */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "0"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (round = 0; round < 100; round++) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, set_lease(fd, 2 * MQ_MS));
		end = mq_boot_ns() + wait;
		ASSERT_EQ(0, mq_get(fd, "m1"));
		while (mq_boot_ns() < end)
			;
		close(fd);
		ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
		failures++;
		ASSERT_EQ(DEVMQ_STATE_READY, record.state);
		ASSERT_EQ(failures, record.failures);
		ASSERT_EQ(failures, record.attempt);
		ASSERT_TRUE(record.failure == DEVMQ_FAILURE_LEASE ||
			    record.failure == DEVMQ_FAILURE_CRASH);
		if (record.failure == DEVMQ_FAILURE_LEASE) {
			leases++;
			wait -= wait / 20;
		} else {
			wait += wait / 20;
		}
	}
	TH_LOG("%u of %u deliveries ended by their lease", leases, failures);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(lease, settlement_at_its_end_is_either_done_or_stale)
{
	unsigned int round, acked = 0, done;
	uint64_t end, wait = 2 * MQ_MS;
	struct devmq_stat stat;
	int result;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "0"));
	for (round = 0; round < 100; round++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(0, set_lease(self->fd, 2 * MQ_MS));
		end = mq_boot_ns() + wait;
		ASSERT_EQ(0, mq_get(self->fd, "x"));
		while (mq_boot_ns() < end)
			;
		result = mq_ack(self->fd, round + 1);
		ASSERT_TRUE(result == 1 || result == -ESTALE);
		done = result == 1;
		acked += done;
		wait += done ? wait / 20 : -(wait / 20);
		ASSERT_EQ(0, mq_stat(&self->queue, &stat));
		ASSERT_TRUE(mq_conserved(&stat));
		ASSERT_EQ(acked, stat.acked);
		ASSERT_EQ(!done, stat.ready);
		if (done)
			continue;
		MQ_EXPECT(&self->queue, round + 1, READY, 1, 1, LEASE);
		ASSERT_EQ(1, mq_purge(self->fd, 0, 0));
	}
	TH_LOG("%u of %u acknowledgements were in time", acked, round);
}

TEST_F(lease, holder_that_is_killed_at_its_end_loses_nothing)
{
	struct devmq_record record;
	unsigned int round, i;
	int ready[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "0"));
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	for (round = 1; round <= 20; round++) {
		child = mq_fork();
		if (!child) {
			int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
			struct devmq_recv recv;

			if (set_lease(fd, 5 * MQ_MS) ||
			    mq_recv(fd, self->buffer, sizeof(self->buffer),
				    &recv) || recv.count != 5 ||
			    write(ready[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		usleep(3000 + round % 5 * 500);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_EQ(5, mq_stat_of(&self->queue, ready));
		for (i = 1; i <= 5; i++) {
			ASSERT_EQ(0, mq_peek_id(&self->queue, i, &record));
			ASSERT_EQ(round, record.failures);
		}
	}
}

TEST_HARNESS_MAIN
