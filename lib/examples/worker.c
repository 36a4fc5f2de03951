// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * worker QUEUE: work on messages and acknowledge each one when it is done.
 * One that is asked to stop (SIGTERM) finishes what it does and releases the
 * rest; one that is killed gives all back, and they count as failed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "devmq.h"

#define AT_ONCE	16

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void work(const struct devmq_msg *msg)
{
	const char *payload;
	size_t size;

	payload = devmq_msg_payload(msg, &size);
	printf("%llu (attempt %u): %.*s\n",
	       (unsigned long long)devmq_msg_id(msg),
	       devmq_msg_attempt(msg), (int)size, payload);
	fflush(stdout);
}

static int work_all(struct devmq_queue *queue, struct devmq_buffer *buffer)
{
	const struct devmq_msg *msg;
	int n = 0, err;

	while (!stop && (n = devmq_recv(queue, buffer, AT_ONCE, 500)) != 0) {
		if (n == -ETIMEDOUT || n == -EINTR)
			continue;
		if (n < 0)
			return n;
		while (!stop && devmq_buffer_next(buffer, &msg) > 0) {
			work(msg);
			err = devmq_ack(queue, devmq_msg_id(msg));
			if (err)
				return err;
		}
		err = devmq_release_rest(queue, buffer, NULL);
		if (err)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct devmq_queue *queue = NULL;
	struct devmq_buffer *buffer = NULL;
	int err;

	sigaction(SIGTERM, &action, NULL);
	err = devmq_open(&queue, argc == 2 ? argv[1] : "", DEVMQ_OPEN_READ);
	if (!err)
		err = devmq_set_ack(queue, DEVMQ_ACK_MANUAL, AT_ONCE);
	if (!err)
		err = devmq_buffer_new(&buffer, 0);
	if (!err)
		err = work_all(queue, buffer);
	if (err)
		fprintf(stderr, "worker: %s\n", strerror(-err));
	devmq_buffer_free(buffer);
	devmq_close(queue);
	return err ? 1 : 0;
}
