// SPDX-License-Identifier: GPL-2.0
/* PURGE: dropping messages by id, age and state. */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/settle.h"

FIXTURE(purge) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	struct devmq_purge purge;
};

FIXTURE_SETUP(purge)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("ack=manual");
	memset(&self->purge, 0, sizeof(self->purge));
	self->purge.size = sizeof(self->purge);
	memset(&self->purge.purged, MQ_POISON, sizeof(self->purge.purged));
}

FIXTURE_TEARDOWN(purge)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

#define PURGE()	mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &self->purge)

TEST_F(purge, everything_goes)
{
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(10, self->purge.purged);
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(10, mq_stat_of(&self->queue, purged));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
}

TEST_F(purge, looking_is_enough)
{
	int looker = mq_open(&self->queue, MQ_LOOK);

	ASSERT_LE(0, looker);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(3, mq_purge(looker, 0, 0));
	close(looker);
}

TEST_F(purge, range_of_ids_goes)
{
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	EXPECT_EQ(3, mq_purge(self->fd, 4, 6));
	EXPECT_EQ(2, mq_purge(self->fd, 0, 2));
	EXPECT_EQ(2, mq_purge(self->fd, 9, 0));
	EXPECT_EQ(0, mq_purge(self->fd, 11, 0));
	EXPECT_EQ(0, mq_purge(self->fd, 4, 6));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(0, mq_get(self->fd, "m7"));
	EXPECT_EQ(0, mq_get(self->fd, "m8"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(purge, single_id_goes)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(purge, ids_are_not_used_again)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(5, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(6, mq_send_one(self->fd, "x", 1));
}

TEST_F(purge, what_is_in_flight_stays)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(3, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(2, mq_held(self->fd));
	self->purge.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
	EXPECT_EQ(2, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, mq_release(self->fd, 2));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
}

TEST_F(purge, half_read_message_stays)
{
	char byte;

	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(purge, what_came_back_goes)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(1, mq_purge(self->fd, 1, 2));
	ASSERT_EQ(1, mq_release(self->fd, 2));
	EXPECT_EQ(1, mq_purge(self->fd, 1, 2));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(purge, state_selects)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	self->purge.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY);
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(2, self->purge.purged);
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_F(purge, age_selects)
{
	uint64_t age, start;

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	self->purge.older_than_ns = 3600000000000ULL;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
	self->purge.older_than_ns = ~0ULL;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
	/*
	 * Double the age until the purge runs before the last message has that
	 * age.
	 */
	for (age = 50 * MQ_MS; age < MQ_HOUR; age *= 2) {
		mq_sleep_ms(age / MQ_MS + 10);
		start = mq_boot_ns();
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		self->purge.older_than_ns = age;
		ASSERT_EQ(0, PURGE());
		/* The clock that stamps messages lags a little. */
		if (mq_boot_ns() + 20 * MQ_MS < start + age)
			break;
		ASSERT_LE(0, mq_purge(self->fd, 0, 0));
		ASSERT_EQ(0, mq_fill(self->fd, 3));
	}
	EXPECT_EQ(3, self->purge.purged);
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(purge, all_conditions_must_hold)
{
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	mq_sleep_ms(50);
	self->purge.first_id = 1;
	self->purge.last_id = 3;
	self->purge.older_than_ns = 10000000;
	self->purge.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY);
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(2, self->purge.purged);
	self->purge.last_id = 6;
	self->purge.older_than_ns = 3600000000000ULL;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
}

TEST_F(purge, twenty_thousand_go)
{
	ASSERT_EQ(0, mq_fill_fast(self->fd, 20000));
	EXPECT_EQ(19998, mq_purge(self->fd, 2, 19999));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m20000"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
	EXPECT_EQ(19998, mq_stat_of(&self->queue, purged));
}

static void nothing(int number)
{
}

/*
 * A purge does not sleep: a signal does not interrupt it, and it reports all
 * that it did.
 */
TEST_F(purge, signals_do_not_end_it)
{
	struct itimerval often = { { 0, 700 }, { 0, 700 } }, never = {};
	struct sigaction action = { .sa_handler = nothing };
	unsigned int round;

	/* Some signals come between two portions of the purge. */
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, mq_fill_fast(self->fd, 3000));
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
		memset(&self->purge.purged, MQ_POISON,
		       sizeof(self->purge.purged));
		EXPECT_EQ(0, PURGE());
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
		EXPECT_EQ(3000, self->purge.purged);
		ASSERT_EQ(3000 * (round + 1),
			  mq_stat_of(&self->queue, purged));
		EXPECT_EQ(1, mq_put(self->fd, "x"));
		EXPECT_EQ(0, mq_get(self->fd, "x"));
		EXPECT_EQ(1, mq_ack(self->fd, mq_last_id(self->fd)));
	}
}

/* A purge finds the message at which it begins, wherever the last one ended. */
TEST_F(purge, single_ids_go_in_any_order)
{
	enum { COUNT = 5000 };
	unsigned int i, id;

	ASSERT_EQ(0, mq_fill_fast(self->fd, COUNT));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_defer(self->fd, 2));
	/* 2999 and COUNT have no common factor, so each id comes once. */
	for (i = 0, id = 0; i < COUNT; i++) {
		id = (id + 2999) % COUNT;
		ASSERT_EQ(id + 1 != 1, mq_purge(self->fd, id + 1, id + 1)) {
			TH_LOG("message %u", id + 1);
		}
		if (i % 7 == 0)
			ASSERT_EQ(0, mq_purge(self->fd, id + 1, id + 1));
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, deferred));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
}

