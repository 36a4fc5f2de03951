// SPDX-License-Identifier: GPL-2.0
/* Batches that are sent to queues that a journal keeps. */
#include "mq_test.h"
#include "fixtures/journal.h"
#include "helpers/used.h"

/* Send "m1" to "m<count>" in one call, and return what it says in @send. */
static int send_batch(int fd, unsigned int count, unsigned int flags,
		      struct devmq_send *send)
{
	struct mq_batch batch = {};
	unsigned int i;
	char text[32];
	int error;

	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "m%u", i);
		mq_batch_add(&batch, text);
	}
	memset(send, MQ_POISON, sizeof(*send));
	send->size = sizeof(*send);
	send->flags = flags;
	send->records = (uintptr_t)batch.data;
	send->records_size = batch.size;
	send->result = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_SEND, send);
	mq_batch_free(&batch);
	return error;
}

/* Receive all: are these "m<from>" to "m<to>", with these as ids? */
static bool received(int fd, unsigned int from, unsigned int to)
{
	static char data[1 << 17];
	struct devmq_record *record;
	struct devmq_recv recv;
	char text[32];

	while (from <= to && !mq_recv(fd, data, sizeof(data), &recv)) {
		record = mq_record_next(data, recv.used, NULL);
		for (; record; from++) {
			snprintf(text, sizeof(text), "m%u", from);
			if (record->id != from || !mq_record_is(record, text))
				return false;
			record = mq_record_next(data, recv.used, record);
		}
	}
	return from == to + 1 &&
	       mq_recv(fd, data, sizeof(data), &recv) == -EAGAIN;
}

TEST_F(journal, batch_is_there_again_in_order_and_with_its_ids)
{
	struct devmq_send send;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	/* The first ones have memory of their own, the others are sent as runs. */
	ASSERT_EQ(0, send_batch(self->fd, 300, 0, &send));
	EXPECT_EQ(300, send.count);
	EXPECT_EQ(1, send.first_id);
	EXPECT_EQ(300, send.last_id);
	EXPECT_EQ(300, mq_stat_of(&self->queue, ready));
	AGAIN();
	EXPECT_TRUE(received(self->fd, 1, 300));
	EXPECT_EQ(301, mq_send_one(self->fd, "x", 1));
}

TEST_F(journal, batch_with_sync_is_confirmed_as_a_whole)
{
	struct devmq_send send;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 500, DEVMQ_SEND_SYNC, &send));
	EXPECT_EQ(500, send.count);
	CRASH();
	EXPECT_TRUE(received(self->fd, 1, 500));
	EXPECT_LT(500, mq_send_one(self->fd, "x", 1));
}

TEST_F(journal, batches_of_plain_and_other_records_are_there_again)
{
	static const char text[] = "text";
	struct mq_batch batch = {};
	static char big[9000];
	struct devmq_send send;
	int i;

	KEEP(&self->queue, "priorities=4 dedup_window_ms=3600000");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 20));
	for (i = 0; i < 60; i++) {
		struct mq_message m = { .text = text };

		if (i % 10 == 3)
			m.key = "key";
		if (i % 10 == 4)
			m.delay_ns = MQ_HOUR;
		if (i % 10 == 5)
			m.ttl_ns = MQ_HOUR;
		if (i % 10 == 6)
			m.priority = 3;
		if (i == 17)
			m.dedup = "id";
		if (i % 10 == 8)
			mq_batch_add_full(&batch, NULL, 0, NULL, 0, big,
					  sizeof(big));
		else
			mq_batch_add_message(&batch, &m);
	}
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	EXPECT_EQ(60, send.count);
	EXPECT_EQ(21, send.first_id);
	mq_batch_free(&batch);
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(74, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(6, mq_stat_of(&self->queue, delayed));
	for (i = 0; i < 60; i++) {
		if (i % 10 == 8) {
			EXPECT_EQ(DEVMQ_STATE_READY,
				  mq_state(&self->queue, 21 + i));
			continue;
		}
		ASSERT_EQ(0, mq_look_id(&self->queue, 21 + i, &self->look));
		EXPECT_EQ(i % 10 == 4 ? DEVMQ_STATE_DELAYED : DEVMQ_STATE_READY,
			  self->look.record.state);
		EXPECT_EQ(i % 10 == 6 ? 3 : 0, self->look.record.priority);
		EXPECT_STREQ(i % 10 == 3 ? "key" : "", self->look.key);
		EXPECT_EQ(i % 10 == 5, !!self->look.extra.expires_ns);
		EXPECT_STREQ(text, self->look.payload);
	}
	mq_batch_add_message(&batch, &(struct mq_message){
			     .text = text, .dedup = "id" });
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
	EXPECT_EQ(DEVMQ_SENT_DUP, send.result);
	EXPECT_EQ(21 + 17, send.last_id);
	mq_batch_free(&batch);
}

