// SPDX-License-Identifier: GPL-2.0
/* PEEK: looking at messages without receiving them. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"

/* The size of a peeked record with 1 to 8 bytes of payload. */
#define SMALL	(sizeof(struct devmq_record) + sizeof(struct devmq_extra) + 8)

FIXTURE(peek) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	int looker;
	struct devmq_peek peek;
	char buffer[65536];
};

FIXTURE_SETUP(peek)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("ack=manual max_messages=100000");
	MQ_OPEN(looker, MQ_LOOK);
}

FIXTURE_TEARDOWN(peek)
{
	close(self->fd);
	close(self->looker);
	EXPECT_EQ(0, mq_cleanup());
}

/* Prepare to peek, with the buffer poisoned. */
static void prepare(FIXTURE_DATA(peek) *self, size_t size)
{
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_peek_init(&self->peek, self->buffer, size);
}

#define PEEK()	mq_ioctl(self->looker, DEVMQ_IOC_PEEK, &self->peek)

static bool untouched(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] != (char)MQ_POISON)
			return false;
	return true;
}

/* Are the records in the buffer those with these ids? @ids ends with 0. */
static bool shows(FIXTURE_DATA(peek) *self, const int *ids)
{
	struct devmq_record *record = NULL;
	char text[16];

	while ((record = mq_record_next(self->buffer, self->peek.used,
					record))) {
		if (record->id != *ids)
			return false;
		snprintf(text, sizeof(text), "m%d", *ids);
		if (!mq_record_is(record, text))
			return false;
		ids++;
	}
	return !*ids;
}

TEST_F(peek, empty_queue_shows_nothing)
{
	prepare(self, 4096);
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(0, self->peek.count);
	EXPECT_EQ(0, self->peek.used);
	EXPECT_EQ(0, self->peek.need);
	EXPECT_TRUE(untouched(self->buffer, 4096));

	/* For an empty queue, a buffer of size 0 is enough. */
	prepare(self, 0);
	EXPECT_EQ(0, PEEK());
	EXPECT_EQ(0, self->peek.count);
}

TEST_F(peek, shows_all_in_the_order_of_ids_and_changes_nothing)
{
	struct devmq_stat before, after;

	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	ASSERT_EQ(0, mq_stat(&self->queue, &before));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(4, self->peek.count);
	EXPECT_EQ(0, self->peek.need);
	EXPECT_TRUE(shows(self, (int []) { 2, 3, 4, 5, 0 }));
	EXPECT_TRUE(untouched(self->buffer + self->peek.used, 4096));
	ASSERT_EQ(0, mq_stat(&self->queue, &after));
	after.oldest_ms = before.oldest_ms;
	after.oldest_in_flight_ms = before.oldest_in_flight_ms;
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(1, mq_held(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "m3"));
}

TEST_F(peek, what_is_only_in_does_not_change)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	prepare(self, 4096);
	self->peek.after_id = 1;
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY);
	self->peek.max_count = 1;
	self->peek.payload_max = 9;
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(sizeof(self->peek), self->peek.size);
	EXPECT_EQ((uintptr_t)self->buffer, self->peek.buffer);
	EXPECT_EQ(4096, self->peek.buffer_size);
	EXPECT_EQ(1, self->peek.after_id);
	EXPECT_EQ(DEVMQ_STATE_MASK(DEVMQ_STATE_READY), self->peek.states);
	EXPECT_EQ(1, self->peek.max_count);
	EXPECT_EQ(9, self->peek.payload_max);
	EXPECT_EQ(0, self->peek.reserved);
	EXPECT_EQ(1, self->peek.count);
}

TEST_F(peek, states_select)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(1, mq_release(self->fd, 2));
	prepare(self, sizeof(self->buffer));
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY);
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 2, 4, 5, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 1, 3, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY) |
			    DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 3, 4, 5, 0 }));
}

