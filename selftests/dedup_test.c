// SPDX-License-Identifier: GPL-2.0
/* De-duplication: a send with an id that was seen before stores nothing. */
#include <pthread.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"

FIXTURE(dedup) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct devmq_send send;
	struct devmq_stat stat;
	struct mq_look look;
	struct mq_batch batch;
};

FIXTURE_SETUP(dedup)
{
	MQ_REQUIRE();
	self->fd = -1;
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000");
}

FIXTURE_TEARDOWN(dedup)
{
	mq_batch_free(&self->batch);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

/* Send one message; the results of the call are in self->send. */
static int put(FIXTURE_DATA(dedup) *self, const char *text, const char *id)
{
	int error;

	mq_batch_free(&self->batch);
	mq_batch_add_message(&self->batch, &(struct mq_message) {
		.text = text, .dedup = id,
	});
	error = mq_send(self->fd, self->batch.data, self->batch.size,
			&self->send);
	mq_batch_free(&self->batch);
	return error;
}

#define EXPECT_NEW(expected_id, text, dedup_id) do {			\
	EXPECT_EQ(0, put(self, text, dedup_id));			\
	EXPECT_EQ(1, self->send.count);					\
	EXPECT_EQ(0, self->send.result);				\
	EXPECT_EQ(expected_id, self->send.first_id);			\
	EXPECT_EQ(expected_id, self->send.last_id);			\
} while (0)

#define EXPECT_DUPLICATE(expected_id, text, dedup_id) do {		\
	EXPECT_EQ(0, put(self, text, dedup_id));			\
	EXPECT_EQ(1, self->send.count);					\
	EXPECT_EQ(DEVMQ_SENT_DUP, self->send.result);			\
	EXPECT_EQ(expected_id, self->send.first_id);			\
	EXPECT_EQ(expected_id, self->send.last_id);			\
} while (0)

TEST_F(dedup, second_send_stores_nothing_and_tells_the_first_id)
{
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_NEW(2, "first", "id");
	EXPECT_DUPLICATE(2, "second", "id");
	EXPECT_DUPLICATE(2, "first", "id");
	MQ_STAT(&self->queue);
	EXPECT_EQ(2, self->stat.sent);
	EXPECT_EQ(2, self->stat.ready);
	EXPECT_EQ(2, self->stat.deduplicated);
	EXPECT_EQ(6, self->stat.bytes);
	EXPECT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, self->look.payload, 10));
	/* A duplicate uses up no message id. */
	EXPECT_NEW(3, "third", "other");
}

TEST_F(dedup, other_ids_and_none_are_stored)
{
	EXPECT_NEW(1, "x", "a");
	EXPECT_NEW(2, "x", "b");
	EXPECT_NEW(3, "x", NULL);
	EXPECT_NEW(4, "x", NULL);
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	MQ_STAT(&self->queue);
	EXPECT_EQ(6, self->stat.ready);
	EXPECT_EQ(0, self->stat.deduplicated);
}

TEST_F(dedup, id_has_no_effect_without_a_window)
{
	MQ_REOPEN_QUEUE("");
	EXPECT_NEW(1, "x", "id");
	EXPECT_NEW(2, "x", "id");
	EXPECT_EQ(0, mq_stat_of(&self->queue, deduplicated));
}

TEST_F(dedup, key_is_not_the_id)
{
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "x", .key = "id"));
	EXPECT_EQ(2, MQ_SEND(self->fd, .text = "x", .key = "id"));
	EXPECT_NEW(3, "x", "id");
	EXPECT_EQ(4, MQ_SEND(self->fd, .text = "x", .key = "id",
			     .dedup = "other"));
}

TEST_F(dedup, ids_are_of_the_queue)
{
	struct mq_queue other;
	int fd;

	EXPECT_NEW(1, "x", "id");
	ASSERT_EQ(0, mq_create(&other, "dedup_window_ms=3600000"));
	fd = mq_open(&other, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, MQ_SEND(fd, .text = "x", .dedup = "id"));
	close(fd);
}

