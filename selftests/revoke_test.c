// SPDX-License-Identifier: GPL-2.0
/* REVOKE: a caller that may purge a queue settles what its consumers hold. */
#include <pthread.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

FIXTURE(revoke) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual: the holder */
	int looker;		/* MQ_LOOK: revokes */
	struct devmq_revoke revoke;
};

FIXTURE_SETUP(revoke)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("ack=manual");
	MQ_OPEN(looker, MQ_LOOK);
	/* Messages 1 to 5 are held, and 6 is ready. */
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	for (int i = 1; i <= 5; i++)
		ASSERT_EQ(2, mq_read(self->fd, (char [8]) {}, 8));
	ASSERT_EQ(5, mq_held(self->fd));
}

FIXTURE_TEARDOWN(revoke)
{
	close(self->fd);
	close(self->looker);
	EXPECT_EQ(0, mq_cleanup());
}

static void revoke_init(FIXTURE_DATA(revoke) *self, uint64_t first,
			uint64_t last, uint32_t action)
{
	memset(&self->revoke, 0, sizeof(self->revoke));
	self->revoke.size = sizeof(self->revoke);
	memset(&self->revoke.busy, MQ_POISON, sizeof(self->revoke.busy));
	mq_settlement(&self->revoke.how, first, last, action);
}

static int run(FIXTURE_DATA(revoke) *self, int fd)
{
	return mq_ioctl(fd, DEVMQ_IOC_REVOKE, &self->revoke);
}

/* Run the REVOKE: how many deliveries it settled, or a negative errno. */
static long long revoked(FIXTURE_DATA(revoke) *self)
{
	int error = run(self, self->looker);

	if (error)
		return error;
	if (self->revoke.busy || self->revoke.how.error)
		return -EBADMSG;
	return self->revoke.how.settled;
}

#define REVOKE(first, last, action) ({					\
	revoke_init(self, first, last, action);				\
	revoked(self);							\
})

TEST_F(revoke, released_message_is_for_others_and_its_holder_has_lost_it)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct mq_look look;

	ASSERT_LE(0, other);
	EXPECT_EQ(1, REVOKE(3, 3, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(4, mq_held(self->fd));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 3));
	ASSERT_EQ(0, mq_take(other, &look));
	EXPECT_EQ(3, look.record.id);
	/* The message looks as if it had not been delivered before. */
	EXPECT_EQ(1, look.record.attempt);
	EXPECT_EQ(0, look.record.failures);
	EXPECT_EQ(1, mq_ack(other, 3));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	close(other);
}

