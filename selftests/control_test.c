// SPDX-License-Identifier: GPL-2.0
/*
 * The control node, the option table and the files in sysfs.
 */
#include "mq_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#define LONG_NAME "n23456789-123456789-123456789-123456789-123456789-123456789-123"

/* Does /dev/mq/NAME or /sys/class/mq/NAME exist? */
static bool exists(const char *name)
{
	char path[512];
	struct stat stat;

	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	if (!lstat(path, &stat))
		return true;
	snprintf(path, sizeof(path), MQ_CLASS "/%s", name);
	return !lstat(path, &stat);
}

/* How many queues there are, going by sysfs. */
static int queues(void)
{
	DIR *dir = opendir(MQ_CLASS);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.' &&
			 strcmp(entry->d_name, "control");
	closedir(dir);
	return count;
}

/* Read a descriptor to its end of file, as a string. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t got;

	do {
		got = mq_read(fd, text + used, size - 1 - used);
		if (got < 0)
			return got;
		used += got;
	} while (got && used < size - 1);
	text[used] = '\0';
	return used;
}

/* Is @word one of the words of @text, cut at all that is in no name? */
static bool mentions(const char *text, const char *word)
{
	const char *found = text;
	size_t size = strlen(word);
	const char *inside = "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	while ((found = strstr(found, word))) {
		if ((found == text || !strchr(inside, found[-1])) &&
		    (!found[size] || !strchr(inside, found[size])))
			return true;
		found++;
	}
	return false;
}

/* -- the grammar of the commands ------------------------------------------- */

FIXTURE(control) {
	struct mq_queue queue;
	int fd;
};

FIXTURE_SETUP(control)
{
	MQ_REQUIRE();
	mq_name(&self->queue);
	self->fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(control)
{
	close(self->fd);
	EXPECT_EQ(0, mq_cleanup());
}

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

/* What stands at a queue's path before the queue does. */
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
	/* It is nobody's any more. */
	EXPECT_EQ(0, mq_control("remove %s", grave.name));
}

/* A process whose root has no /dev: what counts is where the control node is. */
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

/* Where another program makes the nodes, nothing can be said of them yet. */
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
		"remove \n",
		"frobnicate %s",
		"Create %s",
		"creat %s",
		"created %s",
		"bind %s other",
		"unbind %s other",
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

	/* The longest one is read to its end, and found wrong there. */
	size = snprintf(command, sizeof(command), "create %s max_messages=",
			self->queue.name);
	memset(command + size, '1', sizeof(command) - size);
	EXPECT_EQ(-ERANGE, mq_write(self->fd, command, 4096));
	command[4095] = 'x';
	EXPECT_EQ(-EINVAL, mq_write(self->fd, command, 4096));
	EXPECT_FALSE(exists(self->queue.name));

	/* One more is too long, whatever it says. */
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
	strcpy(queue.name, LONG_NAME);
	strcpy(queue.path, "/dev/mq/" LONG_NAME);
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

/* -- the line that says why ------------------------------------------------- */

/* Run a command that fails, and check that the line behind it names @word. */
static int reason_names(int fd, const char *word, int error,
			const char *command)
{
	char text[1024], byte;
	ssize_t done = mq_put(fd, command);

	if (done != error) {
		fprintf(stderr, "# \"%s\": %zd instead of %d\n", command, done,
			error);
		return -EINVAL;
	}
	memset(text, MQ_POISON, sizeof(text));
	done = mq_read(fd, text, sizeof(text) - 1);
	if (done <= 0) {
		fprintf(stderr, "# no reason: %zd\n", done);
		return -ENODATA;
	}
	text[done] = '\0';
	if (strlen(text) != (size_t)done || strchr(text, '\n') != text + done - 1) {
		fprintf(stderr, "# not one line: \"%s\"\n", text);
		return -EBADMSG;
	}
	if (!mentions(text, word)) {
		fprintf(stderr, "# no word \"%s\" in \"%s\"\n", word, text);
		return -ENOMSG;
	}
	done = mq_read(fd, &byte, 1);
	if (done) {
		fprintf(stderr, "# no end of file behind the line\n");
		return -EOVERFLOW;
	}
	return 0;
}

