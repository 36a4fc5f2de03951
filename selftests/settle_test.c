// SPDX-License-Identifier: GPL-2.0
/*
 * Deliveries that are held until they are settled, and what becomes of them.
 */
#include "mq_test.h"

FIXTURE(settle) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int other;		/* another consumer like it */
	struct devmq_recv recv;
	char buffer[65536];
};

FIXTURE_SETUP(settle)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual"));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	self->other = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(settle)
{
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

/* Read message "m<i>". */
static int get_filled(int fd, unsigned int i)
{
	char text[32];

	snprintf(text, sizeof(text), "m%u", i);
	return mq_get(fd, text);
}

/* Read the messages from @first to @last. */
static int take(int fd, unsigned int first, unsigned int last)
{
	int error = 0;

	while (!error && first <= last)
		error = get_filled(fd, first++);
	return error;
}

/* Receive up to @count records: how many came. */
static int receive(FIXTURE_DATA(settle) *self, int fd, unsigned int count)
{
	int error;

	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = count;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv);
	return error ? error : (int)self->recv.count;
}

#define EXPECT_PEEK(id, expected_state, expected_attempt,		\
		    expected_failures, expected_failure) do {		\
	struct devmq_record __record;					\
									\
	EXPECT_EQ(0, mq_peek_id(&self->queue, id, &__record));		\
	EXPECT_EQ(DEVMQ_STATE_##expected_state, __record.state);	\
	EXPECT_EQ(expected_attempt, __record.attempt);			\
	EXPECT_EQ(expected_failures, __record.failures);		\
	EXPECT_EQ(DEVMQ_FAILURE_##expected_failure, __record.failure);	\
} while (0)

/* -- held, and acknowledged ------------------------------------------------- */

TEST_F(settle, read_message_is_held_until_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_last_id(self->fd));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(-EAGAIN, mq_read(self->other, self->buffer, 100));
	EXPECT_EQ(0, mq_held(self->other));

	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(1, mq_last_id(self->fd));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(settle, received_records_are_held_until_acknowledged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(7, receive(self, self->fd, 7));
	EXPECT_EQ(7, mq_held(self->fd));
	EXPECT_EQ(7, mq_last_id(self->fd));
	EXPECT_EQ(7, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(7, mq_settle(self->fd, 1, 7, DEVMQ_ACTION_ACK));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(7, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
}

TEST_F(settle, next_read_goes_on_with_the_next_message)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(0, take(self->fd, 1, 3));
	EXPECT_EQ(3, mq_held(self->fd));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 100));
}

TEST_F(settle, in_any_order_one_by_one)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, take(self->fd, 1, 5));
	EXPECT_EQ(1, mq_ack(self->fd, 3));
	EXPECT_EQ(1, mq_ack(self->fd, 5));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(1, mq_ack(self->fd, 4));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(5, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, range_takes_what_is_held_in_it)
{
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(0, take(self->fd, 1, 10));
	EXPECT_EQ(3, mq_settle(self->fd, 4, 6, DEVMQ_ACTION_ACK));
	EXPECT_EQ(4, mq_settle(self->fd, 2, 8, DEVMQ_ACTION_ACK));
	EXPECT_EQ(3, mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_ACK));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(10, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, range_does_not_touch_what_others_hold)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 10));
	for (i = 1; i <= 10; i++)
		ASSERT_EQ(0, get_filled(i % 2 ? self->fd : self->other, i));
	EXPECT_EQ(5, mq_settle(self->fd, 1, 10, DEVMQ_ACTION_ACK));
	EXPECT_EQ(5, mq_held(self->other));
	EXPECT_EQ(5, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(5, mq_settle(self->other, 1, 10, DEVMQ_ACTION_ACK));
}

TEST_F(settle, what_is_not_held_is_estale)
{
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->other, 2));
	/* Held by another, ready, never sent, settled already. */
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 2));
	EXPECT_EQ(-ESTALE, mq_release(self->fd, 2));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 3));
	EXPECT_EQ(-ESTALE, mq_release(self->fd, 3));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 99));
	EXPECT_EQ(-ESTALE, mq_settle(self->fd, 2, 99, DEVMQ_ACTION_ACK));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(-ESTALE, mq_release(self->fd, 1));
	EXPECT_EQ(-ESTALE, mq_settle(self->fd, ~0ULL, ~0ULL,
				     DEVMQ_ACTION_ACK));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_held(self->other));
}

