/* SPDX-License-Identifier: GPL-2.0 */
/* Opening a queue: to receive, to move messages to, or for what is done from outside. */
#ifndef MQCTL_LOOK_H
#define MQCTL_LOOK_H

#include <devmq.h>

/*
 * Open a queue, and not a topic, whose messages are in the queues that are bound to
 * it: that is -EISDIR, and complain_open() says so. Returns 0 or a negative errno.
 */
int open_queue(struct devmq_queue **queue, const char *name, unsigned int flags);

/*
 * Open a queue to look, which is no consumer, but needs the permission to read and
 * to write. Without that, open it to read: as a consumer that takes nothing.
 * Returns as open_queue().
 */
int open_to_look(struct devmq_queue **queue, const char *name);

/* The same for a queue, or for a topic, which may retain messages. */
int open_to_browse(struct devmq_queue **queue, const char *name);

#endif /* MQCTL_LOOK_H */
