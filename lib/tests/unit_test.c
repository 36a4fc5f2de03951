// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq without a kernel: names, building and reading records, hostile
 * buffers, and the loops around ioctls, which call a pretended kernel. Built with
 * sanitizers; every buffer is exactly as large as its contents.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "kselftest_harness.h"

#include "batch.h"
#include "buffer.h"
#include "deadline.h"
#include "node.h"
#include "queue.h"

/* -- a pretended kernel ---------------------------------------------------- */

static int (*kernel)(unsigned long command, void *arg);
static int kernel_calls;

int __wrap_ioctl(int fd, unsigned long command, void *arg);

int __wrap_ioctl(int fd, unsigned long command, void *arg)
{
	int err = kernel(command, arg);

	kernel_calls++;
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

/* How many allocations succeed from here on before all fail; -1: none fails. */
static int allocations = -1;

static bool allocation_fails(void)
{
	if (allocations < 0)
		return false;
	if (!allocations)
		return true;
	allocations--;
	return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(p, size);
}

static struct devmq_queue queue = {
	.fd = -1, .wake_fd = -1, .name = "pretended",
};

/* Put bytes into a buffer of exactly that size, as if they had been received. */
static struct devmq_buffer *load(const void *bytes, size_t size, size_t count)
{
	struct devmq_buffer *buffer;

	if (devmq_buffer_new(&buffer, size ? size : 1))
		abort();
	if (size)
		memcpy(buffer->data, bytes, size);
	if (lmq_buffer_take(buffer, size, count) != (int)count)
		abort();
	return buffer;
}

static struct devmq_buffer *load_batch(const struct devmq_batch *batch)
{
	const void *first = "";

	if (batch->data)
		first = batch->data + batch->start;
	return load(first, devmq_batch_bytes(batch), devmq_batch_count(batch));
}

/* Call all getters of a message; the sanitizers check what they read. */
static uint64_t touch(const struct devmq_msg *msg)
{
	struct devmq_header_view header;
	uint64_t sum = 0, since;
	char name[DEVMQ_NAME_SIZE];
	const unsigned char *p;
	size_t size, cursor = 0, i;
	uint32_t pid;

	p = devmq_msg_payload(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = devmq_msg_key(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = devmq_msg_dedup_id(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	while (devmq_msg_next_header(msg, &cursor, &header)) {
		for (i = 0; i < header.name_size; i++)
			sum += header.name[i];
		p = header.value;
		for (i = 0; i < header.value_size; i++)
			sum += p[i];
	}
	sum += devmq_msg_full_size(msg);
	p = devmq_msg_note(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	p = (const void *)devmq_msg_origin(msg, &size);
	for (i = 0; i < size; i++)
		sum += p[i];
	sum += devmq_msg_origin_id(msg) + devmq_msg_reason(msg) +
	       devmq_msg_due_ns(msg) + devmq_msg_expires_ns(msg);
	if (devmq_msg_holder(msg, &pid, &since))
		sum += pid + since;
	devmq_msg_reply_to(msg, name, sizeof(name));
	devmq_msg_content_type(msg, &size);
	devmq_msg_correlation_id(msg, NULL);
	return sum + devmq_msg_id(msg) + devmq_msg_attempt(msg);
}

/* -- names ----------------------------------------------------------------- */

TEST(names_that_are_good)
{
	char longest[DEVMQ_NAME_MAX + 1];

	memset(longest, 'x', DEVMQ_NAME_MAX);
	longest[DEVMQ_NAME_MAX] = '\0';
	EXPECT_EQ(0, devmq_check_name("orders"));
	EXPECT_EQ(0, devmq_check_name("A-Z.a_z-0.9"));
	EXPECT_EQ(0, devmq_check_name("..."));
	EXPECT_EQ(0, devmq_check_name("-"));
	EXPECT_EQ(0, devmq_check_name("controls"));
	EXPECT_EQ(0, devmq_check_name(longest));
}

TEST(names_that_are_not)
{
	static const char *const bad[] = {
		"", ".", "..", "control", "none", "a b", "a/b", "/", "../x", "a\n",
		"a\tb", "a=b", "\xc3\xa4", "a%s", "a force", "a\x01", "~",
	};
	char name[DEVMQ_NAME_MAX + 2], reason[256];
	struct devmq_queue *q;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(-EINVAL, devmq_check_name(bad[i]));
		EXPECT_EQ(-EINVAL, devmq_create(bad[i], NULL, reason,
						sizeof(reason)));
		EXPECT_NE(NULL, strstr(reason, "not ., .., control or none"));
		EXPECT_EQ(-EINVAL, devmq_remove(bad[i], false, NULL, 0));
		EXPECT_EQ(-EINVAL, devmq_set_option(bad[i], "ack", "auto"));
		EXPECT_EQ(-EINVAL, devmq_get_option(bad[i], "ack", name, 1));
		if (!strchr(bad[i], '/'))
			EXPECT_EQ(-EINVAL, devmq_open(&q, bad[i],
						      DEVMQ_OPEN_READ));
	}
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	EXPECT_EQ(-ENAMETOOLONG, devmq_check_name(name));
	EXPECT_EQ(-ENAMETOOLONG, devmq_open(&q, name, DEVMQ_OPEN_READ));
}

TEST(option_names_cannot_leave_the_directory)
{
	char value[64];
	static const char *const bad[] = {
		"", "..", "../x", "a/b", "power/control", "Ack", "a ", "a\n",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(-EINVAL, devmq_get_option("q", bad[i], value,
						    sizeof(value)));
		EXPECT_EQ(-EINVAL, devmq_set_option("q", bad[i], "1"));
	}
	EXPECT_EQ(-ENOENT, devmq_get_option("q", "uevent", value, 64));
	EXPECT_EQ(-ENOENT, devmq_set_option("q", "uevent", "remove"));
	EXPECT_EQ(-ENOENT, devmq_get_option("q", "dev", value, 64));
}

TEST(commands_are_one_line)
{
	char reason[64], tiny[4], huge[5000];

	EXPECT_EQ(-EINVAL, devmq_control("create a\nremove b", reason,
					 sizeof(reason)));
	EXPECT_STREQ("a command is one line", reason);
	EXPECT_EQ(-EINVAL, devmq_create("a", "x=1\nremove b", tiny,
					sizeof(tiny)));
	EXPECT_STREQ("a c", tiny);
	EXPECT_EQ(-EINVAL, devmq_control("", NULL, 0));
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	EXPECT_EQ(-E2BIG, devmq_control(huge, reason, sizeof(reason)));
	EXPECT_EQ(-E2BIG, devmq_create("a", huge, reason, sizeof(reason)));
	/* "create a " and this are 4096 bytes, and one more. */
	huge[4096 - 9] = '\0';
	EXPECT_NE(-E2BIG, devmq_create("a", huge, reason, sizeof(reason)));
	huge[4096 - 9] = 'x';
	huge[4096 - 8] = '\0';
	EXPECT_EQ(-E2BIG, devmq_create("a", huge, reason, sizeof(reason)));
}

TEST(control_node_is_known)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/null", &st));
	EXPECT_EQ(-ENOTTY, lmq_check_control(&st));
	ASSERT_EQ(0, stat("/proc/version", &st));
	EXPECT_EQ(-ENOTTY, lmq_check_control(&st));
	ASSERT_EQ(0, stat("/", &st));
	EXPECT_EQ(-ENOTTY, lmq_check_control(&st));
	/* sysfs does not have this number: opening the file finds out. */
	st.st_mode = S_IFCHR | 0600;
	st.st_rdev = makedev(4000, 77);
	EXPECT_EQ(0, lmq_check_control(&st));
}

TEST(nodes_are_those_of_queues)
{
	EXPECT_EQ(-EINVAL, devmq_check_node("a/b"));
	EXPECT_EQ(-EINVAL, devmq_check_node("control"));
	EXPECT_EQ(-ENOENT, devmq_check_node("no-such-queue-here"));
}

TEST(open_takes_only_queues)
{
	struct devmq_queue *q = &queue;
	int fd[2];

	EXPECT_EQ(-EINVAL, devmq_open(&q, "x", 0));
	EXPECT_EQ(-EINVAL, devmq_open(&q, "x", DEVMQ_OPEN_NONBLOCK));
	EXPECT_EQ(-EINVAL, devmq_open(&q, "x", DEVMQ_OPEN_READ |
				      DEVMQ_OPEN_LOOK));
	EXPECT_EQ(-EINVAL, devmq_open(&q, "x", 1U << 31 | DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/dev/null", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/proc/version", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOTTY, devmq_open(&q, "/tmp/.", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOENT, devmq_open(&q, "/nowhere/x", DEVMQ_OPEN_READ));
	EXPECT_EQ(-EBADF, devmq_open_fd(&q, -1));
	ASSERT_EQ(0, pipe(fd));
	EXPECT_EQ(-ENOTTY, devmq_open_fd(&q, fd[0]));
	EXPECT_EQ(0, close(fd[0]));
	EXPECT_EQ(0, close(fd[1]));
	/* A failure leaves the result alone. */
	EXPECT_EQ(&queue, q);
	devmq_close(NULL);
}

/* -- building records ------------------------------------------------------ */

FIXTURE(batch) {
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(batch)
{
	self->buffer = NULL;
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
}

FIXTURE_TEARDOWN(batch)
{
	devmq_buffer_free(self->buffer);
	devmq_batch_free(self->batch);
}

static bool is(const void *p, size_t size, const char *text)
{
	return size == strlen(text) && (!size || !memcmp(p, text, size));
}

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

/* -- the loops around ioctls ----------------------------------------------- */

static int takes_three(unsigned long command, void *arg)
{
	static uint64_t next = 1;
	struct devmq_send *a = arg;

	if (command != DEVMQ_IOC_SEND || a->size != sizeof(*a) || a->flags ||
	    a->result)
		return -EINVAL;
	if (next > 12)
		return -ENOSPC;
	a->count = a->records_size < 3 * 80 ? (a->records_size + 7) / 80 : 3;
	a->first_id = next;
	next += a->count;
	a->last_id = next - 1;
	next += 2;
	return 0;
}

TEST_F(batch, a_partial_send_goes_on)
{
	uint64_t first, last;
	size_t sent;
	int i;

	kernel = takes_three;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, &sent, &first,
					    &last));
	/* 1 2 3, 6 7 8, 11 12 13 */
	EXPECT_EQ(9, sent);
	EXPECT_EQ(1, first);
	EXPECT_EQ(13, last);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, &sent, &first,
					    &last));
	EXPECT_EQ(0, sent | first | last);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	EXPECT_EQ(0, devmq_batch_drop_first(self->batch));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(0, sent | first | last);
	EXPECT_EQ(6, kernel_calls);
}

/* Stores messages whose payload begins with 'n'; the others are duplicates. */
static int knows_duplicates(unsigned long command, void *arg)
{
	static uint64_t next = 100;
	struct devmq_send *a = arg;
	const unsigned char *p = (void *)(uintptr_t)a->records;
	const unsigned char *end = p + a->records_size;

	a->first_id = next;
	for (; p < end; p += 80, a->count++)
		if (p[sizeof(struct devmq_record)] != 'n')
			break;
	a->last_id = next + a->count - 1;
	next += a->count;
	if (!a->count) {
		a->count = 1;
		a->result = DEVMQ_SENT_DUP;
		a->first_id = a->last_id = p[sizeof(struct devmq_record)];
	}
	return 0;
}

TEST_F(batch, duplicates_are_sent_past)
{
	static const char payloads[] = "1nn23nnn4";
	static const struct {
		size_t	 sent;
		uint64_t id;
		bool	 duplicate;
	} want[] = {
		{ 1, '1', true }, { 2, 105, false }, { 1, '2', true },
		{ 1, '3', true }, { 3, 107, false }, { 1, '4', true },
		{ 0, 0, false },
	};
	uint64_t first, last;
	bool duplicate;
	size_t sent, i;

	kernel = knows_duplicates;
	for (i = 0; payloads[i]; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, payloads + i, 1));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(9, sent);
	EXPECT_EQ('1', first);
	EXPECT_EQ('4', last);
	EXPECT_EQ(6, kernel_calls);
	EXPECT_EQ(0, devmq_batch_count(self->batch));

	for (i = 0; payloads[i]; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, payloads + i, 1));
	for (i = 0; i < 7; i++) {
		EXPECT_EQ(0, devmq_send_some(&queue, self->batch, &sent,
					     &first, &duplicate));
		EXPECT_EQ(want[i].sent, sent);
		EXPECT_EQ(want[i].id, first);
		EXPECT_EQ(want[i].duplicate, duplicate);
	}
	EXPECT_EQ(12, kernel_calls);
	ASSERT_EQ(0, devmq_batch_add(self->batch, "n", 1));
	EXPECT_EQ(0, devmq_send_some(&queue, self->batch, &sent, NULL, NULL));
	EXPECT_EQ(1, sent);
	ASSERT_EQ(0, devmq_batch_add(self->batch, "5", 1));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, NULL, &first,
				      NULL));
	EXPECT_EQ('5', first);
}

