// SPDX-License-Identifier: GPL-2.0
/*
 * Who may use the control node, and who may use the queues: modes, owners, user
 * namespaces.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mq_test.h"
#include "helpers/process.h"
#include "fixtures/control.h"

/* -- access ----------------------------------------------------------------- */

static int nobody_opens(const char *path, int flags)
{
	pid_t child = mq_fork();

	if (!child) {
		int fd;

		if (mq_become(MQ_NOBODY, MQ_NOBODY))
			_exit(100);
		fd = open(path, flags);
		_exit(fd < 0 ? errno : 0);
	}
	return -mq_wait_child(child);
}

TEST_F(control, others_cannot_open_the_control_node)
{
	EXPECT_EQ(-EACCES, nobody_opens(MQ_CONTROL, O_WRONLY));
	EXPECT_EQ(-EACCES, nobody_opens(MQ_CONTROL, O_RDONLY));
	EXPECT_EQ(-EACCES, nobody_opens(MQ_CONTROL, O_RDWR));
}

TEST_F(control, descriptor_without_write_access_cannot_create)
{
	char command[128];
	int fd = open(MQ_CONTROL, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	EXPECT_EQ(-EBADF, mq_put(fd, command));
	EXPECT_FALSE(exists(self->queue.name));
	close(fd);
}

TEST_F(control, write_permission_is_all_that_creating_needs)
{
	struct stat stat_buffer;
	pid_t child;

	ASSERT_EQ(0, chmod(MQ_CONTROL, 0622));
	child = mq_fork();
	if (!child) {
		if (mq_become(1234, 2345))
			_exit(100);
		_exit(-mq_control("create %s", self->queue.name));
	}
	EXPECT_EQ(0, mq_wait_child(child));
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0600));
	ASSERT_EQ(0, stat(self->queue.path, &stat_buffer));
	EXPECT_EQ(1234, stat_buffer.st_uid);
	EXPECT_EQ(2345, stat_buffer.st_gid);
	EXPECT_EQ(0600, stat_buffer.st_mode & 07777);
	EXPECT_EQ(1234, mq_sysfs_number(&self->queue, "uid"));
	EXPECT_EQ(2345, mq_sysfs_number(&self->queue, "gid"));
}

/* Write the maps of a child's user namespace, and let the child go on. */
static int map_and_wait(pid_t child, int ready, int go, const char *uids,
			const char *gids)
{
	char path[64], byte = 0;

	if (read(ready, &byte, 1) != 1)
		return -EPIPE;
	if (uids) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
		if (mq_write_file(path, uids))
			return -EPERM;
		snprintf(path, sizeof(path), "/proc/%d/gid_map", child);
		if (mq_write_file(path, gids))
			return -EPERM;
	}
	if (write(go, &byte, 1) != 1)
		return -EPIPE;
	return mq_wait_child(child);
}

/*
 * Run the statements in a user namespace with these maps, as its root: 0 if all
 * assertions hold.
 */
#define IN_NAMESPACE(uids, gids, ...) ({				\
	int __ready[2], __go[2];					\
	char __byte = 0;						\
	pid_t __child;							\
									\
	ASSERT_EQ(0, pipe(__ready));					\
	ASSERT_EQ(0, pipe(__go));					\
	__child = mq_fork();						\
	if (!__child) {							\
		if (mq_become(1234, 2345) || unshare(CLONE_NEWUSER) ||	\
		    write(__ready[1], &__byte, 1) != 1 ||		\
		    read(__go[0], &__byte, 1) != 1)			\
			_exit(100);					\
		__VA_ARGS__						\
		_exit(0);						\
	}								\
	map_and_wait(__child, __ready[0], __go[1], uids, gids);		\
})

TEST_F(control, owner_is_shown_as_the_reader_knows_him)
{
	struct stat stat_buffer;

	if (access("/proc/self/ns/user", F_OK))
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0622));
	EXPECT_EQ(0, IN_NAMESPACE("7 1234 1", "8 2345 1", {
		if (mq_control("create %s", self->queue.name))
			_exit(1);
		if (mq_sysfs_number(&self->queue, "uid") != 7)
			_exit(2);
		if (mq_sysfs_number(&self->queue, "gid") != 8)
			_exit(3);
	}));
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0600));
	ASSERT_EQ(0, stat(self->queue.path, &stat_buffer));
	EXPECT_EQ(1234, stat_buffer.st_uid);
	EXPECT_EQ(2345, stat_buffer.st_gid);
	EXPECT_EQ(1234, mq_sysfs_number(&self->queue, "uid"));
	EXPECT_EQ(2345, mq_sysfs_number(&self->queue, "gid"));
}

