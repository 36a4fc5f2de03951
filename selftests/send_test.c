// SPDX-License-Identifier: GPL-2.0
/*
 * Sending records: what is refused, what a batch says, who is the sender.
 */
#include "mq_test.h"
#include <sched.h>

/* What a record with 1 to 8 bytes of payload takes. */
#define SMALL	(sizeof(struct devmq_record) + 8)

FIXTURE(send) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	struct mq_batch batch;
	struct devmq_send send;
	char buffer[65536];
};

FIXTURE_SETUP(send)
{
	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->queue, ""));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(send)
{
	mq_batch_free(&self->batch);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

#define RECREATE(...) do {						\
	close(self->fd);						\
	ASSERT_EQ(0, mq_create(&self->queue, __VA_ARGS__));		\
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
} while (0)

#define SEND()	mq_send(self->fd, self->batch.data, self->batch.size, \
			&self->send)

/* The batch is refused and nothing is sent. */
#define EXPECT_REFUSED(error) do {					\
	EXPECT_EQ(error, SEND());					\
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));			\
} while (0)

/* -- what a good batch does ------------------------------------------------- */

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
	/* Sending the rest again goes on where the last call stopped. */
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

/* The kernel looks at records in pieces of some KiB: one ends where they do. */
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
	/* Records that end exactly where memory does. */
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
	/* Its other parts do not matter. */
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

	/* The first record, one that follows a plain one, and all between. */
	for (before = 1; before < 5; before++) {
		mq_batch_free(&self->batch);
		for (i = 0; i < before; i++)
			mq_batch_add(&self->batch, "x");
		mq_batch_add(&self->batch, "");
		mq_batch_add(&self->batch, "y");
		ASSERT_EQ(0, SEND());
		EXPECT_EQ(before, self->send.count);
		EXPECT_EQ(-EINVAL, mq_send(self->fd, self->batch.data +
					   before * SMALL, self->batch.size -
					   before * SMALL, NULL));
	}
	EXPECT_EQ(1 + 2 + 3 + 4, mq_stat_of(&self->queue, sent));
}

TEST_F(send, write_of_nothing_is_no_message_where_empty_ones_are_allowed)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	EXPECT_EQ(0, mq_write(self->fd, "", 0));
	EXPECT_EQ(0, writev(self->fd, &(struct iovec){ "", 0 }, 1));
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

/* -- records that are not well-formed --------------------------------------- */

TEST_F(send, record_size_that_cannot_be_is_einval)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "12345678");
	static const __u32 sizes[] = {
		0, 1, 4, 8, 71, 81, 88, 1000, 0x7fffffff, 0x80000000,
		0xffffffff, 0xfffffff8, 0xfffffff9, 0x10000,
	};
	unsigned int i;

	ASSERT_EQ(80, record->size);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		record->size = sizes[i];
		EXPECT_EQ(-EINVAL, SEND()) {
			TH_LOG("of size %x", sizes[i]);
		}
	}
	record->size = 80;
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, SEND());
}

TEST_F(send, buffer_smaller_than_a_record_is_einval)
{
	size_t size;

	mq_batch_add(&self->batch, "12345678");
	for (size = 0; size < self->batch.size; size++) {
		EXPECT_EQ(-EINVAL, mq_send(self->fd, self->batch.data, size,
					   &self->send)) {
			TH_LOG("of size %zu", size);
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(send, members_that_the_kernel_stamps_must_be_zero)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "x");
	static const struct {
		size_t offset, size;
		const char *name;
	} members[] = {
#define MEMBER(name) { offsetof(struct devmq_record, name), \
		       sizeof(((struct devmq_record *)0)->name), #name }
		MEMBER(id), MEMBER(time_ns), MEMBER(uid),
		MEMBER(gid), MEMBER(pid), MEMBER(attempt), MEMBER(failures),
		MEMBER(state), MEMBER(failure), MEMBER(reserved),
		MEMBER(extra_size), MEMBER(priority),
#undef MEMBER
	};
	unsigned int i, bit;
	char *byte;

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		for (bit = 0; bit < 8 * members[i].size; bit++) {
			byte = (char *)record + members[i].offset + bit / 8;
			*byte = 1 << bit % 8;
			EXPECT_EQ(-EINVAL, SEND()) {
				TH_LOG("%s, bit %u", members[i].name, bit);
			}
			*byte = 0;
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, SEND());
}

TEST_F(send, only_one_flag_is_known)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "x");
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		record->flags = 1U << bit;
		if (record->flags == DEVMQ_RECORD_AT)
			continue;
		EXPECT_REFUSED(-EINVAL);
		record->flags |= DEVMQ_RECORD_AT;
		EXPECT_REFUSED(-EINVAL);
	}
	record->flags = DEVMQ_RECORD_AT;
	EXPECT_EQ(0, SEND());
}

