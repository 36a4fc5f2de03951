// SPDX-License-Identifier: GPL-2.0
/*
 * A queue as a plain file: read, write, poll and their like.
 */
#include "mq_test.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

FIXTURE(file) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
};

FIXTURE_SETUP(file)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Have the next open without a queue's default: a new queue with options. */
#define RECREATE(...) do {						\
	close(self->fd);						\
	ASSERT_EQ(0, mq_create(&self->queue, __VA_ARGS__));		\
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
} while (0)

static void pattern(char *data, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff;
}

/* -- messages and their boundaries ----------------------------------------- */

TEST_F(file, write_is_one_message_and_read_gives_it)
{
	char data[16];

	memset(data, MQ_POISON, sizeof(data));
	EXPECT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(5, mq_read(self->fd, data, sizeof(data)));
	EXPECT_EQ(0, memcmp(data, "hello\xa5\xa5\xa5", 8));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, data, sizeof(data)));
}

TEST_F(file, messages_come_in_order_and_keep_their_boundaries)
{
	ASSERT_EQ(3, mq_put(self->fd, "one"));
	ASSERT_EQ(1, mq_put(self->fd, "\n"));
	ASSERT_EQ(5, mq_put(self->fd, "three"));
	ASSERT_EQ(4, mq_write(self->fd, "\0\0\0", 4));
	EXPECT_EQ(0, mq_get(self->fd, "one"));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "three"));
	EXPECT_EQ(4, mq_read(self->fd, (char [8]){}, 8));
}

TEST_F(file, what_one_open_writes_another_reads)
{
	int writer = mq_open(&self->queue, O_WRONLY);
	int reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

	ASSERT_LE(0, writer);
	ASSERT_LE(0, reader);
	ASSERT_EQ(1, mq_put(writer, "a"));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(0, mq_get(reader, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, messages_stay_when_all_have_closed)
{
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, mq_get(self->fd, "a"));
}

TEST_F(file, short_reads_go_on_where_the_last_one_stopped)
{
	char data[8] = {};

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(5, mq_put(self->fd, "world"));
	EXPECT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(2, mq_read(self->fd, data + 2, 2));
	/* Never of two messages, however large the buffer. */
	EXPECT_EQ(1, mq_read(self->fd, data + 4, 4));
	EXPECT_STREQ("hello", data);
	EXPECT_EQ(0, mq_get(self->fd, "world"));
}

TEST_F(file, read_of_the_exact_size_ends_the_message)
{
	char data[8] = {};

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(5, mq_put(self->fd, "world"));
	EXPECT_EQ(5, mq_read(self->fd, data, 5));
	EXPECT_STREQ("hello", data);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(5, mq_read(self->fd, data, 5));
	EXPECT_STREQ("world", data);
}

TEST_F(file, message_is_settled_with_its_last_byte_and_not_before)
{
	char byte;

	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bytes));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(file, half_read_message_belongs_to_its_descriptor)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	char data[8] = {};

	ASSERT_LE(0, other);
	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(0, mq_get(other, "second"));
	EXPECT_EQ(-EAGAIN, mq_read(other, data + 4, 4));
	EXPECT_EQ(3, mq_read(self->fd, data + 2, 6));
	EXPECT_STREQ("first", data);
}

TEST_F(file, close_puts_a_half_read_message_back_whole_in_its_place)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct devmq_record record;
	char byte;

	ASSERT_LE(0, other);
	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record.state);
	EXPECT_EQ(1, record.attempt);
	EXPECT_EQ(0, record.failures);
	EXPECT_EQ(DEVMQ_FAILURE_NONE, record.failure);

	close(self->fd);
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_READY, record.state);
	EXPECT_EQ(1, record.attempt);
	EXPECT_EQ(1, record.failures);
	EXPECT_EQ(DEVMQ_FAILURE_CRASH, record.failure);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));

	EXPECT_EQ(0, mq_get(other, "first"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(0, mq_get(other, "second"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, redelivered));
	EXPECT_EQ(3, mq_stat_of(&self->queue, delivered));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

TEST_F(file, read_continued_after_another_consumer_took_the_rest)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	char data[64];
	int i;

	ASSERT_LE(0, other);
	for (i = 0; i < 10; i++) {
		snprintf(data, sizeof(data), "message %d", i);
		ASSERT_EQ(9, mq_put(self->fd, data));
	}
	ASSERT_EQ(8, mq_read(self->fd, data, 8));
	for (i = 1; i < 10; i++) {
		snprintf(data, sizeof(data), "message %d", i);
		EXPECT_EQ(0, mq_get(other, data));
	}
	EXPECT_EQ(0, mq_get(self->fd, "0"));
}

TEST_F(file, sizes_around_all_sorts_of_boundaries)
{
	static const size_t sizes[] = {
		1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511,
		512, 1023, 1024, 2047, 2048, 2049, 4000, 4032, 4088, 4095,
		4096, 4097, 8191, 8192, 8193, 12288, 16384, 32767, 32768, 65535,
		65536, 65537, 131072, 262145, 1048575, 1048576,
	};
	char *sent = malloc(1 << 20), *got = malloc(2 << 20);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		pattern(sent, sizes[i], i);
		ASSERT_EQ(sizes[i], mq_write(self->fd, sent, sizes[i])) {
			TH_LOG("size %zu", sizes[i]);
		}
		EXPECT_EQ(sizes[i], mq_stat_of(&self->queue, bytes));
		memset(got, MQ_POISON, sizes[i] + 8);
		ASSERT_EQ(sizes[i], mq_read(self->fd, got, 2 << 20));
		EXPECT_EQ(0, memcmp(sent, got, sizes[i])) {
			TH_LOG("size %zu", sizes[i]);
		}
		EXPECT_EQ((char)MQ_POISON, got[sizes[i]]);
	}
}

