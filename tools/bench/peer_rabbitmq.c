// SPDX-License-Identifier: GPL-2.0
/*
 * RabbitMQ, over AMQP 0-9-1: basic.publish, basic.consume, basic.ack. Queues are
 * neither durable nor mirrored, messages transient, and the sender asks for no
 * confirms: the least that a message costs there. A topic is a fanout exchange.
 *
 * If messages are to be on stable storage, the queue is a quorum queue, which flushes
 * what it has before it confirms, and a send waits for the confirms of its messages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench.h"
#include "channel.h"
#include "peer.h"
#include "server.h"

#ifdef HAVE_RABBITMQ

#include <amqp.h>
#include <amqp_tcp_socket.h>

/* The only channel of each connection, in the protocol's sense. */
#define LINE		1
/* Deliveries that the server has under way to a receiver, at the most. */
#define PREFETCH	1024

struct rabbit_state {
	char			name[48];
	amqp_connection_state_t	link;
	bool			consuming;
	uint64_t		last;
	uint64_t		published;
	uint64_t		confirmed;
};

static const char *rabbit_missing(void)
{
	return rabbitmq_address ? NULL : "no --rabbitmq=HOST:PORT was given";
}

/* Returns zero unless the server refused what was asked for last. */
static int rabbit_done(amqp_rpc_reply_t reply)
{
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return 0;
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		fprintf(stderr, "mqbench: rabbitmq: %s\n",
			amqp_error_string2(reply.library_error));
	else
		fprintf(stderr, "mqbench: rabbitmq: the server refused it\n");
	return -EIO;
}

static int rabbit_reply(const struct rabbit_state *s)
{
	return rabbit_done(amqp_get_rpc_reply(s->link));
}

static void rabbit_disconnect(struct rabbit_state *s)
{
	if (s->link)
		amqp_destroy_connection(s->link);
	s->link = NULL;
	s->consuming = false;
}

static int rabbit_open(struct rabbit_state *s)
{
	amqp_socket_t *socket = amqp_tcp_socket_new(s->link);
	char host[64];
	int port;

	if (!socket)
		return -ENOMEM;
	if (sscanf(rabbitmq_address, "%63[^:]:%d", host, &port) != 2)
		return -EINVAL;
	if (amqp_socket_open(socket, host, port))
		return -ECONNREFUSED;
	return rabbit_done(amqp_login(s->link, "/", 0, 131072, 0,
				      AMQP_SASL_METHOD_PLAIN, "guest",
				      "guest"));
}

static int rabbit_connect(struct rabbit_state *s, bool confirms)
{
	int err = -ENOMEM;

	s->link = amqp_new_connection();
	if (s->link)
		err = rabbit_open(s);
	if (err)
		return err;
	amqp_channel_open(s->link, LINE);
	err = rabbit_reply(s);
	if (err || !confirms)
		return err;
	/* The server counts what is published from now on. */
	s->published = 0;
	s->confirmed = 0;
	amqp_confirm_select(s->link, LINE);
	return rabbit_reply(s);
}

static int rabbit_exchange(const struct rabbit_state *s)
{
	amqp_exchange_declare(s->link, LINE, amqp_cstring_bytes(s->name),
			      amqp_cstring_bytes("fanout"), 0, 0, 0, 0,
			      amqp_empty_table);
	return rabbit_reply(s);
}

static int rabbit_queue(const struct rabbit_state *s,
			const struct rabbit_state *topic, bool sync)
{
	amqp_table_entry_t type = {
		.key = amqp_cstring_bytes("x-queue-type"),
		.value = {
			.kind = AMQP_FIELD_KIND_UTF8,
			.value.bytes = amqp_cstring_bytes("quorum"),
		},
	};
	amqp_table_t quorum = { .num_entries = 1, .entries = &type };
	int err;

	amqp_queue_declare(s->link, LINE, amqp_cstring_bytes(s->name), 0, sync,
			   0, 0, sync ? quorum : amqp_empty_table);
	err = rabbit_reply(s);
	if (err || !topic)
		return err;
	amqp_queue_bind(s->link, LINE, amqp_cstring_bytes(s->name),
			amqp_cstring_bytes(topic->name), amqp_empty_bytes,
			amqp_empty_table);
	return rabbit_reply(s);
}

static void rabbit_unmake(struct channel *c)
{
	struct rabbit_state *s = c->state;

	if (c->setup.kind == KIND_TOPIC)
		amqp_exchange_delete(s->link, LINE,
				     amqp_cstring_bytes(s->name), 0);
	else
		amqp_queue_delete(s->link, LINE, amqp_cstring_bytes(s->name), 0,
				  0);
	rabbit_disconnect(s);
	free(s);
}

static int rabbit_make(struct channel *c)
{
	struct rabbit_state *s = calloc(1, sizeof(*s));
	bool topic = c->setup.kind == KIND_TOPIC;
	int err;

	if (!s)
		return -ENOMEM;
	snprintf(s->name, sizeof(s->name), "%s", fresh_name());
	err = rabbit_connect(s, c->setup.sync);
	if (!err)
		err = topic ? rabbit_exchange(s) :
		      rabbit_queue(s, c->setup.topic ? c->setup.topic->state :
						       NULL, c->setup.sync);
	if (err) {
		rabbit_disconnect(s);
		free(s);
		return err;
	}
	snprintf(c->config, sizeof(c->config), "%s, %s, prefetch %d",
		 topic ? "a fanout exchange" :
		 c->setup.sync ? "a quorum queue" : "a transient classic queue",
		 c->setup.sync ? "confirms" : "no confirms", PREFETCH);
	c->state = s;
	return 0;
}