TEST_F(control, owner_is_one_whom_the_creator_knows)
{
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0622));
	EXPECT_EQ(0, IN_NAMESPACE("7 1234 1", "8 2345 1", {
		if (mq_control("create %s uid=9", self->queue.name) != -EINVAL)
			_exit(1);
		if (mq_control("create %s gid=7", self->queue.name) != -EINVAL)
			_exit(2);
		if (mq_control("create %s uid=1234", self->queue.name) !=
		    -EINVAL)
			_exit(3);
		if (mq_control("create %s uid=65534", self->queue.name) !=
		    -EINVAL)
			_exit(4);
		if (mq_control("create %s uid=7 gid=8", self->queue.name))
			_exit(5);
	}));
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0600));
	EXPECT_EQ(1234, mq_sysfs_number(&self->queue, "uid"));
	EXPECT_EQ(2345, mq_sysfs_number(&self->queue, "gid"));
}

/* 65534 stands for any unknown user, and cannot own a queue. */
TEST_F(control, creator_who_is_nobody_in_his_namespace_is_refused)
{
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0666));
	EXPECT_EQ(0, IN_NAMESPACE(NULL, NULL, {
		char text[128] = "";
		int fd = open(MQ_CONTROL, O_RDWR);

		snprintf(text, sizeof(text), "create %s", self->queue.name);
		if (mq_put(fd, text) != -EOVERFLOW)
			_exit(1);
		if (read_all(fd, text, sizeof(text)) <= 0 ||
		    !strstr(text, "uid"))
			_exit(2);
		snprintf(text, sizeof(text), "create %s uid=65534 gid=65534",
			 self->queue.name);
		if (mq_put(fd, text) != -EINVAL)
			_exit(3);
	}));
	EXPECT_EQ(0, IN_NAMESPACE("7 1234 1", "8 9999 1", {
		if (mq_control("create %s", self->queue.name) != -EOVERFLOW)
			_exit(1);
		if (mq_control("create %s gid=8", self->queue.name))
			_exit(2);
	}));
	ASSERT_EQ(0, chmod(MQ_CONTROL, 0600));
	EXPECT_EQ(1234, mq_sysfs_number(&self->queue, "uid"));
	EXPECT_EQ(9999, mq_sysfs_number(&self->queue, "gid"));
}

TEST_F(control, mode_and_owner_decide_who_opens)
{
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, O_RDONLY));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, O_WRONLY));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, MQ_LOOK));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));

	ASSERT_EQ(0, mq_control("create %s mode=0622", self->queue.name));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, O_RDONLY));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, O_RDWR));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, MQ_LOOK));
	EXPECT_EQ(0, nobody_opens(self->queue.path, O_WRONLY));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));

	ASSERT_EQ(0, mq_control("create %s mode=0640 gid=%d", self->queue.name,
				MQ_NOBODY));
	EXPECT_EQ(0, nobody_opens(self->queue.path, O_RDONLY));
	EXPECT_EQ(-EACCES, nobody_opens(self->queue.path, O_WRONLY));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));

	ASSERT_EQ(0, mq_control("create %s uid=%d", self->queue.name,
				MQ_NOBODY));
	EXPECT_EQ(0, nobody_opens(self->queue.path, O_RDWR));
	EXPECT_EQ(0, nobody_opens(self->queue.path, MQ_LOOK));
}

TEST_F(control, node_has_the_mode_and_owner_asked_for)
{
	static const unsigned int modes[] = { 0, 0600, 0640, 0666, 0777, 0421 };
	struct stat stat_buffer;
	unsigned int i;

	/* The umask does not apply to nodes of queues. */
	umask(0077);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, mq_control("create %s mode=%o uid=%u gid=%u",
					self->queue.name, modes[i], 100 + i,
					200 + i));
		ASSERT_EQ(0, stat(self->queue.path, &stat_buffer));
		EXPECT_EQ(modes[i], stat_buffer.st_mode & 07777);
		EXPECT_EQ(100 + i, stat_buffer.st_uid);
		EXPECT_EQ(200 + i, stat_buffer.st_gid);
		ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	}
}

TEST_HARNESS_MAIN
