// SPDX-License-Identifier: GPL-2.0
/*
 * framing=line: every line written is a message.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/thread.h"
#include "fixtures/line.h"

TEST_F(line, every_line_is_a_message_with_its_newline)
{
	EXPECT_EQ(14, mq_put(self->writer, "one\ntwo\nthree\n"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "one\n"));
	EXPECT_EQ(0, mq_get(self->fd, "two\n"));
	EXPECT_EQ(0, mq_get(self->fd, "three\n"));
	EXPECT_EMPTY();
}

TEST_F(line, empty_line_is_a_message)
{
	EXPECT_EQ(3, mq_put(self->writer, "\n\n\n"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EMPTY();
}

TEST_F(line, all_other_bytes_are_just_bytes)
{
	char sent[300], got[300];
	int i, size = 0;

	for (i = 0; i < 256; i++)
		if (i != '\n')
			sent[size++] = i;
	sent[size++] = '\n';
	ASSERT_EQ(256, size);
	EXPECT_EQ(size, mq_write(self->writer, sent, size));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(size, mq_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(sent, got, size));
	EXPECT_EQ(4, mq_write(self->writer, "a\0b\n", 4));
	EXPECT_EQ(4, mq_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp("a\0b\n", got, 4));
}

TEST_F(line, carriage_return_belongs_to_the_line)
{
	EXPECT_EQ(6, mq_put(self->writer, "a\r\nb\r\n"));
	EXPECT_EQ(0, mq_get(self->fd, "a\r\n"));
	EXPECT_EQ(0, mq_get(self->fd, "b\r\n"));
}

TEST_F(line, write_of_nothing_sends_nothing)
{
	ASSERT_EQ(1, mq_put(self->writer, "a"));
	EXPECT_EQ(0, mq_write(self->writer, "", 0));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(line, writev_is_one_stream)
{
	struct iovec parts[4] = {
		{ "a", 1 }, { "bc\nd", 4 }, { "", 0 }, { "e\nf", 3 },
	};

	EXPECT_EQ(8, writev(self->writer, parts, 4));
	EXPECT_EQ(0, mq_get(self->fd, "abc\n"));
	EXPECT_EQ(0, mq_get(self->fd, "de\n"));
	EXPECT_EMPTY();
	EXPECT_EQ(1, mq_put(self->writer, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "f\n"));
}

TEST_F(line, short_reads_are_as_ever)
{
	char data[4] = {};

	ASSERT_EQ(6, mq_put(self->writer, "ab\ncd\n"));
	EXPECT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(1, mq_read(self->fd, data + 2, 2));
	EXPECT_STREQ("ab\n", data);
	EXPECT_EQ(0, mq_get(self->fd, "cd\n"));
}

TEST_F(line, line_too_long_is_emsgsize_if_it_is_the_first)
{
	RECREATE("max_message_size=4");
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "1234\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "1234567890\nx\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "12345"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(4, mq_put(self->writer, "123\n"));
	EXPECT_EQ(0, mq_get(self->fd, "123\n"));
}

TEST_F(line, line_too_long_later_is_a_short_write)
{
	RECREATE("max_message_size=4");
	EXPECT_EQ(6, mq_put(self->writer, "123\n1\n1234\n5\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "1234\n5\n"));
	EXPECT_EQ(0, mq_get(self->fd, "123\n"));
	EXPECT_EQ(0, mq_get(self->fd, "1\n"));
	EXPECT_EMPTY();
	/* No byte of the long line is left in the open file. */
	EXPECT_EQ(2, mq_put(self->writer, "x\n"));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
}

