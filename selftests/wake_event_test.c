// SPDX-License-Identifier: GPL-2.0
/*
 * Wake-ups by returned credit, by timers, and by events in other queues.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "fixtures/wake.h"

/* -- credit that comes back as a thread begins to wait --------------------- */

#define CREDIT_ROUNDS	4000
/* A slow machine does as many rounds as it can in this time. */
#define CREDIT_MS	60000

/* A thread that receives one message for each round that begins. */
struct taker {
	int fd;
	int round;		/* the last round that began, or -1 to end */
	int taken;		/* the last round whose message it has */
	uint64_t id;		/* of that message */
	int result;
};

static void *take_each(void *arg)
{
	char buffer[256] __attribute__((aligned(8)));
	struct devmq_recv recv;
	struct taker *t = arg;
	int round;

	for (;;) {
		while ((round = __atomic_load_n(&t->round, __ATOMIC_ACQUIRE)) ==
		       t->taken)
			;
		if (round < 0)
			return NULL;
		mq_recv_init(&recv, buffer, sizeof(buffer));
		recv.max_count = 1;
		recv.deadline_ns = DEVMQ_FOREVER;
		t->result = mq_ioctl(t->fd, DEVMQ_IOC_RECV, &recv);
		t->id = ((struct devmq_record *)buffer)->id;
		__atomic_store_n(&t->taken, round, __ATOMIC_RELEASE);
	}
}

static void begin(struct taker *t, int round)
{
	__atomic_store_n(&t->round, round, __ATOMIC_RELEASE);
}

static bool has_taken(struct taker *t, int round)
{
	return mq_wait_until(__atomic_load_n(&t->taken, __ATOMIC_ACQUIRE) ==
			     round);
}

/* Spin for up to some microseconds, for a different time in each round. */
static void linger(int round)
{
	int i;

	/* The fence keeps the compiler from removing the loop. */
	for (i = 0; i < round * 7919 % 4001; i++)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

TEST_F(wake, credit_that_comes_back_as_a_thread_begins_to_wait)
{
	struct taker t = { .fd = mq_open(&self->queue, O_RDONLY) };
	uint64_t end = mq_now_ms() + CREDIT_MS;
	pthread_t thread;
	int round;

	/*
	 * This thread settles what the other one received, while that one calls
	 * RECV again.
	 */
	ASSERT_LE(0, t.fd);
	ASSERT_EQ(0, mq_consumer_set(t.fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, take_each, &t));
	for (round = 1; round <= CREDIT_ROUNDS && mq_now_ms() < end; round++) {
		uint64_t id = t.id;

		begin(&t, round);
		linger(round);
		if (round > 1)
			ASSERT_EQ(1, mq_ack(t.fd, id));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(has_taken(&t, round)) {
			TH_LOG("round %d: ready %llu, in flight %llu", round,
			       mq_stat_of(&self->queue, ready),
			       mq_stat_of(&self->queue, in_flight));
		}
		ASSERT_EQ(0, t.result);
	}
	begin(&t, -1);
	pthread_join(thread, NULL);
	close(t.fd);
}

TEST_F(wake, active_consumer_that_goes_as_another_begins_to_wait)
{
	struct taker t = {};
	uint64_t end = mq_now_ms() + CREDIT_MS;
	pthread_t thread;
	int round, active;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "single_active", "1"));
	close(self->fd);
	MQ_OPEN(fd, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(0, pthread_create(&thread, NULL, take_each, &t));
	for (round = 1; round <= CREDIT_ROUNDS && mq_now_ms() < end; round++) {
		active = mq_open(&self->queue, O_RDONLY);
		t.fd = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, active);
		ASSERT_LE(0, t.fd);
		begin(&t, round);
		linger(round);
		close(active);
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_TRUE(has_taken(&t, round)) {
			TH_LOG("in round %d", round);
		}
		ASSERT_EQ(0, t.result);
		close(t.fd);
	}
	begin(&t, -1);
	pthread_join(thread, NULL);
}

/* -- timers, settlements and other queues ---------------------------------- */

