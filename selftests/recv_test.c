// SPDX-License-Identifier: GPL-2.0
/* RECV: the contents of records, their number, and waiting. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/sleep.h"
#include "helpers/thread.h"

FIXTURE(recv) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct mq_batch batch;
	struct devmq_recv recv;
	char buffer[65536];
};

FIXTURE_SETUP(recv)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("");
}

FIXTURE_TEARDOWN(recv)
{
	mq_batch_free(&self->batch);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

#define RECV()	mq_recv(self->fd, self->buffer, sizeof(self->buffer), \
			&self->recv)

static bool untouched(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] != (char)MQ_POISON)
			return false;
	return true;
}

/* Is this record the @i-th message of mq_fill(), counted from 1? */
static bool is_filled(struct devmq_record *record, unsigned int i)
{
	char text[32];

	snprintf(text, sizeof(text), "m%u", i);
	return record && mq_record_is(record, text);
}

/* -- contents -------------------------------------------------------------- */

TEST_F(recv, gives_all_that_is_ready_in_order)
{
	struct devmq_record *record = NULL;
	int i;

	ASSERT_EQ(0, mq_fill(self->fd, 50));
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(50, self->recv.count);
	EXPECT_EQ(50 * MQ_SMALL, self->recv.used);
	EXPECT_EQ(0, self->recv.need);
	for (i = 1; i <= 50; i++) {
		record = mq_record_next(self->buffer, self->recv.used, record);
		ASSERT_TRUE(is_filled(record, i));
		EXPECT_EQ(i, record->id);
		EXPECT_EQ(1, record->attempt);
		EXPECT_EQ(0, record->failures);
		EXPECT_EQ(DEVMQ_FAILURE_NONE, record->failure);
	}
	EXPECT_EQ(NULL, mq_record_next(self->buffer, self->recv.used, record));
	EXPECT_EQ(50, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(-EAGAIN, RECV());
}

TEST_F(recv, what_is_only_in_does_not_change)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 7;
	self->recv.deadline_ns = DEVMQ_FOREVER;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(sizeof(self->recv), self->recv.size);
	EXPECT_EQ(0, self->recv.flags);
	EXPECT_EQ((uintptr_t)self->buffer, self->recv.buffer);
	EXPECT_EQ(sizeof(self->buffer), self->recv.buffer_size);
	EXPECT_EQ(DEVMQ_FOREVER, self->recv.deadline_ns);
	EXPECT_EQ(0, self->recv.id);
	EXPECT_EQ(7, self->recv.max_count);
}

TEST_F(recv, every_byte_is_accounted_for)
{
	struct mq_batch expected = {};
	struct devmq_record *record, *want = NULL;
	char data[300], headers[100];
	unsigned int i, n, key, payload;
	size_t size;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	/* Use many sizes, so that the padding differs, too. */
	for (i = 0; i < sizeof(data); i++)
		data[i] = i | 1;
	for (n = 0; n < 100; n++) {
		key = n * 7 % 19;
		size = n % 3 ? mq_header_put(headers, "name", data, n % 11) : 0;
		payload = n * 5 % 83;
		mq_batch_add_full(&self->batch, data, key, headers, size, data,
				  payload);
		mq_batch_add_full(&expected, data, key, headers, size, data,
				  payload);
	}
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     NULL));
	ASSERT_EQ(0, RECV());
	ASSERT_EQ(100, self->recv.count);
	ASSERT_EQ(DEVMQ_ALIGN(expected.size), self->recv.used);

	/* Fill in the expected stamps, and zero the expected padding. */
	record = NULL;
	for (n = 0; n < 100; n++) {
		char *end;
		size_t used;

		record = mq_record_next(self->buffer, self->recv.used, record);
		ASSERT_NE(NULL, record);
		want = mq_record_next(expected.data, DEVMQ_ALIGN(expected.size),
				      want);
		ASSERT_NE(NULL, want);
		want->id = n + 1;
		want->time_ns = record->time_ns;
		want->uid = getuid();
		want->gid = getgid();
		want->pid = getpid();
		want->attempt = 1;
		want->state = record->state;
		used = sizeof(*want) + want->key_size + want->headers_size;
		memset((char *)want + used, 0,
		       DEVMQ_RECORD_PAYLOAD(want) - used);
		end = (char *)want + want->size;
		memset(end, 0, DEVMQ_RECORD_STEP(want->size) - want->size);
		EXPECT_EQ(want->size, record->size);
		EXPECT_EQ(0, memcmp(want, record,
				    DEVMQ_RECORD_STEP(want->size))) {
			TH_LOG("record %u differs", n);
		}
	}
	EXPECT_TRUE(untouched(self->buffer + self->recv.used,
			      sizeof(self->buffer) - self->recv.used));
	mq_batch_free(&expected);
}

