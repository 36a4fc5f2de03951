// SPDX-License-Identifier: GPL-2.0
/*
 * The control node: commands, names, and what is refused because of what there is.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mq_test.h"
#include "helpers/memory.h"
#include "helpers/process.h"
#include "helpers/settle.h"
#include "fixtures/control.h"

/* -- the grammar of the commands ------------------------------------------- */

TEST_F(control, node_belongs_to_root_alone)
{
	struct stat stat_buffer;

	ASSERT_EQ(0, stat(MQ_CONTROL, &stat_buffer));
	EXPECT_TRUE(S_ISCHR(stat_buffer.st_mode));
	EXPECT_EQ(0600, stat_buffer.st_mode & 07777);
	EXPECT_EQ(0, stat_buffer.st_uid);
	EXPECT_EQ(0, stat_buffer.st_gid);
}

TEST_F(control, create_makes_node_and_sysfs_at_once)
{
	struct stat stat_buffer;
	char path[256], text[256];

	EXPECT_FALSE(exists(self->queue.name));
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, stat(self->queue.path, &stat_buffer));
	EXPECT_TRUE(S_ISCHR(stat_buffer.st_mode));
	EXPECT_EQ(0600, stat_buffer.st_mode & 07777);
	EXPECT_EQ(0, stat_buffer.st_uid);
	EXPECT_EQ(0, stat_buffer.st_gid);

	snprintf(path, sizeof(path), MQ_CLASS "/%s", self->queue.name);
	ASSERT_EQ(0, stat(path, &stat_buffer));
	EXPECT_TRUE(S_ISDIR(stat_buffer.st_mode));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, "uevent", text, sizeof(text)));
	snprintf(path, sizeof(path), "DEVNAME=mq/%s", self->queue.name);
	EXPECT_NE(NULL, strstr(text, path));
}

/* The kinds of files that can exist at a queue's path before its creation. */
enum in_the_way { A_FILE, A_DIRECTORY, A_LINK, A_DEVICE };

