// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * reqrep serve QUEUE: answer each request by sending its payload back.
 * reqrep ask QUEUE REPLIES TEXT: send a request and print the answer that
 * comes to the queue REPLIES, whose name has to begin with "reply".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devmq.h"

static struct devmq_queue *in, *out;
static struct devmq_batch *batch;
static struct devmq_buffer *buffer;
static const struct devmq_msg *msg;

static int answer(void)
{
	char name[DEVMQ_NAME_SIZE];
	const void *id, *payload;
	size_t id_size, size;
	int err = devmq_msg_reply_to(msg, name, sizeof(name));

	/* The sender names the queue: see that it is one to answer to. */
	if (err || strncmp(name, "reply", 5))
		return 0;
	payload = devmq_msg_payload(msg, &size);
	id = devmq_msg_correlation_id(msg, &id_size);
	devmq_batch_clear(batch);
	err = devmq_batch_add(batch, payload, size) ?:
	      devmq_batch_add_header(batch, DEVMQ_HEADER_CORRELATION_ID, id,
				     id_size);
	/* One client's full queue is not worth the others' waiting. */
	if (!err && !devmq_open(&out, name, DEVMQ_OPEN_WRITE |
				DEVMQ_OPEN_NONBLOCK)) {
		devmq_send_batch(out, batch, NULL, NULL, NULL);
		devmq_close(out);
	}
	return err;
}

static int serve(const char *queue)
{
	int err = devmq_open(&in, queue, DEVMQ_OPEN_READ);

	while (!err && (err = devmq_recv(in, buffer, 1, -1)) > 0)
		err = devmq_buffer_next(buffer, &msg) > 0 ? answer() : -EIO;
	return err;
}

static int ask(const char *queue, const char *replies, const char *text)
{
	char id[32];
	const void *got;
	size_t size;
	int n;

	snprintf(id, sizeof(id), "%d", getpid());
	n = devmq_open(&in, replies, DEVMQ_OPEN_READ) ?:
	    devmq_open(&out, queue, DEVMQ_OPEN_WRITE) ?:
	    devmq_batch_add(batch, text, strlen(text)) ?:
	    devmq_batch_add_header(batch, DEVMQ_HEADER_REPLY_TO, replies,
				   strlen(replies)) ?:
	    devmq_batch_add_header(batch, DEVMQ_HEADER_CORRELATION_ID, id,
				   strlen(id)) ?:
	    devmq_send_batch(out, batch, NULL, NULL, NULL);
	/* What answers an earlier request is skipped. */
	while (!n && (n = devmq_recv(in, buffer, 1, 5000)) > 0) {
		devmq_buffer_next(buffer, &msg);
		got = devmq_msg_correlation_id(msg, &size);
		n = size == strlen(id) && !memcmp(got, id, size);
	}
	if (n > 0) {
		got = devmq_msg_payload(msg, &size);
		printf("%.*s\n", (int)size, (const char *)got);
	}
	return n;
}

int main(int argc, char **argv)
{
	int err = devmq_batch_new(&batch) ?: devmq_buffer_new(&buffer, 0);

	if (!err && argc == 3 && !strcmp(argv[1], "serve"))
		err = serve(argv[2]);
	else if (!err)
		err = argc == 5 ? ask(argv[2], argv[3], argv[4]) : -EINVAL;
	if (err < 0)
		fprintf(stderr, "reqrep: %s\n", strerror(-err));
	return err < 0;
}
