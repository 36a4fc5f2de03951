// SPDX-License-Identifier: GPL-2.0
/* The event loop of devmq-epoll(7), which stops after the last message. */
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <devmq.h>

#define MESSAGES	40

static int stop, handled;

static void handle(const struct devmq_msg *msg)
{
	const uint64_t one = 1;

	if (devmq_msg_id(msg) == ++handled && handled == MESSAGES &&
	    write(stop, &one, sizeof(one)) < 0)
		_exit(1);
}

@BLOCK@

int main(void)
{
	struct devmq_buffer *buffer;
	struct devmq_queue *queue;
	int i, err;

	stop = eventfd(0, EFD_CLOEXEC);
	err = devmq_open(&queue, "loop", DEVMQ_OPEN_READ | DEVMQ_OPEN_WRITE |
			 DEVMQ_OPEN_NONBLOCK) ?: devmq_buffer_new(&buffer, 0);
	for (i = 0; !err && i < MESSAGES; i++)
		err = devmq_send(queue, "x", 1, NULL);
	if (err || serve(queue, buffer, stop))
		return 1;
	devmq_buffer_free(buffer);
	devmq_close(queue);
	return handled == MESSAGES ? 0 : 1;
}