TEST_F(peek, after_id_goes_on)
{
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_ack(self->fd, 2));
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 1;
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 3, 4, 5, 6, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 2;
	self->peek.max_count = 2;
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 3, 4, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 6;
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(0, self->peek.count);
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = ~0ULL;
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(0, self->peek.count);
}

TEST_F(peek, max_count_and_buffer_bound_what_is_shown)
{
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	prepare(self, sizeof(self->buffer));
	self->peek.max_count = 4;
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 3, 4, 0 }));
	prepare(self, 3 * SMALL + 40);
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 3, 0 }));
	EXPECT_EQ(0, self->peek.need);
	EXPECT_TRUE(untouched(self->buffer + 3 * SMALL + 40, 4096));
}

TEST_F(peek, buffer_too_small_is_emsgsize_with_need)
{
	__u64 need;

	ASSERT_EQ(1000, mq_write(self->fd, (char [1000]) {}, 1000));
	prepare(self, 500);
	EXPECT_EQ(-EMSGSIZE, PEEK());
	EXPECT_EQ(SMALL - 8 + 1000, self->peek.need);
	EXPECT_TRUE(untouched(self->buffer, 4096));
	need = self->peek.need;
	prepare(self, need - 1);
	EXPECT_EQ(-EMSGSIZE, PEEK());
	prepare(self, need);
	EXPECT_EQ(0, PEEK());
	EXPECT_EQ(1, self->peek.count);
}

TEST_F(peek, payload_max_cuts_the_payload)
{
	struct devmq_record *record = (void *)self->buffer;
	struct devmq_extra extra;
	static const __u64 most[] = { 0, 1, 5, 6, 7, 8, 100, DEVMQ_FOREVER };
	unsigned int i;

	ASSERT_EQ(6, mq_put(self->fd, "abcdef"));
	ASSERT_EQ(3, mq_put(self->fd, "xyz"));
	for (i = 0; i < ARRAY_SIZE(most); i++) {
		size_t first = most[i] < 6 ? most[i] : 6;
		size_t second = most[i] < 3 ? most[i] : 3;

		prepare(self, sizeof(self->buffer));
		self->peek.payload_max = most[i];
		ASSERT_EQ(0, PEEK());
		ASSERT_EQ(2, self->peek.count);
		EXPECT_EQ(first, mq_record_payload_size(record));
		memcpy(&extra, record + 1, sizeof(extra));
		EXPECT_EQ(6, extra.payload_size);
		EXPECT_EQ(0, memcmp(mq_record_payload(record), "abcdef",
				    first));
		record = mq_record_next(self->buffer, self->peek.used, record);
		ASSERT_NE(NULL, record);
		EXPECT_EQ(second, mq_record_payload_size(record));
		memcpy(&extra, record + 1, sizeof(extra));
		EXPECT_EQ(3, extra.payload_size);
		EXPECT_EQ(0, memcmp(mq_record_payload(record), "xyz", second));
		record = (void *)self->buffer;
	}
}

TEST_F(peek, key_and_headers_are_shown_whole)
{
	struct devmq_record *record = (void *)self->buffer;
	struct mq_batch batch = {};
	char headers[64], *data;
	size_t size;

	size = mq_header_put(headers, "type", "greeting", 8);
	mq_batch_add_full(&batch, "the key", 7, headers, size, "hello", 5);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	prepare(self, sizeof(self->buffer));
	self->peek.payload_max = 0;
	ASSERT_EQ(0, PEEK());
	ASSERT_EQ(1, self->peek.count);
	EXPECT_EQ(7, record->key_size);
	EXPECT_EQ(size, record->headers_size);
	data = (char *)(record + 1) + record->extra_size;
	EXPECT_EQ(0, memcmp(data, "the key", 7));
	EXPECT_EQ(0, memcmp(data + 7, headers, size));
	EXPECT_EQ(0, mq_record_payload_size(record));
	mq_batch_free(&batch);
}