TEST_F(journal, bound_in_the_middle_of_a_batch_cuts_it)
{
	struct devmq_send send;

	KEEP(&self->queue, "max_messages=100");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 70, 0, &send));
	EXPECT_EQ(70, send.count);
	ASSERT_EQ(0, send_batch(self->fd, 70, 0, &send));
	EXPECT_EQ(30, send.count);
	EXPECT_EQ(100, send.last_id);
	EXPECT_EQ(-EAGAIN, send_batch(self->fd, 70, 0, &send));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(100, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(0, mq_look_id(&self->queue, 100, &self->look));
	EXPECT_STREQ("m30", self->look.payload);
}

TEST_F(journal, full_journal_in_the_middle_of_a_batch_cuts_it)
{
	struct mq_batch batch = {};
	static char data[3000];
	struct devmq_send send;
	int i, error, n = 0;

	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < 97; i++)
		mq_batch_add_full(&batch, NULL, 0, NULL, 0, data, sizeof(data));
	do {
		error = mq_send(self->fd, batch.data, batch.size, &send);
		if (error)
			break;
		EXPECT_EQ(n + 1, send.first_id);
		n += send.count;
		EXPECT_EQ(n, send.last_id);
	} while (send.count == 97);
	EXPECT_LT(0, n % 97);
	EXPECT_EQ(-ENOSPC, mq_send(self->fd, batch.data, batch.size, &send));
	mq_batch_free(&batch);
	AGAIN();
	EXPECT_EQ(n, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
}

TEST_F(journal, messages_of_a_batch_end_one_by_one)
{
	struct devmq_send send;

	KEEP(&self->other, "");
	KEEP(&self->queue, "ack=manual dead_letter=%s", self->other.name);
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 200, 0, &send));
	/* Some before the journal has them. */
	ASSERT_EQ(10, mq_purge(self->fd, 101, 110));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(50, mq_purge(self->fd, 111, 160));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	ASSERT_EQ(0, fsync(self->fd));
	CRASH();
	EXPECT_EQ(138, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1, mq_stat_of(&self->other, ready));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 2));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 101));
	EXPECT_EQ(-ENOENT, mq_state(&self->queue, 160));
	ASSERT_EQ(0, mq_look_id(&self->queue, 161, &self->look));
	EXPECT_STREQ("m161", self->look.payload);
}

TEST_F(journal, options_hold_for_batches)
{
	struct devmq_send send;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 50, 0, &send));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "ttl_ms", "3600000"));
	ASSERT_EQ(0, send_batch(self->fd, 50, 0, &send));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "delay_ms", "3600000"));
	ASSERT_EQ(0, send_batch(self->fd, 50, 0, &send));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, send_batch(self->fd, 50, 0, &send));
	AGAIN();
	EXPECT_EQ(100, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(50, mq_stat_of(&self->queue, delayed));
	ASSERT_EQ(0, mq_look_id(&self->queue, 50, &self->look));
	EXPECT_EQ(0, self->look.extra.expires_ns);
	ASSERT_EQ(0, mq_look_id(&self->queue, 100, &self->look));
	EXPECT_NE(0, self->look.extra.expires_ns);
	EXPECT_EQ(DEVMQ_STATE_DELAYED, mq_state(&self->queue, 150));
}

