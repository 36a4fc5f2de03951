// SPDX-License-Identifier: GPL-2.0
/* Room in a journal: full journals, the cleaner, refusals, and failures. */
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/thread.h"
#include "fixtures/journal.h"

/* Send messages of @size bytes until the queue refuses. Returns how many. */
static int fill_up(int fd, size_t size)
{
	static char data[1 << 17];
	int n = 0;

	while (mq_write(fd, data, size) == (ssize_t)size)
		n++;
	return n;
}

TEST_F(journal, full_journal_is_a_full_queue)
{
	int n;

	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	n = fill_up(self->fd, 60000);
	EXPECT_LT(20, n);
	EXPECT_GT(JOURNAL_BYTES / 60000, n);
	/* To purge never fails for space, and makes room. */
	ASSERT_EQ(10, mq_purge(self->fd, 1, 10));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_TRUE(mq_wait_until(mq_put(self->fd, "x") == 1));
	AGAIN();
	EXPECT_EQ(n - 10 + 1, mq_stat_of(&self->queue, ready));
}

TEST_F(journal, sender_waits_for_room_in_the_journal)
{
	static char data[60000];
	struct mq_call call;

	KEEP(&self->other, "");
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	fill_up(self->fd, sizeof(data));
	EXPECT_EQ(-EAGAIN, mq_write(self->fd, data, sizeof(data)));
	int fd = mq_open(&self->other, O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	/* Another queue of the journal makes the room. */
	ASSERT_LT(0, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(sizeof(data), mq_call_result(&call));
	close(fd);
}

TEST_F(journal, full_journal_drops_the_head_where_the_queue_says_so)
{
	int n;

	KEEP(&self->queue, "overflow=drop-head");
	OPEN(O_RDWR | O_NONBLOCK);
	static char data[60000];

	for (n = 0; n < 300; n++)
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
	EXPECT_LT(100, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(300, mq_stat_of(&self->queue, ready) +
		       mq_stat_of(&self->queue, dropped));
	AGAIN();
	ASSERT_EQ(0, mq_stat(&self->queue, &self->stat));
	EXPECT_LT(20, self->stat.ready);
}

TEST_F(journal, message_that_no_segment_can_hold_is_refused)
{
	static char data[1 << 18];

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_EQ(-EMSGSIZE, mq_write(self->fd, data, sizeof(data)));
	EXPECT_EQ(200000, mq_write(self->fd, data, 200000));
}

/*
 * Messages that stay must not keep the journal from going round, and must be
 * there in the end. The others are several times as large as the journal.
 */
TEST_F(journal, cleaner_keeps_what_is_needed)
{
	int rounds = mq_is_debug_kernel() ? 60 : 400, i, k;
	static char data[20000];
	char text[32];

	KEEP(&self->other, "");
	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	int fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, fd);
	for (i = 0; i < rounds; i++) {
		snprintf(text, sizeof(text), "keep%d", i);
		ASSERT_LT(0, mq_put(fd, text));
		for (k = 0; k < 5; k++)
			ASSERT_EQ(sizeof(data),
				  mq_write(self->fd, data, sizeof(data)));
		for (k = 1; k <= 5; k++) {
			char byte;

			ASSERT_TRUE(mq_poll_wait(self->fd, POLLIN) & POLLIN);
			ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
			ASSERT_LE(0, mq_read(self->fd, data, sizeof(data)));
			ASSERT_EQ(1, mq_ack(self->fd, 5 * i + k));
		}
		if (!(i % 10))
			ASSERT_EQ(0, fsync(self->fd));
	}
	ASSERT_EQ(0, fsync(fd));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(0, self->info.error);
	close(fd);
	CRASH();
	EXPECT_EQ(rounds, mq_stat_of(&self->other, ready));
	EXPECT_GE(5, mq_stat_of(&self->queue, ready));
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 0; i < rounds; i++) {
		snprintf(text, sizeof(text), "keep%d", i);
		ASSERT_EQ(0, mq_get(fd, text));
	}
	close(fd);
}

/* Send a message and take it, so often that this fills @n segments. */
static int churn(const struct mq_queue *queue, int n)
{
	static char data[60000];
	int fd = mq_open(queue, O_RDWR | O_NONBLOCK), i, error = 0;

	for (i = 0; i < 5 * n && !error; i++)
		if (mq_write(fd, data, sizeof(data)) != sizeof(data) ||
		    fsync(fd) || mq_read(fd, data, sizeof(data)) < 0)
			error = -EIO;
	close(fd);
	return error;
}

/*
 * What a queue was at first stands in a segment full of messages that stay, what it
 * was later and that it was removed in segments that are soon needed no more.
 */
TEST_F(journal, removed_queue_does_not_come_back_from_an_old_segment)
{
	static char data[50000];
	struct mq_queue traffic;
	int i, fd;

	mq_name(&traffic);
	KEEP(&traffic, "");
	KEEP(&self->other, "");
	KEEP(&self->queue, "");
	fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(sizeof(data), mq_write(fd, data, sizeof(data)));
	ASSERT_EQ(0, fsync(fd));
	close(fd);
	ASSERT_EQ(0, churn(&traffic, 2));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "7"));
	ASSERT_EQ(0, churn(&traffic, 2));
	ASSERT_EQ(0, mq_remove(&self->queue));
	ASSERT_EQ(0, churn(&traffic, 45));
	ASSERT_EQ(0, journal_crash(&self->j));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
	EXPECT_EQ(4, mq_stat_of(&self->other, ready));
}