TEST_F(peek, every_byte_of_padding_is_zero)
{
	struct devmq_record *record;
	struct mq_batch batch = {};
	char data[64], *byte, *end;
	int i;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	memset(data, 'x', sizeof(data));
	for (i = 0; i < 40; i++)
		mq_batch_add_full(&batch, data, i % 11, NULL, 0, data, i % 13);
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	for (i = 0; i < 20; i++)
		ASSERT_LE(0, mq_read(self->fd, data, sizeof(data)));
	for (i = 0; i < 15; i++) {
		prepare(self, sizeof(self->buffer));
		self->peek.payload_max = i;
		ASSERT_EQ(0, PEEK());
		ASSERT_EQ(40, self->peek.count);
		record = NULL;
		while ((record = mq_record_next(self->buffer, self->peek.used,
						record))) {
			byte = (char *)(record + 1) + record->extra_size +
			       record->key_size;
			for (end = mq_record_payload(record); byte < end;
			     byte++)
				ASSERT_EQ(0, *byte);
			byte = (char *)record + record->size;
			end = (char *)record + DEVMQ_RECORD_STEP(record->size);
			for (; byte < end; byte++)
				ASSERT_EQ(0, *byte);
		}
	}
	mq_batch_free(&batch);
}

TEST_F(peek, ready_message_tells_its_history)
{
	struct devmq_record *record = (void *)self->buffer;
	struct devmq_extra extra, expected = { .payload_size = 2 };
	uint64_t before = mq_clock_ns(CLOCK_REALTIME), after;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	after = mq_clock_ns(CLOCK_REALTIME);
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(1, record->id);
	EXPECT_EQ(DEVMQ_STATE_READY, record->state);
	EXPECT_EQ(0, record->attempt);
	EXPECT_EQ(0, record->failures);
	EXPECT_EQ(0, record->failure);
	ASSERT_LE(sizeof(extra), record->extra_size);
	memcpy(&extra, record + 1, sizeof(extra));
	EXPECT_EQ(0, memcmp(&expected, &extra, sizeof(extra)));
	EXPECT_EQ(getpid(), record->pid);
	EXPECT_EQ(0, record->uid);
	EXPECT_LE(before - 20000000, record->time_ns);
	EXPECT_GE(after, record->time_ns);

	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	close(self->fd);
	self->fd = -1;
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(DEVMQ_STATE_READY, record->state);
	EXPECT_EQ(1, record->attempt);
	EXPECT_EQ(1, record->failures);
	EXPECT_EQ(DEVMQ_FAILURE_CRASH, record->failure);
	memcpy(&extra, record + 1, sizeof(extra));
	EXPECT_EQ(0, memcmp(&expected, &extra, sizeof(extra)));
}

/*
 * The expiry in CLOCK_REALTIME is the same each time, however late the kernel
 * reads the second clock.
 */
TEST_F(peek, time_that_a_message_has_is_told_the_same_each_time)
{
	struct mq_look first, look;
	int i;

	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = MQ_HOUR));
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &first));
	EXPECT_TRUE(mq_is_from_now(first.extra.expires_ns, MQ_HOUR));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, mq_look_id(&self->queue, 1, &look));
		ASSERT_EQ(first.extra.expires_ns, look.extra.expires_ns);
	}
}

TEST_F(peek, message_in_flight_tells_its_holder)
{
	struct devmq_record *record = (void *)self->buffer;
	struct devmq_extra extra;
	uint64_t before, after;
	int ready[2];
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	before = mq_clock_ns(CLOCK_REALTIME);
	child = mq_fork();
	if (!child) {
		int fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

		if (mq_get(fd, "m1") || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(ready[0], self->buffer, 1));
	after = mq_clock_ns(CLOCK_REALTIME);
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	ASSERT_EQ(1, self->peek.count);
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record->state);
	EXPECT_EQ(1, record->attempt);
	EXPECT_EQ(0, record->failures);
	ASSERT_LE(sizeof(extra), record->extra_size);
	memcpy(&extra, record + 1, sizeof(extra));
	EXPECT_EQ(child, extra.holder_pid);
	EXPECT_EQ(2, extra.payload_size);
	EXPECT_LE(before - 20000000, extra.since_ns);
	EXPECT_GE(after, extra.since_ns);
	EXPECT_TRUE(mq_record_is(record, "m1"));
	EXPECT_EQ(getpid(), record->pid);
	kill(child, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, mq_wait_child(child));
}

