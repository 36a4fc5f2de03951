// SPDX-License-Identifier: GPL-2.0
/* The parts that the README omits from its example in C. */
#include <devmq.h>
#include <stdio.h>

static void work(const void *payload, size_t size)
{
	printf("%.*s\n", (int)size, (const char *)payload);
}

int main(void)
{
@BLOCK@
	devmq_buffer_free(buffer);
	devmq_close(queue);
	return !id;
}
