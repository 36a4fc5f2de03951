// SPDX-License-Identifier: GPL-2.0
/*
 * Which message is next: priorities, keys that go one at a time, turns between
 * keys or senders, and what goes first when there is no room.
 */
#include "mq_test.h"

FIXTURE(order) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int other;		/* another consumer like it */
	struct devmq_recv recv;
	struct devmq_stat stat;
	struct mq_look look;
	char buffer[65536];
};

#define CREATE(...) do {						\
	close(self->fd);						\
	close(self->other);						\
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual " __VA_ARGS__)); \
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	self->other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);	\
	ASSERT_LE(0, self->fd);						\
	ASSERT_LE(0, self->other);					\
} while (0)

FIXTURE_SETUP(order)
{
	MQ_REQUIRE();
	self->fd = self->other = -1;
}

FIXTURE_TEARDOWN(order)
{
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

/* Send a message whose text is its key and a number: "a1" has the key "a". */
static long long put_key(int fd, const char *text)
{
	char key[2] = { text[0], '\0' };

	return MQ_SEND(fd, .text = text, .key = key);
}

/* Send words, each with its key. */
static int put_keys(int fd, const char *words)
{
	char copy[256], *word, *rest;

	snprintf(copy, sizeof(copy), "%s", words);
	for (word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		if (put_key(fd, word) <= 0)
			return -EIO;
	return 0;
}

/* Are these words what comes now, acknowledged one by one, and no more? */
static int get_words(int fd, const char *words)
{
	char copy[256], *word, *rest;
	int error;

	snprintf(copy, sizeof(copy), "%s", words);
	for (word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		error = mq_get(fd, word);
		if (error)
			return error;
		if (mq_ack(fd, mq_last_id(fd)) != 1)
			return -ESTALE;
	}
	return mq_read(fd, copy, sizeof(copy)) == -EAGAIN ? 0 : -E2BIG;
}

/* What one RECV gives, as words. */
static const char *receive(FIXTURE_DATA(order) *self, int fd, unsigned int max)
{
	static char words[4096];
	struct devmq_record *record = NULL;
	size_t used = 0;

	words[0] = '\0';
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = max;
	if (mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv))
		return "error";
	while ((record = mq_record_next(self->buffer, self->recv.used,
					record)))
		used += snprintf(words + used, sizeof(words) - used, "%s%.*s",
				 used ? " " : "",
				 (int)mq_record_payload_size(record),
				 mq_record_payload(record));
	return words;
}

/* -- priorities ------------------------------------------------------------------ */

#define SEND_AT(message, level) \
	MQ_SEND(self->fd, .text = message, .priority = level)

TEST_F(order, higher_priority_is_first_and_in_order_within)
{
	CREATE("priorities=3");
	ASSERT_EQ(1, SEND_AT("low1", 0));
	ASSERT_EQ(2, SEND_AT("mid1", 1));
	ASSERT_EQ(3, SEND_AT("top1", 2));
	ASSERT_EQ(4, SEND_AT("low2", 0));
	ASSERT_EQ(5, SEND_AT("top2", 2));
	ASSERT_EQ(6, SEND_AT("mid2", 1));
	EXPECT_EQ(0, get_words(self->fd, "top1 top2 mid1 mid2 low1 low2"));
}

TEST_F(order, later_message_of_higher_priority_overtakes)
{
	CREATE("priorities=2");
	ASSERT_EQ(1, SEND_AT("a", 0));
	ASSERT_EQ(2, SEND_AT("b", 0));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	ASSERT_EQ(3, SEND_AT("c", 1));
	EXPECT_EQ(0, mq_get(self->fd, "c"));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(order, batch_is_received_in_the_same_order)
{
	CREATE("priorities=3");
	ASSERT_EQ(1, SEND_AT("low1", 0));
	ASSERT_EQ(2, SEND_AT("top1", 2));
	ASSERT_EQ(3, SEND_AT("mid1", 1));
	ASSERT_EQ(4, SEND_AT("top2", 2));
	EXPECT_STREQ("top1 top2 mid1", receive(self, self->fd, 3));
	EXPECT_STREQ("low1", receive(self, self->fd, 3));
}

TEST_F(order, written_messages_have_the_lowest_priority)
{
	CREATE("priorities=2");
	ASSERT_EQ(7, mq_put(self->fd, "written"));
	ASSERT_EQ(2, SEND_AT("sent", 1));
	EXPECT_EQ(0, mq_get(self->fd, "sent"));
	EXPECT_EQ(0, mq_get(self->fd, "written"));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.record.priority);
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(1, self->look.record.priority);
}

TEST_F(order, priority_is_less_than_their_number)
{
	CREATE("");
	EXPECT_EQ(1, SEND_AT("x", 0));
	EXPECT_EQ(-EINVAL, SEND_AT("x", 1));
	EXPECT_EQ(-EINVAL, SEND_AT("x", 255));
	CREATE("priorities=2");
	EXPECT_EQ(1, SEND_AT("x", 1));
	EXPECT_EQ(-EINVAL, SEND_AT("x", 2));
	CREATE("priorities=255");
	EXPECT_EQ(1, SEND_AT("x", 254));
	EXPECT_EQ(-EINVAL, SEND_AT("x", 255));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(order, all_256_priorities_can_be_used)
{
	int i;

	CREATE("priorities=256");
	for (i = 0; i < 256; i++)
		ASSERT_EQ(i + 1, SEND_AT("x", i * 77 % 256));
	for (i = 255; i >= 0; i--) {
		ASSERT_EQ(0, mq_take(self->fd, &self->look));
		ASSERT_EQ(i, self->look.record.priority);
	}
}

TEST_F(order, message_comes_back_to_its_place_in_its_priority)
{
	CREATE("priorities=2");
	ASSERT_EQ(1, SEND_AT("low1", 0));
	ASSERT_EQ(2, SEND_AT("top1", 1));
	ASSERT_EQ(3, SEND_AT("top2", 1));
	ASSERT_EQ(4, SEND_AT("top3", 1));
	ASSERT_EQ(5, SEND_AT("low2", 0));
	EXPECT_STREQ("top1 top2 top3 low1", receive(self, self->fd, 4));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(1, mq_release(self->fd, 3));
	EXPECT_EQ(1, mq_retry(self->fd, 2, 1));
	EXPECT_STREQ("top1 top2 low1 low2", receive(self, self->fd, 4));
}

TEST_F(order, message_that_becomes_ready_takes_its_place_in_its_priority)
{
	CREATE("priorities=2");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "top1", .priority = 1,
			     .delay_ns = 20 * MQ_MS));
	ASSERT_EQ(2, SEND_AT("low1", 0));
	ASSERT_EQ(3, SEND_AT("top2", 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 3));
	EXPECT_STREQ("top1 top2 low1", receive(self, self->fd, 0));
}

