// SPDX-License-Identifier: GPL-2.0
/*
 * The counters: each of them, and whether they always add up.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/ring.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"

FIXTURE(stat) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct devmq_stat stat;
};

FIXTURE_SETUP(stat)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("");
}

FIXTURE_TEARDOWN(stat)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(stat, new_queue_is_all_zero)
{
	struct devmq_stat expected = { .size = sizeof(expected) };

	MQ_STAT(&self->queue);
	EXPECT_EQ(0, memcmp(&expected, &self->stat, sizeof(expected)));
}

TEST_F(stat, sent_ready_and_bytes)
{
	ASSERT_EQ(3, mq_put(self->fd, "one"));
	ASSERT_EQ(5, mq_put(self->fd, "three"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(2, self->stat.newest_id);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(8, self->stat.bytes);
	EXPECT_EQ(0, self->stat.delivered);
	EXPECT_EQ(0, self->stat.in_flight);
	EXPECT_EQ(0, self->stat.acked);
}

TEST_F(stat, delivered_and_acked)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(3, self->stat.sent);
	EXPECT_EQ(2, self->stat.delivered);
	EXPECT_EQ(2, self->stat.acked);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(0, self->stat.redelivered);
	EXPECT_EQ(2, self->stat.bytes);
}

TEST_F(stat, in_flight_and_redelivered)
{
	int i, fd;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 0; i < 3; i++) {
		fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0));
		ASSERT_EQ(0, mq_get(fd, "m1"));
		MQ_STAT(&self->queue);
		EXPECT_EQ(1, self->stat.in_flight);
		EXPECT_EQ(1, self->stat.ready);
		EXPECT_EQ(4, self->stat.bytes);
		EXPECT_EQ(i + 1, self->stat.delivered);
		EXPECT_EQ(i, self->stat.redelivered);
		EXPECT_EQ(1, self->stat.consumers);
		EXPECT_EQ(1, self->stat.producers);
		close(fd);
		MQ_STAT(&self->queue);
		EXPECT_EQ(0, self->stat.in_flight);
		EXPECT_EQ(2, self->stat.ready);
		EXPECT_EQ(0, self->stat.consumers);
	}
	EXPECT_EQ(0, self->stat.acked);
	EXPECT_EQ(2, self->stat.sent);
}

TEST_F(stat, purged)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(2, mq_purge(self->fd, 2, 3));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.purged);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(5, self->stat.sent);
	EXPECT_EQ(6, self->stat.bytes);
}

TEST_F(stat, dropped)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	MQ_STAT(&self->queue);
	EXPECT_EQ(3, self->stat.dropped);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(5, self->stat.sent);
}

TEST_F(stat, what_does_not_happen_stays_zero)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.delayed);
	EXPECT_EQ(0, self->stat.deferred);
	EXPECT_EQ(0, self->stat.dead);
	EXPECT_EQ(0, self->stat.expired);
	EXPECT_EQ(0, self->stat.dead_lettered);
	EXPECT_EQ(0, self->stat.deduplicated);
	EXPECT_EQ(0, self->stat.dead_refused);
	EXPECT_EQ(0, self->stat.dedup_forgotten);
}

TEST_F(stat, every_state_and_every_end_at_once)
{
	struct mq_queue grave;
	uint64_t ends = 0;
	int i;

	ASSERT_EQ(0, mq_create(&grave, ""));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	for (i = 1; i <= 8; i++)
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x"));
	ASSERT_EQ(9, MQ_SEND(self->fd, .text = "x", .ttl_ns = 1));
	ASSERT_EQ(10, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR));
	for (i = 1; i <= 7; i++)
		ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	ASSERT_EQ(1, mq_defer(self->fd, 3));
	ASSERT_EQ(1, mq_retry(self->fd, 4, MQ_HOUR));
	ASSERT_EQ(1, mq_retry(self->fd, 5, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				  grave.name));
	ASSERT_EQ(1, mq_reject(self->fd, 6));
	ASSERT_EQ(1, mq_purge(self->fd, 8, 8));
	MQ_STAT(&self->queue);
	EXPECT_EQ(10, self->stat.sent);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(1, self->stat.in_flight);
	EXPECT_EQ(2, self->stat.delayed);
	EXPECT_EQ(1, self->stat.deferred);
	EXPECT_EQ(1, self->stat.dead);
	EXPECT_EQ(1, self->stat.acked);
	EXPECT_EQ(1, self->stat.expired);
	EXPECT_EQ(1, self->stat.dead_lettered);
	EXPECT_EQ(1, self->stat.purged);
	EXPECT_EQ(6, self->stat.bytes);
	for (i = 0; i < 5; i++) {
		static const char * const names[] = {
			"delayed", "deferred", "dead", "expired",
			"dead_lettered",
		};

		ends += mq_sysfs_number(&self->queue, names[i]);
	}
	EXPECT_EQ(6, ends);
}

TEST_F(stat, refused_calls_count_nothing)
{
	struct devmq_stat before;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "10"));
	ASSERT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	MQ_STAT(&self->queue);
	before = self->stat;
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->fd, "12345678901"));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 5));
	EXPECT_EQ(-EINVAL, mq_send(self->fd, "x", 1, NULL));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "5"));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, MQ_BAD_POINTER, 5));
	MQ_STAT(&self->queue);
	before.oldest_ms = self->stat.oldest_ms;
	EXPECT_EQ(0, memcmp(&before, &self->stat, sizeof(before)));
}

/* The kernel measures ages in ticks: a tick is at most this long. */
#define TICK_MS	10

