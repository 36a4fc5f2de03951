// SPDX-License-Identifier: GPL-2.0
/* The queue "example" has no room for all messages of devmq_send(3). */
#include <errno.h>
#include <stdio.h>

#include <devmq.h>

int main(void)
{
	struct devmq_queue *queue;
	struct devmq_batch *batch;
	int err;

	err = devmq_open(&queue, "example", DEVMQ_OPEN_WRITE | DEVMQ_OPEN_NONBLOCK) ?:
	      devmq_batch_new(&batch);
	if (err)
		return 1;
@BLOCK@
	devmq_batch_free(batch);
	devmq_close(queue);
	return err == -EAGAIN ? 0 : 1;
}