TEST_F(file, many_messages_of_mixed_sizes_keep_order_and_content)
{
	char *sent = malloc(20000), *got = malloc(20000);
	unsigned int i, round;
	size_t size;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 100; i++) {
			size = 1 + i * 7919 % 9973;
			pattern(sent, size, i + round);
			ASSERT_EQ(size, mq_write(self->fd, sent, size));
		}
		for (i = 0; i < 100; i++) {
			size = 1 + i * 7919 % 9973;
			pattern(sent, size, i + round);
			ASSERT_EQ(size, mq_read(self->fd, got, 20000));
			ASSERT_EQ(0, memcmp(sent, got, size)) {
				TH_LOG("message %u of size %zu", i, size);
			}
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(file, large_message_is_read_in_small_pieces)
{
	char *sent = malloc(100000), *got = malloc(100000);
	size_t used = 0;
	ssize_t done;

	pattern(sent, 100000, 1);
	ASSERT_EQ(100000, mq_write(self->fd, sent, 100000));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	while (used < 100000) {
		done = mq_read(self->fd, got + used, 997);
		ASSERT_EQ(used + 997 > 100000 ? 100000 - used : 997, done);
		used += done;
	}
	EXPECT_EQ(0, memcmp(sent, got, 100000));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
}

TEST_F(file, write_of_nothing_sends_nothing)
{
	struct iovec empty[2] = { { "a", 0 }, { "b", 0 } };

	EXPECT_EQ(0, mq_write(self->fd, "x", 0));
	EXPECT_EQ(0, writev(self->fd, empty, 2));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
}

TEST_F(file, write_of_nothing_to_a_full_queue_does_not_wait)
{
	int fd;

	RECREATE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_write(self->fd, "x", 0));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mq_write(fd, "x", 0));
}

TEST_F(file, read_into_nothing_takes_nothing)
{
	char byte;
	int fd;

	/* With nothing there, with something, and in the middle of it. */
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mq_read(fd, &byte, 0));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 0));
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 0));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_stat_of(&self->queue, delivered));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('a', byte);
	EXPECT_EQ(0, mq_read(self->fd, &byte, 0));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, empty_message_reads_as_end_of_file_once)
{
	char byte;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(2, mq_send_one(self->fd, "", 0));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, &byte, 1));
}

TEST_F(file, message_over_max_message_size_is_emsgsize)
{
	char data[200] = {};

	RECREATE("max_message_size=100");
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, data, 101));
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, data, 200));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(100, mq_write(self->fd, data, 100));
	EXPECT_EQ(100, mq_read(self->fd, data, 200));
}

TEST_F(file, message_over_max_bytes_is_emsgsize_even_if_one_could_wait)
{
	char data[200] = {};
	int fd;

	RECREATE("max_bytes=100");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	EXPECT_EQ(-EMSGSIZE, mq_write(fd, data, 101));
	EXPECT_EQ(-EAGAIN, mq_write(self->fd, data, 100));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(100, mq_write(fd, data, 100));
}

TEST_F(file, oversized_write_is_refused_before_its_data_is_looked_at)
{
	RECREATE("max_message_size=100");
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, MQ_BAD_POINTER, 101));
	/* The kernel cuts off what is over 2 GiB, and that is still too much. */
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, MQ_BAD_POINTER, 0x7ffff000UL));
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, MQ_BAD_POINTER, 0x90000000UL));
}

TEST_F(file, writev_gathers_one_message)
{
	struct iovec parts[4] = {
		{ "he", 2 }, { "", 0 }, { "llo", 3 }, { " you", 4 },
	};

	EXPECT_EQ(9, writev(self->fd, parts, 4));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "hello you"));
}

TEST_F(file, writev_over_the_limit_is_emsgsize)
{
	struct iovec parts[2] = { { "12345678", 8 }, { "12345678", 8 } };

	RECREATE("max_message_size=15");
	EXPECT_EQ(-1, writev(self->fd, parts, 2));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(file, readv_scatters_one_message)
{
	char a[4] = {}, b[4] = {}, c[8] = {};
	struct iovec parts[3] = { { a, 3 }, { b, 3 }, { c, 7 } };

	ASSERT_EQ(8, mq_put(self->fd, "12345678"));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	EXPECT_EQ(8, readv(self->fd, parts, 3));
	EXPECT_STREQ("123", a);
	EXPECT_STREQ("456", b);
	EXPECT_STREQ("78", c);
	EXPECT_EQ(4, readv(self->fd, parts, 3));
}

/* -- bad buffers ------------------------------------------------------------ */

TEST_F(file, read_into_a_bad_buffer_leaves_the_message_in_place)
{
	struct devmq_record record;

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(4, mq_put(self->fd, "next"));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 100));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_READY, record.state);
	EXPECT_EQ(0, record.attempt);
	EXPECT_EQ(0, record.failures);
	EXPECT_EQ(DEVMQ_FAILURE_NONE, record.failure);
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
	EXPECT_EQ(0, mq_get(self->fd, "next"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));
}

