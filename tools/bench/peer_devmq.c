// SPDX-License-Identifier: GPL-2.0
/*
 * devmq: as a plain file, and through its library. Batches, acknowledgement,
 * priorities, keys and delays are the library's in both.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <devmq.h>

#include "channel.h"
#include "peer.h"
#include "server.h"

/* At most so many bytes of a message's metadata count in max_bytes. */
#define DEVMQ_META	64

struct mq_state {
	char			name[DEVMQ_NAME_SIZE];
	struct devmq_queue	*tx;
	struct devmq_queue	*rx;
	struct devmq_batch	*batch;
	struct devmq_buffer	*buffer;
};

static const char *devmq_missing(void)
{
	if (access("/dev/mq/control", F_OK))
		return "the devmq module is not loaded";
	return NULL;
}

static const char *durable_missing(void)
{
	return journal_name ? devmq_missing() : "no journal was named (--journal)";
}

static void devmq_drop(struct mq_state *s)
{
	devmq_close(s->tx);
	devmq_close(s->rx);
	devmq_batch_free(s->batch);
	devmq_buffer_free(s->buffer);
	s->tx = NULL;
	s->rx = NULL;
	s->batch = NULL;
	s->buffer = NULL;
}

static int devmq_attach(struct channel *c, struct mq_state *s)
{
	size_t step = DEVMQ_ALIGN(sizeof(struct devmq_record) + DEVMQ_META +
				  c->setup.size);
	size_t count = c->setup.batch ? c->setup.batch : 1;
	int err;

	err = devmq_open(&s->tx, s->name, DEVMQ_OPEN_WRITE |
			 (c->setup.sync ? DEVMQ_OPEN_SYNC : 0));
	if (!err && c->setup.kind != KIND_TOPIC)
		err = devmq_open(&s->rx, s->name, DEVMQ_OPEN_READ);
	if (!err)
		err = devmq_batch_new(&s->batch);
	if (!err)
		err = devmq_buffer_new(&s->buffer, count * step);
	if (err)
		return err;
	c->tx = devmq_fd(s->tx);
	c->rx = s->rx ? devmq_fd(s->rx) : -1;
	return 0;
}

static const char *devmq_extra(enum kind kind)
{
	switch (kind) {
	case KIND_ACK:
	case KIND_NEXT:
		return " ack=manual";
	case KIND_PRIORITY:
		return " priorities=10";
	case KIND_KEY:
		return " order=key";
	default:
		return "";
	}
}

_Static_assert(PRIORITIES == 10, "devmq_extra() says so");

static void devmq_options(const struct channel *c, char *options, size_t size)
{
	size_t depth = c->setup.depth, bytes = depth * (c->setup.size + DEVMQ_META);

	if (c->setup.kind == KIND_TOPIC)
		snprintf(options, size,
			 "type=topic max_bytes=%zu max_message_size=%zu",
			 bytes, c->setup.size);
	else
		snprintf(options, size,
			 "max_messages=%zu max_bytes=%zu max_message_size=%zu%s%s%s",
			 depth, bytes, c->setup.size,
			 devmq_extra(c->setup.kind),
			 c->peer == &peer_durable ? " journal=" : "",
			 c->peer == &peer_durable ? journal_name : "");
}

/* Let the queue subscribe to the topic, if there is one. */
static int devmq_subscribe(struct channel *c, char *reason, size_t size)
{
	const struct mq_state *s = c->state, *topic;

	if (!c->setup.topic)
		return 0;
	topic = c->setup.topic->state;
	return devmq_bind(topic->name, s->name, NULL, reason, size);
}

/* Make a queue, and do not open it. */
static int devmq_idle(struct channel *c)
{
	struct mq_state *s = calloc(1, sizeof(*s));
	char options[160], reason[160];
	int err;

	if (!s)
		return -ENOMEM;
	snprintf(s->name, sizeof(s->name), "%s", fresh_name());
	c->state = s;
	devmq_options(c, options, sizeof(options));
	err = devmq_create(s->name, options, reason, sizeof(reason));
	if (!err) {
		err = devmq_subscribe(c, reason, sizeof(reason));
		if (err)
			devmq_remove(s->name, true, NULL, 0);
	}
	if (err) {
		fprintf(stderr, "mqbench: devmq: %s\n", reason);
		free(s);
		return err;
	}
	snprintf(c->config, sizeof(c->config), "%s", options);
	return 0;
}

static void devmq_unmake(struct channel *c)
{
	struct mq_state *s = c->state;

	devmq_drop(s);
	devmq_remove(s->name, true, NULL, 0);
	free(s);
}

static int devmq_make(struct channel *c)
{
	int err = devmq_idle(c);

	if (err)
		return err;
	err = devmq_attach(c, c->state);
	if (err)
		devmq_unmake(c);
	return err;
}

/* Deliveries belong to an open file, so every process opens its own. */
static int devmq_join(struct channel *c)
{
	struct mq_state *s = c->state;

	devmq_drop(s);
	return devmq_attach(c, s);
}

/* Wait until all is on stable storage, and close the queue. */
static int durable_leave(struct channel *c)
{
	struct mq_state *s = c->state;
	int err = devmq_sync(s->tx);

	devmq_drop(s);
	return err;
}

static int devmq_write(struct channel *c)
{
	ssize_t n = write(c->tx, c->out, c->setup.size);

	return n == (ssize_t)c->setup.size ? 0 : -errno;
}

static int devmq_read(struct channel *c)
{
	ssize_t n = read(c->rx, c->in, c->setup.size);

	return n == (ssize_t)c->setup.size ? 0 : n < 0 ? -errno : -EPROTO;
}

