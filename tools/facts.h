/* SPDX-License-Identifier: GPL-2.0 */
/* The values of the columns of a queue. */
#ifndef MQCTL_FACTS_H
#define MQCTL_FACTS_H

#include <stdbool.h>
#include <sys/types.h>

#include <devmq.h>

#include "columns.h"

#define COLUMN_VALUE_MAX	64

/*
 * An option or a counter of a queue by its name: 0, or a negative errno. Mode and
 * owner are those that the device file has now.
 */
int option_value(const char *name, const char *option,
		 char value[COLUMN_VALUE_MAX]);

/*
 * A queue or a topic: its counters, and which of the two it is, if it could be opened to
 * read them; and what devmq_check_node() says of its device file.
 */
struct facts {
	const char		*name;
	int			node;
	bool			has_stat;
	bool			is_topic;
	struct devmq_stat	stat;
};

/*
 * Open the queue to look, and read its counters. Without the permission for that,
 * facts_value() reads them from sysfs one by one. Returns 0, or a negative errno
 * such as -ENOENT: there is no such queue.
 */
int facts_get(struct facts *facts, const char *name);

/*
 * The column's value as the module writes it; or a negative errno, -ENOENT if it has no
 * such option or counter.
 */
int facts_value(const struct facts *facts, const struct column *column,
		char value[COLUMN_VALUE_MAX]);

/* Is this a topic? Needs no permission; false if there is no such topic. */
bool is_topic(const char *name);

/* The inode of a file that sysfs has for a queue; 0 if there is none. */
ino_t facts_file(const char *name, const char *file);

#endif /* MQCTL_FACTS_H */
