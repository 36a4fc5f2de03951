// SPDX-License-Identifier: GPL-2.0
/*
 * order=key: of the messages with one key, one is delivered at a time.
 */
#include <poll.h>
#include <pthread.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "helpers/ring.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"
#include "helpers/used.h"
#include "fixtures/order.h"

/* -- one of a key at a time ------------------------------------------------ */

TEST_F(order, key_in_flight_is_passed_over)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1 a3 b2"));
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(0, mq_get(self->other, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->other, POLLIN));
	EXPECT_EQ(0, mq_get(self->other, "a2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->other, 3));
	EXPECT_EQ(0, mq_get(self->fd, "b2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->other, 2));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, key_does_not_matter_without_the_option)
{
	CREATE("");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(0, mq_get(self->other, "a2"));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, messages_without_a_key_are_not_held_back)
{
	CREATE("order=key");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_STREQ("m1 m2 m3 a1 x", receive(self, self->fd, 0));
}

TEST_F(order, batch_has_one_of_a_key_at_most)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1 a3 b2 c1"));
	EXPECT_STREQ("a1 b1 c1", receive(self, self->fd, 0));
	EXPECT_EQ(3, mq_settle(self->fd, 1, 6, DEVMQ_ACTION_ACK));
	EXPECT_STREQ("a2 b2", receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 1, 6, DEVMQ_ACTION_ACK));
	EXPECT_STREQ("a3", receive(self, self->fd, 0));
}

TEST_F(order, batch_in_auto_mode_has_one_of_a_key_at_most)
{
	CREATE("order=key");
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1 a3"));
	EXPECT_STREQ("a1 b1", receive(self, self->fd, 0));
	EXPECT_STREQ("a2", receive(self, self->fd, 0));
	EXPECT_STREQ("a3", receive(self, self->fd, 0));
	EXPECT_EQ(4, mq_stat_of(&self->queue, acked));
}

/* A RECV of one message handles these in ways of their own. */
#define LARGE	"a message that is larger than those that are copied with the lock held, "

static const char *const one_texts[] = { "small", LARGE LARGE LARGE LARGE LARGE };

TEST_F(order, recv_of_one_in_auto_mode_lets_the_next_of_its_key_go)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(one_texts); i++) {
		CREATE("order=key");
		ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
		ASSERT_EQ(1, MQ_SEND(self->fd, .text = one_texts[i], .key = "a"));
		ASSERT_EQ(2, put_key(self->fd, "a2"));
		EXPECT_STREQ(one_texts[i], receive(self, self->fd, 1));
		EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
		EXPECT_EQ(0, mq_get(self->other, "a2"));
		EXPECT_EQ(1, mq_ack(self->other, 2));
	}
}

TEST_F(order, recv_of_one_that_is_held_holds_its_key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(one_texts); i++) {
		CREATE("order=key");
		ASSERT_EQ(1, MQ_SEND(self->fd, .text = one_texts[i], .key = "a"));
		ASSERT_EQ(2, put_key(self->fd, "a2"));
		EXPECT_STREQ(one_texts[i], receive(self, self->fd, 1));
		EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
		EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
		EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
		EXPECT_EQ(1, mq_ack(self->fd, 1));
		EXPECT_STREQ("a2", receive(self, self->other, 1));
	}
}

TEST_F(order, range_that_is_acknowledged_lets_the_next_of_each_key_go)
{
	CREATE("order=key fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 b1 a2 b2 c1 a3 c2"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_STREQ("a1 b1 c1 x", receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 1, 4, DEVMQ_ACTION_ACK));
	EXPECT_EQ(POLLIN, mq_poll(self->other, POLLIN));
	EXPECT_STREQ("a2 b2", receive(self, self->other, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 5, 8, DEVMQ_ACTION_ACK));
	EXPECT_STREQ("c2", receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->other, 3, 4, DEVMQ_ACTION_ACK));
	EXPECT_STREQ("a3", receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 6, 7, DEVMQ_ACTION_ACK));
	EXPECT_EQ(8, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

TEST_F(order, acknowledging_and_receiving_gives_the_next_of_the_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	EXPECT_STREQ("a1", receive(self, self->fd, 1));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 1;
	self->recv.ack_first_id = 1;
	self->recv.ack_last_id = 1;
	EXPECT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.acked);
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(2, ((struct devmq_record *)self->buffer)->id);
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_STREQ("a3", receive(self, self->other, 1));
}