TEST_F(settle, stale_settlement_lets_the_rest_go_on)
{
	struct devmq_settlement settlements[4];
	uint64_t settled;

	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, take(self->fd, 1, 5));
	mq_settlement(&settlements[0], 1, 2, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[1], 2, 2, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[2], 4, 4, DEVMQ_ACTION_RELEASE);
	mq_settlement(&settlements[3], 50, 60, DEVMQ_ACTION_RELEASE);
	EXPECT_EQ(-ESTALE, mq_settle_many(self->fd, settlements, 4, &settled));
	EXPECT_EQ(3, settled);
	EXPECT_EQ(2, settlements[0].settled);
	EXPECT_EQ(0, settlements[0].error);
	EXPECT_EQ(0, settlements[1].settled);
	EXPECT_EQ(-ESTALE, settlements[1].error);
	EXPECT_EQ(1, settlements[2].settled);
	EXPECT_EQ(0, settlements[2].error);
	EXPECT_EQ(0, settlements[3].settled);
	EXPECT_EQ(-ESTALE, settlements[3].error);

	/* What is only in is as it was. */
	EXPECT_EQ(1, settlements[0].first_id);
	EXPECT_EQ(2, settlements[0].last_id);
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, settlements[3].action);
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

/* So many settlements are read in more than one go. */
#define SETTLEMENTS	300

/* One of two for each message, the other one for what is not held. */
static void settlements_init(struct devmq_settlement *settlements)
{
	unsigned int i;

	for (i = 0; i < SETTLEMENTS; i++)
		mq_settlement(&settlements[i], i % 2 ? 5000 : i + 1,
			      i % 2 ? 6000 : i + 2, DEVMQ_ACTION_ACK);
}

TEST_F(settle, many_settlements_each_have_their_outcome)
{
	struct devmq_settlement settlements[SETTLEMENTS];
	uint64_t settled;
	unsigned int i;

	ASSERT_EQ(0, mq_fill(self->fd, SETTLEMENTS));
	ASSERT_EQ(0, take(self->fd, 1, SETTLEMENTS));
	settlements_init(settlements);
	EXPECT_EQ(-ESTALE, mq_settle_many(self->fd, settlements, SETTLEMENTS,
					  &settled));
	EXPECT_EQ(SETTLEMENTS, settled);
	for (i = 0; i < SETTLEMENTS; i++) {
		EXPECT_EQ(i % 2 ? 0 : 2, settlements[i].settled);
		EXPECT_EQ(i % 2 ? -ESTALE : 0, settlements[i].error);
	}
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_F(settle, last_of_many_settlements_is_checked_before_the_first_is_done)
{
	struct devmq_settlement settlements[SETTLEMENTS];
	struct devmq_settlement *last = &settlements[SETTLEMENTS - 1];

	ASSERT_EQ(0, mq_fill(self->fd, SETTLEMENTS));
	ASSERT_EQ(0, take(self->fd, 1, SETTLEMENTS));
	settlements_init(settlements);
	last->action = 77;
	EXPECT_EQ(-EINVAL, mq_settle_many(self->fd, settlements, SETTLEMENTS,
					  NULL));
	/* A note that cannot be read. */
	last->action = DEVMQ_ACTION_REJECT;
	last->note = (uintptr_t)MQ_BAD_POINTER;
	last->note_size = 5;
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, SETTLEMENTS,
					  NULL));
	EXPECT_EQ(SETTLEMENTS, mq_held(self->fd));
}