TEST_F(control, reason_names_the_offending_word)
{
	static const struct {
		int error;
		const char *word, *command;
	} cases[] = {
		{ -EINVAL, "frobnicate", "frobnicate %s" },
		{ -EINVAL, "bind", "bind %s other" },
		{ -EINVAL, "a/b", "create a/b" },
		{ -EINVAL, "..", "create .." },
		{ -EINVAL, "retain_ms", "create %s retain_ms=5" },
		{ -ERANGE, "retry_backoff", "create %s retry_backoff=0" },
		{ -ENOENT, "dead_letter", "create %s dead_letter=no.such" },
		{ -ENOENT, "no.such", "create %s dead_letter=no.such" },
		{ -EINVAL, "overflow", "create %s overflow=dead-letter" },
		{ -EINVAL, "colour", "create %s max_bytes=5 colour=red" },
		{ -EINVAL, "overflow", "create %s overflow=sometimes" },
		{ -EINVAL, "sometimes", "create %s overflow=sometimes" },
		{ -EINVAL, "framing", "create %s ack=auto framing=xml" },
		{ -EINVAL, "topic", "create %s type=topic" },
		{ -EINVAL, "max_messages", "create %s max_messages=many" },
		{ -ERANGE, "max_messages", "create %s max_messages=0" },
		{ -ERANGE, "prefetch", "create %s prefetch=65536" },
		{ -EINVAL, "eof", "create %s eof=empty eof=empty" },
		{ -EINVAL, "nonsense", "create %s nonsense" },
		{ -EINVAL, "now", "remove %s now" },
	};
	char command[256];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(command, sizeof(command), cases[i].command,
			 self->queue.name);
		EXPECT_EQ(0, reason_names(self->fd, cases[i].word,
					  cases[i].error, command)) {
			TH_LOG("after \"%s\"", command);
		}
	}
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(control, reason_names_the_queue)
{
	char command[256];
	int fd;

	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOENT,
				  command));
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -EEXIST,
				  command));
	fd = mq_open(&self->queue, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, mq_put(fd, "x"));
	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOTEMPTY,
				  command));
	snprintf(command, sizeof(command), "create %s", LONG_NAME "4");
	EXPECT_EQ(0, reason_names(self->fd, LONG_NAME "4", -ENAMETOOLONG,
				  command));
}

TEST_F(control, reason_can_be_read_in_pieces)
{
	char whole[512], pieces[512], command[128];
	ssize_t got;
	int used = 0;

	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	ASSERT_EQ(-ENOENT, mq_put(self->fd, command));
	ASSERT_LT(0, read_all(self->fd, whole, sizeof(whole)));
	ASSERT_EQ(-ENOENT, mq_put(self->fd, command));
	while ((got = mq_read(self->fd, pieces + used, 3)) > 0)
		used += got;
	EXPECT_EQ(0, got);
	pieces[used] = '\0';
	EXPECT_STREQ(whole, pieces);
}

TEST_F(control, success_reads_as_end_of_file)
{
	char command[128], byte;

	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
}

TEST_F(control, success_forgets_the_reason_before_it)
{
	char command[128], byte;

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	snprintf(command, sizeof(command), "create %s", self->queue.name);
	ASSERT_EQ(strlen(command), mq_put(self->fd, command));
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
}

TEST_F(control, new_reason_replaces_the_old_one)
{
	char command[128], byte;

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	ASSERT_EQ(1, mq_read(self->fd, &byte, 1));
	snprintf(command, sizeof(command), "remove %s", self->queue.name);
	EXPECT_EQ(0, reason_names(self->fd, self->queue.name, -ENOENT,
				  command));
}