TEST_F(peek, holder_is_who_received_last_not_who_opened_the_file)
{
	struct devmq_record *record = (void *)self->buffer;
	struct devmq_extra extra;
	struct devmq_recv recv;
	pid_t child;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	child = mq_fork();
	if (!child)
		_exit(mq_get(self->fd, "m1") ? 1 : 0);
	ASSERT_EQ(0, mq_wait_child(child));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	memcpy(&extra, record + 1, sizeof(extra));
	EXPECT_EQ(child, extra.holder_pid);
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, sizeof(self->buffer),
			     &recv));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	memcpy(&extra, record + 1, sizeof(extra));
	EXPECT_EQ(getpid(), extra.holder_pid);
}

TEST_F(peek, half_read_message_is_in_flight)
{
	struct devmq_record *record = (void *)self->buffer;
	char byte;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	ASSERT_EQ(1, self->peek.count);
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record->state);
	EXPECT_EQ(1, record->attempt);
	EXPECT_TRUE(mq_record_is(record, "m1"));
	EXPECT_EQ(0, mq_get(self->fd, "1"));
}

TEST_F(peek, exclusive_consumer_is_not_disturbed)
{
	int fd;

	close(self->fd);
	MQ_OPEN(fd, O_RDWR | O_EXCL | O_NONBLOCK);
	ASSERT_EQ(-EAGAIN, mq_read(self->fd, self->buffer, 1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(1, self->peek.count);
	fd = mq_open(&self->queue, MQ_LOOK);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, mq_stat_of(&self->queue, consumers));
	EXPECT_EQ(1, mq_stat_of(&self->queue, producers));
}

TEST_F(peek, bad_buffer_is_efault_and_a_later_one_ends_what_is_shown)
{
	char *edge = mq_edge();

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	mq_peek_init(&self->peek, MQ_BAD_POINTER, 4096);
	EXPECT_EQ(-EFAULT, PEEK());
	mq_peek_init(&self->peek, edge - 10, 4096);
	EXPECT_EQ(-EFAULT, PEEK());
	mq_peek_init(&self->peek, edge - 2 * SMALL - 30, 4096);
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(2, self->peek.count);
	EXPECT_EQ(2 * SMALL, self->peek.used);
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
}

TEST_F(peek, thousands_are_shown_in_pages)
{
	struct devmq_record *record;
	__u64 after = 0, next = 1;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 5000));
	for (;;) {
		prepare(self, 10000);
		self->peek.after_id = after;
		ASSERT_EQ(0, PEEK());
		if (!self->peek.count)
			break;
		record = NULL;
		while ((record = mq_record_next(self->buffer, self->peek.used,
						record))) {
			ASSERT_EQ(next, record->id);
			after = next++;
		}
	}
	EXPECT_EQ(5001, next);
}

/*
 * The kernel remembers where a look stopped, by a cursor among the messages. A
 * look for an earlier id begins at the first message, and passes that cursor.
 */
TEST_F(peek, look_from_the_beginning_passes_the_last_place)
{
	unsigned int n;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 1100));
	for (n = 505; n < 520; n++) {
		prepare(self, sizeof(self->buffer));
		self->peek.payload_max = 0;
		self->peek.after_id = n - 1;
		self->peek.max_count = 1;
		ASSERT_EQ(0, PEEK());
		ASSERT_EQ(1, self->peek.count);
		/* No message is in flight, so this looks at all of them. */
		prepare(self, sizeof(self->buffer));
		self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
		ASSERT_EQ(0, PEEK());
		ASSERT_EQ(0, self->peek.count);
	}
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 1099;
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(1, self->peek.count);
}

