// SPDX-License-Identifier: GPL-2.0
/* Opening a file and a queue as devmq_open(3) shows. */
#include <errno.h>
#include <stdio.h>

#include <devmq.h>

@BLOCK@

int main(void)
{
	struct devmq_queue *queue;

	if (open_orders("/dev/null", &queue) != -ENOTTY)
		return 1;
	if (open_orders("example", &queue))
		return 1;
	devmq_close(queue);
	return 0;
}