/* Messages that are retried over and over must not fill the journal. */
TEST_F(journal, retries_do_not_fill_the_journal)
{
	int rounds = mq_is_debug_kernel() ? 2000 : 20000, i;

	KEEP(&self->queue, "ack=manual max_deliveries=0");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, mq_get(self->fd, "m1"));
		ASSERT_EQ(1, mq_settle(self->fd, 1, 1, DEVMQ_ACTION_RETRY));
		if (!(i % 50))
			ASSERT_EQ(0, fsync(self->fd));
		ASSERT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	}
	CRASH();
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_LE(rounds - 50, self->look.record.failures);
}

/*
 * Room is set aside for the end of each message, but not for what consumers say of it: a
 * journal that is full of small messages does without most of their notes.
 */
TEST_F(journal, notes_do_not_fill_the_journal)
{
	static char note[DEVMQ_NOTE_MAX + 1];
	struct devmq_settlement settlement;
	char state[32], byte;
	int n, i;

	memset(note, 'n', DEVMQ_NOTE_MAX);
	KEEP(&self->queue, "ack=manual max_deliveries=0 overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	n = fill_up(self->fd, 1);
	EXPECT_LT(1000, n);
	ASSERT_EQ(0, fsync(self->fd));
	for (i = 0; i < n; i++) {
		if (mq_read(self->fd, &byte, 1) == 1)
			continue;
		ASSERT_TRUE(mq_poll_wait(self->fd, POLLIN) & POLLIN);
		ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	}
	mq_settlement(&settlement, 1, n, DEVMQ_ACTION_RETRY);
	settlement.delay_ns = MQ_HOUR;
	settlement.note = (uintptr_t)note;
	settlement.note_size = DEVMQ_NOTE_MAX;
	EXPECT_EQ(n, mq_settle_one(self->fd, &settlement));
	EXPECT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "journal_state", state, sizeof(state)));
	EXPECT_STREQ("ok", state);
	CRASH();
	EXPECT_EQ(n, mq_stat_of(&self->queue, delayed));
}