/* Peek at one message after @after: 0 if it is the next one. */
static int look_behind(FIXTURE_DATA(peek) *self, int fd, __u64 after)
{
	struct devmq_record *record = (struct devmq_record *)self->buffer;
	int error;

	prepare(self, sizeof(self->buffer));
	self->peek.after_id = after;
	self->peek.max_count = 1;
	self->peek.payload_max = 0;
	error = mq_ioctl(fd, DEVMQ_IOC_PEEK, &self->peek);
	if (error)
		return error;
	return self->peek.count == 1 && record->id == after + 1 ? 0 : -EBADMSG;
}

/*
 * Each open file that looked has a cursor among the messages. Looks must pass
 * the cursors of others, from either side.
 */
TEST_F(peek, places_of_many_others_are_passed)
{
	enum { OTHERS = 1300 };
	struct rlimit limit = { OTHERS + 64, OTHERS + 64 };
	static const __u64 way[] = {
		1999, 1000, 1999, 999, 1001, 0, 1000, 998, 1000, 2999, 1000, 997,
	};
	int fds[OTHERS];
	unsigned int i;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_EQ(0, mq_fill_fast(self->fd, 3000));
	ASSERT_EQ(0, look_behind(self, self->fd, 998));
	for (i = 0; i < OTHERS; i++) {
		fds[i] = mq_open(&self->queue, MQ_LOOK);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, look_behind(self, fds[i],
					 i % 3 ? 999 : 1000 - i % 2));
	}
	for (i = 0; i < ARRAY_SIZE(way); i++) {
		ASSERT_EQ(0, look_behind(self, self->looker, way[i])) {
			TH_LOG("after %llu", way[i]);
		}
		ASSERT_EQ(0, look_behind(self, self->fd, 2999 - way[i]));
	}
	/* The same with cursors at both ends. */
	for (i = 0; i < OTHERS; i++)
		ASSERT_EQ(0, look_behind(self, fds[i], i % 2 ? 0 : 2999));
	for (i = 0; i < ARRAY_SIZE(way); i++)
		ASSERT_EQ(0, look_behind(self, self->looker, way[i]));
	EXPECT_EQ(1, mq_purge(self->looker, 1000, 1000));
	EXPECT_EQ(999, mq_purge(self->looker, 1, 999));
	EXPECT_EQ(2000, mq_purge(self->looker, 0, 0));
	for (i = 0; i < OTHERS; i++)
		close(fds[i]);
}

static void *look_in_vain(void *data)
{
	FIXTURE_DATA(peek) *self = data;
	struct devmq_peek peek;
	char buffer[256];
	int i, error = 0;

	for (i = 0; !error && i < 5; i++) {
		mq_peek_init(&peek, buffer, sizeof(buffer));
		peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
		error = mq_ioctl(self->looker, DEVMQ_IOC_PEEK, &peek);
		if (!error && peek.count)
			error = -EBADMSG;
	}
	return (void *)(long)error;
}

/* The threads share one open file, and must not make each other start anew. */
TEST_F(peek, threads_that_look_at_the_same_time_get_on)
{
	pthread_t threads[4];
	void *result;
	int i;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 50000));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, look_in_vain,
					    self));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &result));
		EXPECT_EQ(NULL, result);
	}
}