TEST_F(control, reason_belongs_to_its_descriptor)
{
	char mine[4096], other[4096];
	int fd = open(MQ_CONTROL, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	ASSERT_EQ(-EINVAL, mq_put(fd, "rubbish"));
	ASSERT_LT(0, read_all(self->fd, mine, sizeof(mine)));
	ASSERT_LT(0, read_all(fd, other, sizeof(other)));
	EXPECT_TRUE(mentions(mine, "nonsense"));
	EXPECT_FALSE(mentions(mine, "rubbish"));
	EXPECT_TRUE(mentions(other, "rubbish"));
	close(fd);
}

TEST_F(control, reason_into_a_bad_pointer_is_efault_and_stays)
{
	char text[512];

	ASSERT_EQ(-EINVAL, mq_put(self->fd, "nonsense"));
	EXPECT_EQ(-EFAULT, mq_read(self->fd, MQ_BAD_POINTER, 100));
	ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
	EXPECT_TRUE(mentions(text, "nonsense"));
}

TEST_F(control, reason_has_no_control_characters)
{
	static const char * const bad[] = {
		"create a\x01\x02\x1b[31m", "create %s x\x7fy=1", "\xff\xfe",
		"create %s overflow=\x1b]0;",
	};
	char command[256], text[1024];
	unsigned int i;
	char *c;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(command, sizeof(command), bad[i], self->queue.name);
		EXPECT_EQ(-EINVAL, mq_put(self->fd, command));
		ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
		for (c = text; *c; c++) {
			EXPECT_TRUE(*c == '\n' ||
				    (unsigned char)*c >= ' ') {
				TH_LOG("byte %02x after command %u",
				       (unsigned char)*c, i);
			}
		}
	}
}

TEST_F(control, fresh_descriptor_reads_the_option_table)
{
	static const char * const names[] = {
		"type", "mode", "uid", "gid", "max_messages", "max_bytes",
		"max_message_size", "overflow", "framing", "eof",
		"allow_empty", "ack", "prefetch", "lease_ms",
		"max_deliveries", "max_dead", "dead_letter", "on_expiry",
		"dead_ttl_ms", "retry_ms", "retry_backoff", "retry_max_ms", "delay_ms",
		"ttl_ms", "priorities", "order",
		"fairness", "dedup_window_ms", "dedup_max", "single_active",
		"paused", "auto_delete", "expires_ms",
	};
	static const char * const fixed[] = {
		"type", "mode", "uid", "gid", "framing", "priorities", "order",
		"fairness",
	};
	char text[16384], *line, *rest, *next, *word[5];
	unsigned int i, j, found[ARRAY_SIZE(names)] = {};
	bool is_live;
	char byte;

	ASSERT_LT(0, read_all(self->fd, text, sizeof(text)));
	EXPECT_EQ('\n', text[strlen(text) - 1]);
	EXPECT_EQ(0, mq_read(self->fd, &byte, 1));
	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		ASSERT_NE(NULL, next);
		*next++ = '\0';
		if (*line == '#')
			continue;
		rest = line;
		for (i = 0; i < 5; i++) {
			word[i] = strtok_r(rest, " \t", &rest);
			ASSERT_NE(NULL, word[i]) {
				TH_LOG("line too short at word %u", i);
			}
		}
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(word[0], names[i]))
				break;
		ASSERT_LT(i, ARRAY_SIZE(names)) {
			TH_LOG("unexpected option \"%s\"", word[0]);
		}
		found[i]++;
		is_live = true;
		for (j = 0; j < ARRAY_SIZE(fixed); j++)
			is_live &= strcmp(word[0], fixed[j]) != 0;
		/* Name, type, default, bounds, live or fixed, description. */
		EXPECT_STREQ(is_live ? "live" : "fixed", word[4]) {
			TH_LOG("of option %s", word[0]);
		}
		EXPECT_LT(3, strlen(rest)) {
			TH_LOG("option %s is not described", word[0]);
		}
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(1, found[i]) {
			TH_LOG("option %s is there %u times", names[i],
			       found[i]);
		}
	}
}

