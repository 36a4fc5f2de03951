// SPDX-License-Identifier: GPL-2.0
/* Moving messages of any state from one queue to another. */
#include <signal.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"

#define ANY	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD))
#define ONLY(state)	DEVMQ_STATE_MASK(DEVMQ_STATE_##state)

FIXTURE(move) {
	struct mq_queue from;
	struct mq_queue to;
	int fd;			/* of the first: O_RDWR, O_NONBLOCK, ack=manual */
	int to_fd;		/* of the second, likewise */
	struct mq_look look;
	struct devmq_stat stat;
	struct devmq_redrive result;
	char buffer[4096];
};

#define CREATE_FROM(...) do {						\
	ASSERT_EQ(0, mq_create(&self->from, "ack=manual " __VA_ARGS__)); \
	self->fd = mq_open(&self->from, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
} while (0)

#define CREATE_TO(...) do {						\
	ASSERT_EQ(0, mq_create(&self->to, "ack=manual " __VA_ARGS__));	\
	self->to_fd = mq_open(&self->to, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->to_fd);					\
} while (0)

#define CREATE() do {							\
	CREATE_FROM("");						\
	CREATE_TO("");							\
} while (0)

FIXTURE_SETUP(move)
{
	MQ_REQUIRE();
	self->fd = -1;
	self->to_fd = -1;
}

FIXTURE_TEARDOWN(move)
{
	close(self->fd);
	close(self->to_fd);
	EXPECT_EQ(0, mq_cleanup());
}

static void redrive_init(struct devmq_redrive *a, uint32_t states, int to)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->flags = DEVMQ_REDRIVE_TO;
	a->states = states;
	a->target_fd = to;
	memset(&a->moved, MQ_POISON, sizeof(a->moved));
	memset(&a->stranded, MQ_POISON, sizeof(a->stranded));
}

/*
 * Move messages in these states: how many, or a negative errno. All results of
 * the call are in self->result.
 */
static long long move(FIXTURE_DATA(move) *self, uint32_t states)
{
	int error;

	redrive_init(&self->result, states, self->to_fd);
	error = mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &self->result);
	return error ? error : (long long)self->result.moved;
}

/* -- which messages move, and what they become ----------------------------- */

TEST_F(move, ready_messages_go_in_their_order_under_new_numbers)
{
	CREATE();
	ASSERT_EQ(5, mq_put(self->to_fd, "first"));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(3, move(self, ONLY(READY)));
	EXPECT_EQ(0, self->result.stranded);
	MQ_STAT(&self->from);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(3, self->stat.purged);
	EXPECT_EQ(0, self->stat.bytes);
	MQ_STAT(&self->to);
	EXPECT_EQ(4, self->stat.ready);
	EXPECT_EQ(4, self->stat.sent);
	EXPECT_EQ(11, self->stat.bytes);
	EXPECT_EQ(0, mq_get(self->to_fd, "first"));
	EXPECT_EQ(0, mq_get(self->to_fd, "m1"));
	EXPECT_EQ(2, mq_last_id(self->to_fd));
	EXPECT_EQ(0, mq_get(self->to_fd, "m2"));
	EXPECT_EQ(0, mq_get(self->to_fd, "m3"));
	EXPECT_EQ(4, mq_last_id(self->to_fd));
}

TEST_F(move, message_keeps_all_that_its_sender_gave_it)
{
	struct mq_look before;

	CREATE_FROM("priorities=5");
	CREATE_TO("priorities=5");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .key = "a key",
			     .priority = 3, .ttl_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->from, 1, &before));
	EXPECT_EQ(1, move(self, ONLY(READY)));
	ASSERT_EQ(0, mq_look_id(&self->to, 1, &self->look));
	EXPECT_STREQ("x", self->look.payload);
	EXPECT_STREQ("a key", self->look.key);
	EXPECT_EQ(3, self->look.record.priority);
	EXPECT_EQ(before.record.time_ns, self->look.record.time_ns);
	EXPECT_EQ(before.record.pid, self->look.record.pid);
	EXPECT_EQ(before.record.uid, self->look.record.uid);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
}

