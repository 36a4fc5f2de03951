// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdevmq without a kernel: binding, and listing bindings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

/* -- binding ------------------------------------------------------------------- */

/* What the last call gave, and what the kernel answers. */
static struct devmq_bind bound;
static char bound_filter[64];
static unsigned long bound_by;

static int notes_a_binding(unsigned long command, void *arg)
{
	struct devmq_bind *a = arg;

	if (a->size != sizeof(*a) || a->flags ||
	    a->filter_size > sizeof(bound_filter))
		return -EINVAL;
	bound = *a;
	bound_by = command;
	if (a->filter_size)
		memcpy(bound_filter, (void *)(uintptr_t)a->filter,
		       a->filter_size);
	a->id = 17;
	return 0;
}

static struct devmq_queue target = { .fd = 5, .wake_fd = -1, .name = "target" };

TEST(terms_are_packed_with_their_zero_bytes)
{
	static const char *const filter[] = {
		"key=a.*", "header.lang=de", NULL
	};
	static const char packed[] = "key=a.*\0header.lang=de";
	uint64_t id = 0;

	kernel = notes_a_binding;
	EXPECT_EQ(0, devmq_bind_queue(&queue, &target, filter, &id));
	EXPECT_EQ(17, id);
	EXPECT_EQ(DEVMQ_IOC_BIND, bound_by);
	EXPECT_EQ(5, bound.queue_fd);
	ASSERT_EQ(sizeof(packed), bound.filter_size);
	EXPECT_EQ(0, memcmp(packed, bound_filter, sizeof(packed)));
	EXPECT_EQ(0, devmq_unbind_queue(&queue, &target, filter, NULL));
	EXPECT_EQ(DEVMQ_IOC_UNBIND, bound_by);
	ASSERT_EQ(sizeof(packed), bound.filter_size);
}

TEST(no_terms_are_no_filter)
{
	static const char *const none[] = { NULL };
	uint64_t gone = 0;

	kernel = notes_a_binding;
	EXPECT_EQ(0, devmq_bind_queue(&queue, &target, NULL, NULL));
	EXPECT_EQ(0, bound.filter_size | bound.filter);
	bound.filter_size = 1;
	EXPECT_EQ(0, devmq_unbind_queue(&queue, &target, none, &gone));
	EXPECT_EQ(0, bound.filter_size | bound.filter);
	EXPECT_EQ(17, gone);
}

static int refuses(unsigned long command, void *arg)
{
	((struct devmq_bind *)arg)->id = 99;
	return -ELOOP;
}

TEST(a_refused_binding_stores_nothing)
{
	uint64_t id = 3;

	kernel = refuses;
	EXPECT_EQ(-ELOOP, devmq_bind_queue(&queue, &target, NULL, &id));
	EXPECT_EQ(-ELOOP, devmq_unbind_queue(&queue, &target, NULL, &id));
	EXPECT_EQ(3, id);
	kernel_calls = 0;
	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_bind_queue(&queue, &target, NULL, &id));
	allocations = -1;
	EXPECT_EQ(0, kernel_calls);
}

TEST(words_of_a_command_are_checked)
{
	static const char *const wrong[][2] = {
		{ "", NULL }, { "key=a b", NULL }, { "key=a\tb", NULL },
		{ "key=a\nremove x", NULL },
	};
	char reason[128], tiny[4];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		EXPECT_EQ(-EINVAL, devmq_bind("t", "q", wrong[i], reason,
					      sizeof(reason)));
		EXPECT_NE(NULL, strstr(reason, "blank"));
		EXPECT_EQ(-EINVAL, devmq_unbind("t", "q", wrong[i], NULL, 0));
	}
	EXPECT_EQ(-EINVAL, devmq_bind("t x", "q", NULL, reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "t x: not a topic's name"));
	EXPECT_EQ(-EINVAL, devmq_unbind("t", "none", NULL, reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "none: not a queue's name"));
	EXPECT_EQ(-EINVAL, devmq_bind("t", "q", wrong[0], tiny, sizeof(tiny)));
	EXPECT_EQ(3, strlen(tiny));
	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_bind("t", "q", NULL, reason, sizeof(reason)));
	allocations = -1;
	EXPECT_NE('\0', reason[0]);
}

