// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading records, and hostile buffers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "unit_batch.h"

/* -- hostile buffers ------------------------------------------------------- */

TEST_F(batch, a_truncated_buffer_is_refused)
{
	size_t bytes, n;
	int err, count;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "one", 3));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", 7));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "kk", 2));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "v", 1));
	bytes = devmq_batch_bytes(self->batch);
	for (n = 0; n <= bytes; n++) {
		self->buffer = load(self->batch->data, n, 2);
		count = 0;
		while ((err = devmq_buffer_next(self->buffer, &self->msg)) > 0)
			touch(self->msg), count++;
		/* The padding after the first record may be missing. */
		EXPECT_EQ(n < 75 ? 0 : n < bytes ? 1 : 2, count);
		EXPECT_EQ(n == 0 || (n >= 75 && n <= 80) || n == bytes ?
			  0 : -EBADMSG, err);
		EXPECT_EQ(err, devmq_buffer_next(self->buffer, &self->msg));
		EXPECT_EQ(NULL, self->msg);
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

TEST_F(batch, sizes_that_lie_are_refused)
{
	struct devmq_record *r;
	unsigned int i;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "12345678", 8));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "kk", 2));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "v", 1));
	for (i = 0; i < 10; i++) {
		struct devmq_header h = { 1, 1 };

		self->buffer = load_batch(self->batch);
		r = (void *)self->buffer->data;
		switch (i) {
		case 0: r->size = 0; break;
		case 1: r->size = 71; break;
		case 2: r->size = 89; break;
		case 3: r->size = UINT32_MAX; break;
		case 4: r->key_size = UINT16_MAX; break;
		case 5: r->extra_size = 17; break;
		case 6: r->headers_size = 5; break;
		case 7: h.name_size = 0; break;
		case 8: h.name_size = UINT16_MAX; break;
		case 9: h.value_size = UINT16_MAX; break;
		}
		memcpy((char *)(r + 1) + 2, &h, sizeof(h));
		EXPECT_EQ(-EBADMSG, devmq_buffer_next(self->buffer,
						      &self->msg)) {
			TH_LOG("case %u", i);
		}
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

TEST_F(batch, no_change_of_bytes_makes_it_read_outside)
{
	size_t bytes, i, n;
	int rounds, good = 0;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", i));
		ASSERT_EQ(0, devmq_batch_set_key(self->batch, "kk", i % 3));
		ASSERT_EQ(0, devmq_batch_add_header(self->batch, "reply-to",
						    "queue", 5));
		ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "v", 1));
	}
	bytes = devmq_batch_bytes(self->batch);
	for (rounds = 0; rounds < 300000; rounds++) {
		self->buffer = load(self->batch->data, rand() % 4 ? bytes :
				    rand() % bytes, 4);
		for (n = rand() % 6; n && self->buffer->used; n--) {
			i = rand() % self->buffer->used;
			self->buffer->data[i] = rand() % 3 ? rand() % 64 :
						rand();
		}
		while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
			touch(self->msg);
			good++;
		}
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
	EXPECT_LT(100000, good);
}

TEST_F(batch, a_cursor_out_of_bounds_finds_nothing)
{
	struct devmq_header_view h;
	size_t cursor;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "name", "value", 5));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	cursor = 13;
	EXPECT_FALSE(devmq_msg_next_header(self->msg, &cursor, &h));
	cursor = SIZE_MAX;
	EXPECT_FALSE(devmq_msg_next_header(self->msg, &cursor, &h));
	cursor = 3;
	devmq_msg_next_header(self->msg, &cursor, &h);
}

/* -- headers with a meaning ------------------------------------------------ */

static int reply_to(struct devmq_batch *batch, const char *value, size_t size,
		    char *name, size_t room)
{
	const struct devmq_msg *msg;
	struct devmq_buffer *buffer;
	int err;

	devmq_batch_clear(batch);
	devmq_batch_add(batch, "", 0);
	devmq_batch_add_header(batch, "reply-to", value, size);
	buffer = load_batch(batch);
	devmq_buffer_next(buffer, &msg);
	err = devmq_msg_reply_to(msg, name, room);
	devmq_buffer_free(buffer);
	return err;
}