/*
 * While a message is stored, the kernel uses some members of its record for
 * other purposes. Receivers must never see these uses, however often the
 * message is delivered and comes back.
 */
static void check_comes_back(struct __test_metadata *_metadata,
			     FIXTURE_DATA(recv) *self, const char *options,
			     unsigned int ttl)
{
	struct devmq_record *record, peeked;
	unsigned int round, i;

	MQ_REOPEN_QUEUE(options);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	for (i = 1; i <= 40; i++) {
		record = mq_batch_add_full(&self->batch, "key", i % 4, NULL, 0,
					   "payload", i % 8);
		record->ttl_ns = ttl * 1000000000ULL;
	}
	ASSERT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size,
			     NULL));
	for (round = 1; round <= 4; round++) {
		ASSERT_EQ(0, RECV());
		ASSERT_EQ(40, self->recv.count);
		record = NULL;
		for (i = 1; i <= 40; i++) {
			record = mq_record_next(self->buffer, self->recv.used,
						record);
			ASSERT_NE(NULL, record);
			EXPECT_EQ(i, record->id);
			EXPECT_EQ(0, record->flags);
			EXPECT_EQ(0, record->delay_ns);
			EXPECT_EQ(0, record->ttl_ns);
			EXPECT_EQ(getuid(), record->uid);
			EXPECT_EQ(getgid(), record->gid);
			EXPECT_EQ(getpid(), record->pid);
			EXPECT_EQ(1, record->attempt);
			EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record->state);
			EXPECT_EQ(0, record->extra_size);
			EXPECT_EQ(0, record->dedup_size);
			EXPECT_EQ(i % 4, record->key_size);
			EXPECT_EQ(i % 8, mq_record_payload_size(record));
			ASSERT_EQ(0, mq_peek_id(&self->queue, i, &peeked));
			EXPECT_EQ(getuid(), peeked.uid);
			EXPECT_EQ(getpid(), peeked.pid);
			EXPECT_EQ(0, peeked.delay_ns);
			EXPECT_EQ(0, peeked.ttl_ns);
		}
		ASSERT_EQ(40, mq_settle(self->fd, 1, 40, DEVMQ_ACTION_RELEASE));
	}
	EXPECT_EQ(40, mq_purge(self->fd, 0, 0));
	mq_batch_free(&self->batch);
}

TEST_F(recv, record_that_comes_back_is_the_same)
{
	check_comes_back(_metadata, self, "ack=manual", 0);
	check_comes_back(_metadata, self, "ack=manual lease_ms=600000", 0);
	check_comes_back(_metadata, self, "ack=manual ttl_ms=600000", 0);
	check_comes_back(_metadata, self, "ack=manual", 600);
}

/* Messages of different senders do not lie next to each other in memory. */
TEST_F(recv, records_of_many_open_files_come_in_their_order)
{
	struct devmq_record *record = NULL;
	unsigned int i;
	char text[32];
	int fds[7];

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = mq_open(&self->queue, O_WRONLY);
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "%*u", i % 23 + 1, i);
		ASSERT_EQ(strlen(text), mq_write(fds[i * i % ARRAY_SIZE(fds)],
						 text, strlen(text)));
	}
	for (i = 0; i < 700; i++) {
		if (!record) {
			ASSERT_EQ(0, RECV());
			record = mq_record_next(self->buffer, self->recv.used,
						NULL);
		}
		snprintf(text, sizeof(text), "%*u", i % 23 + 1, i);
		ASSERT_EQ(i + 1, record->id);
		ASSERT_TRUE(mq_record_is(record, text));
		record = mq_record_next(self->buffer, self->recv.used, record);
	}
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/*
 * The buffer becomes unwritable in the middle of a run of messages: those
 * copied before are whole, the others stay in the queue.
 */