static int put_in_the_way(const struct mq_queue *queue, enum in_the_way what)
{
	int fd;

	switch (what) {
	case A_FILE:
		fd = open(queue->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		return fd < 0 ? -errno : close(fd);
	case A_DIRECTORY:
		return mkdir(queue->path, 0700) ? -errno : 0;
	case A_LINK:
		return symlink(MQ_CONTROL, queue->path) ? -errno : 0;
	default:
		return mknod(queue->path, S_IFCHR | 0600, makedev(1, 3)) ?
		       -errno : 0;
	}
}

TEST_F(control, create_fails_and_undoes_itself_where_a_file_is_in_the_way)
{
	char command[128], path[128], reason[256];
	struct stat before, after;
	int what, count = queues();

	snprintf(command, sizeof(command), "create %s", self->queue.name);
	snprintf(path, sizeof(path), "%s:", self->queue.path);
	for (what = A_FILE; what <= A_DEVICE; what++) {
		ASSERT_EQ(0, put_in_the_way(&self->queue, what));
		ASSERT_EQ(0, lstat(self->queue.path, &before));
		EXPECT_EQ(-EBUSY, mq_put(self->fd, command));
		ASSERT_LT(0, read_all(self->fd, reason, sizeof(reason)));
		EXPECT_NE(NULL, strstr(reason, path)) {
			TH_LOG("%s", reason);
		}
		EXPECT_EQ(count, queues());
		ASSERT_EQ(0, lstat(self->queue.path, &after));
		EXPECT_EQ(before.st_ino, after.st_ino);
		EXPECT_EQ(before.st_mode, after.st_mode);
		EXPECT_EQ(0, remove(self->queue.path));
		EXPECT_EQ(-ENOENT, mq_control("remove %s", self->queue.name));
	}
	EXPECT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_TRUE(exists(self->queue.name));
}

TEST_F(control, create_that_fails_for_a_file_keeps_no_dead_letter_queue)
{
	struct mq_queue grave;

	ASSERT_EQ(0, mq_create(&grave, ""));
	ASSERT_EQ(0, put_in_the_way(&self->queue, A_FILE));
	EXPECT_EQ(-EBUSY, mq_control("create %s dead_letter=%s",
				     self->queue.name, grave.name));
	EXPECT_EQ(0, unlink(self->queue.path));
	/* No queue uses the dead-letter queue any more. */
	EXPECT_EQ(0, mq_control("remove %s", grave.name));
}

/*
 * The process has a root without /dev: the module looks where the control node
 * is.
 */
TEST_F(control, file_in_the_way_is_seen_from_another_root)
{
	char command[128];
	pid_t child;

	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(0, put_in_the_way(&self->queue, A_FILE));
	child = mq_fork();
	if (!child)
		_exit(chroot("/tmp") ||
		      mq_put(self->fd, command) != -EBUSY);
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_EQ(0, unlink(self->queue.path));
	child = mq_fork();
	if (!child)
		_exit(chroot("/tmp") ||
		      mq_put(self->fd, command) != strlen(command));
	EXPECT_EQ(0, mq_wait_child(child));
	EXPECT_TRUE(exists(self->queue.name));
}

/*
 * If another program makes the nodes, the module cannot know where they will
 * be.
 */
TEST_F(control, control_node_elsewhere_looks_for_no_file)
{
	char path[] = "/run/control_test.XXXXXX", node[64];
	struct stat stat_buffer;
	char command[128];
	int fd;

	ASSERT_EQ(0, stat(MQ_CONTROL, &stat_buffer));
	ASSERT_NE(NULL, mkdtemp(path));
	ASSERT_EQ(0, mount("none", path, "tmpfs", 0, NULL));
	snprintf(node, sizeof(node), "%s/control", path);
	ASSERT_EQ(0, mknod(node, S_IFCHR | 0600, stat_buffer.st_rdev));
	fd = open(node, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, put_in_the_way(&self->queue, A_FILE));
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	EXPECT_EQ(strlen(command), mq_put(fd, command));
	EXPECT_EQ(0, unlink(self->queue.path));
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
	close(fd);
	EXPECT_EQ(0, umount2(path, MNT_DETACH));
	EXPECT_EQ(0, rmdir(path));
}

TEST_F(control, remove_takes_node_and_sysfs_away_at_once)
{
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_TRUE(exists(self->queue.name));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_FALSE(exists(self->queue.name));
	EXPECT_EQ(-ENOENT, mq_open(&self->queue, O_RDWR));
}

TEST_F(control, ending_newline_is_allowed)
{
	ASSERT_EQ(0, mq_control("create %s max_messages=7\n",
				self->queue.name));
	EXPECT_EQ(7, mq_sysfs_number(&self->queue, "max_messages"));
	EXPECT_EQ(0, mq_control("remove %s force\n", self->queue.name));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, write_returns_its_whole_size)
{
	char command[128];

	snprintf(command, sizeof(command), "create %s\n", self->queue.name);
	EXPECT_EQ(strlen(command), mq_put(self->fd, command));
	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(strlen(command), mq_put(self->fd, command));
}

TEST_F(control, one_descriptor_takes_many_commands)
{
	char command[128];
	int i;

	for (i = 0; i < 10; i++) {
		snprintf(command, sizeof(command), "create %s",
			 self->queue.name);
		ASSERT_LT(0, mq_put(self->fd, command));
		snprintf(command, sizeof(command), "remove %s",
			 self->queue.name);
		ASSERT_LT(0, mq_put(self->fd, command));
	}
}

TEST_F(control, bad_syntax_is_refused_and_does_nothing)
{
	static const char * const bad[] = {
		"\n",
		" ",
		"create",
		"create ",
		"create\n",
		"remove",
		"remove\x20\n",
		"frobnicate %s",
		"Create %s",
		"creat %s",
		"created %s",
		"bind %s",
		"unbind %s",
		"bind %s other key",
		"unbind %s other key",
		"%s",
		"create %s force",
		"create %s =",
		"create %s =1",
		"create %s max_messages",
		"create %s max_messages=",
		"create %s max_messages=1 nonsense",
		"create %s max_messages==1",
		"create %s max_messages =1",
		"create %s max_messages= 1",
		"create %s max_messages=1=1",
		"create %s max_messages=1;max_bytes=1",
		"create %s MAX_MESSAGES=1",
		"create %s max-messages=1",
		"create %s max_message=1",
		"create %s max_messages_=1",
		"create %s max_messages=1\ncreate %s.2",
		"create %s\ncreate %s.2\n",
		"create %s\nremove %s",
		"create %s\n\n",
		"\ncreate %s",
	};
	char command[512], text[512], second[80];
	int before = queues();
	unsigned int i;

	ASSERT_LE(0, before);
	snprintf(second, sizeof(second), "%s.2", self->queue.name);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(command, sizeof(command), bad[i], self->queue.name,
			 self->queue.name);
		EXPECT_EQ(-EINVAL, mq_put(self->fd, command)) {
			TH_LOG("of command \"%s\"", command);
		}
		EXPECT_LT(0, read_all(self->fd, text, sizeof(text))) {
			TH_LOG("no reason for \"%s\"", command);
		}
		EXPECT_FALSE(exists(self->queue.name)) {
			TH_LOG("\"%s\" made a queue", command);
			mq_remove(&self->queue);
		}
		EXPECT_FALSE(exists(second)) {
			mq_control("remove %s force", second);
		}
	}
	EXPECT_EQ(before, queues());
}