/* Poll, and a write that must not sleep, agree on a line that cannot grow. */
TEST_F(journal, unfinished_line_waits_for_room_in_the_journal)
{
	KEEP(&self->queue, "framing=line");
	KEEP(&self->other, "overflow=reject");
	OPEN(O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(3, mq_put(self->fd, "abc"));
	int fd = mq_open(&self->other, O_RDWR | O_NONBLOCK);

	ASSERT_LE(0, fd);
	fill_up(fd, 60000);
	fill_up(fd, 100);
	/* Now and then senders are told to look again, and there seems to be room. */
	EXPECT_TRUE(mq_wait_until(mq_put(self->fd, "a whole line that needs room\n") ==
				  -EAGAIN && !mq_poll(self->fd, POLLOUT)));
	ASSERT_LT(0, mq_purge(fd, 0, 0));
	EXPECT_EQ(POLLOUT, mq_poll_wait(self->fd, POLLOUT));
	EXPECT_EQ(29, mq_put(self->fd, "a whole line that needs room\n"));
	close(fd);
}

/* Records of half a segment and more lie alone in theirs. */
TEST_F(journal, large_records_do_not_overfill_the_journal)
{
	static char data[140000];
	int i, n = 0;

	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	while (mq_write(self->fd, data, sizeof(data)) == sizeof(data))
		n++;
	EXPECT_LT(5, n);
	for (i = 0; i < 60; i++) {
		ASSERT_EQ(1, mq_purge(self->fd, i + 1, i + 1));
		ASSERT_EQ(sizeof(data), mq_write(self->fd, data, sizeof(data)));
		ASSERT_EQ(0, fsync(self->fd));
	}
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
}

/* De-duplication ids take room, too, and what is forgotten gives it back. */
TEST_F(journal, forgotten_ids_do_not_fill_the_journal)
{
	int rounds = mq_is_debug_kernel() ? 3000 : 30000, i;
	char id[DEVMQ_KEY_MAX + 1];
	struct devmq_send send;

	KEEP(&self->queue, "dedup_window_ms=3600000 dedup_max=100");
	OPEN(O_RDWR | O_NONBLOCK);
	for (i = 0; i < rounds; i++) {
		struct mq_batch batch = {};
		char byte[8];

		snprintf(id, sizeof(id), "%0250d", i);
		mq_batch_add_message(&batch, &(struct mq_message){
					     .text = "d", .dedup = id });
		ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, &send));
		ASSERT_EQ(0, send.result);
		mq_batch_free(&batch);
		/* The journal says first how often a message may be handed out. */
		ASSERT_TRUE(mq_poll_wait(self->fd, POLLIN) & POLLIN);
		ASSERT_EQ(1, mq_read(self->fd, byte, sizeof(byte)));
		if (!(i % 100))
			ASSERT_EQ(0, fsync(self->fd));
	}
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_OK, self->info.state);
	EXPECT_GT(200000, self->info.live);
}

/* -- attaching ------------------------------------------------------------------- */

TEST_F(journal, same_file_is_refused_by_any_name)
{
	char link_name[80];

	EXPECT_EQ(-EEXIST, journal_attach(&self->j));
	EXPECT_EQ(-EBUSY, journal_attach_path(self->j.path, "other", NULL));
	snprintf(link_name, sizeof(link_name), "%s.link", self->j.path);
	ASSERT_EQ(0, link(self->j.path, link_name));
	EXPECT_EQ(-EBUSY, journal_attach_path(link_name, "other", NULL));
	unlink(link_name);
}

TEST_F(journal, what_is_no_journal_is_refused)
{
	char path[80];
	int fd, ends[2];

	EXPECT_EQ(-EBADF, journal_attach_fd(-1, "x", NULL));
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-ENOTBLK, journal_attach_fd(ends[0], "x", NULL));
	close(ends[0]);
	close(ends[1]);
	fd = open("/dev/null", O_RDWR);
	EXPECT_EQ(-ENOTBLK, journal_attach_fd(fd, "x", NULL));
	close(fd);
	snprintf(path, sizeof(path), "%s.x", self->j.path);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	EXPECT_GT(0, journal_attach_fd(fd, "x", NULL));
	ASSERT_EQ(0, ftruncate(fd, JOURNAL_BYTES));
	EXPECT_EQ(-EINVAL, journal_attach_fd(fd, "x", NULL));	/* holes */
	close(fd);
	unlink(path);
	fd = open(self->j.path, O_RDONLY);
	EXPECT_EQ(-EBADF, journal_attach_fd(fd, "x", NULL));
	close(fd);
	EXPECT_EQ(-EINVAL, journal_attach_path(self->j.path, "", NULL));
	EXPECT_EQ(-EINVAL, journal_attach_path(self->j.path, "a/b", NULL));
}

TEST_F(journal, name_that_is_taken_is_refused_and_nothing_changes)
{
	struct devmq_journal_attach a;

	KEEP(&self->queue, "");
	KEEP(&self->other, "");
	ASSERT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	ASSERT_EQ(0, mq_control("create %s", self->other.name));
	EXPECT_EQ(-EEXIST, journal_attach_path(self->j.path, self->j.name, &a));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
	ASSERT_EQ(0, mq_remove(&self->other));
	ASSERT_EQ(0, journal_attach_path(self->j.path, self->j.name, &a));
	self->attached = true;
	EXPECT_EQ(2, a.queues);
	EXPECT_EQ(0, a.messages);
	EXPECT_EQ(0, a.cut);
}

