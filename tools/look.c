// SPDX-License-Identifier: GPL-2.0
/* Opening a queue for what is done to its messages from outside. */
#include <errno.h>

#include "look.h"

int open_to_look(struct devmq_queue **queue, const char *name)
{
	int err;

	err = devmq_open(queue, name, DEVMQ_OPEN_LOOK);
	if (err == -EACCES)
		err = devmq_open(queue, name, DEVMQ_OPEN_READ);
	return err;
}