TEST_F(send, every_delay_and_time_to_live_is_taken)
{
	static const uint64_t times[] = { 1, 1ULL << 63, DEVMQ_FOREVER };
	struct devmq_record *record = mq_batch_add(&self->batch, "x");
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(times); i++) {
		for (j = 0; j < ARRAY_SIZE(times); j++) {
			record->delay_ns = times[i];
			record->ttl_ns = times[j];
			EXPECT_EQ(0, SEND());
		}
	}
	EXPECT_EQ(9, mq_stat_of(&self->queue, sent));
}

TEST_F(send, parts_of_a_record_stand_in_their_order)
{
	static const char parts[] = "the keythe id";
	struct devmq_record *record;
	struct mq_look look;

	/* Key, then de-duplication id; headers would come behind. */
	record = mq_batch_add_full(&self->batch, parts, 13, NULL, 0, "x", 1);
	record->key_size = 7;
	record->dedup_size = 6;
	EXPECT_EQ(0, SEND());
	ASSERT_EQ(0, mq_look_id(&self->queue, 1, &look));
	EXPECT_EQ(7, look.record.key_size);
	EXPECT_STREQ("the key", look.key);
	EXPECT_EQ(0, look.record.dedup_size);
	EXPECT_STREQ("x", look.payload);
}

TEST_F(send, dedup_id_beyond_the_record_is_einval)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "x");

	record->dedup_size = 2;
	EXPECT_REFUSED(-EINVAL);
	record->dedup_size = 255;
	EXPECT_REFUSED(-EINVAL);
	record->dedup_size = 0;
	EXPECT_EQ(0, SEND());
}

TEST_F(send, key_over_255_bytes_is_einval)
{
	char key[300] = {};

	mq_batch_add_full(&self->batch, key, 256, NULL, 0, "x", 1);
	EXPECT_REFUSED(-EINVAL);
	mq_batch_free(&self->batch);
	mq_batch_add_full(&self->batch, key, 255, NULL, 0, "x", 1);
	EXPECT_EQ(0, SEND());
}

TEST_F(send, parts_beyond_the_record_are_einval)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "12345678");

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "allow_empty", "1"));
	/* The record has 8 bytes behind its header. */
	record->key_size = 9;
	EXPECT_REFUSED(-EINVAL);
	record->key_size = 255;
	EXPECT_REFUSED(-EINVAL);
	record->key_size = 5;
	record->headers_size = 5;
	EXPECT_REFUSED(-EINVAL);
	record->key_size = 0;
	record->headers_size = 9;
	EXPECT_REFUSED(-EINVAL);
	record->headers_size = 65535;
	EXPECT_REFUSED(-EINVAL);
	record->headers_size = 0;
	record->key_size = 8;
	EXPECT_EQ(0, SEND());
}

TEST_F(send, parts_beyond_the_record_do_not_reach_into_the_next_one)
{
	struct devmq_record *record = mq_batch_add(&self->batch, "12345678");

	mq_batch_add(&self->batch, "the next record");
	record = (void *)self->batch.data;
	record->key_size = 16;
	EXPECT_REFUSED(-EINVAL);
}