/* The parent's connection stays open for the parent. */
static int rabbit_join(struct channel *c)
{
	struct rabbit_state *s = c->state;

	s->consuming = false;
	return rabbit_connect(s, c->setup.sync);
}

/* The server forgets what it has not looked at when a connection just breaks off. */
static int rabbit_leave(struct channel *c)
{
	struct rabbit_state *s = c->state;
	int err;

	err = rabbit_done(amqp_channel_close(s->link, LINE, AMQP_REPLY_SUCCESS));
	if (!err)
		err = rabbit_done(amqp_connection_close(s->link,
							AMQP_REPLY_SUCCESS));
	return err;
}

/*
 * Wait until all is confirmed that was published. Those of one queue come in order; if
 * they did not, RabbitMQ would look better than it is.
 */
static int rabbit_confirmed(struct rabbit_state *s)
{
	const amqp_basic_ack_t *ack;
	amqp_frame_t frame;

	while (s->confirmed < s->published) {
		amqp_maybe_release_buffers(s->link);
		if (amqp_simple_wait_frame(s->link, &frame) != AMQP_STATUS_OK)
			return -EIO;
		if (frame.frame_type != AMQP_FRAME_METHOD ||
		    frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
			return -EPROTO;
		ack = frame.payload.method.decoded;
		if (ack->delivery_tag > s->confirmed)
			s->confirmed = ack->delivery_tag;
	}
	return 0;
}

static int rabbit_send_many(struct channel *c, unsigned int count)
{
	const amqp_basic_properties_t persistent = {
		._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	struct rabbit_state *s = c->state;
	bool topic = c->setup.kind == KIND_TOPIC;
	amqp_bytes_t name = amqp_cstring_bytes(s->name);
	amqp_bytes_t body = { .len = c->setup.size, .bytes = c->out };
	unsigned int i;

	for (i = 0; i < count; i++)
		if (amqp_basic_publish(s->link, LINE,
				       topic ? name : amqp_empty_bytes,
				       topic ? amqp_empty_bytes : name, 0, 0,
				       c->setup.sync ? &persistent : NULL, body))
			return -EIO;
	s->published += count;
	return c->setup.sync ? rabbit_confirmed(s) : 0;
}

static int rabbit_send(struct channel *c)
{
	return rabbit_send_many(c, 1);
}

/* From the first call on, the server sends messages by itself. */
static int rabbit_consume(struct rabbit_state *s)
{
	int err;

	amqp_basic_qos(s->link, LINE, 0, PREFETCH, 0);
	err = rabbit_reply(s);
	if (err)
		return err;
	amqp_basic_consume(s->link, LINE, amqp_cstring_bytes(s->name),
			   amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	s->consuming = true;
	return rabbit_reply(s);
}

/* Returns whether there was a message, or a negative errno. */
static int rabbit_take(struct channel *c, bool wait)
{
	const struct timeval now = { .tv_sec = 0 };
	struct rabbit_state *s = c->state;
	amqp_envelope_t e;
	amqp_rpc_reply_t reply;
	bool fits;

	amqp_maybe_release_buffers(s->link);
	reply = amqp_consume_message(s->link, &e, wait ? NULL : &now, 0);
	if (!wait && reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
	    reply.library_error == AMQP_STATUS_TIMEOUT)
		return 0;
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		return rabbit_done(reply);
	fits = e.message.body.len == c->setup.size;
	if (fits)
		c->in[0] = *(const unsigned char *)e.message.body.bytes;
	c->stops += fits && c->in[0] == STOP;
	s->last = e.delivery_tag;
	amqp_destroy_envelope(&e);
	return fits ? 1 : -EPROTO;
}

static int rabbit_recv_many(struct channel *c, unsigned int max)
{
	struct rabbit_state *s = c->state;
	unsigned int n;
	int some = 1, err;

	if (!s->consuming) {
		err = rabbit_consume(s);
		if (err)
			return err;
	}
	c->stops = 0;
	for (n = 0; n < max && some > 0; n += (unsigned int)(some > 0))
		some = rabbit_take(c, !n);
	return some < 0 ? some : (int)n;
}

static int rabbit_recv(struct channel *c)
{
	int n = rabbit_recv_many(c, 1);

	return n < 0 ? n : 0;
}

static int rabbit_ack(struct channel *c)
{
	const struct rabbit_state *s = c->state;

	return amqp_basic_ack(s->link, LINE, s->last, 1) ? -EIO : 0;
}

#else

static const char *rabbit_missing(void)
{
	return "not built in: there was no librabbitmq";
}

#endif

const struct peer peer_rabbitmq = {
	.name = "rabbitmq",
	.what = "RabbitMQ: publish, consume, ack; a fanout exchange for a topic",
	.can = CAN_SHARE | CAN_BATCH | CAN_ACK | MUST_ACK | ON_REQUEST |
	       CAN_TOPIC | CAN_CONFIRM,
	.max_size = 128 << 20,
	.size_reason = "a message is at most 128 MiB",
	.missing = rabbit_missing,
#ifdef HAVE_RABBITMQ
	.make = rabbit_make,
	.unmake = rabbit_unmake,
	.join = rabbit_join,
	.leave = rabbit_leave,
	.send = rabbit_send,
	.recv = rabbit_recv,
	.send_batch = rabbit_send_many,
	.recv_batch = rabbit_recv_many,
	.ack = rabbit_ack,
#endif
};