TEST_F(stat, oldest_ms_is_the_age_of_the_next_in_line)
{
	uint64_t start, second, now;

	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_ms);
	start = mq_now_ms();
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_sleep_ms(100);
	second = mq_now_ms();
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	MQ_STAT(&self->queue);
	now = mq_now_ms();
	EXPECT_LE(100 - TICK_MS, self->stat.oldest_ms);
	EXPECT_GE(now - start + 1 + TICK_MS, self->stat.oldest_ms);
	EXPECT_LE(100 - TICK_MS, mq_sysfs_number(&self->queue, "oldest_ms"));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	MQ_STAT(&self->queue);
	EXPECT_GE(mq_now_ms() - second + 1 + TICK_MS, self->stat.oldest_ms);
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_ms);
}

TEST_F(stat, age_of_a_message_that_came_back_begins_anew)
{
	uint64_t back;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_sleep_ms(50);
	MQ_STAT(&self->queue);
	EXPECT_LE(50 - TICK_MS, self->stat.oldest_ms);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_ms);
	mq_sleep_ms(50);
	back = mq_now_ms();
	ASSERT_EQ(1, mq_release(self->fd, 1));
	MQ_STAT(&self->queue);
	EXPECT_GE(mq_now_ms() - back + 1 + TICK_MS, self->stat.oldest_ms);
}

TEST_F(stat, age_of_a_delayed_message_begins_when_it_is_ready)
{
	uint64_t start = mq_now_ms();

	ASSERT_LT(0, MQ_SEND(self->fd, .text = "x", .delay_ns = 100 * MQ_MS));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready)));
	MQ_STAT(&self->queue);
	EXPECT_GE(mq_now_ms() - start - 100 + 1 + TICK_MS,
		  self->stat.oldest_ms);
}

static int step_clock(long long seconds)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_sec += seconds;
	return clock_settime(CLOCK_REALTIME, &time) ? -errno : 0;
}

/* A step by NTP, on a machine that booted with a wrong time. */
TEST_F(stat, step_of_the_clock_makes_no_message_older_and_purges_none)
{
	static const long long day = 86400, steps[] = { 20000, -3650 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		struct devmq_purge purge = {
			.size = sizeof(purge), .older_than_ns = MQ_HOUR,
		};

		ASSERT_EQ(0, mq_fill(self->fd, 2));
		ASSERT_EQ(0, step_clock(steps[i] * day));
		ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
		EXPECT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &purge));
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(0, step_clock(-steps[i] * day));
		EXPECT_GT(3600 * 1000, self->stat.oldest_ms);
		EXPECT_EQ(0, purge.purged);
		MQ_STAT(&self->queue);
		EXPECT_GT(3600 * 1000, self->stat.oldest_ms);
		ASSERT_EQ(3, mq_purge(self->fd, 0, 0));
	}
}