TEST_F(send, headers_that_are_not_well_formed_are_einval)
{
	static const struct {
		const char *what;
		struct devmq_header header;
		const char *name;
		size_t size;
	} cases[] = {
		{ "no name", { 0, 0 }, "", 4 },
		{ "no name with a value", { 0, 4 }, "abcd", 8 },
		{ "name too long", { 256, 0 }, NULL, 260 },
		{ "name beyond the headers", { 5, 0 }, "abcd", 8 },
		{ "value beyond the headers", { 2, 3 }, "abcd", 8 },
		{ "both far beyond", { 255, 65535 }, "abcd", 8 },
		{ "one byte left over", { 4, 0 }, "abcde", 9 },
		{ "three bytes left over", { 4, 0 }, "abcdefg", 11 },
		{ "half a header", { 4, 0 }, "", 2 },
		{ "only a header", { 4, 0 }, "", 4 },
		{ "one byte", { 1, 0 }, "", 1 },
		{ "space in the name", { 3, 0 }, "a b", 7 },
		{ "equals sign in the name", { 3, 0 }, "a=b", 7 },
		{ "zero in the name", { 3, 0 }, "a\0b", 7 },
		{ "newline in the name", { 3, 0 }, "a\nb", 7 },
		{ "tab in the name", { 3, 0 }, "a\tb", 7 },
		{ "delete in the name", { 3, 0 }, "a\x7f" "b", 7 },
		{ "high byte in the name", { 3, 0 }, "a\x80" "b", 7 },
		{ "last byte in the name", { 3, 0 }, "ab\xff", 7 },
	};
	char headers[512];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(headers, 'n', sizeof(headers));
		memcpy(headers, &cases[i].header, 4);
		if (cases[i].name && cases[i].size > 4)
			memcpy(headers + 4, cases[i].name, cases[i].size - 4);
		mq_batch_free(&self->batch);
		mq_batch_add_full(&self->batch, NULL, 0, headers, cases[i].size,
				  "x", 1);
		EXPECT_EQ(-EINVAL, SEND()) {
			TH_LOG("%s", cases[i].what);
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(send, second_header_is_looked_at_as_well)
{
	char headers[64];
	size_t size = mq_header_put(headers, "good", "v", 1);

	size += mq_header_put(headers + size, "b d", "v", 1);
	mq_batch_add_full(&self->batch, NULL, 0, headers, size, "x", 1);
	EXPECT_REFUSED(-EINVAL);
}

/* -- batches that end early ------------------------------------------------- */

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

	/* Nothing of the third one, then only half of it can be read. */
	start = edge - 2 * SMALL;
	memcpy(start, self->batch.data, 2 * SMALL);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	start -= 40;
	memcpy(start, self->batch.data, 2 * SMALL + 40);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	start = edge - (2 * SMALL + 74);
	memcpy(start, self->batch.data, 2 * SMALL + 74);
	ASSERT_EQ(0, mq_send(self->fd, start, self->batch.size, &self->send));
	EXPECT_EQ(2, self->send.count);
	EXPECT_EQ(6, self->send.last_id);
	EXPECT_EQ(-EFAULT, mq_send(self->fd, start + 2 * SMALL,
				   self->batch.size - 2 * SMALL, &self->send));
	EXPECT_EQ(6, mq_stat_of(&self->queue, sent));
}

TEST_F(send, unreadable_first_record_is_efault)
{
	char *edge = mq_edge();
	size_t inside;

	mq_batch_add(&self->batch, "12345678");
	EXPECT_EQ(-EFAULT, mq_send(self->fd, NULL, SMALL, &self->send));
	EXPECT_EQ(-EFAULT, mq_send(self->fd, MQ_BAD_POINTER, SMALL, &self->send));
	EXPECT_EQ(-EFAULT, mq_send(self->fd, (void *)-16L, SMALL, &self->send));
	for (inside = 1; inside < SMALL; inside++) {
		memcpy(edge - inside, self->batch.data, inside);
		EXPECT_EQ(-EFAULT, mq_send(self->fd, edge - inside, SMALL,
					   &self->send)) {
			TH_LOG("%zu bytes inside", inside);
		}
	}
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, mq_stat_of(&self->queue, bytes));
}

TEST_F(send, full_queue_ends_the_batch_and_blocks_the_next)
{
	int i, fd;

	RECREATE("max_messages=3");
	for (i = 0; i < 5; i++)
		mq_batch_add(&self->batch, "x");
	/* Also a descriptor that may sleep does not wait for the rest. */
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
	RECREATE("max_bytes=10");
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

	RECREATE("max_messages=3 overflow=reject");
	for (i = 0; i < 5; i++)
		mq_batch_add(&self->batch, "x");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(3, self->send.count);
	EXPECT_EQ(-ENOSPC, SEND());
	EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
}