TEST_F(settle, settlements_that_end_outside_of_memory_do_nothing)
{
	struct devmq_settlement *settlements;
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int fit = 3 * page / sizeof(*settlements), i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + 3 * page, page));
	settlements = (void *)(map + 3 * page - fit * sizeof(*settlements));
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(0, take(self->fd, 1, 10));
	for (i = 0; i < fit; i++)
		mq_settlement(&settlements[i], 1, 10, DEVMQ_ACTION_ACK);
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, fit + 1, NULL));
	/* Nor do those that cannot be told what has become of them. */
	ASSERT_EQ(0, mprotect(map + 2 * page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, fit, NULL));
	EXPECT_EQ(10, mq_held(self->fd));
	ASSERT_EQ(0, munmap(map, 3 * page));
}

#define FLIPS	2000

/* Have a settlement be no good and good again, all the time. */
static void *flip(void *arg)
{
	struct devmq_settlement *s = arg;

	while (__atomic_load_n(&s->action, __ATOMIC_RELAXED) != UINT32_MAX) {
		__atomic_fetch_xor(&s->action, 64, __ATOMIC_RELAXED);
		__atomic_fetch_xor(&s->action, 64, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(settle, settlements_that_change_meanwhile_do_no_harm)
{
	struct devmq_settlement settlements[SETTLEMENTS];
	uint64_t settled;
	pthread_t thread;
	int i, error;

	settlements_init(settlements);
	ASSERT_EQ(0, pthread_create(&thread, NULL, flip,
				    &settlements[SETTLEMENTS - 1]));
	for (i = 0; i < FLIPS; i++) {
		error = mq_settle_many(self->fd, settlements, SETTLEMENTS,
				       &settled);
		if (error != -EINVAL && error != -ESTALE)
			break;
	}
	EXPECT_EQ(FLIPS, i) {
		TH_LOG("%s", strerror(-error));
	}
	__atomic_store_n(&settlements[SETTLEMENTS - 1].action, UINT32_MAX,
			 __ATOMIC_RELAXED);
	/* A flip, or two, may have come after that. */
	while (pthread_tryjoin_np(thread, NULL))
		__atomic_store_n(&settlements[SETTLEMENTS - 1].action,
				 UINT32_MAX, __ATOMIC_RELAXED);
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_F(settle, auto_mode_holds_nothing)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(2, receive(self, self->fd, 0));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(3, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
}

TEST_F(settle, mode_is_of_the_open_file)
{
	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->other, 2));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(0, mq_held(self->other));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, mode_cannot_change_while_something_is_held)
{
	struct devmq_consumer consumer;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	EXPECT_EQ(-EBUSY, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 5));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(0, consumer.prefetch);
	EXPECT_EQ(1, consumer.held);

	/* The rest can. */
	EXPECT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 6));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
}

TEST_F(settle, mode_cannot_change_in_the_middle_of_a_message)
{
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(-EBUSY, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
}

TEST_F(settle, empty_message_is_held_as_well)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	ASSERT_EQ(1, mq_send_one(self->fd, "", 0));
	EXPECT_EQ(0, mq_read(self->fd, self->buffer, 100));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(1, mq_last_id(self->fd));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(settle, half_read_message_is_told)
{
	struct devmq_consumer consumer;
	char byte;

	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(2, mq_put(self->fd, "cd"));
	ASSERT_EQ(0, mq_get(self->fd, "ab"));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(0, consumer.partial_id);
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(2, consumer.partial_id);
	EXPECT_EQ(2, consumer.last_id);
	EXPECT_EQ(2, consumer.held);
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(0, consumer.partial_id);
}

TEST_F(settle, half_read_message_that_is_settled_is_none_any_more)
{
	struct devmq_consumer consumer;
	char byte;

	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(0, consumer.partial_id);
	EXPECT_EQ(0, consumer.held);
}

/* Who knows the structure as it was first. */
TEST_F(settle, shorter_consumer_has_no_half_read_message)
{
	struct devmq_consumer consumer = {
		.size = offsetof(struct devmq_consumer, partial_id),
		.partial_id = 77,
	};
	char byte;

	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_CONSUMER, &consumer));
	EXPECT_EQ(1, consumer.last_id);
	EXPECT_EQ(77, consumer.partial_id);
}