TEST_F(stat, oldest_in_flight_is_what_has_been_held_for_longest)
{
	uint64_t start, now, first;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_in_flight_ms);
	start = mq_now_ms();
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	first = mq_now_ms();
	mq_sleep_ms(400);
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	MQ_STAT(&self->queue);
	now = mq_now_ms();
	EXPECT_GE(now - start + 1, self->stat.oldest_in_flight_ms);
	EXPECT_LE((now - first) * 7 / 8 - 20,
		  self->stat.oldest_in_flight_ms + now - first - 400);
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	MQ_STAT(&self->queue);
	EXPECT_GE(mq_now_ms() - first - 400 + 60,
		  self->stat.oldest_in_flight_ms);
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_in_flight_ms);
}

/* Deliveries that begin and end in any order leave nothing behind. */
TEST_F(stat, oldest_in_flight_is_right_after_many_have_come_and_gone)
{
	uint64_t before;
	unsigned int i;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 301));
	for (i = 1; i <= 300; i++) {
		ASSERT_LT(0, mq_read(self->fd, (char [8]) {}, 8));
		mq_sleep_ms(1);
		if (i % 3)
			ASSERT_EQ(1, mq_ack(self->fd, i));
	}
	MQ_STAT(&self->queue);
	/* The third message has been held all the time. */
	EXPECT_LE(240, self->stat.oldest_in_flight_ms);
	for (i = 300; i; i -= 3)
		ASSERT_EQ(1, mq_ack(self->fd, i));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.oldest_in_flight_ms);
	before = mq_now_ms();
	ASSERT_EQ(0, mq_get(self->fd, "m301"));
	mq_sleep_ms(30);
	MQ_STAT(&self->queue);
	EXPECT_LE(20, self->stat.oldest_in_flight_ms);
	EXPECT_GE(mq_now_ms() - before + 1, self->stat.oldest_in_flight_ms);
}

TEST_F(stat, those_who_wait_are_counted_with_how_long_the_first_has)
{
	struct mq_call readers[2], writer;
	char data[2][8];
	int in, out, i;

	in = mq_open(&self->queue, O_RDONLY);
	out = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, out);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.waiting_receivers);
	EXPECT_EQ(0, self->stat.receiver_wait_ms);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_read_start(&readers[i], in, data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&readers[i]));
		mq_sleep_ms(50);
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.waiting_receivers);
	EXPECT_LE(100, self->stat.receiver_wait_ms);
	EXPECT_EQ(0, self->stat.waiting_senders);
	EXPECT_EQ(0, self->stat.sender_wait_ms);
	EXPECT_EQ(2, mq_sysfs_number(&self->queue, "waiting_receivers"));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(2, mq_call_result(&readers[i]));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_write_start(&writer, out, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&writer));
	mq_sleep_ms(50);
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.waiting_receivers);
	EXPECT_EQ(0, self->stat.receiver_wait_ms);
	EXPECT_EQ(1, self->stat.waiting_senders);
	EXPECT_LE(50, self->stat.sender_wait_ms);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_call_result(&writer));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.waiting_senders);
	close(in);
	close(out);
}

TEST_F(stat, one_who_is_killed_waits_no_more)
{
	pid_t child = mq_fork();

	if (!child) {
		mq_read(mq_open(&self->queue, O_RDONLY), (char [8]) {}, 8);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	EXPECT_EQ(1, mq_stat_of(&self->queue, waiting_receivers));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, waiting_receivers));
}