TEST_F(order, read_in_auto_mode_frees_the_key_with_the_last_byte)
{
	CREATE("order=key");
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(1, mq_read(self->fd, self->buffer, 1));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(1, mq_read(self->fd, self->buffer, 1));
	EXPECT_EQ(0, mq_get(self->other, "a2"));
}

TEST_F(order, next_of_the_key_wakes_a_sleeping_reader)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_ACK, DEVMQ_ACTION_REJECT, DEVMQ_ACTION_DEFER,
	};
	struct mq_call call;
	char data[8] = {};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		CREATE("order=key");
		fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
		ASSERT_EQ(0, mq_get(self->fd, "a1"));
		ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
		ASSERT_TRUE(mq_call_sleeps(&call));
		EXPECT_EQ(1, mq_settle(self->fd, 1, 1, actions[i]));
		EXPECT_EQ(2, mq_call_result(&call)) {
			TH_LOG("action %u", actions[i]);
		}
		EXPECT_STREQ("a2", data);
		close(fd);
	}
}

TEST_F(order, message_behind_its_key_wakes_nobody)
{
	struct mq_call call;
	char data[8] = {};
	long switches;
	int fd;

	CREATE("order=key");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, put_key(self->fd, "a1"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	switches = mq_switches(getpid(), call.tid);
	ASSERT_EQ(2, put_key(self->fd, "a2"));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(switches, mq_switches(getpid(), call.tid));
	ASSERT_EQ(3, put_key(self->fd, "b1"));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("b1", data);
	close(fd);
}

TEST_F(order, close_of_the_holder_gives_the_key_back)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE("order=key");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_get(self->other, "a1"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->other);
	self->other = -1;
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("a1", data);
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, data, sizeof(data)));
	close(fd);
}

TEST_F(order, end_of_a_lease_gives_the_key_back)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_consumer_set_lease(self->other, DEVMQ_ACK_MANUAL, 0,
					   20 * MQ_MS));
	ASSERT_EQ(0, mq_get(self->other, "a1"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 2));
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
}

TEST_F(order, released_message_comes_before_the_next_of_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "a1"));
	EXPECT_EQ(1, mq_retry(self->other, 1, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
}

TEST_F(order, retry_that_waits_holds_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, MQ_HOUR));
	EXPECT_EQ(0, mq_get(self->fd, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.delayed);

	/* Once it is purged, the next message of the key is delivered. */
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
}

TEST_F(order, retry_that_is_over_comes_first)
{
	CREATE("order=key retry_ms=30");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 3));
	EXPECT_EQ(0, get_words(self->fd, "a1 a2 a3"));
}

TEST_F(order, retry_that_expires_lets_the_next_go)
{
	struct mq_call call;
	char data[8] = {};
	uint64_t ttl;
	int fd;

	CREATE("order=key");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	for (ttl = 50 * MQ_MS; ttl < 60 * MQ_SECOND; ttl *= 2) {
		long long id = MQ_SEND(self->fd, .text = "x", .key = "a",
				       .ttl_ns = ttl);

		ASSERT_LT(0, id);
		if (!mq_get(self->fd, "x") &&
		    mq_retry(self->fd, id, MQ_HOUR) == 1)
			break;
	}
	ASSERT_LT(0, put_key(self->fd, "a2"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("a2", data);
	EXPECT_EQ(0, mq_stat_of(&self->queue, delayed));
	close(fd);
}

TEST_F(order, first_delay_does_not_hold_the_key)
{
	CREATE("order=key");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a",
			     .delay_ns = MQ_HOUR));
	ASSERT_EQ(2, put_key(self->fd, "a2"));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
}

