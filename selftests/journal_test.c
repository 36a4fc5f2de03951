// SPDX-License-Identifier: GPL-2.0
/* Queues that a journal keeps: what is there again after it was attached anew. */
#include <signal.h>
#include <sys/wait.h>

#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/process.h"

#define SECOND	1000000000ULL

/* -- what comes back ---------------------------------------------------------- */

TEST_F(journal, messages_are_there_again)
{
	KEEP(&self->queue, "priorities=4");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "first", .key = "k"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "second", .priority = 3));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	struct mq_look before = self->look;

	AGAIN();
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_STREQ("first", self->look.payload);
	EXPECT_STREQ("k", self->look.key);
	EXPECT_EQ(before.record.time_ns, self->look.record.time_ns);
	EXPECT_EQ(before.record.pid, self->look.record.pid);
	EXPECT_EQ(getuid(), self->look.record.uid);
	EXPECT_EQ(0, self->look.record.attempt);
	EXPECT_EQ(DEVMQ_STATE_READY, self->look.record.state);
	EXPECT_EQ(0, mq_get(self->fd, "second"));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
}

TEST_F(journal, headers_and_a_large_payload_are_there_again)
{
	static char big[150000], back[150000 + 256];
	struct mq_batch batch = {};
	struct devmq_recv recv;
	char headers[64];
	size_t i, size = mq_header_put(headers, "content-type", "text/x", 6);

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 7 + i / 251;
	mq_batch_add_full(&batch, "key", 3, headers, size, big, sizeof(big));
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	AGAIN();
	ASSERT_EQ(0, mq_recv(self->fd, back, sizeof(back), &recv));
	struct devmq_record *r = (void *)back;

	ASSERT_EQ(1, recv.count);
	EXPECT_EQ(3, r->key_size);
	ASSERT_EQ(size, r->headers_size);
	EXPECT_EQ(0, memcmp((char *)(r + 1) + 3, headers, size));
	ASSERT_EQ(sizeof(big), mq_record_payload_size(r));
	EXPECT_EQ(0, memcmp(mq_record_payload(r), big, sizeof(big)));
	mq_batch_free(&batch);
}

TEST_F(journal, what_was_acknowledged_does_not_come_again)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_ack(self->fd, 3));
	ASSERT_EQ(1, mq_release(self->fd, 2));
	AGAIN();
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m4"));
	EXPECT_EQ(0, mq_get(self->fd, "m5"));
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
}

TEST_F(journal, states_are_there_again)
{
	KEEP(&self->queue, "ack=manual max_deliveries=5");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_states(self->fd));
	ASSERT_EQ(1, mq_release(self->fd, 4));
	AGAIN();
	MQ_EXPECT(&self->queue, 1, DEFERRED, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 2, DEAD, 1, 0, NONE);
	MQ_EXPECT(&self->queue, 3, DELAYED, 1, 1, RETRY);
	MQ_EXPECT(&self->queue, 4, READY, 0, 0, NONE);
	MQ_EXPECT(&self->queue, 5, READY, 0, 0, NONE);
	MQ_EXPECT(&self->queue, 6, DELAYED, 0, 0, NONE);
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_TRUE(mq_conserved(&self->stat));
	EXPECT_EQ(6, self->stat.sent);
}

TEST_F(journal, reason_and_note_are_there_again)
{
	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "bad"));
	ASSERT_EQ(1, mq_retry_with(self->fd, 2, MQ_HOUR, "later"));
	AGAIN();
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(300, self->look.extra.reason);
	EXPECT_STREQ("bad", self->look.note);
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_STREQ("later", self->look.note);
	EXPECT_EQ(1, self->look.record.failures);
}

TEST_F(journal, times_go_on)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a", .delay_ns = 1500000000));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "b", .ttl_ns = 1500000000));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "c", .ttl_ns = MQ_HOUR));
	AGAIN();
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, delayed) == 0));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(0, mq_get(self->fd, "c"));
}

TEST_F(journal, options_that_changed_are_there_again)
{
	char text[64];

	KEEP(&self->queue, "order=key max_bytes=1M");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "17"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	AGAIN();
	EXPECT_EQ(17, mq_sysfs_number(&self->queue, "max_messages"));
	EXPECT_EQ(1 << 20, mq_sysfs_number(&self->queue, "max_bytes"));
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "overflow", text, sizeof(text)));
	EXPECT_STREQ("reject", text);
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "order", text, sizeof(text)));
	EXPECT_STREQ("key", text);
	EXPECT_EQ(0, mq_sysfs_get(&self->queue, "journal", text, sizeof(text)));
	EXPECT_STREQ(self->j.name, text);
}

