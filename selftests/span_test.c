// SPDX-License-Identifier: GPL-2.0
/*
 * Batches of messages that are adjacent in the kernel's memory, and of messages
 * that are not: some have gaps between their ids, or others' messages between
 * them, or several senders.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/settle.h"

FIXTURE(span) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK; warmed up */
	int other;		/* another open file like fd */
	struct devmq_recv recv;
	struct devmq_stat stat;
	char buffer[65536];
};

/*
 * The first messages of an open file have chunks of their own, and later
 * messages share chunks: send so many that the next ones share.
 */
static int warm_up(int fd)
{
	int i, error = 0;

	for (i = 0; !error && i < 16; i++)
		error = mq_put(fd, "first") == 5 ? mq_get(fd, "first") : -EIO;
	return error;
}

#define RECREATE(...) do {						\
	MQ_REOPEN_PAIR(__VA_ARGS__);					\
	ASSERT_EQ(0, warm_up(self->fd));				\
	ASSERT_EQ(0, warm_up(self->other));				\
} while (0)

FIXTURE_SETUP(span)
{
	MQ_REQUIRE();
	self->fd = -1;
	self->other = -1;
	RECREATE("");
}

FIXTURE_TEARDOWN(span)
{
	close(self->fd);
	close(self->other);
	EXPECT_EQ(0, mq_cleanup());
}

#define FIRST	33		/* the id of the first message after RECREATE */

#define RECV(fd)							\
	mq_recv(fd, self->buffer, sizeof(self->buffer), &self->recv)

/*
 * Send each letter as a message: small letters with the first file, capitals
 * with the other.
 */
static int put_letters(FIXTURE_DATA(span) *self, const char *letters)
{
	for (; *letters; letters++)
		if (mq_write(*letters < 'a' ? self->other : self->fd, letters,
			     1) != 1)
			return -EIO;
	return 0;
}

/* Do the records in the buffer have these letters as payloads? */
static bool has_letters(FIXTURE_DATA(span) *self, const char *letters)
{
	struct devmq_record *record = NULL;

	while ((record = mq_record_next(self->buffer, self->recv.used,
					record))) {
		/* These members must not show the kernel's own data. */
		if (record->delay_ns || record->ttl_ns || record->flags ||
		    record->uid != getuid() || record->gid != getgid() ||
		    record->state != DEVMQ_STATE_IN_FLIGHT)
			return false;
		if (!*letters || mq_record_payload_size(record) != 1 ||
		    *mq_record_payload(record) != *letters)
			return false;
		letters++;
	}
	return !*letters;
}

static unsigned int last_attempt(FIXTURE_DATA(span) *self)
{
	struct devmq_record *record = NULL, *next;

	while ((next = mq_record_next(self->buffer, self->recv.used, record)))
		record = next;
	return record ? record->attempt : 0;
}

/* -- the order of messages ------------------------------------------------- */

