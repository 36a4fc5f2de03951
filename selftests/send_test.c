// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND: batches, the reasons why they end early, and waiting for
 * room.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/thread.h"
#include "fixtures/send.h"

/* -- good batches ---------------------------------------------------------- */

TEST_F(send, one_record_is_one_message)
{
	mq_batch_add(&self->batch, "hello");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(sizeof(self->send), self->send.size);
	EXPECT_EQ(0, self->send.flags);
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(1, self->send.last_id);
	EXPECT_EQ((uintptr_t)self->batch.data, self->send.records);
	EXPECT_EQ(self->batch.size, self->send.records_size);
	EXPECT_EQ(0, mq_get(self->fd, "hello"));
}

TEST_F(send, batch_is_taken_in_order_with_ids_without_a_gap)
{
	char text[32];
	int i;

	ASSERT_EQ(5, mq_put(self->fd, "first"));
	for (i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%*d", i % 17 + 1, i);
		mq_batch_add(&self->batch, text);
	}
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(100, self->send.count);
	EXPECT_EQ(2, self->send.first_id);
	EXPECT_EQ(101, self->send.last_id);
	EXPECT_EQ(0, mq_get(self->fd, "first"));
	for (i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%*d", i % 17 + 1, i);
		EXPECT_EQ(0, mq_get(self->fd, text));
	}
	EXPECT_EQ(102, mq_send_one(self->fd, "next", 4));
}

TEST_F(send, batch_is_taken_up_to_the_most_that_one_call_takes)
{
	int i, total = 5 * DEVMQ_BATCH_MAX + 100, done = 0;
	size_t place = 0, step;
	char text[32];

	for (i = 0; i < total; i++) {
		snprintf(text, sizeof(text), "message %d", i);
		mq_batch_add(&self->batch, text);
	}
	/*
	 * Send the rest in further calls, each from where the last one stopped.
	 */
	while (done < total) {
		ASSERT_EQ(0, mq_send(self->fd, self->batch.data + place,
				     self->batch.size - place, &self->send));
		ASSERT_EQ(total - done < DEVMQ_BATCH_MAX ? total - done :
			  DEVMQ_BATCH_MAX, self->send.count);
		EXPECT_EQ(done + 1, self->send.first_id);
		EXPECT_EQ(done + self->send.count, self->send.last_id);
		for (i = 0; i < self->send.count; i++) {
			step = *(__u32 *)(self->batch.data + place);
			place += DEVMQ_RECORD_STEP(step);
		}
		done += self->send.count;
	}
	EXPECT_EQ(total, mq_stat_of(&self->queue, ready));
	for (i = 0; i < total; i++) {
		snprintf(text, sizeof(text), "message %d", i);
		ASSERT_EQ(0, mq_get(self->fd, text));
	}
}

TEST_F(send, batch_of_large_records)
{
	char *data = malloc(300000), *got = malloc(300000);
	size_t sizes[] = { 300000, 1, 65536, 4096, 200001, 0, 131072 };
	unsigned int i, j;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	for (j = 0; j < 300000; j++)
		data[j] = j * 13 + (j >> 8);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, data + i,
				  sizes[i] - (sizes[i] > i ? i : 0));
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(ARRAY_SIZE(sizes), self->send.count);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i] - (sizes[i] > i ? i : 0);

		ASSERT_EQ(size, mq_read(self->fd, got, 300000));
		EXPECT_EQ(0, memcmp(data + i, got, size));
	}
}

/*
 * The kernel reads records in pieces of some KiB: here a record ends exactly
 * where a piece does.
 */
TEST_F(send, records_that_end_where_a_power_of_two_does)
{
	char data[DEVMQ_ALIGN(1) * 7];
	int i;

	memset(data, 'x', sizeof(data));
	ASSERT_EQ(128, sizeof(struct devmq_record) + sizeof(data));
	for (i = 0; i < 512; i++) {
		data[0] = i;
		data[1] = i >> 8;
		mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, data,
				  sizeof(data));
	}
	for (i = 0; i < 512; i += self->send.count)
		ASSERT_EQ(0, mq_send(self->fd, self->batch.data + i * 128,
				     self->batch.size - i * 128, &self->send));
	for (i = 0; i < 512; i++) {
		ASSERT_EQ(sizeof(data), read(self->fd, data, sizeof(data)));
		EXPECT_EQ((char)i, data[0]);
		EXPECT_EQ((char)(i >> 8), data[1]);
	}
}