TEST_F(order, fionread_and_oldest_are_of_the_next_in_line)
{
	CREATE("priorities=2");
	ASSERT_EQ(1, SEND_AT("low", 0));
	mq_sleep_ms(50);
	EXPECT_LE(40, mq_stat_of(&self->queue, oldest_ms));
	ASSERT_EQ(2, SEND_AT("the top one", 1));
	EXPECT_EQ(11, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "the top one"));
	EXPECT_EQ(3, mq_fionread(self->fd));
	EXPECT_LE(40, mq_stat_of(&self->queue, oldest_ms));
}

TEST_F(order, peek_is_by_id_whatever_the_priority)
{
	struct devmq_record *record = NULL;
	struct devmq_peek peek;
	int i;

	CREATE("priorities=4");
	for (i = 1; i <= 20; i++)
		ASSERT_EQ(i, SEND_AT("x", i % 4));
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	ASSERT_EQ(0, mq_peek(self->fd, self->buffer, sizeof(self->buffer),
			     &peek));
	EXPECT_EQ(20, peek.count);
	for (i = 1; i <= 20; i++) {
		record = mq_record_next(self->buffer, peek.used, record);
		ASSERT_NE(NULL, record);
		ASSERT_EQ(i, record->id);
		ASSERT_EQ(i % 4, record->priority);
	}
}

