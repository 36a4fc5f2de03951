// SPDX-License-Identifier: GPL-2.0
/* A client that calls as devmq_call(3) shows. */
#include <devmq.h>

int ask(struct devmq_queue *clock, struct devmq_queue *replies,
	struct devmq_batch *batch, struct devmq_buffer *buffer,
	const char **text);

int ask(struct devmq_queue *clock, struct devmq_queue *replies,
	struct devmq_batch *batch, struct devmq_buffer *buffer,
	const char **answer)
{
	const struct devmq_msg *reply;
	const char *text = NULL;
	size_t size;
	int err;

@BLOCK@
	*answer = text;
	return err;
}

int main(void)
{
	return 0;
}