TEST_F(control, option_table_can_be_read_in_pieces)
{
	char whole[16384], pieces[16384];
	int used = 0, fd = open(MQ_CONTROL, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read_all(fd, whole, sizeof(whole)));
	while ((got = mq_read(self->fd, pieces + used, 7)) > 0)
		used += got;
	EXPECT_EQ(0, got);
	pieces[used] = '\0';
	EXPECT_STREQ(whole, pieces);
	close(fd);
}

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

/* Let a child that has a user namespace of its own go on, with these maps. */
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
 * What a user does in a user namespace of his own, where he has the ids that the
 * maps say: 0 if all of it is as it should be.
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

/* 65534 stands for whom one does not know, and is nobody to own a queue. */
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

	/* The umask is for files that programs create, not for this. */
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

/* -- sysfs beside the options ---------------------------------------------- */

TEST_F(control, counters_are_read_only_numbers)
{
	static const char * const counters[] = {
		"ready", "in_flight", "delayed", "deferred", "dead", "bytes",
		"sent", "delivered", "acked", "redelivered", "expired",
		"dead_lettered", "dropped", "purged", "deduplicated",
		"consumers", "producers", "oldest_ms", "dead_refused",
		"dedup_forgotten", "oldest_in_flight_ms", "waiting_senders",
		"waiting_receivers", "sender_wait_ms", "receiver_wait_ms",
	};
	struct stat stat_buffer;
	char path[256];
	unsigned int i;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		snprintf(path, sizeof(path), MQ_CLASS "/%s/%s",
			 self->queue.name, counters[i]);
		EXPECT_EQ(0, stat(path, &stat_buffer)) {
			TH_LOG("no %s", path);
			continue;
		}
		EXPECT_EQ(0444, stat_buffer.st_mode & 07777);
		EXPECT_EQ(0, mq_sysfs_number(&self->queue, counters[i])) {
			TH_LOG("of %s", counters[i]);
		}
		EXPECT_GT(0, mq_sysfs_set(&self->queue, counters[i], "1"));
		EXPECT_EQ(0, mq_sysfs_number(&self->queue, counters[i]));
	}
}

TEST_F(control, sysfs_control_has_no_options)
{
	EXPECT_EQ(0, access(MQ_CLASS "/control", F_OK));
	EXPECT_NE(0, access(MQ_CLASS "/control/max_messages", F_OK));
	EXPECT_NE(0, access(MQ_CLASS "/control/ready", F_OK));
}

TEST_F(control, live_max_message_size_is_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_message_size=4",
				self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EMSGSIZE, mq_put(fd, "12345"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "5"));
	EXPECT_EQ(5, mq_put(fd, "12345"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "2\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(fd, "123"));
	EXPECT_EQ(0, mq_get(fd, "12345"));
}

TEST_F(control, live_bounds_are_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_messages=1", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, mq_put(fd, "12"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "34"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "3"));
	EXPECT_EQ(2, mq_put(fd, "34"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "5"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "56"));
	EXPECT_EQ(1, mq_put(fd, "5"));

	/* Nothing that is stored goes away when a bound sinks below it. */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(fd, "12"));
	EXPECT_EQ(0, mq_get(fd, "34"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "7"));
	EXPECT_EQ(0, mq_get(fd, "5"));
	EXPECT_EQ(1, mq_put(fd, "7"));
}

TEST_F(control, live_overflow_is_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_messages=1", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "1"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_EQ(-ENOSPC, mq_put(fd, "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head\n"));
	EXPECT_EQ(1, mq_put(fd, "2"));
	EXPECT_EQ(0, mq_get(fd, "2"));
}

TEST_F(control, live_eof_is_obeyed)
{
	char byte;
	int fd;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "empty"));
	EXPECT_EQ(0, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "never"));
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
}

