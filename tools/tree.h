/* SPDX-License-Identifier: GPL-2.0 */
/* Topics with the queues that are bound to them: ls --tree. */
#ifndef MQCTL_TREE_H
#define MQCTL_TREE_H

#include <stdbool.h>

/*
 * Print all queues, those that a topic feeds below it; or with patterns (as fnmatch(3)
 * has them, ended by NULL), those whose names match, with what is below. As JSON, topics
 * only, each with its bindings. Returns an exit status.
 */
int tree_show(char **patterns, bool json, bool headings);

#endif /* MQCTL_TREE_H */
