// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq without a kernel: building and reading records, and hostile buffers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

/* -- building records ------------------------------------------------------ */

TEST_F(batch, is_laid_out_as_the_header_says)
{
	static const unsigned char want[] = "kk\1\0\1\0hvpayload";
	const struct devmq_record *r;
	const unsigned char *p;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", 7));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "kk", 2));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "v", 1));
	ASSERT_EQ(0, devmq_batch_set_priority(self->batch, 3));
	ASSERT_EQ(0, devmq_batch_set_delay(self->batch, 4));
	ASSERT_EQ(0, devmq_batch_set_ttl(self->batch, 5));
	ASSERT_EQ(0, devmq_batch_add(self->batch, NULL, 0));
	ASSERT_EQ(2, devmq_batch_count(self->batch));
	ASSERT_EQ(72 + 8 + 7 + 1 + 72, devmq_batch_bytes(self->batch));

	r = (const void *)self->batch->data;
	p = (const void *)(r + 1);
	EXPECT_EQ(72 + 8 + 7, r->size);
	EXPECT_EQ(2, r->key_size);
	EXPECT_EQ(6, r->headers_size);
	EXPECT_EQ(3, r->priority);
	EXPECT_EQ(4, r->delay_ns);
	EXPECT_EQ(5, r->ttl_ns);
	EXPECT_EQ(0, r->id | r->flags | r->state | r->extra_size);
	EXPECT_EQ(0, memcmp(p, want, 15));
	EXPECT_EQ(0, p[15]);
	r = (const void *)(p + 16);
	EXPECT_EQ(72, r->size);
	EXPECT_EQ(0, r->key_size | r->headers_size | r->priority);
}

TEST_F(batch, setters_may_come_in_any_order_and_again)
{
	size_t size, cursor = 0;
	struct devmq_header_view h;
	const void *p;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "first", 5));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "payload", 7));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "a", "1", 1));
	ASSERT_EQ(0, devmq_batch_set_dedup_id(self->batch, "dedup", 5));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "b", NULL, 0));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "a long long key", 15));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "k", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "a", "22", 2));
	ASSERT_EQ(0, devmq_batch_set_dedup_id(self->batch, NULL, 0));
	ASSERT_EQ(0, devmq_batch_set_dedup_id(self->batch, "dd", 2));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(2, devmq_buffer_count(self->buffer));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "first"));
	EXPECT_EQ(NULL, devmq_msg_key(self->msg, &size));
	EXPECT_EQ(0, size);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "payload"));
	p = devmq_msg_key(self->msg, &size);
	EXPECT_TRUE(is(p, size, "k"));
	p = devmq_msg_dedup_id(self->msg, &size);
	EXPECT_TRUE(is(p, size, "dd"));
	ASSERT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_TRUE(is(h.name, h.name_size, "a"));
	EXPECT_TRUE(is(h.value, h.value_size, "1"));
	ASSERT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_TRUE(is(h.name, h.name_size, "b"));
	EXPECT_EQ(0, h.value_size);
	ASSERT_TRUE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_TRUE(is(h.value, h.value_size, "22"));
	EXPECT_FALSE(devmq_msg_next_header(self->msg, &cursor, &h));
	EXPECT_FALSE(devmq_msg_next_header(self->msg, &cursor, &h));
	ASSERT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(NULL, self->msg);
	devmq_buffer_rewind(self->buffer);
	EXPECT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
}

TEST_F(batch, setters_need_a_message)
{
	EXPECT_EQ(-EINVAL, devmq_batch_set_key(self->batch, "k", 1));
	EXPECT_EQ(-EINVAL, devmq_batch_set_dedup_id(self->batch, "k", 1));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "h", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_set_priority(self->batch, 1));
	EXPECT_EQ(-EINVAL, devmq_batch_set_delay(self->batch, 1));
	EXPECT_EQ(-EINVAL, devmq_batch_set_at(self->batch, 1));
	EXPECT_EQ(-EINVAL, devmq_batch_set_ttl(self->batch, 1));
	EXPECT_EQ(-EINVAL, devmq_batch_drop_first(self->batch));
	EXPECT_EQ(0, devmq_batch_count(self->batch));
	devmq_batch_free(NULL);
}

TEST_F(batch, an_instant_and_a_delay_take_each_others_place)
{
	const struct devmq_record *r;

	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	r = (const void *)self->batch->data;
	ASSERT_EQ(0, devmq_batch_set_delay(self->batch, 5));
	ASSERT_EQ(0, devmq_batch_set_at(self->batch, 0));
	EXPECT_EQ(DEVMQ_RECORD_AT, r->flags);
	EXPECT_EQ(0, r->delay_ns);
	ASSERT_EQ(0, devmq_batch_set_at(self->batch, 77));
	EXPECT_EQ(77, r->delay_ns);
	ASSERT_EQ(0, devmq_batch_set_delay(self->batch, 6));
	EXPECT_EQ(0, r->flags);
	EXPECT_EQ(6, r->delay_ns);
}