/* -- is it a topic? ------------------------------------------------------------ */

static int answer;

static int answers(unsigned long command, void *arg)
{
	struct devmq_bindings *a = arg;

	return command == DEVMQ_IOC_BINDINGS && a->size == sizeof(*a) &&
	       !a->buffer_size ? answer : -EFAULT;
}

TEST(topics_are_told_from_queues)
{
	static const int answered[][2] = {
		{ 0, 1 }, { -EMSGSIZE, 1 }, { -EINVAL, 0 }, { -ENOTTY, 0 },
		{ -ENODEV, -ENODEV }, { -EBADF, -EBADF },
	};
	size_t i;

	kernel = answers;
	for (i = 0; i < sizeof(answered) / sizeof(*answered); i++) {
		answer = answered[i][0];
		EXPECT_EQ(answered[i][1], devmq_is_topic(&queue));
	}
}

/* -- listing ------------------------------------------------------------------- */

/* A topic with so many bindings, of which one call gives at most so many. */
static unsigned int topic_has, topic_gives;
/* Members that a later version may have behind the known ones. */
#define MORE	24

/* The filter of a binding: none, one term, two. */
static size_t filter_of(unsigned int id, char *text)
{
	size_t size = 0;

	if (id % 3)
		size = (size_t)sprintf(text, "key=a.%u", id) + 1;
	if (id % 3 == 2)
		size += (size_t)sprintf(text + size, "header.n=%u", id) + 1;
	return size;
}

static int has_bindings(unsigned long command, void *arg)
{
	struct devmq_bindings *a = arg;
	char *p = (char *)(uintptr_t)a->buffer;
	uint64_t id = a->after_id;

	if (command != DEVMQ_IOC_BINDINGS || a->size != sizeof(*a) ||
	    a->flags || a->buffer % 8)
		return -EINVAL;
	while (id < topic_has && a->count < topic_gives) {
		struct devmq_binding b = {
			.id = ++id, .taken = 2 * id, .missed = 3 * id,
			.behind = 4 * id,
		};
		char text[64];
		size_t step;

		b.filter_size = filter_of(id, text);
		b.size = sizeof(b) + MORE + b.filter_size;
		sprintf(b.queue, "q.%u", (unsigned int)id);
		step = DEVMQ_ALIGN(b.size);
		if (step > a->buffer_size - a->used) {
			a->need = step;
			return a->count ? 0 : -EMSGSIZE;
		}
		memset(p, 0xff, step);
		memcpy(p, &b, sizeof(b));
		memcpy(p + sizeof(b) + MORE, text, b.filter_size);
		p += step;
		a->used += step;
		a->count++;
	}
	return 0;
}

/* Check the binding of this number. */
static bool is_binding(const struct devmq_binding_view *b, unsigned int id)
{
	char text[64], name[16];
	size_t size = filter_of(id, text), n = 0;

	sprintf(name, "q.%u", id);
	if (b->id != id || b->taken != 2 * id ||
	    b->missed != 3 * id || b->behind != 4 * id ||
	    strcmp(b->queue, name) != 0)
		return false;
	for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
		if (!b->filter[n] || strcmp(b->filter[n], text + at) != 0)
			return false;
		n++;
	}
	return !b->filter[n];
}