TEST_F(span, two_senders_in_turn)
{
	ASSERT_EQ(0, put_letters(self, "aAbBcCdDeEfFgGhH"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_EQ(16, self->recv.count);
	EXPECT_TRUE(has_letters(self, "aAbBcCdDeEfFgGhH"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(32 + 16, self->stat.acked);
}

TEST_F(span, two_senders_in_runs)
{
	ASSERT_EQ(0, put_letters(self, "abcABCdefDEFghiGHIjklJKL"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcABCdefDEFghiGHIjklJKL"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(32 + 24, self->stat.acked);
}

TEST_F(span, each_is_told_who_sent_it)
{
	struct devmq_record *record = NULL;
	pid_t child;
	int status, i;

	ASSERT_EQ(0, put_letters(self, "abc"));
	/*
	 * The child sends with the same open file, so its messages are in the
	 * same chunk.
	 */
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(put_letters(self, "def") ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, put_letters(self, "ghi"));
	ASSERT_EQ(0, RECV(self->fd));
	ASSERT_TRUE(has_letters(self, "abcdefghi"));
	for (i = 0; i < 9; i++) {
		record = mq_record_next(self->buffer, self->recv.used, record);
		ASSERT_NE(NULL, record);
		EXPECT_EQ(i / 3 == 1 ? child : getpid(), record->pid);
	}
}

TEST_F(span, max_count_ends_within_one)
{
	ASSERT_EQ(0, put_letters(self, "abcABCdef"));
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 5;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_TRUE(has_letters(self, "abcAB"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(4, self->stat.ready);
	ASSERT_EQ(0, RECV(self->other));
	EXPECT_TRUE(has_letters(self, "Cdef"));
}

TEST_F(span, buffer_ends_within_one)
{
	size_t room = 5 * (sizeof(struct devmq_record) + 8);

	ASSERT_EQ(0, put_letters(self, "abcABCdef"));
	/* The buffer is a byte too small for five records. */
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, room - 1, &self->recv));
	EXPECT_TRUE(has_letters(self, "abcA"));
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, room, &self->recv));
	EXPECT_TRUE(has_letters(self, "BCdef"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.bytes);
}

TEST_F(span, levels_one_after_the_other)
{
	int i;

	RECREATE("priorities=4");
	for (i = 0; i < 24; i++)
		ASSERT_EQ(FIRST + i, MQ_SEND(self->fd,
					     .text = (char[]){ 'a' + i, 0 },
					     .priority = i % 4));
	ASSERT_EQ(0, RECV(self->other));
	EXPECT_TRUE(has_letters(self, "dhlptxcgkoswbfjnrvaeimqu"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(0, self->stat.bytes);
}

/* -- messages in between --------------------------------------------------- */

TEST_F(span, message_that_was_purged)
{
	ASSERT_EQ(0, put_letters(self, "abCde"));
	ASSERT_EQ(1, mq_purge(self->fd, FIRST + 2, FIRST + 2));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abde"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(1, self->stat.purged);
}

/* A deferred message between ready ones stays deferred. */
TEST_F(span, message_that_was_deferred)
{
	struct devmq_record record;

	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "fGh"));
	ASSERT_EQ(0, mq_get(self->other, "f"));
	ASSERT_EQ(0, mq_get(self->other, "G"));
	ASSERT_EQ(1, mq_defer(self->other, FIRST + 1));
	ASSERT_EQ(1, mq_release(self->other, FIRST));
	ASSERT_EQ(0, put_letters(self, "i"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "fhi"));
	EXPECT_EQ(0, mq_peek_id(&self->queue, FIRST + 1, &record));
	EXPECT_EQ(DEVMQ_STATE_DEFERRED, record.state);
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.deferred);
	EXPECT_EQ(1, self->stat.bytes);
	ASSERT_EQ(0, mq_recv_id(self->other, FIRST + 1, self->buffer,
				sizeof(self->buffer), &self->recv));
	EXPECT_TRUE(has_letters(self, "G"));
	ASSERT_EQ(1, mq_ack(self->other, FIRST + 1));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
}

/* A message in flight is between those that are acknowledged. */
TEST_F(span, message_that_another_one_holds)
{
	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "aBc"));
	ASSERT_EQ(0, mq_get(self->other, "a"));
	ASSERT_EQ(0, mq_get(self->other, "B"));
	ASSERT_EQ(1, mq_release(self->other, FIRST));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "ac"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.in_flight);
	ASSERT_EQ(1, mq_ack(self->other, FIRST + 1));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
}

/* PEEK continues after the last id, although messages around it are gone. */
TEST_F(span, place_of_a_peek)
{
	char shown[4096];
	struct devmq_peek peek;
	int looker = mq_open(&self->queue, MQ_LOOK);

	ASSERT_LE(0, looker);
	ASSERT_EQ(0, put_letters(self, "abcdef"));
	mq_peek_init(&peek, shown, sizeof(shown));
	peek.max_count = 3;
	ASSERT_EQ(0, mq_ioctl(looker, DEVMQ_IOC_PEEK, &peek));
	ASSERT_EQ(3, peek.count);
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcdef"));
	ASSERT_EQ(0, put_letters(self, "gh"));
	mq_peek_init(&peek, shown, sizeof(shown));
	peek.after_id = FIRST + 2;
	ASSERT_EQ(0, mq_ioctl(looker, DEVMQ_IOC_PEEK, &peek));
	EXPECT_EQ(2, peek.count);
	close(looker);
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "gh"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
}

TEST_F(span, message_that_came_back)
{
	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "abcdef"));
	ASSERT_EQ(0, mq_get(self->other, "a"));
	ASSERT_EQ(0, mq_get(self->other, "b"));
	ASSERT_EQ(0, mq_get(self->other, "c"));
	ASSERT_EQ(1, mq_retry(self->other, FIRST + 1, 0));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "bdef"));
	EXPECT_EQ(2, ((struct devmq_record *)self->buffer)->attempt);
	EXPECT_EQ(1, last_attempt(self));
	MQ_STAT(&self->queue);
	EXPECT_EQ(1, self->stat.redelivered);
	EXPECT_EQ(2, self->stat.in_flight);
}

