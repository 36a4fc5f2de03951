// SPDX-License-Identifier: GPL-2.0
/* The bounds on what a queue stores, and what happens when they are reached. */
#include <poll.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"

FIXTURE(bounds) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	char total[64];		/* max_total_bytes as it was */
};

FIXTURE_SETUP(bounds)
{
	MQ_REQUIRE();
	self->fd = -1;
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, self->total,
				  sizeof(self->total)));
}

FIXTURE_TEARDOWN(bounds)
{
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Send a message of @size bytes, each of them @byte. */
static ssize_t put_many(int fd, char byte, size_t size)
{
	char data[4096];

	memset(data, byte, sizeof(data));
	return mq_write(fd, data, size);
}

/* Read a message of which each byte is @byte: its size, or a negative errno. */
static ssize_t get_many(int fd, char byte)
{
	char data[4096];
	ssize_t i, done = mq_read(fd, data, sizeof(data));

	for (i = 0; i < done; i++)
		if (data[i] != byte)
			return -EBADMSG;
	return done;
}

/* -- exact bounds ---------------------------------------------------------- */

TEST_F(bounds, max_messages_is_exact)
{
	int i;

	MQ_OPEN_QUEUE("max_messages=5");
	for (i = 0; i < 5; i++)
		EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(5, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(6, mq_stat_of(&self->queue, sent));
}

TEST_F(bounds, max_bytes_is_exact)
{
	MQ_OPEN_QUEUE("max_bytes=100");
	EXPECT_EQ(60, put_many(self->fd, 'a', 60));
	EXPECT_EQ(-EAGAIN, put_many(self->fd, 'b', 41));
	EXPECT_EQ(40, put_many(self->fd, 'c', 40));
	EXPECT_EQ(-EAGAIN, put_many(self->fd, 'd', 1));
	EXPECT_EQ(100, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(60, get_many(self->fd, 'a'));
	EXPECT_EQ(-EAGAIN, put_many(self->fd, 'e', 61));
	EXPECT_EQ(60, put_many(self->fd, 'f', 60));
	EXPECT_EQ(40, get_many(self->fd, 'c'));
	EXPECT_EQ(60, get_many(self->fd, 'f'));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(100, put_many(self->fd, 'g', 100));
}

TEST_F(bounds, empty_messages_count_as_messages)
{
	MQ_OPEN_QUEUE("max_messages=2 max_bytes=1 allow_empty=1");
	EXPECT_EQ(1, mq_send_one(self->fd, "", 0));
	EXPECT_EQ(2, mq_send_one(self->fd, "", 0));
	EXPECT_EQ(-EAGAIN, mq_send_one(self->fd, "", 0));
}

TEST_F(bounds, empty_message_fits_a_queue_full_of_bytes)
{
	MQ_OPEN_QUEUE("max_bytes=2 allow_empty=1");
	EXPECT_EQ(2, mq_put(self->fd, "ab"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "c"));
	EXPECT_EQ(2, mq_send_one(self->fd, "", 0));
}

TEST_F(bounds, what_is_in_flight_counts)
{
	MQ_OPEN_QUEUE("max_messages=2 ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_ack(self->fd, 2));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
}

TEST_F(bounds, half_read_message_counts_whole)
{
	char data[64];

	MQ_OPEN_QUEUE("max_bytes=100");
	ASSERT_EQ(100, put_many(self->fd, 'a', 100));
	ASSERT_EQ(50, mq_read(self->fd, data, 50));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	ASSERT_EQ(50, mq_read(self->fd, data, 64));
	EXPECT_EQ(1, mq_put(self->fd, "x"));
}

/* -- overflow -------------------------------------------------------------- */

TEST_F(bounds, reject_gives_enospc_also_to_those_who_would_wait)
{
	int fd;

	MQ_OPEN_QUEUE("max_messages=1 overflow=reject");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	EXPECT_EQ(-ENOSPC, mq_put(fd, "y"));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "y"));
	EXPECT_EQ(-ENOSPC, mq_send_one(fd, "y", 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, mq_put(fd, "y"));
}

TEST_F(bounds, reject_by_bytes)
{
	MQ_OPEN_QUEUE("max_bytes=10 overflow=reject");
	ASSERT_EQ(6, put_many(self->fd, 'a', 6));
	EXPECT_EQ(-ENOSPC, put_many(self->fd, 'b', 5));
	EXPECT_EQ(4, put_many(self->fd, 'c', 4));
	EXPECT_EQ(-EMSGSIZE, put_many(self->fd, 'd', 11));
}

TEST_F(bounds, drop_head_drops_the_oldest)
{
	int i;

	MQ_OPEN_QUEUE("max_messages=3 overflow=drop-head");
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(7, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(10, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, delivered));
	for (i = 8; i <= 10; i++) {
		char text[16];

		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(bounds, drop_head_drops_no_more_than_it_must)
{
	MQ_OPEN_QUEUE("max_bytes=10 overflow=drop-head");
	ASSERT_EQ(3, put_many(self->fd, 'a', 3));
	ASSERT_EQ(3, put_many(self->fd, 'b', 3));
	ASSERT_EQ(3, put_many(self->fd, 'c', 3));
	ASSERT_EQ(1, put_many(self->fd, 'd', 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	ASSERT_EQ(4, put_many(self->fd, 'e', 4));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(8, mq_stat_of(&self->queue, bytes));
	ASSERT_EQ(10, put_many(self->fd, 'f', 10));
	EXPECT_EQ(5, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(10, get_many(self->fd, 'f'));
}

TEST_F(bounds, drop_head_leaves_what_is_in_flight)
{
	MQ_OPEN_QUEUE("max_messages=3 overflow=drop-head ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_put(self->fd, "4"));
	ASSERT_EQ(1, mq_put(self->fd, "5"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "4"));
	EXPECT_EQ(0, mq_get(self->fd, "5"));
	/* All messages are in flight, so none can be dropped. */
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "6"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, mq_put(self->fd, "6"));
	EXPECT_EQ(1, mq_put(self->fd, "7"));
	EXPECT_EQ(1, mq_put(self->fd, "8"));
	EXPECT_EQ(4, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "8"));
}

TEST_F(bounds, drop_head_drops_nothing_if_that_would_not_suffice)
{
	MQ_OPEN_QUEUE("max_bytes=10 overflow=drop-head ack=manual");
	ASSERT_EQ(6, put_many(self->fd, 'a', 6));
	ASSERT_EQ(6, get_many(self->fd, 'a'));
	ASSERT_EQ(1, put_many(self->fd, 'b', 1));
	ASSERT_EQ(2, put_many(self->fd, 'c', 2));
	EXPECT_EQ(-ENOSPC, put_many(self->fd, 'd', 5));
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(4, put_many(self->fd, 'e', 4));
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
}

TEST_F(bounds, drop_head_leaves_a_half_read_message)
{
	char byte;

	MQ_OPEN_QUEUE("max_messages=1 overflow=drop-head");
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(-ENOSPC, mq_put(self->fd, "c"));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(1, mq_put(self->fd, "c"));
}

TEST_F(bounds, drop_head_drops_what_came_back)
{
	MQ_OPEN_QUEUE("max_messages=2 overflow=drop-head ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, mq_release(self->fd, 1));
	ASSERT_EQ(1, mq_put(self->fd, "3"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "3"));
}

/* -- waiting, and wake-ups ------------------------------------------------- */

TEST_F(bounds, writer_wakes_when_the_room_suffices_and_not_before)
{
	static char data[50];
	struct mq_call call;
	long switches;
	int fd;

	MQ_OPEN_QUEUE("max_bytes=100");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(30, put_many(self->fd, 'a', 30));
	ASSERT_EQ(30, put_many(self->fd, 'b', 30));
	ASSERT_EQ(40, put_many(self->fd, 'c', 40));
	ASSERT_EQ(0, mq_write_start(&call, fd, data, 50));
	ASSERT_TRUE(mq_call_sleeps(&call));
	switches = mq_switches(getpid(), call.tid);
	EXPECT_EQ(30, get_many(self->fd, 'a'));
	EXPECT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(switches, mq_switches(getpid(), call.tid)) {
		TH_LOG("woken although there is too little room");
	}
	EXPECT_EQ(30, get_many(self->fd, 'b'));
	EXPECT_EQ(50, mq_call_result(&call));
	EXPECT_EQ(90, mq_stat_of(&self->queue, bytes));
}

TEST_F(bounds, small_writer_is_not_stuck_behind_a_big_one)
{
	static char data[90];
	struct mq_call big, small;
	int fds[2];

	MQ_OPEN_QUEUE("max_bytes=100");
	fds[0] = mq_open(&self->queue, O_WRONLY);
	fds[1] = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fds[1]);
	ASSERT_EQ(20, put_many(self->fd, 'a', 20));
	ASSERT_EQ(80, put_many(self->fd, 'b', 80));
	ASSERT_EQ(0, mq_write_start(&big, fds[0], data, 90));
	ASSERT_TRUE(mq_call_sleeps(&big));
	ASSERT_EQ(0, mq_write_start(&small, fds[1], data, 10));
	ASSERT_TRUE(mq_call_sleeps(&small));
	EXPECT_EQ(20, get_many(self->fd, 'a'));
	EXPECT_EQ(10, mq_call_result(&small));
	EXPECT_TRUE(mq_call_sleeps(&big));
	EXPECT_EQ(80, get_many(self->fd, 'b'));
	EXPECT_EQ(90, mq_call_result(&big));
	EXPECT_EQ(100, mq_stat_of(&self->queue, bytes));
}

TEST_F(bounds, much_room_wakes_all_writers_that_fit)
{
	struct mq_call calls[5];
	int i, fds[5];

	MQ_OPEN_QUEUE("max_bytes=100");
	ASSERT_EQ(100, put_many(self->fd, 'a', 100));
	for (i = 0; i < 5; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_write_start(&calls[i], fds[i], "0123456789",
					    10));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(100, get_many(self->fd, 'a'));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(10, mq_call_result(&calls[i]));
	EXPECT_EQ(50, mq_stat_of(&self->queue, bytes));
}

TEST_F(bounds, batch_taken_wakes_as_many_writers)
{
	struct devmq_recv recv;
	struct mq_call calls[4];
	char buffer[1024];
	int i, fds[4];

	MQ_OPEN_QUEUE("max_messages=4");
	ASSERT_EQ(0, mq_fill(self->fd, 4));
	for (i = 0; i < 4; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_write_start(&calls[i], fds[i], "x", 1));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_recv(self->fd, buffer, sizeof(buffer), &recv));
	EXPECT_EQ(4, recv.count);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, mq_call_result(&calls[i]));
}

TEST_F(bounds, acknowledgement_wakes_writers)
{
	struct mq_call call;
	int fd;

	MQ_OPEN_QUEUE("max_messages=2 ack=manual");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, mq_call_result(&call));
}

TEST_F(bounds, purge_wakes_writers)
{
	struct mq_call calls[3];
	int i, fds[3];

	MQ_OPEN_QUEUE("max_messages=3");
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_write_start(&calls[i], fds[i], "x", 1));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	EXPECT_EQ(3, mq_purge(self->fd, 0, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, mq_call_result(&calls[i]));
}

TEST_F(bounds, raised_max_messages_wakes_writers)
{
	struct mq_call calls[3];
	int i, fds[3];

	MQ_OPEN_QUEUE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_write_start(&calls[i], fds[i], "y", 1));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "4"));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, mq_call_result(&calls[i]));
	EXPECT_EQ(4, mq_stat_of(&self->queue, ready));
}