TEST_F(recv, unreadable_end_of_a_buffer_cuts_a_run)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct devmq_record *record = NULL;
	unsigned int i, got;
	char *map;

	ASSERT_EQ(0, mq_fill(self->fd, 100));
	map = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	mq_recv_init(&self->recv, map, 3 * page);
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	got = page / MQ_SMALL;
	EXPECT_EQ(got, self->recv.count);
	EXPECT_EQ(got * MQ_SMALL, self->recv.used);
	EXPECT_EQ(100 - got, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(got, mq_stat_of(&self->queue, acked));
	munmap(map, 3 * page);
	ASSERT_EQ(0, RECV());
	ASSERT_EQ(100 - got, self->recv.count);
	for (i = got + 1; i <= 100; i++) {
		record = mq_record_next(self->buffer, self->recv.used, record);
		ASSERT_TRUE(is_filled(record, i));
		EXPECT_EQ(getpid(), record->pid);
		EXPECT_EQ(1, record->attempt);
	}
}

TEST_F(recv, padding_is_zero_also_in_memory_that_was_used_before)
{
	struct devmq_record *record;
	unsigned int round, i, size;
	char secret[64];
	size_t end;

	/*
	 * Messages of 16 bytes are followed by shorter ones, with padding, in
	 * the same memory.
	 */
	memset(secret, 'S', sizeof(secret));
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 100; i++)
			ASSERT_EQ(16, mq_write(self->fd, secret, 16));
		for (i = 0; i < 100; i++)
			ASSERT_EQ(16, mq_read(self->fd, self->buffer, 16));
		for (i = 0; i < 100; i++) {
			size = 9 + i % 7;
			ASSERT_EQ(size, mq_write(self->fd, secret, size));
		}
		ASSERT_EQ(0, RECV());
		ASSERT_EQ(100, self->recv.count);
		record = NULL;
		for (i = 0; i < 100; i++) {
			record = mq_record_next(self->buffer, self->recv.used,
						record);
			ASSERT_NE(NULL, record);
			ASSERT_EQ(9 + i % 7, mq_record_payload_size(record));
			for (end = record->size;
			     end < DEVMQ_RECORD_STEP(record->size); end++)
				ASSERT_EQ(0, ((char *)record)[end]);
		}
	}
}

TEST_F(recv, state_of_what_is_held_is_in_flight)
{
	struct devmq_record *record = (void *)self->buffer;

	MQ_REOPEN_QUEUE("ack=manual");
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(DEVMQ_STATE_IN_FLIGHT, record->state);
}

TEST_F(recv, attempt_and_failure_are_told_after_a_crash)
{
	struct devmq_record *record = (void *)self->buffer;
	int other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	int i;
	char byte;

	ASSERT_LE(0, other);
	ASSERT_EQ(5, mq_put(self->fd, "hello"));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(1, mq_read(other, &byte, 1));
		close(other);
		other = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, other);
	}
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(1, record->id);
	EXPECT_EQ(4, record->attempt);
	EXPECT_EQ(3, record->failures);
	EXPECT_EQ(DEVMQ_FAILURE_CRASH, record->failure);
	EXPECT_TRUE(mq_record_is(record, "hello"));
}

/* -- number of records ----------------------------------------------------- */