TEST_F(line, line_too_long_with_its_tail_is_emsgsize_and_the_tail_stays)
{
	RECREATE("max_message_size=4");
	EXPECT_EQ(3, mq_put(self->writer, "123"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "45\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(self->writer, "4\n"));
	EXPECT_EQ(1, mq_put(self->writer, "\n"));
	EXPECT_EQ(0, mq_get(self->fd, "123\n"));
	EXPECT_EMPTY();
}

TEST_F(line, default_limit_holds_for_a_line_in_many_writes)
{
	char data[4096];
	ssize_t done;
	int i, total = 0;

	memset(data, 'x', sizeof(data));
	for (i = 0; i < 300; i++) {
		done = mq_write(self->writer, data, sizeof(data));
		if (done < 0)
			break;
		total += done;
	}
	EXPECT_EQ(-EMSGSIZE, done);
	EXPECT_EQ(1 << 20, total);
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	close(self->writer);
	self->writer = -1;
	EXPECT_EQ(1 << 20, mq_stat_of(&self->queue, bytes));
}

TEST_F(line, full_queue_makes_a_short_write_and_then_eagain)
{
	RECREATE("max_messages=2");
	EXPECT_EQ(4, mq_put(self->writer, "a\nb\nc\nd\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "c\nd\n"));
	EXPECT_EQ(0, mq_get(self->fd, "a\n"));
	EXPECT_EQ(2, mq_put(self->writer, "c\nd\n"));
	EXPECT_EQ(0, mq_get(self->fd, "b\n"));
	EXPECT_EQ(0, mq_get(self->fd, "c\n"));
	EXPECT_EMPTY();
}

TEST_F(line, queue_full_of_bytes_makes_a_short_write)
{
	RECREATE("max_bytes=10");
	EXPECT_EQ(9, mq_put(self->writer, "1234\n123\n12\n1\n"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "12\n1\n"));
	EXPECT_EQ(0, mq_get(self->fd, "1234\n"));
	EXPECT_EQ(5, mq_put(self->writer, "12\n1\n"));
}

TEST_F(line, full_queue_keeps_the_tail_for_the_next_try)
{
	RECREATE("max_bytes=5");
	ASSERT_EQ(2, mq_put(self->fd, "x\n"));
	EXPECT_EQ(3, mq_put(self->writer, "abc"));
	EXPECT_EQ(-EAGAIN, mq_put(self->writer, "d\n"));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	EXPECT_EQ(2, mq_put(self->writer, "d\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abcd\n"));
	EXPECT_EMPTY();
}

TEST_F(line, rejecting_queue_makes_a_short_write_and_then_enospc)
{
	RECREATE("max_messages=2 overflow=reject");
	EXPECT_EQ(4, mq_put(self->writer, "a\nb\nc\n"));
	EXPECT_EQ(-ENOSPC, mq_put(self->writer, "c\n"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
}

TEST_F(line, drop_head_keeps_the_newest_lines)
{
	RECREATE("max_messages=2 overflow=drop-head");
	EXPECT_EQ(10, mq_put(self->writer, "a\nb\nc\nd\ne\n"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "d\n"));
	EXPECT_EQ(0, mq_get(self->fd, "e\n"));
}

TEST_F(line, blocking_write_waits_in_the_middle)
{
	struct mq_call call;
	int fd;

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, fd, "a\nb\nc\n", 6));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a\n"));
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, sent) == 2));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(0, mq_get(self->fd, "b\n"));
	EXPECT_EQ(6, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "c\n"));
}

TEST_F(line, signal_in_the_middle_makes_a_short_write)
{
	static const int flags[] = { 0, SA_RESTART };
	struct mq_call call;
	unsigned int i;
	int fd;

	for (i = 0; i < 2; i++) {
		RECREATE("max_messages=1");
		fd = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mq_catch_signal(flags[i]));
		ASSERT_EQ(0, mq_write_start(&call, fd, "a\nb\nc\n", 6));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
		EXPECT_EQ(2, mq_call_result(&call));
		EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
		close(fd);
		EXPECT_EQ(0, mq_get(self->fd, "a\n"));
		EXPECT_EMPTY();
	}
}

TEST_F(line, signal_before_the_first_line_is_eintr_and_keeps_the_tail)
{
	struct mq_call call;
	int fd;

	RECREATE("max_bytes=5");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(2, mq_put(fd, "x\n"));
	ASSERT_EQ(3, mq_put(fd, "abc"));
	ASSERT_EQ(0, mq_write_start(&call, fd, "d\n", 2));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(0, mq_get(self->fd, "x\n"));
	ASSERT_EQ(2, mq_put(fd, "D\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abcD\n"));
}