TEST_F(order, message_whose_delay_ends_waits_for_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a",
			     .delay_ns = 100 * MQ_MS));
	ASSERT_EQ(2, put_key(self->fd, "a2"));
	ASSERT_EQ(3, put_key(self->fd, "a3"));
	/*
	 * Either may be delivered first, but the other one is not delivered as
	 * well.
	 */
	ASSERT_EQ(2, mq_read(self->fd, self->buffer, 10));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, delayed) == 0));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer + 10, 10));
	if (self->buffer[1] == '2') {
		EXPECT_EQ(1, mq_ack(self->fd, 2));
		EXPECT_EQ(0, mq_get(self->fd, "a1"));
	}
}

TEST_F(order, dead_and_deferred_messages_hold_no_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "a2"));
	ASSERT_EQ(1, mq_defer(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, purge_of_what_waits_behind_a_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, get_words(self->fd, "a3"));
	ASSERT_EQ(0, put_keys(self->fd, "a4 a5"));
	EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, put_keys(self->fd, "a6"));
	EXPECT_EQ(0, get_words(self->fd, "a6"));
}

TEST_F(order, expiry_of_what_waits_behind_a_key)
{
	CREATE("order=key");
	ASSERT_EQ(1, put_key(self->fd, "a1"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a",
			     .ttl_ns = 20 * MQ_MS));
	ASSERT_EQ(3, put_key(self->fd, "a3"));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, redriven_message_takes_its_place_in_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "a2"));
	EXPECT_EQ(1, mq_redrive(self->fd, 0, 0, -1, NULL));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, get_words(self->fd, "a1 a3"));
}

/* -- a queue that is removed while messages move to it --------------------- */

#define ON_THEIR_WAY	500

/* Get ON_THEIR_WAY messages of one key in flight: each was deferred before. */
static int take_many(int fd, char *buffer, size_t size, uint64_t *first)
{
	struct devmq_recv recv;
	int i;

	for (i = 0; i < ON_THEIR_WAY; i++) {
		long long id = put_key(fd, "a");

		if (id <= 0 || mq_read(fd, buffer, size) != 1 ||
		    mq_defer(fd, id) != 1)
			return -EIO;
		*first = i ? *first : id;
	}
	for (i = 0; i < ON_THEIR_WAY; i++)
		if (mq_recv_id(fd, *first + i, buffer, size, &recv))
			return -EIO;
	return 0;
}

/* Fork a child that removes a queue by force after @us microseconds. */
static pid_t remove_soon(const struct mq_queue *queue, unsigned int us)
{
	pid_t child = mq_fork();

	if (child)
		return child;
	usleep(us);
	_exit(mq_remove(queue) ? 1 : 0);
}

/* Redrive all dead messages in place: one at a time is delivered. */
#define EXPECT_ONE_AT_A_TIME() do {					\
	int __dead = mq_redrive(self->fd, 0, 0, -1, NULL);		\
									\
	ASSERT_LE(0, __dead);						\
	EXPECT_EQ(__dead ? 0 : -EAGAIN,					\
		  mq_recv(self->fd, self->buffer,			\
			  sizeof(self->buffer), &self->recv));		\
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));		\
	EXPECT_EQ(__dead ? 1 : 0, self->stat.in_flight);		\
	EXPECT_TRUE(mq_conserved(&self->stat));				\
} while (0)

/*
 * Repeat until the removal came in between: some messages moved, some did not.
 */
#define WHILE_ONE_IS_REMOVED(target, ...) do {				\
	bool __met = false;						\
	int __round;							\
									\
	ASSERT_EQ(0, mq_create(target, ""));				\
	CREATE("order=key dead_letter=%s", (target)->name);		\
	for (__round = 0; __round < 30 && !__met; __round++) {		\
		uint64_t moved, first = 0;				\
		pid_t child;						\
									\
		ASSERT_EQ(0, take_many(self->fd, self->buffer,		\
				       sizeof(self->buffer), &first));	\
		child = remove_soon(target, 100 * __round);		\
		__VA_ARGS__						\
		ASSERT_EQ(0, mq_wait_child(child));			\
		ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));	\
		__met = self->stat.dead && moved;			\
		EXPECT_ONE_AT_A_TIME();					\
		close(self->fd);					\
		self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);	\
		ASSERT_LE(0, mq_purge(self->fd, 0, 0));			\
		ASSERT_EQ(0, mq_control("create %s", (target)->name));	\
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter",	\
					  "%s", (target)->name));	\
	}								\
	TH_LOG("%d rounds", __round);					\
} while (0)