TEST_F(batch, reply_to_is_a_name_and_no_path)
{
	char name[DEVMQ_NAME_SIZE], text[80];

	EXPECT_EQ(0, reply_to(self->batch, "replies", 7, name, sizeof(name)));
	EXPECT_STREQ("replies", name);
	EXPECT_EQ(0, reply_to(self->batch, "replies", 7, name, 8));
	EXPECT_EQ(-ERANGE, reply_to(self->batch, "replies", 7, name, 7));
	EXPECT_STREQ("", name);
	EXPECT_EQ(-ERANGE, reply_to(self->batch, "replies", 7, NULL, 0));
	EXPECT_EQ(-EINVAL, reply_to(self->batch, "../x", 4, name, 64));
	EXPECT_STREQ("", name);
	EXPECT_EQ(-EINVAL, reply_to(self->batch, "/dev/sda", 8, name, 64));
	EXPECT_EQ(-EINVAL, reply_to(self->batch, "control", 7, name, 64));
	EXPECT_EQ(-EINVAL, reply_to(self->batch, "a\0b", 3, name, 64));
	EXPECT_EQ(-EINVAL, reply_to(self->batch, "", 0, name, 64));
	memset(text, 'x', sizeof(text));
	EXPECT_EQ(0, reply_to(self->batch, text, 63, name, 64));
	EXPECT_EQ(63, strlen(name));
	EXPECT_EQ(-ENAMETOOLONG, reply_to(self->batch, text, 64, name, 64));
}