static int takes_nothing(unsigned long command, void *arg)
{
	return 0;
}

static int takes_too_many(unsigned long command, void *arg)
{
	((struct devmq_send *)arg)->count = 5;
	return 0;
}

TEST_F(batch, a_kernel_that_miscounts_is_no_endless_loop)
{
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	kernel = takes_nothing;
	EXPECT_EQ(-EPROTO, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	kernel = takes_too_many;
	EXPECT_EQ(-EPROTO, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	EXPECT_EQ(1, devmq_batch_count(self->batch));
}

static uint32_t sent_size;

static int checks_one(unsigned long command, void *arg)
{
	struct devmq_send *a = arg;
	const struct devmq_record *r = (void *)(uintptr_t)a->records;
	const unsigned char *p = (const void *)(r + 1);
	uint32_t i;

	sent_size = r->size - sizeof(*r);
	if (r->size != a->records_size || r->id || r->flags || r->key_size)
		return -EINVAL;
	for (i = 0; i < sent_size; i++)
		if (p[i] != 'p')
			return -EINVAL;
	a->count = 1;
	a->first_id = a->last_id = 42;
	return 0;
}

TEST(a_single_message_of_any_size_is_sent)
{
	static char payload[100000];
	uint64_t id;
	size_t size;

	memset(payload, 'p', sizeof(payload));
	kernel = checks_one;
	for (size = 0; size < sizeof(payload); size += size < 1200 ? 1 : 4999) {
		id = 0;
		ASSERT_EQ(0, devmq_send(&queue, size ? payload : NULL, size,
					&id));
		ASSERT_EQ(size, sent_size);
		ASSERT_EQ(42, id);
	}
	EXPECT_EQ(0, devmq_send(&queue, payload, 1, NULL));
	EXPECT_EQ(-EMSGSIZE, devmq_send(&queue, payload, SIZE_MAX, NULL));
	EXPECT_EQ(-EMSGSIZE, devmq_send(&queue, payload, UINT32_MAX, NULL));
}

static uint64_t large = 200000, deadline;

/* Has one message of "large" bytes. */
static int gives_large(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;
	struct devmq_record *r = (void *)(uintptr_t)a->buffer;

	if (command != DEVMQ_IOC_RECV || a->size != sizeof(*a) || a->flags)
		return -EINVAL;
	deadline = a->deadline_ns;
	if (a->buffer_size < large) {
		a->need = large;
		return -EMSGSIZE;
	}
	memset(r, 0, large);
	r->size = large;
	a->used = large;
	a->count = 1;
	return 0;
}

TEST_F(batch, a_buffer_grows_to_what_is_needed)
{
	size_t size;

	kernel = gives_large;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 1));
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(2, kernel_calls);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(200000 - 72, size);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(3, kernel_calls);
	/* After an error the buffer is empty. */
	large = UINT64_MAX - 1;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	large = 1ULL << 62;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	large = 100;
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
}

