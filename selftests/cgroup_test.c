// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of messages is charged to their sender's control group.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/journal.h"
#include "helpers/process.h"
#include "helpers/record.h"
#include "helpers/settle.h"
#include "helpers/used.h"

#define MEBI (1 << 20)

FIXTURE(cgroup) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK */
	bool mounted;
	char root[64];
	char group[128];
};

static int group_write(const char *group, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return mq_write_file(path, text);
}

static long long group_number(const char *group, const char *file)
{
	char path[256], text[64];
	int error;

	snprintf(path, sizeof(path), "%s/%s", group, file);
	error = mq_read_file(path, text, sizeof(text));
	return error ? error : atoll(text);
}

/* A counter of memory.events. */
static long long group_event(const char *group, const char *name)
{
	char path[256], text[1024], *found;

	snprintf(path, sizeof(path), "%s/memory.events", group);
	if (mq_read_file(path, text, sizeof(text)))
		return -ENOENT;
	for (found = text; (found = strstr(found, name)); found++)
		if ((found == text || found[-1] == '\n') &&
		    found[strlen(name)] == ' ')
			return atoll(found + strlen(name));
	return -ENOENT;
}

FIXTURE_SETUP(cgroup)
{
	char path[256], text[1024];

	MQ_REQUIRE();
	snprintf(self->root, sizeof(self->root), "/tmp/cgroup_test.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	if (mount("cgroup2", self->root, "cgroup2", 0, NULL)) {
		rmdir(self->root);
		SKIP(return, "no cgroup2: %s", strerror(errno));
	}
	self->mounted = true;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", self->root);
	if (mq_read_file(path, text, sizeof(text)) || !strstr(text, "memory")) {
		umount(self->root);
		rmdir(self->root);
		SKIP(return, "no memory controller in cgroup2");
	}
	ASSERT_EQ(0, group_write(self->root, "cgroup.subtree_control",
				 "+memory"));
	snprintf(self->group, sizeof(self->group), "%s/mq.%d", self->root,
		 getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
	MQ_OPEN_QUEUE("max_bytes=1G");
}

FIXTURE_TEARDOWN(cgroup)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
	/* The group can be removed once no process is in it. */
	EXPECT_TRUE(mq_wait_until(!rmdir(self->group)));
	EXPECT_EQ(0, umount(self->root));
	rmdir(self->root);
}

/* Send messages. Returns 0, or an errno for a child's exit status. */
static int send_many(FIXTURE_DATA(cgroup) *self, int count, size_t size)
{
	static char data[MEBI];
	int i;

	for (i = 0; i < count; i++)
		if (mq_write(self->fd, data, size) != (ssize_t)size)
			return errno;
	return 0;
}

static int batch_many(FIXTURE_DATA(cgroup) *self, int count, size_t size)
{
	struct mq_batch batch = {};
	char data[4096] = {};
	int i;

	for (i = 0; i < 16; i++)
		mq_batch_add_full(&batch, NULL, 0, NULL, 0, data, size);
	for (i = 0; i < count; i += 16)
		if (mq_send(self->fd, batch.data, batch.size, NULL))
			return errno;
	return 0;
}

/*
 * Run @send in a child in the group: 0, its errno, or 128 plus the signal that
 * killed the child.
 */
static int in_group(FIXTURE_DATA(cgroup) *self,
		    int (*send)(FIXTURE_DATA(cgroup) *, int, size_t), int count,
		    size_t size)
{
	pid_t child = mq_fork();

	if (!child) {
		if (group_write(self->group, "cgroup.procs", "0"))
			_exit(200);
		_exit(send(self, count, size));
	}
	return mq_wait_child(child);
}