TEST_F(order, key_holds_when_the_dead_letter_queue_goes_in_a_batch)
{
	struct mq_queue grave;

	WHILE_ONE_IS_REMOVED(&grave, {
		moved = mq_stat_of(&self->queue, dead_lettered);
		EXPECT_EQ(ON_THEIR_WAY,
			  mq_settle(self->fd, first, first + ON_THEIR_WAY - 1,
				    DEVMQ_ACTION_REJECT));
		moved = mq_stat_of(&self->queue, dead_lettered) - moved;
	});
}

TEST_F(order, key_holds_when_the_dead_letter_queue_goes_between_two)
{
	struct mq_queue grave;
	int i;

	WHILE_ONE_IS_REMOVED(&grave, {
		moved = mq_stat_of(&self->queue, dead_lettered);
		for (i = 0; i < ON_THEIR_WAY; i++)
			EXPECT_EQ(1, mq_reject(self->fd, first + i));
		moved = mq_stat_of(&self->queue, dead_lettered) - moved;
	});
}

TEST_F(order, key_holds_when_the_target_of_a_redrive_goes)
{
	struct mq_queue target;
	int fd, moved_here;

	WHILE_ONE_IS_REMOVED(&target, {
		/* The target may have been removed already. */
		fd = mq_open(&target, O_WRONLY);
		moved = mq_stat_of(&self->queue, purged);
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter",
					  "none"));
		EXPECT_EQ(ON_THEIR_WAY,
			  mq_settle(self->fd, first, first + ON_THEIR_WAY - 1,
				    DEVMQ_ACTION_REJECT));
		moved_here = fd < 0 ? -ENODEV :
			     mq_redrive(self->fd, 0, 0, fd, NULL);
		EXPECT_TRUE(moved_here >= 0 || moved_here == -ENODEV);
		moved = mq_stat_of(&self->queue, purged) - moved;
		close(fd);
	});
}

TEST_F(order, message_that_was_begun_keeps_its_key)
{
	static const unsigned int actions[] = {
		DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_RETRY,
	};
	unsigned int i;

	/*
	 * A later message of higher priority does not come between two
	 * attempts.
	 */
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		CREATE("order=key priorities=2");
		ASSERT_EQ(1, put_key(self->fd, "a1"));
		ASSERT_EQ(0, mq_get(self->fd, "a1"));
		ASSERT_EQ(1, mq_settle(self->fd, 1, 1, actions[i]));
		ASSERT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a",
				     .priority = 1));
		EXPECT_EQ(0, get_words(self->fd, "a1 a2"));
	}
}

TEST_F(order, message_behind_its_key_keeps_end_of_file_away)
{
	CREATE("order=key eof=empty");
	EXPECT_EQ(0, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "a2"));
	EXPECT_EQ(0, mq_read(self->fd, self->buffer, 10));
}

TEST_F(order, readers_behind_a_key_wake_at_the_end_of_file)
{
	struct mq_call calls[2];
	char data[2][8];
	int i, fd;

	/*
	 * The message that is held back is purged: both readers get end of
	 * file.
	 */
	CREATE("order=key eof=empty");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_read_start(&calls[i], fd, data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, mq_call_result(&calls[i]));
	close(fd);
}

TEST_F(order, turns_that_were_not_taken_are_not_waited_for)
{
	/*
	 * The backlog of key a is purged, but one message of that key is still
	 * there, dead.
	 */
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3 a4 a5"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(1, mq_settle(self->fd, 1, 1, DEVMQ_ACTION_REJECT));
	EXPECT_EQ(4, mq_purge(self->fd, 2, 5));
	ASSERT_EQ(0, put_keys(self->fd, "b1 b2 b3 b4 a6"));
	EXPECT_EQ(0, get_words(self->fd, "b1 a6 b2 b3 b4"));
}

TEST_F(order, message_received_by_its_id_holds_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(0, mq_recv_id(self->fd, 1, self->buffer,
				sizeof(self->buffer), &self->recv));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "a2"));
}