TEST_F(recv, max_count_is_obeyed)
{
	struct devmq_record *record;
	unsigned int max;
	int next = 1;

	ASSERT_EQ(0, mq_fill(self->fd, 20));
	for (max = 1; max <= 4; max++) {
		memset(self->buffer, MQ_POISON, sizeof(self->buffer));
		mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
		self->recv.max_count = max;
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
		EXPECT_EQ(max, self->recv.count);
		EXPECT_EQ(max * MQ_SMALL, self->recv.used);
		record = (void *)self->buffer;
		EXPECT_EQ(next, record->id);
		EXPECT_TRUE(untouched(self->buffer + self->recv.used, 1000));
		next += max;
	}
	EXPECT_EQ(10, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(10, mq_stat_of(&self->queue, ready));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 0xffffffff;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(10, self->recv.count);
}

TEST_F(recv, as_many_as_fit_and_the_rest_stays)
{
	struct devmq_record *record;
	unsigned int space, fit;

	ASSERT_EQ(0, mq_fill(self->fd, 9));
	/* Space for three records, and sometimes a little more. */
	for (space = 3 * MQ_SMALL; space < 4 * MQ_SMALL; space += 32) {
		fit = space / MQ_SMALL;
		memset(self->buffer, MQ_POISON, sizeof(self->buffer));
		mq_recv_init(&self->recv, self->buffer, space);
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
		EXPECT_EQ(fit, self->recv.count);
		EXPECT_EQ(fit * MQ_SMALL, self->recv.used);
		EXPECT_EQ(0, self->recv.need);
		EXPECT_TRUE(untouched(self->buffer + space, 1000));
	}
	EXPECT_EQ(9, mq_stat_of(&self->queue, acked));
	record = (void *)self->buffer;
	EXPECT_EQ(7, record->id);
}

TEST_F(recv, buffer_too_small_for_the_first_is_emsgsize_with_need)
{
	struct devmq_record record;
	char data[1000] = {};
	__u64 need;

	ASSERT_EQ(1000, mq_write(self->fd, data, 1000));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	memset(self->buffer, MQ_POISON, sizeof(self->buffer));
	mq_recv_init(&self->recv, self->buffer, 500);
	EXPECT_EQ(-EMSGSIZE, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(sizeof(record) + 1000, self->recv.need);
	EXPECT_TRUE(untouched(self->buffer, sizeof(self->buffer)));
	need = self->recv.need;

	/* The message stays in the queue, unchanged. */
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_READY, record.state);
	EXPECT_EQ(0, record.attempt);
	EXPECT_EQ(0, mq_stat_of(&self->queue, delivered));

	mq_recv_init(&self->recv, self->buffer, need - 1);
	EXPECT_EQ(-EMSGSIZE, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	mq_recv_init(&self->recv, self->buffer, 0);
	EXPECT_EQ(-EMSGSIZE, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(need, self->recv.need);
	mq_recv_init(&self->recv, self->buffer, need);
	EXPECT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(0, self->recv.need);
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

TEST_F(recv, need_is_enough_for_all_sizes)
{
	char data[64] = {}, headers[64];
	unsigned int n;
	size_t size;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	for (n = 0; n < 60; n++) {
		mq_batch_free(&self->batch);
		size = n % 2 ? mq_header_put(headers, "n", data, n % 7) : 0;
		mq_batch_add_full(&self->batch, data, n % 13, headers, size,
				  data, n % 17);
		ASSERT_EQ(0, mq_send(self->fd, self->batch.data,
				     self->batch.size, NULL));
		mq_recv_init(&self->recv, self->buffer, 8);
		ASSERT_EQ(-EMSGSIZE, mq_ioctl(self->fd, DEVMQ_IOC_RECV,
					      &self->recv));
		ASSERT_LE(self->batch.size, self->recv.need);
		ASSERT_GE(DEVMQ_ALIGN(self->batch.size), self->recv.need);
		mq_recv_init(&self->recv, self->buffer, self->recv.need);
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
		ASSERT_EQ(1, self->recv.count);
	}
}

TEST_F(recv, buffer_too_small_on_an_empty_queue_is_eagain)
{
	mq_recv_init(&self->recv, self->buffer, 0);
	EXPECT_EQ(-EAGAIN, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
}

TEST_F(recv, larger_second_record_ends_the_batch)
{
	char data[1000] = {};

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(1000, mq_write(self->fd, data, 1000));
	ASSERT_EQ(1, mq_put(self->fd, "x"));
	mq_recv_init(&self->recv, self->buffer, 500);
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(2, self->recv.count);
	EXPECT_EQ(0, self->recv.need);
	EXPECT_EQ(2, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(1000, mq_read(self->fd, self->buffer, 2000));
	EXPECT_EQ(0, mq_get(self->fd, "x"));
}

TEST_F(recv, thousands_come_in_few_calls)
{
	struct devmq_record *record = NULL;
	char *buffer = malloc(1 << 20);
	int next = 1, total = 3 * DEVMQ_BATCH_MAX + 5, left;

	ASSERT_EQ(0, mq_fill_fast(self->fd, total));
	while (next <= total) {
		left = total + 1 - next;
		ASSERT_EQ(0, mq_recv(self->fd, buffer, 1 << 20, &self->recv));
		ASSERT_EQ(left < DEVMQ_BATCH_MAX ? left : DEVMQ_BATCH_MAX,
			  self->recv.count);
		record = NULL;
		while ((record = mq_record_next(buffer, self->recv.used,
						record))) {
			ASSERT_TRUE(is_filled(record, next));
			ASSERT_EQ(next, record->id);
			next++;
		}
	}
	EXPECT_EQ(total, mq_stat_of(&self->queue, acked));
}

TEST_F(recv, large_payload_comes_whole)
{
	char *data = malloc(1 << 20), *buffer = malloc(2 << 20);
	struct devmq_record *record;
	unsigned int i;

	for (i = 0; i < 1 << 20; i++)
		data[i] = i * 7 + (i >> 8);
	ASSERT_EQ(1 << 20, mq_write(self->fd, data, 1 << 20));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 2 << 20, &self->recv));
	ASSERT_EQ(1, self->recv.count);
	record = (void *)buffer;
	ASSERT_EQ(1 << 20, mq_record_payload_size(record));
	EXPECT_EQ(0, memcmp(data, mq_record_payload(record), 1 << 20));
}

/* -- bad buffers ----------------------------------------------------------- */

TEST_F(recv, unwritable_first_record_is_efault_and_stays)
{
	char *edge = mq_edge();
	struct devmq_record record;
	size_t inside;

	ASSERT_EQ(4, mq_put(self->fd, "1234"));
	mq_recv_init(&self->recv, NULL, 1000);
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	mq_recv_init(&self->recv, MQ_BAD_POINTER, 1000);
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	for (inside = 0; inside < sizeof(record) + 4; inside += 3) {
		mq_recv_init(&self->recv, edge - inside, 1000);
		EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_RECV,
					    &self->recv)) {
			TH_LOG("%zu bytes inside", inside);
		}
	}
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(DEVMQ_STATE_READY, record.state);
	EXPECT_EQ(0, record.attempt);
	EXPECT_EQ(0, record.failures);
	EXPECT_EQ(0, mq_get(self->fd, "1234"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));
}

TEST_F(recv, unwritable_later_record_ends_the_batch_and_stays)
{
	struct devmq_record record;
	char *edge = mq_edge();
	size_t inside;
	int i, next = 1;

	ASSERT_EQ(0, mq_fill(self->fd, 60));
	/* The first record fits, and a varying part of the second one. */
	for (inside = MQ_SMALL; inside < 2 * MQ_SMALL - 6; inside += 9) {
		mq_recv_init(&self->recv, edge - inside, 10000);
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv)) {
			TH_LOG("%zu bytes inside", inside);
		}
		ASSERT_EQ(1, self->recv.count);
		ASSERT_EQ(MQ_SMALL, self->recv.used);
		memcpy(&record, edge - inside, sizeof(record));
		ASSERT_EQ(next, record.id);
		next++;
		ASSERT_EQ(0, mq_peek_id(&self->queue, next, &record));
		ASSERT_EQ(DEVMQ_STATE_READY, record.state);
		ASSERT_EQ(0, record.attempt);
	}
	EXPECT_EQ(next - 1, mq_stat_of(&self->queue, acked));
	EXPECT_EQ(0, mq_stat_of(&self->queue, in_flight));
	for (i = next; i <= 60; i++) {
		char text[16];

		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, redelivered));
}