TEST_F(send, ids_of_write_and_send_are_one_sequence)
{
	EXPECT_EQ(1, mq_send_one(self->fd, "a", 1));
	ASSERT_EQ(1, mq_put(self->fd, "b"));
	EXPECT_EQ(3, mq_send_one(self->fd, "c", 1));
	ASSERT_EQ(0, mq_get(self->fd, "a"));
	ASSERT_EQ(0, mq_get(self->fd, "b"));
	ASSERT_EQ(0, mq_get(self->fd, "c"));
	EXPECT_EQ(4, mq_send_one(self->fd, "d", 1));
}

TEST_F(send, bytes_left_over_behind_the_last_record_are_allowed)
{
	unsigned int over;
	size_t size;

	mq_batch_add(&self->batch, "12345678");
	size = self->batch.size;
	ASSERT_EQ(0, size % 8);
	for (over = 0; over < 8; over++) {
		EXPECT_EQ(0, mq_send(self->fd, self->batch.data, size + over,
				     &self->send)) {
			TH_LOG("%u bytes over", over);
		}
		EXPECT_EQ(1, self->send.count);
	}
	EXPECT_EQ(8, mq_stat_of(&self->queue, sent));
}

TEST_F(send, last_record_needs_no_padding)
{
	char *edge = mq_edge();
	unsigned int i;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	/* The last record ends exactly where the mapped memory ends. */
	for (i = 0; i < 9; i++) {
		mq_batch_free(&self->batch);
		mq_batch_add(&self->batch, "a");
		mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, "12345678",
				  i);
		memcpy(edge - self->batch.size, self->batch.data,
		       self->batch.size);
		EXPECT_EQ(0, mq_send(self->fd, edge - self->batch.size,
				     self->batch.size, &self->send));
		EXPECT_EQ(2, self->send.count);
	}
}

TEST_F(send, empty_payload_is_a_message)
{
	struct devmq_recv recv;
	struct devmq_record *record = (void *)self->buffer;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, NULL, 0);
	mq_batch_add_full(&self->batch, "key", 3, NULL, 0, NULL, 0);
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(2, self->send.count);
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, sizeof(self->buffer),
			     &recv));
	ASSERT_EQ(2, recv.count);
	EXPECT_EQ(sizeof(*record), record->size);
	EXPECT_EQ(0, mq_record_payload_size(record));
	record = mq_record_next(self->buffer, recv.used, record);
	ASSERT_NE(NULL, record);
	EXPECT_EQ(3, record->key_size);
	EXPECT_EQ(0, memcmp(record + 1, "key", 3));
	EXPECT_EQ(0, mq_record_payload_size(record));
}

TEST_F(send, empty_payload_is_einval_unless_it_is_allowed)
{
	mq_batch_add_full(&self->batch, NULL, 0, NULL, 0, NULL, 0);
	EXPECT_REFUSED(-EINVAL);
	/* A record with a key but no payload is refused as well. */
	mq_batch_free(&self->batch);
	mq_batch_add_full(&self->batch, "key", 3, NULL, 0, NULL, 0);
	EXPECT_REFUSED(-EINVAL);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	EXPECT_EQ(0, SEND());
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "0"));
	EXPECT_EQ(-EINVAL, SEND());
	EXPECT_EQ(1, mq_stat_of(&self->queue, ready));
}

TEST_F(send, empty_payload_ends_a_batch)
{
	int i, before;

	/*
	 * Send the empty record behind others, which ends the batch, and then
	 * as the first one, which is refused.
	 */
	for (before = 1; before < 5; before++) {
		mq_batch_free(&self->batch);
		for (i = 0; i < before; i++)
			mq_batch_add(&self->batch, "x");
		mq_batch_add(&self->batch, "");
		mq_batch_add(&self->batch, "y");
		ASSERT_EQ(0, SEND());
		EXPECT_EQ(before, self->send.count);
		EXPECT_EQ(-EINVAL, mq_send(self->fd, self->batch.data +
					   before * MQ_SMALL, self->batch.size -
					   before * MQ_SMALL, NULL));
	}
	EXPECT_EQ(1 + 2 + 3 + 4, mq_stat_of(&self->queue, sent));
}

