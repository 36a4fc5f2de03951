// SPDX-License-Identifier: GPL-2.0
/* The values of the columns of a queue. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facts.h"

/*
 * Mode and owner of the device file as chmod(1) and chown(1) have left them; the
 * options say what they were at first. Leaves the value alone if the option is
 * another one, or there is no device file.
 */
static void node_value(const char *name, const char *option,
		       char value[COLUMN_VALUE_MAX])
{
	char path[sizeof("/dev/mq/") + DEVMQ_NAME_MAX];
	bool mode = !strcmp(option, "mode"), uid = !strcmp(option, "uid");
	struct stat st;

	if (!mode && !uid && strcmp(option, "gid") != 0)
		return;
	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	if (lstat(path, &st) || !S_ISCHR(st.st_mode))
		return;
	if (mode)
		snprintf(value, COLUMN_VALUE_MAX, "%04o", st.st_mode & 07777);
	else
		snprintf(value, COLUMN_VALUE_MAX, "%u",
			 uid ? st.st_uid : st.st_gid);
}

int option_value(const char *name, const char *option,
		 char value[COLUMN_VALUE_MAX])
{
	int n;

	n = devmq_get_option(name, option, value, COLUMN_VALUE_MAX);
	if (n < 0)
		return n;
	node_value(name, option, value);
	return 0;
}

int facts_get(struct facts *facts, const char *name)
{
	char value[COLUMN_VALUE_MAX];
	struct devmq_queue *queue;
	int err;

	int topic;

	*facts = (struct facts) { .name = name };
	/*
	 * To open a queue to look costs half of what reading a single file of
	 * sysfs does. Reading also keeps an inode in memory for each file, which
	 * counts if there are thousands of queues.
	 */
	if (!devmq_open(&queue, name, DEVMQ_OPEN_LOOK)) {
		/* A symbolic link may lead to another queue. */
		err = strcmp(devmq_name(queue), name) ? -ENOTTY :
		      devmq_stat(queue, &facts->stat, sizeof(facts->stat));
		topic = err ? err : devmq_is_topic(queue);
		facts->has_stat = topic >= 0;
		facts->is_topic = topic > 0;
		devmq_close(queue);
		if (!err)
			return 0;
	}
	facts->node = devmq_check_node(name);
	err = devmq_get_option(name, "type", value, sizeof(value));
	return err < 0 ? err : 0;
}

ino_t facts_file(const char *name, const char *file)
{
	struct stat st;
	ino_t number;
	char *path;

	if (asprintf(&path, "/sys/class/mq/%s/%s", name, file) < 0)
		return 0;
	number = stat(path, &st) ? 0 : st.st_ino;
	free(path);
	return number;
}

bool is_topic(const char *name)
{
	char value[COLUMN_VALUE_MAX];

	return devmq_get_option(name, "type", value, sizeof(value)) > 0 &&
	       !strcmp(value, "topic");
}

/* A counter, from the snapshot. A topic has those that it has a file of. */
static int counter_value(const struct facts *facts, const struct column *column,
			 char value[COLUMN_VALUE_MAX])
{
	uint64_t number;

	if (facts->is_topic && !facts_file(facts->name, column->name))
		return -ENOENT;
	memcpy(&number, (const char *)&facts->stat + column->counter,
	       sizeof(number));
	snprintf(value, COLUMN_VALUE_MAX, "%" PRIu64, number);
	return 0;
}

int facts_value(const struct facts *facts, const struct column *column,
		char value[COLUMN_VALUE_MAX])
{
	if (!strcmp(column->name, "name")) {
		snprintf(value, COLUMN_VALUE_MAX, "%s", facts->name);
		return 0;
	}
	if (!strcmp(column->name, "node")) {
		snprintf(value, COLUMN_VALUE_MAX, "%s", !facts->node ? "ok" :
			 facts->node == -ENOTTY ? "wrong" : "missing");
		return 0;
	}
	if (facts->has_stat && !strcmp(column->name, "type")) {
		strcpy(value, facts->is_topic ? "topic" : "queue");
		return 0;
	}
	if (facts->has_stat && !facts->is_topic && column->topics_only)
		return -ENOENT;
	if (facts->has_stat && column->counter)
		return counter_value(facts, column, value);
	return option_value(facts->name, column->name, value);
}