TEST_F(revoke, range_takes_what_is_in_flight_in_it)
{
	EXPECT_EQ(4, REVOKE(2, UINT64_MAX, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(5, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, REVOKE(2, UINT64_MAX, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(1, REVOKE(1, 1, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_F(revoke, only_what_a_process_holds)
{
	struct mq_look look;
	int sockets[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		close(self->fd);
		close(sockets[1]);
		if (mq_get(fd, "m6") || write(sockets[0], "6", 1) != 1)
			_exit(1);
		/* The parent closes its socket when it is done. */
		while (read(sockets[0], &byte, 1) > 0)
			;
		_exit(mq_ack(fd, 6) == -ESTALE ? 0 : 2);
	}
	close(sockets[0]);
	/* While the child reads the message, it is busy. */
	ASSERT_EQ(1, read(sockets[1], &byte, 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 6, &look));
	ASSERT_EQ(child, look.extra.holder_pid);
	revoke_init(self, 1, UINT64_MAX, DEVMQ_ACTION_RELEASE);
	self->revoke.holder_pid = child;
	EXPECT_EQ(1, revoked(self));
	EXPECT_EQ(DEVMQ_STATE_READY, mq_state(&self->queue, 6));
	EXPECT_EQ(5, mq_held(self->fd));
	revoke_init(self, 1, UINT64_MAX, DEVMQ_ACTION_RELEASE);
	self->revoke.holder_pid = 1 << 22;
	EXPECT_EQ(0, revoked(self));
	close(sockets[1]);
	status = mq_wait_child(child);
	EXPECT_EQ(0, status);
}

TEST_F(revoke, rejected_message_is_dead_with_reason_and_note)
{
	struct mq_look look;

	revoke_init(self, 2, 3, DEVMQ_ACTION_REJECT);
	self->revoke.how.reason = 300;
	self->revoke.how.note = (uintptr_t)"stuck";
	self->revoke.how.note_size = 5;
	EXPECT_EQ(2, revoked(self));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &look));
	EXPECT_EQ(DEVMQ_STATE_DEAD, look.record.state);
	EXPECT_EQ(300, look.extra.reason);
	EXPECT_STREQ("stuck", look.note);
	EXPECT_EQ(2, mq_stat_of(&self->queue, dead));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 2));
}

TEST_F(revoke, purged_message_is_gone_and_counted_as_such)
{
	EXPECT_EQ(2, REVOKE(4, 5, DEVMQ_ACTION_PURGE));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 4));
	EXPECT_EQ(2, mq_stat_of(&self->queue, purged));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 5));
	/* A holder cannot use this action in SETTLE. */
	EXPECT_EQ(-EINVAL, mq_settle(self->fd, 1, 1, DEVMQ_ACTION_PURGE));
	EXPECT_EQ(3, mq_held(self->fd));
}

TEST_F(revoke, purged_message_frees_its_dedup_id)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	ASSERT_EQ(7, MQ_SEND(self->fd, .text = "m7", .dedup = "once"));
	MQ_SEND(self->fd, .text = "m7", .dedup = "once");
	ASSERT_EQ(1, mq_stat_of(&self->queue, deduplicated));
	ASSERT_EQ(0, mq_get(self->fd, "m6"));
	ASSERT_EQ(0, mq_get(self->fd, "m7"));
	EXPECT_EQ(1, REVOKE(7, 7, DEVMQ_ACTION_PURGE));
	EXPECT_EQ(8, MQ_SEND(self->fd, .text = "m8", .dedup = "once"));
	/* An acknowledgment does not free the id. */
	ASSERT_EQ(0, mq_get(self->fd, "m8"));
	EXPECT_EQ(1, REVOKE(8, 8, DEVMQ_ACTION_ACK));
	MQ_SEND(self->fd, .text = "m9", .dedup = "once");
	EXPECT_EQ(2, mq_stat_of(&self->queue, deduplicated));
	EXPECT_EQ(8, mq_stat_of(&self->queue, sent));
}

TEST_F(revoke, acknowledged_retried_and_deferred_as_by_its_holder)
{
	EXPECT_EQ(1, REVOKE(1, 1, DEVMQ_ACTION_ACK));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	revoke_init(self, 2, 2, DEVMQ_ACTION_RETRY);
	self->revoke.how.delay_ns = MQ_HOUR;
	EXPECT_EQ(1, revoked(self));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, mq_state(&self->queue, 2));
	EXPECT_EQ(1, REVOKE(3, 3, DEVMQ_ACTION_DEFER));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, mq_state(&self->queue, 3));
	EXPECT_EQ(2, mq_held(self->fd));
}

TEST_F(revoke, extended_delivery_stays_where_it_is)
{
	struct mq_look look;

	revoke_init(self, 1, 1, DEVMQ_ACTION_EXTEND);
	self->revoke.how.delay_ns = MQ_HOUR;
	EXPECT_EQ(1, revoked(self));
	EXPECT_EQ(5, mq_held(self->fd));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &look));
	EXPECT_LT(look.extra.since_ns + MQ_HOUR / 2, look.extra.due_ns);
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	/* A lease of 1 ns ends at once, which returns the message. */
	revoke_init(self, 2, 2, DEVMQ_ACTION_EXTEND);
	self->revoke.how.delay_ns = 1;
	EXPECT_EQ(1, revoked(self));
	EXPECT_TRUE(mq_wait_until(mq_state(&self->queue, 2) !=
				  DEVMQ_STATE_IN_FLIGHT));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 2));
}