TEST_F(send, write_of_nothing_is_no_message_where_empty_ones_are_allowed)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	EXPECT_EQ(0, mq_write(self->fd, "", 0));
	EXPECT_EQ(0, writev(self->fd, &(struct iovec) { "", 0 }, 1));
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(send, key_and_headers_and_payload_arrive_byte_for_byte)
{
	char key[DEVMQ_KEY_MAX], headers[512], payload[300];
	struct devmq_record *record;
	struct devmq_recv recv;
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = 255 - i;
	size += mq_header_put(headers + size, "content-type", "text/plain", 10);
	size += mq_header_put(headers + size, "empty", "", 0);
	size += mq_header_put(headers + size, "twice", "\0\n=", 3);
	size += mq_header_put(headers + size, "twice", "again", 5);
	size += mq_header_put(headers + size, "!\"#$%&'()*+,-./:;<>?@[]^_`{|}~",
			      "odd", 3);
	mq_batch_add_full(&self->batch, key, sizeof(key), headers, size,
			  payload, sizeof(payload));
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(sizeof(key) + size + sizeof(payload),
		  mq_stat_of(&self->queue, bytes));
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, sizeof(self->buffer),
			     &recv));
	ASSERT_EQ(1, recv.count);
	record = mq_record_next(self->buffer, recv.used, NULL);
	ASSERT_NE(NULL, record);
	EXPECT_EQ(sizeof(key), record->key_size);
	EXPECT_EQ(size, record->headers_size);
	EXPECT_EQ(0, record->dedup_size);
	EXPECT_EQ(0, memcmp(record + 1, key, sizeof(key)));
	EXPECT_EQ(0, memcmp((char *)(record + 1) + sizeof(key), headers, size));
	EXPECT_EQ(sizeof(payload), mq_record_payload_size(record));
	EXPECT_EQ(0, memcmp(mq_record_payload(record), payload,
			    sizeof(payload)));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(send, read_gives_the_payload_without_key_and_headers)
{
	char headers[64];
	size_t size = mq_header_put(headers, "type", "x", 1);

	mq_batch_add_full(&self->batch, "key", 3, headers, size, "payload", 7);
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(7, mq_fionread(self->fd));
	EXPECT_EQ(0, mq_get(self->fd, "payload"));
}

TEST_F(send, headers_up_to_65535_bytes_work)
{
	char *headers = malloc(70000), *value = malloc(70000);
	struct devmq_record *record;
	struct devmq_recv recv;
	char *buffer = malloc(100000);
	size_t size = 0;

	memset(value, 'v', 70000);
	size += mq_header_put(headers + size, "a", value, 60000);
	size += mq_header_put(headers + size, "b", value, 65535 - size - 5);
	ASSERT_EQ(65535, size);
	mq_batch_add_full(&self->batch, NULL, 0, headers, size, "x", 1);
	ASSERT_EQ(0, SEND());
	ASSERT_EQ(0, mq_recv(self->fd, buffer, 100000, &recv));
	ASSERT_EQ(1, recv.count);
	record = (void *)buffer;
	EXPECT_EQ(65535, record->headers_size);
	EXPECT_EQ(0, memcmp(record + 1, headers, 65535));
	EXPECT_TRUE(mq_record_is(record, "x"));
}

TEST_F(send, header_name_of_255_bytes_works)
{
	char headers[512], name[257];
	size_t size;

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	size = mq_header_put(headers, name, "v", 1);
	mq_batch_add_full(&self->batch, NULL, 0, headers, size, "x", 1);
	EXPECT_EQ(0, SEND());
	EXPECT_EQ(1, self->send.count);
}

/* -- batches that end early ------------------------------------------------ */

TEST_F(send, malformed_record_ends_the_batch_before_it)
{
	struct devmq_record *record;
	size_t third = 0;
	int i;

	for (i = 0; i < 5; i++) {
		if (i == 2)
			third = DEVMQ_ALIGN(self->batch.size);
		mq_batch_add(&self->batch, "x");
	}
	record = (void *)(self->batch.data + third);
	record->uid = 1;
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(2, self->send.last_id);
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(-EINVAL, mq_send(self->fd, record, self->batch.size - third,
				   &self->send));
	record->uid = 0;
	ASSERT_EQ(0, mq_send(self->fd, record, self->batch.size - third,
			     &self->send));
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(3, self->send.first_id);
	EXPECT_EQ(5, self->send.last_id);
}

TEST_F(send, rubbish_behind_good_records_ends_the_batch)
{
	mq_batch_add(&self->batch, "12345678");
	EXPECT_EQ(0, mq_send(self->fd, self->batch.data, self->batch.size + 8,
			     &self->send));
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
}

TEST_F(send, unreadable_record_ends_the_batch_before_it)
{
	char *edge = mq_edge(), *start;

	mq_batch_add(&self->batch, "first");
	mq_batch_add(&self->batch, "second");
	mq_batch_add(&self->batch, "third");

	/*
	 * First none of the third record can be read, then only a part of it.
	 */
	start = edge - 2 * MQ_SMALL;
	memcpy(start, self->batch.data, 2 * MQ_SMALL);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	start -= 40;
	memcpy(start, self->batch.data, 2 * MQ_SMALL + 40);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	start = edge - (2 * MQ_SMALL + 74);
	memcpy(start, self->batch.data, 2 * MQ_SMALL + 74);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(6, self->send.last_id);
	EXPECT_EQ(-EFAULT, mq_send(self->fd, start + 2 * MQ_SMALL,
				   self->batch.size - 2 * MQ_SMALL, &self->send));
	EXPECT_EQ(6, mq_stat_of(&self->queue, sent));
}