TEST_F(move, priority_is_cut_to_the_levels_there)
{
	CREATE_FROM("priorities=5");
	CREATE_TO("priorities=2");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "high", .priority = 4));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "low", .priority = 0));
	ASSERT_EQ(5, mq_put(self->to_fd, "there"));
	EXPECT_EQ(2, move(self, ONLY(READY)));
	EXPECT_EQ(0, mq_get(self->to_fd, "high"));
	EXPECT_EQ(0, mq_get(self->to_fd, "there"));
	EXPECT_EQ(0, mq_get(self->to_fd, "low"));
}

TEST_F(move, attempts_and_failures_count_anew)
{
	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 1, 1, "a note"));
	EXPECT_EQ(1, move(self, ONLY(READY)));
	MQ_EXPECT(&self->to, 1, READY, 0, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->to, 1, &self->look));
	EXPECT_EQ(0, self->look.extra.note_size);
}

TEST_F(move, delayed_message_stays_delayed)
{
	CREATE();
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = MQ_HOUR,
			     .ttl_ns = MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "at", .flags = DEVMQ_RECORD_AT,
			     .delay_ns = mq_clock_ns(CLOCK_REALTIME) +
					 2 * MQ_HOUR));
	EXPECT_EQ(2, move(self, ONLY(DELAYED)));
	MQ_EXPECT(&self->to, 1, DELAYED, 0, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->to, 1, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	/* The time to live of a delayed message has not begun. */
	EXPECT_EQ(0, self->look.extra.expires_ns);
	ASSERT_EQ(0, mq_look_id(&self->to, 2, &self->look));
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, 2 * MQ_HOUR));
	MQ_STAT(&self->to);
	EXPECT_EQ(2, self->stat.delayed);
	EXPECT_EQ(-EAGAIN, mq_read(self->to_fd, self->buffer, 10));
}

TEST_F(move, delayed_message_is_due_at_its_time)
{
	CREATE();
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x",
			     .delay_ns = 300 * 1000000ULL));
	/* On a slow machine, the message may be due before it is moved. */
	if (move(self, ONLY(DELAYED)) != 1)
		SKIP(return, "it was due before it could be moved");
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->to, ready) == 1));
	EXPECT_EQ(0, mq_get(self->to_fd, "x"));
}

TEST_F(move, deferred_and_dead_messages_get_ready)
{
	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(1, mq_reject_with(self->fd, 2, 777, "a note"));
	EXPECT_EQ(2, move(self, ONLY(DEFERRED) | ONLY(DEAD)));
	MQ_EXPECT(&self->to, 1, READY, 0, 0, NONE);
	MQ_EXPECT(&self->to, 2, READY, 0, 0, NONE);
	ASSERT_EQ(0, mq_look_id(&self->to, 2, &self->look));
	EXPECT_EQ(DEVMQ_REASON_NONE, self->look.extra.reason);
	EXPECT_EQ(0, self->look.extra.note_size);
	EXPECT_EQ(0, self->look.extra.origin_size);
}

TEST_F(move, states_select)
{
	static const uint32_t states[] = {
		ONLY(READY), ONLY(DELAYED), ONLY(DEFERRED), ONLY(DEAD),
	};
	unsigned int i;

	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(4, MQ_SEND(self->fd, .text = "m4", .delay_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		EXPECT_EQ(1, move(self, states[i])) {
			TH_LOG("states %x", states[i]);
		}
		EXPECT_EQ(0, move(self, states[i]));
	}
}

TEST_F(move, what_is_in_flight_stays)
{
	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, move(self, ANY));
	MQ_EXPECT(&self->from, 1, IN_FLIGHT, 1, 0, NONE);
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(move, range_and_reason_select)
{
	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	redrive_init(&self->result, ANY, self->to_fd);
	self->result.first_id = 2;
	self->result.last_id = 3;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &self->result));
	EXPECT_EQ(2, self->result.moved);
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m4"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, NULL));
	ASSERT_EQ(1, mq_reject_with(self->fd, 4, 301, NULL));
	redrive_init(&self->result, ANY, self->to_fd);
	self->result.reason = 301;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &self->result));
	EXPECT_EQ(1, self->result.moved);
	EXPECT_EQ(DEVMQ_STATE_DEAD, mq_state(&self->from, 1));
	EXPECT_EQ(3, mq_stat_of(&self->to, ready));
}