struct sender {
	int fd, stop, sent;
	pthread_t thread;
};

static void *sender_thread(void *argument)
{
	struct sender *sender = argument;

	while (!__atomic_load_n(&sender->stop, __ATOMIC_RELAXED))
		sender->sent += mq_put(sender->fd, "x") == 1;
	return NULL;
}

TEST_F(purge, ends_while_others_send)
{
	struct sender sender = { .fd = self->fd };
	long long purged = 0;
	int i, done;

	/* A purge leaves messages that arrive while it runs, so it ends. */
	ASSERT_EQ(0, pthread_create(&sender.thread, NULL, sender_thread,
				    &sender));
	for (i = 0; i < 300; i++) {
		done = mq_purge(self->fd, 0, 0);
		ASSERT_LE(0, done);
		purged += done;
	}
	__atomic_store_n(&sender.stop, 1, __ATOMIC_RELAXED);
	pthread_join(sender.thread, NULL);
	purged += mq_purge(self->fd, 0, 0);
	EXPECT_EQ(sender.sent, purged);
	EXPECT_EQ(purged, mq_stat_of(&self->queue, purged));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(purge, each_state_can_be_purged_alone)
{
	static const struct {
		enum devmq_state state;
		int count;
	} states[] = {
		{ DEVMQ_STATE_IN_FLIGHT, 0 }, { DEVMQ_STATE_DEFERRED, 1 },
		{ DEVMQ_STATE_DELAYED, 2 }, { DEVMQ_STATE_READY, 1 },
		{ DEVMQ_STATE_DEAD, 1 },
	};
	struct devmq_stat stat;
	unsigned int i;

	ASSERT_EQ(0, mq_fill_states(self->fd));
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		EXPECT_EQ(states[i].count,
			  mq_purge_states(self->fd, 0, 0,
					  DEVMQ_STATE_MASK(states[i].state))) {
			TH_LOG("state %u", states[i].state);
		}
		ASSERT_EQ(0, mq_stat(&self->queue, &stat));
		EXPECT_TRUE(mq_conserved(&stat));
	}
	EXPECT_EQ(1, mq_ack(self->fd, 4));
	EXPECT_EQ(5, mq_stat_of(&self->queue, purged));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(purge, several_states_can_be_purged_at_once)
{
	ASSERT_EQ(0, mq_fill_states(self->fd));
	EXPECT_EQ(3, mq_purge_states(self->fd, 0, 0,
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) |
				     DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT) |
				     DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD)));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 1));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 5));
	EXPECT_EQ(2, mq_purge(self->fd, 0, 0));
}

TEST_F(purge, age_is_how_long_it_has_been_in_its_state)
{
	ASSERT_EQ(0, mq_fill_states(self->fd));
	self->purge.older_than_ns = MQ_HOUR;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(0, self->purge.purged);
	mq_sleep_ms(60);
	ASSERT_EQ(7, MQ_SEND(self->fd, .text = "new", .delay_ns = MQ_HOUR));
	self->purge.older_than_ns = 1;
	self->purge.last_id = 6;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(5, self->purge.purged);
	EXPECT_EQ(DEVMQ_STATE_DELAYED, mq_state(&self->queue, 7));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, mq_state(&self->queue, 4));
}

TEST_F(purge, reason_selects)
{
	struct devmq_purge purge = { .size = sizeof(purge), .reason = 300 };

	ASSERT_EQ(0, mq_fill(self->fd, 4));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, NULL));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 301, NULL));
	ASSERT_EQ(1, mq_reject(self->fd, 3));
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &purge));
	EXPECT_EQ(1, purge.purged);
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	purge.reason = DEVMQ_REASON_REJECTED;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &purge));
	EXPECT_EQ(1, purge.purged);
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 2));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 4));
}

TEST_F(purge, what_has_just_died_is_not_old)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	mq_sleep_ms(300);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	self->purge.older_than_ns = 250 * MQ_MS;
	ASSERT_EQ(0, PURGE());
	EXPECT_EQ(1, self->purge.purged);
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->queue, 1));
}

TEST_HARNESS_MAIN