TEST_F(journal, owner_and_permissions_are_there_again)
{
	struct stat st;

	KEEP(&self->queue, "mode=0640 uid=1234 gid=4321");
	AGAIN();
	ASSERT_EQ(0, stat(self->queue.path, &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	EXPECT_EQ(1234, st.st_uid);
	EXPECT_EQ(4321, st.st_gid);
}

TEST_F(journal, order_by_key_is_there_again)
{
	KEEP(&self->queue, "order=key ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "a1", .key = "a"));
	ASSERT_EQ(2, MQ_SEND(self->fd, .text = "a2", .key = "a"));
	ASSERT_EQ(3, MQ_SEND(self->fd, .text = "b1", .key = "b"));
	AGAIN();
	EXPECT_EQ(0, mq_get(self->fd, "a1"));
	EXPECT_EQ(0, mq_get(self->fd, "b1"));
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
	EXPECT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "a2"));
}

TEST_F(journal, ids_go_on_without_a_gap_after_an_orderly_end)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	AGAIN();
	EXPECT_EQ(4, mq_send_one(self->fd, "x", 1));
	ASSERT_EQ(0, mq_look_id(&self->queue, 2, &self->look));
	EXPECT_EQ(0, self->look.record.attempt);
}

/* -- dead letters and moves ----------------------------------------------------- */

TEST_F(journal, dead_letters_are_there_again)
{
	KEEP(&self->other, "");
	KEEP(&self->queue, "ack=manual dead_letter=%s", self->other.name);
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(self->fd, 1, 300, "bad"));
	AGAIN();
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	ASSERT_EQ(0, mq_look_id(&self->other, 1, &self->look));
	EXPECT_STREQ(self->queue.name, self->look.origin);
	EXPECT_EQ(1, self->look.extra.origin_id);
	EXPECT_EQ(300, self->look.extra.reason);
	EXPECT_STREQ("m1", self->look.payload);
	/* The link between the queues, too. */
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->other, ready) == 2));
}

TEST_F(journal, redriven_messages_are_there_again)
{
	int to;

	KEEP(&self->other, "");
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	to = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, to);
	struct devmq_redrive r = {
		.size = sizeof(r), .flags = DEVMQ_REDRIVE_TO, .target_fd = to,
		.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
		.first_id = 1, .last_id = 2,
	};

	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &r));
	EXPECT_EQ(2, r.moved);
	close(to);
	AGAIN();
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
	EXPECT_EQ(-EAGAIN, mq_get(self->fd, ""));
	EXPECT_EQ(2, mq_stat_of(&self->other, ready));
}

TEST_F(journal, moves_out_of_the_journal_are_refused)
{
	int to;

	ASSERT_EQ(0, mq_create(&self->other, ""));
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_EQ(-EXDEV, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				       self->other.name));
	EXPECT_EQ(-EXDEV, mq_sysfs_set(&self->other, "dead_letter", "%s",
				       self->queue.name));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	to = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, to);
	struct devmq_redrive r = {
		.size = sizeof(r), .flags = DEVMQ_REDRIVE_TO, .target_fd = to,
		.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY),
	};

	EXPECT_EQ(-EXDEV, mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &r));
	close(to);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

/* -- removal -------------------------------------------------------------------- */

TEST_F(journal, removed_queue_does_not_come_again)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	CLOSE();
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, journal_crash(&self->j));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
}

TEST_F(journal, queue_of_the_same_name_inherits_nothing)
{
	KEEP(&self->queue, "max_messages=5");
	OPEN(O_RDWR);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	CLOSE();
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, mq_control("create %s journal=%s", self->queue.name,
				self->j.name));
	OPEN(O_RDWR | O_SYNC);
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	CRASH();
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(1 << 20, mq_sysfs_number(&self->queue, "max_messages"));
}

TEST_F(journal, messages_in_flight_of_a_removed_queue_do_not_come_again)
{
	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, journal_crash(&self->j));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
}

/* -- crashes --------------------------------------------------------------------- */

TEST_F(journal, what_was_confirmed_survives_a_crash)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 100));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(100, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	/* No id that anybody was told is used again. */
	EXPECT_LT(100, mq_send_one(self->fd, "x", 1));
}

TEST_F(journal, descriptor_with_o_sync_confirms_each_write)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_SYNC);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	CRASH();
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(journal, send_with_sync_confirms)
{
	struct mq_batch batch = {};

	KEEP(&self->queue, "");
	OPEN(O_RDWR);
	mq_batch_add(&batch, "one");
	mq_batch_add(&batch, "two");
	struct devmq_send send = {
		.size = sizeof(send), .flags = DEVMQ_SEND_SYNC,
		.records = (uintptr_t)batch.data, .records_size = batch.size,
	};

	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_SEND, &send));
	EXPECT_EQ(2, send.count);
	CRASH();
	EXPECT_EQ(0, mq_get(self->fd, "one"));
	EXPECT_EQ(0, mq_get(self->fd, "two"));
	mq_batch_free(&batch);
}