TEST_F(batch, limits_leave_it_as_it_was)
{
	static char big[DEVMQ_HEADERS_MAX + 1];
	size_t bytes;

	EXPECT_EQ(-EMSGSIZE, devmq_batch_add(self->batch, big, SIZE_MAX));
	EXPECT_EQ(-EMSGSIZE, devmq_batch_add(self->batch, big,
					     UINT32_MAX - 78));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, big, DEVMQ_KEY_MAX));
	bytes = devmq_batch_bytes(self->batch);
	EXPECT_EQ(-EINVAL, devmq_batch_set_key(self->batch, big, 256));
	EXPECT_EQ(-EINVAL, devmq_batch_set_dedup_id(self->batch, big, 256));
	EXPECT_EQ(-EMSGSIZE, devmq_batch_add_header(self->batch, "h", big,
						    SIZE_MAX));
	EXPECT_EQ(-EMSGSIZE, devmq_batch_add_header(self->batch, "h", big,
						    DEVMQ_HEADERS_MAX - 4));
	EXPECT_EQ(bytes, devmq_batch_bytes(self->batch));
	EXPECT_EQ(0, devmq_batch_add_header(self->batch, "h", big,
					    DEVMQ_HEADERS_MAX - 5));
	bytes = devmq_batch_bytes(self->batch);
	EXPECT_EQ(-EMSGSIZE, devmq_batch_add_header(self->batch, "i", "", 0));
	EXPECT_EQ(bytes, devmq_batch_bytes(self->batch));
	self->buffer = load_batch(self->batch);
	EXPECT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
}

TEST_F(batch, header_names_are_checked)
{
	char name[257];

	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "a b", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "a=", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "\n", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "\x7f", "", 0));
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, "\xe4", "", 0));
	memset(name, 'n', 256);
	name[256] = '\0';
	EXPECT_EQ(-EINVAL, devmq_batch_add_header(self->batch, name, "", 0));
	name[255] = '\0';
	EXPECT_EQ(0, devmq_batch_add_header(self->batch, name, "", 0));
}

TEST_F(batch, grows_and_is_used_again)
{
	size_t i, size, bytes;
	const void *p;
	char text[16];

	for (i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "%zu", i);
		ASSERT_EQ(0, devmq_batch_add(self->batch, text, strlen(text)));
		ASSERT_EQ(0, devmq_batch_set_key(self->batch, text, i % 4));
	}
	ASSERT_EQ(10000, devmq_batch_count(self->batch));
	self->buffer = load_batch(self->batch);
	for (i = 0; i < 10000; i++) {
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		snprintf(text, sizeof(text), "%zu", i);
		p = devmq_msg_payload(self->msg, &size);
		ASSERT_TRUE(is(p, size, text));
		ASSERT_EQ(0, (uintptr_t)p % 8);
	}
	ASSERT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));

	/* Dropping the first messages makes room at the end. */
	bytes = self->batch->room;
	for (i = 0; i < 9999; i++)
		ASSERT_EQ(0, devmq_batch_drop_first(self->batch));
	for (i = 0; i < 9999; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	EXPECT_EQ(10000, devmq_batch_count(self->batch));
	EXPECT_EQ(bytes, self->batch->room);
	devmq_buffer_free(self->buffer);
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "9999"));
	devmq_batch_clear(self->batch);
	EXPECT_EQ(0, devmq_batch_bytes(self->batch));
}

