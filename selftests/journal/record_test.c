// SPDX-License-Identifier: GPL-2.0
/*
 * Records that no writer makes, but who wants to do harm may: they are not valid, even
 * if their checksums are right.
 */
#include <stddef.h>

#include "kselftest_harness.h"

#include "journal/record.h"

#include <linux/devmq.h>

/* A message with one header, and room for a long key. */
struct made_message {
	struct mq_j_message	m;
	struct mq_j_state	s;
	struct devmq_header	header;
	u8			rest[DEVMQ_KEY_MAX + 1];
};

static bool is_valid(struct made_message *x, u32 key, u32 name, u32 value)
{
	x->header.name_size = name;
	x->header.value_size = value;
	x->m.key_size = cpu_to_le16(key);
	return mq_j_record_is_valid(&x->m.r);
}

/* All sizes of the record agree, and those of its headers do, or not. */
TEST(headers_that_do_not_add_up_are_no_record)
{
	static struct made_message x;
	u32 size = sizeof(x.header) + 5;

	x.m.r.type = MQ_J_MESSAGE;
	x.m.r.size = cpu_to_le32(offsetof(struct made_message, header) + size);
	x.m.copies = cpu_to_le16(1);
	x.m.copies_size = cpu_to_le32(sizeof(x.s));
	x.m.headers_size = cpu_to_le16(size);
	x.s.serial = cpu_to_le64(1);
	x.s.queue = cpu_to_le64(2);
	x.s.id = cpu_to_le64(3);
	x.s.state = DEVMQ_STATE_READY;
	EXPECT_TRUE(is_valid(&x, 0, 3, 2));
	EXPECT_TRUE(is_valid(&x, 0, 5, 0));
	EXPECT_FALSE(is_valid(&x, 0, 0, 5));
	EXPECT_FALSE(is_valid(&x, 0, 3, 1));
	EXPECT_FALSE(is_valid(&x, 0, 3, 3));
	EXPECT_FALSE(is_valid(&x, 0, 65535, 2));
	EXPECT_FALSE(is_valid(&x, 0, 3, 65535));
	EXPECT_FALSE(is_valid(&x, 0, 65535, 65535));
}

TEST(key_that_is_too_long_is_no_record)
{
	static struct made_message x;
	u32 size;

	x.m.r.type = MQ_J_MESSAGE;
	x.m.copies = cpu_to_le16(1);
	x.m.copies_size = cpu_to_le32(sizeof(x.s));
	x.s.serial = cpu_to_le64(1);
	x.s.queue = cpu_to_le64(2);
	x.s.id = cpu_to_le64(3);
	x.s.state = DEVMQ_STATE_READY;
	for (size = DEVMQ_KEY_MAX - 1; size <= DEVMQ_KEY_MAX + 1; size++) {
		x.m.r.size = cpu_to_le32(offsetof(struct made_message, header) + size);
		EXPECT_EQ(size <= DEVMQ_KEY_MAX, is_valid(&x, size, 0, 0));
	}
}

TEST_HARNESS_MAIN