TEST_F(span, all_that_came_back)
{
	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "abcdef"));
	ASSERT_EQ(0, RECV(self->other));
	EXPECT_TRUE(has_letters(self, "abcdef"));
	ASSERT_EQ(6, mq_settle(self->other, FIRST, FIRST + 5,
			       DEVMQ_ACTION_RETRY));
	ASSERT_EQ(0, put_letters(self, "gh"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcdefgh"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(6, self->stat.redelivered);
	EXPECT_EQ(0, self->stat.bytes);
}

TEST_F(span, all_of_a_holder_that_is_gone)
{
	struct devmq_record *record = NULL;
	int i;

	ASSERT_EQ(0, mq_consumer_set(self->other, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "abcdef"));
	ASSERT_EQ(0, RECV(self->other));
	EXPECT_TRUE(has_letters(self, "abcdef"));
	close(self->other);
	ASSERT_EQ(0, put_letters(self, "gh"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcdefgh"));
	for (i = 0; i < 8; i++) {
		record = mq_record_next(self->buffer, self->recv.used, record);
		ASSERT_NE(NULL, record);
		EXPECT_EQ(i < 6 ? 2 : 1, record->attempt);
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(6, self->stat.redelivered);
	EXPECT_EQ(0, self->stat.bytes);
	self->other = -1;
}

/* -- how deliveries end ---------------------------------------------------- */

TEST_F(span, held_and_settled_one_by_one)
{
	int i;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "abcABCd"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcABCd"));
	for (i = 6; i >= 0; i--)
		ASSERT_EQ(1, mq_ack(self->fd, FIRST + i));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
}

TEST_F(span, part_of_what_is_held_is_settled)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, put_letters(self, "abcABCd"));
	ASSERT_EQ(0, RECV(self->fd));
	ASSERT_EQ(4, mq_settle(self->fd, FIRST, FIRST + 3, DEVMQ_ACTION_ACK));
	ASSERT_EQ(-ESTALE, mq_ack(self->fd, FIRST + 3));
	ASSERT_EQ(3, mq_held(self->fd));
	MQ_STAT(&self->queue);
	EXPECT_EQ(3, self->stat.in_flight);
	EXPECT_EQ(3, self->stat.bytes);
	ASSERT_EQ(3, mq_settle(self->fd, FIRST, FIRST + 6,
			       DEVMQ_ACTION_RELEASE));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "BCd"));
}

/* A message with a lease is not plain: RECV must not show its lease. */
TEST_F(span, lease_shows_nothing_of_the_kernel)
{
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_MANUAL, 0,
					   MQ_HOUR));
	ASSERT_EQ(0, put_letters(self, "abcABCd"));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcABCd"));
	ASSERT_EQ(7, mq_settle(self->fd, FIRST, FIRST + 6,
			       DEVMQ_ACTION_RELEASE));
	ASSERT_EQ(0, mq_consumer_set_lease(self->fd, DEVMQ_ACK_AUTO, 0, 0));
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "abcABCd"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
}

/* Copying fails in the second span. */
TEST_F(span, unwritable_buffer_ends_within_one)
{
	size_t page = sysconf(_SC_PAGESIZE), step, room;
	char *map, *at;

	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	ASSERT_EQ(0, put_letters(self, "abcABCdef"));
	/* The buffer has room for four and a half records. */
	step = sizeof(struct devmq_record) + 8;
	room = 4 * step + step / 2;
	at = map + page - room;
	mq_recv_init(&self->recv, at, room + page);
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(4, self->recv.count);
	EXPECT_EQ(4 * step, self->recv.used);
	MQ_STAT(&self->queue);
	EXPECT_EQ(5, self->stat.ready);
	EXPECT_EQ(5, self->stat.bytes);
	EXPECT_EQ(32 + 4, self->stat.acked);
	munmap(map, 2 * page);
	ASSERT_EQ(0, RECV(self->fd));
	EXPECT_TRUE(has_letters(self, "BCdef"));
	EXPECT_EQ(1, last_attempt(self));
}

/* -- memory that is used again --------------------------------------------- */

/*
 * The chunks of a deep queue are used again by any file. Messages must arrive
 * as they were sent, without bytes of earlier ones.
 */
TEST_F(span, deep_queue_that_turns_over)
{
	unsigned int sent = 0, got = 0, size, i;
	struct devmq_record *record;
	char text[64], want[64];
	size_t at;

	while (got < 20000) {
		for (i = 0; sent < 20000 && i < 500; i++, sent++) {
			size = 16 + sent % 41;
			memset(text, 'a' + sent % 26, size);
			ASSERT_EQ(size, mq_write(sent / 300 % 2 ? self->fd :
						 self->other, text, size));
		}
		if (sent < 5000)
			continue;
		ASSERT_EQ(0, RECV(self->fd));
		record = NULL;
		while ((record = mq_record_next(self->buffer, self->recv.used,
						record))) {
			size = 16 + got % 41;
			memset(want, 'a' + got % 26, size);
			ASSERT_EQ(size, mq_record_payload_size(record));
			ASSERT_EQ(0, memcmp(want, mq_record_payload(record),
					    size));
			for (at = record->size;
			     at < DEVMQ_RECORD_STEP(record->size); at++)
				ASSERT_EQ(0, ((char *)record)[at]);
			got++;
		}
	}
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.bytes);
	EXPECT_EQ(32 + 20000, self->stat.acked);
}

TEST_HARNESS_MAIN