TEST_F(dedup, ids_are_compared_byte_for_byte)
{
	static const struct {
		const char *id;
		unsigned int size;
	} ids[] = {
		{ "a", 1 }, { "A", 1 }, { "a\0", 2 }, { "a\0b", 3 },
		{ "a\0c", 3 }, { "ab", 2 }, { "\xff", 1 }, { "\0", 1 },
	};
	struct devmq_record *record;
	unsigned int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(ids); i++) {
			mq_batch_free(&self->batch);
			record = mq_batch_add_full(&self->batch, "k", 1,
						   ids[i].id, ids[i].size, "x",
						   1);
			record->dedup_size = record->headers_size;
			record->headers_size = 0;
			ASSERT_EQ(0, mq_send(self->fd, self->batch.data,
					     self->batch.size, &self->send));
			EXPECT_EQ(round ? DEVMQ_SENT_DUP : 0,
				  self->send.result);
			EXPECT_EQ(i + 1, self->send.first_id);
		}
	}
}

TEST_F(dedup, id_has_up_to_255_bytes)
{
	char id[300];

	memset(id, 'i', sizeof(id));
	id[256] = '\0';
	EXPECT_EQ(-EINVAL, put(self, "x", id));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	id[255] = '\0';
	EXPECT_NEW(1, "x", id);
	EXPECT_DUPLICATE(1, "x", id);
	id[254] = 'j';
	EXPECT_NEW(2, "x", id);
	id[254] = '\0';
	EXPECT_NEW(3, "x", id);
}

TEST_F(dedup, receiver_sees_no_id)
{
	EXPECT_NEW(1, "x", "id");
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &self->look));
	EXPECT_EQ(0, self->look.record.dedup_size);
	ASSERT_EQ(0, mq_take(self->fd, &self->look));
	EXPECT_EQ(0, self->look.record.dedup_size);
	EXPECT_EQ(0, self->look.record.extra_size);
	EXPECT_STREQ("x", self->look.payload);
}

/* -- the window ------------------------------------------------------------ */

TEST_F(dedup, id_outlives_its_message_unless_that_is_purged)
{
	EXPECT_NEW(1, "x", "acked");
	EXPECT_NEW(2, "y", "purged");
	EXPECT_NEW(3, "z", "kept");
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_DUPLICATE(1, "x", "acked");
	EXPECT_DUPLICATE(3, "z", "kept");
	EXPECT_NEW(4, "y", "purged");
	EXPECT_DUPLICATE(4, "y", "purged");
	ASSERT_EQ(2, mq_purge(self->fd, 0, 0));
	EXPECT_DUPLICATE(1, "x", "acked");
	EXPECT_NEW(5, "z", "kept");
	EXPECT_NEW(6, "y", "purged");
	EXPECT_EQ(0, mq_stat_of(&self->queue, dedup_forgotten));
	ASSERT_EQ(2, mq_purge(self->fd, 0, 0));
	MQ_STAT(&self->queue);
	EXPECT_EQ(0, self->stat.ready);
	EXPECT_EQ(6, self->stat.sent);
	EXPECT_EQ(4, self->stat.deduplicated);
}

TEST_F(dedup, id_outlives_an_expired_a_dead_and_a_dropped_message)
{
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "x", .dedup = "expired",
			     .ttl_ns = 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_DUPLICATE(1, "x", "expired");
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	EXPECT_NEW(2, "x", "dead");
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	EXPECT_DUPLICATE(2, "x", "dead");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	EXPECT_NEW(3, "x", "dropped");
	EXPECT_NEW(4, "x", "last");
	EXPECT_DUPLICATE(3, "x", "dropped");
}

TEST_F(dedup, delayed_message_counts_from_its_send)
{
	EXPECT_EQ(1, MQ_SEND(self->fd, .text = "x", .dedup = "id",
			     .delay_ns = MQ_HOUR));
	EXPECT_DUPLICATE(1, "x", "id");
	EXPECT_EQ(1, mq_purge(self->fd, 1, 1));
	EXPECT_NEW(2, "x", "id");
}

TEST_F(dedup, id_is_free_after_the_window)
{
	uint64_t sent;
	int i;

	MQ_REOPEN_QUEUE("dedup_window_ms=30");
	for (i = 1; i <= 5; i++) {
		EXPECT_NEW(i, "x", "id");
		sent = mq_boot_ns();
		while (mq_boot_ns() <= sent + 30 * MQ_MS)
			usleep(1000);
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, dedup_forgotten));
}