TEST_F(control, bad_syntax_of_remove_removes_nothing)
{
	static const char * const bad[] = {
		"remove %s now",
		"remove %s Force",
		"remove %s force=1",
		"remove %s force force",
		"remove %s force now",
		"remove %s\nremove %s",
		"remove %s %s",
	};
	char command[512];
	unsigned int i;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(command, sizeof(command), bad[i], self->queue.name,
			 self->queue.name);
		EXPECT_EQ(-EINVAL, mq_put(self->fd, command)) {
			TH_LOG("of command \"%s\"", command);
		}
		ASSERT_TRUE(exists(self->queue.name)) {
			TH_LOG("\"%s\" removed the queue", command);
		}
	}
}

TEST_F(control, zero_byte_in_a_command_is_refused)
{
	char command[256];
	int size;

	size = snprintf(command, sizeof(command), "create %s%c",
			self->queue.name, '\0');
	EXPECT_EQ(-EINVAL, mq_write(self->fd, command, size));
	size = snprintf(command, sizeof(command), "create %s%cmax_messages=1",
			self->queue.name, '\0');
	EXPECT_EQ(-EINVAL, mq_write(self->fd, command, size));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, command_over_4096_bytes_is_refused)
{
	char command[8192], text[8192];
	ssize_t result;
	int size;

	/* The longest command is read to its end, and its value is refused. */
	size = snprintf(command, sizeof(command), "create %s max_messages=",
			self->queue.name);
	memset(command + size, '1', sizeof(command) - size);
	EXPECT_EQ(-ERANGE, mq_write(self->fd, command, 4096));
	command[4095] = 'x';
	EXPECT_EQ(-EINVAL, mq_write(self->fd, command, 4096));
	EXPECT_FALSE(exists(self->queue.name));

	/* One byte more is too long, whatever the command says. */
	size = snprintf(command, sizeof(command), "create %s ",
			self->queue.name);
	memset(command + size, ' ', sizeof(command) - size);
	result = mq_write(self->fd, command, 4097);
	EXPECT_TRUE(result == -E2BIG || result == -EINVAL) {
		TH_LOG("got %zd", result);
	}
	EXPECT_LT(0, read_all(self->fd, text, sizeof(text)));
	result = mq_write(self->fd, command, 8192);
	EXPECT_TRUE(result == -E2BIG || result == -EINVAL);
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, bad_pointer_is_efault_and_does_nothing)
{
	char *edge = mq_edge();
	char command[128];
	int size;

	size = snprintf(command, sizeof(command), "create %s",
			self->queue.name);
	memcpy(edge - size + 1, command, size - 1);
	EXPECT_EQ(-EFAULT, mq_write(self->fd, edge - size + 1, size));
	EXPECT_EQ(-EFAULT, mq_write(self->fd, MQ_BAD_POINTER, 10));
	EXPECT_FALSE(exists(self->queue.name));
}