TEST_F(settle, tens_of_thousands_are_held_and_acknowledged_at_once)
{
	int got = 0, done;
	char *buffer = malloc(4 << 20);

	ASSERT_EQ(0, mq_fill_fast(self->fd, 20000));
	while (got < 20000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 4 << 20, &self->recv));
		done = self->recv.count;
		ASSERT_LT(0, done);
		got += done;
	}
	EXPECT_EQ(20000, mq_held(self->fd));
	EXPECT_EQ(20000, mq_settle(self->fd, 1, 20000, DEVMQ_ACTION_ACK));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(20000, mq_stat_of(&self->queue, acked));
}

/* -- released --------------------------------------------------------------- */

TEST_F(settle, released_message_is_back_in_its_place_uncounted)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	EXPECT_PEEK(1, IN_FLIGHT, 1, 0, NONE);
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_PEEK(1, READY, 0, 0, NONE);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(0, get_filled(self->other, 1));
	EXPECT_PEEK(1, IN_FLIGHT, 1, 0, NONE);
	EXPECT_EQ(0, get_filled(self->other, 3));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
}

TEST_F(settle, released_messages_come_in_the_order_of_ids)
{
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	ASSERT_EQ(0, take(self->fd, 1, 5));
	EXPECT_EQ(1, mq_release(self->fd, 4));
	EXPECT_EQ(1, mq_release(self->fd, 2));
	EXPECT_EQ(1, mq_release(self->fd, 5));
	EXPECT_EQ(0, get_filled(self->other, 2));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(0, get_filled(self->other, 1));
	EXPECT_EQ(0, get_filled(self->other, 4));
	EXPECT_EQ(1, mq_release(self->fd, 3));
	EXPECT_EQ(0, get_filled(self->other, 3));
	EXPECT_EQ(0, get_filled(self->other, 5));
	EXPECT_EQ(0, get_filled(self->other, 6));
}

TEST_F(settle, range_is_released_in_order)
{
	ASSERT_EQ(0, mq_fill(self->fd, 100));
	ASSERT_EQ(0, take(self->fd, 1, 99));
	EXPECT_EQ(50, mq_settle(self->fd, 26, 75, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(0, take(self->other, 26, 75));
	EXPECT_EQ(49, mq_settle(self->fd, 1, 100, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(0, take(self->other, 1, 25));
	EXPECT_EQ(0, take(self->other, 76, 100));
}

TEST_F(settle, releaser_itself_gets_it_again)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, get_filled(self->fd, 1));
		EXPECT_EQ(1, mq_release(self->fd, 1));
	}
	EXPECT_PEEK(1, READY, 0, 0, NONE);
	EXPECT_EQ(0, take(self->fd, 1, 2));
}

TEST_F(settle, release_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
}

TEST_F(settle, released_range_wakes_as_many_readers)
{
	struct mq_call calls[4];
	char data[4][8];
	int i, fds[4];

	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, take(self->fd, 1, 4));
	for (i = 0; i < 4; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(4, mq_settle(self->fd, 1, 4, DEVMQ_ACTION_RELEASE));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(2, mq_call_result(&calls[i]));
}

/* -- half-read messages ----------------------------------------------------- */

TEST_F(settle, half_read_message_can_be_acknowledged)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "second"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(settle, half_read_message_can_be_released)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_PEEK(1, READY, 0, 0, NONE);
	/* The next read begins it from its first byte. */
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	EXPECT_EQ(0, mq_get(self->fd, "second"));
}

TEST_F(settle, half_read_message_released_is_whole_for_another)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->other, "first"));
	EXPECT_EQ(0, mq_get(self->fd, "second"));
}