TEST_F(journal, settlement_with_sync_does_not_come_back)
{
	struct devmq_settlement s;

	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	mq_settlement(&s, 1, 1, DEVMQ_ACTION_ACK);
	struct devmq_settle settle = {
		.size = sizeof(settle), .flags = DEVMQ_SETTLE_SYNC,
		.settlements = (uintptr_t)&s, .count = 1,
	};

	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_SETTLE, &settle));
	EXPECT_EQ(1, settle.settled);
	CRASH();
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 1));
	/* It was in flight: ready again, and no failure. */
	MQ_EXPECT(&self->queue, 2, READY, 1, 0, NONE);
}

TEST_F(journal, what_may_have_been_delivered_is_marked)
{
	KEEP(&self->queue, "ack=manual max_messages=100000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 6000));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	CRASH();
	EXPECT_EQ(6000, mq_stat_of(&self->queue, ready));
	MQ_EXPECT(&self->queue, 1, READY, 1, 0, NONE);
	/* The ceiling is some thousand ahead; nothing above it is marked. */
	MQ_EXPECT(&self->queue, 6000, READY, 0, 0, NONE);
}

TEST_F(journal, nothing_is_marked_that_nobody_received)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	MQ_EXPECT(&self->queue, 1, READY, 0, 0, NONE);
	MQ_EXPECT(&self->queue, 3, READY, 0, 0, NONE);
}

TEST_F(journal, crash_after_crash)
{
	char text[32];
	int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_SYNC | O_NONBLOCK);
	for (i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_LT(0, mq_put(self->fd, text));
		ASSERT_EQ(0, journal_crash(&self->j));
		CLOSE();
		OPEN(O_RDWR | O_SYNC | O_NONBLOCK);
		EXPECT_EQ(i + 1, mq_stat_of(&self->queue, ready));
	}
	for (i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
}

/* What a journal is written in, and what each such block begins with. */
#define UNIT		4096
#define SECTOR		512
#define BLOCK_MAGIC	"dmqB"

/* Read the last block of a file. Return where it is, 0: there is none. */
static off_t last_block(const char *path, char *block)
{
	char unit[UNIT];
	off_t at, last = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (at = 0; pread(fd, unit, UNIT, at) == UNIT; at += UNIT)
		if (!memcmp(unit, BLOCK_MAGIC, strlen(BLOCK_MAGIC))) {
			memcpy(block, unit, UNIT);
			last = at;
		}
	close(fd);
	return last;
}

static int overwrite(const char *path, const void *data, size_t size, off_t at)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = pwrite(fd, data, size, at);

	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

/*
 * A crash has torn the last block: one sector is missing, which would be zeros. The next
 * attach writes the end of the segment over the block, and another crash may leave any
 * sectors of that.
 */
TEST_F(journal, what_ends_a_segment_cannot_complete_a_torn_block)
{
	char torn[UNIT], end[UNIT], junk[SECTOR];
	off_t at;
	int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_SYNC | O_NONBLOCK);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(0, journal_image(&self->j));
	at = last_block(self->j.copy, torn);
	ASSERT_NE(0, at);
	memset(junk, MQ_POISON, sizeof(junk));
	ASSERT_NE(0, memcmp(torn + UNIT - SECTOR, junk, SECTOR));
	ASSERT_EQ(0, overwrite(self->j.copy, junk, SECTOR, at + UNIT - SECTOR));
	CLOSE();
	ASSERT_EQ(0, journal_go_on(&self->j));
	int fd = open(self->j.path, O_RDONLY | O_CLOEXEC);

	EXPECT_EQ(UNIT, pread(fd, end, UNIT, at));
	close(fd);
	EXPECT_EQ(0, memcmp(end, BLOCK_MAGIC, strlen(BLOCK_MAGIC)));
	for (i = 0; i < UNIT; i += SECTOR)
		EXPECT_NE(0, memcmp(end + i, torn + i, SECTOR))
			TH_LOG("sector %d is as in the torn block", i / SECTOR);
}

/* -- de-duplication ---------------------------------------------------------------- */

static int duplicate(int fd, const char *id)
{
	struct mq_message message = { .text = "d", .dedup = id };
	struct mq_batch batch = {};
	struct devmq_send send;
	int error;

	mq_batch_add_message(&batch, &message);
	error = mq_send(fd, batch.data, batch.size, &send);
	mq_batch_free(&batch);
	return error ?: send.result == DEVMQ_SENT_DUP;
}