TEST_F(dedup, duplicate_does_not_make_the_window_longer)
{
	uint64_t sent, before, last = 1;
	unsigned int stored = 0;

	/* The id is sent all the time, and stored again after each window. */
	MQ_REOPEN_QUEUE("dedup_window_ms=50");
	before = mq_boot_ns();
	EXPECT_NEW(1, "x", "id");
	sent = mq_boot_ns();
	while (stored < 3) {
		uint64_t now = mq_boot_ns();

		ASSERT_EQ(0, put(self, "x", "id"));
		if (self->send.result) {
			ASSERT_EQ(last, self->send.first_id);
			/* A duplicate is sent within the window. */
			ASSERT_GE(sent + 50 * MQ_MS, now);
		} else {
			last = self->send.first_id;
			ASSERT_EQ(stored + 2, last);
			ASSERT_LE(before + 50 * MQ_MS, mq_boot_ns());
			stored++;
			before = now;
			sent = mq_boot_ns();
		}
	}
}

TEST_F(dedup, window_is_as_it_is_now)
{
	EXPECT_NEW(1, "x", "id");
	EXPECT_DUPLICATE(1, "x", "id");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "1"));
	mq_sleep_ms(5);
	EXPECT_NEW(2, "x", "id");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "0"));
	EXPECT_NEW(3, "x", "id");
	EXPECT_NEW(4, "x", "id");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	EXPECT_EQ(0, put(self, "x", "fresh"));
	EXPECT_EQ(0, self->send.result);
	EXPECT_EQ(0, put(self, "x", "fresh"));
	EXPECT_EQ(DEVMQ_SENT_DUP, self->send.result);
}

TEST_F(dedup, clock_that_is_set_changes_no_window)
{
	struct timespec time;

	EXPECT_NEW(1, "x", "id");
	ASSERT_EQ(0, clock_gettime(CLOCK_REALTIME, &time));
	time.tv_sec += 7200;
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &time));
	EXPECT_DUPLICATE(1, "x", "id");
	ASSERT_EQ(0, clock_gettime(CLOCK_REALTIME, &time));
	time.tv_sec -= 7200;
	ASSERT_EQ(0, clock_settime(CLOCK_REALTIME, &time));
}

/* -- batches --------------------------------------------------------------- */

static void add(FIXTURE_DATA(dedup) *self, const char *text, const char *id)
{
	mq_batch_add_message(&self->batch, &(struct mq_message) {
		.text = text, .dedup = id,
	});
}

/* Send the batch without its first @done records. */
static int send_rest(FIXTURE_DATA(dedup) *self, unsigned int done)
{
	struct devmq_record *record = NULL;
	size_t skip;

	for (skip = 0; done--; skip = (char *)record - self->batch.data +
				      DEVMQ_RECORD_STEP(record->size))
		record = mq_record_next(self->batch.data, self->batch.size,
					record);
	return mq_send(self->fd, self->batch.data + skip,
		       self->batch.size - skip, &self->send);
}

TEST_F(dedup, duplicate_ends_a_batch_and_is_then_taken_alone)
{
	add(self, "1", "a");
	add(self, "2", "b");
	add(self, "3", "a");
	add(self, "4", "c");
	add(self, "5", NULL);
	ASSERT_EQ(0, send_rest(self, 0));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(0, self->send.result);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(2, self->send.last_id);
	ASSERT_EQ(0, send_rest(self, 2));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(DEVMQ_SENT_DUP, self->send.result);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(1, self->send.last_id);
	ASSERT_EQ(0, send_rest(self, 3));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(0, self->send.result);
	EXPECT_EQ(3, self->send.first_id);
	EXPECT_EQ(4, self->send.last_id);
	MQ_STAT(&self->queue);
	EXPECT_EQ(4, self->stat.sent);
	EXPECT_EQ(1, self->stat.deduplicated);
}

TEST_F(dedup, duplicate_at_the_end_of_a_batch_counts_only_when_it_is_taken)
{
	EXPECT_NEW(1, "x", "a");
	add(self, "1", "b");
	add(self, "2", "a");
	ASSERT_EQ(0, send_rest(self, 0));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(0, mq_stat_of(&self->queue, deduplicated));
	ASSERT_EQ(0, send_rest(self, 1));
	EXPECT_EQ(DEVMQ_SENT_DUP, self->send.result);
	EXPECT_EQ(1, mq_stat_of(&self->queue, deduplicated));
}

