// SPDX-License-Identifier: GPL-2.0
/* A server that replies as devmq_call(3) shows. */
#include <devmq.h>
#include <string.h>

int answer(struct devmq_queue *queue, const struct devmq_msg *request,
	   struct devmq_batch *batch, const char *text);

int answer(struct devmq_queue *queue, const struct devmq_msg *request,
	   struct devmq_batch *batch, const char *text)
{
	int err;

@BLOCK@
	return err;
}

int main(void)
{
	return 0;
}