static int devmq_send_one(struct channel *c)
{
	struct mq_state *s = c->state;

	return devmq_send(s->tx, c->out, c->setup.size, NULL);
}

static int devmq_recv_one(struct channel *c)
{
	struct mq_state *s = c->state;
	const struct devmq_msg *msg;
	size_t size;
	int n;

	n = devmq_recv(s->rx, s->buffer, 1, -1);
	if (n < 0)
		return n;
	if (devmq_buffer_next(s->buffer, &msg) != 1)
		return -EPROTO;
	c->in[0] = *(const unsigned char *)devmq_msg_payload(msg, &size);
	return size == c->setup.size ? 0 : -EPROTO;
}

/* Set what the kind asks for on the message that was added last. */
static int devmq_mark(struct channel *c, struct devmq_batch *batch)
{
	unsigned int n = c->sent++;
	char key[4];

	switch (c->setup.kind) {
	case KIND_PRIORITY:
		return devmq_batch_set_priority(batch, n % PRIORITIES);
	case KIND_KEY:
		memcpy(key, "key", 3);
		key[3] = (char)(n % KEYS);
		return devmq_batch_set_key(batch, key, sizeof(key));
	case KIND_DELAY:
		return devmq_batch_set_delay(batch, DELAY_NS);
	default:
		return 0;
	}
}

static int devmq_send_many(struct channel *c, unsigned int count)
{
	struct mq_state *s = c->state;
	bool plain = c->setup.kind <= KIND_NEXT || c->setup.kind == KIND_TOPIC;
	struct devmq_batch *batch = s->batch;
	const unsigned char *out = c->out;
	size_t size = c->setup.size;
	int err;

	if (plain && count == 1)
		return devmq_send(s->tx, out, size, NULL);
	while (count--) {
		err = devmq_batch_add(batch, out, size);
		if (err)
			return err;
		if (plain)
			continue;
		err = devmq_mark(c, batch);
		if (err)
			return err;
	}
	return devmq_send_batch(s->tx, s->batch, NULL, NULL, NULL);
}

/* Read every message, as a real receiver does. */
static int devmq_recv_many(struct channel *c, unsigned int max)
{
	struct mq_state *s = c->state;
	struct devmq_buffer *buffer = s->buffer;
	size_t size, expected = c->setup.size;
	const struct devmq_msg *msg;
	const unsigned char *payload;
	unsigned int stops = 0;
	int n;

	n = c->setup.kind == KIND_NEXT ?
	    devmq_ack_recv(s->rx, buffer, max, -1, NULL) :
	    devmq_recv(s->rx, buffer, max, -1);
	if (n <= 0)
		return n ? n : -EPROTO;
	while (devmq_buffer_next(buffer, &msg) > 0) {
		payload = devmq_msg_payload(msg, &size);
		if (size != expected)
			return -EPROTO;
		stops += payload[0] == STOP;
	}
	c->stops = stops;
	return n;
}

static int devmq_ack_last(struct channel *c)
{
	struct mq_state *s = c->state;

	return devmq_ack_buffer(s->rx, s->buffer, NULL);
}

/* All that messages take, of all queues. */
static int devmq_used(struct channel *c, uint64_t *bytes)
{
	FILE *f = fopen("/sys/module/devmq/parameters/used_bytes", "re");
	int n;

	(void)c;
	if (!f)
		return -errno;
	n = fscanf(f, "%" SCNu64, bytes);
	fclose(f);
	return n == 1 ? 0 : -EPROTO;
}

const struct peer peer_devmq = {
	.name = "devmq",
	.what = "a devmq queue: write and read; batches through libdevmq",
	.can = CAN_SHARE | CAN_BATCH | CAN_ACK | CAN_NEXT | CAN_PRIORITY |
	       CAN_KEY | CAN_DELAY | CAN_KEEP | CAN_TOPIC,
	.max_size = 256 << 20,
	.size_reason = "a message is at most 256 MiB",
	.missing = devmq_missing,
	.make = devmq_make,
	.idle = devmq_idle,
	.unmake = devmq_unmake,
	.join = devmq_join,
	.send = devmq_write,
	.recv = devmq_read,
	.send_batch = devmq_send_many,
	.recv_batch = devmq_recv_many,
	.ack = devmq_ack_last,
	.used = devmq_used,
};

const struct peer peer_libdevmq = {
	.name = "libdevmq",
	.what = "a devmq queue: devmq_send and devmq_recv, one message a call",
	.can = CAN_SHARE,
	.max_size = 256 << 20,
	.size_reason = "a message is at most 256 MiB",
	.missing = devmq_missing,
	.make = devmq_make,
	.idle = devmq_idle,
	.unmake = devmq_unmake,
	.join = devmq_join,
	.send = devmq_send_one,
	.recv = devmq_recv_one,
};

const struct peer peer_durable = {
	.name = "durable",
	.what = "a devmq queue in the journal that --journal names",
	.can = CAN_CONFIRM | CAN_SHARE | CAN_BATCH | CAN_ACK | CAN_PRIORITY | CAN_KEY |
	       CAN_DELAY | CAN_KEEP | ON_REQUEST,
	.max_size = 128 << 10,
	.size_reason = "a journal's segment may have no room for it",
	.missing = durable_missing,
	.make = devmq_make,
	.idle = devmq_idle,
	.unmake = devmq_unmake,
	.join = devmq_join,
	.leave = durable_leave,
	.send = devmq_write,
	.recv = devmq_read,
	.send_batch = devmq_send_many,
	.recv_batch = devmq_recv_many,
	.ack = devmq_ack_last,
};