static int wants_less(unsigned long command, void *arg)
{
	((struct devmq_recv *)arg)->need = 1;
	return -EMSGSIZE;
}

static int gives_too_much(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;

	a->used = a->buffer_size + 1;
	a->count = 1;
	return 0;
}

TEST_F(batch, a_kernel_that_lies_is_not_believed)
{
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	kernel = wants_less;
	EXPECT_EQ(-EMSGSIZE, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(-EMSGSIZE, devmq_recv(&queue, self->buffer, 0, -1));
	kernel = gives_too_much;
	EXPECT_EQ(-EBADMSG, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
}

static uint64_t asked_for;

static int has_deferred(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;

	asked_for = a->id;
	return a->deadline_ns || a->id != 9 ? -ENOENT :
	       gives_large(command, arg);
}

TEST_F(batch, a_deferred_message_is_received_by_its_id)
{
	kernel = has_deferred;
	large = 200000;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	EXPECT_EQ(-ENOENT, devmq_recv_deferred(&queue, self->buffer, 8));
	EXPECT_EQ(8, asked_for);
	EXPECT_EQ(1, devmq_recv_deferred(&queue, self->buffer, 9));
	EXPECT_EQ(1, devmq_buffer_count(self->buffer));
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(-EINVAL, devmq_recv_deferred(&queue, self->buffer, 0));
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
}

TEST_F(batch, timeouts_become_deadlines)
{
	struct timespec now;
	uint64_t ns;

	kernel = gives_large;
	large = 100;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, deadline);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, -1));
	EXPECT_EQ(DEVMQ_FOREVER, deadline);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, INT32_MAX));
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	EXPECT_GE(ns + INT32_MAX * 1000000ULL, deadline);
	EXPECT_LT(ns + INT32_MAX * 1000000ULL - 5000000000ULL, deadline);
}

/* -- no memory ------------------------------------------------------------- */

static int build(struct devmq_batch *batch)
{
	static char big[20000];

	return devmq_batch_add(batch, "first", 5) ?:
	       devmq_batch_set_key(batch, "key", 3) ?:
	       devmq_batch_add_header(batch, "h", big, 2000) ?:
	       devmq_batch_add(batch, big, 5000) ?:
	       devmq_batch_set_dedup_id(batch, big, 255) ?:
	       devmq_batch_add_header(batch, "h", big, sizeof(big));
}

TEST_F(batch, no_memory_leaves_it_as_it_was)
{
	int n, err = -ENOMEM;
	size_t size, count;

	for (n = 0; err; n++) {
		devmq_batch_free(self->batch);
		ASSERT_EQ(0, devmq_batch_new(&self->batch));
		allocations = n;
		err = build(self->batch);
		allocations = -1;
		EXPECT_TRUE(!err || err == -ENOMEM);
		self->buffer = load_batch(self->batch);
		count = 0;
		while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
			touch(self->msg);
			count++;
		}
		EXPECT_EQ(devmq_batch_count(self->batch), count);
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
	EXPECT_LE(4, n);

	kernel = gives_large;
	large = 200000;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	allocations = 1;
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	allocations = -1;
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(200000 - 72, size);
}

TEST(constructors_without_memory)
{
	static char big[5000];
	struct devmq_buffer *buffer = NULL;
	struct devmq_batch *batch = NULL;
	struct devmq_queue *q = NULL;
	char **names = NULL;

	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_batch_new(&batch));
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, 0));
	EXPECT_EQ(-ENOMEM, devmq_open(&q, "any", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOMEM, devmq_open_fd(&q, 0));
	EXPECT_EQ(-ENOMEM, devmq_send(&queue, big, sizeof(big), NULL));
	EXPECT_GT(0, devmq_list(&names));
	allocations = 1;
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, 0));
	allocations = -1;
	EXPECT_EQ(NULL, batch);
	EXPECT_EQ(NULL, buffer);
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(NULL, names);
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, SIZE_MAX));
}