TEST_F(file, read_into_read_only_memory_leaves_the_message_in_place)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_TRUE(page != MAP_FAILED);
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, page, 100));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
}

TEST_F(file, read_into_a_partly_bad_buffer_loses_nothing)
{
	char *sent = malloc(6000), *got = malloc(6000), *edge = mq_edge();
	ssize_t done;

	pattern(sent, 6000, 3);
	ASSERT_EQ(6000, mq_write(self->fd, sent, 6000));
	done = mq_read(self->fd, edge - 100, 6000);
	if (done == -EFAULT)
		done = 0;
	ASSERT_LE(0, done);
	ASSERT_LE(done, 100);
	EXPECT_EQ(0, memcmp(sent, edge - 100, done));
	EXPECT_EQ(6000 - done, mq_read(self->fd, got, 6000));
	EXPECT_EQ(0, memcmp(sent + done, got, 6000 - done));
}

TEST_F(file, readv_into_a_partly_bad_vector_loses_nothing)
{
	char good[4] = {}, rest[16] = {};
	struct iovec parts[2] = { { good, 3 }, { MQ_BAD_POINTER, 10 } };
	ssize_t done;

	ASSERT_EQ(10, mq_put(self->fd, "0123456789"));
	done = readv(self->fd, parts, 2);
	if (done < 0) {
		EXPECT_EQ(EFAULT, errno);
		done = 0;
	}
	ASSERT_LE(done, 3);
	EXPECT_EQ(10 - done, mq_read(self->fd, rest, sizeof(rest)));
	EXPECT_STREQ(&"0123456789"[done], rest);
}

TEST_F(file, bad_buffer_in_the_middle_of_a_message_keeps_the_place)
{
	char data[8] = {};

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 100));
	EXPECT_EQ(3, mq_read(self->fd, data + 2, 6));
	EXPECT_STREQ("hello", data);
	EXPECT_EQ(1, mq_stat_of(&self->queue, delivered));
}

TEST_F(file, read_that_failed_once_wakes_another_sleeping_reader)
{
	struct mq_call call;
	char data[8] = {};
	int fd = mq_open(&self->queue, O_RDONLY);

	/*
	 * The one wake-up of this message may go to the thread; or the bad
	 * read below is first.  Either way the message is not forgotten.
	 */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	mq_read(self->fd, MQ_BAD_POINTER, 100);
	EXPECT_EQ(5, mq_call_result(&call));
	EXPECT_STREQ("hello", data);
}