/* Send three messages, and let @holder hold them. */
#define HOLD_THREE(holder) do {						\
	holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);		\
	ASSERT_LE(0, holder);						\
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));	\
	ASSERT_EQ(0, mq_fill(self->fd, 3));				\
	ASSERT_EQ(0, mq_get(holder, "m1"));				\
	ASSERT_EQ(0, mq_get(holder, "m2"));				\
	ASSERT_EQ(0, mq_get(holder, "m3"));				\
} while (0)

TEST_F(wake, delayed_messages_wake_as_many_readers)
{
	int i;

	UNTIL_CALM() {
		START_READERS();
		for (i = 1; i <= 3; i++)
			ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x",
					     .delay_ns = 30 * MQ_MS));
		EXPECT_WOKEN(3);
	}
}

TEST_F(wake, messages_retried_after_a_delay_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		START_READERS();
		ASSERT_EQ(3, mq_settle_after(holder, 1, 3, DEVMQ_ACTION_RETRY,
					     30 * MQ_MS));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, messages_whose_lease_ends_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		START_READERS();
		ASSERT_EQ(3, mq_settle_after(holder, 1, 3, DEVMQ_ACTION_EXTEND,
					     30 * MQ_MS));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, redriven_messages_wake_as_many_readers)
{
	int holder;

	UNTIL_CALM() {
		HOLD_THREE(holder);
		ASSERT_EQ(3, mq_settle(holder, 1, 3, DEVMQ_ACTION_REJECT));
		START_READERS();
		ASSERT_EQ(3, mq_redrive(self->fd, 0, 0, -1, NULL));
		EXPECT_WOKEN(3);
		close(holder);
	}
}

TEST_F(wake, dead_messages_that_stay_wake_nobody)
{
	int holder;

	HOLD_THREE(holder);
	START_READERS();
	ASSERT_EQ(2, mq_settle(holder, 1, 2, DEVMQ_ACTION_REJECT));
	ASSERT_EQ(1, mq_defer(holder, 3));
	EXPECT_WOKEN(0);
	EXPECT_EQ(0, self->vain);
	close(holder);
}

TEST_F(wake, dead_messages_that_move_wake_readers_over_there)
{
	struct mq_queue grave;
	int i, holder, fd;

	/* The sleepers wait at the dead-letter queue. */
	UNTIL_CALM() {
		grave = self->queue;
		fd = self->fd;
		ASSERT_EQ(0, mq_create(&self->queue, "dead_letter=%s",
				       grave.name));
		self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fd);
		HOLD_THREE(holder);
		for (i = 0; i < SLEEPERS; i++) {
			self->fds[i] = mq_open(&grave, O_RDONLY);
			ASSERT_LE(0, self->fds[i]);
			ASSERT_EQ(0, mq_read_start(&self->calls[i],
						   self->fds[i],
						   self->data[i], 64));
			ASSERT_TRUE(mq_call_sleeps(&self->calls[i]));
		}
		remember(self);
		ASSERT_EQ(3, mq_settle(holder, 1, 3, DEVMQ_ACTION_REJECT));
		EXPECT_WOKEN(3);
		close(holder);
		close(fd);
	}
}

/* Let @holder hold three messages until after their expiry. */
static int hold_expired(FIXTURE_DATA(wake) *self, int holder)
{
	uint64_t end = 0, ttl = 20 * MQ_MS;
	int held = 0;

	while (held < 3) {
		if (MQ_SEND(self->fd, .text = "x", .ttl_ns = ttl) < 0)
			return -EIO;
		end = mq_boot_ns() + ttl;
		if (mq_read(holder, self->data[0], 64) == 1)
			held++;
		else
			ttl *= 2;
	}
	while (mq_boot_ns() <= end)
		usleep(1000);
	return 0;
}

TEST_F(wake, expired_messages_wake_as_many_writers)
{
	int holder;

	UNTIL_CALM() {
		holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, holder);
		ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
		ASSERT_EQ(0, hold_expired(self, holder));
		ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "3"));
		START_WRITERS("y");
		ASSERT_EQ(3, mq_settle(holder, 1, ~0ULL,
				       DEVMQ_ACTION_RELEASE));
		EXPECT_WOKEN(3);
		EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
		close(holder);
	}
}

TEST_HARNESS_MAIN
