/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device nodes: telling those of the module from other files. */
#ifndef LIBDEVMQ_NODE_H
#define LIBDEVMQ_NODE_H

#include <sys/stat.h>

#include "internal.h"

/* Is this file the control node? 0, or -ENOTTY: it is not. */
int lmq_check_control(const struct stat *st);

/* Is this file a queue? 0 and its name, -ENOTTY, or -ENODEV: it was removed. */
int lmq_check_queue(const struct stat *st, char name[DEVMQ_NAME_SIZE]);

/*
 * Is @path the node of a queue, by its device number alone? False if it is not,
 * or if the major number of queues is not known yet. *@st gets what lstat(2)
 * says.
 */
bool lmq_is_known_node(const char *path, struct stat *st);

#endif /* LIBDEVMQ_NODE_H */