TEST_F(file, write_from_a_bad_buffer_sends_nothing)
{
	struct iovec parts[2] = { { "good", 4 }, { MQ_BAD_POINTER, 4 } };
	char *edge = mq_edge();

	EXPECT_EQ(-EFAULT, mq_write(self->fd, MQ_BAD_POINTER, 100));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, edge - 50, 100));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, edge - 4096, 8000));
	EXPECT_EQ(-1, writev(self->fd, parts, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(100, mq_write(self->fd, edge - 100, 100));
}

/* -- waiting ---------------------------------------------------------------- */

TEST_F(file, nonblocking_calls_give_eagain)
{
	RECREATE("max_messages=1");
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, o_nonblock_can_be_set_and_cleared)
{
	struct mq_call call;
	char byte;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	ASSERT_EQ(0, mq_read_start(&call, fd, &byte, 1));
	EXPECT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
}

TEST_F(file, rwf_nowait_does_not_wait)
{
	char data[4];
	struct iovec vector = { data, sizeof(data) };
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, preadv2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, pwritev2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(-1, pwritev2(fd, &vector, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(4, preadv2(fd, &vector, 1, -1, RWF_NOWAIT));
}

TEST_F(file, read_waits_for_a_message)
{
	struct mq_call call;
	char data[8] = {};
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(3, mq_put(self->fd, "now"));
	EXPECT_EQ(3, mq_call_result(&call));
	EXPECT_STREQ("now", data);
}

TEST_F(file, write_waits_for_room)
{
	struct mq_call call;
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, waiting_write_has_taken_its_data_or_takes_it_later_but_whole)
{
	struct mq_call call;
	char *data = malloc(5000), *got = malloc(5000);
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "a"));
	pattern(data, 5000, 9);
	ASSERT_EQ(0, mq_write_start(&call, fd, data, 5000));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(5000, mq_call_result(&call));
	EXPECT_EQ(5000, mq_read(self->fd, got, 5000));
	EXPECT_EQ(0, memcmp(data, got, 5000));
}

TEST_F(file, signal_ends_a_waiting_read_with_eintr)
{
	struct mq_call call;
	char data[8];
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, signal_with_sa_restart_lets_a_waiting_read_go_on)
{
	struct mq_call call;
	char data[8] = {};
	long switches;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	switches = mq_switches(getpid(), call.tid);
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	ASSERT_TRUE(mq_wait_until(mq_switches(getpid(), call.tid) > switches));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(3, mq_put(self->fd, "now"));
	EXPECT_EQ(3, mq_call_result(&call));
	EXPECT_STREQ("now", data);
}

TEST_F(file, signal_ends_a_waiting_write_with_eintr_and_nothing_sent)
{
	struct mq_call call;
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
}

TEST_F(file, signal_with_sa_restart_lets_a_waiting_write_go_on)
{
	struct mq_call call;
	long switches;
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	ASSERT_EQ(1, mq_put(fd, "a"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "b", 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	switches = mq_switches(getpid(), call.tid);
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	ASSERT_TRUE(mq_wait_until(mq_switches(getpid(), call.tid) > switches));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
}

TEST_F(file, sleeping_reader_can_be_killed)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY);
		char byte;

		mq_read(fd, &byte, 1);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
}

TEST_F(file, sleeping_reader_does_not_keep_its_descriptor_from_others)
{
	struct mq_call call;
	struct devmq_stat stat;
	struct devmq_consumer consumer;
	char data[8], fdinfo[1024], path[64];
	int fd = mq_open(&self->queue, O_RDWR);

	/* All else on a descriptor goes on while one thread sleeps in read. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_stat_fd(fd, &stat));
	EXPECT_EQ(0, mq_consumer_get(fd, &consumer));
	EXPECT_EQ(0, mq_fionread(fd));
	EXPECT_EQ(POLLOUT, mq_poll(fd, POLLIN | POLLOUT));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	EXPECT_EQ(0, mq_read_file(path, fdinfo, sizeof(fdinfo)));
	EXPECT_EQ(1, mq_put(fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
}

struct sharing_reader {
	FIXTURE_DATA(file) *fixture;
	int got, wrong;
	pthread_t thread;
};

static void *sharing_reader_thread(void *argument)
{
	struct sharing_reader *reader = argument;
	char byte;

	while (mq_read(reader->fixture->fd, &byte, 1) == 1)
		reader->got++;
	/* It said that there is nothing: then there is nothing. */
	reader->wrong = mq_stat_of(&reader->fixture->queue, ready);
	return NULL;
}

TEST_F(file, threads_sharing_a_nonblocking_descriptor_see_eagain_only_when_empty)
{
	struct sharing_reader readers[4] = {};
	int i, total = 0;

	for (i = 0; i < 2000; i++)
		ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 4; i++) {
		readers[i].fixture = self;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL,
					    sharing_reader_thread,
					    &readers[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(readers[i].thread, NULL);
		EXPECT_EQ(0, readers[i].wrong) {
			TH_LOG("EAGAIN with %d ready", readers[i].wrong);
		}
		total += readers[i].got;
	}
	EXPECT_EQ(2000, total);
}

/* -- poll and epoll --------------------------------------------------------- */

TEST_F(file, poll_tells_what_would_not_wait)
{
	short all = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	short in = POLLIN | POLLRDNORM, out = POLLOUT | POLLWRNORM;

	RECREATE("max_messages=2");
	EXPECT_EQ(out, mq_poll(self->fd, all));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(in | out, mq_poll(self->fd, all));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(in, mq_poll(self->fd, all));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(in | out, mq_poll(self->fd, all));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(out, mq_poll(self->fd, all));
}

TEST_F(file, poll_of_a_full_queue_by_bytes_tells_no_room)
{
	RECREATE("max_bytes=4");
	ASSERT_EQ(4, mq_put(self->fd, "1234"));
	EXPECT_EQ(0, mq_poll(self->fd, POLLOUT));
	EXPECT_EQ(0, mq_get(self->fd, "1234"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
}

TEST_F(file, poll_knows_the_access_mode)
{
	int reader = mq_open(&self->queue, O_RDONLY);
	int writer = mq_open(&self->queue, O_WRONLY);
	int looker = mq_open(&self->queue, MQ_LOOK);

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	ASSERT_EQ(1, mq_put(writer, "x"));
	EXPECT_EQ(POLLIN, mq_poll(reader, POLLIN | POLLOUT));
	EXPECT_EQ(POLLOUT, mq_poll(writer, POLLIN | POLLOUT));
	EXPECT_EQ(0, mq_poll(looker, POLLIN));
}

TEST_F(file, poll_tells_the_rest_of_a_half_read_message)
{
	int other = mq_open(&self->queue, O_RDONLY);
	char byte;

	ASSERT_LE(0, other);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	EXPECT_EQ(0, mq_poll(other, POLLIN));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
}

TEST_F(file, poll_always_tells_room_if_the_queue_never_blocks)
{
	RECREATE("max_messages=1 overflow=reject");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
	RECREATE("max_messages=1 overflow=drop-head");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(POLLOUT, mq_poll(self->fd, POLLOUT));
}

TEST_F(file, poll_wakes_when_a_message_comes)
{
	struct mq_call call;

	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(file, poll_wakes_when_there_is_room)
{
	struct mq_call call;

	RECREATE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLOUT));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLOUT, call.events);
}

TEST_F(file, poll_wakes_when_a_message_comes_back)
{
	int holder = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	struct mq_call call;
	char byte;

	ASSERT_LE(0, holder);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(holder, &byte, 1));
	ASSERT_EQ(0, mq_poll_start(&call, self->fd, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(holder);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_EQ(POLLIN, call.events);
}

TEST_F(file, poll_of_a_removed_queue_tells_hangup_and_error)
{
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(POLLIN | POLLOUT | POLLHUP | POLLERR,
		  mq_poll(self->fd, POLLIN | POLLOUT));
	EXPECT_EQ(POLLHUP | POLLERR, mq_poll(self->fd, 0));
}

TEST_F(file, edge_triggered_epoll_tells_every_message)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int i, epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, mq_put(self->fd, "x"));
		ASSERT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
		EXPECT_EQ(EPOLLIN, event.events);
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	}
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
}