TEST_F(batch, a_message_is_copied_whole)
{
	struct devmq_record stamped[3] = { 0 };
	struct devmq_batch *copy;
	const void *p;
	size_t size;

	ASSERT_EQ(0, devmq_batch_new(&copy));
	ASSERT_EQ(0, devmq_batch_add(self->batch, "pay", 3));
	ASSERT_EQ(0, devmq_batch_set_key(self->batch, "key", 3));
	ASSERT_EQ(0, devmq_batch_add_header(self->batch, "h", "val", 3));
	ASSERT_EQ(0, devmq_batch_set_priority(self->batch, 9));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(copy, "before", 6));
	ASSERT_EQ(0, devmq_batch_add_msg(copy, self->msg));
	ASSERT_EQ(0, devmq_batch_set_key(copy, "another key", 11));
	devmq_buffer_free(self->buffer);
	self->buffer = load_batch(copy);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(9, devmq_msg_priority(self->msg));
	p = devmq_msg_header(self->msg, "h", &size);
	EXPECT_TRUE(is(p, size, "val"));
	p = devmq_msg_key(self->msg, &size);
	EXPECT_TRUE(is(p, size, "another key"));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "pay"));

	/*
	 * Members that the kernel stamped and the extra block are not copied.
	 */
	stamped[0].size = sizeof(stamped[0]) + sizeof(struct devmq_extra) + 8;
	stamped[0].extra_size = sizeof(struct devmq_extra);
	stamped[0].key_size = 1;
	stamped[0].id = 7;
	stamped[0].attempt = 7;
	memset(&stamped[1], 'e', offsetof(struct devmq_extra, origin_size));
	memset((char *)&stamped[1] + sizeof(struct devmq_extra), 'k', 1);
	devmq_buffer_free(self->buffer);
	self->buffer = load(stamped, stamped[0].size, 1);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(0, devmq_batch_add_msg(copy, self->msg));
	devmq_buffer_free(self->buffer);
	self->buffer = load_batch(copy);
	while (devmq_buffer_next(self->buffer, &self->msg) > 0)
		if (!memcmp(devmq_msg_key(self->msg, &size) ?: "", "k", 1))
			break;
	ASSERT_NE(NULL, self->msg);
	EXPECT_EQ(1, size);
	EXPECT_EQ(0, devmq_msg_id(self->msg));
	EXPECT_EQ(0, devmq_msg_attempt(self->msg));
	EXPECT_EQ(0, devmq_msg_record(self->msg)->extra_size);
	devmq_batch_free(copy);
}

/* Compare setters, called in any order, with a simple model. */
struct model {
	char	payload[300], key[256], dedup[256], headers[8][2][64];
	int	header_count;
};

static void random_text(char *text, size_t max)
{
	size_t i, n = rand() % max;

	for (i = 0; i < n; i++)
		text[i] = 'a' + rand() % 26;
	text[n] = '\0';
}

static int random_step(struct devmq_batch *batch, struct model *m)
{
	char (*h)[64] = m->headers[m->header_count % 8];

	switch (rand() % 3) {
	case 0:
		random_text(m->key, rand() % 2 ? 256 : 8);
		return devmq_batch_set_key(batch, m->key, strlen(m->key));
	case 1:
		random_text(m->dedup, rand() % 2 ? 256 : 8);
		return devmq_batch_set_dedup_id(batch, m->dedup,
						strlen(m->dedup));
	default:
		if (m->header_count == 8)
			return 0;
		random_text(h[0] + 1, 62);
		h[0][0] = 'h';
		random_text(h[1], 64);
		m->header_count++;
		return devmq_batch_add_header(batch, h[0], h[1], strlen(h[1]));
	}
}

static bool agrees(const struct devmq_msg *msg, const struct model *m)
{
	struct devmq_header_view h;
	size_t size, cursor = 0;
	const void *p;
	int i;

	p = devmq_msg_payload(msg, &size);
	if (!is(p, size, m->payload))
		return false;
	p = devmq_msg_key(msg, &size);
	if (!is(p, size, m->key))
		return false;
	p = devmq_msg_dedup_id(msg, &size);
	if (!is(p, size, m->dedup))
		return false;
	for (i = 0; i < m->header_count; i++)
		if (!devmq_msg_next_header(msg, &cursor, &h) ||
		    !is(h.name, h.name_size, m->headers[i][0]) ||
		    !is(h.value, h.value_size, m->headers[i][1]))
			return false;
	return !devmq_msg_next_header(msg, &cursor, &h);
}