/* -- names ------------------------------------------------------------------ */

TEST_F(control, bad_names_are_refused)
{
	static const char * const bad[] = {
		".", "..", "control", "none", "a/b", "/", "../x", "a!b", "a*b", "a:b",
		"a,b", "a;b", "a+b", "a@b", "a=b", "~", "a\\b", "a\"b", "'a'",
		"\xc3\xa9", "\xff", "a\x01", "a\x7f", "a\tb", "a\rb", "$x",
		"a%b", "(a)", "a&b", "#",
	};
	char text[512];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "create %s", bad[i]);
		EXPECT_EQ(-EINVAL, mq_put(self->fd, text)) {
			TH_LOG("of name \"%s\"", bad[i]);
			mq_control("remove %s force", bad[i]);
		}
		EXPECT_LT(0, read_all(self->fd, text, sizeof(text)));
	}
	EXPECT_EQ(0, access(MQ_CONTROL, W_OK));
}

TEST_F(control, control_and_dots_cannot_be_removed)
{
	EXPECT_GT(0, mq_control("remove control"));
	EXPECT_GT(0, mq_control("remove control force"));
	EXPECT_GT(0, mq_control("remove . force"));
	EXPECT_GT(0, mq_control("remove .. force"));
	EXPECT_EQ(0, access(MQ_CONTROL, W_OK));
}

TEST_F(control, name_of_63_bytes_works_and_one_of_64_does_not)
{
	struct mq_queue queue;
	int fd;

	ASSERT_EQ(63, strlen(LONG_NAME));
	EXPECT_EQ(-ENAMETOOLONG, mq_control("create %s", LONG_NAME "4"));
	EXPECT_EQ(-ENAMETOOLONG, mq_control("create %s%s", LONG_NAME,
					    LONG_NAME));
	EXPECT_FALSE(exists(LONG_NAME));
	ASSERT_EQ(0, mq_control("create %s", LONG_NAME));
	memcpy(queue.name, LONG_NAME, sizeof(LONG_NAME));
	memcpy(queue.path, "/dev/mq/" LONG_NAME, sizeof("/dev/mq/" LONG_NAME));
	fd = mq_open(&queue, O_RDWR | O_NONBLOCK);
	EXPECT_LE(0, fd);
	EXPECT_EQ(2, mq_put(fd, "ab"));
	EXPECT_EQ(0, mq_get(fd, "ab"));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(1048576, mq_sysfs_number(&queue, "max_messages"));
	EXPECT_EQ(0, mq_control("remove %s", LONG_NAME));
	EXPECT_FALSE(exists(LONG_NAME));
}

TEST_F(control, all_allowed_characters_work)
{
	static const char * const good[] = {
		"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		"0123456789._-", "...", "..a", ".a", "-", "-x", "_", "0", "a",
		"Control", "control2", "control.", "create", "force",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		if (exists(good[i]))
			continue;
		EXPECT_EQ(0, mq_control("create %s", good[i])) {
			TH_LOG("of name \"%s\"", good[i]);
		}
		EXPECT_TRUE(exists(good[i]));
		EXPECT_EQ(0, mq_control("remove %s", good[i]));
		EXPECT_FALSE(exists(good[i]));
	}
}