TEST_F(order, message_received_by_its_id_beside_another_of_its_key)
{
	CREATE("order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 a3"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->other, "a2"));
	ASSERT_EQ(0, mq_recv_id(self->fd, 1, self->buffer,
				sizeof(self->buffer), &self->recv));
	/*
	 * A message that is received by its id is outside the order: the key is
	 * free again once the other delivery is settled.
	 */
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->other, 2));
	EXPECT_EQ(0, mq_get(self->other, "a3"));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(order, higher_priority_of_a_key_is_first)
{
	CREATE("order=key priorities=2");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "low", .key = "a"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "top", .key = "a",
			     .priority = 1));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "mine", .key = "b"));
	EXPECT_EQ(0, mq_get(self->fd, "top"));
	EXPECT_EQ(0, mq_get(self->fd, "mine"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));

	/*
	 * No message overtakes one of its key in flight, whatever its priority.
	 */
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "low"));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "late", .key = "a",
			     .priority = 1));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "late"));
}

TEST_F(order, keys_are_compared_byte_for_byte)
{
	char key[2][DEVMQ_KEY_MAX];
	struct mq_batch batch = {};
	struct devmq_send send;

	/*
	 * Keys that differ in the last byte or by a null byte, or are prefixes
	 * of others.
	 */
	CREATE("order=key");
	memset(key, 'k', sizeof(key));
	key[1][DEVMQ_KEY_MAX - 1] = 'l';
	mq_batch_add_full(&batch, key[0], DEVMQ_KEY_MAX, NULL, 0, "1", 1);
	mq_batch_add_full(&batch, key[1], DEVMQ_KEY_MAX, NULL, 0, "2", 1);
	mq_batch_add_full(&batch, key[0], DEVMQ_KEY_MAX - 1, NULL, 0, "3", 1);
	mq_batch_add_full(&batch, "a\0b", 3, NULL, 0, "4", 1);
	mq_batch_add_full(&batch, "a\0c", 3, NULL, 0, "5", 1);
	mq_batch_add_full(&batch, "a", 1, NULL, 0, "6", 1);
	mq_batch_add_full(&batch, "A", 1, NULL, 0, "7", 1);
	mq_batch_add_full(&batch, "a\0b", 3, NULL, 0, "8", 1);
	mq_batch_add_full(&batch, key[1], DEVMQ_KEY_MAX, NULL, 0, "9", 1);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	ASSERT_EQ(9, send.count);
	EXPECT_STREQ("1 2 3 4 5 6 7", receive(self, self->fd, 0));
	EXPECT_EQ(7, mq_settle(self->fd, 1, 9, DEVMQ_ACTION_ACK));
	EXPECT_STREQ("8 9", receive(self, self->fd, 0));
	mq_batch_free(&batch);
}

TEST_F(order, thousand_keys_go_in_parallel_and_each_in_order)
{
	unsigned int i, round, got, seen[1000] = {};
	struct mq_batch batch = {};
	struct devmq_record *record;
	char key[16], *buffer = malloc(1 << 20);
	struct devmq_send send;

	CREATE("order=key");
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 1000; i++) {
			snprintf(key, sizeof(key), "%u", i);
			mq_batch_add_message(&batch, &(struct mq_message) {
				.text = "x", .key = key,
			});
		}
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
		ASSERT_EQ(1000, send.count);
		mq_batch_free(&batch);
	}
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &self->recv));
		ASSERT_EQ(1000, self->recv.count);
		record = NULL;
		for (got = 0; got < 1000; got++) {
			record = mq_record_next(buffer, self->recv.used,
						record);
			ASSERT_NE(NULL, record);
			ASSERT_EQ(round * 1000 + got + 1, record->id);
			seen[got]++;
		}
		ASSERT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 10));
		ASSERT_EQ(1000, mq_settle(self->fd, 1, 3000,
					  DEVMQ_ACTION_ACK));
	}
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(3, seen[i]);
	free(buffer);
}