TEST_F(recv, unwritable_later_record_of_a_large_batch_loses_nothing)
{
	struct devmq_recv recv;
	char *edge = mq_edge();
	int total = 0, rounds = 0;

	/*
	 * The buffer ends in the middle of a portion, however large portions
	 * are.
	 */
	ASSERT_EQ(0, mq_fill_fast(self->fd, 1000));
	while (total < 1000 && rounds++ < 1000) {
		mq_recv_init(&recv, edge - 100 * MQ_SMALL - 50, 1 << 20);
		ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &recv));
		ASSERT_LT(0, recv.count);
		ASSERT_GE(100, recv.count);
		total += recv.count;
		ASSERT_EQ(total, mq_stat_of(&self->queue, acked));
		ASSERT_EQ(1000 - total, mq_stat_of(&self->queue, ready));
	}
	EXPECT_EQ(1000, total);
}

TEST_F(recv, buffer_size_may_be_larger_than_memory)
{
	char *edge = mq_edge();

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	mq_recv_init(&self->recv, edge - 2 * MQ_SMALL, 1ULL << 40);
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(2, self->recv.count);
}

TEST_F(recv, buffer_size_that_wraps_does_no_harm)
{
	int error;

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	mq_recv_init(&self->recv, self->buffer, ~0ULL);
	error = mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv);
	EXPECT_TRUE((!error && self->recv.count == 2) || error == -EFAULT ||
		    error == -EINVAL);
	EXPECT_EQ(error ? 2 : 0, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(error ? 0 : 2, mq_stat_of(&self->queue, acked));
}

/* -- waiting --------------------------------------------------------------- */