TEST_F(control, live_ack_and_prefetch_count_for_later_opens)
{
	struct devmq_consumer consumer;
	int before, after;

	ASSERT_EQ(0, mq_control("create %s prefetch=3", self->queue.name));
	before = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, before);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "ack", "manual"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "prefetch", "7"));
	after = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, after);
	ASSERT_EQ(0, mq_consumer_get(before, &consumer));
	EXPECT_EQ(DEVMQ_ACK_AUTO, consumer.ack);
	EXPECT_EQ(3, consumer.prefetch);
	ASSERT_EQ(0, mq_consumer_get(after, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(7, consumer.prefetch);
}

TEST_F(control, later_options_are_unknown)
{
	static const char * const later[] = {
		"retain_messages=1", "retain_bytes=1", "retain_ms=1",
		"compact=key", "alternate=other", "ready=1", "sent=1",
		"dead=1", "dead_refused=1", "name=x", "lease=1", "ttl=1",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(later); i++) {
		EXPECT_EQ(-EINVAL, mq_control("create %s %s", self->queue.name,
					      later[i])) {
			TH_LOG("of option %s", later[i]);
			mq_remove(&self->queue);
		}
	}
}

TEST_F(control, many_queues_live_side_by_side)
{
	struct mq_queue queues[40];
	char text[16];
	int i, fd;

	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, mq_create(&queues[i], "max_messages=%d", i + 1));
		fd = mq_open(&queues[i], O_WRONLY);
		ASSERT_LE(0, fd);
		snprintf(text, sizeof(text), "for %d", i);
		ASSERT_EQ(strlen(text), mq_put(fd, text));
		close(fd);
	}
	for (i = 39; i >= 0; i--) {
		fd = mq_open(&queues[i], O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		snprintf(text, sizeof(text), "for %d", i);
		EXPECT_EQ(0, mq_get(fd, text));
		EXPECT_EQ(-EAGAIN, mq_read(fd, text, sizeof(text)));
		close(fd);
		EXPECT_EQ(i + 1, mq_sysfs_number(&queues[i], "max_messages"));
	}
}

/* -- every option, one variant each ---------------------------------------- */

FIXTURE(option) {
	struct mq_queue queue;
};

FIXTURE_VARIANT(option) {
	const char *name;
	const char *initial;
	bool live;
	struct {
		const char *given;	/* what one may say */
		const char *shown;	/* and how it is shown */
	} good[8];
	const char *invalid[16];	/* EINVAL */
	const char *beyond[8];		/* ERANGE */
};

FIXTURE_VARIANT_ADD(option, type)
{
	.name = "type", .initial = "queue",
	.good = { { "queue", "queue" } },
	.invalid = { "topic", "Queue", "0", "queue,", "que", "queues" },
};

FIXTURE_VARIANT_ADD(option, mode)
{
	.name = "mode", .initial = "0600",
	.good = {
		{ "0", "0000" }, { "0777", "0777" }, { "640", "0640" },
		{ "0004", "0004" },
	},
	.invalid = { "8", "0778", "rw", "u+r", "0x1ff", "0600.", "6K" },
	.beyond = { "1000", "01000", "4755", "7777777777777777777777777" },
};

