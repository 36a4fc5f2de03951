// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * reqrep serve QUEUE: reply to each request by sending its payload back.
 * reqrep ask QUEUE REPLIES TEXT: send a request and print the reply that comes to
 * the queue REPLIES, whose name must begin with "reply". Any number of callers may
 * share that queue.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devmq.h"

#define PATIENCE_MS	5000

static struct devmq_queue *in, *out;
static struct devmq_batch *batch;
static struct devmq_buffer *buffer;

/*
 * A request that cannot be replied to is acknowledged as well. If the queue of one
 * client is full, the others do not wait for it.
 */
static int answer(const struct devmq_msg *request)
{
	const void *payload;
	size_t size;
	int err;

	payload = devmq_msg_payload(request, &size);
	devmq_batch_clear(batch);
	err = devmq_batch_add(batch, payload, size);
	if (err)
		return err;
	err = devmq_reply(request, batch, "reply", DEVMQ_OPEN_NONBLOCK);
	if (err)
		fprintf(stderr, "reqrep: request %llu: %s\n",
			(unsigned long long)devmq_msg_id(request),
			devmq_strerror(err));
	return devmq_ack(in, devmq_msg_id(request));
}

static int serve(const char *queue)
{
	const struct devmq_msg *request;
	int err = devmq_open(&in, queue, DEVMQ_OPEN_READ) ?:
		  devmq_set_ack(in, DEVMQ_ACK_MANUAL, 0);

	while (!err && (err = devmq_recv(in, buffer, 1, -1)) > 0)
		err = devmq_buffer_next(buffer, &request) > 0 ?
		      answer(request) : -EIO;
	return err;
}

static int ask(const char *queue, const char *replies, const char *text)
{
	const struct devmq_msg *reply;
	const void *payload;
	size_t size;
	int err;

	err = devmq_open(&in, replies, DEVMQ_OPEN_READ) ?:
	      devmq_open(&out, queue, DEVMQ_OPEN_WRITE) ?:
	      devmq_batch_add(batch, text, strlen(text)) ?:
	      devmq_call(out, batch, in, buffer, PATIENCE_MS, &reply);
	if (err)
		return err;
	payload = devmq_msg_payload(reply, &size);
	printf("%.*s\n", (int)size, (const char *)payload);
	return 0;
}

int main(int argc, char **argv)
{
	bool serves = argc == 3 && !strcmp(argv[1], "serve");
	int err;

	if (!serves && (argc != 5 || strcmp(argv[1], "ask"))) {
		fprintf(stderr, "usage: reqrep serve QUEUE | ask QUEUE REPLIES TEXT\n");
		return 2;
	}
	err = devmq_batch_new(&batch) ?: devmq_buffer_new(&buffer, 0);
	if (!err)
		err = serves ? serve(argv[2]) : ask(argv[2], argv[3], argv[4]);
	if (err < 0)
		fprintf(stderr, "reqrep: %s\n", devmq_strerror(err));
	devmq_close(in);
	devmq_close(out);
	devmq_batch_free(batch);
	devmq_buffer_free(buffer);
	return err < 0;
}