TEST_F(file, edge_triggered_epoll_tells_room)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	RECREATE("max_messages=1");
	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(-EAGAIN, mq_put(self->fd, "y"));
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		;
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLOUT, event.events);
}

struct epoll_waiter {
	int epoll;
	pid_t tid;
	int got;
	bool done;
	pthread_t thread;
};

static void *epoll_waiter_thread(void *argument)
{
	struct epoll_waiter *waiter = argument;
	struct epoll_event event;

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	waiter->got = syscall(SYS_epoll_wait, waiter->epoll, &event, 1, -1);
	__atomic_store_n(&waiter->done, true, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(file, one_message_wakes_one_exclusive_epoll_waiter)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_waiter waiters[4] = {};
	int i, fds[4], done = 0, asleep = 0;

	for (i = 0; i < 4; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
		waiters[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_LE(0, waiters[i].epoll);
		ASSERT_EQ(0, epoll_ctl(waiters[i].epoll, EPOLL_CTL_ADD, fds[i],
				       &event));
		ASSERT_EQ(0, pthread_create(&waiters[i].thread, NULL,
					    epoll_waiter_thread, &waiters[i]));
	}
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(mq_wait_until(
			__atomic_load_n(&waiters[i].tid, __ATOMIC_ACQUIRE) &&
			mq_is_asleep(getpid(), waiters[i].tid, SYS_epoll_wait)));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(mq_wait_until(
			__atomic_load_n(&waiters[i].done, __ATOMIC_ACQUIRE) ||
			mq_is_asleep(getpid(), waiters[i].tid, SYS_epoll_wait)));
	for (i = 0; i < 4; i++) {
		if (__atomic_load_n(&waiters[i].done, __ATOMIC_ACQUIRE))
			done++;
		else
			asleep++;
	}
	EXPECT_EQ(1, done);
	EXPECT_EQ(3, asleep);
}

/* -- other calls ------------------------------------------------------------ */

TEST_F(file, fionread_tells_the_next_message)
{
	int writer = mq_open(&self->queue, O_WRONLY);
	int looker = mq_open(&self->queue, MQ_LOOK);
	int other = mq_open(&self->queue, O_RDONLY);
	char byte;

	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, mq_fionread(self->fd));
	ASSERT_EQ(5, mq_put(writer, "first"));
	ASSERT_EQ(6, mq_put(writer, "second"));
	EXPECT_EQ(5, mq_fionread(self->fd));
	EXPECT_EQ(5, mq_fionread(other));
	EXPECT_EQ(0, mq_fionread(writer));
	EXPECT_EQ(0, mq_fionread(looker));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(4, mq_fionread(self->fd));
	EXPECT_EQ(6, mq_fionread(other));
	ASSERT_EQ(0, mq_get(self->fd, "irst"));
	EXPECT_EQ(6, mq_fionread(self->fd));
	EXPECT_EQ(-1, ioctl(self->fd, FIONREAD, MQ_BAD_POINTER));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, mq_get(self->fd, "second"));
	EXPECT_EQ(0, mq_fionread(self->fd));
}