TEST_F(journal, journal_that_fails_confirms_no_batch)
{
	struct devmq_send send;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 50, DEVMQ_SEND_SYNC, &send));
	ASSERT_EQ(0, truncate(self->j.path, JOURNAL_BYTES / 2));
	ASSERT_EQ(-EIO, send_batch(self->fd, 50, DEVMQ_SEND_SYNC, &send));
	/* They may be in the queue: the caller is told. */
	EXPECT_TRUE(send.count == 50 || mq_stat_of(&self->queue, ready) == 50);
	EXPECT_EQ(-EIO, send_batch(self->fd, 50, 0, &send));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	CLOSE();
	EXPECT_EQ(-EIO, mq_remove(&self->queue));
}

/* All that a batch has taken is given back with its last message. */
TEST_F(journal, batches_give_their_memory_back)
{
	struct devmq_send send;
	long before;

	KEEP(&self->queue, "");
	before = mq_used();
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, send_batch(self->fd, 500, 0, &send));
	ASSERT_EQ(100, mq_purge(self->fd, 1, 100));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_LT(before, mq_used());
	ASSERT_EQ(400, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, fsync(self->fd));
	CLOSE();
	EXPECT_TRUE(mq_wait_until(mq_used() == before));
}

/* Receive all @count messages of a batch that begins with "m1" and the id @first. */
static bool received_from(int fd, __u64 first, unsigned int count)
{
	static char data[1 << 17];
	struct devmq_record *record;
	struct devmq_recv recv;
	unsigned int n = 0;
	char text[32];

	while (n < count && !mq_recv(fd, data, sizeof(data), &recv)) {
		record = mq_record_next(data, recv.used, NULL);
		for (; record; n++) {
			snprintf(text, sizeof(text), "m%u", n + 1);
			if (record->id != first + n || !mq_record_is(record, text))
				return false;
			record = mq_record_next(data, recv.used, record);
		}
	}
	return n == count && mq_recv(fd, data, sizeof(data), &recv) == -EAGAIN;
}

/*
 * Memory runs out where some runs of the batch have what the journal needs, and the
 * next has not, and none is left for a single record either.
 */
TEST_F(journal, memory_that_runs_out_in_the_middle_of_a_batch_cuts_it)
{
	struct devmq_send send;
	unsigned int bytes;
	char total[64];
	int error;

	ASSERT_EQ(0, mq_read_file(MQ_TOTAL_BYTES, total, sizeof(total)));
	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	/* One step is less than what the journal needs for a single record. */
	for (bytes = 4000; bytes < 24000; bytes += 100) {
		char bound[32];

		/* The open file keeps its chunks; all else is given back. */
		ASSERT_EQ(0, send_batch(self->fd, 150, 0, &send));
		ASSERT_TRUE(received_from(self->fd, send.first_id, 150));
		ASSERT_EQ(0, fsync(self->fd));
		snprintf(bound, sizeof(bound), "%lld", mq_used() + bytes);
		ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, bound));
		error = send_batch(self->fd, 300, 0, &send);
		ASSERT_EQ(0, mq_write_file(MQ_TOTAL_BYTES, total));
		if (error == -EDQUOT)
			continue;
		ASSERT_EQ(0, error);
		EXPECT_EQ(send.count, mq_stat_of(&self->queue, ready));
		EXPECT_TRUE(received_from(self->fd, send.first_id, send.count));
		ASSERT_EQ(0, fsync(self->fd));
	}
}

TEST_HARNESS_MAIN