FIXTURE_VARIANT_ADD(option, uid)
{
	.name = "uid", .initial = "0",
	.good = {
		{ "0", "0" }, { "1000", "1000" },
		{ "4294967294", "4294967294" },
	},
	.invalid = { "root", "1x", "0x10", "1.0" },
	.beyond = { "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, gid)
{
	.name = "gid", .initial = "0",
	.good = {
		{ "0", "0" }, { "1000", "1000" },
		{ "4294967294", "4294967294" },
	},
	.invalid = { "root", "1x", "0x10", "1.0" },
	.beyond = { "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, max_messages)
{
	.name = "max_messages", .initial = "1048576", .live = true,
	.good = {
		{ "1", "1" }, { "2147483647", "2147483647" }, { "77", "77" },
	},
	.invalid = {
		"many", "1x", "x1", "0x10", "1.5", "1,000", "1e3", "K",
		"1KB", "--1", "unlimited",
	},
	.beyond = {
		"0", "2147483648", "4294967296", "4294967297",
		"18446744073709551616", "18446744073709551617",
		"99999999999999999999999999999999",
	},
};

FIXTURE_VARIANT_ADD(option, max_bytes)
{
	.name = "max_bytes", .initial = "67108864", .live = true,
	.good = {
		{ "1", "1" }, { "1099511627776", "1099511627776" },
		{ "1K", "1024" }, { "3M", "3145728" }, { "2G", "2147483648" },
		{ "1024G", "1099511627776" }, { "1023", "1023" },
	},
	.invalid = {
		"much", "1x", "K", "1KB", "1KK", "1.5K", "K1", "1T",
		"0x10", "1e3", "G",
	},
	.beyond = {
		"0", "0K", "1099511627777", "1025G", "17179869184G",
		"18014398509481984K", "18446744073709551616",
		"99999999999999999999G",
	},
};

FIXTURE_VARIANT_ADD(option, max_message_size)
{
	.name = "max_message_size", .initial = "1048576", .live = true,
	.good = {
		{ "1", "1" }, { "268435456", "268435456" },
		{ "256M", "268435456" }, { "4K", "4096" },
	},
	.invalid = { "big", "1x", "1KB", "0x10", "M", "1.0" },
	.beyond = {
		"0", "268435457", "257M", "1G", "4294967297", "4G",
		"18446744073709551616",
	},
};

FIXTURE_VARIANT_ADD(option, overflow)
{
	.name = "overflow", .initial = "block", .live = true,
	.good = {
		{ "block", "block" }, { "reject", "reject" },
		{ "drop-head", "drop-head" },
	},
	.invalid = {
		/* This one needs a dead_letter beside it. */
		"dead-letter", "drop_head", "drop", "Block", "BLOCK", "bloc",
		"blocks", "0", "1", "block,reject",
	},
};

FIXTURE_VARIANT_ADD(option, framing)
{
	.name = "framing", .initial = "record",
	.good = { { "record", "record" }, { "line", "line" } },
	.invalid = { "lines", "Line", "none", "0", "\\n", "rec" },
};

FIXTURE_VARIANT_ADD(option, eof)
{
	.name = "eof", .initial = "never", .live = true,
	.good = {
		{ "never", "never" }, { "empty", "empty" },
		{ "hangup", "hangup" },
	},
	.invalid = { "always", "Never", "hang-up", "0", "nev" },
};

FIXTURE_VARIANT_ADD(option, allow_empty)
{
	.name = "allow_empty", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "1x", "0x1", "1.0" },
	.beyond = { "2", "256", "257", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, ack)
{
	.name = "ack", .initial = "auto", .live = true,
	.good = { { "auto", "auto" }, { "manual", "manual" } },
	.invalid = { "none", "Auto", "0", "1", "automatic" },
};

FIXTURE_VARIANT_ADD(option, prefetch)
{
	.name = "prefetch", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "65535", "65535" } },
	.invalid = { "all", "1x", "0x10", "1.0", "K" },
	.beyond = {
		"65536", "4294967296", "4294967297", "18446744073709551616",
	},
};

/* A hundred years, which fit what the kernel counts in. */
#define MS_MAX		"3155760000000"
#define MS_BEYOND	"3155760000001", "18446744073709551616", \
			"99999999999999999999999"
#define MS_INVALID	"forever", "1x", "1s", "10ms", "0x10", "1.5", "1e3", "K"

FIXTURE_VARIANT_ADD(option, lease_ms)
{
	.name = "lease_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, max_deliveries)
{
	.name = "max_deliveries", .initial = "20", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "2147483647", "2147483647" } },
	.invalid = { "never", "1x", "0x10", "1.0", "K" },
	.beyond = { "2147483648", "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, max_dead)
{
	.name = "max_dead", .initial = "65536", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "2147483647", "2147483647" } },
	.invalid = { "all", "1x", "0x10", "1.0" },
	.beyond = { "2147483648", "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, dead_letter)
{
	.name = "dead_letter", .initial = "none", .live = true,
	.good = { { "none", "none" } },
};

FIXTURE_VARIANT_ADD(option, on_expiry)
{
	.name = "on_expiry", .initial = "drop", .live = true,
	.good = { { "drop", "drop" }, { "dead", "dead" } },
	.invalid = { "none", "Dead", "dead-letter", "0", "d" },
};

FIXTURE_VARIANT_ADD(option, dead_ttl_ms)
{
	.name = "dead_ttl_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, retry_ms)
{
	.name = "retry_ms", .initial = "100", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, retry_backoff)
{
	.name = "retry_backoff", .initial = "2", .live = true,
	.good = { { "1", "1" }, { "2", "2" }, { "1000", "1000" } },
	.invalid = { "double", "1x", "1.5", "0x2" },
	.beyond = { "0", "1001", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, retry_max_ms)
{
	.name = "retry_max_ms", .initial = "60000", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, delay_ms)
{
	.name = "delay_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, ttl_ms)
{
	.name = "ttl_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, priorities)
{
	.name = "priorities", .initial = "1",
	.good = { { "1", "1" }, { "2", "2" }, { "256", "256" } },
	.invalid = { "many", "1x", "0x10", "1.0" },
	.beyond = { "0", "257", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, order)
{
	.name = "order", .initial = "fifo",
	.good = { { "fifo", "fifo" }, { "key", "key" } },
	.invalid = { "none", "lifo", "Key", "keys", "0" },
};

FIXTURE_VARIANT_ADD(option, fairness)
{
	.name = "fairness", .initial = "none",
	.good = { { "none", "none" }, { "key", "key" }, { "uid", "uid" } },
	.invalid = { "gid", "Key", "0", "key,uid", "pid" },
};

FIXTURE_VARIANT_ADD(option, dedup_window_ms)
{
	.name = "dedup_window_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, dedup_max)
{
	.name = "dedup_max", .initial = "65536", .live = true,
	.good = { { "1", "1" }, { "2", "2" }, { "16777216", "16777216" } },
	.invalid = { "all", "1x", "0x10", "1.0" },
	.beyond = { "0", "16777217", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, single_active)
{
	.name = "single_active", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "true", "on", "1x" },
	.beyond = { "2", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, paused)
{
	.name = "paused", .initial = "none", .live = true,
	.good = {
		{ "none", "none" }, { "send", "send" },
		{ "receive", "receive" }, { "both", "both" },
	},
	.invalid = { "0", "1", "Both", "all", "send,receive", "sending" },
};

FIXTURE_VARIANT_ADD(option, auto_delete)
{
	.name = "auto_delete", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "true", "on", "1x" },
	.beyond = { "2", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, expires_ms)
{
	.name = "expires_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "3600000", "3600000" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_SETUP(option)
{
	MQ_REQUIRE();
	mq_name(&self->queue);
}

FIXTURE_TEARDOWN(option)
{
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(option, has_its_default)
{
	char text[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	EXPECT_STREQ(variant->initial, text);
}

TEST_F(option, good_values_are_read_back)
{
	char text[256];
	unsigned int i;

	for (i = 0; variant->good[i].given; i++) {
		ASSERT_EQ(0, mq_control("create %s %s=%s", self->queue.name,
					variant->name,
					variant->good[i].given)) {
			TH_LOG("%s=%s", variant->name, variant->good[i].given);
		}
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
					  sizeof(text)));
		EXPECT_STREQ(variant->good[i].shown, text);
		ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	}
}

TEST_F(option, what_is_shown_is_accepted)
{
	char text[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(0, mq_control("create %s %s=%s", self->queue.name,
				variant->name, text));
}

TEST_F(option, invalid_values_are_refused)
{
	unsigned int i;

	for (i = 0; variant->invalid[i]; i++) {
		EXPECT_EQ(-EINVAL, mq_control("create %s %s=%s",
					      self->queue.name, variant->name,
					      variant->invalid[i])) {
			TH_LOG("%s=%s", variant->name, variant->invalid[i]);
		}
		EXPECT_FALSE(exists(self->queue.name)) {
			mq_remove(&self->queue);
		}
	}
}

TEST_F(option, values_beyond_the_bounds_are_erange)
{
	unsigned int i;

	for (i = 0; variant->beyond[i]; i++) {
		EXPECT_EQ(-ERANGE, mq_control("create %s %s=%s",
					      self->queue.name, variant->name,
					      variant->beyond[i])) {
			TH_LOG("%s=%s", variant->name, variant->beyond[i]);
		}
		EXPECT_FALSE(exists(self->queue.name)) {
			mq_remove(&self->queue);
		}
	}
}

TEST_F(option, negative_and_empty_values_are_refused)
{
	int error = mq_control("create %s %s=-1", self->queue.name,
			       variant->name);

	/* Some queue might be called so. */
	if (!strcmp(variant->name, "dead_letter") && error == -ENOENT)
		error = -EINVAL;
	EXPECT_TRUE(error == -EINVAL || error == -ERANGE) {
		TH_LOG("%s=-1 gives %d", variant->name, error);
	}
	EXPECT_EQ(-EINVAL, mq_control("create %s %s=", self->queue.name,
				      variant->name));
	EXPECT_EQ(-EINVAL, mq_control("create %s %s", self->queue.name,
				      variant->name));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(option, twice_is_refused)
{
	const char *good = variant->good[0].given;

	EXPECT_EQ(-EINVAL, mq_control("create %s %s=%s %s=%s",
				      self->queue.name, variant->name, good,
				      variant->name, good));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(option, file_has_the_mode_that_fits)
{
	struct stat stat_buffer;
	char path[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	snprintf(path, sizeof(path), MQ_CLASS "/%s/%s", self->queue.name,
		 variant->name);
	ASSERT_EQ(0, stat(path, &stat_buffer));
	EXPECT_EQ(variant->live ? 0644 : 0444, stat_buffer.st_mode & 07777);
}

TEST_F(option, live_ones_take_good_values_and_fixed_ones_none)
{
	char text[256];
	unsigned int i;
	int error;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; variant->good[i].given; i++) {
		error = mq_sysfs_set(&self->queue, variant->name, "%s\n",
				     variant->good[i].given);
		EXPECT_EQ(variant->live, !error);
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
					  sizeof(text)));
		EXPECT_STREQ(variant->live ? variant->good[i].shown :
			     variant->initial, text);
	}
}

TEST_F(option, bad_values_in_sysfs_change_nothing)
{
	char text[256];
	unsigned int i;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; variant->invalid[i]; i++) {
		EXPECT_EQ(variant->live ? -EINVAL : -EACCES,
			  mq_sysfs_set(&self->queue, variant->name, "%s",
				       variant->invalid[i])) {
			TH_LOG("%s < \"%s\"", variant->name,
			       variant->invalid[i]);
		}
	}
	for (i = 0; variant->beyond[i]; i++) {
		EXPECT_EQ(variant->live ? -ERANGE : -EACCES,
			  mq_sysfs_set(&self->queue, variant->name, "%s",
				       variant->beyond[i])) {
			TH_LOG("%s < \"%s\"", variant->name,
			       variant->beyond[i]);
		}
	}
	EXPECT_EQ(variant->live ? -EINVAL : -EACCES,
		  mq_sysfs_set(&self->queue, variant->name, "\n"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	EXPECT_STREQ(variant->initial, text);
}

TEST_HARNESS_MAIN