TEST_F(send, unreadable_first_record_is_efault)
{
	char *edge = mq_edge();
	size_t inside;

	mq_batch_add(&self->batch, "12345678");
	EXPECT_EQ(-EFAULT, mq_send(self->fd, NULL, MQ_SMALL, &self->send));
	EXPECT_EQ(-EFAULT, mq_send(self->fd, MQ_BAD_POINTER, MQ_SMALL, &self->send));
	EXPECT_EQ(-EFAULT, mq_send(self->fd, (void *)-16L, MQ_SMALL, &self->send));
	for (inside = 1; inside < MQ_SMALL; inside++) {
		memcpy(edge - inside, self->batch.data, inside);
		EXPECT_EQ(-EFAULT, mq_send(self->fd, edge - inside, MQ_SMALL,
					   &self->send)) {
			TH_LOG("%zu readable bytes", inside);
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(send, full_queue_ends_the_batch_and_blocks_the_next)
{
	int i, fd;

	MQ_REOPEN_QUEUE("max_messages=3");
	for (i = 0; i < 5; i++)
		mq_batch_add(&self->batch, "x");
	/* A blocking descriptor does not wait for room for the rest either. */
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_send(fd, self->batch.data, self->batch.size,
			     &self->send));
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(3, self->send.last_id);
	EXPECT_EQ(-EAGAIN, SEND());
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(4, self->send.first_id);
	EXPECT_EQ(4, self->send.last_id);
}

TEST_F(send, queue_full_of_bytes_ends_the_batch)
{
	MQ_REOPEN_QUEUE("max_bytes=10");
	mq_batch_add(&self->batch, "1234");
	mq_batch_add(&self->batch, "1234");
	mq_batch_add(&self->batch, "123");
	mq_batch_add(&self->batch, "1");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(8, mq_stat_of(&self->queue, bytes));
}

TEST_F(send, rejecting_queue_ends_the_batch_with_enospc)
{
	int i;

	MQ_REOPEN_QUEUE("max_messages=3 overflow=reject");
	for (i = 0; i < 5; i++)
		mq_batch_add(&self->batch, "x");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(-ENOSPC, SEND());
	EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
}

TEST_F(send, drop_head_takes_the_whole_batch)
{
	MQ_REOPEN_QUEUE("max_messages=3 overflow=drop-head");
	mq_batch_add(&self->batch, "1");
	mq_batch_add(&self->batch, "2");
	mq_batch_add(&self->batch, "3");
	mq_batch_add(&self->batch, "4");
	mq_batch_add(&self->batch, "5");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(5, self->send.count);
	EXPECT_EQ(1, self->send.first_id);
	EXPECT_EQ(5, self->send.last_id);
	EXPECT_EQ(2, mq_stat_of(&self->queue, dropped));
	EXPECT_EQ(0, mq_get(self->fd, "3"));
	EXPECT_EQ(0, mq_get(self->fd, "4"));
	EXPECT_EQ(0, mq_get(self->fd, "5"));
}

TEST_F(send, record_that_could_never_fit_is_emsgsize)
{
	MQ_REOPEN_QUEUE("max_message_size=10");
	mq_batch_add(&self->batch, "1234567890");
	mq_batch_add(&self->batch, "12345678901");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(1, self->send.count);
	mq_batch_free(&self->batch);
	mq_batch_add(&self->batch, "12345678901");
	EXPECT_EQ(-EMSGSIZE, SEND());
	MQ_REOPEN_QUEUE("max_bytes=10");
	EXPECT_EQ(-EMSGSIZE, SEND());
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(send, key_and_headers_count_as_bytes)
{
	char headers[64];
	size_t size = mq_header_put(headers, "n", "v", 1);

	ASSERT_EQ(6, size);
	MQ_REOPEN_QUEUE("max_bytes=14");
	mq_batch_add_full(&self->batch, "key", 3, headers, size, "12345", 5);
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(14, mq_stat_of(&self->queue, bytes));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	ASSERT_EQ(0, mq_get(self->fd, "12345"));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
	mq_batch_free(&self->batch);
	mq_batch_add_full(&self->batch, "key", 3, headers, size, "123456", 6);
	EXPECT_EQ(-EMSGSIZE, SEND());
}

TEST_F(send, records_size_beyond_all_memory_does_no_harm)
{
	static const uint64_t sizes[] = {
		1ULL << 32, 1ULL << 47, 1ULL << 63, ~0ULL, ~0ULL - 7,
	};
	char *edge = mq_edge();
	struct devmq_send send;
	unsigned int i;
	int error;

	mq_batch_add(&self->batch, "12345678");
	memcpy(edge - MQ_SMALL, self->batch.data, MQ_SMALL);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(&send, 0, sizeof(send));
		send.size = sizeof(send);
		send.records = (uintptr_t)(edge - MQ_SMALL);
		send.records_size = sizes[i];
		error = mq_ioctl(self->fd, DEVMQ_IOC_SEND, &send);
		EXPECT_TRUE(error == -EINVAL || error == -EFAULT ||
			    (!error && send.count == 1)) {
			TH_LOG("size %llx: %d", (unsigned long long)sizes[i],
			       error);
		}
		EXPECT_EQ(error ? -EAGAIN : 8,
			  mq_read(self->fd, (char [16]) {}, 16));
	}
}

/* -- waiting --------------------------------------------------------------- */

TEST_F(send, waits_for_room_for_the_first_record)
{
	struct mq_call call;
	int i, fd;

	MQ_REOPEN_QUEUE("max_messages=2");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	for (i = 0; i < 3; i++)
		mq_batch_add(&self->batch, "x");
	memset(&self->send, 0, sizeof(self->send));
	self->send.size = sizeof(self->send);
	self->send.records = (uintptr_t)self->batch.data;
	self->send.records_size = self->batch.size;
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_SEND, &self->send));
	ASSERT_TRUE(mq_call_sleeps(&call));
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, mq_call_result(&call));
	EXPECT_LE(1, self->send.count);
	EXPECT_EQ(3, self->send.first_id);
	EXPECT_EQ(2 + self->send.count, self->send.last_id);
}

