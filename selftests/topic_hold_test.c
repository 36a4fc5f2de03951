// SPDX-License-Identifier: GPL-2.0
/*
 * What one user does with a topic of his own costs others little, as in hold_test.c.
 */
#include <unistd.h>

#include "mq_test.h"
#include "fixtures/hold.h"
#include "helpers/clock.h"
#include "helpers/process.h"

/* Messages that the topic retains: less than a portion. */
#define RETAINED	60

static struct mq_queue topic;

/*
 * Give a command that has nothing to do with the topic, and open and close the queue.
 * Creating a queue would be as good, but other threads of the kernel do a part of it.
 */
static int command_and_open(const struct bystander *b)
{
	int fd, error = mq_control("bind t.nobody t.none");

	if (error != -ENOENT)
		return error ? error : -EEXIST;
	fd = mq_open(b->queue, O_WRONLY | O_NONBLOCK);
	return fd < 0 ? fd : close(fd);
}

/* Make a topic, and a message with @n headers. */
static int make_topic(struct mq_batch *batch, int n, const char *options)
{
	static char headers[DEVMQ_HEADERS_MAX];
	size_t size = 0;
	char name[16];

	while (n--) {
		snprintf(name, sizeof(name), "%x", n);
		size += mq_header_put(headers + size, name, "", 0);
	}
	mq_batch_free(batch);
	if (!mq_batch_add_full(batch, "a", 1, headers, size, "x", 1))
		return -ENOMEM;
	mq_name(&topic);
	return mq_control("create %s type=topic %s", topic.name, options);
}

static int retain_headers(FIXTURE_DATA(hold) *self, int n)
{
	struct mq_batch batch = {};
	int i, fd, error = make_topic(&batch, n, "retain_messages=1000");

	fd = error ? error : mq_open(&topic, O_WRONLY | O_NONBLOCK);
	for (i = 0; fd >= 0 && !error && i < RETAINED; i++)
		error = mq_send(fd, batch.data, batch.size, NULL);
	mq_batch_free(&batch);
	if (fd >= 0)
		close(fd);
	return error;
}

/* The binding is level when another one of the same two may be made. */
static int catch_up(FIXTURE_DATA(hold) *self, int n)
{
	int error = mq_control("bind %s %s header.none=1 start=earliest",
			       topic.name, self->queue.name);

	if (error)
		return error;
	do {
		mq_sleep_ms(1);
		error = mq_control("bind %s %s key=b", topic.name,
				   self->queue.name);
	} while (error == -EBUSY);
	return error;
}

/*
 * The last messages before a binding is level are looked at with no lock that
 * others need who have nothing to do with the topic.
 */
TEST_F(hold, binding_that_catches_up_keeps_no_lock_of_others)
{
	static const struct attack attack = {
		"", command_and_open, retain_headers, catch_up,
	};

	EXPECT_BOUNDED(&attack, 2000);
}

TEST_HARNESS_MAIN