TEST_F(line, bad_buffer_sends_no_half_line)
{
	char *edge = mq_edge(), got[64];
	ssize_t done;

	EXPECT_EQ(-EFAULT, mq_write(self->writer, MQ_BAD_POINTER, 10));
	memcpy(edge - 8, "ab\ncd\nef", 8);
	done = mq_write(self->writer, edge - 8, 100);
	EXPECT_TRUE(done == -EFAULT || (done >= 3 && done <= 8)) {
		TH_LOG("got %zd", done);
	}
	/* The queue has just the bytes that the writes returned. */
	close(self->writer);
	self->writer = -1;
	if (done >= 3)
		EXPECT_EQ(0, mq_get(self->fd, "ab\n"));
	if (done >= 6)
		EXPECT_EQ(0, mq_get(self->fd, "cd\n"));
	if (done == 8)
		EXPECT_EQ(0, mq_get(self->fd, "ef\n"));
	if (done == 7)
		EXPECT_EQ(0, mq_get(self->fd, "e\n"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, got, sizeof(got)));
}

TEST_F(line, many_lines_in_one_write)
{
	char *text = malloc(200000), line[32];
	int i, size = 0;

	/* More lines than the module takes in one hold of its lock. */
	for (i = 0; i < 15000; i++)
		size += sprintf(text + size, "%d\n", i);
	ASSERT_EQ(size, mq_write(self->writer, text, size));
	ASSERT_LT(65536, size);
	EXPECT_EQ(15000, mq_stat_of(&self->queue, ready));
	for (i = 0; i < 15000; i++) {
		snprintf(line, sizeof(line), "%d\n", i);
		ASSERT_EQ(0, mq_get(self->fd, line));
	}
	EXPECT_EMPTY();
}

TEST_F(line, lines_cut_anywhere_come_out_whole)
{
	char text[4096], line[80];
	unsigned int seed = 1;
	int i, size = 0, done = 0, part;

	for (i = 0; i < 60; i++)
		size += sprintf(text + size, "%0*d\n", i % 50 + 2, i);
	while (done < size) {
		seed = seed * 1103515245 + 12345;
		part = seed / 65536 % 23 + 1;
		if (part > size - done)
			part = size - done;
		ASSERT_EQ(part, mq_write(self->writer, text + done, part));
		done += part;
	}
	for (i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "%0*d\n", i % 50 + 2, i);
		EXPECT_EQ(0, mq_get(self->fd, line));
	}
	EXPECT_EMPTY();
}

TEST_F(line, large_lines_across_pages)
{
	char *text = malloc(300000), *got = malloc(300000);
	int i, sizes[] = { 4095, 4096, 4097, 100000, 8192, 1, 65536, 65537 };
	int size = 0;

	for (i = 0; i < 8; i++) {
		memset(text + size, 'a' + i, sizes[i]);
		text[size + sizes[i] - 1] = '\n';
		size += sizes[i];
	}
	ASSERT_EQ(size, mq_write(self->writer, text, size));
	size = 0;
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(sizes[i], mq_read(self->fd, got, 300000));
		EXPECT_EQ(0, memcmp(text + size, got, sizes[i]));
		size += sizes[i];
	}
}

TEST_F(line, sendfile_of_a_file_sends_its_lines)
{
	char path[] = "/tmp/line_test.XXXXXX", line[32];
	int i, size = 0, file = mkstemp(path);
	off_t offset = 0;
	ssize_t done;

	ASSERT_LE(0, file);
	unlink(path);
	for (i = 0; i < 1000; i++)
		size += dprintf(file, "%d\n", i);
	while (offset < size) {
		done = sendfile(self->writer, file, &offset, size - offset);
		ASSERT_LT(0, done) {
			TH_LOG("errno %d at %ld", errno, (long)offset);
		}
	}
	EXPECT_EQ(1000, mq_stat_of(&self->queue, ready));
	for (i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "%d\n", i);
		ASSERT_EQ(0, mq_get(self->fd, line));
	}
	close(file);
}

TEST_F(line, send_ioctl_is_not_framed)
{
	ASSERT_EQ(2, mq_put(self->writer, "ab"));
	EXPECT_EQ(1, mq_send_one(self->writer, "x\ny\nz", 5));
	EXPECT_EQ(0, mq_get(self->fd, "x\ny\nz\n"));
	ASSERT_EQ(2, mq_put(self->writer, "c\n"));
	EXPECT_EQ(0, mq_get(self->fd, "abc\n"));
}

struct line_writer {
	int fd, lines, size;
	char letter;
	int error;
	pthread_t thread;
};