static void recv_until(struct devmq_recv *recv, char *buffer, uint64_t deadline)
{
	memset(buffer, MQ_POISON, 1024);
	mq_recv_init(recv, buffer, 1024);
	recv->deadline_ns = deadline;
}

TEST_F(recv, deadline_zero_does_not_wait)
{
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	recv_until(&self->recv, self->buffer, 0);
	EXPECT_EQ(-EAGAIN, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_TRUE(untouched(self->buffer, 1024));
}

TEST_F(recv, nonblocking_descriptor_does_not_wait_either)
{
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	EXPECT_EQ(-EAGAIN, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	recv_until(&self->recv, self->buffer, mq_now_ns() + 60000000000ULL);
	EXPECT_EQ(-EAGAIN, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
}

TEST_F(recv, deadline_that_passes_is_etimedout)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	uint64_t deadline;

	ASSERT_LE(0, fd);
	deadline = mq_now_ns() + 50000000;
	recv_until(&self->recv, self->buffer, deadline);
	EXPECT_EQ(-ETIMEDOUT, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_LE(deadline, mq_now_ns());
	EXPECT_TRUE(untouched(self->buffer, 1024));
}

TEST_F(recv, deadline_that_has_passed_is_etimedout_unless_something_is_ready)
{
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	recv_until(&self->recv, self->buffer, 1);
	EXPECT_EQ(-ETIMEDOUT, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	recv_until(&self->recv, self->buffer, mq_now_ns());
	EXPECT_EQ(-ETIMEDOUT, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	recv_until(&self->recv, self->buffer, 1);
	EXPECT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.count);
}

TEST_F(recv, waits_for_ever_if_told_so)
{
	static const uint64_t deadlines[] = {
		DEVMQ_FOREVER, DEVMQ_FOREVER - 1, 1ULL << 63, ~0ULL >> 1,
	};
	struct mq_call call;
	unsigned int i;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		recv_until(&self->recv, self->buffer, deadlines[i]);
		ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV,
					    &self->recv));
		ASSERT_TRUE(mq_call_sleeps(&call)) {
			TH_LOG("deadline %llx: %ld",
			       (unsigned long long)deadlines[i], call.result);
		}
		ASSERT_EQ(0, mq_fill(self->fd, 1));
		EXPECT_EQ(0, mq_call_result(&call));
		EXPECT_EQ(1, self->recv.count);
	}
}

TEST_F(recv, message_before_the_deadline_ends_the_wait)
{
	struct mq_call call;
	uint64_t deadline = mq_now_ns() + 600000000000ULL;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	recv_until(&self->recv, self->buffer, deadline);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_TRUE(is_filled((void *)self->buffer, 1));
	EXPECT_GT(deadline, mq_now_ns());
}

TEST_F(recv, signal_ends_the_wait_with_eintr)
{
	static const uint64_t waits[] = { DEVMQ_FOREVER, 600000000000ULL };
	struct devmq_recv before;
	struct mq_call call;
	unsigned int i;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(0));
	for (i = 0; i < 2; i++) {
		recv_until(&self->recv, self->buffer, waits[i] == DEVMQ_FOREVER ?
			   DEVMQ_FOREVER : mq_now_ns() + waits[i]);
		before = self->recv;
		ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV,
					    &self->recv));
		ASSERT_TRUE(mq_call_sleeps(&call));
		ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
		EXPECT_EQ(-EINTR, mq_call_result(&call));
		EXPECT_EQ(0, memcmp(&before, &self->recv, sizeof(before)));
	}
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
}

TEST_F(recv, restarted_wait_keeps_its_deadline)
{
	struct mq_call call;
	uint64_t deadline;
	int i, fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	deadline = mq_now_ns() + 300000000;
	recv_until(&self->recv, self->buffer, deadline);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	for (i = 0; i < 5 && !mq_call_done(&call); i++) {
		pthread_kill(call.thread, SIGUSR1);
		mq_sleep_ms(10);
	}
	EXPECT_EQ(-ETIMEDOUT, mq_call_result(&call));
	EXPECT_LE(deadline, mq_now_ns());
}

TEST_F(recv, restarted_wait_gets_its_message)
{
	struct mq_call call;
	int fd = mq_open(&self->queue, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_catch_signal(SA_RESTART));
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_TRUE(mq_call_outlasts(&call, SIGUSR1));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.count);
}

/* -- end of file, and mixing with read(2) ---------------------------------- */