TEST_F(file, there_is_no_position)
{
	char byte = 'x';
	struct iovec vector = { &byte, 1 };
	static const int whences[] = {
		SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE,
	};
	unsigned int i;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	for (i = 0; i < ARRAY_SIZE(whences); i++) {
		errno = 0;
		EXPECT_EQ(-1, lseek(self->fd, 0, whences[i]));
		EXPECT_EQ(ESPIPE, errno);
	}
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	errno = 0;
	EXPECT_EQ(-1, pwrite(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	errno = 0;
	EXPECT_EQ(-1, preadv(self->fd, &vector, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	errno = 0;
	EXPECT_EQ(-1, pwritev(self->fd, &vector, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(file, nothing_promises_stable_storage)
{
	static const int flags[] = { O_DSYNC, O_SYNC };
	struct iovec vector = { "x", 1 };
	unsigned int i;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(-1, fdatasync(self->fd));
	EXPECT_EQ(EINVAL, errno);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_EQ(-EINVAL, mq_open(&self->queue, O_WRONLY | flags[i]));
		EXPECT_EQ(-EINVAL, mq_open(&self->queue, O_RDWR | flags[i]));
	}
	errno = 0;
	EXPECT_EQ(-1, pwritev2(self->fd, &vector, 1, -1, RWF_DSYNC));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(-1, pwritev2(self->fd, &vector, 1, -1, RWF_SYNC));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, producers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
}

TEST_F(file, pwritev2_without_a_position_is_a_write)
{
	struct iovec parts[2] = { { "ab", 2 }, { "c", 1 } };

	EXPECT_EQ(3, pwritev2(self->fd, parts, 2, -1, 0));
	EXPECT_EQ(0, mq_get(self->fd, "abc"));
}

TEST_F(file, mmap_and_truncate_are_refused)
{
	EXPECT_TRUE(mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd,
			 0) == MAP_FAILED);
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(file, access_mode_is_obeyed)
{
	int reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	int writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	int looker = mq_open(&self->queue, MQ_LOOK | O_NONBLOCK);
	char byte;

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	ASSERT_LE(0, looker);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EBADF, mq_put(reader, "x"));
	EXPECT_EQ(-EBADF, mq_read(writer, &byte, 1));
	EXPECT_EQ(-EBADF, mq_read(looker, &byte, 1));
	EXPECT_EQ(-EBADF, mq_put(looker, "x"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(file, create_append_and_truncate_are_harmless)
{
	int fd;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	fd = open(self->queue.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
		  0666);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "b"));
	EXPECT_EQ(1, mq_put(fd, "c"));
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
	EXPECT_EQ(0, mq_get(self->fd, "c"));
}

TEST_F(file, opens_for_one_side_are_counted_from_open_to_close)
{
	struct devmq_stat stat;
	int reader, writer, looker, copy;

	reader = mq_open(&self->queue, O_RDONLY);
	writer = mq_open(&self->queue, O_WRONLY);
	looker = mq_open(&self->queue, MQ_LOOK);
	copy = dup(reader);
	ASSERT_LE(0, looker);
	ASSERT_EQ(0, mq_stat(&self->queue, &stat));
	EXPECT_EQ(1, stat.consumers);
	EXPECT_EQ(1, stat.producers);
	close(reader);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	close(copy);
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	close(looker);
	EXPECT_EQ(1, mq_stat_of(&self->queue, producers));
	close(writer);
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
}

/* What of this makes a file that was opened for both sides a consumer. */
enum act {
	ACT_READ, ACT_READV, ACT_RECV, ACT_RECV_ID, ACT_GET, ACT_SET, ACT_POLL,
	ACT_EPOLL, ACT_SPLICE, ACTS
};

static int act(int fd, enum act act)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct devmq_recv recv;
	struct devmq_consumer consumer;
	int pair[2], err = 0;
	char data[512];

	switch (act) {
	case ACT_READ:
		return mq_read(fd, data, 1);
	case ACT_READV:
		return readv(fd, &(struct iovec){ data, 1 }, 1) < 0 ? -errno : 0;
	case ACT_RECV:
		return mq_recv(fd, data, sizeof(data), &recv);
	case ACT_RECV_ID:
		return mq_recv_id(fd, 7, data, sizeof(data), &recv);
	case ACT_GET:
		return mq_consumer_get(fd, &consumer);
	case ACT_SET:
		return mq_consumer_set(fd, DEVMQ_ACK_MANUAL, 0);
	case ACT_POLL:
		return mq_poll(fd, POLLIN);
	case ACT_EPOLL:
		pair[0] = epoll_create1(0);
		if (epoll_ctl(pair[0], EPOLL_CTL_ADD, fd, &event))
			err = -errno;
		close(pair[0]);
		return err;
	default:
		if (pipe(pair))
			return -errno;
		if (splice(fd, NULL, pair[1], NULL, 1, SPLICE_F_NONBLOCK) < 0)
			err = -errno;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
}

TEST_F(file, each_way_to_receive_or_wait_makes_a_consumer_of_one_open_for_both)
{
	int i;

	for (i = 0; i < ACTS; i++) {
		int fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK), err;

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
		err = i == ACT_RECV_ID ? -ENOENT :
		      i == ACT_GET || i == ACT_SET || i == ACT_POLL ||
		      i == ACT_EPOLL ? 0 : -EAGAIN;
		EXPECT_EQ(err, act(fd, i)) {
			TH_LOG("act %d", i);
		}
		EXPECT_EQ(1, mq_stat_of(&self->queue, consumers)) {
			TH_LOG("act %d", i);
		}
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
		close(fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	}
}

TEST_F(file, each_way_to_send_or_wait_makes_a_producer_of_one_open_for_both)
{
	int i;

	for (i = 0; i < 4; i++) {
		int fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
		if (i == 0)
			EXPECT_EQ(1, mq_put(fd, "x"));
		if (i == 1)
			EXPECT_EQ(1, writev(fd, &(struct iovec){ "x", 1 }, 1));
		if (i == 2)
			EXPECT_LT(0, mq_send_one(fd, "x", 1));
		if (i == 3)
			EXPECT_EQ(POLLOUT, mq_poll(fd, POLLOUT));
		EXPECT_EQ(1, mq_stat_of(&self->queue, producers)) {
			TH_LOG("way %d", i);
		}
		EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
		close(fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	}
}

TEST_F(file, looking_makes_nothing_of_one_open_for_both)
{
	struct devmq_consumer bad = {
		.size = sizeof(bad), .flags = DEVMQ_CONSUMER_SET, .ack = 2,
	};
	int writer = mq_open(&self->queue, O_WRONLY);
	char path[64], text[2048], data[512];
	struct devmq_peek peek;
	struct devmq_stat stat;

	ASSERT_LE(0, writer);
	ASSERT_EQ(0, mq_fill(writer, 2));
	EXPECT_EQ(2, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_peek(self->fd, data, sizeof(data), &peek));
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_EQ(0, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_read(self->fd, data, 0));
	EXPECT_EQ(0, mq_write(self->fd, data, 0));
	EXPECT_EQ(-1, ioctl(self->fd, DEVMQ_IOC_CONSUMER, &bad));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, mq_poll(self->fd, 0));
	close(writer);
	ASSERT_EQ(0, mq_stat_fd(self->fd, &stat));
	EXPECT_EQ(0, stat.consumers);
	EXPECT_EQ(0, stat.producers);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tnone\n"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tconsumer\n"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tconsumer,producer\n"));
}

TEST_F(file, receiver_that_is_killed_in_its_first_read_is_a_consumer_no_more)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd = mq_open(&self->queue, O_RDWR);
		char byte;

		mq_read(fd, &byte, 1);
		_exit(1);
	}
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_read));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
}

TEST_F(file, epoll_that_wants_more_later_is_told_of_it)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int set = epoll_create1(0), writer;

	RECREATE("max_messages=1");
	writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, writer);
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, mq_stat_of(&self->queue, consumers));
	event.events = EPOLLIN;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_MOD, self->fd, &event));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	ASSERT_EQ(0, epoll_wait(set, &event, 1, 0));
	ASSERT_EQ(1, mq_put(writer, "x"));
	EXPECT_EQ(1, epoll_wait(set, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLIN, event.events);

	/* The other way round: the queue is full now. */
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_DEL, self->fd, NULL));
	event.events = 0;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	event.events = EPOLLOUT;
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_MOD, self->fd, &event));
	ASSERT_EQ(0, epoll_wait(set, &event, 1, 0));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1, epoll_wait(set, &event, 1, MQ_PATIENCE_MS));
	EXPECT_EQ(EPOLLOUT, event.events);
	close(set);
}