TEST_F(bounds, raised_max_bytes_wakes_writers)
{
	struct mq_call call;
	int fd;

	MQ_OPEN_QUEUE("max_bytes=10");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(10, put_many(self->fd, 'a', 10));
	ASSERT_EQ(0, mq_write_start(&call, fd, "0123456789", 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "19"));
	EXPECT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "20"));
	EXPECT_EQ(10, mq_call_result(&call));
}

TEST_F(bounds, overflow_changed_to_reject_ends_the_wait)
{
	struct mq_call call;
	int fd;

	MQ_OPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "y", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_EQ(-ENOSPC, mq_call_result(&call));
}

TEST_F(bounds, overflow_changed_to_drop_head_ends_the_wait)
{
	struct mq_call call;
	int fd;

	MQ_OPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "y", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "y"));
}

TEST_F(bounds, lowered_max_message_size_ends_the_wait_of_what_is_too_large)
{
	struct mq_call call;
	long result;
	int fd;

	/* The size was checked before the wait, so both results are allowed. */
	MQ_OPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "0123456789", 10));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "5"));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	result = mq_call_result(&call);
	EXPECT_TRUE(result == 10 || result == -EMSGSIZE) {
		TH_LOG("got %ld", result);
	}
}

TEST_F(bounds, lowered_max_bytes_does_not_leave_a_writer_asleep_for_ever)
{
	struct mq_call call;
	long result;
	int fd;

	MQ_OPEN_QUEUE("max_bytes=100");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(60, put_many(self->fd, 'a', 60));
	ASSERT_EQ(0, mq_write_start(&call, fd, (char [50]) {}, 50));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* From now on, the message can never fit. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "40"));
	EXPECT_EQ(60, get_many(self->fd, 'a'));
	result = mq_call_result(&call);
	EXPECT_TRUE(result == -EMSGSIZE || result == 50) {
		TH_LOG("got %ld", result);
	}
}