/* -- settling -------------------------------------------------------------- */

static struct devmq_settlement seen[20000];
static unsigned int seen_count, stale_call;

/* A kernel that settles all ids and records the ranges; one call finds nothing. */
static int settles(unsigned long command, void *arg)
{
	struct devmq_settle *a = arg;
	struct devmq_settlement *s = (void *)(uintptr_t)a->settlements;
	uint32_t i;

	if (command != DEVMQ_IOC_SETTLE || a->size != sizeof(*a) ||
	    a->flags || a->reserved || !a->count ||
	    a->count > DEVMQ_SETTLE_MAX)
		return -EINVAL;
	for (i = 0; i < a->count; i++) {
		seen[seen_count++] = s[i];
		a->settled += s[i].last_id - s[i].first_id + 1;
	}
	if (stale_call && !--stale_call) {
		a->settled = 0;
		return -ESTALE;
	}
	return 0;
}

static struct devmq_buffer *buffer_of_ids(const uint64_t *ids, size_t count)
{
	struct devmq_buffer *buffer;
	struct devmq_record *r = calloc(count, sizeof(*r));
	size_t i;

	for (i = 0; i < count; i++) {
		r[i].size = sizeof(*r);
		r[i].id = ids[i];
	}
	buffer = load(r, count * sizeof(*r), count);
	free(r);
	return buffer;
}

TEST_F(batch, only_neighbours_share_a_range)
{
	static const uint64_t ids[] = { 5, 6, 7, 9, 10, 3, 4, 12, 11 };
	static const uint64_t want[][2] = {
		{ 5, 7 }, { 9, 10 }, { 3, 4 }, { 12, 12 }, { 11, 11 },
	};
	uint64_t settled;
	unsigned int i;

	kernel = settles;
	self->buffer = buffer_of_ids(ids, 9);
	EXPECT_EQ(0, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(9, settled);
	ASSERT_EQ(5, seen_count);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(want[i][0], seen[i].first_id);
		EXPECT_EQ(want[i][1], seen[i].last_id);
		EXPECT_EQ(DEVMQ_ACTION_ACK, seen[i].action);
		EXPECT_EQ(0, seen[i].delay_ns | seen[i].note | seen[i].reason);
	}
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_release_rest(&queue, self->buffer, &settled));
	EXPECT_EQ(7, settled);
	EXPECT_EQ(7, seen[5].first_id);
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, seen[5].action);
	EXPECT_EQ(0, devmq_release_buffer(&queue, self->buffer, NULL));
	while (devmq_buffer_next(self->buffer, &self->msg) > 0)
		;
	seen_count = 0;
	EXPECT_EQ(0, devmq_release_rest(&queue, self->buffer, &settled));
	EXPECT_EQ(0, settled);
	EXPECT_EQ(0, seen_count);
}

TEST_F(batch, many_ranges_go_in_portions_and_past_stale_ones)
{
	static uint64_t ids[1000];
	uint64_t settled;
	int i;

	for (i = 0; i < 1000; i++)
		ids[i] = 2 * i + 1;
	kernel = settles;
	self->buffer = buffer_of_ids(ids, 1000);
	EXPECT_EQ(0, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(1000, settled);
	EXPECT_EQ(1000, seen_count);
	EXPECT_EQ(4, kernel_calls);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(ids[i], seen[i].first_id);
	seen_count = 0;
	stale_call = 2;
	EXPECT_EQ(-ESTALE, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(1000, seen_count);
	EXPECT_EQ(744, settled);
}

static int settles_fewer(unsigned long command, void *arg)
{
	((struct devmq_settle *)arg)->settled = 2;
	return 0;
}

TEST_F(batch, a_hole_in_a_range_is_told)
{
	static const uint64_t ids[] = { 5, 6, 7 };
	uint64_t settled;

	kernel = settles_fewer;
	self->buffer = buffer_of_ids(ids, 3);
	EXPECT_EQ(-ESTALE, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(2, settled);
}

TEST_F(batch, a_malformed_buffer_settles_what_is_good)
{
	static const uint64_t ids[] = { 5, 6, 7 };
	uint64_t settled;

	kernel = settles;
	self->buffer = buffer_of_ids(ids, 3);
	((struct devmq_record *)self->buffer->data)[2].size = 1;
	EXPECT_EQ(-EBADMSG, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(2, settled);
	((struct devmq_record *)self->buffer->data)[0].size = 1;
	EXPECT_EQ(-EBADMSG, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(0, settled);
}

TEST(any_number_of_settlements_goes)
{
	static struct devmq_settlement s[10000];
	uint64_t settled;
	int i;

	for (i = 0; i < 10000; i++) {
		s[i].first_id = s[i].last_id = i + 1;
		s[i].action = DEVMQ_ACTION_RELEASE;
	}
	kernel = settles;
	EXPECT_EQ(0, devmq_settle(&queue, s, 10000, &settled));
	EXPECT_EQ(10000, settled);
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(10000, seen[9999].first_id);
	EXPECT_EQ(0, devmq_settle(&queue, s, 0, &settled));
	EXPECT_EQ(0, settled);
	seen_count = 0;
	EXPECT_EQ(0, devmq_ack(&queue, 9));
	EXPECT_EQ(9, seen[0].first_id);
	EXPECT_EQ(DEVMQ_ACTION_ACK, seen[0].action);
	EXPECT_EQ(0, devmq_release(&queue, 8));
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, seen[1].action);
}

TEST_F(batch, every_action_has_what_belongs_to_it)
{
	static const uint64_t ids[] = { 5, 6, 7, 9 };
	static const char note[DEVMQ_NOTE_MAX + 1] = "why";
	struct devmq_settlement how = {
		.first_id = 77, .last_id = 3, .action = DEVMQ_ACTION_RETRY,
		.delay_ns = 8, .settled = 9, .error = -1,
	};
	uint64_t settled;
	unsigned int i;

	kernel = settles;
	EXPECT_EQ(0, devmq_retry(&queue, 1, 99));
	EXPECT_EQ(0, devmq_reject(&queue, 2, 300, note, 3));
	EXPECT_EQ(0, devmq_reject(&queue, 2, 0, NULL, 0));
	EXPECT_EQ(0, devmq_extend(&queue, 3, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_defer(&queue, 4));
	ASSERT_EQ(5, seen_count);
	EXPECT_EQ(DEVMQ_ACTION_RETRY, seen[0].action);
	EXPECT_EQ(99, seen[0].delay_ns);
	EXPECT_EQ(1, seen[0].first_id);
	EXPECT_EQ(DEVMQ_ACTION_REJECT, seen[1].action);
	EXPECT_EQ((uintptr_t)note, seen[1].note);
	EXPECT_EQ(3, seen[1].note_size);
	EXPECT_EQ(300, seen[1].reason);
	EXPECT_EQ(0, seen[2].note | seen[2].note_size | seen[2].reason);
	EXPECT_EQ(DEVMQ_ACTION_EXTEND, seen[3].action);
	EXPECT_EQ(DEVMQ_FOREVER, seen[3].delay_ns);
	EXPECT_EQ(DEVMQ_ACTION_DEFER, seen[4].action);
	EXPECT_EQ(4, seen[4].last_id);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, seen[i].settled | seen[i].error);

	/* What does not fit its member is refused, and not cut off. */
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 65536 + 300, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_retry_note(&queue, 2, 0, note, 65536 + 3));
	EXPECT_EQ(-EINVAL, devmq_retry_note(&queue, 2, 0, note, sizeof(note)));
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 0, note, 65536 + 3));
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 0, note, sizeof(note)));
	EXPECT_EQ(5, seen_count);

	self->buffer = buffer_of_ids(ids, 4);
	seen_count = 0;
	EXPECT_EQ(0, devmq_retry_buffer(&queue, self->buffer, 7, &settled));
	EXPECT_EQ(0, devmq_reject_buffer(&queue, self->buffer, 300, note, 3,
					 &settled));
	EXPECT_EQ(0, devmq_extend_buffer(&queue, self->buffer, 9, &settled));
	EXPECT_EQ(0, devmq_defer_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(0, devmq_settle_buffer(&queue, self->buffer, &how,
					 &settled));
	EXPECT_EQ(4, settled);
	ASSERT_EQ(10, seen_count);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(i % 2 ? 9 : 5, seen[i].first_id);
		EXPECT_EQ(i % 2 ? 9 : 7, seen[i].last_id);
	}
	EXPECT_EQ(7, seen[1].delay_ns);
	EXPECT_EQ((uintptr_t)note, seen[3].note);
	EXPECT_EQ(9, seen[5].delay_ns);
	EXPECT_EQ(DEVMQ_ACTION_DEFER, seen[7].action);
	EXPECT_EQ(8, seen[9].delay_ns);
	EXPECT_EQ(-EINVAL, devmq_reject_buffer(&queue, self->buffer, 70000,
					       NULL, 0, &settled));
	EXPECT_EQ(0, settled);

	seen_count = 0;
	EXPECT_EQ(0, devmq_settle_ids(&queue, ids, 4, &how, &settled));
	EXPECT_EQ(4, settled);
	ASSERT_EQ(2, seen_count);
	EXPECT_EQ(5, seen[0].first_id);
	EXPECT_EQ(7, seen[0].last_id);
	EXPECT_EQ(9, seen[1].last_id);
	EXPECT_EQ(0, devmq_settle_ids(&queue, ids, 0, &how, &settled));
	EXPECT_EQ(0, settled);
	EXPECT_EQ(77, how.first_id);
	EXPECT_EQ(9, how.settled);
}

