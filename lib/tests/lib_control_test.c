// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq with the kernel module: creating, removing and listing queues, and
 * their options.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib_test.h"

/* -- control --------------------------------------------------------------- */

TEST_F(queue, create_says_what_was_wrong)
{
	char name[DEVMQ_NAME_SIZE], reason[256], tiny[8];

	EXPECT_EQ(-EEXIST, devmq_create(self->name, NULL, reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, self->name));
	snprintf(name, sizeof(name), "%.40s.2", self->name);
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "bogus"));
	EXPECT_EQ(NULL, strchr(reason, '\n'));
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", tiny, sizeof(tiny)));
	EXPECT_EQ(7, strlen(tiny));
	EXPECT_EQ(-EINVAL, devmq_create(name, "bogus=1", NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_create(name, "overflow=maybe", reason,
					sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "maybe"));
	EXPECT_EQ(-ERANGE, devmq_create(name, "max_messages=0", reason,
					sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_create(name, "ack=auto ack=manual", reason,
					sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_create(name, "\nremove x", reason,
					sizeof(reason)));
	EXPECT_EQ(0, devmq_create(name, "ack=manual  prefetch=7", reason,
				  sizeof(reason)));
	EXPECT_STREQ("", reason);
	EXPECT_EQ(1, devmq_get_option(name, "prefetch", tiny, sizeof(tiny)));
	EXPECT_STREQ("7", tiny);
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
	EXPECT_EQ(0, devmq_create(name, "", NULL, 0));
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, create_undoes_itself_where_a_file_is_in_the_way)
{
	char name[DEVMQ_NAME_SIZE], path[DEVMQ_NAME_SIZE + 16], reason[256];
	int fd;

	snprintf(name, sizeof(name), "%.40s.2", self->name);
	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EBUSY, devmq_create(name, NULL, reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, path));
	EXPECT_EQ(-ENOENT, devmq_check_node(name));
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(0, devmq_create(name, NULL, reason, sizeof(reason)));
	EXPECT_EQ(0, devmq_check_node(name));
	EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
}

TEST_F(queue, lost_node_is_known)
{
	char path[DEVMQ_NAME_SIZE + 16], other[DEVMQ_NAME_SIZE + 32];
	int fd;

	snprintf(path, sizeof(path), "/dev/mq/%s", self->name);
	snprintf(other, sizeof(other), "%s.other", path);
	EXPECT_EQ(0, devmq_check_node(self->name));
	ASSERT_EQ(0, rename(path, other));
	EXPECT_EQ(-ENXIO, devmq_check_node(self->name));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-ENOTTY, devmq_check_node(self->name));
	ASSERT_EQ(0, unlink(path));
	/* A link to another node is not this queue's node. */
	ASSERT_EQ(0, symlink("control", path));
	EXPECT_EQ(-ENOTTY, devmq_check_node(self->name));
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, rename(other, path));
	EXPECT_EQ(0, devmq_check_node(self->name));
}

/* A reload of the module can leave such a file: see module_test.sh. */
TEST_F(queue, file_in_the_place_of_the_control_node_gets_no_command)
{
	char reason[256], *table, text[8];
	int fd;

	ASSERT_EQ(0, rename("/dev/mq/control", "/dev/mq/control.kept"));
	fd = open("/dev/mq/control", O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, devmq_control("create x", reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "/dev/mq/control is another file"));
	EXPECT_EQ(-ENOTTY, devmq_create("x", NULL, NULL, 0));
	EXPECT_EQ(-ENOTTY, devmq_remove("x", false, NULL, 0));
	EXPECT_EQ(-ENOTTY, devmq_option_table(&table));
	EXPECT_EQ(0, read(fd, text, sizeof(text)));
	close(fd);
	EXPECT_EQ(0, unlink("/dev/mq/control"));
	/* Another device gets no command, either. */
	EXPECT_EQ(0, symlink("/dev/null", "/dev/mq/control"));
	EXPECT_EQ(-ENOTTY, devmq_control("create x", NULL, 0));
	EXPECT_EQ(0, unlink("/dev/mq/control"));
	ASSERT_EQ(0, rename("/dev/mq/control.kept", "/dev/mq/control"));
	EXPECT_EQ(0, devmq_option_table(&table));
	free(table);
}

TEST_F(queue, remove_says_what_was_wrong)
{
	char reason[256];

	ASSERT_EQ(0, send_text(self->out, "x"));
	EXPECT_EQ(-ENOTEMPTY, devmq_remove(self->name, false, reason,
					   sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, self->name));
	EXPECT_EQ(0, devmq_remove(self->name, true, reason, sizeof(reason)));
	EXPECT_STREQ("", reason);
	EXPECT_EQ(-ENOENT, devmq_remove(self->name, true, reason,
					sizeof(reason)));
	EXPECT_NE(0, strlen(reason));
}

