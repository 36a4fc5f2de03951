// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of a topic that must not sleep: a message that is in the journal alone has to be
 * read back, which takes the disk's time.
 */
#include <sys/uio.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/ring.h"

/* Messages, of so many bytes each; only the newest may be in memory. */
#define COUNT	40
#define SIZE	1000

static char got[SIZE + 1];

/* Create self->queue with its messages, and open it for reading as self->fd. */
#define KEEP_AWAY(flags) do {						\
	char data[SIZE];						\
	int i;								\
									\
	mq_name(&self->queue);						\
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s "	\
				"retain_messages=1000 retain_memory_bytes=1",\
				self->queue.name, self->j.name));	\
	OPEN(O_WRONLY);							\
	for (i = 1; i <= COUNT; i++) {					\
		memset(data, i, sizeof(data));				\
		ASSERT_EQ(SIZE, mq_write(self->fd, data, sizeof(data)));\
	}								\
	ASSERT_EQ(0, fsync(self->fd));					\
	ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue,		\
					     retained_memory_bytes) <= SIZE));\
	CLOSE();							\
	OPEN(O_RDONLY | (flags));					\
} while (0)

/* Read without sleeping. Returns the first byte, which tells the id, or a negative errno. */
static int read_nowait(int fd)
{
	struct iovec vector = { got, sizeof(got) };
	ssize_t done;

	memset(got, MQ_POISON, sizeof(got));
	done = preadv2(fd, &vector, 1, -1, RWF_NOWAIT);
	if (done < 0)
		return -errno;
	return done == SIZE && got[SIZE - 1] == got[0] ? got[0] : -EILSEQ;
}

/* What is beside a message that was read back is there as well, for a while. */
TEST_F(journal, rwf_nowait_gets_what_was_read_back_already)
{
	int id;

	KEEP_AWAY(0);
	EXPECT_EQ(-EAGAIN, read_nowait(self->fd));
	EXPECT_EQ(-EAGAIN, read_nowait(self->fd));
	ASSERT_EQ(SIZE, mq_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(1, got[0]);
	EXPECT_EQ(2, read_nowait(self->fd));
	EXPECT_EQ(3, read_nowait(self->fd));
	for (id = 4; id <= COUNT; id++) {
		int first = read_nowait(self->fd);

		if (first == -EAGAIN) {
			ASSERT_EQ(SIZE, mq_read(self->fd, got, sizeof(got)));
			first = got[0];
		}
		ASSERT_EQ(id, first);
	}
	EXPECT_EQ(-EAGAIN, read_nowait(self->fd));
}

/* EAGAIN means that there is no message, and poll does not say that there is one. */
TEST_F(journal, read_with_o_nonblock_waits_for_the_disk)
{
	int id;

	KEEP_AWAY(O_NONBLOCK);
	for (id = 1; id <= COUNT; id++) {
		ASSERT_EQ(SIZE, mq_read(self->fd, got, sizeof(got)));
		ASSERT_EQ(id, got[0]);
	}
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, got, sizeof(got)));
}

static void read_by_ring(struct __test_metadata *_metadata, FIXTURE_DATA(journal) *self)
{
	struct ring ring = {};
	int error = ring_open(&ring), id;
	__u64 which;

	if (RING_ABSENT(error))
		SKIP(return, "no io_uring here");
	ASSERT_EQ(0, error);
	for (id = 1; id <= COUNT; id++) {
		memset(got, MQ_POISON, sizeof(got));
		ring_read(&ring, self->fd, got, sizeof(got), id);
		ASSERT_EQ(1, ring_submit(&ring));
		ASSERT_EQ(SIZE, ring_wait(&ring, &which));
		ASSERT_EQ(id, which);
		ASSERT_EQ(id, got[0]);
	}
	ring_close(&ring);
}

TEST_F(journal, io_uring_reads_back_in_a_worker)
{
	KEEP_AWAY(0);
	read_by_ring(_metadata, self);
}

TEST_F(journal, io_uring_reads_back_with_o_nonblock)
{
	KEEP_AWAY(O_NONBLOCK);
	read_by_ring(_metadata, self);
}

TEST_HARNESS_MAIN