/* -- O_EXCL ----------------------------------------------------------------- */

TEST_F(file, o_excl_wants_to_be_the_only_consumer)
{
	int fd;

	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY | O_EXCL | O_NONBLOCK);
	ASSERT_LE(0, self->fd);

	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY | O_EXCL));
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(0, mq_stat_of(&self->queue, producers));

	/* Writing and looking go on. */
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "x"));
	close(fd);
	fd = mq_open(&self->queue, MQ_LOOK);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "x"));

	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_LE(0, self->fd);
}

TEST_F(file, one_open_for_both_is_no_consumer_beside_an_exclusive_one)
{
	int fd = mq_open(&self->queue, O_RDONLY | O_EXCL), set, i;
	struct epoll_event event = { .events = EPOLLIN };
	int result;

	/* It is open already, and may send. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	for (i = 0; i < ACTS; i++) {
		result = i == ACT_POLL ? POLLIN | POLLERR :
			 i == ACT_EPOLL ? 0 : -EBUSY;
		EXPECT_EQ(result, act(self->fd, i)) {
			TH_LOG("act %d", i);
		}
	}
	EXPECT_EQ(0, mq_fionread(self->fd));
	set = epoll_create1(0);
	ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(set, &event, 1, 0));
	EXPECT_EQ(EPOLLIN | EPOLLERR, event.events);
	close(set);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	close(fd);
	EXPECT_EQ(1, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(file, o_excl_of_one_open_for_both_counts_when_it_receives)
{
	int excl, other;

	excl = mq_open(&self->queue, O_RDWR | O_EXCL | O_NONBLOCK);
	other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, excl);
	ASSERT_LE(0, other);
	ASSERT_EQ(1, mq_put(excl, "x"));
	EXPECT_EQ(-EBUSY, mq_read(excl, (char [4]){}, 4));
	close(other);
	EXPECT_EQ(0, mq_get(excl, "x"));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	EXPECT_EQ(-EBUSY, mq_read(self->fd, (char [4]){}, 4));
	close(excl);
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
}

TEST_F(file, o_excl_on_a_writer_has_no_effect)
{
	int first = mq_open(&self->queue, O_WRONLY | O_EXCL);
	int second = mq_open(&self->queue, O_WRONLY | O_EXCL);
	int reader = mq_open(&self->queue, O_RDONLY);

	EXPECT_LE(0, first);
	EXPECT_LE(0, second);
	EXPECT_LE(0, reader);
}

TEST_F(file, o_excl_ends_with_the_last_close)
{
	int copy;

	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY | O_EXCL);
	ASSERT_LE(0, self->fd);
	copy = dup(self->fd);
	ASSERT_LE(0, copy);
	close(self->fd);
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	close(copy);
	self->fd = mq_open(&self->queue, O_RDONLY);
	EXPECT_LE(0, self->fd);
}

TEST_F(file, o_excl_ends_with_the_process)
{
	int ready[2];
	pid_t child;
	char byte;

	close(self->fd);
	ASSERT_EQ(0, pipe(ready));
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_EXCL);

		if (fd < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(-EBUSY, mq_open(&self->queue, O_RDONLY));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	self->fd = mq_open(&self->queue, O_RDONLY | O_EXCL);
	EXPECT_LE(0, self->fd);
}

/* -- end of file ------------------------------------------------------------ */

TEST_F(file, eof_never_waits_at_the_end)
{
	RECREATE("eof=never");
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
	EXPECT_EQ(0, mq_poll(self->fd, POLLIN));
}

TEST_F(file, eof_empty_ends_when_nothing_is_ready)
{
	int fd;

	RECREATE("eof=empty");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(0, mq_get(fd, "a"));
	EXPECT_EQ(0, mq_get(fd, "b"));
	EXPECT_EQ(0, mq_read(fd, (char [4]){}, 4));
	EXPECT_EQ(0, mq_read(self->fd, (char [4]){}, 4));
	EXPECT_EQ(POLLIN, mq_poll(fd, POLLIN));

	/* Not for good: what comes later is read. */
	ASSERT_EQ(1, mq_put(self->fd, "c"));
	EXPECT_EQ(0, mq_get(fd, "c"));
	EXPECT_EQ(0, mq_read(fd, (char [4]){}, 4));
}

TEST_F(file, eof_empty_counts_only_what_is_ready)
{
	int other;
	char byte;

	RECREATE("eof=empty");
	other = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(2, mq_put(self->fd, "ab"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_read(other, (char [4]){}, 4));
	EXPECT_EQ(0, mq_get(self->fd, "b"));
}

TEST_F(file, eof_hangup_ends_when_no_writer_is_left)
{
	int reader;

	RECREATE("eof=hangup");
	reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, reader);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(reader, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(reader, (char [4]){}, 4));
	EXPECT_EQ(0, mq_poll(reader, POLLIN));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	close(self->fd);
	EXPECT_EQ(0, mq_get(reader, "b"));
	EXPECT_EQ(0, mq_read(reader, (char [4]){}, 4));
	EXPECT_EQ(POLLIN, mq_poll(reader, POLLIN));

	/* An open for looking is no writer, one for writing is. */
	self->fd = mq_open(&self->queue, MQ_LOOK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, mq_read(reader, (char [4]){}, 4));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EAGAIN, mq_read(reader, (char [4]){}, 4));
	EXPECT_EQ(0, mq_poll(reader, POLLIN));
}