static struct devmq_consumer mode;

static int has_a_mode(unsigned long command, void *arg)
{
	struct devmq_consumer *c = arg;

	if (command != DEVMQ_IOC_CONSUMER || c->size != sizeof(*c))
		return -EINVAL;
	if (c->flags & DEVMQ_CONSUMER_SET) {
		mode.ack = c->ack;
		mode.prefetch = c->prefetch;
		mode.lease_ns = c->lease_ns;
	}
	c->ack = mode.ack;
	c->prefetch = mode.prefetch;
	c->lease_ns = mode.lease_ns;
	return 0;
}

TEST(what_is_not_set_stays)
{
	uint64_t lease = 0;

	kernel = has_a_mode;
	mode.lease_ns = 123;
	EXPECT_EQ(0, devmq_set_ack(&queue, DEVMQ_ACK_MANUAL, 7));
	EXPECT_EQ(123, mode.lease_ns);
	EXPECT_EQ(0, devmq_set_lease(&queue, 456));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, mode.ack);
	EXPECT_EQ(7, mode.prefetch);
	EXPECT_EQ(0, devmq_get_lease(&queue, &lease));
	EXPECT_EQ(456, lease);
}

static struct devmq_redrive redriven;

static int redrives(unsigned long command, void *arg)
{
	struct devmq_redrive *a = arg;

	if (command != DEVMQ_IOC_REDRIVE || a->size != sizeof(*a))
		return -EINVAL;
	redriven = *a;
	a->moved = 5;
	a->stranded = 2;
	return 0;
}

TEST(redrive_names_its_target)
{
	struct devmq_queue target = {
		.fd = 17, .wake_fd = -1, .name = "target",
	};
	uint64_t moved, stranded;

	kernel = redrives;
	EXPECT_EQ(0, devmq_redrive(&queue, 3, 4, NULL, &moved, &stranded));
	EXPECT_EQ(0, redriven.flags | redriven.target_fd | redriven.reserved);
	EXPECT_EQ(3, redriven.first_id);
	EXPECT_EQ(4, redriven.last_id);
	EXPECT_EQ(5, moved);
	EXPECT_EQ(2, stranded);
	EXPECT_EQ(0, devmq_redrive(&queue, 0, 0, &target, NULL, NULL));
	EXPECT_EQ(DEVMQ_REDRIVE_TO, redriven.flags);
	EXPECT_EQ(17, redriven.target_fd);
	EXPECT_EQ(0, redriven.states);
	EXPECT_EQ(0, devmq_move(&queue, 3, 4, 0, &target, &moved, NULL));
	EXPECT_EQ(DEVMQ_REDRIVE_TO, redriven.flags);
	EXPECT_EQ(17, redriven.target_fd);
	EXPECT_EQ(DEVMQ_STATE_MASK(DEVMQ_STATE_READY), redriven.states);
	EXPECT_EQ(3, redriven.first_id);
	EXPECT_EQ(4, redriven.last_id);
	EXPECT_EQ(5, moved);
}

/* -- requests and replies -------------------------------------------------- */

/*
 * A queue for replies: its correlation ids, in order. Those that are held or gone are
 * not delivered. "-" stands for the correlation id of the request, once that has been
 * sent.
 */
