// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * producer QUEUE KEY: send every line of the standard input as a message with
 * a key and a content type, in batches of as many lines as have come.
 */
#include <stdio.h>
#include <string.h>

#include "devmq.h"

#define AT_ONCE	64

static int add(struct devmq_batch *batch, const char *key, const char *line,
	       size_t size)
{
	static const char type[] = "text/plain";
	int err = devmq_batch_add(batch, line, size);

	if (!err)
		err = devmq_batch_set_key(batch, key, strlen(key));
	if (!err)
		err = devmq_batch_add_header(batch, DEVMQ_HEADER_CONTENT_TYPE,
					     type, strlen(type));
	return err;
}

static int flush(struct devmq_queue *queue, struct devmq_batch *batch)
{
	uint64_t first, last;
	size_t sent;
	int err = devmq_send_batch(queue, batch, &sent, &first, &last);

	if (sent)
		printf("sent %zu: %llu to %llu\n", sent,
		       (unsigned long long)first, (unsigned long long)last);
	return err;
}

static int produce(struct devmq_queue *queue, struct devmq_batch *batch,
		   const char *key)
{
	char line[4096];
	int err;

	while (fgets(line, sizeof(line), stdin)) {
		err = add(batch, key, line, strcspn(line, "\n"));
		if (!err && devmq_batch_count(batch) == AT_ONCE)
			err = flush(queue, batch);
		if (err)
			return err;
	}
	return flush(queue, batch);
}

int main(int argc, char **argv)
{
	struct devmq_queue *queue = NULL;
	struct devmq_batch *batch = NULL;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: producer QUEUE KEY\n");
		return 2;
	}
	err = devmq_open(&queue, argv[1], DEVMQ_OPEN_WRITE);
	if (!err)
		err = devmq_batch_new(&batch);
	if (!err)
		err = produce(queue, batch, argv[2]);
	if (err)
		fprintf(stderr, "producer: %s: %s\n", argv[1], devmq_strerror(err));
	devmq_batch_free(batch);
	devmq_close(queue);
	return err ? 1 : 0;
}