TEST(all_bindings_are_listed)
{
	static const unsigned int has[] = { 0, 1, 2, 3, 100, 3000 };
	const struct devmq_binding_view *b;
	struct devmq_bindings_list *list;
	unsigned int id;
	size_t i;

	kernel = has_bindings;
	for (i = 0; i < 2 * sizeof(has) / sizeof(*has); i++) {
		topic_has = has[i / 2];
		topic_gives = i % 2 ? 7 : ~0U;
		ASSERT_EQ(topic_has, devmq_bindings(&queue, &list));
		for (id = 1; id <= topic_has; id++) {
			ASSERT_TRUE(devmq_bindings_next(list, &b));
			ASSERT_TRUE(is_binding(b, id));
		}
		EXPECT_FALSE(devmq_bindings_next(list, &b));
		EXPECT_FALSE(devmq_bindings_next(list, &b));
		devmq_bindings_rewind(list);
		EXPECT_EQ(topic_has > 0, devmq_bindings_next(list, &b));
		devmq_bindings_free(list);
	}
	devmq_bindings_free(NULL);
}

TEST(a_list_without_memory_is_none)
{
	struct devmq_bindings_list *list = (void *)&queue;
	int n;

	kernel = has_bindings;
	topic_has = 3000;
	topic_gives = ~0U;
	for (n = 0;; n++) {
		allocations = n;
		if (devmq_bindings(&queue, &list) != -ENOMEM)
			break;
		EXPECT_EQ((void *)&queue, (void *)list);
	}
	allocations = -1;
	/* The list, its terms, and its data, which grew. */
	EXPECT_LT(4, n);
	EXPECT_NE((void *)&queue, (void *)list);
	devmq_bindings_free(list);
}

/* -- bindings that are not well-formed ------------------------------------------ */

static struct devmq_binding wrong;
static uint64_t wrong_used;
static uint32_t wrong_count;

static int gives_it(unsigned long command, void *arg)
{
	struct devmq_bindings *a = arg;
	char *p = (char *)(uintptr_t)a->buffer;

	if (a->buffer_size < sizeof(wrong) + 8)
		return -EMSGSIZE;
	memcpy(p, &wrong, sizeof(wrong));
	memcpy(p + sizeof(wrong), "key=a.b", 8);
	a->count = wrong_count;
	a->used = wrong_used;
	return 0;
}

static int listed(struct devmq_binding b, uint64_t used)
{
	struct devmq_bindings_list *list;

	wrong = b;
	wrong_used = used;
	wrong_count = 1;
	return devmq_bindings(&queue, &list);
}

#define WHOLE	(sizeof(struct devmq_binding) + 8)

TEST(malformed_bindings_are_refused)
{
	const struct devmq_binding good = {
		.size = WHOLE, .filter_size = 8, .id = 1, .queue = "q",
	};
	struct devmq_binding b;

	kernel = gives_it;
	/* It is sound, but comes again and again. */
	EXPECT_EQ(-EBADMSG, listed(good, WHOLE));
	b = good;
	b.size = 8;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	b.size = WHOLE + 1;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	b.size = WHOLE;
	b.filter_size = 9;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	b.filter_size = ~0U;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	/* The filter does not end with a zero byte. */
	b.filter_size = 7;
	b.size = WHOLE - 1;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	b = good;
	memset(b.queue, 'q', sizeof(b.queue));
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	b = good;
	b.id = 0;
	EXPECT_EQ(-EBADMSG, listed(b, WHOLE));
	EXPECT_EQ(-EBADMSG, listed(good, WHOLE - 8));
	EXPECT_EQ(-EBADMSG, listed(good, 7));
	EXPECT_EQ(-EBADMSG, listed(good, 0));
	EXPECT_EQ(-EBADMSG, listed(good, UINT64_MAX - 7));
}

static int needs_nothing(unsigned long command, void *arg)
{
	((struct devmq_bindings *)arg)->need = answer;
	return -EMSGSIZE;
}

TEST(a_kernel_that_needs_no_more_room_does_not_hang_the_caller)
{
	struct devmq_bindings_list *list;

	kernel = needs_nothing;
	for (answer = 0; answer <= 64; answer += 64)
		EXPECT_EQ(-EMSGSIZE, devmq_bindings(&queue, &list));
}

TEST_HARNESS_MAIN