static struct {
	char		ids[8][64];
	bool		held[8], gone[8];
	int		count, received, peeked, acked, sent;
	bool		nonblock;
	uint64_t	ttl_ns;
	struct devmq_batch *batch;
} inbox;

static int inbox_send(struct devmq_send *a)
{
	const struct devmq_msg *msg = (void *)(uintptr_t)a->records;
	const char *id, *to;
	size_t size, to_size;
	int i;

	id = devmq_msg_correlation_id(msg, &size);
	to = devmq_msg_header(msg, "reply-to", &to_size);
	if (!id || size > 63 || !is(to, to_size, "pretended"))
		return -EINVAL;
	for (i = 0; i < inbox.count; i++)
		if (!strcmp(inbox.ids[i], "-")) {
			memcpy(inbox.ids[i], id, size);
			inbox.ids[i][size] = '\0';
		}
	inbox.sent++;
	inbox.ttl_ns = devmq_msg_record(msg)->ttl_ns;
	a->count = 1;
	a->first_id = a->last_id = 1;
	return 0;
}

/* The next one from an id on, as a record; zero if there is none. */
static size_t inbox_record(int from, bool all, void *to, int *index)
{
	struct devmq_record *r;
	int i;

	for (i = from; i < inbox.count; i++) {
		if (inbox.gone[i] || (inbox.held[i] && !all))
			continue;
		devmq_batch_clear(inbox.batch);
		devmq_batch_add(inbox.batch, "reply", 5);
		devmq_batch_add_header(inbox.batch, "correlation-id",
				       inbox.ids[i], strlen(inbox.ids[i]));
		r = (void *)inbox.batch->data;
		r->id = i + 1;
		memcpy(to, r, r->size);
		*index = i;
		return r->size;
	}
	return 0;
}

static int inbox_recv(struct devmq_recv *a)
{
	int i;

	if (a->max_count != 1)
		return -EINVAL;
	a->used = inbox_record(0, false, (void *)(uintptr_t)a->buffer, &i);
	if (!a->used)
		return a->deadline_ns && !inbox.nonblock ? -ETIMEDOUT :
							   -EAGAIN;
	inbox.held[i] = true;
	inbox.received++;
	a->count = 1;
	return 0;
}

static int inbox_settle(struct devmq_settle *a)
{
	struct devmq_settlement *s = (void *)(uintptr_t)a->settlements;
	uint64_t id;
	uint32_t i;

	for (i = 0; i < a->count; i++)
		for (id = s[i].first_id; id <= s[i].last_id; id++) {
			if (!inbox.held[id - 1])
				return -ESTALE;
			inbox.held[id - 1] = false;
			if (s[i].action == DEVMQ_ACTION_ACK) {
				inbox.gone[id - 1] = true;
				inbox.acked = id;
			}
			a->settled++;
		}
	return 0;
}

static int has_an_inbox(unsigned long command, void *arg)
{
	struct devmq_peek *peek = arg;
	int i;

	switch (command) {
	case DEVMQ_IOC_SEND:
		return inbox_send(arg);
	case DEVMQ_IOC_RECV:
		return inbox_recv(arg);
	case DEVMQ_IOC_SETTLE:
		return inbox_settle(arg);
	case DEVMQ_IOC_CONSUMER:
		return has_a_mode(command, arg);
	case DEVMQ_IOC_PEEK:
		peek->used = inbox_record(peek->after_id, true,
					  (void *)(uintptr_t)peek->buffer, &i);
		peek->count = peek->used ? 1 : 0;
		inbox.peeked++;
		return 0;
	default:
		return -EINVAL;
	}
}

static void set_inbox(struct devmq_batch *batch, int count,
		      const char *const *ids)
{
	int i;

	memset(&inbox, 0, sizeof(inbox));
	inbox.batch = batch;
	inbox.count = count;
	for (i = 0; i < count; i++)
		strcpy(inbox.ids[i], ids[i]);
	kernel = has_an_inbox;
	memset(&mode, 0, sizeof(mode));
	mode.lease_ns = 5;
}

static bool inbox_is_free(void)
{
	int i;

	for (i = 0; i < inbox.count; i++)
		if (inbox.held[i])
			return false;
	return true;
}

FIXTURE(call) {
	struct devmq_batch *request, *records;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(call)
{
	ASSERT_EQ(0, devmq_batch_new(&self->request));
	ASSERT_EQ(0, devmq_batch_new(&self->records));
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	ASSERT_EQ(0, devmq_batch_add(self->request, "request", 7));
}

FIXTURE_TEARDOWN(call)
{
	devmq_batch_free(self->request);
	devmq_batch_free(self->records);
	devmq_buffer_free(self->buffer);
}

TEST_F(call, gets_its_reply)
{
	static const char *const ids[] = { "-" };
	size_t size;
	const void *p;

	set_inbox(self->records, 1, ids);
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	p = devmq_msg_payload(self->msg, &size);
	EXPECT_TRUE(is(p, size, "reply"));
	EXPECT_EQ(1, inbox.acked);
	EXPECT_EQ(0, inbox.peeked);
	EXPECT_EQ(32, strlen(inbox.ids[0]));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, mode.ack);
	EXPECT_EQ(5, mode.lease_ns);
	EXPECT_EQ(0, devmq_batch_count(self->request));
}

TEST_F(call, leaves_replies_to_others)
{
	static const char *const ids[] = { "a", "b", "-", "c", "-x" };
	static const char *const late[] = { "a", "b", "cc", "c" };
	int i;

	set_inbox(self->records, 5, ids);
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1000, &self->msg));
	EXPECT_EQ(3, devmq_msg_id(self->msg));
	EXPECT_EQ(3, inbox.acked);
	EXPECT_TRUE(inbox_is_free());
	for (i = 0; i < 5; i++)
		EXPECT_EQ(i == 2, inbox.gone[i]);
	/* If the request has a correlation id already, that one is used. */
	set_inbox(self->records, 4, late);
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "c", 1));
	ASSERT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1000, &self->msg));
	EXPECT_EQ(4, devmq_msg_id(self->msg));
}

TEST_F(call, ends_in_time_and_gives_all_back)
{
	static const char *const ids[] = { "a", "b" };
	uint64_t start = lmq_now();

	set_inbox(self->records, 2, ids);
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 50, &self->msg));
	EXPECT_LE(50 * 1000000ULL, lmq_now() - start);
	EXPECT_EQ(NULL, self->msg);
	EXPECT_TRUE(inbox_is_free());
	EXPECT_EQ(0, inbox.acked);
	EXPECT_EQ(1, inbox.sent);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	/* The queue is empty, and the timeout is zero. */
	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 0, &self->msg));
	/* The call waits even if the handle does not sleep. */
	set_inbox(self->records, 0, NULL);
	inbox.nonblock = true;
	start = lmq_now();
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(-ETIMEDOUT, devmq_call(&queue, self->request, &queue,
					 self->buffer, 30, &self->msg));
	EXPECT_LE(30 * 1000000ULL, lmq_now() - start);
}

