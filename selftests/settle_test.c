// SPDX-License-Identifier: GPL-2.0
/*
 * Holding, acknowledging and releasing deliveries.
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/thread.h"
#include "fixtures/settle.h"

/* -- held, and acknowledged ------------------------------------------------ */

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
	/*
	 * Messages that another file holds, that are ready, that were never
	 * sent, or that are settled already.
	 */
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

	/* The kernel does not change input members. */
	EXPECT_EQ(1, settlements[0].first_id);
	EXPECT_EQ(2, settlements[0].last_id);
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, settlements[3].action);
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

/* The kernel reads so many settlements in several pieces. */
#define SETTLEMENTS	300

/*
 * Every other settlement is for two messages; the rest are for ids that are not
 * held.
 */
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
	/* A note is at a bad address. */
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
	/*
	 * Settlements to which the kernel cannot write results do nothing
	 * either.
	 */
	ASSERT_EQ(0, mprotect(map + 2 * page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, fit, NULL));
	EXPECT_EQ(10, mq_held(self->fd));
	ASSERT_EQ(0, munmap(map, 3 * page));
}

TEST_F(settle, one_settlement_that_cannot_be_written_does_nothing)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct devmq_settlement *settlement = (void *)map;
	struct devmq_settle *settle = (void *)(map + 4096);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	mq_settlement(settlement, 1, 1, DEVMQ_ACTION_ACK);
	settle->size = sizeof(*settle);
	settle->settlements = (uintptr_t)settlement;
	settle->count = 1;
	ASSERT_EQ(0, mprotect(settle, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_SETTLE, settle));
	ASSERT_EQ(0, mprotect(settle, 4096, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(settlement, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_SETTLE, settle));
	EXPECT_EQ(2, mq_held(self->fd));
	ASSERT_EQ(0, mprotect(settlement, 4096, PROT_READ | PROT_WRITE));
	/* Of its results, all but the first are in the next page. */
	settlement = (void *)(map + 4096 - offsetof(struct devmq_settlement, error));
	mq_settlement(settlement, 1, 1, DEVMQ_ACTION_ACK);
	settle = (void *)(map + 6000);
	memset(settle, 0, sizeof(*settle));
	settle->size = sizeof(*settle);
	settle->settlements = (uintptr_t)settlement;
	settle->count = 1;
	ASSERT_EQ(0, mprotect(map, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_SETTLE, settle));
	EXPECT_EQ(2, mq_held(self->fd));
	ASSERT_EQ(0, mprotect(map, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_SETTLE, settle));
	EXPECT_EQ(1, settle->settled);
	EXPECT_EQ(1, settlement->settled);
	EXPECT_EQ(0, settlement->error);
	EXPECT_EQ(0, settlement->dead);
	EXPECT_EQ(1, mq_held(self->fd));
	ASSERT_EQ(0, munmap(map, 8192));
}

TEST_F(settle, one_acknowledgement_with_more_is_einval)
{
	struct devmq_settlement s;
	unsigned int i;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	for (i = 0; i < 8; i++) {
		mq_settlement(&s, 1, 1, DEVMQ_ACTION_ACK);
		s.delay_ns = i == 0;
		s.note = i == 1 ? (uintptr_t)"note" : 0;
		s.note_size = i == 2;
		s.reason = i == 3 ? DEVMQ_REASON_USER : 0;
		s.reserved = i == 4;
		s.first_id = i == 5 ? 0 : i == 6 ? 2 : 1;
		s.action = i == 7 ? DEVMQ_ACTION_PURGE : DEVMQ_ACTION_ACK;
		EXPECT_EQ(-EINVAL, mq_settle_many(self->fd, &s, 1, NULL)) {
			TH_LOG("case %u", i);
		}
	}
	EXPECT_EQ(2, mq_held(self->fd));
}

TEST_F(settle, ranges_around_a_portion_are_acknowledged_whole)
{
	static const unsigned int counts[] = { 255, 256, 257, 512, 513 };
	unsigned int i, from = 1;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 2000));
	ASSERT_EQ(700, receive(self, self->fd, 700));
	ASSERT_EQ(700, receive(self, self->fd, 700));
	ASSERT_EQ(600, receive(self, self->fd, 700));
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		EXPECT_EQ(counts[i], mq_settle(self->fd, from, from + counts[i] - 1,
					       DEVMQ_ACTION_ACK));
		from += counts[i];
	}
	EXPECT_EQ(2001 - from, mq_held(self->fd));
	EXPECT_EQ(from - 1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(2001 - from, mq_settle(self->fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK));
}

#define FLIPS	2000

/* Make a settlement's action invalid and valid again, in a loop. */
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
	/*
	 * The thread may have overwritten that: repeat it until the thread
	 * ends.
	 */
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

	/* The other settings can change. */
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

/* A program that was built with the first version of the structure. */
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

/* -- released -------------------------------------------------------------- */

TEST_F(settle, released_message_is_back_in_its_place_uncounted)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, take(self->fd, 1, 2));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 1, 0, NONE);
	EXPECT_EQ(1, mq_release(self->fd, 1));
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(0, get_filled(self->other, 1));
	MQ_EXPECT(&self->queue, 1, IN_FLIGHT, 1, 0, NONE);
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
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
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

/* -- half-read messages ---------------------------------------------------- */

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
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
	/* The next read starts with its first byte. */
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

	/* One thread settles while another copies: either may be first. */
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

TEST_HARNESS_MAIN