TEST_F(queue, control_takes_commands)
{
	char command[128], reason[256];

	snprintf(command, sizeof(command), "create %s.3", self->name);
	EXPECT_EQ(0, devmq_control(command, reason, sizeof(reason)));
	memcpy(command, "remove", 6);
	EXPECT_EQ(0, devmq_control(command, reason, sizeof(reason)));
	EXPECT_EQ(-ENOENT, devmq_control(command, reason, sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_control("dance", reason, sizeof(reason)));
	EXPECT_NE(NULL, strstr(reason, "dance"));
	EXPECT_EQ(-EINVAL, devmq_control("", reason, sizeof(reason)));
	EXPECT_EQ(-EINVAL, devmq_control("remove x\n", NULL, 0));
}

TEST_F(queue, options_are_read_and_set)
{
	char value[64];

	EXPECT_EQ(3, devmq_get_option(self->name, "max_messages", value,
				      sizeof(value)));
	EXPECT_STREQ("100", value);
	EXPECT_EQ(-ERANGE, devmq_get_option(self->name, "max_messages", value,
					    3));
	EXPECT_EQ(0, devmq_set_option(self->name, "max_messages", "200"));
	EXPECT_EQ(3, devmq_get_option(self->name, "max_messages", value, 4));
	EXPECT_STREQ("200", value);
	EXPECT_EQ(0, devmq_set_option(self->name, "max_bytes", "3K"));
	EXPECT_LT(0, devmq_get_option(self->name, "max_bytes", value, 64));
	EXPECT_STREQ("3072", value);
	EXPECT_LT(0, devmq_get_option(self->name, "consumers", value, 64));
	EXPECT_STREQ("1", value);
	EXPECT_LT(0, devmq_get_option(self->name, "mode", value, 64));
	EXPECT_STREQ("0600", value);
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "overflow", "maybe"));
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "overflow", ""));
	EXPECT_EQ(-EINVAL, devmq_set_option(self->name, "ack", "auto\n"));
	EXPECT_EQ(-ERANGE, devmq_set_option(self->name, "max_messages", "0"));
	EXPECT_EQ(-EACCES, devmq_set_option(self->name, "framing", "line"));
	EXPECT_EQ(-EACCES, devmq_set_option(self->name, "ready", "0"));
	EXPECT_EQ(-ENOENT, devmq_set_option(self->name, "bogus", "0"));
	EXPECT_EQ(-ENOENT, devmq_get_option(self->name, "bogus", value, 64));
	EXPECT_EQ(-ENOENT, devmq_get_option(self->name, "power", value, 64));
	EXPECT_EQ(-ENOENT, devmq_get_option("no-such-queue", "ack", value,
					    64));
	EXPECT_EQ(-EINVAL, devmq_get_option("control", "uevent", value, 64));
}

TEST_F(queue, the_option_table_is_there)
{
	char *table = NULL, *line, *rest, word[64], type[64], value[64];
	int lines = 0;

	ASSERT_EQ(0, devmq_option_table(&table));
	for (line = strtok_r(table, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		ASSERT_EQ(2, sscanf(line, "%63s %*s %*s %*s %*s %63s", word,
				    type));
		lines++;
		if (!strcmp(type, "topic"))
			continue;
		EXPECT_LT(0, devmq_get_option(self->name, word, value,
					      sizeof(value))) {
			TH_LOG("%s", word);
		}
	}
	EXPECT_LT(10, lines);
	free(table);
}

TEST_F(queue, list_has_it_once_and_in_order)
{
	char **names, other[DEVMQ_NAME_SIZE];
	int i, n, found = 0;

	snprintf(other, sizeof(other), "a-%.40s", self->name);
	ASSERT_EQ(0, devmq_create(other, NULL, NULL, 0));
	n = devmq_list(&names);
	ASSERT_LE(2, n);
	for (i = 0; i < n; i++) {
		found += !strcmp(names[i], self->name);
		found += !strcmp(names[i], other);
		EXPECT_NE(0, strcmp(names[i], "control"));
		if (i)
			EXPECT_GT(0, strcmp(names[i - 1], names[i]));
	}
	EXPECT_EQ(2, found);
	EXPECT_EQ(NULL, names[n]);
	free(names);
	EXPECT_EQ(0, devmq_remove(other, false, NULL, 0));
}

TEST_F(queue, many_queues_are_listed)
{
	char name[DEVMQ_NAME_SIZE], **names;
	int i, n, before;

	before = devmq_list(&names);
	ASSERT_LT(0, before);
	free(names);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%.30s.%030d", self->name, i);
		ASSERT_EQ(0, devmq_create(name, NULL, NULL, 0));
	}
	n = devmq_list(&names);
	EXPECT_LE(before + 200, n);
	if (n > 0)
		free(names);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%.30s.%030d", self->name, i);
		EXPECT_EQ(0, devmq_remove(name, false, NULL, 0));
	}
}

TEST_HARNESS_MAIN