TEST_F(settle, half_read_message_counts_as_held)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(-EBUSY, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_get(self->fd, "irst"));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(settle, release_of_all_held_leaves_nothing_of_the_half_read_one)
{
	char byte;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(5, mq_put(self->fd, "third"));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(3, mq_settle(self->fd, 1, 3, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(0, mq_held(self->fd));
	EXPECT_EQ(0, take(self->fd, 1, 2));
	EXPECT_EQ(0, mq_get(self->fd, "third"));
}

TEST_F(settle, acknowledged_message_of_another_thread_reading_it_does_no_harm)
{
	char *data = malloc(1 << 20);
	struct mq_call call;
	int round, settled;
	long done;

	/* One thread settles while another copies: either order is fine. */
	memset(data, 'x', 1 << 20);
	for (round = 1; round <= 20; round++) {
		ASSERT_EQ(1 << 20, mq_write(self->fd, data, 1 << 20));
		ASSERT_EQ(0, mq_read_start(&call, self->fd, data, 1 << 20));
		settled = mq_settle(self->fd, 1, ~0ULL, DEVMQ_ACTION_ACK);
		done = mq_call_result(&call);
		ASSERT_TRUE(settled == 1 || settled == -ESTALE);
		ASSERT_LT(0, done);
		if (settled != 1)
			ASSERT_EQ(1, mq_settle(self->fd, round, round,
					       DEVMQ_ACTION_ACK));
		ASSERT_EQ(round, mq_stat_of(&self->queue, acked));
		ASSERT_EQ(-EAGAIN, mq_read(self->fd, data, 1));
	}
}

/* -- prefetch --------------------------------------------------------------- */

TEST_F(settle, prefetch_holds_reads_off)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	EXPECT_EQ(0, take(self->fd, 1, 2));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 100));
	EXPECT_EQ(-EAGAIN, receive(self, self->fd, 0));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));

	/* Others are not held off. */
	EXPECT_EQ(POLLIN, mq_poll(self->other, POLLIN));
	EXPECT_EQ(0, get_filled(self->other, 3));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, get_filled(self->fd, 4));
}

TEST_F(settle, prefetch_bounds_a_batch)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 5));
	ASSERT_EQ(0, mq_fill(self->fd, 20));
	EXPECT_EQ(5, receive(self, self->fd, 0));
	EXPECT_EQ(2, mq_settle(self->fd, 1, 2, DEVMQ_ACTION_ACK));
	EXPECT_EQ(2, receive(self, self->fd, 10));
	EXPECT_EQ(5, mq_held(self->fd));
}

TEST_F(settle, prefetch_lets_a_half_read_message_be_finished)
{
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(2, mq_put(self->fd, "cd"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('b', byte);
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "cd"));
}

TEST_F(settle, prefetch_of_the_queue_counts_for_new_opens)
{
	int fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "prefetch", "1"));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	EXPECT_EQ(0, get_filled(fd, 1));
	EXPECT_EQ(-EAGAIN, mq_read(fd, self->buffer, 100));
	EXPECT_EQ(0, take(self->fd, 2, 4));
}

TEST_F(settle, prefetch_has_no_effect_with_auto)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	EXPECT_EQ(0, take(self->fd, 1, 4));
	EXPECT_EQ(6, receive(self, self->fd, 0));
}

TEST_F(settle, ack_wakes_its_own_reader_that_prefetch_holds_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_ack(fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m2", data);
}

TEST_F(settle, ack_wakes_its_own_poll_that_prefetch_holds_off)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(settle, ack_wakes_its_own_poll_for_reading_and_writing)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct mq_call call;

	/* Full, so that only reading can become possible. */
	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "4"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN | POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 2));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	close(epoll);
}

TEST_F(settle, release_wakes_the_reader_that_prefetch_held_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_release(fd, 1));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
}

TEST_F(settle, larger_prefetch_wakes_a_reader_held_off)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, get_filled(fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 2));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m2", data);
}