TEST_F(send, drop_head_takes_the_whole_batch)
{
	RECREATE("max_messages=3 overflow=drop-head");
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
	RECREATE("max_message_size=10");
	mq_batch_add(&self->batch, "1234567890");
	mq_batch_add(&self->batch, "12345678901");
	ASSERT_EQ(0, SEND());
	EXPECT_EQ(1, self->send.count);
	mq_batch_free(&self->batch);
	mq_batch_add(&self->batch, "12345678901");
	EXPECT_EQ(-EMSGSIZE, SEND());
	RECREATE("max_bytes=10");
	EXPECT_EQ(-EMSGSIZE, SEND());
	EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
}

TEST_F(send, key_and_headers_count_as_bytes)
{
	char headers[64];
	size_t size = mq_header_put(headers, "n", "v", 1);

	ASSERT_EQ(6, size);
	RECREATE("max_bytes=14");
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
	memcpy(edge - SMALL, self->batch.data, SMALL);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(&send, 0, sizeof(send));
		send.size = sizeof(send);
		send.records = (uintptr_t)(edge - SMALL);
		send.records_size = sizes[i];
		error = mq_ioctl(self->fd, DEVMQ_IOC_SEND, &send);
		EXPECT_TRUE(error == -EINVAL || error == -EFAULT ||
			    (!error && send.count == 1)) {
			TH_LOG("size %llx: %d", (unsigned long long)sizes[i],
			       error);
		}
		EXPECT_EQ(error ? -EAGAIN : 8,
			  mq_read(self->fd, (char [16]){}, 16));
	}
}

/* -- waiting ---------------------------------------------------------------- */

TEST_F(send, waits_for_room_for_the_first_record)
{
	struct mq_call call;
	int i, fd;

	RECREATE("max_messages=2");
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

	RECREATE("max_messages=1");
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
	EXPECT_EQ(-EAGAIN, mq_read(self->fd, (char [4]){}, 4));
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

	/* What is taken in one call has ids without a gap. */
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

/* -- the sender ------------------------------------------------------------- */

/* Receive the next message's header. */
static int next_record(int fd, struct devmq_record *record)
{
	struct devmq_recv recv;
	char buffer[1024];
	int error;

	mq_recv_init(&recv, buffer, sizeof(buffer));
	recv.max_count = 1;
	error = mq_ioctl(fd, DEVMQ_IOC_RECV, &recv);
	memcpy(record, buffer, sizeof(*record));
	return error;
}

TEST_F(send, sender_and_time_are_stamped_by_the_kernel)
{
	uint64_t before = mq_clock_ns(CLOCK_REALTIME), after;
	struct devmq_record record;
	int i;

	ASSERT_EQ(1, mq_put(self->fd, "a"));
	ASSERT_EQ(2, mq_send_one(self->fd, "b", 1));
	after = mq_clock_ns(CLOCK_REALTIME);
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(0, next_record(self->fd, &record));
		EXPECT_EQ(i, record.id);
		EXPECT_EQ(getuid(), record.uid);
		EXPECT_EQ(getgid(), record.gid);
		EXPECT_EQ(getpid(), record.pid);
		/* The kernel's coarse clock may be a tick behind. */
		EXPECT_LE(before - 20000000, record.time_ns);
		EXPECT_GE(after, record.time_ns);
		EXPECT_EQ(1, record.attempt);
		EXPECT_EQ(0, record.failures);
		EXPECT_EQ(DEVMQ_FAILURE_NONE, record.failure);
		EXPECT_EQ(0, record.priority);
		EXPECT_EQ(0, record.flags);
		EXPECT_EQ(0, record.reserved);
		EXPECT_EQ(0, record.delay_ns);
		EXPECT_EQ(0, record.ttl_ns);
		EXPECT_EQ(0, record.dedup_size);
	}
}

TEST_F(send, sender_is_who_sends_and_not_who_opened)
{
	struct devmq_record record;
	pid_t child;
	int i;

	child = mq_fork();
	if (!child) {
		if (mq_become(1001, 1002))
			_exit(1);
		if (mq_put(self->fd, "write") != 5)
			_exit(2);
		if (mq_send_one(self->fd, "send", 4) != 2)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, next_record(self->fd, &record));
		EXPECT_EQ(1001, record.uid);
		EXPECT_EQ(1002, record.gid);
		EXPECT_EQ(child, record.pid);
	}
}

