// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * worker QUEUE: work on messages. A message is acknowledged when it is done, retried
 * if it failed, and rejected if it cannot be processed. The lease of each begins when
 * the work on it does. On SIGTERM the worker finishes the message that it works on and
 * releases the others; if it is killed, or hangs longer than the lease, its messages
 * go to other consumers, and its deliveries count as failed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "devmq.h"

#define AT_ONCE		16
#define LEASE_NS	DEVMQ_SECONDS(30)
/* The reason that this program gives for messages that it cannot read. */
#define NOT_TEXT	(DEVMQ_REASON_USER + 1)

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* Return: 0; -EAGAIN if a retry may help; -EINVAL if it cannot be processed. */
static int work(const struct devmq_msg *msg)
{
	const char *payload;
	size_t size;

	payload = devmq_msg_payload(msg, &size);
	if (memchr(payload, '\0', size))
		return -EINVAL;
	printf("%llu (attempt %u): %.*s\n",
	       (unsigned long long)devmq_msg_id(msg),
	       devmq_msg_attempt(msg), (int)size, payload);
	return fflush(stdout) ? -EAGAIN : 0;
}

static int work_on(struct devmq_queue *queue, const struct devmq_msg *msg)
{
	static const char note[] = "there is a NUL in it";
	uint64_t id = devmq_msg_id(msg);
	int err;

	/* The lease of this message begins now, not with its delivery. */
	err = devmq_extend(queue, id, 0);
	if (!err)
		switch (work(msg)) {
		case 0:
			err = devmq_ack(queue, id);
			break;
		case -EINVAL:
			err = devmq_reject(queue, id, NOT_TEXT, note,
					   strlen(note));
			break;
		default:
			err = devmq_retry(queue, id, 0);
		}
	/* The lease has ended, and another consumer may have the message. */
	return err == -ESTALE ? 0 : err;
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
			err = work_on(queue, msg);
			if (err)
				return err;
		}
		err = devmq_release_rest(queue, buffer, NULL);
		if (err && err != -ESTALE)
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

	if (argc != 2) {
		fprintf(stderr, "usage: worker QUEUE\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	err = devmq_open(&queue, argv[1], DEVMQ_OPEN_READ);
	if (!err)
		err = devmq_set_ack(queue, DEVMQ_ACK_MANUAL, AT_ONCE);
	if (!err)
		err = devmq_set_lease(queue, LEASE_NS);
	if (!err)
		err = devmq_buffer_new(&buffer, 0);
	if (!err)
		err = work_all(queue, buffer);
	if (err)
		fprintf(stderr, "worker: %s: %s\n", argv[1], devmq_strerror(err));
	devmq_buffer_free(buffer);
	devmq_close(queue);
	return err ? 1 : 0;
}