TEST_F(cgroup, messages_are_charged_to_the_group_of_their_sender)
{
	long long before, full, after;
	int got = 0;

	/*
	 * The sender is charged, although a process outside the group opened
	 * the descriptor.
	 */
	EXPECT_EQ(0, in_group(self, send_many, 1, 1000));
	before = group_number(self->group, "memory.current");
	ASSERT_LE(0, before);
	EXPECT_EQ(0, in_group(self, send_many, 8000, 1000));
	full = group_number(self->group, "memory.current");
	EXPECT_LE(before + 7 * MEBI, full);
	/*
	 * Not charged twice; the slack is for debug kernels, which pad
	 * allocations.
	 */
	EXPECT_GE(before + 64 * MEBI, full);

	/*
	 * Receiving uncharges the group of the sender, whichever group
	 * receives.
	 */
	while (mq_read(self->fd, (char [1000]) {}, 1000) == 1000)
		got++;
	EXPECT_EQ(8001, got);
	EXPECT_TRUE(mq_wait_until((after = group_number(self->group,
							"memory.current")) <
				  before + 3 * MEBI)) {
		TH_LOG("still charged: %lld bytes", after);
	}
}

TEST_F(cgroup, batches_are_charged_too)
{
	long long before, full;

	EXPECT_EQ(0, in_group(self, batch_many, 16, 64));
	before = group_number(self->group, "memory.current");
	ASSERT_LE(0, before);
	EXPECT_EQ(0, in_group(self, batch_many, 4000, 2000));
	full = group_number(self->group, "memory.current");
	EXPECT_LE(before + 7 * MEBI, full);
}

TEST_F(cgroup, small_messages_are_charged_with_what_they_need)
{
	long long before, full;

	EXPECT_EQ(0, in_group(self, batch_many, 16, 1));
	before = group_number(self->group, "memory.current");
	EXPECT_EQ(0, in_group(self, batch_many, 32000, 1));
	full = group_number(self->group, "memory.current");
	/* More than the 32000 bytes of payload: metadata is charged, too. */
	EXPECT_LE(before + 2 * MEBI, full);
}

TEST_F(cgroup, large_messages_are_charged_too)
{
	long long before, full;

	EXPECT_EQ(0, in_group(self, send_many, 1, 1000));
	before = group_number(self->group, "memory.current");
	EXPECT_EQ(0, in_group(self, send_many, 16, MEBI));
	full = group_number(self->group, "memory.current");
	EXPECT_LE(before + 15 * MEBI, full);
}

/* Memory of freed messages is kept for the next ones, but not for long. */
TEST_F(cgroup, nothing_is_kept_for_long_for_a_group_that_sends_no_more)
{
	long long before, after;
	char data[15000];	/* four of them fill the largest chunk */

	EXPECT_EQ(0, in_group(self, send_many, 1, sizeof(data)));
	before = group_number(self->group, "memory.current");
	ASSERT_LE(0, before);
	EXPECT_EQ(0, in_group(self, send_many, 2000, sizeof(data)));
	while (mq_read(self->fd, data, sizeof(data)) == sizeof(data))
		;
	EXPECT_TRUE(mq_wait_until((after = group_number(self->group,
							"memory.current")) <
				  before + 3 * MEBI / 4)) {
		TH_LOG("still charged: %lld bytes, before: %lld", after, before);
	}
}

TEST_F(cgroup, sender_over_its_limit_gets_enomem_and_lives)
{
	long long sent;

	ASSERT_EQ(0, group_write(self->group, "memory.max", "16M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, send_many, 100000, 1000));
	sent = mq_stat_of(&self->queue, sent);
	EXPECT_LT(1000, sent);
	EXPECT_GT(20000, sent);
	EXPECT_EQ(sent, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));

	/*
	 * Others can still send, and so can the group once its messages are
	 * purged.
	 */
	EXPECT_EQ(1, mq_put(self->fd, "x"));
	EXPECT_EQ(sent + 1, mq_purge(self->fd, 0, 0));
	EXPECT_EQ(0, in_group(self, send_many, 100, 1000));
}

TEST_F(cgroup, batch_over_its_limit_gets_enomem_and_lives)
{
	ASSERT_EQ(0, group_write(self->group, "memory.max", "16M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, batch_many, 100000, 1000));
	EXPECT_LT(1000, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));
}

/* A topic with two queues, in the place of self->queue: self->fd sends to it. */
#define BOUND_TO_A_TOPIC(q) do {						\
	int i;									\
										\
	close(self->fd);							\
	mq_name(&self->queue);							\
	ASSERT_EQ(0, mq_control("create %s type=topic", self->queue.name));	\
	for (i = 0; i < 2; i++) {						\
		ASSERT_EQ(0, mq_create(&(q)[i], "max_bytes=1G"));		\
		ASSERT_EQ(0, mq_control("bind %s %s", self->queue.name,		\
					(q)[i].name));				\
	}									\
	self->fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);							\
} while (0)

