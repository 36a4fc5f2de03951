// SPDX-License-Identifier: GPL-2.0
/*
 * splice(2) and sendfile(2) to and from a queue.
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/process.h"
#include "helpers/sleep.h"

FIXTURE(splice) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int in, out;		/* a pipe: read from in, write to out */
};

FIXTURE_SETUP(splice)
{
	int ends[2];

	MQ_REQUIRE();
	MQ_OPEN_QUEUE("");
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	self->in = ends[0];
	self->out = ends[1];
}

FIXTURE_TEARDOWN(splice)
{
	close(self->fd);
	close(self->in);
	close(self->out);
	EXPECT_EQ(0, mq_cleanup());
}

static ssize_t move(int from, int to, size_t size)
{
	ssize_t done = splice(from, NULL, to, NULL, size, 0);

	return done < 0 ? -errno : done;
}

TEST_F(splice, queue_to_pipe_moves_one_message)
{
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	ASSERT_EQ(5, mq_put(self->fd, "world"));
	EXPECT_EQ(5, move(self->fd, self->out, 4096));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(5, move(self->fd, self->out, 4096));
	EXPECT_EQ(0, mq_get(self->in, "world"));
	EXPECT_EQ(-EAGAIN, move(self->fd, self->out, 4096));
}

TEST_F(splice, queue_to_pipe_in_pieces_goes_on)
{
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(2, move(self->fd, self->out, 2));
	EXPECT_EQ(0, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(3, move(self->fd, self->out, 4096));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
}

TEST_F(splice, large_message_to_pipe_loses_nothing)
{
	char *sent = malloc(300000), *got = malloc(300000);
	size_t moved = 0, used = 0;
	ssize_t done;
	int i;

	for (i = 0; i < 300000; i++)
		sent[i] = i * 7 + (i >> 8);
	ASSERT_EQ(300000, mq_write(self->fd, sent, 300000));
	while (used < 300000) {
		done = move(self->fd, self->out, 300000);
		if (done > 0)
			moved += done;
		done = mq_read(self->in, got + used, 300000 - used);
		ASSERT_LT(0, done);
		used += done;
	}
	EXPECT_EQ(300000, moved);
	EXPECT_EQ(0, memcmp(sent, got, 300000));
	EXPECT_EQ(1, mq_stat_of(&self->queue, acked));
}

TEST_F(splice, full_pipe_takes_nothing_from_the_queue)
{
	static char data[65536];

	while (mq_write(self->out, data, sizeof(data)) > 0)
		;
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(-EAGAIN, move(self->fd, self->out, 4096));
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
}

TEST_F(splice, eof_empty_ends_a_splice)
{
	MQ_REOPEN_QUEUE("eof=empty");
	EXPECT_EQ(0, move(self->fd, self->out, 4096));
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(5, move(self->fd, self->out, 4096));
	EXPECT_EQ(0, move(self->fd, self->out, 4096));
}

TEST_F(splice, blocking_splice_waits_for_a_message)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	pid_t child;

	ASSERT_LE(0, fd);
	child = mq_fork();
	if (!child)
		_exit(move(fd, self->out, 4096) == 5 ? 0 : 1);
	ASSERT_TRUE(mq_wait_asleep(child, child, SYS_splice));
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
}

TEST_F(splice, pipe_to_queue_sends_one_message)
{
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	EXPECT_EQ(5, move(self->in, self->fd, 4096));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
}

TEST_F(splice, size_cuts_messages_out_of_a_pipe)
{
	ASSERT_EQ(8, mq_put(self->out, "abcdefgh"));
	EXPECT_EQ(3, move(self->in, self->fd, 3));
	EXPECT_EQ(3, move(self->in, self->fd, 3));
	EXPECT_EQ(2, move(self->in, self->fd, 3));
	EXPECT_EQ(0, mq_get(self->fd, "abc"));
	EXPECT_EQ(0, mq_get(self->fd, "def"));
	EXPECT_EQ(0, mq_get(self->fd, "gh"));
}

TEST_F(splice, large_contents_of_a_pipe_arrive_in_order)
{
	char *sent = malloc(60000), *got = malloc(60000);
	size_t used = 0;
	ssize_t done;
	int i;

	for (i = 0; i < 60000; i++)
		sent[i] = i * 11 + (i >> 8);
	ASSERT_EQ(60000, mq_write(self->out, sent, 60000));
	while (used < 60000) {
		done = move(self->in, self->fd, 60000);
		ASSERT_LT(0, done);
		used += done;
	}
	for (used = 0; used < 60000; used += done) {
		done = mq_read(self->fd, got + used, 60000 - used);
		ASSERT_LT(0, done);
	}
	EXPECT_EQ(0, memcmp(sent, got, 60000));
}

