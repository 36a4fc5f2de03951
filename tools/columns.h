/* SPDX-License-Identifier: GPL-2.0 */
/* What can be known of a queue: the columns of ls, and the lines of stat. */
#ifndef MQCTL_COLUMNS_H
#define MQCTL_COLUMNS_H

#include <stdbool.h>

enum column_kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_BYTES,
	KIND_MS,
};

/*
 * A counter is a member of struct devmq_stat, at that offset; for an option and for
 * the name the offset is zero. ls has the heading. No queue has a counter that is for
 * topics only.
 */
struct column {
	const char		*name;
	const char		*heading;
	enum column_kind	kind;
	unsigned short		counter;
	bool			topics_only;
	const char		*help;
};

/* All columns; the last has no name. */
extern const struct column columns[];
const struct column *find_column(const char *name);

#endif /* MQCTL_COLUMNS_H */
