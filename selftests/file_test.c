// SPDX-License-Identifier: GPL-2.0
/*
 * Plain files: messages and their boundaries, bad buffers, several descriptors, and
 * calls that make no sense on a queue.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/file.h"

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
	EXPECT_EQ(4, mq_read(self->fd, (char [8]) {}, 8));
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
	MQ_OPEN(fd, O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(0, mq_get(self->fd, "a"));
}

TEST_F(file, short_reads_go_on_where_the_last_one_stopped)
{
	char data[8] = {};

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(5, mq_put(self->fd, "world"));
	EXPECT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(2, mq_read(self->fd, data + 2, 2));
	/* A read never returns bytes of two messages. */
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
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(file, write_of_nothing_to_a_full_queue_does_not_wait)
{
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
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

	/* In an empty queue, before a message, and in the middle of it. */
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

	MQ_REOPEN_QUEUE("max_message_size=100");
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

	MQ_REOPEN_QUEUE("max_bytes=100");
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
	MQ_REOPEN_QUEUE("max_message_size=100");
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, MQ_BAD_POINTER, 101));
	/*
	 * The kernel truncates sizes over 2 GiB, and the rest is still too
	 * large.
	 */
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

	MQ_REOPEN_QUEUE("max_message_size=15");
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
	 * The wake-up of this message may go to the thread, or the bad read
	 * below comes first.  Either way the message has to be read.
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

	MQ_REOPEN_QUEUE("ack=manual prefetch=9");
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