/* -- what goes when there is no room ------------------------------------------------ */

TEST_F(order, drop_head_takes_the_oldest_of_the_lowest_priority)
{
	CREATE("priorities=3 max_messages=5 overflow=drop-head");
	ASSERT_EQ(1, SEND_AT("top1", 2));
	ASSERT_EQ(2, SEND_AT("mid1", 1));
	ASSERT_EQ(3, SEND_AT("low1", 0));
	ASSERT_EQ(4, SEND_AT("low2", 0));
	ASSERT_EQ(5, SEND_AT("mid2", 1));
	ASSERT_EQ(6, SEND_AT("mid3", 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 3));
	ASSERT_EQ(7, SEND_AT("mid4", 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 4));
	ASSERT_EQ(8, SEND_AT("mid5", 1));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, get_words(self->fd, "top1 mid2 mid3 mid4 mid5"));
}

TEST_F(order, drop_head_goes_up_the_priorities_as_far_as_it_must)
{
	CREATE("priorities=3 max_bytes=10 overflow=drop-head");
	ASSERT_EQ(1, SEND_AT("t1", 2));
	ASSERT_EQ(2, SEND_AT("m1", 1));
	ASSERT_EQ(3, SEND_AT("l1", 0));
	ASSERT_EQ(4, SEND_AT("t2", 2));
	ASSERT_EQ(5, SEND_AT("l2", 0));
	ASSERT_EQ(6, SEND_AT("1234567", 1));
	EXPECT_EQ(4, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, get_words(self->fd, "t2 1234567"));
}

TEST_F(order, drop_head_that_does_not_suffice_drops_nothing)
{
	CREATE("priorities=2 max_bytes=10 overflow=drop-head");
	ASSERT_EQ(1, SEND_AT("held", 1));
	ASSERT_EQ(0, mq_get(self->fd, "held"));
	ASSERT_EQ(2, SEND_AT("l1", 0));
	ASSERT_EQ(3, SEND_AT("t1", 1));
	EXPECT_EQ(-ENOSPC, SEND_AT("1234567", 0));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(4, SEND_AT("123456", 0));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
}

TEST_F(order, drop_head_takes_what_is_ready_behind_its_key)
{
	CREATE("order=key max_messages=3 overflow=drop-head");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(4, put_key(self->fd, "b2"));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, get_words(self->fd, "b1 b2"));
}

TEST_F(order, overflow_moves_the_oldest_of_the_lowest_priority)
{
	struct mq_queue grave;
	int fd;

	ASSERT_EQ(0, mq_create(&grave, "priorities=3"));
	fd = mq_open(&grave, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	CREATE("priorities=3 max_messages=3 dead_letter=%s", grave.name);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "dead-letter"));
	ASSERT_EQ(1, SEND_AT("mid1", 1));
	ASSERT_EQ(2, SEND_AT("low1", 0));
	ASSERT_EQ(3, SEND_AT("low2", 0));
	ASSERT_EQ(4, SEND_AT("top1", 2));
	ASSERT_EQ(5, SEND_AT("top2", 2));
	ASSERT_EQ(6, SEND_AT("top3", 2));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dead_lettered));
	ASSERT_EQ(0, mq_take(fd, &self->look));
	EXPECT_STREQ("mid1", self->look.payload);
	EXPECT_EQ(DEVMQ_REASON_OVERFLOW, self->look.extra.reason);
	EXPECT_EQ(1, self->look.record.priority);
	EXPECT_EQ(0, mq_get(fd, "low1"));
	EXPECT_EQ(0, mq_get(fd, "low2"));
	close(fd);
}

