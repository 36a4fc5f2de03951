// SPDX-License-Identifier: GPL-2.0
/*
 * A thread that consumes as devmq_recv(3) shows, until it has received both
 * messages.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include <devmq.h>

static sem_t handled;

static void handle(const struct devmq_msg *msg)
{
	const char *payload;
	size_t size;

	payload = devmq_msg_payload(msg, &size);
	printf("%.*s\n", (int)size, payload);
	sem_post(&handled);
}

static void wait_for_the_end(void)
{
	sem_wait(&handled);
	sem_wait(&handled);
}

@BLOCK@

int main(void)
{
	struct devmq_queue *queue;
	int err = devmq_open(&queue, "endless", DEVMQ_OPEN_READ);

	if (err || sem_init(&handled, 0, 0))
		return 1;
	err = consume_for_a_while(queue);
	devmq_close(queue);
	return err ? 1 : 0;
}