TEST_F(revoke, half_read_message_is_lost_to_its_reader)
{
	char byte;

	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ('m', byte);
	EXPECT_EQ(1, REVOKE(6, 6, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(-ESTALE, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_get(self->fd, "m6"));
}

TEST_F(revoke, holder_that_could_hold_no_more_goes_on)
{
	struct mq_call call;
	char data[8];
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 1));
	ASSERT_EQ(0, mq_get(fd, "m6"));
	ASSERT_LT(0, mq_put(self->fd, "m7"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, REVOKE(6, 6, DEVMQ_ACTION_REJECT));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(data, "m7", 2));
	close(fd);
}

TEST_F(revoke, released_message_wakes_a_reader)
{
	struct mq_call call;
	char data[8];
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_get(self->fd, "m6"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, REVOKE(2, 2, DEVMQ_ACTION_RELEASE));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(data, "m2", 2));
	close(fd);
}

TEST_F(revoke, writer_gets_the_room_of_what_is_purged)
{
	struct mq_call call;
	int fd = mq_open(&self->queue, O_WRONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "6"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, REVOKE(2, 2, DEVMQ_ACTION_PURGE));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

TEST_F(revoke, who_may_not_purge_may_not_revoke)
{
	int writer = mq_open(&self->queue, O_WRONLY);

	ASSERT_LE(0, writer);
	revoke_init(self, 1, 5, DEVMQ_ACTION_RELEASE);
	EXPECT_EQ(-EBADF, run(self, writer));
	EXPECT_EQ(5, mq_held(self->fd));
	/* A file that may receive may also revoke. */
	EXPECT_EQ(0, run(self, self->fd));
	EXPECT_EQ(5, self->revoke.how.settled);
	close(writer);
}

TEST_F(revoke, what_makes_no_sense_is_refused)
{
	struct {
		uint64_t first, last, delay, note;
		uint32_t action;
		uint16_t note_size, reason;
	} bad[] = {
		{ 0, 5, 0, 0, DEVMQ_ACTION_RELEASE },
		{ 5, 4, 0, 0, DEVMQ_ACTION_RELEASE },
		{ 1, 5, 0, 0, 0 },
		{ 1, 5, 0, 0, DEVMQ_ACTION_PURGE + 1 },
		{ 1, 5, 1, 0, DEVMQ_ACTION_RELEASE },
		{ 1, 5, 1, 0, DEVMQ_ACTION_PURGE },
		{ 1, 5, 0, (uintptr_t)"x", DEVMQ_ACTION_RELEASE, 1 },
		{ 1, 5, 0, (uintptr_t)"x", DEVMQ_ACTION_REJECT, 0 },
		{ 1, 5, 0, 0, DEVMQ_ACTION_REJECT, 1 },
		{ 1, 5, 0, (uintptr_t)"x", DEVMQ_ACTION_REJECT,
		  DEVMQ_NOTE_MAX + 1 },
		{ 1, 5, 0, 0, DEVMQ_ACTION_REJECT, 0,
		  DEVMQ_REASON_USER - 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		revoke_init(self, bad[i].first, bad[i].last, bad[i].action);
		self->revoke.how.delay_ns = bad[i].delay;
		self->revoke.how.note = bad[i].note;
		self->revoke.how.note_size = bad[i].note_size;
		self->revoke.how.reason = bad[i].reason;
		EXPECT_EQ(-EINVAL, run(self, self->looker)) {
			TH_LOG("case %u", i);
		}
	}
	revoke_init(self, 1, 5, DEVMQ_ACTION_REJECT);
	self->revoke.how.note = (uintptr_t)MQ_BAD_POINTER;
	self->revoke.how.note_size = 1;
	EXPECT_EQ(-EFAULT, run(self, self->looker));
	EXPECT_EQ(5, mq_held(self->fd));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, REVOKE(1, 5, DEVMQ_ACTION_RELEASE));
}

/* -- races ----------------------------------------------------------------- */

#define RACE_MESSAGES	20000

struct racer {
	const struct mq_queue *queue;
	int way;
	bool stop;
	uint64_t acked;		/* according to its calls */
	int error;
};

/* A consumer that reads, closes, releases, extends and acknowledges. */
static void *race_consumer(void *argument)
{
	struct racer *r = argument;
	int fd = -1, n = 0;
	char data[16];

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		ssize_t size;

		if (fd < 0)
			fd = mq_open(r->queue, O_RDONLY | O_NONBLOCK);
		size = mq_read(fd, data, n % 7 ? sizeof(data) : 1);
		if (size < 0 && size != -EAGAIN && size != -ESTALE)
			r->error = size;
		switch (++n % 8) {
		case 0:
			close(fd);
			fd = -1;
			break;
		case 1:
			mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_RELEASE);
			break;
		case 2:
			mq_settle_after(fd, 1, UINT64_MAX, DEVMQ_ACTION_EXTEND,
					MQ_MS);
			break;
		default:
			size = mq_settle(fd, 1, UINT64_MAX, DEVMQ_ACTION_ACK);
			if (size > 0)
				r->acked += size;
			else if (size != -ESTALE)
				r->error = size;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void *race_operator(void *argument)
{
	static const uint32_t actions[] = {
		DEVMQ_ACTION_RELEASE, DEVMQ_ACTION_EXTEND, DEVMQ_ACTION_PURGE,
		DEVMQ_ACTION_DEFER, DEVMQ_ACTION_REJECT, DEVMQ_ACTION_RETRY,
	};
	struct racer *r = argument;
	int fd = mq_open(r->queue, MQ_LOOK);
	unsigned int n = 0;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		struct devmq_revoke revoke = { .size = sizeof(revoke) };
		int error;

		mq_settlement(&revoke.how, 1, UINT64_MAX,
			      actions[n++ % ARRAY_SIZE(actions)]);
		if (revoke.how.action == DEVMQ_ACTION_EXTEND)
			revoke.how.delay_ns = MQ_MS;
		error = mq_ioctl(fd, DEVMQ_IOC_REVOKE, &revoke);
		if (error)
			r->error = error;
	}
	close(fd);
	return NULL;
}

TEST_F(revoke, nothing_is_lost_whatever_the_holder_does_meanwhile)
{
	struct racer racers[4];
	struct devmq_stat stat;
	pthread_t threads[4];
	uint64_t acked = 0;
	int i;

	ASSERT_EQ(5, REVOKE(1, 5, DEVMQ_ACTION_PURGE));
	memset(racers, 0, sizeof(racers));
	for (i = 0; i < 4; i++) {
		racers[i].queue = &self->queue;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < 3 ?
					    race_consumer : race_operator,
					    &racers[i]));
	}
	for (i = 0; i < RACE_MESSAGES; i++)
		ASSERT_LT(0, mq_put(self->fd, "some text"));
	for (i = 0; i < 4; i++) {
		__atomic_store_n(&racers[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, racers[i].error);
		acked += racers[i].acked;
	}
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_TRUE(mq_conserved(&stat));
	EXPECT_EQ(0, stat.in_flight);
	EXPECT_EQ(acked, stat.acked);
	EXPECT_EQ(6 + RACE_MESSAGES, stat.sent);
	/* The messages that are counted are there. */
	EXPECT_EQ(stat.ready + stat.delayed + stat.deferred + stat.dead,
		  mq_purge(self->looker, 0, 0));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_HARNESS_MAIN
