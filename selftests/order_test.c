// SPDX-License-Identifier: GPL-2.0
/* Priorities: the order of delivery, and which message drop-head drops. */
#include "mq_test.h"
#include "fixtures/order.h"

/* -- priorities ------------------------------------------------------------ */

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

#define LEVELS	5
#define STEPS	3000

/* The messages of each level that should be there, by rising id. */
struct levels {
	uint64_t ids[LEVELS][STEPS];
	unsigned int first[LEVELS], end[LEVELS];
	unsigned int dice;
};

static unsigned int throw(struct levels *l, unsigned int n)
{
	l->dice = l->dice * 1103515245 + 12345;
	return (l->dice >> 16) % n;
}

/* Return the id of the message that has to come, or 0: there is none. */
static uint64_t levels_next(const struct levels *l, unsigned int *level)
{
	for (*level = LEVELS; (*level)--; )
		if (l->first[*level] < l->end[*level])
			return l->ids[*level][l->first[*level]];
	return 0;
}

/* Receive one message by RECV or read(2). Return its id, or a negative errno. */
static long long take_one(FIXTURE_DATA(order) *self, bool by_read)
{
	char text[64] = "";
	int error;

	if (by_read) {
		error = mq_read(self->fd, text, sizeof(text) - 1);
		return error < 0 ? error : atoll(text);
	}
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 1;
	error = mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv);
	if (error)
		return error;
	return ((struct devmq_record *)self->buffer)->id;
}

/* One message a call, sent to levels at random, and received by either call. */
static int play_levels(FIXTURE_DATA(order) *self, bool manual)
{
	struct levels *l = calloc(1, sizeof(*l));
	unsigned int level, i;
	char text[64];
	uint64_t id;
	int bad = 0;

	for (i = 1; i <= STEPS && !bad; i++) {
		if (throw(l, 2)) {
			unsigned long long next = mq_stat_of(&self->queue, sent) + 1;

			level = throw(l, LEVELS);
			snprintf(text, sizeof(text), "%llu", next);
			/* Some go the short way, to the lowest level. */
			if (level)
				bad = SEND_AT(text, level) != (long long)next;
			else
				bad = mq_put(self->fd, text) != (int)strlen(text);
			l->ids[level][l->end[level]++] = next;
			continue;
		}
		id = levels_next(l, &level);
		bad = take_one(self, throw(l, 2)) != (id ? (long long)id : -EAGAIN);
		if (!id || bad)
			continue;
		/* Now and then one goes back to its place. */
		if (manual && !throw(l, 4)) {
			bad = mq_release(self->fd, id) != 1;
			continue;
		}
		bad = manual && mq_ack(self->fd, id) != 1;
		l->first[level]++;
	}
	free(l);
	return bad ? i - 1 : 0;
}

TEST_F(order, one_by_one_the_best_of_all_levels_comes)
{
	CREATE("priorities=5 max_deliveries=0");
	EXPECT_EQ(0, play_levels(self, true));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, in_flight) == 0));
	MQ_STAT(&self->queue);
}

TEST_F(order, one_by_one_the_best_of_all_levels_comes_and_is_acknowledged)
{
	MQ_REOPEN_PAIR("priorities=5");
	EXPECT_EQ(0, play_levels(self, false));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.in_flight);
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

/* -- which message is dropped for want of room ----------------------------- */

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

TEST_HARNESS_MAIN