TEST_F(send, signal_ends_the_wait_with_eintr_and_nothing_sent)
{
	struct devmq_send send, before;
	struct mq_call call;
	int fd;

	MQ_REOPEN_QUEUE("max_messages=1");
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "a"));
	mq_batch_add(&self->batch, "b");
	memset(&send, 0, sizeof(send));
	send.size = sizeof(send);
	send.records = (uintptr_t)self->batch.data;
	send.records_size = self->batch.size;
	before = send;
	ASSERT_EQ(0, mq_catch_signal(0));
	ASSERT_EQ(0, mq_ioctl_start(&call, fd, DEVMQ_IOC_SEND, &send));
	ASSERT_TRUE(mq_call_sleeps(&call));
	ASSERT_EQ(0, pthread_kill(call.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, mq_call_result(&call));
	EXPECT_EQ(0, memcmp(&send, &before, sizeof(send)));
	EXPECT_EQ(1, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_get(self->fd, "a"));
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]) {}, 4));
}

TEST_F(send, two_threads_send_batches_that_stay_together)
{
	struct devmq_send sends[2];
	struct mq_batch batches[2] = {};
	struct mq_call calls[2];
	struct devmq_record *record = NULL;
	struct devmq_recv recv;
	char text[2] = {};
	int i, j;

	/* The messages of one call have consecutive ids. */
	for (i = 0; i < 2; i++) {
		text[0] = 'a' + i;
		for (j = 0; j < 200; j++)
			mq_batch_add(&batches[i], text);
		memset(&sends[i], 0, sizeof(sends[i]));
		sends[i].size = sizeof(sends[i]);
		sends[i].records = (uintptr_t)batches[i].data;
		sends[i].records_size = batches[i].size;
		ASSERT_EQ(0, mq_ioctl_start(&calls[i], self->fd,
					    DEVMQ_IOC_SEND, &sends[i]));
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mq_call_result(&calls[i]));
		ASSERT_EQ(200, sends[i].count);
		EXPECT_EQ(199, sends[i].last_id - sends[i].first_id);
	}
	ASSERT_EQ(0, mq_recv(self->fd, self->buffer, sizeof(self->buffer),
			     &recv));
	ASSERT_EQ(400, recv.count);
	while ((record = mq_record_next(self->buffer, recv.used, record))) {
		i = *mq_record_payload(record) - 'a';
		ASSERT_TRUE(i == 0 || i == 1);
		EXPECT_LE(sends[i].first_id, record->id);
		EXPECT_GE(sends[i].last_id, record->id);
	}
}

TEST_HARNESS_MAIN