TEST_F(peek, large_payload_is_shown_whole)
{
	char *data = malloc(1 << 20), *buffer = malloc(2 << 20);
	struct devmq_record *record = (void *)buffer;

	memset(data, 'x', 1 << 20);
	ASSERT_EQ(1 << 20, mq_write(self->fd, data, 1 << 20));
	ASSERT_EQ(0, mq_peek(self->looker, buffer, 2 << 20, &self->peek));
	ASSERT_EQ(1, self->peek.count);
	ASSERT_EQ(1 << 20, mq_record_payload_size(record));
	EXPECT_EQ(0, memcmp(data, mq_record_payload(record), 1 << 20));
}

struct consumer {
	const struct mq_queue *queue;
	int stop, wrong;
	pthread_t thread;
};

/* Send, receive, hold, release and acknowledge without a pause. */
static void *consumer_thread(void *argument)
{
	struct consumer *consumer = argument;
	int fd = mq_open(consumer->queue, O_RDWR | O_NONBLOCK);
	char text[64];
	long long last, next = 0;

	while (!__atomic_load_n(&consumer->stop, __ATOMIC_RELAXED)) {
		snprintf(text, sizeof(text), "m%lld", ++next);
		if (mq_put(fd, text) < 0)
			consumer->wrong++;
		if (next % 3 == 0)
			continue;
		if (mq_read(fd, text, sizeof(text)) < 0)
			continue;
		last = mq_last_id(fd);
		if (next % 7)
			mq_ack(fd, last);
		else
			mq_release(fd, last);
	}
	close(fd);
	return NULL;
}

TEST_F(peek, each_state_can_be_looked_at_alone)
{
	static const struct {
		enum devmq_state state;
		int ids[4];
	} states[] = {
		{ DEVMQ_STATE_DEFERRED, { 1 } }, { DEVMQ_STATE_DEAD, { 2 } },
		{ DEVMQ_STATE_DELAYED, { 3, 6 } },
		{ DEVMQ_STATE_IN_FLIGHT, { 4 } }, { DEVMQ_STATE_READY, { 5 } },
	};
	unsigned int i;

	ASSERT_EQ(0, mq_fill_states(self->fd));
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		prepare(self, sizeof(self->buffer));
		self->peek.states = DEVMQ_STATE_MASK(states[i].state);
		ASSERT_EQ(0, PEEK());
		EXPECT_TRUE(shows(self, states[i].ids)) {
			TH_LOG("state %u", states[i].state);
		}
	}
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 3, 4, 5, 6, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) |
			    DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD);
	self->peek.after_id = 2;
	ASSERT_EQ(0, PEEK());
	EXPECT_TRUE(shows(self, (int []) { 3, 6, 0 }));
}

TEST_F(peek, origin_and_note_need_room)
{
	struct mq_queue queue;
	struct mq_look look;
	int fd;

	ASSERT_EQ(0, mq_create(&queue, "ack=manual dead_letter=%s",
			       self->queue.name));
	fd = mq_open(&queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(fd, 1));
	ASSERT_EQ(0, mq_get(fd, "m1"));
	ASSERT_EQ(1, mq_reject_with(fd, 1, 300, "a note"));
	prepare(self, SMALL);
	EXPECT_EQ(-EMSGSIZE, PEEK());
	/* Header, extra, origin and note, padding, payload. */
	EXPECT_LE(DEVMQ_ALIGN(sizeof(struct devmq_record) +
			      sizeof(struct devmq_extra) +
			      strlen(queue.name) + 6) + 2, self->peek.need);
	prepare(self, self->peek.need);
	ASSERT_EQ(0, PEEK());
	EXPECT_EQ(1, self->peek.count);
	ASSERT_EQ(0, mq_look_at((void *)self->buffer, &look));
	EXPECT_STREQ(queue.name, look.origin);
	EXPECT_STREQ("a note", look.note);
	close(fd);
}