TEST_F(splice, message_too_large_stays_in_the_pipe)
{
	MQ_REOPEN_QUEUE("max_message_size=4");
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	EXPECT_EQ(-EMSGSIZE, move(self->in, self->fd, 4096));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
}

TEST_F(splice, full_queue_leaves_the_pipe_alone)
{
	MQ_REOPEN_QUEUE("max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	EXPECT_EQ(-EAGAIN, move(self->in, self->fd, 4096));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(5, move(self->in, self->fd, 4096));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
}

TEST_F(splice, removed_queue_is_enodev_and_leaves_the_pipe_alone)
{
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	ASSERT_EQ(0, mq_remove(&self->queue));
	EXPECT_EQ(-ENODEV, move(self->in, self->fd, 4096));
	EXPECT_EQ(-ENODEV, move(self->fd, self->out, 4096));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
}

TEST_F(splice, gifted_pages_are_copied)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec vector = { page + 100, 5000 };
	char got[8192];
	ssize_t done, used = 0;

	/*
	 * The message is a copy: changing the pages in the pipe does not change
	 * it.
	 */
	memset(page, 'a', 8192);
	ASSERT_EQ(5000, vmsplice(self->out, &vector, 1, 0));
	while (used < 5000) {
		done = move(self->in, self->fd, 8192);
		ASSERT_LT(0, done);
		used += done;
	}
	memset(page, 'b', 8192);
	for (used = 0; used < 5000; used += done) {
		done = mq_read(self->fd, got + used, sizeof(got) - used);
		ASSERT_LT(0, done);
	}
	EXPECT_EQ(5000, used);
	EXPECT_EQ(NULL, memchr(got, 'b', 5000));
}

TEST_F(splice, tee_then_splice_sends_a_copy)
{
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	ASSERT_EQ(5, tee(self->in, ends[1], 4096, 0));
	EXPECT_EQ(5, move(ends[0], self->fd, 4096));
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
	EXPECT_EQ(0, mq_get(self->in, "hello"));
}

TEST_F(splice, position_is_refused)
{
	loff_t position = 0;

	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	EXPECT_EQ(-1, splice(self->fd, &position, self->out, NULL, 4096, 0));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(5, mq_put(self->out, "hello"));
	EXPECT_EQ(-1, splice(self->in, NULL, self->fd, &position, 4096, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(splice, sendfile_of_a_file_is_a_message)
{
	char path[] = "/tmp/splice_test.XXXXXX";
	off_t offset = 0;
	int file = mkstemp(path);

	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(12, mq_put(file, "from a file\n"));
	EXPECT_EQ(12, sendfile(self->fd, file, &offset, 100));
	EXPECT_EQ(12, offset);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "from a file\n"));
	close(file);
}

TEST_F(splice, sendfile_to_a_full_queue_is_eagain)
{
	char path[] = "/tmp/splice_test.XXXXXX";
	off_t offset = 0;
	int file = mkstemp(path);

	MQ_REOPEN_QUEUE("max_messages=1");
	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(12, mq_put(file, "from a file\n"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-1, sendfile(self->fd, file, &offset, 100));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, offset);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	close(file);
}

TEST_F(splice, sendfile_from_a_queue_loses_nothing)
{
	char path[] = "/tmp/splice_test.XXXXXX", got[64] = {};
	int file = mkstemp(path);
	ssize_t done;

	/*
	 * The kernel may refuse to sendfile() from a queue, as it has no
	 * position. Then it must take no message.
	 */
	MQ_REOPEN_QUEUE("eof=empty");
	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	done = sendfile(file, self->fd, NULL, 5);
	if (done < 0)
		done = 0;
	EXPECT_EQ(done, pread(file, got, sizeof(got), 0));
	EXPECT_EQ(5 - done, mq_read(self->fd, got + done, 10));
	EXPECT_STREQ("hello", got);
	close(file);
}

TEST_F(splice, queue_to_queue_through_a_pipe)
{
	struct mq_queue second;
	char text[32];
	int i, fd;

	ASSERT_EQ(0, mq_create(&second, ""));
	fd = mq_open(&second, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 50));
	for (i = 1; i <= 50; i++) {
		ASSERT_LT(0, move(self->fd, self->out, 4096));
		ASSERT_LT(0, move(self->in, fd, 4096));
	}
	for (i = 1; i <= 50; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(fd, text));
	}
}

TEST_HARNESS_MAIN