TEST_F(batch, headers_are_found_by_name)
{
	size_t size = 1;
	const void *p;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "type", "t", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "typ", "short", 5));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "typ", "late", 4));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "content-type",
					    "text/plain", 10));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "correlation-id",
					    "", 0));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	p = devmq_msg_header(self->msg, "typ", &size);
	EXPECT_TRUE(is(p, size, "short"));
	EXPECT_EQ(NULL, devmq_msg_header(self->msg, "ty", &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(NULL, devmq_msg_header(self->msg, "Type", NULL));
	p = devmq_msg_content_type(self->msg, &size);
	EXPECT_TRUE(is(p, size, "text/plain"));
	/* An empty value is not the same as none. */
	EXPECT_NE(NULL, devmq_msg_correlation_id(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(-ENOENT, devmq_msg_reply_to(self->msg, NULL, 0));
}

TEST_F(batch, the_extra_block_may_be_of_any_size)
{
	struct {
		struct devmq_record r;
		struct devmq_extra x;
		char more[16];
	} m = { .x = { .since_ns = 5, .holder_pid = 6, .payload_size = 100 } };
	uint64_t since;
	uint32_t pid;
	size_t size;

	for (size = 0; size <= sizeof(m.x) + 8; size++) {
		m.r.extra_size = size;
		m.r.size = DEVMQ_RECORD_PAYLOAD(&m.r) + 4;
		self->buffer = load(&m, m.r.size, 1);
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		since = pid = 77;
		EXPECT_EQ(size > 0, devmq_msg_holder(self->msg, &pid, &since));
		EXPECT_EQ(size > 8 ? 6 : size ? 0 : 77, pid);
		EXPECT_EQ(size ? 5 : 77, since);
		EXPECT_EQ(size > 12 ? 100 : 4, devmq_msg_full_size(self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

/* The sizes of origin and note are in the block, but the block ends too early. */
TEST_F(batch, a_block_that_is_cut_short_has_no_origin_and_no_note)
{
	struct {
		struct devmq_record r;
		struct devmq_extra x;
	} m = { .x = { .origin_size = 0xffff, .note_size = 0xffff } };
	size_t size, n;

	for (size = 0; size < sizeof(m.x); size++) {
		m.r.extra_size = size;
		m.r.size = DEVMQ_RECORD_PAYLOAD(&m.r);
		self->buffer = load(&m, m.r.size, 1);
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		EXPECT_EQ(NULL, devmq_msg_origin(self->msg, &n));
		EXPECT_EQ(0, n);
		EXPECT_EQ(NULL, devmq_msg_note(self->msg, &n));
		EXPECT_EQ(0, n);
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

struct dead_record {
	struct devmq_record	r;
	struct devmq_extra	x;
	char			more[64];
};

/* A dead message whose extra block is @growth bytes longer than this version's. */
static struct dead_record dead_record(size_t growth)
{
	struct dead_record m = {
		.r = { .id = 7, .attempt = 3, .key_size = 3,
		       .state = DEVMQ_STATE_DEAD },
		.x = { .due_ns = 11, .expires_ns = 12, .origin_id = 13,
		       .reason = 300, .origin_size = 6, .note_size = 4 },
	};

	memset(m.more, 0xff, growth);
	memcpy(m.more + growth, "ordersnotekeypay", 16);
	m.r.extra_size = sizeof(m.x) + growth + 10;
	m.r.size = DEVMQ_RECORD_PAYLOAD(&m.r) + 3;
	return m;
}

TEST_F(batch, what_is_said_of_the_dead_is_found_behind_any_block)
{
	struct dead_record m;
	size_t growth, size;
	const void *p;

	for (growth = 0; growth <= 24; growth += 8) {
		m = dead_record(growth);
		self->buffer = load(&m, m.r.size, 1);
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		p = devmq_msg_origin(self->msg, &size);
		EXPECT_TRUE(is(p, size, "orders"));
		p = devmq_msg_note(self->msg, &size);
		EXPECT_TRUE(is(p, size, "note"));
		p = devmq_msg_key(self->msg, &size);
		EXPECT_TRUE(is(p, size, "key"));
		EXPECT_EQ(13, devmq_msg_origin_id(self->msg));
		EXPECT_EQ(300, devmq_msg_reason(self->msg));
		EXPECT_EQ(11, devmq_msg_due_ns(self->msg));
		EXPECT_EQ(12, devmq_msg_expires_ns(self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
	/* Without an extra block, all of this is absent. */
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(NULL, devmq_msg_origin(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(NULL, devmq_msg_note(self->msg, NULL));
	EXPECT_EQ(0, devmq_msg_reason(self->msg));
	EXPECT_EQ(0, devmq_msg_origin_id(self->msg));
	EXPECT_EQ(0, devmq_msg_due_ns(self->msg));
	EXPECT_EQ(0, devmq_msg_expires_ns(self->msg));
}

TEST_F(batch, names_and_notes_that_reach_into_the_block_are_refused)
{
	struct dead_record m;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		m = dead_record(0);
		switch (i) {
		case 0: m.x.origin_size = 7; break;
		case 1: m.x.note_size = UINT16_MAX; break;
		case 2: m.x.origin_size = m.x.note_size = UINT16_MAX; break;
		}
		self->buffer = load(&m, m.r.size, 1);
		EXPECT_EQ(-EBADMSG, devmq_buffer_next(self->buffer,
						      &self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

TEST_F(batch, no_change_of_a_dead_record_makes_it_read_outside)
{
	struct dead_record m;
	int rounds, n, good = 0;
	size_t i;

	for (rounds = 0; rounds < 100000; rounds++) {
		m = dead_record(rand() % 4 * 8);
		self->buffer = load(&m, rand() % 4 ? m.r.size :
				    rand() % m.r.size, 1);
		for (n = rand() % 4; n && self->buffer->used; n--) {
			i = rand() % self->buffer->used;
			self->buffer->data[i] = rand() % 3 ? rand() % 64 :
						rand();
		}
		while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
			touch(self->msg);
			good++;
		}
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
	EXPECT_LT(10000, good);
}

TEST_HARNESS_MAIN
