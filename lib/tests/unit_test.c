// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq without a kernel: names, errors, times, and structures with a size.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "node.h"
#include "unit_test.h"

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
	/* With "create a ", the options make 4096 bytes, then one byte more. */
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
	/* An unknown device number is accepted: opening will fail. */
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
	/* A failed open does not change the result. */
	EXPECT_EQ(&queue, q);
	devmq_close(NULL);
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

/* -- errors and times ------------------------------------------------------ */

TEST(errors_say_what_they_mean_for_a_queue)
{
	EXPECT_STREQ("the queue is full", devmq_strerror(-ENOSPC));
	EXPECT_STREQ("the queue has been removed", devmq_strerror(-ENODEV));
	EXPECT_STREQ("no such delivery is held", devmq_strerror(-ESTALE));
	EXPECT_STREQ("the time is over", devmq_strerror(-ETIMEDOUT));
	EXPECT_STREQ("no error", devmq_strerror(0));
}

/* Each error that the table in linux/devmq.h describes has words of its own. */
TEST(errors_of_the_header_have_words)
{
	static const struct {
		int number;
		const char *name;
	} table[] = {
#include "errors.inc"
	};
	size_t i;

	EXPECT_LT(20, sizeof(table) / sizeof(*table));
	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		EXPECT_STRNE(strerrordesc_np(table[i].number),
			     devmq_strerror(-table[i].number)) {
			TH_LOG("%s has none", table[i].name);
		}
	}
	EXPECT_STREQ("the queue's journal has failed", devmq_strerror(-EIO));
	EXPECT_STREQ("no journal of that name is attached",
		     devmq_strerror(-ENOTCONN));
}

TEST(errors_may_have_lost_their_sign)
{
	int i;

	for (i = 0; i < 4096; i++) {
		ASSERT_NE(NULL, devmq_strerror(i));
		/* The string is static, not formatted. */
		ASSERT_EQ(devmq_strerror(i), devmq_strerror(-i));
		ASSERT_NE('\0', devmq_strerror(i)[0]);
	}
}

TEST(errors_of_others_are_called_what_the_system_calls_them)
{
	EXPECT_STREQ("Permission denied", devmq_strerror(-EACCES));
	EXPECT_STREQ("Read-only file system", devmq_strerror(-EROFS));
}

TEST(numbers_that_are_no_errors_have_a_text)
{
	EXPECT_STREQ("unknown error", devmq_strerror(-4095));
	EXPECT_STREQ("unknown error", devmq_strerror(INT_MAX));
	EXPECT_STREQ("unknown error", devmq_strerror(INT_MIN));
}

/* A constant expression for initializers and for the preprocessor. */
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
	/* The result does not overflow for an int argument. */
	EXPECT_EQ(3153600000000000000, DEVMQ_MINUTES(years));
	EXPECT_EQ(3000000, DEVMQ_MS(1 + 2));
}

TEST_HARNESS_MAIN