TEST_F(peek, others_may_consume_at_the_same_time)
{
	struct consumer consumer = { .queue = &self->queue };
	uint64_t end = mq_now_ms() + 1500;
	struct devmq_record *record;
	struct devmq_extra extra;
	unsigned long rounds = 0;
	char text[64];
	__u64 last;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, pthread_create(&consumer.thread, NULL, consumer_thread,
				    &consumer));
	while (mq_now_ms() < end || rounds <= 10) {
		prepare(self, 4000);
		if (rounds % 5 == 0)
			self->peek.after_id = 0;
		last = self->peek.after_id;
		ASSERT_EQ(0, PEEK());
		record = NULL;
		while ((record = mq_record_next(self->buffer, self->peek.used,
						record))) {
			ASSERT_LT(last, record->id);
			last = record->id;
			snprintf(text, sizeof(text), "m%llu", record->id);
			ASSERT_TRUE(mq_record_is(record, text));
			ASSERT_TRUE(record->state == DEVMQ_STATE_READY ||
				    record->state == DEVMQ_STATE_IN_FLIGHT);
			memcpy(&extra, record + 1, sizeof(extra));
			ASSERT_EQ(record->state == DEVMQ_STATE_IN_FLIGHT,
				  extra.holder_pid == getpid());
			ASSERT_EQ(record->state == DEVMQ_STATE_IN_FLIGHT,
				  extra.since_ns != 0);
		}
		rounds++;
	}
	__atomic_store_n(&consumer.stop, 1, __ATOMIC_RELAXED);
	pthread_join(consumer.thread, NULL);
	EXPECT_EQ(0, consumer.wrong);
}

/* -- what this open file holds --------------------------------------------- */

#define PEEK_HELD(fd) ({						\
	self->peek.flags = DEVMQ_PEEK_HELD;				\
	mq_ioctl(fd, DEVMQ_IOC_PEEK, &self->peek);			\
})

TEST_F(peek, held_are_those_of_this_file_alone)
{
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, mq_fill(self->fd, 6));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(other, "m2"));
	ASSERT_EQ(0, mq_get(self->fd, "m3"));
	ASSERT_EQ(0, mq_get(other, "m4"));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_TRUE(shows(self, (int []) { 1, 3, 0 }));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK_HELD(other));
	EXPECT_TRUE(shows(self, (int []) { 2, 4, 0 }));
	/* An open file that only looks holds nothing. */
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK_HELD(self->looker));
	EXPECT_EQ(0, self->peek.count);
	/*
	 * A settled message is not held any more, and looking has changed
	 * nothing.
	 */
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_TRUE(shows(self, (int []) { 3, 0 }));
	EXPECT_EQ(1, mq_held(self->fd));
	close(other);
}

TEST_F(peek, held_has_the_half_read_message)
{
	char byte;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	prepare(self, sizeof(self->buffer));
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 0 }));
	EXPECT_EQ(1, mq_read(self->fd, &byte, 1));
	EXPECT_EQ('2', byte);
}

TEST_F(peek, held_goes_on_behind_an_id)
{
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 3000));
	for (i = 0; i < 3000; i++)
		ASSERT_LT(0, mq_read(self->fd, self->buffer, 64));
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 2990;
	self->peek.max_count = 3;
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_TRUE(shows(self, (int []) { 2991, 2992, 2993, 0 }));
	prepare(self, sizeof(self->buffer));
	self->peek.after_id = 3000;
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_EQ(0, self->peek.count);
	prepare(self, sizeof(self->buffer));
	self->peek.max_count = 2;
	ASSERT_EQ(0, PEEK_HELD(self->fd));
	EXPECT_TRUE(shows(self, (int []) { 1, 2, 0 }));
}

TEST_F(peek, held_goes_without_states_and_other_flags)
{
	prepare(self, sizeof(self->buffer));
	self->peek.states = DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT);
	EXPECT_EQ(-EINVAL, PEEK_HELD(self->fd));
	prepare(self, sizeof(self->buffer));
	self->peek.flags = DEVMQ_PEEK_HELD << 1;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &self->peek));
	prepare(self, sizeof(self->buffer));
	self->peek.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &self->peek));
}

TEST_HARNESS_MAIN