TEST_F(stat, sysfs_tells_the_same)
{
	static const struct {
		const char *name;
		size_t offset;
	} counters[] = {
#define COUNTER(name) { #name, offsetof(struct devmq_stat, name) }
		COUNTER(ready), COUNTER(in_flight), COUNTER(delayed),
		COUNTER(deferred), COUNTER(dead), COUNTER(bytes),
		COUNTER(sent), COUNTER(delivered), COUNTER(acked),
		COUNTER(redelivered), COUNTER(expired), COUNTER(dead_lettered),
		COUNTER(dropped), COUNTER(purged), COUNTER(deduplicated),
		COUNTER(consumers), COUNTER(producers), COUNTER(dead_refused),
		COUNTER(dedup_forgotten),
#undef COUNTER
	};
	unsigned int i;
	int holder;

	/* Give each counter that can move a value of its own. */
	ASSERT_EQ(0, mq_fill(self->fd, 40));
	holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
	for (i = 0; i < 7; i++)
		ASSERT_LT(0, mq_read(holder, (char [8]) {}, 8));
	close(holder);
	holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(0, mq_consumer_set(holder, DEVMQ_ACK_MANUAL, 0));
	for (i = 0; i < 3; i++)
		ASSERT_LT(0, mq_read(holder, (char [8]) {}, 8));
	for (i = 0; i < 5; i++)
		ASSERT_LT(0, mq_read(self->fd, (char [8]) {}, 8));
	ASSERT_EQ(11, mq_purge(self->fd, 20, 30));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "24"));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(1, mq_put(self->fd, "x"));

	MQ_STAT(&self->queue);
	EXPECT_EQ(42, self->stat.sent);
	EXPECT_EQ(3, self->stat.in_flight);
	EXPECT_EQ(5, self->stat.acked);
	EXPECT_EQ(15, self->stat.delivered);
	EXPECT_EQ(7, self->stat.redelivered);
	EXPECT_EQ(11, self->stat.purged);
	EXPECT_EQ(2, self->stat.consumers);
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		EXPECT_EQ(*(__u64 *)((char *)&self->stat + counters[i].offset),
			  mq_sysfs_number(&self->queue, counters[i].name)) {
			TH_LOG("%s differs", counters[i].name);
		}
	}
}

TEST_F(stat, released_delivery_is_not_a_redelivery)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.delivered);
	EXPECT_EQ(0, self->stat.redelivered);
}

/* -- under load ------------------------------------------------------------ */

struct worker {
	FIXTURE_DATA(stat) *fixture;
	void (*work)(struct worker *worker, int fd);
	int flags, *stop;
	unsigned int seed;
	pthread_t thread;
};

static unsigned int next_random(struct worker *worker)
{
	worker->seed = worker->seed * 1103515245 + 12345;
	return worker->seed >> 16 & 0x7fff;
}

static void *worker_thread(void *argument)
{
	struct worker *worker = argument;
	int fd = -1;

	while (!__atomic_load_n(worker->stop, __ATOMIC_RELAXED)) {
		if (fd < 0)
			fd = mq_open(&worker->fixture->queue,
				     worker->flags | O_NONBLOCK);
		worker->work(worker, fd);
		/* Now and then a close returns all that is held. */
		if (!(next_random(worker) % 64)) {
			close(fd);
			fd = -1;
		}
	}
	close(fd);
	return NULL;
}

static void work_write(struct worker *worker, int fd)
{
	char data[512] = {};

	mq_write(fd, data, 1 + next_random(worker) % sizeof(data));
}

static void work_send(struct worker *worker, int fd)
{
	struct mq_batch batch = {};
	int i;

	for (i = next_random(worker) % 20; i >= 0; i--)
		mq_batch_add(&batch, "a record");
	mq_send(fd, batch.data, batch.size, NULL);
	mq_batch_free(&batch);
}

static void work_read(struct worker *worker, int fd)
{
	char data[512];

	mq_read(fd, data, 1 + next_random(worker) % sizeof(data));
}

static void work_hold(struct worker *worker, int fd)
{
	struct devmq_recv recv;
	char data[4096];
	long long last;

	mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 50);
	mq_recv(fd, data, sizeof(data), &recv);
	mq_read(fd, data, next_random(worker) % 64 + 1);
	last = mq_last_id(fd);
	mq_settle(fd, last > 3 ? last - 3 : 1, ~0ULL, DEVMQ_ACTION_RELEASE);
	mq_settle(fd, 1, last > 1 ? last : 1, DEVMQ_ACTION_ACK);
}

/* End or extend deliveries in all ways, in any order. */
static void work_settle(struct worker *worker, int fd)
{
	struct devmq_recv recv;
	char data[4096];
	long long last;
	int i;

	mq_consumer_set_lease(fd, DEVMQ_ACK_MANUAL, 20,
			      next_random(worker) % 3 * MQ_MS);
	mq_recv(fd, data, sizeof(data), &recv);
	for (i = 0; i < 8; i++) {
		last = mq_last_id(fd) - next_random(worker) % 8;
		switch (next_random(worker) % 5) {
		case 0:
			mq_retry(fd, last, next_random(worker) * 100ULL);
			break;
		case 1:
			mq_reject_with(fd, last, 300, "rejected");
			break;
		case 2:
			mq_defer(fd, last);
			break;
		case 3:
			mq_extend(fd, last, 1 + next_random(worker) * 100ULL);
			break;
		default:
			mq_recv_id(fd, last, data, sizeof(data), &recv);
		}
	}
}