TEST_F(dedup, large_batch_sent_twice_is_stored_once)
{
	char id[16];
	int i, done = 0;

	for (i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "id %d", i);
		add(self, "x", id);
	}
	ASSERT_EQ(0, send_rest(self, 0));
	ASSERT_EQ(1000, self->send.count);
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, send_rest(self, done));
		ASSERT_EQ(1, self->send.count);
		ASSERT_EQ(DEVMQ_SENT_DUP, self->send.result);
		ASSERT_EQ(i + 1, self->send.first_id);
		done += self->send.count;
		/* Test only the first and the last records. */
		if (i == 20) {
			i = 989;
			done = 990;
		}
	}
	EXPECT_EQ(1000, mq_stat_of(&self->queue, sent));
}

/* -- the number of remembered ids ------------------------------------------ */

TEST_F(dedup, oldest_id_is_forgotten_beyond_dedup_max)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 dedup_max=2");
	EXPECT_NEW(1, "x", "a");
	EXPECT_NEW(2, "x", "b");
	EXPECT_DUPLICATE(1, "x", "a");
	EXPECT_EQ(0, mq_stat_of(&self->queue, dedup_forgotten));
	EXPECT_NEW(3, "x", "c");
	EXPECT_EQ(1, mq_stat_of(&self->queue, dedup_forgotten));
	EXPECT_DUPLICATE(2, "x", "b");
	EXPECT_DUPLICATE(3, "x", "c");
	EXPECT_NEW(4, "x", "a");
	EXPECT_EQ(2, mq_stat_of(&self->queue, dedup_forgotten));
	EXPECT_EQ(2, mq_sysfs_number(&self->queue, "dedup_forgotten"));
	EXPECT_NEW(5, "x", "b");
}

TEST_F(dedup, dedup_max_of_one_remembers_the_last)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 dedup_max=1");
	EXPECT_NEW(1, "x", "a");
	EXPECT_DUPLICATE(1, "x", "a");
	EXPECT_NEW(2, "x", "b");
	EXPECT_NEW(3, "x", "a");
	EXPECT_EQ(2, mq_stat_of(&self->queue, dedup_forgotten));
}

TEST_F(dedup, dedup_max_is_live)
{
	unsigned int i;
	char id[16];

	for (i = 1; i <= 10; i++) {
		snprintf(id, sizeof(id), "%u", i);
		EXPECT_NEW(i, "x", id);
	}
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_max", "3"));
	EXPECT_NEW(11, "x", "11");
	EXPECT_DUPLICATE(11, "x", "11");
	EXPECT_DUPLICATE(10, "x", "10");
	EXPECT_DUPLICATE(9, "x", "9");
	EXPECT_NEW(12, "x", "1");
	EXPECT_NEW(13, "x", "8");
	EXPECT_EQ(8 + 2, mq_stat_of(&self->queue, dedup_forgotten));
}

TEST_F(dedup, id_that_the_window_ended_is_not_forgotten_early)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=1 dedup_max=1");
	EXPECT_NEW(1, "x", "a");
	mq_sleep_ms(5);
	EXPECT_NEW(2, "x", "b");
	mq_sleep_ms(5);
	EXPECT_NEW(3, "x", "a");
	EXPECT_EQ(0, mq_stat_of(&self->queue, dedup_forgotten));
}

/* -- sends that are refused ------------------------------------------------ */

TEST_F(dedup, refused_send_remembers_nothing)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 max_messages=1");
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(-EAGAIN, put(self, "x", "id"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_EQ(-ENOSPC, put(self, "x", "id"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, put(self, "x", "id"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_NEW(2, "x", "id");
	EXPECT_DUPLICATE(2, "x", "id");
	EXPECT_EQ(1, mq_stat_of(&self->queue, deduplicated));
}

TEST_F(dedup, send_that_is_too_large_remembers_nothing)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 max_message_size=3");
	EXPECT_EQ(-EMSGSIZE, put(self, "large", "id"));
	EXPECT_NEW(1, "x", "id");
}

TEST_F(dedup, batch_cut_off_by_the_bounds_remembers_only_what_was_stored)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 max_messages=2");
	add(self, "1", "a");
	add(self, "2", "b");
	add(self, "3", "c");
	ASSERT_EQ(0, send_rest(self, 0));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(0, mq_get(self->fd, "1"));
	EXPECT_EQ(0, mq_get(self->fd, "2"));
	EXPECT_DUPLICATE(1, "x", "a");
	EXPECT_DUPLICATE(2, "x", "b");
	EXPECT_NEW(3, "x", "c");
}

TEST_F(dedup, duplicate_is_taken_by_a_full_queue)
{
	MQ_REOPEN_QUEUE("dedup_window_ms=3600000 max_messages=1");
	EXPECT_NEW(1, "x", "id");
	EXPECT_DUPLICATE(1, "x", "id");
	EXPECT_EQ(-EAGAIN, put(self, "x", "other"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_DUPLICATE(1, "x", "id");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	EXPECT_DUPLICATE(1, "x", "id");
	EXPECT_EQ(0, mq_stat_of(&self->queue, dropped));
}

TEST_F(dedup, duplicate_is_not_taken_while_sending_is_paused)
{
	EXPECT_NEW(1, "x", "id");
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "send"));
	EXPECT_EQ(-EAGAIN, put(self, "x", "id"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, deduplicated));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "paused", "none"));
	EXPECT_DUPLICATE(1, "x", "id");
}

