// SPDX-License-Identifier: GPL-2.0
/*
 * DEVMQ_IOC_SEND: records that are not well-formed are refused.
 */
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/look.h"
#include "helpers/used.h"
#include "fixtures/send.h"

/* -- records that are not well-formed -------------------------------------- */

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

	/* The key comes first, then the de-duplication id, then headers. */
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

/*
 * The first messages of a file lie alone. Those after them come in runs, in which
 * records are checked where they lie.
 */
TEST_F(send, record_behind_others_is_checked_as_well)
{
	static const char good[] = "\1\0\1\0ab", bad[] = "\1\0\1\0=b";
	static const struct {
		const char *headers;
		size_t headers_size, payload_size;
		int error;
	} records[] = {
		{ good, 6, 8, 0 },		/* as large as it may be */
		{ good, 6, 9, -EMSGSIZE },
		{ good, 5, 8, -EINVAL },	/* the value ends behind the headers */
		{ good, 3, 8, -EINVAL },
		{ bad, 6, 8, -EINVAL },
		{ good, 6, 0, -EINVAL },
	};
	unsigned int i;

	MQ_REOPEN_QUEUE("max_message_size=8");
	for (i = 0; i < 20; i++)
		ASSERT_EQ(i + 1, mq_send_one(self->fd, "x", 1));
	for (i = 0; i < ARRAY_SIZE(records); i++) {
		mq_batch_free(&self->batch);
		mq_batch_add_full(&self->batch, "key", 3, good, 6, "12345678", 8);
		mq_batch_add_full(&self->batch, "k", 1, records[i].headers,
				  records[i].headers_size, "123456789",
				  records[i].payload_size);
		ASSERT_EQ(0, SEND());
		EXPECT_EQ(records[i].error ? 1 : 2, self->send.count) {
			TH_LOG("record %u", i);
		}
		mq_batch_free(&self->batch);
		mq_batch_add_full(&self->batch, "k", 1, records[i].headers,
				  records[i].headers_size, "123456789",
				  records[i].payload_size);
		EXPECT_EQ(records[i].error, SEND()) {
			TH_LOG("record %u", i);
		}
	}
}

/* Let the open file be a sender, which sends a record that is alone the quick way. */
static int send_first(FIXTURE_DATA(send) *self)
{
	return mq_send_one(self->fd, "x", 1) < 0 || mq_send_one(self->fd, "x", 1) < 0;
}

TEST_F(send, record_alone_is_refused_as_among_others)
{
	static const __u32 sizes[] = { 0, 8, 64, 65, 71, 72, 81, 88, 0x80000000,
				       0xfffffff8, 0x10000 };
	struct devmq_record *record;
	unsigned int i, bit;
	long long used;
	char *bytes;

	ASSERT_EQ(0, send_first(self));
	used = mq_used_settled();
	record = mq_batch_add(&self->batch, "12345678");
	bytes = (char *)record;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		record->size = sizes[i];
		EXPECT_EQ(-EINVAL, SEND()) {
			TH_LOG("of size %x", sizes[i]);
		}
	}
	record->size = 80;
	/* All but the sizes of its parts, the delay and the time to live. */
	for (bit = 64; bit < 8 * offsetof(struct devmq_record, key_size); bit++) {
		if (bit / 8 >= offsetof(struct devmq_record, delay_ns) &&
		    bit / 8 < offsetof(struct devmq_record, uid))
			continue;
		bytes[bit / 8] ^= 1 << bit % 8;
		EXPECT_EQ(-EINVAL, SEND()) {
			TH_LOG("bit %u", bit);
		}
		bytes[bit / 8] ^= 1 << bit % 8;
	}
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(used, mq_used_settled());
	EXPECT_EQ(0, SEND());
	EXPECT_EQ(3, self->send.first_id);
	EXPECT_EQ(3, self->send.last_id);
	EXPECT_EQ(1, self->send.count);
	EXPECT_EQ(0, self->send.result);
}

TEST_F(send, record_alone_keeps_all_that_it_has)
{
	static const struct {
		const char *options;
		const char *text, *key;
		unsigned int priority;
		uint64_t delay_ns;
	} cases[] = {
		{ "priorities=4", "1234567", "", 3, 0 },
		{ "priorities=4", "12345678", "the key", 1, 0 },
		{ "", "123456789", "k", 0, 0 },
		{ "order=key", "1", "k", 0, 0 },
		{ "order=key fairness=key priorities=4", "12", "the key", 2, 0 },
		{ "", "1234", "k", 0, 1000 },
		{ "order=key", "1234", "k", 0, 1000 },
		{ "", "12345", "", 0, 1000000000 },
		{ "", "123456", "", 0, 2000000000 },
		{ "ttl_ms=100000", "1234567", "k", 0, 0 },
		{ "delay_ms=1", "1234567", "k", 0, 0 },
	};
	struct mq_look look;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		MQ_REOPEN_QUEUE("%s", cases[i].options);
		ASSERT_EQ(0, send_first(self));
		EXPECT_EQ(3, MQ_SEND(self->fd, .text = cases[i].text,
				     .key = cases[i].key,
				     .priority = cases[i].priority,
				     .delay_ns = cases[i].delay_ns));
		ASSERT_EQ(0, mq_look_id(&self->queue, 3, &look)) {
			TH_LOG("case %u", i);
		}
		EXPECT_STREQ(cases[i].text, look.payload);
		EXPECT_STREQ(cases[i].key, look.key);
		EXPECT_EQ(cases[i].priority, look.record.priority);
		EXPECT_EQ(3, mq_stat_of(&self->queue, sent));
	}
}

TEST_F(send, record_alone_without_room_is_eagain)
{
	MQ_REOPEN_QUEUE("max_messages=3");
	ASSERT_EQ(0, send_first(self));
	EXPECT_EQ(3, MQ_SEND(self->fd, .text = "x", .key = "k"));
	EXPECT_EQ(-EAGAIN, MQ_SEND(self->fd, .text = "x", .key = "k"));
	ASSERT_EQ(0, mq_get(self->fd, "x"));
	EXPECT_EQ(4, MQ_SEND(self->fd, .text = "x", .key = "k"));
}

TEST_F(send, results_that_cannot_be_written_send_no_record)
{
	struct devmq_send *send = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, send);
	ASSERT_EQ(0, send_first(self));
	mq_batch_add(&self->batch, "y");
	memset(send, 0, sizeof(*send));
	send->size = sizeof(*send);
	send->records = (uintptr_t)self->batch.data;
	send->records_size = self->batch.size;
	ASSERT_EQ(0, mprotect(send, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, DEVMQ_IOC_SEND, send));
	EXPECT_EQ(2, mq_stat_of(&self->queue, sent));
	ASSERT_EQ(0, munmap(send, 4096));
}

TEST_F(send, second_header_is_looked_at_as_well)
{
	char headers[64];
	size_t size = mq_header_put(headers, "good", "v", 1);

	size += mq_header_put(headers + size, "b d", "v", 1);
	mq_batch_add_full(&self->batch, NULL, 0, headers, size, "x", 1);
	EXPECT_REFUSED(-EINVAL);
}

TEST_HARNESS_MAIN