TEST_F(send, sender_is_the_effective_user)
{
	struct devmq_record record;
	pid_t child;

	child = mq_fork();
	if (!child) {
		if (setresgid(2001, 2002, 2003) || setresuid(1001, 1002, 1003))
			_exit(1);
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(1002, record.uid);
	EXPECT_EQ(2002, record.gid);
}

TEST_F(send, sender_through_a_passed_descriptor_is_the_one_that_got_it)
{
	struct devmq_record record;
	int sockets[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = mq_fork();
	if (!child) {
		int fd;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(1);
		fd = mq_take_fd(sockets[1]);
		_exit(fd >= 0 && mq_put(fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_pass_fd(sockets[0], self->fd));
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(MQ_NOBODY, record.uid);
	EXPECT_EQ(MQ_NOBODY, record.gid);
	EXPECT_EQ(child, record.pid);
}

TEST_F(send, thread_sends_as_its_process)
{
	struct devmq_record record;
	struct mq_call call;

	ASSERT_EQ(0, mq_write_start(&call, self->fd, "x", 1));
	ASSERT_EQ(1, mq_call_result(&call));
	ASSERT_NE(getpid(), call.tid);
	ASSERT_EQ(0, next_record(self->fd, &record));
	EXPECT_EQ(getpid(), record.pid);
}

TEST_F(send, dead_sender_keeps_its_stamp)
{
	struct devmq_record record;
	pid_t child = mq_fork();

	if (!child)
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 1);
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, mq_peek_id(&self->queue, 1, &record));
	EXPECT_EQ(child, record.pid);
	EXPECT_EQ(0, record.uid);
}

TEST_F(send, sender_is_seen_from_the_receivers_user_namespace)
{
	int unshared[2], mapped[2];
	struct devmq_record record;
	char path[64], answer;
	pid_t child;

	child = mq_fork();
	if (!child) {
		if (mq_become(1001, 1002))
			_exit(1);
		_exit(mq_put(self->fd, "x") == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(1, mq_put(self->fd, "y"));

	ASSERT_EQ(0, pipe(unshared));
	ASSERT_EQ(0, pipe(mapped));
	child = mq_fork();
	if (!child) {
		char byte = 'n';

		if (!unshare(CLONE_NEWUSER))
			byte = 'y';
		if (write(unshared[1], &byte, 1) != 1)
			_exit(1);
		if (read(mapped[0], &byte, 1) != 1)
			_exit(2);
		if (next_record(self->fd, &record))
			_exit(3);
		if (record.uid != 7)
			_exit(4);
		if (record.gid != 8)
			_exit(5);
		if (next_record(self->fd, &record))
			_exit(6);
		/* Root has no name there. */
		if (record.uid != 65534)
			_exit(7);
		if (record.gid != 65534)
			_exit(8);
		_exit(0);
	}
	ASSERT_EQ(1, read(unshared[0], &answer, 1));
	if (answer == 'n')
		SKIP(return, "no user namespaces");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
	ASSERT_EQ(0, mq_write_file(path, "7 1001 1"));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", child);
	ASSERT_EQ(0, mq_write_file(path, "8 1002 1"));
	ASSERT_EQ(1, write(mapped[1], "x", 1));
	EXPECT_EQ(0, mq_wait_child(child));
}

TEST_F(send, pid_is_zero_to_a_receiver_in_another_pid_namespace)
{
	struct devmq_record record;
	pid_t child;
	int code;

	ASSERT_EQ(1, mq_put(self->fd, "x"));
	child = mq_fork();
	if (!child) {
		if (unshare(CLONE_NEWPID))
			_exit(42);
		child = fork();
		if (!child) {
			if (next_record(self->fd, &record))
				_exit(1);
			if (record.pid)
				_exit(2);
			_exit(mq_put(self->fd, "y") == 1 ? 0 : 3);
		}
		waitpid(child, &code, 0);
		if (next_record(self->fd, &record))
			_exit(4);
		/* The pid that its parent knows it by, which is the initial. */
		if (record.pid != child)
			_exit(5);
		_exit(WIFEXITED(code) ? WEXITSTATUS(code) : 6);
	}
	code = mq_wait_child(child);
	if (code == 42)
		SKIP(return, "no pid namespaces");
	EXPECT_EQ(0, code);
}

TEST_HARNESS_MAIN