/* -- the bound on all queues together -------------------------------------- */

TEST_F(bounds, max_total_bytes_accepts_sizes_and_refuses_the_rest)
{
	char text[64];

	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "64M"));
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, text, sizeof(text)));
	EXPECT_STREQ("67108864", text);
	EXPECT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "123456789\n"));
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, text, sizeof(text)));
	EXPECT_STREQ("123456789", text);
	EXPECT_GT(0, mq_write_file(MQ_TOTAL_BYTES, "much"));
	EXPECT_GT(0, mq_write_file(MQ_TOTAL_BYTES, "-1"));
	EXPECT_GT(0, mq_write_file(MQ_TOTAL_BYTES, "1MB"));
	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, text, sizeof(text)));
	EXPECT_STREQ("123456789", text);
}

TEST_F(bounds, default_of_max_total_bytes_is_a_quarter_of_memory)
{
	unsigned long long total = strtoull(self->total, NULL, 10);
	unsigned long long memory = (unsigned long long)sysconf(_SC_PHYS_PAGES) *
				    sysconf(_SC_PAGESIZE);

	/* Memory that the kernel reserved at boot may be counted or not. */
	EXPECT_LT(memory / 5, total);
	EXPECT_GT(memory / 3, total);
}

#define BLOCKED		24