TEST_F(journal, deduplication_ids_outlive_their_messages)
{
	KEEP(&self->queue, "dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, duplicate(self->fd, "a"));
	ASSERT_EQ(0, duplicate(self->fd, "b"));
	ASSERT_EQ(0, mq_get(self->fd, "d"));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(1, duplicate(self->fd, "a"));
	EXPECT_EQ(1, duplicate(self->fd, "b"));
	EXPECT_EQ(0, duplicate(self->fd, "c"));
}

TEST_F(journal, purged_message_may_be_sent_again)
{
	KEEP(&self->queue, "dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, duplicate(self->fd, "a"));
	ASSERT_EQ(0, duplicate(self->fd, "b"));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, mq_purge(self->fd, 1, 1));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(1, duplicate(self->fd, "b"));
	EXPECT_EQ(0, duplicate(self->fd, "a"));
}

/* -- attached over and over ------------------------------------------------------ */

/*
 * The ends of messages, and de-duplication ids, are needed as long as a segment
 * has the message: also those from before the journal was attached, and when
 * segments are cleaned after that.
 */
TEST_F(journal, ends_outlive_another_attach)
{
	static char data[20000];
	int i, k;

	KEEP(&self->queue, "dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 20));
	ASSERT_EQ(0, duplicate(self->fd, "a"));
	ASSERT_EQ(0, fsync(self->fd));
	for (i = 1; i <= 10; i++)
		ASSERT_EQ(1, mq_purge(self->fd, i, i));
	ASSERT_EQ(0, fsync(self->fd));
	for (i = 0; i < 4; i++) {
		CRASH();
		/* Let the cleaner go through all that is older. */
		for (k = 0; k < 400; k++) {
			ASSERT_EQ(sizeof(data),
				  mq_write(self->fd, data, sizeof(data)));
			ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
			ASSERT_EQ(1, mq_purge(self->fd, 22, UINT64_MAX));
			if (!(k % 10))
				ASSERT_EQ(0, fsync(self->fd));
		}
		EXPECT_EQ(11, mq_stat_of(&self->queue, ready));
		EXPECT_EQ(1, duplicate(self->fd, "a"));
	}
	CRASH();
	EXPECT_EQ(11, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(self->fd, "m11"));
}

TEST_F(journal, what_is_over_when_it_is_attached_goes)
{
	KEEP(&self->queue, "ttl_ms=300");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 10));
	ASSERT_EQ(11, MQ_SEND(self->fd, .text = "late", .delay_ns = 100000000,
			      .ttl_ns = 100000000));
	ASSERT_EQ(12, MQ_SEND(self->fd, .text = "stays", .ttl_ns = MQ_HOUR));
	CLOSE();
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	usleep(600000);
	ASSERT_EQ(0, journal_attach(&self->j));
	self->attached = true;
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(0, mq_get(self->fd, "stays"));
	AGAIN();
	EXPECT_EQ(0, mq_stat_of(&self->queue, ready));
}

/* A group takes half a megabyte of one queue; an orderly end takes all. */
TEST_F(journal, orderly_end_writes_the_whole_backlog)
{
	static char data[50000];
	int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	AGAIN();
	EXPECT_EQ(30, mq_stat_of(&self->queue, ready));
}

TEST_F(journal, dead_letters_go_back_to_where_they_died)
{
	KEEP(&self->other, "");
	KEEP(&self->queue, "ack=manual dead_letter=%s", self->other.name);
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	AGAIN();
	int fd = mq_open(&self->other, O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_redrive(fd, 0, 0, -1, NULL));
	close(fd);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

/* Queues that are there as the journal is attached are tried at once. */
TEST_F(journal, queues_are_whole_when_they_are_found)
{
	int i, status;
	pid_t child;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 200));
	CLOSE();
	child = mq_fork();
	if (!child) {
		for (;;) {
			int fd = mq_open(&self->queue, O_RDWR);
			char byte;

			if (fd < 0)
				continue;
			fcntl(fd, F_SETFL, O_NONBLOCK);
			mq_put(fd, "x");
			mq_read(fd, &byte, 1);
			close(fd);
		}
	}
	for (i = 0; i < 10; i++) {
		while (journal_detach(&self->j))
			usleep(1000);
		self->attached = false;
		ASSERT_EQ(0, journal_attach(&self->j));
		self->attached = true;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_LE(150, mq_stat_of(&self->queue, ready));
}

/* -- calls on queues in memory ------------------------------------------------------ */

TEST_F(journal, queue_in_memory_does_not_promise)
{
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	OPEN(O_RDWR);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, mq_open(&self->queue, O_WRONLY | O_DSYNC));
}

TEST_HARNESS_MAIN