TEST_F(settle, message_for_a_reader_held_off_wakes_another)
{
	int i, fds[2];
	struct mq_call calls[2];
	char data[2][8] = {};

	/* The first sleeper cannot take a message: the wake-up is not its. */
	for (i = 0; i < 2; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, mq_consumer_set(fds[0], DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(fds[0], 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	EXPECT_EQ(4, mq_call_result(&calls[1]));
	EXPECT_STREQ("next", data[1]);
	EXPECT_TRUE(mq_call_sleeps(&calls[0]));
}

/* -- what the last close gives back ----------------------------------------- */

TEST_F(settle, close_gives_back_in_order_with_a_failure_each)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 8));
	for (i = 1; i <= 6; i++)
		ASSERT_EQ(0, get_filled(i % 2 ? self->fd : self->other, i));
	ASSERT_EQ(1, mq_ack(self->fd, 3));
	close(self->fd);
	self->fd = -1;
	EXPECT_PEEK(1, READY, 1, 1, CRASH);
	EXPECT_PEEK(2, IN_FLIGHT, 1, 0, NONE);
	EXPECT_PEEK(5, READY, 1, 1, CRASH);
	EXPECT_PEEK(7, READY, 0, 0, NONE);
	EXPECT_EQ(4, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(3, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, get_filled(self->other, 1));
	EXPECT_PEEK(1, IN_FLIGHT, 2, 1, CRASH);
	EXPECT_EQ(0, get_filled(self->other, 5));
	EXPECT_EQ(2, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(0, take(self->other, 7, 8));
	EXPECT_EQ(2, mq_stat_of(&self->queue, redelivered));
}

TEST_F(settle, close_after_release_gives_nothing_back)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, get_filled(self->fd, 1));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	close(self->fd);
	self->fd = -1;
	EXPECT_PEEK(1, READY, 0, 0, NONE);
}

TEST_F(settle, close_gives_back_a_half_read_message_whole)
{
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	close(self->fd);
	self->fd = -1;
	EXPECT_PEEK(1, READY, 1, 1, CRASH);
	EXPECT_EQ(0, mq_get(self->other, "first"));
}

TEST_F(settle, close_wakes_as_many_sleeping_readers_as_it_gives_back)
{
	struct mq_call calls[3];
	char data[3][8];
	int i, fds[3];

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(mq_wait_until(mq_call_done(&calls[0]) +
				  mq_call_done(&calls[1]) +
				  mq_call_done(&calls[2]) == 2));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
}

TEST_F(settle, failures_add_up)
{
	int i, fd;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_deliveries", "0"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 1; i <= 30; i++) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, get_filled(fd, 1));
		close(fd);
		EXPECT_PEEK(1, READY, i, i, CRASH);
	}
	EXPECT_EQ(29, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(30, mq_stat_of(&self->queue, delivered));
}

TEST_F(settle, copy_of_the_descriptor_keeps_what_is_held)
{
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	close(self->fd);
	self->fd = copy;
	EXPECT_EQ(2, mq_held(copy));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(2, mq_settle(copy, 1, 2, DEVMQ_ACTION_ACK));
}

