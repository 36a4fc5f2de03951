// SPDX-License-Identifier: GPL-2.0
/* Opening a queue: to receive, to move messages to, or for what is done from outside. */
#include <errno.h>

#include "look.h"

int open_queue(struct devmq_queue **queue, const char *name, unsigned int flags)
{
	struct devmq_queue *q;
	int err = devmq_open(&q, name, flags);

	if (err)
		return err;
	if (devmq_is_topic(q) > 0) {
		devmq_close(q);
		return -EISDIR;
	}
	*queue = q;
	return 0;
}

int open_to_browse(struct devmq_queue **queue, const char *name)
{
	int err = devmq_open(queue, name, DEVMQ_OPEN_LOOK);

	return err == -EACCES ? devmq_open(queue, name, DEVMQ_OPEN_READ) : err;
}

int open_to_look(struct devmq_queue **queue, const char *name)
{
	int err;

	err = open_queue(queue, name, DEVMQ_OPEN_LOOK);
	if (err == -EACCES)
		err = open_queue(queue, name, DEVMQ_OPEN_READ);
	return err;
}