TEST_F(dedup, duplicate_wakes_nobody)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char data[8] = {};
	long switches;

	ASSERT_LE(0, fd);
	EXPECT_NEW(1, "x", "id");
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(0, mq_read_start(&call, fd, data, sizeof(data)));
	ASSERT_TRUE(mq_call_sleeps(&call));
	switches = mq_switches(getpid(), call.tid);
	EXPECT_DUPLICATE(1, "x", "id");
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(switches, mq_switches(getpid(), call.tid));
	EXPECT_NEW(2, "y", "other");
	EXPECT_EQ(1, mq_call_result(&call));
	close(fd);
}

TEST_F(dedup, queue_is_removed_with_all_that_it_remembers)
{
	char id[32];
	int i;

	for (i = 1; i <= 3000; i++) {
		snprintf(id, sizeof(id), "%d of many", i);
		ASSERT_EQ(i, MQ_SEND(self->fd, .text = "x", .dedup = id));
	}
	EXPECT_EQ(3000, mq_purge(self->fd, 0, 0));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_control("create %s dedup_window_ms=3600000",
				self->queue.name));
	close(self->fd);
	MQ_OPEN(fd, O_RDWR | O_NONBLOCK);
	EXPECT_NEW(1, "x", "1 of many");
}

/* -- many senders ---------------------------------------------------------- */

struct sender {
	const struct mq_queue *queue;
	unsigned int stored, duplicates, wrong;
	uint64_t *ids;		/* message id for each de-duplication id */
	pthread_t thread;
};

#define IDS 300

static void *sender_thread(void *argument)
{
	struct sender *sender = argument;
	int i, fd = mq_open(sender->queue, O_WRONLY);
	struct mq_batch batch = {};
	struct devmq_send send;
	uint64_t expected;
	char id[16];

	for (i = 0; i < IDS; i++) {
		snprintf(id, sizeof(id), "%d", i);
		mq_batch_add_message(&batch, &(struct mq_message) {
			.text = id, .dedup = id,
		});
		if (mq_send(fd, batch.data, batch.size, &send))
			sender->wrong++;
		mq_batch_free(&batch);
		if (send.result)
			sender->duplicates++;
		else
			sender->stored++;
		/* All senders must get the same message id. */
		expected = 0;
		if (!__atomic_compare_exchange_n(&sender->ids[i], &expected,
						 send.first_id, false,
						 __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST) &&
		    expected != send.first_id)
			sender->wrong++;
	}
	close(fd);
	return NULL;
}

TEST_F(dedup, of_many_senders_one_stores_it)
{
	unsigned int i, stored = 0, duplicates = 0;
	uint64_t ids[IDS] = {};
	struct sender senders[4];

	for (i = 0; i < 4; i++) {
		senders[i] = (struct sender) {
			.queue = &self->queue, .ids = ids,
		};
		ASSERT_EQ(0, pthread_create(&senders[i].thread, NULL,
					    sender_thread, &senders[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(senders[i].thread, NULL);
		EXPECT_EQ(0, senders[i].wrong);
		stored += senders[i].stored;
		duplicates += senders[i].duplicates;
	}
	EXPECT_EQ(IDS, stored);
	EXPECT_EQ(3 * IDS, duplicates);
	MQ_STAT(&self->queue);
	EXPECT_EQ(IDS, self->stat.sent);
	EXPECT_EQ(3 * IDS, self->stat.deduplicated);
}

TEST_HARNESS_MAIN
