// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to a group of changes, which a journal writes together. Its file system is
 * frozen while the group is written, so that it is known what comes meanwhile.
 */
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/journal.h"
#include "helpers/queue.h"
#include "helpers/settle.h"

/* As many changes are taken at a time. */
#define PORTION		64

/* PORTION of them are more than a segment takes. */
#define BIG		6000

/* Flushes when one segment is full, and the next one is begun. */
#define SEGMENT_FLUSHES	2

/* Messages that come while the group is written, and the least bytes of their states. */
#define LATE		200
#define LATE_BYTES	(LATE * 48)

/* When there is no room, what was there first moves to another queue. */
#define MOVES	"journal=%s overflow=dead-letter dead_letter=%s"

FIXTURE(group) {
	struct journal_file j;
	struct devmq_journal_info info;
	struct mq_queue from, late, to, other, back;
	char delay[32];
	char where[64];
	int root;
	bool mounted, attached;
	pthread_t thread;
	int fd;
};

static bool make_disk(const char *where)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "D=%s; mkdir $D && truncate -s 64M $D.disk && mkfs.ext4 -qF $D.disk", where);
	if (system(command))
		return false;
	/* The loop device is detached when the file system is unmounted. */
	snprintf(command, sizeof(command),
		 "D=%s; L=$(losetup -f) && losetup $L $D.disk && { mount -t ext4 $L $D; E=$?; losetup -d $L; exit $E; }",
		 where);
	return !system(command);
}

FIXTURE_SETUP(group)
{
	MQ_REQUIRE();
	self->root = -1;
	ASSERT_EQ(0, mq_read_file(JOURNAL_DELAY, self->delay, sizeof(self->delay)));
	snprintf(self->where, sizeof(self->where), "/tmp/group.%d", getpid());
	self->mounted = make_disk(self->where);
	if (!self->mounted)
		SKIP(return, "no file system on a loop device");
	self->root = open(self->where, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->root);
	ASSERT_EQ(0, journal_make_in(&self->j, self->where, 8 << 20));
	ASSERT_EQ(0, journal_attach(&self->j));
	self->attached = true;
	/* Nothing is written that nobody waits for. */
	ASSERT_EQ(0, mq_write_file(JOURNAL_DELAY, "3600000"));
	ASSERT_EQ(0, mq_create(&self->to, "journal=%s", self->j.name));
	ASSERT_EQ(0, mq_create(&self->other, "journal=%s", self->j.name));
	ASSERT_EQ(0, mq_create(&self->from, MOVES " max_messages=1", self->j.name,
			       self->to.name));
	ASSERT_EQ(0, mq_create(&self->late, MOVES, self->j.name, self->to.name));
	self->fd = mq_open(&self->other, O_WRONLY);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(group)
{
	char command[256];

	if (self->root >= 0)
		ioctl(self->root, FITHAW, 0);
	mq_write_file(JOURNAL_DELAY, self->delay);
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
	if (self->attached)
		EXPECT_EQ(0, journal_detach_name(self->j.name, DEVMQ_JOURNAL_FORCE));
	close(self->root);
	if (self->mounted)
		EXPECT_EQ(0, umount(self->where));
	snprintf(command, sizeof(command), "rm -rf %s %s.disk", self->where, self->where);
	EXPECT_EQ(0, system(command));
}

/* Send @count messages of @bytes. Return how many there were. */
static int send_some(const struct mq_queue *queue, int count, size_t bytes)
{
	static char data[BIG];
	int fd = mq_open(queue, O_WRONLY | O_NONBLOCK), n = 0;

	while (n < count && mq_write(fd, data, bytes) == (ssize_t)bytes)
		n++;
	close(fd);
	return n;
}

static void *confirm(void *fd)
{
	return (void *)(long)fsync(*(int *)fd);
}

/* Let somebody wait for a group, which stops in the middle of what @to has. */
static bool group_stops(FIXTURE_DATA(group) *self)
{
	if (ioctl(self->root, FIFREEZE, 0) ||
	    pthread_create(&self->thread, NULL, confirm, &self->fd))
		return false;
	return mq_wait_until(!journal_info(&self->j, &self->info) &&
			     self->info.state == DEVMQ_JOURNAL_FROZEN);
}

/* Let the group go on. Return 0 when it is confirmed. */
static long group_ends(FIXTURE_DATA(group) *self)
{
	void *result = (void *)-1L;

	if (ioctl(self->root, FITHAW, 0) || pthread_join(self->thread, &result))
		return -1;
	return (long)result;
}

/* What moves to a queue while a group takes its changes belongs to the next group. */
TEST_F(group, ends_though_messages_are_moved_all_the_time)
{
	__u64 written;

	ASSERT_EQ(LATE, send_some(&self->late, LATE, 10));
	ASSERT_EQ(0, mq_sysfs_set(&self->late, "max_messages", "1"));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(PORTION + 1, send_some(&self->from, PORTION + 1, BIG));
	ASSERT_EQ(PORTION, mq_stat_of(&self->to, ready));
	ASSERT_TRUE(group_stops(self));
	/* One that is sent moves all that are there. The journal has these. */
	ASSERT_EQ(1, send_some(&self->late, 1, 10));
	ASSERT_EQ(PORTION + LATE, mq_stat_of(&self->to, ready));
	ASSERT_EQ(0, group_ends(self));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	written = self->info.written;
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_LT(written + LATE_BYTES, self->info.written);
}

/*
 * A caller waits for a message that leaves its queue before the group has taken its
 * change, for one whose changes it has taken, and goes there and back: the group has it.
 */
TEST_F(group, has_a_message_that_moves_all_the_time)
{
	__u64 flushes;
	int i;

	ASSERT_EQ(0, mq_sysfs_set(&self->late, "max_messages", "2"));
	ASSERT_EQ(0, mq_create(&self->back, "journal=%s", self->j.name));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, send_some(&self->back, 1, 10));
	ASSERT_EQ(PORTION + 1, send_some(&self->from, PORTION + 1, BIG));
	ASSERT_EQ(1, send_some(&self->late, 1, 10));
	ASSERT_TRUE(group_stops(self));
	ASSERT_EQ(1, mq_purge_queue(&self->back, 0, 0));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, mq_move_ready(&self->late, &self->back));
		ASSERT_EQ(1, mq_move_ready(&self->back, &self->late));
	}
	ASSERT_EQ(1, mq_move_ready(&self->late, &self->back));
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	ASSERT_EQ(0, group_ends(self));
	flushes = self->info.flushes;
	ASSERT_EQ(0, journal_info(&self->j, &self->info));
	EXPECT_EQ(flushes + SEGMENT_FLUSHES + 1, self->info.flushes);
	ASSERT_EQ(0, journal_crash(&self->j));
	EXPECT_EQ(1, mq_stat_of(&self->back, ready));
	EXPECT_EQ(0, mq_stat_of(&self->late, ready));
}

TEST_HARNESS_MAIN