/* -- bounds ---------------------------------------------------------------- */

TEST_F(move, full_queue_ends_it_and_all_is_told)
{
	CREATE_FROM("");
	CREATE_TO("max_messages=2 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(-ENOSPC, move(self, ONLY(READY)));
	EXPECT_EQ(2, self->result.moved);
	EXPECT_EQ(0, self->result.stranded);
	EXPECT_EQ(-ENOSPC, move(self, ONLY(READY)));
	EXPECT_EQ(0, self->result.moved);
	MQ_STAT(&self->to);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(0, self->stat.dropped);
	MQ_STAT(&self->from);
	EXPECT_EQ(3, self->stat.ready);
	EXPECT_EQ(0, mq_get(self->to_fd, "m1"));
	EXPECT_EQ(1, mq_ack(self->to_fd, 1));
	EXPECT_EQ(-ENOSPC, move(self, ONLY(READY)));
	EXPECT_EQ(1, self->result.moved);
	EXPECT_EQ(0, mq_get(self->to_fd, "m2"));
	EXPECT_EQ(0, mq_get(self->to_fd, "m3"));
}

TEST_F(move, bytes_are_a_bound_as_well)
{
	CREATE_FROM("");
	CREATE_TO("max_bytes=5");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(-ENOSPC, move(self, ONLY(READY)));
	EXPECT_EQ(2, self->result.moved);
	/* The room that was reserved for the third message is free again. */
	EXPECT_EQ(1, mq_write(self->to_fd, "x", 1));
	EXPECT_EQ(-EAGAIN, mq_write(self->to_fd, "x", 1));
}

TEST_F(move, larger_than_the_queue_takes_is_stranded)
{
	CREATE_FROM("");
	CREATE_TO("max_message_size=2");
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(3, mq_put(self->fd, "abc"));
	ASSERT_EQ(2, mq_put(self->fd, "cd"));
	EXPECT_EQ(2, move(self, ONLY(READY)));
	EXPECT_EQ(1, self->result.stranded);
	MQ_EXPECT(&self->from, 2, READY, 0, 0, NONE);
}

TEST_F(move, queue_paused_for_senders_takes_nothing)
{
	CREATE_FROM("");
	CREATE_TO("paused=send");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(-ENOSPC, move(self, ONLY(READY)));
	EXPECT_EQ(0, self->result.moved);
	ASSERT_EQ(0, mq_sysfs_set(&self->to, "paused", "receive"));
	EXPECT_EQ(1, move(self, ONLY(READY)));
}

TEST_F(move, message_whose_time_is_over_expires_there)
{
	uint64_t sent;

	CREATE_FROM("");
	CREATE_TO("");
	sent = mq_clock_ns(CLOCK_BOOTTIME);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 500 * 1000000ULL));
	if (move(self, ONLY(READY)) != 1)
		SKIP(return, "it expired before it could be moved");
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->to, expired) == 1));
	EXPECT_LE(sent + 500 * 1000000ULL, mq_clock_ns(CLOCK_BOOTTIME));
	MQ_STAT(&self->to);
	EXPECT_EQ(0, self->stat.ready);
}

/* -- queues with an order -------------------------------------------------- */