/*
 * Many writers wait for room in a full queue, with a message or a line each,
 * and hold no memory meanwhile.
 */
static void check_blocked(struct __test_metadata *_metadata,
			  FIXTURE_DATA(bounds) *self, bool lines)
{
	static char big[1 << 20];
	struct mq_call calls[BLOCKED];
	struct mq_queue other;
	int fds[BLOCKED], fd, i;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\n';
	MQ_OPEN_QUEUE("max_messages=1 framing=%s", lines ? "line" : "record");
	ASSERT_EQ(2, mq_put(self->fd, "a\n"));
	ASSERT_EQ(0, mq_create(&other, "max_bytes=1G"));
	fd = mq_open(&other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "16M"));
	for (i = 0; i < BLOCKED; i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
		/* A line of this size is read in one portion. */
		ASSERT_EQ(0, mq_write_start(&calls[i], fds[i],
					    lines ? big + sizeof(big) - 60000 :
					    big, lines ? 60000 : sizeof(big)));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	/* Most of max_total_bytes is left for another queue. */
	for (i = 0; i < 12; i++)
		ASSERT_EQ((ssize_t)sizeof(big), mq_write(fd, big, sizeof(big)))
		{
			TH_LOG("after %d", i);
		}
	ASSERT_EQ(0, mq_remove(&self->queue));
	for (i = 0; i < BLOCKED; i++) {
		EXPECT_EQ(-ENODEV, mq_call_result(&calls[i]));
		close(fds[i]);
	}
	close(fd);
}

TEST_F(bounds, who_waits_for_room_holds_no_memory)
{
	check_blocked(_metadata, self, false);
}

TEST_F(bounds, who_waits_for_room_for_a_line_holds_no_memory)
{
	check_blocked(_metadata, self, true);
}

TEST_F(bounds, max_total_bytes_bounds_all_queues_together)
{
	struct mq_queue second;
	int fd, sent = 0;
	ssize_t done;

	MQ_OPEN_QUEUE("max_bytes=1G max_messages=1000000");
	ASSERT_EQ(0, mq_create(&second, "overflow=reject"));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while ((done = put_many(self->fd, 'a', 1000)) == 1000) {
		ASSERT_GT(1100, sent);
		sent++;
	}
	EXPECT_EQ(-EAGAIN, done);
	/* The bound counts memory, which is more than the payload. */
	EXPECT_LT(100, sent);

	/* The other queue is empty, but the same bound applies to it. */
	while ((done = put_many(fd, 'b', 1)) == 1)
		ASSERT_GT(10000, sent++);
	EXPECT_EQ(-EDQUOT, done);
	EXPECT_EQ(-EAGAIN, put_many(self->fd, 'a', 1));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	ASSERT_EQ(1000, get_many(self->fd, 'a'));
	ASSERT_EQ(1000, get_many(self->fd, 'a'));
	EXPECT_EQ(1000, put_many(fd, 'b', 1000));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, self->total));
	EXPECT_EQ(1000, put_many(self->fd, 'a', 1000));
}