static void *line_writer_thread(void *argument)
{
	struct line_writer *writer = argument;
	char text[256];
	int i;

	memset(text, writer->letter, writer->size);
	text[writer->size - 1] = '\n';
	for (i = 0; i < writer->lines; i++)
		if (mq_write(writer->fd, text, writer->size) != writer->size)
			writer->error++;
	return NULL;
}

/* -- the newline that a message lacks ---------------------------------------- */

/* Messages sent by DEVMQ_IOC_SEND are read as lines, too. */
TEST_F(line, message_without_a_newline_is_read_with_one)
{
	EXPECT_EQ(1, mq_send_one(self->writer, "hello", 5));
	EXPECT_EQ(2, mq_send_one(self->writer, "world", 5));
	EXPECT_EQ(3, mq_send_one(self->writer, "end\n", 4));
	EXPECT_EQ(0, mq_get(self->fd, "hello\n"));
	EXPECT_EQ(0, mq_get(self->fd, "world\n"));
	EXPECT_EQ(0, mq_get(self->fd, "end\n"));
	EXPECT_EMPTY();
	EXPECT_EQ(3, mq_stat_of(&self->queue, acked));
}

TEST_F(line, added_newline_is_no_part_of_the_message)
{
	char buffer[1024];
	struct devmq_recv recv;
	struct devmq_peek peek;

	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	EXPECT_EQ(2, mq_stat_of(&self->queue, bytes));
	ASSERT_EQ(0, mq_peek(self->fd, buffer, sizeof(buffer), &peek));
	EXPECT_TRUE(mq_record_is((void *)buffer, "ab"));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, sizeof(buffer), &recv));
	EXPECT_TRUE(mq_record_is((void *)buffer, "ab"));
}

TEST_F(line, added_newline_needs_no_room)
{
	RECREATE("max_message_size=4 max_bytes=4");
	ASSERT_EQ(1, mq_send_one(self->writer, "1234", 4));
	EXPECT_EQ(0, mq_get(self->fd, "1234\n"));
	EXPECT_EQ(4, mq_put(self->writer, "123\n"));
}

TEST_F(line, added_newline_counts_in_fionread)
{
	char byte;

	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	ASSERT_EQ(2, mq_put(self->writer, "c\n"));
	EXPECT_EQ(3, mq_fionread(self->fd));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(2, mq_fionread(self->fd));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('b', byte);
	EXPECT_EQ(1, mq_fionread(self->fd));
	EXPECT_EQ(POLLIN, mq_poll(self->fd, POLLIN));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('\n', byte);
	EXPECT_EQ(2, mq_fionread(self->fd));
}

/* The shell's read reads byte by byte, up to the newline. */
TEST_F(line, message_is_settled_with_its_added_newline_and_not_before)
{
	char data[4] = {};

	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	EXPECT_EQ(2, mq_read(self->fd, data, 2));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(1, mq_read(self->fd, data + 2, 2));
	EXPECT_STREQ("ab\n", data);
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EMPTY();
}

TEST_F(line, message_read_but_for_its_newline_goes_back_whole)
{
	char data[4];
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

	ASSERT_LE(0, other);
	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	ASSERT_EQ(2, mq_read(other, data, 2));
	close(other);
	EXPECT_EQ(0, mq_get(self->fd, "ab\n"));
}

TEST_F(line, newline_that_cannot_be_copied_is_read_next)
{
	char *edge = mq_edge();

	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	EXPECT_EQ(2, mq_read(self->fd, edge - 2, 10));
	EXPECT_EQ(0, memcmp(edge - 2, "ab", 2));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, edge, 10));
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(line, bad_buffer_leaves_a_message_without_newline_in_place)
{
	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 10));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "ab\n"));
}

TEST_F(line, readv_gets_the_added_newline_in_its_place)
{
	char a[2], b[1], c[4];
	struct iovec parts[3] = { { a, 2 }, { b, 1 }, { c, 4 } };

	ASSERT_EQ(1, mq_send_one(self->writer, "abc", 3));
	EXPECT_EQ(4, readv(self->fd, parts, 3));
	EXPECT_EQ('c', b[0]);
	EXPECT_EQ('\n', c[0]);
	ASSERT_EQ(2, mq_send_one(self->writer, "ab", 2));
	EXPECT_EQ(3, readv(self->fd, parts, 3));
	EXPECT_EQ('\n', b[0]);
}