/* -- one of a key at a time ------------------------------------------------------------ */

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

	/* Given up, it lets the next one go. */
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
	/* Whichever is first: the other one is not there as well. */
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

/* -- a queue that goes while a key's messages are on their way to it --------------- */

#define ON_THEIR_WAY	500

/* Have so many of one key in flight: each was deferred before. */
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

/* Remove a queue by force in a moment. */
static pid_t remove_soon(const struct mq_queue *queue, unsigned int us)
{
	pid_t child = mq_fork();

	if (child)
		return child;
	usleep(us);
	_exit(mq_remove(queue) ? 1 : 0);
}

/* All that is dead here gets ready again: it is one after the other. */
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

/* Until it happened that some got there and some did not. */
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
		/* It may have gone by now. */
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

	/* A later one of higher priority does not get between its attempts. */
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

	/* What they wait behind goes, and then that is the end for both. */
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
	/* a's backlog goes undelivered, but one of it is still there, dead. */
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
	/* It is outside the order: the key goes on when the other is done. */
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

	/* In flight, none overtakes, whatever its priority. */
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

	/* Alike but for the last byte, a zero in it, one the other's begin. */
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
			mq_batch_add_message(&batch, &(struct mq_message){
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
	int *busy;		/* of each key, is one in work */
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

/* -- turns ------------------------------------------------------------------------------ */

TEST_F(order, keys_take_turns)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, keys_take_turns_in_a_batch)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_STREQ("A1 B1 C1 A2", receive(self, self->fd, 4));
	EXPECT_STREQ("B2 A3", receive(self, self->fd, 4));
}

TEST_F(order, no_turns_are_taken_by_default)
{
	CREATE("");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 A2 A3 B1 B2 C1"));
}

TEST_F(order, messages_without_a_key_take_turns_as_one)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2"));
	EXPECT_EQ(0, get_words(self->fd, "m1 A1 m2 A2 m3"));
}

TEST_F(order, turns_are_taken_within_a_priority)
{
	CREATE("fairness=key priorities=2");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1"));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "A3", .key = "A",
			     .priority = 1));
	ASSERT_EQ(5, MQ_SEND(self->fd, .text = "A4", .key = "A",
			     .priority = 1));
	ASSERT_EQ(6, MQ_SEND(self->fd, .text = "B2", .key = "B",
			     .priority = 1));
	EXPECT_EQ(0, get_words(self->fd, "A3 B2 A4 A1 B1 A2"));
}

TEST_F(order, returned_message_keeps_its_turn)
{
	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1 B2"));
	EXPECT_EQ(0, mq_get(self->fd, "A1"));
	EXPECT_EQ(0, mq_get(self->fd, "B1"));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "A1"));
	EXPECT_EQ(1, mq_retry(self->fd, 3, 1));
	EXPECT_EQ(0, mq_get(self->other, "B1"));
	EXPECT_EQ(0, mq_get(self->other, "A2"));
	EXPECT_EQ(0, mq_get(self->other, "B2"));
}

TEST_F(order, later_key_starts_at_the_current_turn)
{
	char words[64];

	CREATE("fairness=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 A4 A5"));
	EXPECT_EQ(0, mq_get(self->fd, "A1"));
	EXPECT_EQ(0, mq_get(self->fd, "A2"));
	ASSERT_EQ(0, put_keys(self->fd, "B1 B2 B3"));
	/* It is neither served all at once nor kept waiting. */
	snprintf(words, sizeof(words), "%s", receive(self, self->fd, 0));
	EXPECT_TRUE(!strcmp(words, "A3 B1 A4 B2 A5 B3") ||
		    !strcmp(words, "B1 A3 B2 A4 B3 A5")) {
		TH_LOG("got %s", words);
	}
}