TEST_F(journal, queue_in_a_journal_that_is_not_there_is_refused)
{
	EXPECT_EQ(-ENOTCONN, mq_create(&self->queue, "journal=nosuch"));
}

/* Each attach begins a segment: there are fewer of them than rounds. */
#define ROUNDS	40

TEST_F(journal, attaching_again_and_again_takes_no_room)
{
	unsigned int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (i = 0; i < ROUNDS; i++)
		AGAIN();
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_GT(ROUNDS, self->info.segments);
	EXPECT_LE(3, self->info.free_segments);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "m2"));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(journal, crash_after_each_attach_takes_no_room)
{
	unsigned int i;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, fsync(self->fd));
	for (i = 0; i < ROUNDS; i++)
		CRASH();
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_LE(3, self->info.free_segments);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
}

TEST_F(journal, full_journal_can_be_attached_again_and_again)
{
	unsigned int i;
	int n;

	KEEP(&self->queue, "overflow=reject");
	OPEN(O_RDWR | O_NONBLOCK);
	n = fill_up(self->fd, 60000);
	EXPECT_LT(20, n);
	/* There are eight places that messages may not fill. */
	for (i = 0; i < 12; i++)
		AGAIN();
	EXPECT_EQ(n, mq_stat_of(&self->queue, ready));
	ASSERT_EQ(n, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_TRUE(mq_wait_until(mq_put(self->fd, "x") == 1));
}

/* -- detaching ------------------------------------------------------------------- */

TEST_F(journal, detaching_is_refused_while_a_queue_is_open)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(-EBUSY, journal_detach(&self->j));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(-ENOENT, journal_detach_name("nosuch", 0));
	CLOSE();
	EXPECT_EQ(0, journal_detach(&self->j));
	self->attached = false;
	EXPECT_EQ(-ENOENT, journal_detach(&self->j));
}

TEST_F(journal, force_detaches_under_open_files_and_loses_nothing)
{
	KEEP(&self->queue, "ack=manual");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, journal_detach_name(self->j.name, DEVMQ_JOURNAL_FORCE));
	self->attached = false;
	EXPECT_EQ(-ENODEV, mq_put(self->fd, "x"));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(ENODEV, errno);
	ASSERT_EQ(0, journal_attach(&self->j));
	self->attached = true;
	CLOSE();
	OPEN(O_RDWR | O_NONBLOCK);
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	MQ_EXPECT(&self->queue, 1, READY, 1, 0, NONE);
}

/* -- failures ------------------------------------------------------------------- */

TEST_F(journal, file_that_is_cut_short_is_an_error)
{
	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, truncate(self->j.path, JOURNAL_BYTES / 2));
	/* It may have been noticed already. */
	ssize_t sent = mq_put(self->fd, "m3");

	EXPECT_TRUE(sent == 2 || sent == -EIO);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EIO, errno);
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(DEVMQ_JOURNAL_FAILED, self->info.state);
	EXPECT_EQ(-ENXIO, self->info.error);
	/* Nothing is taken any more, but consumers go on. */
	EXPECT_EQ(-EIO, mq_put(self->fd, "m4"));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	CLOSE();
	EXPECT_EQ(-EIO, journal_detach(&self->j));
	EXPECT_EQ(-EIO, mq_create(&self->other, "journal=%s", self->j.name));
	/* It is removed, but that is not on stable storage. */
	EXPECT_EQ(-EIO, mq_remove(&self->queue));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
}

TEST_F(journal, waiting_writer_learns_of_a_failure)
{
	static char data[60000];
	struct mq_call call;

	KEEP(&self->queue, "");
	OPEN(O_RDWR | O_NONBLOCK);
	fill_up(self->fd, sizeof(data));
	int fd = mq_open(&self->queue, O_WRONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_write_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, truncate(self->j.path, 0));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(-EIO, mq_call_result(&call));
	close(fd);
	EXPECT_EQ(-EIO, mq_remove(&self->queue));
}

TEST_HARNESS_MAIN