TEST_F(line, splice_gives_the_added_newline)
{
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	ASSERT_EQ(2, mq_send_one(self->writer, "cd", 2));
	EXPECT_EQ(3, splice(self->fd, NULL, ends[1], NULL, 4096, 0));
	EXPECT_EQ(3, splice(self->fd, NULL, ends[1], NULL, 4096, 0));
	EXPECT_EQ(0, mq_get(ends[0], "ab\ncd\n"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
	close(ends[0]);
	close(ends[1]);
}

/*
 * An empty message reads as "\n" here; with framing=record it reads as end of
 * file.
 */
TEST_F(line, empty_message_is_read_as_an_empty_line)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	ASSERT_EQ(1, mq_send_one(self->writer, "", 0));
	EXPECT_EQ(1, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EMPTY();
}

TEST_F(line, empty_line_of_a_write_is_no_empty_message)
{
	EXPECT_EQ(1, mq_put(self->writer, "\n"));
	EXPECT_EQ(-EINVAL, mq_send_one(self->writer, "", 0));
	EXPECT_EQ(1, mq_stat_of(&self->queue, bytes));
}

TEST_F(line, large_message_without_a_newline_gets_one)
{
	char *text = malloc(300000), *got = malloc(300000);

	memset(text, 'x', 299999);
	ASSERT_EQ(1, mq_send_one(self->writer, text, 299998));
	EXPECT_EQ(299999, mq_read(self->fd, got, 300000));
	EXPECT_EQ(0, memcmp(text, got, 299998));
	EXPECT_EQ('\n', got[299998]);
}

TEST_F(line, manual_delivery_is_half_read_without_its_newline)
{
	struct devmq_consumer consumer;
	char data[4];

	RECREATE("ack=manual");
	ASSERT_EQ(1, mq_send_one(self->writer, "ab", 2));
	ASSERT_EQ(2, mq_read(self->fd, data, 2));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(1, consumer.partial_id);
	EXPECT_EQ(0, mq_get(self->fd, "\n"));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(0, consumer.partial_id);
	EXPECT_EQ(1, consumer.held);
	EXPECT_EQ(1, mq_ack(self->fd, 1));
}

TEST_F(line, threads_on_one_descriptor_do_not_mix_their_lines)
{
	struct line_writer writers[4];
	char data[256];
	int i, j, done, count[4] = {};

	for (i = 0; i < 4; i++) {
		writers[i] = (struct line_writer) {
			.fd = self->writer, .lines = 500, .size = 40 + 50 * i,
			.letter = 'a' + i,
		};
		ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL,
					    line_writer_thread, &writers[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(writers[i].thread, NULL);
		EXPECT_EQ(0, writers[i].error);
	}
	while ((done = mq_read(self->fd, data, sizeof(data))) > 0) {
		i = data[0] - 'a';
		ASSERT_TRUE(i >= 0 && i < 4);
		ASSERT_EQ(writers[i].size, done);
		for (j = 0; j < done - 1; j++)
			ASSERT_EQ(data[0], data[j]);
		ASSERT_EQ('\n', data[done - 1]);
		count[i]++;
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(500, count[i]);
}

TEST_F(line, threads_waiting_in_the_middle_do_not_mix_their_lines)
{
	static const char * const texts[2] = {
		"aaaa\naaaa\naaaa\naaaa\n", "bbbb\nbbbb\nbbbb\nbbbb\n",
	};
	struct mq_call calls[2];
	char data[16];
	int i, fd, got[2] = {};

	RECREATE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, mq_write_start(&calls[i], fd, texts[i], 20));
	close(self->fd);
	self->fd = mq_open(&self->queue, O_RDONLY);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(5, mq_read(self->fd, data, sizeof(data)));
		ASSERT_EQ(0, memcmp(data, texts[data[0] - 'a'], 5));
		got[data[0] - 'a']++;
	}
	EXPECT_EQ(4, got[0]);
	EXPECT_EQ(4, got[1]);
	EXPECT_EQ(20, mq_call_result(&calls[0]));
	EXPECT_EQ(20, mq_call_result(&calls[1]));
}

TEST_HARNESS_MAIN
