// SPDX-License-Identifier: GPL-2.0
/*
 * Edge-triggered epoll as devmq-epoll(7) shows: an event comes for messages
 * that are there at first, and for messages that come after all have been
 * received, and none in between.
 */
#include <errno.h>
#include <sys/epoll.h>

#include <devmq.h>

static int handled;

static void handle(const struct devmq_msg *msg)
{
	handled += devmq_msg_id(msg) > 0;
}

@BLOCK@

static int send_many(struct devmq_queue *queue, int n)
{
	int err = 0;

	while (!err && n--)
		err = devmq_send(queue, "x", 1, NULL);
	return err;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct devmq_queue *queue, *out;
	struct devmq_buffer *buffer;

	if (devmq_open(&queue, "edge", DEVMQ_OPEN_READ | DEVMQ_OPEN_NONBLOCK) ||
	    devmq_open(&out, "edge", DEVMQ_OPEN_WRITE) ||
	    devmq_buffer_new(&buffer, 0) || send_many(out, 40) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, devmq_fd(queue), &event))
		return 1;
	if (epoll_wait(epoll, &event, 1, -1) != 1 ||
	    take_all(queue, buffer) != 1 || handled != 40)
		return 1;
	if (epoll_wait(epoll, &event, 1, 0) != 0)
		return 1;
	if (send_many(out, 20) || epoll_wait(epoll, &event, 1, -1) != 1 ||
	    take_all(queue, buffer) != 1 || handled != 60)
		return 1;
	devmq_buffer_free(buffer);
	devmq_close(out);
	devmq_close(queue);
	return 0;
}