static void work_time(struct worker *worker, int fd)
{
	MQ_SEND(fd, .text = "timed", .delay_ns = next_random(worker) * 100ULL,
		.ttl_ns = next_random(worker) * 1000ULL);
	usleep(200);
}

static void work_redrive(struct worker *worker, int fd)
{
	mq_redrive(fd, 0, 0, -1, NULL);
	mq_purge_states(fd, 0, 0, DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED));
	mq_sysfs_set(&worker->fixture->queue, "max_dead", "%u",
		     next_random(worker) % 20);
	mq_sysfs_set(&worker->fixture->queue, "on_expiry", "%s",
		     next_random(worker) % 2 ? "dead" : "drop");
	usleep(1000);
}

static void work_purge(struct worker *worker, int fd)
{
	long long id = next_random(worker);

	mq_purge(fd, id, id + 100);
	usleep(500);
}

static void work_overflow(struct worker *worker, int fd)
{
	static const char * const modes[] = { "block", "reject", "drop-head" };

	mq_sysfs_set(&worker->fixture->queue, "overflow", "%s",
		     modes[next_random(worker) % 3]);
	usleep(500);
}

TEST_F(stat, sum_holds_at_every_moment_under_load)
{
	static void (* const works[])(struct worker *, int) = {
		work_write, work_send, work_read, work_hold, work_purge,
		work_overflow, work_settle, work_time, work_redrive,
	};
	struct worker workers[ARRAY_SIZE(works)] = {};
	struct devmq_stat last = {};
	uint64_t start = mq_now_ms();
	unsigned int i, looks = 0;
	int stop = 0;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "200"));
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		workers[i].fixture = self;
		workers[i].work = works[i];
		workers[i].flags = O_RDWR;
		workers[i].stop = &stop;
		workers[i].seed = i;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL,
					    worker_thread, &workers[i]));
	}
	/* Run longer if some events have not happened yet. */
	while (mq_now_ms() < start + 3000 ||
	       ((looks <= 10 || !last.acked || !last.redelivered) &&
		mq_now_ms() < start + MQ_PATIENCE_MS)) {
		ASSERT_EQ(0, mq_stat_fd(self->fd, &self->stat));
		ASSERT_TRUE(mq_conserved(&self->stat)) {
			TH_LOG("sent %llu, ready %llu, in flight %llu, acked %llu, dropped %llu, purged %llu",
			       self->stat.sent, self->stat.ready,
			       self->stat.in_flight, self->stat.acked,
			       self->stat.dropped, self->stat.purged);
		}
		/* Counters of events only grow. */
		ASSERT_LE(last.sent, self->stat.sent);
		ASSERT_LE(last.delivered, self->stat.delivered);
		ASSERT_LE(last.redelivered, self->stat.redelivered);
		ASSERT_LE(last.acked, self->stat.acked);
		ASSERT_LE(last.dropped, self->stat.dropped);
		ASSERT_LE(last.purged, self->stat.purged);
		ASSERT_LE(last.expired, self->stat.expired);
		ASSERT_LE(last.dead_refused, self->stat.dead_refused);
		ASSERT_GE(200, self->stat.ready + self->stat.in_flight +
			  self->stat.delayed + self->stat.deferred +
			  self->stat.dead);
		last = self->stat;
		looks++;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(works); i++)
		pthread_join(workers[i].thread, NULL);
	EXPECT_LT(10, looks);

	/*
	 * The workers have ended: no delivery is held, and all messages can be
	 * purged.
	 */
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.in_flight);
	EXPECT_EQ(0, self->stat.consumers);
	EXPECT_EQ(0, self->stat.producers);
	EXPECT_LT(0, self->stat.acked);
	EXPECT_LT(0, self->stat.redelivered);
	/* Timers may still change messages in between. */
	ASSERT_LE(0, mq_purge(self->fd, 0, 0));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.bytes);
}

TEST_HARNESS_MAIN