TEST_F(control, names_differ_in_case)
{
	struct mq_queue upper = {};

	mq_name(&upper);
	ASSERT_EQ('t', upper.name[0]);
	ASSERT_EQ(0, mq_control("create %s max_messages=3", upper.name));
	upper.name[0] = 'T';
	ASSERT_EQ(0, mq_control("create %s max_messages=4", upper.name));
	EXPECT_EQ(4, mq_sysfs_number(&upper, "max_messages"));
	EXPECT_EQ(0, mq_control("remove %s", upper.name));
	upper.name[0] = 't';
	EXPECT_EQ(3, mq_sysfs_number(&upper, "max_messages"));
}

/* -- what is refused because of what there is ------------------------------ */

TEST_F(control, create_of_an_existing_name_is_eexist)
{
	ASSERT_EQ(0, mq_control("create %s max_messages=5", self->queue.name));
	EXPECT_EQ(-EEXIST, mq_control("create %s", self->queue.name));
	EXPECT_EQ(-EEXIST, mq_control("create %s max_messages=6",
				      self->queue.name));
	EXPECT_EQ(5, mq_sysfs_number(&self->queue, "max_messages"));
}

TEST_F(control, remove_of_an_unknown_name_is_enoent)
{
	EXPECT_EQ(-ENOENT, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENOENT, mq_control("remove %s force", self->queue.name));
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENOENT, mq_control("remove %s", self->queue.name));
}

TEST_F(control, queue_with_ready_messages_is_enotempty_unless_forced)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_get(fd, "x"));
	ASSERT_EQ(1, mq_put(fd, "y"));
	close(fd);
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	EXPECT_TRUE(exists(self->queue.name));
	EXPECT_EQ(0, mq_control("remove %s force", self->queue.name));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, queue_with_messages_in_flight_is_enotempty)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s ack=manual", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	ASSERT_EQ(0, mq_get(fd, "x"));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(1, mq_ack(fd, 1));
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
}

TEST_F(control, queue_with_a_half_read_message_is_enotempty)
{
	char byte;
	int fd;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(3, mq_put(fd, "abc"));
	ASSERT_EQ(1, mq_read(fd, &byte, 1));
	EXPECT_EQ(-ENOTEMPTY, mq_control("remove %s", self->queue.name));
	ASSERT_EQ(0, mq_get(fd, "bc"));
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
}

TEST_F(control, empty_queue_that_is_open_can_be_removed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(-ENODEV, mq_put(fd, "x"));
}

TEST_F(control, name_can_be_used_again_at_once)
{
	char text[16];
	int i, fd, old[20];

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, mq_control("create %s max_messages=%d",
					self->queue.name, i + 1));
		EXPECT_EQ(i + 1, mq_sysfs_number(&self->queue, "max_messages"));
		fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		EXPECT_EQ(0, mq_stat_of(&self->queue, sent));
		snprintf(text, sizeof(text), "%d", i);
		ASSERT_EQ(strlen(text), mq_put(fd, text));
		if (i % 2) {
			ASSERT_EQ(0, mq_get(fd, text));
			ASSERT_EQ(0, mq_control("remove %s",
						self->queue.name));
		} else {
			ASSERT_EQ(0, mq_control("remove %s force",
						self->queue.name));
		}
		old[i] = fd;
	}
	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(3, mq_put(fd, "new"));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(-ENODEV, mq_read(old[i], text, sizeof(text)));
		EXPECT_EQ(-ENODEV, mq_put(old[i], "x"));
		close(old[i]);
	}
	EXPECT_EQ(0, mq_get(fd, "new"));
}

TEST_F(control, failed_create_leaves_the_name_free)
{
	EXPECT_EQ(-ERANGE, mq_control("create %s max_messages=0",
				      self->queue.name));
	EXPECT_EQ(-EINVAL, mq_control("create %s max_messages=5 what=1",
				      self->queue.name));
	EXPECT_EQ(0, mq_control("create %s", self->queue.name));
}

TEST_HARNESS_MAIN