TEST_F(batch, agrees_with_a_model)
{
	static struct model models[40];
	int round, i, steps;

	for (round = 0; round < 200; round++) {
		memset(models, 0, sizeof(models));
		devmq_batch_clear(self->batch);
		for (i = 0; i < 40; i++) {
			random_text(models[i].payload, 300);
			ASSERT_EQ(0, devmq_batch_add(self->batch,
						     models[i].payload,
						     strlen(models[i].payload)));
			for (steps = rand() % 10; steps; steps--)
				ASSERT_EQ(0, random_step(self->batch,
							 &models[i]));
		}
		for (i = 0; i < round % 40; i++)
			devmq_batch_drop_first(self->batch);
		self->buffer = load_batch(self->batch);
		for (; i < 40; i++) {
			ASSERT_EQ(1, devmq_buffer_next(self->buffer,
						       &self->msg));
			ASSERT_TRUE(agrees(self->msg, &models[i]));
		}
		ASSERT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

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
		/* The padding of the first record may be missing. */
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
		case 0:
			r->size = 0;
			break;
		case 1:
			r->size = 71;
			break;
		case 2:
			r->size = 89;
			break;
		case 3:
			r->size = UINT32_MAX;
			break;
		case 4:
			r->key_size = UINT16_MAX;
			break;
		case 5:
			r->extra_size = 17;
			break;
		case 6:
			r->headers_size = 5;
			break;
		case 7:
			h.name_size = 0;
			break;
		case 8:
			h.name_size = UINT16_MAX;
			break;
		case 9:
			h.value_size = UINT16_MAX;
			break;
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
		since = 77;
		pid = 77;
		EXPECT_EQ(size > 0, devmq_msg_holder(self->msg, &pid, &since));
		EXPECT_EQ(size > 8 ? 6 : size ? 0 : 77, pid);
		EXPECT_EQ(size ? 5 : 77, since);
		EXPECT_EQ(size > 12 ? 100 : 4, devmq_msg_full_size(self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

/* The block has the sizes of topic, origin and note, but ends too early. */
TEST_F(batch, a_block_that_is_cut_short_has_no_names_and_no_note)
{
	struct {
		struct devmq_record r;
		struct devmq_extra x;
	} m = { .x = { .origin_size = 0xffff, .note_size = 0xffff,
		       .topic_size = 0xffff, .topic_id = 5 } };
	size_t size, n;

	for (size = 0; size < offsetof(struct devmq_extra, topic_id); size++) {
		m.r.extra_size = size;
		m.r.size = DEVMQ_RECORD_PAYLOAD(&m.r);
		self->buffer = load(&m, m.r.size, 1);
		ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
		EXPECT_EQ(NULL, devmq_msg_origin(self->msg, &n));
		EXPECT_EQ(0, n);
		EXPECT_EQ(NULL, devmq_msg_note(self->msg, &n));
		EXPECT_EQ(0, n);
		EXPECT_EQ(NULL, devmq_msg_topic(self->msg, &n));
		EXPECT_EQ(0, n);
		EXPECT_EQ(0, devmq_msg_topic_id(self->msg));
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
}

/* A module without topics gives a shorter block, and zero in place of the size. */
TEST_F(batch, a_block_of_an_older_module_has_no_topic)
{
	struct {
		struct devmq_record r;
		char extra[sizeof(struct devmq_extra)];
	} m = { .r = { .state = DEVMQ_STATE_DEAD } };
	struct devmq_extra x = { .origin_id = 13, .origin_size = 6 };
	size_t old = offsetof(struct devmq_extra, topic_id), size;
	const void *p;

	memcpy(m.extra, &x, old);
	memcpy(m.extra + old, "orders", 6);
	m.r.extra_size = old + 6;
	m.r.size = DEVMQ_RECORD_PAYLOAD(&m.r);
	self->buffer = load(&m, m.r.size, 1);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	p = devmq_msg_origin(self->msg, &size);
	EXPECT_TRUE(is(p, size, "orders"));
	EXPECT_EQ(13, devmq_msg_origin_id(self->msg));
	EXPECT_EQ(NULL, devmq_msg_topic(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(0, devmq_msg_topic_id(self->msg));
}

struct dead_record {
	struct devmq_record	r;
	struct devmq_extra	x;
	char			more[64];
};

/* A dead message whose block is @growth bytes larger than in this version. */
static struct dead_record dead_record(size_t growth)
{
	struct dead_record m = {
		.r = { .id = 7, .attempt = 3, .key_size = 3,
		       .state = DEVMQ_STATE_DEAD },
		.x = { .due_ns = 11, .expires_ns = 12, .origin_id = 13,
		       .reason = 300, .origin_size = 6, .note_size = 4,
		       .topic_size = 5, .topic_id = 14 },
	};

	memset(m.more, 0xff, growth);
	memcpy(m.more + growth, "salesordersnotekeypay", 21);
	m.r.extra_size = sizeof(m.x) + growth + 15;
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
		p = devmq_msg_topic(self->msg, &size);
		EXPECT_TRUE(is(p, size, "sales"));
		EXPECT_EQ(14, devmq_msg_topic_id(self->msg));
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
	/* A message without a block has none of these. */
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	self->buffer = load_batch(self->batch);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(NULL, devmq_msg_origin(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(NULL, devmq_msg_topic(self->msg, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(0, devmq_msg_topic_id(self->msg));
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

	for (i = 0; i < 4; i++) {
		m = dead_record(0);
		switch (i) {
		case 0:
			/* The last member, which older modules do not have, and more. */
			m.x.origin_size += sizeof(m.x.topic_id) + 1;
			break;
		case 3:
			m.x.topic_size = UINT16_MAX;
			break;
		case 1:
			m.x.note_size = UINT16_MAX;
			break;
		case 2:
			m.x.origin_size = UINT16_MAX;
			m.x.note_size = UINT16_MAX;
			break;
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