TEST_F(order, flood_of_one_key_starves_nobody)
{
	int i;

	CREATE("fairness=key");
	for (i = 0; i < 500; i++)
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "flood", .key = "A"));
	ASSERT_LT(0, MQ_SEND(self->fd, .text = "mine", .key = "B"));
	ASSERT_EQ(5, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(0, mq_get(self->fd, "mine"));
	for (i = 0; i < 20; i++) {
		ASSERT_LT(0, MQ_SEND(self->fd, .text = "mine", .key = "B"));
		/* Two at most before it. */
		if (mq_read(self->fd, self->buffer, 10) == 4)
			continue;
		if (mq_read(self->fd, self->buffer, 10) == 4)
			continue;
		ASSERT_EQ(4, mq_read(self->fd, self->buffer, 10));
	}
}

TEST_F(order, senders_take_turns)
{
	int i;

	CREATE("fairness=uid");
	for (i = 0; i < 6; i++) {
		static const int uids[] = { 0, 0, 0, 1000, 1000, 2000 };
		static const char * const texts[] = {
			"A1", "A2", "A3", "B1", "B2", "C1",
		};

		ASSERT_EQ(0, seteuid(uids[i]));
		EXPECT_EQ(2, mq_put(self->fd, texts[i]));
		ASSERT_EQ(0, seteuid(0));
	}
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, keys_do_not_matter_when_senders_take_turns)
{
	CREATE("fairness=uid");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 B1 C1"));
	ASSERT_EQ(0, seteuid(1000));
	EXPECT_EQ(0, put_keys(self->fd, "A3"));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(0, get_words(self->fd, "A1 A3 A2 B1 C1"));
}

TEST_F(order, turns_and_keys_work_together)
{
	CREATE("fairness=key order=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_EQ(0, get_words(self->fd, "A1 B1 C1 A2 B2 A3"));
}

TEST_F(order, key_that_is_held_does_not_stop_the_turns_of_others)
{
	CREATE("fairness=key order=key");
	ASSERT_EQ(0, put_keys(self->fd, "A1 A2 A3 B1 B2 C1"));
	EXPECT_STREQ("A1 B1 C1", receive(self, self->fd, 0));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "A2"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->fd, 4));
	EXPECT_EQ(0, mq_get(self->fd, "B2"));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "A3"));
}

TEST_F(order, senders_and_keys_work_together)
{
	CREATE("fairness=uid order=key");
	ASSERT_EQ(0, put_keys(self->fd, "a1 a2 b1"));
	ASSERT_EQ(0, seteuid(1000));
	EXPECT_EQ(0, put_keys(self->fd, "a3 c1"));
	ASSERT_EQ(0, seteuid(0));
	/* Whose turn it is gives what no key holds back. */
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(0, mq_get(self->fd, "c1"));
	EXPECT_EQ(0, mq_get(self->fd, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "a3"));
}

TEST_F(order, nothing_is_lost_when_turns_come_and_go)
{
	unsigned int i, seed = 1, sent = 0, got = 0;
	char key[2] = "";

	CREATE("fairness=key priorities=3");
	for (i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		key[0] = 'a' + (seed >> 16) % 20;
		switch (seed >> 24 & 3) {
		case 0:
		case 1:
			ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .key = key,
					     .priority = (seed >> 20) % 3));
			sent++;
			break;
		case 2:
			if (mq_take(self->fd, &self->look))
				break;
			ASSERT_EQ(1, mq_ack(self->fd, self->look.record.id));
			got++;
			break;
		default:
			if (mq_take(self->fd, &self->look))
				break;
			ASSERT_EQ(1, mq_release(self->fd,
						self->look.record.id));
		}
	}
	while (!mq_take(self->fd, &self->look)) {
		ASSERT_EQ(1, mq_ack(self->fd, self->look.record.id));
		got++;
	}
	EXPECT_EQ(sent, got);
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_TRUE(mq_conserved(&self->stat));
	EXPECT_EQ(sent, self->stat.acked);
}

TEST_HARNESS_MAIN
