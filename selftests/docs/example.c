// SPDX-License-Identifier: GPL-2.0
/*
 * The examples of most pages of the library, with the queue "example": it is
 * open, and the variables that the pages assume exist. The block returns its
 * result in err.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <devmq.h>

int main(void)
{
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
	struct devmq_queue *queue;
	struct devmq_batch *batch;
	int err;

	err = devmq_open(&queue, "example", DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE |
			 DEVMQ_OPEN_NONBLOCK) ?:
	      devmq_batch_new(&batch) ?: devmq_buffer_new(&buffer, 0);
	if (err)
		return 1;
	(void)msg;
@BLOCK@
	devmq_batch_free(batch);
	devmq_buffer_free(buffer);
	devmq_close(queue);
	return err ? 1 : 0;
}