TEST_F(bounds, writer_that_all_queues_hold_off_wakes_when_another_queue_drains)
{
	struct mq_queue second;
	struct mq_call call;
	int fd, other;

	MQ_OPEN_QUEUE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&second, ""));
	other = mq_open(&second, O_WRONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (put_many(self->fd, 'a', 4000) == 4000)
		;
	while (put_many(self->fd, 'a', 1) == 1)
		;
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, other, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(4000, get_many(fd, 'a'));
	ASSERT_EQ(4000, get_many(fd, 'a'));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&second, ready));
}

TEST_F(bounds, writer_that_all_queues_hold_off_wakes_when_another_is_removed)
{
	struct mq_queue second;
	struct mq_call call;
	int other;

	MQ_OPEN_QUEUE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&second, ""));
	other = mq_open(&second, O_WRONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (put_many(self->fd, 'a', 4000) == 4000)
		;
	while (put_many(self->fd, 'a', 1) == 1)
		;
	ASSERT_EQ(0, mq_write_start(&call, other, "x", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(1, mq_call_result(&call));
}

TEST_F(bounds, raised_max_total_bytes_wakes_writers)
{
	struct mq_call call;
	int fd;

	MQ_OPEN_QUEUE("max_bytes=1G");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (put_many(self->fd, 'a', 4000) == 4000)
		;
	ASSERT_EQ(0, mq_write_start(&call, fd, (char [4000]) {}, 4000));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "16M"));
	EXPECT_EQ(4000, mq_call_result(&call));
}

TEST_F(bounds, drop_head_makes_room_under_max_total_bytes)
{
	int i;

	MQ_OPEN_QUEUE("max_bytes=1G overflow=drop-head");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(1000, put_many(self->fd, 'a', 1000));
	EXPECT_LT(900, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(2000, mq_stat_of(&self->queue, sent));
	EXPECT_LT(100, mq_stat_of(&self->queue, ready));
}

TEST_F(bounds, drop_head_drops_nothing_of_its_own_if_the_rest_is_elsewhere)
{
	struct mq_queue second;
	int i, fd;

	MQ_OPEN_QUEUE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&second, "overflow=drop-head"));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, put_many(fd, 'b', 1));
	while (put_many(self->fd, 'a', 100) == 100)
		;
	EXPECT_EQ(-EDQUOT, put_many(fd, 'b', 4000));
	EXPECT_EQ(0, mq_stat_of(&second, dropped));
	EXPECT_EQ(3, mq_stat_of(&second, ready));
}

TEST_F(bounds, poll_wakes_when_another_queue_gives_memory_back)
{
	struct mq_queue second;
	struct mq_call call;
	int other;

	MQ_OPEN_QUEUE("max_bytes=1G");
	ASSERT_EQ(0, mq_create(&second, ""));
	other = mq_open(&second, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	while (put_many(self->fd, 'a', 4000) == 4000)
		;
	while (put_many(self->fd, 'a', 1) == 1)
		;
	ASSERT_EQ(-EAGAIN, put_many(other, 'b', 1));
	ASSERT_EQ(0, mq_poll_start(&call, other, POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(4000, get_many(self->fd, 'a'));
	ASSERT_EQ(4000, get_many(self->fd, 'a'));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLOUT, call.events);
	EXPECT_EQ(1, put_many(other, 'b', 1));
}

TEST_F(bounds, all_memory_comes_back)
{
	struct mq_queue second;
	int round, first = 0, sent, fd;

	/*
	 * Fill the memory up to the bound, empty the queue in one of three
	 * ways, and fill again. About the same number of messages fits each
	 * time if no memory leaked; the exact number depends on the chunks that
	 * the open file has.
	 */
	MQ_OPEN_QUEUE("max_bytes=1G max_messages=1000000");
	ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, "1M"));
	for (round = 0; round < 4; round++) {
		for (sent = 0; put_many(self->fd, 'a', 500) == 500; sent++)
			;
		if (!round)
			first = sent;
		EXPECT_LT(abs(first - sent), first / 20) {
			TH_LOG("in round %d", round);
		}
		switch (round) {
		case 0:
			while (get_many(self->fd, 'a') == 500)
				;
			break;
		case 1:
			EXPECT_EQ(sent, mq_purge(self->fd, 0, 0));
			break;
		case 2:
			ASSERT_EQ(0, mq_create(&second, "max_bytes=1G"));
			ASSERT_EQ(0, mq_remove(&self->queue));
			close(self->fd);
			fd = mq_open(&second, O_RDWR | O_NONBLOCK);
			ASSERT_LE(0, fd);
			self->fd = fd;
			break;
		}
	}
}

TEST_HARNESS_MAIN