TEST_F(settle, child_keeps_what_its_parent_received)
{
	int to_child[2], to_parent[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(to_child));
	ASSERT_EQ(0, pipe(to_parent));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	child = mq_fork();
	if (!child) {
		if (read(to_child[0], &byte, 1) != 1)
			_exit(1);
		if (mq_ack(self->fd, 1) != 1)
			_exit(2);
		if (write(to_parent[1], "x", 1) != 1)
			_exit(3);
		pause();
		_exit(4);
	}
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(1, write(to_child[1], "x", 1));
	ASSERT_EQ(1, read(to_parent[0], &byte, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_PEEK(2, READY, 1, 1, CRASH);
}

TEST_F(settle, killed_holder_gives_back_at_once)
{
	int ready[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (take(fd, 1, 2) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_PEEK(1, READY, 1, 1, CRASH);
	EXPECT_PEEK(2, READY, 1, 1, CRASH);
	EXPECT_PEEK(3, READY, 0, 0, NONE);
	EXPECT_EQ(0, take(self->fd, 1, 3));
}

TEST_F(settle, killed_holder_wakes_a_sleeping_reader)
{
	int fd = mq_open(&self->queue, O_RDONLY), ready[2];
	struct mq_call call;
	char data[8] = {};
	pid_t child;
	char byte;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (get_filled(mine, 1) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
}

TEST_F(settle, holder_killed_asleep_gives_back)
{
	pid_t child;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);
		char byte;

		if (get_filled(fd, 1))
			_exit(1);
		mq_read(fd, &byte, 1);
		_exit(2);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_PEEK(1, READY, 1, 1, CRASH);
}

TEST_F(settle, exec_closes_and_gives_back)
{
	int ready[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		char * const arguments[] = { "/proc/self/exe", "-h", NULL };

		if (get_filled(fd, 1))
			_exit(1);
		freopen("/dev/null", "w", stderr);
		execv("/proc/self/exe", arguments);
		_exit(2);
	}
	/* The end of file says that exec has closed what it closes. */
	close(ready[1]);
	EXPECT_EQ(0, read(ready[0], &byte, 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_PEEK(1, READY, 1, 1, CRASH);
	EXPECT_LE(0, mq_wait_child(child));
}

TEST_F(settle, passed_descriptor_keeps_what_is_held_after_its_holder_died)
{
	struct devmq_record record;
	int sockets[2], passed;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (take(fd, 1, 2) || mq_pass_fd(sockets[1], fd))
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, mq_wait_child(child));

	/* The descriptor is on its way: nobody has it, and it is open. */
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	passed = mq_take_fd(sockets[0]);
	ASSERT_LE(0, passed);
	EXPECT_EQ(2, mq_held(passed));
	EXPECT_EQ(1, mq_ack(passed, 1));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 2, &record));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record.state);
	EXPECT_EQ(0, record.failures);
	close(passed);
	EXPECT_PEEK(2, READY, 1, 1, CRASH);
}

TEST_F(settle, descriptor_that_nobody_takes_gives_back_with_its_socket)
{
	int sockets[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		_exit(get_filled(fd, 1) || mq_pass_fd(sockets[1], fd));
	}
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
}

TEST_F(settle, exclusive_holder_is_followed_by_the_next)
{
	int ready[2], fd;
	pid_t child;
	char byte;

	close(self->other);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	close(self->fd);
	self->fd = self->other = -1;
	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int mine = mq_open(&self->queue, O_RDONLY | O_EXCL);

		if (get_filled(mine, 1) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	fd = mq_open(&self->queue, O_RDONLY | O_EXCL | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_filled(fd, 1));
}

TEST_F(settle, tens_of_thousands_are_given_back_in_order)
{
	struct devmq_record *record;
	char *buffer = malloc(4 << 20);
	unsigned int next = 1;
	int got = 0;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 20000));
	while (got < 10000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 500 * 100, &self->recv));
		got += self->recv.count;
		ASSERT_EQ(0, mq_recv(self->other, buffer, 300 * 100,
				     &self->recv));
	}
	close(self->fd);
	close(self->other);
	self->other = -1;
	self->fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(20000, mq_stat_of(&self->queue, ready));
	while (next <= 20000) {
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 4 << 20, &self->recv));
		ASSERT_LT(0, self->recv.count);
		record = NULL;
		while ((record = mq_record_next(buffer, self->recv.used,
						record))) {
			ASSERT_EQ(next, record->id);
			next++;
		}
	}
}

TEST_F(settle, settling_in_many_threads_counts_every_delivery_once)
{
	struct devmq_settlement settlements[4];
	struct devmq_settle settles[4];
	struct mq_call calls[4];
	char *buffer = malloc(1 << 20);
	unsigned int i, round, total;
	long result;

	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, mq_fill_fast(self->fd, 500));
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &self->recv));
		ASSERT_EQ(500, self->recv.count);
		for (i = 0; i < 4; i++) {
			mq_settlement(&settlements[i], round * 500 + 1,
				      round * 500 + 500, DEVMQ_ACTION_ACK);
			memset(&settles[i], 0, sizeof(settles[i]));
			settles[i].size = sizeof(settles[i]);
			settles[i].settlements = (uintptr_t)&settlements[i];
			settles[i].count = 1;
			ASSERT_EQ(0, mq_ioctl_start(&calls[i], self->fd,
						    DEVMQ_IOC_SETTLE,
						    &settles[i]));
		}
		for (total = i = 0; i < 4; i++) {
			result = mq_call_result(&calls[i]);
			ASSERT_TRUE(!result || result == -ESTALE);
			total += settlements[i].settled;
		}
		ASSERT_EQ(500, total);
	}
	EXPECT_EQ(10000, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_HARNESS_MAIN
