/* SPDX-License-Identifier: GPL-2.0 */
/* Opening a queue for what is done to its messages from outside. */
#ifndef MQCTL_LOOK_H
#define MQCTL_LOOK_H

#include <devmq.h>

/*
 * Open a queue to look, which is no consumer, but needs the permission to read and
 * to write. Without that, open it to read: as a consumer that takes nothing.
 * Returns 0 or a negative errno.
 */
int open_to_look(struct devmq_queue **queue, const char *name);

#endif /* MQCTL_LOOK_H */
