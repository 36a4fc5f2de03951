// SPDX-License-Identifier: GPL-2.0
/*
 * A sender that finds the queue full and prints the error as devmq_strerror(3)
 * shows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <devmq.h>

int main(void)
{
	struct devmq_queue *queue;
	int err = devmq_open(&queue, "full", DEVMQ_OPEN_WRITE);

	if (err)
		return 1;
@BLOCK@
	devmq_close(queue);
	return err == -ENOSPC ? 0 : 1;
}