TEST_F(move, times_go_along_to_a_queue_with_an_order)
{
	CREATE_FROM("");
	CREATE_TO("order=key");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a", .key = "k",
			     .ttl_ns = MQ_HOUR));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "b", .key = "k",
			     .delay_ns = MQ_HOUR, .ttl_ns = MQ_HOUR));
	/* This message has no delay or time to live until it is retried. */
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "c", .key = "other"));
	ASSERT_EQ(0, mq_get(self->fd, "a"));
	ASSERT_EQ(0, mq_get(self->fd, "c"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(1, mq_retry_with(self->fd, 3, MQ_HOUR, "a note"));
	EXPECT_EQ(3, move(self, ANY));
	ASSERT_EQ(0, mq_look_id(&self->to, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->to, 2, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(0, self->look.extra.expires_ns);
	ASSERT_EQ(0, mq_look_id(&self->to, 3, &self->look));
	EXPECT_EQ(DEVMQ_STATE_DELAYED, self->look.record.state);
	EXPECT_TRUE(mq_is_from_now(self->look.extra.due_ns, MQ_HOUR));
	EXPECT_EQ(0, self->look.extra.note_size);
	MQ_STAT(&self->to);
	EXPECT_EQ(1, self->stat.ready);
	EXPECT_EQ(2, self->stat.delayed);
}

TEST_F(move, order_of_a_key_holds_there)
{
	CREATE_FROM("order=key");
	CREATE_TO("order=key");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a"));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "b1", .key = "b"));
	EXPECT_EQ(3, move(self, ONLY(READY)));
	EXPECT_EQ(0, mq_get(self->to_fd, "a1"));
	EXPECT_EQ(0, mq_get(self->to_fd, "b1"));
	EXPECT_EQ(-EAGAIN, mq_read(self->to_fd, self->buffer, 10));
	EXPECT_EQ(1, mq_ack(self->to_fd, 1));
	EXPECT_EQ(0, mq_get(self->to_fd, "a2"));
}

TEST_F(move, one_that_leaves_lets_the_next_of_its_key_go)
{
	CREATE_FROM("order=key");
	CREATE_TO("");
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a"));
	ASSERT_EQ(0, mq_get(self->fd, "a1"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, MQ_HOUR));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 10));
	EXPECT_EQ(1, move(self, ONLY(DELAYED)));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
}

/* -- wake-ups -------------------------------------------------------------- */

TEST_F(move, reader_there_wakes)
{
	struct mq_call call;
	char data[8] = {};
	int fd;

	CREATE();
	fd = mq_open(&self->to, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, move(self, ONLY(READY)));
	EXPECT_EQ(2, mq_call_result(&call));
	EXPECT_STREQ("m1", data);
	close(fd);
}

TEST_F(move, writer_here_wakes)
{
	struct mq_call call;
	int fd;

	CREATE_FROM("max_messages=1");
	CREATE_TO("");
	fd = mq_open(&self->from, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_write_start(&call, fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, move(self, ONLY(READY)));
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

/* -- bad calls ------------------------------------------------------------- */

TEST_F(move, bad_calls_change_nothing)
{
	struct devmq_redrive a;
	unsigned int bit;
	int fd;

	CREATE();
	fd = mq_open(&self->to, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (bit = 0; bit < 32; bit++) {
		redrive_init(&a, 1U << bit, self->to_fd);
		if (1U << bit & ANY)
			continue;
		EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a)) {
			TH_LOG("state %u", bit);
		}
	}
	redrive_init(&a, ONLY(READY), 0);
	a.flags = 0;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	redrive_init(&a, ONLY(READY), self->fd);
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	redrive_init(&a, ONLY(READY), fd);
	EXPECT_EQ(-EBADF, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	redrive_init(&a, ONLY(READY), self->to_fd);
	a.reason = 65536;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	redrive_init(&a, ONLY(READY), self->to_fd);
	a.reserved = 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	redrive_init(&a, ONLY(READY), self->to_fd);
	a.first_id = 2;
	a.last_id = 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &a));
	EXPECT_EQ(2, mq_stat_of(&self->from, ready));
	EXPECT_EQ(0, mq_stat_of(&self->to, sent));
	ASSERT_EQ(0, mq_control("remove %s", self->to.name));
	EXPECT_EQ(-ENODEV, move(self, ONLY(READY)));
	EXPECT_EQ(2, mq_stat_of(&self->from, ready));
	close(fd);
}

/* -- events during a move -------------------------------------------------- */

/* Move all messages to and fro, until killed. */
static void shuttle(const struct mq_queue *from, const struct mq_queue *to)
{
	int a = mq_open(from, O_RDWR | O_NONBLOCK);
	int b = mq_open(to, O_RDWR | O_NONBLOCK);
	struct devmq_redrive r;

	for (;;) {
		redrive_init(&r, ANY, b);
		mq_ioctl(a, DEVMQ_IOC_REDRIVE, &r);
		redrive_init(&r, ANY, a);
		mq_ioctl(b, DEVMQ_IOC_REDRIVE, &r);
	}
}

/* Is each of the messages "m1" to "m500" there exactly once? */
static bool all_there(int fd, int to_fd)
{
	bool seen[501] = {};
	unsigned int n = 0;
	char data[16];
	int i;

	for (i = 0; i < 2; i++) {
		ssize_t size;

		while ((size = mq_read(i ? to_fd : fd, data, 15)) > 0) {
			data[size] = '\0';
			if (atoi(data + 1) < 1 || atoi(data + 1) > 500 ||
			    seen[atoi(data + 1)])
				return false;
			seen[atoi(data + 1)] = true;
			n++;
		}
	}
	return n == 500;
}

TEST_F(move, who_is_killed_loses_none_and_makes_none_two)
{
	unsigned int round;

	CREATE();
	ASSERT_EQ(0, mq_fill(self->fd, 500));
	for (round = 0; round < 100; round++) {
		uint64_t moved = mq_stat_of(&self->to, sent);
		pid_t child = mq_fork();

		if (!child) {
			shuttle(&self->from, &self->to);
			_exit(1);
		}
		/*
		 * Kill the child at a random moment after it has begun to move
		 * messages.
		 */
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->to, sent) !=
					  moved));
		usleep(random() % 500);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(128 + SIGKILL, mq_wait_child(child));
		ASSERT_EQ(500, mq_stat_of(&self->from, ready) +
			       mq_stat_of(&self->to, ready));
	}
	EXPECT_TRUE(all_there(self->fd, self->to_fd));
	MQ_STAT(&self->from);
	MQ_STAT(&self->to);
}

