// SPDX-License-Identifier: GPL-2.0
/* Waiting until the queue's journal has what was done (--sync). */
#include <errno.h>

#include "complain.h"
#include "sync.h"

int sync_check(struct devmq_queue *queue, const char *name)
{
	int err = devmq_sync(queue);

	if (err == -EINVAL)
		return complain(name, 0, "cannot sync: the queue has no journal");
	return err ? complain(name, err, "cannot sync") : STATUS_DONE;
}

int sync_wait(struct devmq_queue *queue, const char *name, const char *done)
{
	int err = devmq_sync(queue);

	return err ? complain(name, err, "%s, but cannot sync", done) :
		     STATUS_DONE;
}