TEST_F(recv, eof_empty_is_a_count_of_zero)
{
	int fd;

	MQ_REOPEN_QUEUE("eof=empty");
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	ASSERT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(1, self->recv.count);
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	ASSERT_EQ(0, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(0, self->recv.count);
	EXPECT_EQ(0, self->recv.used);
	EXPECT_EQ(0, self->recv.need);
	EXPECT_TRUE(untouched(self->buffer, 1024));
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(0, self->recv.count);
}

TEST_F(recv, eof_hangup_is_a_count_of_zero_when_no_writer_is_left)
{
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("eof=hangup");
	close(self->fd);
	MQ_OPEN(fd, O_WRONLY);
	fd = mq_open(&self->queue, O_RDONLY);
	ASSERT_LE(0, fd);
	recv_until(&self->recv, self->buffer, 0);
	EXPECT_EQ(-EAGAIN, mq_ioctl(fd, DEVMQ_IOC_RECV, &self->recv));
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_TRUE(mq_call_sleeps(&call));
	close(self->fd);
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(0, self->recv.count);
	EXPECT_EQ(0, self->recv.used);
}

TEST_F(recv, empty_message_is_a_record)
{
	MQ_REOPEN_QUEUE("eof=empty allow_empty=1");
	ASSERT_EQ(1, mq_send_one(self->fd, "", 0));
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(sizeof(struct devmq_record), self->recv.used);
}

TEST_F(recv, half_read_message_stays_with_read)
{
	struct devmq_record *record = (void *)self->buffer;
	char byte;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	ASSERT_EQ(0, RECV());
	EXPECT_EQ(1, self->recv.count);
	EXPECT_EQ(2, record->id);
	EXPECT_TRUE(mq_record_is(record, "second"));
	EXPECT_EQ(-EAGAIN, RECV());
	EXPECT_EQ(1, mq_stat_of(&self->queue, in_flight));
	EXPECT_EQ(0, mq_get(self->fd, "irst"));
	EXPECT_EQ(2, mq_stat_of(&self->queue, acked));
}

TEST_F(recv, half_read_message_does_not_keep_it_from_waiting)
{
	int fd = mq_open(&self->queue, O_RDONLY);
	struct mq_call call;
	char byte;

	ASSERT_LE(0, fd);
	ASSERT_EQ(5, mq_put(self->fd, "first"));
	ASSERT_EQ(1, mq_read(fd, &byte, 1));
	recv_until(&self->recv, self->buffer, DEVMQ_FOREVER);
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_RECV, &self->recv));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(6, mq_put(self->fd, "second"));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_EQ(1, self->recv.count);
	EXPECT_TRUE(mq_record_is((void *)self->buffer, "second"));
	EXPECT_EQ(0, mq_get(fd, "irst"));
}

TEST_F(recv, last_id_is_of_the_last_record)
{
	ASSERT_EQ(0, mq_fill(self->fd, 5));
	EXPECT_EQ(0, mq_last_id(self->fd));
	mq_recv_init(&self->recv, self->buffer, sizeof(self->buffer));
	self->recv.max_count = 3;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_RECV, &self->recv));
	EXPECT_EQ(3, mq_last_id(self->fd));
	ASSERT_EQ(0, mq_get(self->fd, "m4"));
	EXPECT_EQ(4, mq_last_id(self->fd));
}

TEST_F(recv, batches_of_two_threads_hold_every_message_once)
{
	static char buffers[4][1 << 16];
	struct devmq_recv recvs[4];
	struct mq_call calls[4];
	struct devmq_record *record;
	static char seen[2001];
	int i, j, got = 0;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 2000));
	while (got < 2000) {
		for (i = 0; i < 4; i++) {
			mq_recv_init(&recvs[i], buffers[i], 1 << 16);
			recvs[i].max_count = 100;
			ASSERT_EQ(0, mq_ioctl_start(&calls[i], self->fd,
						    DEVMQ_IOC_RECV, &recvs[i]));
		}
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, mq_call_result(&calls[i]));
			ASSERT_EQ(100, recvs[i].count);
			record = NULL;
			for (j = 0; j < 100; j++) {
				record = mq_record_next(buffers[i],
							recvs[i].used, record);
				ASSERT_NE(NULL, record);
				ASSERT_TRUE(is_filled(record, record->id));
				ASSERT_EQ(0, seen[record->id]++);
				got++;
			}
		}
	}
}

TEST_HARNESS_MAIN
