// SPDX-License-Identifier: GPL-2.0
/*
 * Each trace event of the module exists, and fires when the state changes.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/record.h"
#include "helpers/settle.h"

FIXTURE(trace) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	char instance[128];	/* a trace instance for this test */
	char text[65536];
};

static const char *tracefs(void)
{
	static const char * const places[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};
	char path[128];
	unsigned int i;

	if (access("/sys/kernel/tracing/events", F_OK))
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/events", places[i]);
		if (!access(path, F_OK))
			return places[i];
	}
	return NULL;
}

static int instance_write(FIXTURE_DATA(trace) *self, const char *file,
			  const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", self->instance, file);
	return mq_write_file(path, text);
}

FIXTURE_SETUP(trace)
{
	const char *place;
	char path[128];

	MQ_REQUIRE();
	place = tracefs();
	if (!place)
		SKIP(return, "no tracefs");
	/*
	 * Do not record the names of tasks: to do so, the kernel patches its
	 * scheduler each time, on all processors, and an emulated processor has
	 * been seen to run into the breakpoint that is there in the meantime.
	 */
	snprintf(path, sizeof(path), "%s/options/record-cmd", place);
	ASSERT_EQ(0, mq_write_file(path, "0"));
	snprintf(self->instance, sizeof(self->instance), "%s/instances/mq.%d",
		 place, getpid());
	if (mkdir(self->instance, 0700))
		SKIP(return, "no trace instances: %s", strerror(errno));
	ASSERT_EQ(0, instance_write(self, "events/devmq/enable", "1"));
	MQ_OPEN_QUEUE("ack=manual");
}

FIXTURE_TEARDOWN(trace)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
	EXPECT_EQ(0, instance_write(self, "events/devmq/enable", "0"));
	EXPECT_EQ(0, rmdir(self->instance));
}

/* How often has the event fired for our queue (and id, unless it is 0)? */
static int fired(FIXTURE_DATA(trace) *self, const char *event, int id)
{
	char path[256], name[64], queue[128], number[32], *line, *rest;
	int count = 0;

	snprintf(path, sizeof(path), "%s/trace", self->instance);
	if (mq_read_file(path, self->text, sizeof(self->text)))
		return -EIO;
	snprintf(name, sizeof(name), ": %s: ", event);
	snprintf(queue, sizeof(queue), "=%s ", self->queue.name);
	snprintf(number, sizeof(number), "id=%d ", id);
	for (line = strtok_r(self->text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		count += strstr(line, name) && strstr(line, queue) &&
			 (!id || strstr(line, number));
	return count;
}

TEST_F(trace, all_events_are_there)
{
	static const char * const events[] = {
		"mq_create", "mq_remove", "mq_send", "mq_deliver", "mq_ack",
		"mq_release", "mq_return", "mq_lease", "mq_retry", "mq_extend",
		"mq_defer", "mq_delay", "mq_due", "mq_expire", "mq_dead",
		"mq_dead_letter", "mq_redrive", "mq_dedup", "mq_drop",
		"mq_purge",
	};
	char path[256];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), "%s/events/devmq/%s/format",
			 self->instance, events[i]);
		EXPECT_EQ(0, access(path, R_OK)) {
			TH_LOG("no event %s", events[i]);
		}
	}
}

TEST_F(trace, create_and_remove)
{
	EXPECT_EQ(1, fired(self, "mq_create", 0));
	EXPECT_EQ(0, fired(self, "mq_remove", 0));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(1, fired(self, "mq_remove", 0));
}

TEST_F(trace, send_deliver_and_ack)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	EXPECT_EQ(1, fired(self, "mq_send", 1));
	EXPECT_EQ(1, fired(self, "mq_send", 2));
	EXPECT_EQ(0, fired(self, "mq_deliver", 0));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, fired(self, "mq_deliver", 1));
	EXPECT_EQ(0, fired(self, "mq_deliver", 2));
	EXPECT_EQ(0, fired(self, "mq_ack", 0));
	ASSERT_EQ(1, mq_ack(self->fd, 1));
	EXPECT_EQ(1, fired(self, "mq_ack", 1));
}

TEST_F(trace, automatic_acknowledgement)
{
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 0));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(1, fired(self, "mq_deliver", 1));
	EXPECT_EQ(1, fired(self, "mq_ack", 1));
}

TEST_F(trace, batches)
{
	char buffer[4096];
	struct devmq_recv recv;

	ASSERT_EQ(0, mq_fill_fast(self->fd, 10));
	EXPECT_EQ(10, fired(self, "mq_send", 0));
	ASSERT_EQ(0, mq_recv(self->fd, buffer, sizeof(buffer), &recv));
	EXPECT_EQ(10, fired(self, "mq_deliver", 0));
	ASSERT_EQ(10, mq_settle(self->fd, 1, 10, DEVMQ_ACTION_ACK));
	EXPECT_EQ(10, fired(self, "mq_ack", 0));
}

TEST_F(trace, release)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_release(self->fd, 1));
	EXPECT_EQ(1, fired(self, "mq_release", 1));
	EXPECT_EQ(0, fired(self, "mq_return", 0));
	EXPECT_EQ(0, fired(self, "mq_ack", 0));
}

TEST_F(trace, return_at_close)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(1, fired(self, "mq_return", 1));
	EXPECT_EQ(1, fired(self, "mq_return", 0));
	EXPECT_EQ(0, fired(self, "mq_release", 0));
}