TEST_F(move, two_movers_and_senders_keep_within_the_bound)
{
	pid_t child[4];
	unsigned int i;

	CREATE_FROM("");
	CREATE_TO("max_messages=100");
	ASSERT_EQ(0, mq_fill(self->fd, 500));
	for (i = 0; i < 4; i++) {
		child[i] = mq_fork();
		if (child[i])
			continue;
		if (i < 2)
			shuttle(&self->from, &self->to);
		for (;;)
			mq_put(self->to_fd, "x");
	}
	for (i = 0; i < 2000; i++) {
		long long ready = mq_stat_of(&self->to, ready);

		ASSERT_LE(0, ready);
		ASSERT_GE(100, ready);
	}
	for (i = 0; i < 4; i++) {
		kill(child[i], SIGKILL);
		EXPECT_EQ(128 + SIGKILL, mq_wait_child(child[i]));
	}
	MQ_STAT(&self->from);
	MQ_STAT(&self->to);
	/* No room is reserved any more. */
	EXPECT_LE(0, mq_purge(self->to_fd, 0, 0));
	for (i = 0; i < 100; i++)
		ASSERT_LT(0, mq_put(self->to_fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->to_fd, "x"));
}

TEST_F(move, taking_and_moving_at_the_same_time_deliver_each_once)
{
	bool seen[2001] = {};
	unsigned int n = 0;
	pid_t child;

	CREATE();
	ASSERT_EQ(0, mq_fill_fast(self->fd, 2000));
	ASSERT_EQ(0, mq_sysfs_set(&self->from, "max_messages", "100000"));
	child = mq_fork();
	if (!child) {
		shuttle(&self->from, &self->to);
		_exit(1);
	}
	while (n < 2000) {
		int fd = n % 2 ? self->fd : self->to_fd;
		char data[32] = "";
		ssize_t size;

		size = mq_read(fd, data, sizeof(data) - 1);
		if (size == -EAGAIN)
			size = mq_read(fd == self->fd ? self->to_fd : self->fd,
				       data, sizeof(data) - 1);
		if (size == -EAGAIN)
			continue;
		ASSERT_LT(0, size);
		ASSERT_FALSE(seen[atoi(data + 1)]);
		seen[atoi(data + 1)] = true;
		n++;
	}
	kill(child, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->from, ready));
	EXPECT_EQ(0, mq_stat_of(&self->to, ready));
}

TEST_F(move, end_of_keeping_the_dead_is_no_time_to_live)
{
	CREATE_FROM("dead_ttl_ms=3600000");
	CREATE_TO("");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_look_id(&self->from, 1, &self->look));
	ASSERT_TRUE(mq_is_from_now(self->look.extra.expires_ns, MQ_HOUR));
	EXPECT_EQ(1, move(self, ONLY(DEAD)));
	ASSERT_EQ(0, mq_look_id(&self->to, 1, &self->look));
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, self->look.extra.expires_ns);
}

TEST_HARNESS_MAIN