static int refuses_to_send(unsigned long command, void *arg)
{
	return command == DEVMQ_IOC_SEND ? -EAGAIN : has_a_mode(command, arg);
}

TEST_F(call, sends_the_same_again_after_an_error)
{
	static const char *const ids[] = { "-" };
	char first[64];
	size_t size;
	const void *p;

	kernel = refuses_to_send;
	EXPECT_EQ(-EAGAIN, devmq_call(&queue, self->request, &queue,
				      self->buffer, -1, &self->msg));
	ASSERT_EQ(1, devmq_batch_count(self->request));
	p = devmq_msg_correlation_id(lmq_batch_msg(self->request), &size);
	ASSERT_EQ(32, size);
	memcpy(first, p, size);
	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	EXPECT_EQ(0, memcmp(first, inbox.ids[0], 32));
}

TEST_F(call, request_lives_as_long_as_its_caller_waits)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1500, &self->msg));
	EXPECT_EQ(DEVMQ_MS(1500), inbox.ttl_ns);
}

TEST_F(call, request_keeps_a_time_to_live_of_its_own)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	ASSERT_EQ(0, devmq_batch_set_ttl(self->request, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				1500, &self->msg));
	EXPECT_EQ(DEVMQ_FOREVER, inbox.ttl_ns);
}

/* With no timeout, or a timeout of zero, the request gets no time to live. */
TEST_F(call, request_of_no_timeout_lives_as_the_queue_says)
{
	static const char *const ids[] = { "-" };

	set_inbox(self->records, 1, ids);
	inbox.ttl_ns = 1;
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				-1, &self->msg));
	EXPECT_EQ(0, inbox.ttl_ns);
	set_inbox(self->records, 1, ids);
	inbox.ttl_ns = 1;
	ASSERT_EQ(0, devmq_batch_add(self->request, "again", 5));
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				0, &self->msg));
	EXPECT_EQ(0, inbox.ttl_ns);
}

TEST_F(call, request_that_was_not_sent_gets_the_next_calls_time_to_live)
{
	static const char *const ids[] = { "-" };

	kernel = refuses_to_send;
	EXPECT_EQ(-EAGAIN, devmq_call(&queue, self->request, &queue,
				      self->buffer, 1500, &self->msg));
	EXPECT_EQ(0, devmq_msg_record(lmq_batch_msg(self->request))->ttl_ns);
	set_inbox(self->records, 1, ids);
	EXPECT_EQ(0, devmq_call(&queue, self->request, &queue, self->buffer,
				2500, &self->msg));
	EXPECT_EQ(DEVMQ_MS(2500), inbox.ttl_ns);
}

TEST_F(call, takes_exactly_one_request)
{
	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_batch_add(self->request, "two", 3));
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	devmq_batch_clear(self->request);
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	ASSERT_EQ(0, devmq_batch_add(self->request, "x", 1));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "", 0));
	EXPECT_EQ(-EINVAL, devmq_call(&queue, self->request, &queue,
				      self->buffer, 0, &self->msg));
	EXPECT_EQ(0, inbox.sent);
}

TEST_F(call, a_reply_goes_where_it_may)
{
	struct devmq_buffer *buffer;

	ASSERT_EQ(0, devmq_batch_add(self->records, "answer", 6));
	buffer = load_batch(self->request);
	ASSERT_EQ(1, devmq_buffer_next(buffer, &self->msg));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_reply(self->msg, self->records, NULL,
				       DEVMQ_OPEN_READ));
	devmq_buffer_free(buffer);
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "reply-to",
					    "no-such-queue", 13));
	ASSERT_EQ(0, devmq_batch_add_header(self->request, "correlation-id",
					    "c", 1));
	buffer = load_batch(self->request);
	ASSERT_EQ(1, devmq_buffer_next(buffer, &self->msg));
	EXPECT_EQ(-EPERM, devmq_reply(self->msg, self->records, "reply", 0));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, "no-", 0));
	EXPECT_EQ(-ENOENT, devmq_reply(self->msg, self->records, NULL, 0));
	/* It has one correlation id, after however many tries. */
	EXPECT_EQ(sizeof(struct devmq_header) + 14 + 1,
		  devmq_msg_record(lmq_batch_msg(self->records))->headers_size);
	devmq_batch_clear(self->records);
	EXPECT_EQ(-EINVAL, devmq_reply(self->msg, self->records, NULL, 0));
	devmq_buffer_free(buffer);
}

/* -- structures with a size ------------------------------------------------ */

static int knows_sizes(unsigned long command, void *arg)
{
	return *(uint32_t *)arg < 8 ? -EINVAL : 0;
}

TEST(structures_of_any_size_go)
{
	struct {
		struct devmq_stat stat;
		char more[64];
	} future;
	struct devmq_consumer consumer;
	size_t i;

	kernel = knows_sizes;
	memset(&future, 'x', sizeof(future));
	EXPECT_EQ(0, devmq_stat(&queue, &future.stat, sizeof(future)));
	EXPECT_EQ(sizeof(future), future.stat.size);
	for (i = 0; i < sizeof(future.more); i++)
		EXPECT_EQ(0, future.more[i]);
	EXPECT_EQ(-EINVAL, devmq_stat(&queue, &future.stat, 7));
	EXPECT_EQ(-EINVAL, devmq_get_consumer(&queue, &consumer, 0));
	EXPECT_EQ(-EINVAL, devmq_set_consumer(&queue, &consumer, 4));
	EXPECT_EQ(0, devmq_get_consumer(&queue, &consumer, sizeof(consumer)));
	EXPECT_EQ(0, devmq_set_consumer(&queue, &consumer, sizeof(consumer)));
	EXPECT_EQ(DEVMQ_CONSUMER_SET, consumer.flags);
}

TEST(version_is_that_of_the_header)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", DEVMQ_VERSION_MAJOR,
		 DEVMQ_VERSION_MINOR, DEVMQ_VERSION_PATCH);
	EXPECT_STREQ(text, DEVMQ_VERSION);
	EXPECT_STREQ(text, devmq_version());
}

/* -- waking ---------------------------------------------------------------- */