TEST_F(trace, drop)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "2"));
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	EXPECT_EQ(1, fired(self, "mq_drop", 1));
	EXPECT_EQ(1, fired(self, "mq_drop", 0));
	EXPECT_EQ(3, fired(self, "mq_send", 0));
}

TEST_F(trace, purge)
{
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(1, mq_purge(self->fd, 2, 2));
	EXPECT_EQ(1, fired(self, "mq_purge", 2));
	EXPECT_EQ(1, fired(self, "mq_purge", 0));
}

TEST_F(trace, retry_delay_and_due)
{
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_retry(self->fd, 1, 0));
	EXPECT_EQ(1, fired(self, "mq_retry", 1));
	EXPECT_EQ(0, fired(self, "mq_delay", 0));
	ASSERT_EQ(1, mq_retry(self->fd, 2, 20 * MQ_MS));
	EXPECT_EQ(1, fired(self, "mq_retry", 2));
	EXPECT_EQ(1, fired(self, "mq_delay", 2));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 2));
	EXPECT_EQ(1, fired(self, "mq_due", 2));
	EXPECT_EQ(1, fired(self, "mq_due", 0));
	EXPECT_EQ(0, fired(self, "mq_release", 0));
	EXPECT_EQ(0, fired(self, "mq_return", 0));
}

TEST_F(trace, first_delay)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .delay_ns = 20 * MQ_MS));
	EXPECT_EQ(1, fired(self, "mq_send", 1));
	EXPECT_EQ(1, fired(self, "mq_delay", 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(1, fired(self, "mq_due", 1));
	EXPECT_EQ(1, fired(self, "mq_send", 1));
}

TEST_F(trace, lease_and_extend)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	EXPECT_EQ(0, fired(self, "mq_extend", 0));
	ASSERT_EQ(1, mq_extend(self->fd, 1, 1));
	EXPECT_EQ(1, fired(self, "mq_extend", 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, ready) == 1));
	EXPECT_EQ(1, fired(self, "mq_lease", 1));
	EXPECT_EQ(0, fired(self, "mq_return", 0));
}

TEST_F(trace, defer)
{
	char buffer[256];
	struct devmq_recv recv;

	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_defer(self->fd, 1));
	EXPECT_EQ(1, fired(self, "mq_defer", 1));
	ASSERT_EQ(0, mq_recv_id(self->fd, 1, buffer, sizeof(buffer), &recv));
	EXPECT_EQ(2, fired(self, "mq_deliver", 1));
}

TEST_F(trace, expire)
{
	ASSERT_EQ(1, MQ_SEND(self->fd, .text = "x", .ttl_ns = 1));
	EXPECT_TRUE(mq_wait_until(mq_stat_of(&self->queue, expired) == 1));
	EXPECT_EQ(1, fired(self, "mq_expire", 1));
	EXPECT_EQ(0, fired(self, "mq_dead", 0));
}

TEST_F(trace, dead_and_redrive)
{
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(1, mq_reject(self->fd, 1));
	EXPECT_EQ(1, fired(self, "mq_dead", 1));
	EXPECT_EQ(0, fired(self, "mq_dead_letter", 0));
	ASSERT_EQ(1, mq_redrive(self->fd, 0, 0, -1, NULL));
	EXPECT_EQ(1, fired(self, "mq_redrive", 1));
}

TEST_F(trace, dead_letter)
{
	struct mq_queue grave;

	ASSERT_EQ(0, mq_create(&grave, ""));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",
				  grave.name));
	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	ASSERT_EQ(1, mq_reject(self->fd, 2));
	EXPECT_EQ(1, fired(self, "mq_dead_letter", 2));
	EXPECT_EQ(1, fired(self, "mq_dead_letter", 0));
	EXPECT_EQ(0, fired(self, "mq_dead", 0));
	EXPECT_EQ(2, fired(self, "mq_send", 0));
	/* It is sent to the dead-letter queue, with a new id. */
	memcpy(self->queue.name, grave.name, sizeof(grave.name));
	EXPECT_EQ(1, fired(self, "mq_send", 1));
}

TEST_F(trace, duplicate)
{
	struct mq_batch batch = {};

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dedup_window_ms", "3600000"));
	mq_batch_add_message(&batch, &(struct mq_message) {
		.text = "x", .dedup = "id",
	});
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	EXPECT_EQ(0, fired(self, "mq_dedup", 0));
	ASSERT_EQ(0, mq_send(self->fd, batch.data, batch.size, NULL));
	EXPECT_EQ(1, fired(self, "mq_dedup", 0));
	EXPECT_EQ(1, fired(self, "mq_send", 0));
	mq_batch_free(&batch);
}

TEST_F(trace, refused_calls_fire_nothing)
{
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	EXPECT_EQ(-EAGAIN, mq_put(self->fd, "x"));
	EXPECT_EQ(-EINVAL, mq_send(self->fd, "x", 1, NULL));
	EXPECT_EQ(-ESTALE, mq_ack(self->fd, 1));
	EXPECT_EQ(1, fired(self, "mq_send", 0));
	EXPECT_EQ(0, fired(self, "mq_ack", 0));
	EXPECT_EQ(0, fired(self, "mq_drop", 0));
}

TEST_HARNESS_MAIN