/* Three consumers work through keys at once; each key must come in order. */
struct worker {
	const struct mq_queue *queue;
	pthread_mutex_t *lock;
	unsigned int *last;	/* of each key, the last number seen */
	int *busy;		/* of each key, messages in work */
	unsigned int *wrong, *done;
	unsigned int total;
	pthread_t thread;
};

#define KEYS 8

static void *worker_thread(void *argument)
{
	struct worker *worker = argument;
	int fd = mq_open(worker->queue, O_RDONLY | O_NONBLOCK);
	unsigned int key, number, seed = gettid();
	struct mq_look look;

	while (__atomic_load_n(worker->done, __ATOMIC_RELAXED) <
	       worker->total) {
		if (mq_take(fd, &look)) {
			usleep(100);
			continue;
		}
		key = look.key[0] - 'a';
		number = atoi(look.payload);
		pthread_mutex_lock(worker->lock);
		if (worker->busy[key]++)
			++*worker->wrong;
		if (number != worker->last[key] + 1)
			++*worker->wrong;
		pthread_mutex_unlock(worker->lock);
		if (!(number % 16))
			usleep(50);
		pthread_mutex_lock(worker->lock);
		worker->busy[key]--;
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 7) {
			worker->last[key] = number;
			__atomic_add_fetch(worker->done, 1, __ATOMIC_RELAXED);
			if (mq_ack(fd, look.record.id) != 1)
				++*worker->wrong;
		} else if (mq_settle_after(fd, look.record.id, look.record.id,
					   DEVMQ_ACTION_RETRY,
					   1 + (seed >> 20) % 2000000) != 1) {
			++*worker->wrong;
		}
		pthread_mutex_unlock(worker->lock);
	}
	close(fd);
	return NULL;
}

TEST_F(order, keys_stay_in_order_among_many_consumers)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	unsigned int last[KEYS] = {}, wrong = 0, done = 0, i;
	struct worker workers[3];
	int busy[KEYS] = {};
	char text[16], key[2] = "";

	CREATE("order=key max_deliveries=0");
	for (i = 0; i < 50 * KEYS; i++) {
		key[0] = 'a' + i % KEYS;
		snprintf(text, sizeof(text), "%u", i / KEYS + 1);
		ASSERT_EQ(i + 1, MQ_SEND(self->fd, .text = text, .key = key));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker) {
			.queue = &self->queue, .lock = &lock, .last = last,
			.busy = busy, .wrong = &wrong, .done = &done,
			.total = 50 * KEYS,
		};
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL,
					    worker_thread, &workers[i]));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		pthread_join(workers[i].thread, NULL);
	EXPECT_EQ(0, wrong);
	for (i = 0; i < KEYS; i++)
		EXPECT_EQ(50, last[i]);
	EXPECT_EQ(50 * KEYS, mq_stat_of(&self->queue, acked));
}

/* Memory runs out where some messages of a batch have their groups, and others not. */
TEST_F(order, memory_that_runs_out_in_the_middle_of_a_batch_cuts_it)
{
	struct mq_batch batch = {};
	struct devmq_send send;
	unsigned int i, bytes;
	char total[64], key[16];
	long long before;
	int error;

	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	CREATE("order=key fairness=key overflow=reject");
	for (i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = "x", .key = key,
		});
	}
	for (bytes = 0; bytes < 60000; bytes += 2917) {
		char bound[32];

		/* The open file keeps its chunks; all else is given back. */
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
		ASSERT_EQ(send.count, mq_purge(self->fd, 0, 0));
		before = mq_used();
		snprintf(bound, sizeof(bound), "%lld", before + bytes);
		ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, bound));
		error = mq_send(self->fd, batch.data, batch.size, &send);
		ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
		if (error == -EDQUOT) {
			EXPECT_GE(before, mq_used());
			continue;
		}
		ASSERT_EQ(0, error);
		MQ_STAT(&self->queue);
		EXPECT_EQ(send.count, self->stat.ready);
		for (i = 0; i < send.count; i++) {
			ASSERT_EQ(0, mq_get(self->fd, "x"));
			ASSERT_EQ(1, mq_ack(self->fd, send.first_id + i));
		}
		EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	}
	EXPECT_LT(10, send.count);
	mq_batch_free(&batch);
}

TEST_HARNESS_MAIN