/* A queue with this many messages; a pipe takes its place for poll(2). */
static int messages, blocking_calls;

static int has_messages(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;
	struct devmq_record r = { .size = sizeof(r) };

	if (command != DEVMQ_IOC_RECV)
		return -EINVAL;
	if (a->deadline_ns)
		blocking_calls++;
	if (!messages)
		return -EAGAIN;
	r.id = messages--;
	memcpy((void *)(uintptr_t)a->buffer, &r, sizeof(r));
	a->count = 1;
	a->used = sizeof(r);
	return 0;
}

FIXTURE(wake) {
	struct devmq_queue queue;
	struct devmq_buffer *buffer;
	int pipe[2];
};

FIXTURE_SETUP(wake)
{
	ASSERT_EQ(0, pipe(self->pipe));
	self->queue.fd = self->pipe[0];
	self->queue.wake_fd = -1;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	kernel = has_messages;
	kernel_calls = 0;
	messages = 0;
	blocking_calls = 0;
}

FIXTURE_TEARDOWN(wake)
{
	devmq_buffer_free(self->buffer);
	close(self->pipe[0]);
	close(self->pipe[1]);
	if (self->queue.wake_fd >= 0)
		close(self->queue.wake_fd);
}

TEST_F(wake, has_to_be_enabled)
{
	EXPECT_EQ(-EINVAL, devmq_wake(&self->queue));
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(0, devmq_wake(&self->queue));
}

TEST_F(wake, costs_nothing_where_it_is_not_enabled)
{
	messages = 1;
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(1, kernel_calls);
	EXPECT_EQ(1, blocking_calls);
}

TEST_F(wake, is_enabled_once)
{
	int fd;

	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	fd = self->queue.wake_fd;
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(fd, self->queue.wake_fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST_F(wake, needs_a_descriptor)
{
	struct rlimit limit, none;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, devmq_enable_wake(&self->queue));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EINVAL, devmq_wake(&self->queue));
}

/* A wake-up lasts until a receive has returned, even if there is a message. */
TEST_F(wake, ends_the_next_receive_which_takes_nothing)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	messages = 1;
	ASSERT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(0, kernel_calls);
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
}

TEST_F(wake, ends_as_many_receives_as_it_was_called_times)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	messages = 1;
	ASSERT_EQ(0, devmq_wake(&self->queue));
	ASSERT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(-ECANCELED, devmq_recv(&self->queue, self->buffer, 0, 0));
	EXPECT_EQ(1, devmq_recv(&self->queue, self->buffer, 0, -1));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, 0));
}

TEST_F(wake, leaves_timeouts_as_they_are)
{
	uint64_t start = lmq_now();

	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, 0));
	EXPECT_EQ(-ETIMEDOUT, devmq_recv(&self->queue, self->buffer, 0, 30));
	EXPECT_LE(DEVMQ_MS(30), lmq_now() - start);
	EXPECT_EQ(0, blocking_calls);
	/* A handle that does not sleep still does not. */
	ASSERT_EQ(0, fcntl(self->queue.fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, devmq_recv(&self->queue, self->buffer, 0, -1));
}

TEST_F(wake, leaves_errno_alone)
{
	ASSERT_EQ(0, devmq_enable_wake(&self->queue));
	errno = EXDEV;
	EXPECT_EQ(0, devmq_wake(&self->queue));
	EXPECT_EQ(EXDEV, errno);
	/* The eventfd cannot count more. */
	ASSERT_EQ(8, write(self->queue.wake_fd, &(uint64_t){ UINT64_MAX - 2 },
			   8));
	errno = EXDEV;
	EXPECT_EQ(-EAGAIN, devmq_wake(&self->queue));
	EXPECT_EQ(EXDEV, errno);
}

TEST_F(call, is_ended_by_a_wake_up)
{
	struct devmq_queue replies = queue;

	set_inbox(self->records, 0, NULL);
	ASSERT_EQ(0, devmq_enable_wake(&replies));
	ASSERT_EQ(0, devmq_wake(&replies));
	EXPECT_EQ(-ECANCELED, devmq_call(&queue, self->request, &replies,
					 self->buffer, -1, &self->msg));
	EXPECT_EQ(NULL, self->msg);
	EXPECT_EQ(1, inbox.sent);
	close(replies.wake_fd);
}

/* -- errors and times ------------------------------------------------------ */

TEST(errors_say_what_they_mean_for_a_queue)
{
	EXPECT_STREQ("the queue is full", devmq_strerror(-ENOSPC));
	EXPECT_STREQ("the queue has been removed", devmq_strerror(-ENODEV));
	EXPECT_STREQ("no such delivery is held", devmq_strerror(-ESTALE));
	EXPECT_STREQ("the time is over", devmq_strerror(-ETIMEDOUT));
	EXPECT_STREQ("no error", devmq_strerror(0));
}

TEST(errors_may_have_lost_their_sign)
{
	int i;

	for (i = 0; i < 4096; i++) {
		ASSERT_NE(NULL, devmq_strerror(i));
		/* Static: the same string each time. */
		ASSERT_EQ(devmq_strerror(i), devmq_strerror(-i));
		ASSERT_NE('\0', devmq_strerror(i)[0]);
	}
}

TEST(errors_of_others_are_called_what_the_system_calls_them)
{
	EXPECT_STREQ("Permission denied", devmq_strerror(-EACCES));
	EXPECT_STREQ("Interrupted system call", devmq_strerror(-EINTR));
}

TEST(numbers_that_are_no_errors_have_a_text)
{
	EXPECT_STREQ("unknown error", devmq_strerror(-4095));
	EXPECT_STREQ("unknown error", devmq_strerror(INT_MAX));
	EXPECT_STREQ("unknown error", devmq_strerror(INT_MIN));
}

/* Constant expressions, in an initializer and for the preprocessor. */
#if DEVMQ_MS(2) != 2000000
#error "DEVMQ_MS() is no constant expression"
#endif

TEST(times_are_constant_expressions)
{
	static const uint64_t times[] = {
		DEVMQ_MS(1500), DEVMQ_SECONDS(30), DEVMQ_MINUTES(2),
	};
	int years = 100 * 365 * 24 * 60;

	EXPECT_EQ(1500000000, times[0]);
	EXPECT_EQ(30000000000, times[1]);
	EXPECT_EQ(120000000000, times[2]);
	/* Nor does an int overflow. */
	EXPECT_EQ(3153600000000000000, DEVMQ_MINUTES(years));
	EXPECT_EQ(3000000, DEVMQ_MS(1 + 2));
}

TEST_HARNESS_MAIN