TEST_F(cgroup, payload_of_a_topic_is_charged_once_to_its_sender)
{
	long long before, full;
	struct mq_queue q[2];

	BOUND_TO_A_TOPIC(q);
	EXPECT_EQ(0, in_group(self, send_many, 1, 1000));
	before = group_number(self->group, "memory.current");
	ASSERT_LE(0, before);
	EXPECT_EQ(0, in_group(self, send_many, 16, MEBI));
	full = group_number(self->group, "memory.current");
	EXPECT_LE(before + 16 * MEBI, full);
	EXPECT_GE(before + 24 * MEBI, full);
	EXPECT_EQ(17, mq_stat_of(&q[0], ready));
	EXPECT_EQ(17, mq_stat_of(&q[1], ready));
}

TEST_F(cgroup, topic_over_the_limit_of_its_sender_stores_nothing)
{
	struct mq_queue q[2];
	long long sent;

	BOUND_TO_A_TOPIC(q);
	ASSERT_EQ(0, group_write(self->group, "memory.max", "16M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, send_many, 100, MEBI));
	sent = mq_stat_of(&self->queue, sent);
	/* Copied, they would be half as many at the most. */
	EXPECT_LT(8, sent);
	EXPECT_EQ(sent, mq_stat_of(&q[0], ready));
	EXPECT_EQ(sent, mq_stat_of(&q[1], ready));
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));
}

TEST_F(cgroup, large_message_over_the_limit_gets_enomem_and_lives)
{
	ASSERT_EQ(0, group_write(self->group, "memory.max", "16M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, send_many, 100, MEBI));
	EXPECT_LT(2, mq_stat_of(&self->queue, sent));
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));
}

/* -- what a topic has in its journal alone ---------------------------------- */

/*
 * The sender has filled its group with what a topic retains. That leaves memory all the
 * same, and what takes its place is charged to the group as well.
 */
TEST_F(cgroup, messages_leave_memory_for_their_journal_if_the_group_is_full)
{
	struct journal_file j;
	long long sent, left;

	ASSERT_EQ(0, journal_make(&j, 64 * MEBI));
	ASSERT_EQ(0, journal_attach(&j));
	close(self->fd);
	mq_name(&self->queue);
	ASSERT_EQ(0, mq_control("create %s type=topic journal=%s retain_messages=1000000",
				self->queue.name, j.name));
	self->fd = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, group_write(self->group, "memory.max", "16M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, send_many, 100000, 1000));
	sent = mq_stat_of(&self->queue, retained);
	EXPECT_LT(1000, sent);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "retain_memory_bytes", "1"));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_TRUE(mq_wait_until(!mq_stat_of(&self->queue, retained_memory_bytes)));
	left = group_number(self->group, "memory.current");
	EXPECT_LE(mq_used() / 2, left) {
		TH_LOG("%lld are charged for %lld messages", left, sent);
	}
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));
	/* There is room again. */
	EXPECT_EQ(0, in_group(self, send_many, 1000, 1000));
	ASSERT_EQ(0, mq_remove(&self->queue));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, journal_detach(&j));
	journal_unlink(&j);
}

/* -- dead letters ---------------------------------------------------------- */