TEST_F(file, eof_hangup_counts_the_readers_own_sends_not_its_access)
{
	RECREATE("eof=hangup");
	EXPECT_EQ(0, mq_read(self->fd, (char [4]){}, 4));
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
}

TEST_F(file, eof_hangup_is_not_held_off_by_one_open_for_both_that_only_reads)
{
	struct mq_call call;
	char data[8];
	int fd;

	RECREATE("eof=hangup");
	fd = mq_open(&self->queue, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(self->fd, "a"));
	EXPECT_EQ(0, mq_get(fd, "a"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, mq_call_result(&call));
	close(fd);
}

TEST_F(file, eof_hangup_wakes_sleeping_readers_at_the_last_close)
{
	struct mq_call calls[3];
	char data[3][8];
	int i, fds[3], second;

	RECREATE("eof=hangup");
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, self->fd);
	second = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, second);
	for (i = 0; i < 3; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	close(second);
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(mq_call_sleeps(&calls[i]));
	close(self->fd);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, mq_call_result(&calls[i]));
}

TEST_F(file, eof_hangup_wakes_poll_at_the_last_close)
{
	struct mq_call call;
	int reader;

	RECREATE("eof=hangup");
	close(self->fd);
	self->fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, self->fd);
	reader = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, mq_poll_start(&call, reader, POLLIN));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	EXPECT_EQ(1, mq_call_result(&call));
	EXPECT_TRUE(call.events & POLLIN);
}

TEST_F(file, eof_hangup_wakes_readers_when_the_writer_is_killed)
{
	struct mq_call call;
	char byte;
	int reader, ready[2];
	pid_t child;

	RECREATE("eof=hangup");
	reader = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, pipe(ready));
	close(self->fd);
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_WRONLY);

		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, mq_read_start(&call, reader, &byte, 1));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
	EXPECT_EQ(0, mq_call_result(&call));
}

TEST_F(file, eof_changed_live_wakes_sleeping_readers)
{
	struct mq_call calls[2];
	char data[2][8];
	int i, fds[2];

	for (i = 0; i < 2; i++) {
		fds[i] = mq_open(&self->queue, O_RDONLY);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, mq_read_start(&calls[i], fds[i], data[i], 8));
		ASSERT_TRUE(mq_call_sleeps(&calls[i]));
	}
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "empty"));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, mq_call_result(&calls[i]));
}

/* -- one open file, several descriptors ------------------------------------ */

TEST_F(file, copies_of_a_descriptor_share_its_half_read_message)
{
	int copy = dup(self->fd);
	char byte;

	ASSERT_LE(0, copy);
	ASSERT_EQ(3, mq_put(self->fd, "abc"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(2, mq_fionread(copy));
	ASSERT_EQ(1, mq_read(copy, &byte, 1));
	EXPECT_EQ('b', byte);
	close(self->fd);
	self->fd = copy;
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(copy, "c"));
}

TEST_F(file, forked_child_shares_the_half_read_message)
{
	struct devmq_record record;
	pid_t child;
	char byte;

	ASSERT_EQ(3, mq_put(self->fd, "abc"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	child = mq_fork();
	if (!child) {
		if (mq_read(self->fd, &byte, 1) != 1 || byte != 'b')
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record.state);
	EXPECT_EQ(0, record.failures);
	EXPECT_EQ(0, mq_get(self->fd, "c"));
}

TEST_F(file, fdinfo_tells_the_consumers_state)
{
	char path[64], text[2048];

	RECREATE("ack=manual prefetch=9");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-roles:\tnone\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-mode:\tmanual\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-lease-ns:\t0\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-prefetch:\t9\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-held:\t0\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-last-id:\t0"));
	EXPECT_NE(NULL, strstr(text, "flags:"));

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-held:\t1\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-last-id:\t2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_read_file(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nmq-mode:\tauto\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-prefetch:\t0\n"));
	EXPECT_NE(NULL, strstr(text, "\nmq-held:\t0\n"));
}

TEST_F(file, open_of_an_unknown_name_is_enoent_and_creates_nothing)
{
	struct mq_queue queue;

	mq_name(&queue);
	EXPECT_EQ(-ENOENT, mq_open(&queue, O_RDONLY));
	EXPECT_EQ(-ENOENT, mq_control("remove %s", queue.name));
}

TEST_HARNESS_MAIN
