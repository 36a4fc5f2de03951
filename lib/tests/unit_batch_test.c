// SPDX-License-Identifier: LGPL-2.1-or-later
/* Building records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "unit_batch.h"

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

	/* The room of messages that were dropped is used again. */
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

	/* The kernel's stamp and the extra block are not copied. */
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

/* Any order of setters gives the result of a simple model. */
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

TEST_HARNESS_MAIN