/* Reject all ready messages, from outside the group. */
static int reject_all(FIXTURE_DATA(cgroup) *self)
{
	static char buffer[MEBI];
	struct devmq_recv recv;
	struct devmq_record *r = (void *)buffer;
	int error;

	for (;;) {
		error = mq_recv(self->fd, buffer, sizeof(buffer), &recv);
		if (error)
			return error == -EAGAIN ? 0 : error;
		error = mq_settle(self->fd, r->id, r->id + recv.count - 1,
				  DEVMQ_ACTION_REJECT);
		if (error != recv.count)
			return error < 0 ? error : -EBADMSG;
	}
}

/* Wait until all messages have expired. */
static int wait_for_death(FIXTURE_DATA(cgroup) *self)
{
	return mq_wait_until(!mq_stat_of(&self->queue, ready)) ? 0 : -ETIME;
}

/*
 * The group sends until it exceeds its limit, or 48 MB in all. After each
 * round, @die makes all messages leave the queue as dead.
 */
#define EXPECT_CHARGED_WHEN_DEAD(die) do {				\
	int _round, _error = 0;						\
	long long _held;						\
									\
	ASSERT_EQ(0, mq_create(&dead, "max_bytes=1G"));			\
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s",	\
				  dead.name));				\
	ASSERT_EQ(0, group_write(self->group, "memory.max", "20M"));	\
	group_write(self->group, "memory.swap.max", "0");		\
	for (_round = 0; _round < 12 && !_error; _round++) {		\
		_error = in_group(self, send_many, 4000, 1000);		\
		ASSERT_EQ(0, die(self));				\
	}								\
	EXPECT_EQ(ENOMEM, _error);					\
	_held = mq_stat_of(&dead, bytes);				\
	/* A debug kernel uses 6 KB for each message. */		\
	EXPECT_LE(2 * MEBI, _held);					\
	EXPECT_GE(20 * MEBI, _held);					\
	EXPECT_LE(_held, group_number(self->group, "memory.current"));	\
	EXPECT_EQ(mq_stat_of(&self->queue, sent),			\
		  mq_stat_of(&self->queue, dead_lettered) +		\
		  mq_stat_of(&self->queue, dead));			\
	EXPECT_EQ(0, group_event(self->group, "oom_kill"));		\
	/* Their removal uncharges the group, which can send. */	\
	ASSERT_EQ(0, mq_remove(&dead));					\
	EXPECT_TRUE(mq_wait_until(group_number(self->group,		\
			"memory.current") < 4 * MEBI));			\
	EXPECT_EQ(0, in_group(self, send_many, 100, 1000));		\
} while (0)

TEST_F(cgroup, what_others_reject_stays_charged_to_its_sender)
{
	struct mq_queue dead;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	EXPECT_CHARGED_WHEN_DEAD(reject_all);
}

/*
 * Who rejects messages does not look for memory that the group of their sender may not
 * have: that would take him long, for each of them.
 */
TEST_F(cgroup, who_rejects_reclaims_nothing_for_a_sender_without_memory)
{
	struct mq_queue dead;
	long long before;

	ASSERT_EQ(0, mq_create(&dead, "max_bytes=1G"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "dead_letter", "%s", dead.name));
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, group_write(self->group, "memory.max", "8M"));
	group_write(self->group, "memory.swap.max", "0");
	EXPECT_EQ(ENOMEM, in_group(self, send_many, 20000, 1000));
	before = group_event(self->group, "max");
	ASSERT_LT(0, before);
	EXPECT_EQ(0, reject_all(self));
	EXPECT_LE(500, mq_stat_of(&dead, sent));
	EXPECT_GE(before + 20, group_event(self->group, "max"));
}

TEST_F(cgroup, what_dies_by_itself_stays_charged_to_its_sender)
{
	struct mq_queue dead;

	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "on_expiry", "dead"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "ttl_ms", "1"));
	EXPECT_CHARGED_WHEN_DEAD(wait_for_death);
}

TEST_HARNESS_MAIN
