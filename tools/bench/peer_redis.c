// SPDX-License-Identifier: GPL-2.0
/*
 * Redis Streams, over a unix socket: XADD, XREADGROUP, XACK. In batches the
 * commands are pipelined, and one XREADGROUP and one XACK are for many.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "channel.h"
#include "peer.h"
#include "server.h"
#include "system.h"

#ifdef HAVE_HIREDIS

#include <hiredis.h>

struct redis_state {
	char		key[48];
	char		group[48];
	char		consumer[16];
	redisContext	*tx;
	redisContext	*rx;
	redisReply	*received;
	size_t		messages;
	const char	**ack;
	size_t		*ack_size;
};

static int redis_pid;

static const char *redis_missing(void)
{
	return redis_socket ? NULL : "no --redis=SOCKET was given";
}

/* Free a reply. Returns zero unless it was an error. */
static int redis_done(redisReply *reply)
{
	int err = reply && reply->type != REDIS_REPLY_ERROR ? 0 : -EIO;

	if (reply && err)
		fprintf(stderr, "mqbench: redis: %s\n", reply->str);
	freeReplyObject(reply);
	return err;
}

static int redis_connect(struct channel *c)
{
	struct redis_state *s = c->state;

	snprintf(s->consumer, sizeof(s->consumer), "c%d", (int)getpid());
	s->tx = redisConnectUnix(redis_socket);
	s->rx = redisConnectUnix(redis_socket);
	if (!s->tx || !s->rx || s->tx->err || s->rx->err)
		return -ECONNREFUSED;
	redis_pid = server_pid(s->tx->fd);
	return 0;
}

static void redis_disconnect(struct redis_state *s)
{
	freeReplyObject(s->received);
	s->received = NULL;
	if (s->tx)
		redisFree(s->tx);
	if (s->rx)
		redisFree(s->rx);
	s->tx = NULL;
	s->rx = NULL;
}

static void redis_unmake(struct channel *c)
{
	struct redis_state *s = c->state;

	if (s->tx && !s->tx->err && !c->setup.topic)
		redis_done(redisCommand(s->tx, "DEL %s", s->key));
	redis_disconnect(s);
	free(s->ack);
	free(s->ack_size);
	free(s);
}

/* A topic is a stream, and its subscriptions are groups; else each has both. */
static void redis_names(struct channel *c)
{
	struct redis_state *s = c->state;
	const struct redis_state *topic = c->setup.topic ?
					  c->setup.topic->state : NULL;

	snprintf(s->group, sizeof(s->group), "%s", fresh_name());
	snprintf(s->key, sizeof(s->key), "%s", topic ? topic->key : s->group);
	snprintf(c->config, sizeof(c->config), "a stream, one consumer group%s",
		 topic ? " a subscription" : "");
}

static int redis_make(struct channel *c)
{
	struct redis_state *s = calloc(1, sizeof(*s));
	size_t words = 3 + (c->setup.batch ? c->setup.batch : 1);
	static const char make[] = "XGROUP CREATE %s %s $ MKSTREAM";
	int err = -ENOMEM;

	if (!s)
		return err;
	c->state = s;
	redis_names(c);
	s->ack = calloc(words, sizeof(*s->ack));
	s->ack_size = calloc(words, sizeof(*s->ack_size));
	if (s->ack && s->ack_size)
		err = redis_connect(c);
	if (!err && c->setup.kind != KIND_TOPIC)
		err = redis_done(redisCommand(s->tx, make, s->key, s->group));
	if (err)
		redis_unmake(c);
	return err;
}

static int redis_join(struct channel *c)
{
	redis_disconnect(c->state);
	return redis_connect(c);
}

static int redis_append(struct channel *c)
{
	struct redis_state *s = c->state;
	const char *word[] = { "XADD", s->key, "*", "m", (char *)c->out };
	size_t size[] = { 4, strlen(s->key), 1, 1, c->setup.size };

	return redisAppendCommandArgv(s->tx, ARRAY_SIZE(word), word, size) ?
		-EIO : 0;
}

static int redis_send_many(struct channel *c, unsigned int count)
{
	struct redis_state *s = c->state;
	unsigned int i;
	int err = 0;
	void *reply;

	for (i = 0; i < count && !err; i++)
		err = redis_append(c);
	for (i = 0; i < count && !err; i++)
		err = redisGetReply(s->tx, &reply) ? -EIO : redis_done(reply);
	return err;
}

/* The reply is [[key, [[id, [field, value]], ...]]]; keep the ids for XACK. */
static int redis_take(struct channel *c)
{
	struct redis_state *s = c->state;
	redisReply *list, *message, *value;
	size_t i;

	if (s->received->type != REDIS_REPLY_ARRAY || !s->received->elements)
		return -EIO;
	list = s->received->element[0]->element[1];
	for (i = 0; i < list->elements; i++) {
		message = list->element[i];
		value = message->element[1]->element[1];
		if (value->len != c->setup.size)
			return -EPROTO;
		c->in[0] = (unsigned char)value->str[0];
		c->stops += c->in[0] == STOP;
		s->ack[3 + i] = message->element[0]->str;
		s->ack_size[3 + i] = message->element[0]->len;
	}
	s->messages = list->elements;
	return (int)list->elements;
}

static int redis_recv_many(struct channel *c, unsigned int max)
{
	struct redis_state *s = c->state;
	char count[12];
	const char *word[] = { "XREADGROUP", "GROUP", s->group, s->consumer, "COUNT",
			       count, "BLOCK", "0", "STREAMS", s->key, ">" };
	size_t size[] = { 10, 5, strlen(s->group), strlen(s->consumer), 5, 0,
			  5, 1, 7, strlen(s->key), 1 };

	size[5] = (size_t)snprintf(count, sizeof(count), "%u", max);
	freeReplyObject(s->received);
	s->received = redisCommandArgv(s->rx, ARRAY_SIZE(word), word, size);
	c->stops = 0;
	return s->received ? redis_take(c) : -EIO;
}

static int redis_send(struct channel *c)
{
	return redis_send_many(c, 1);
}

static int redis_recv(struct channel *c)
{
	int n = redis_recv_many(c, 1);

	return n < 0 ? n : 0;
}

static int redis_ack(struct channel *c)
{
	struct redis_state *s = c->state;
	redisReply *reply;
	int err = 0;

	s->ack[0] = "XACK";
	s->ack_size[0] = 4;
	s->ack[1] = s->key;
	s->ack_size[1] = strlen(s->key);
	s->ack[2] = s->group;
	s->ack_size[2] = strlen(s->group);
	reply = redisCommandArgv(s->rx, (int)(3 + s->messages), s->ack,
				 s->ack_size);
	if (reply && reply->type == REDIS_REPLY_INTEGER &&
	    reply->integer != (long long)s->messages)
		err = -ESTALE;
	return redis_done(reply) ? -EIO : err;
}

/* What the server counts for its data; its program is not in it. */
static int redis_used(struct channel *c, uint64_t *bytes)
{
	static const char line[] = "\nused_memory_dataset:";
	struct redis_state *s = c->state;
	redisReply *reply = redisCommand(s->tx, "INFO memory");
	const char *at = NULL;

	if (reply && reply->type == REDIS_REPLY_STRING)
		at = strstr(reply->str, line);
	if (at)
		*bytes = strtoull(at + strlen(line), NULL, 10);
	freeReplyObject(reply);
	return at ? 0 : -EPROTO;
}

static uint64_t redis_cpu(void)
{
	return process_cpu(redis_pid);
}

#else

static const char *redis_missing(void)
{
	return "not built in: there was no libhiredis";
}

#endif

const struct peer peer_redis = {
	.name = "redis",
	.what = "Redis Streams: XADD, XREADGROUP, XACK; batches pipelined",
	.can = CAN_CONFIRM | CAN_SHARE | CAN_BATCH | CAN_ACK | MUST_ACK | ON_REQUEST |
	       CAN_TOPIC,
	.max_size = 512 << 20,
	.size_reason = "a value is at most 512 MiB",
	.missing = redis_missing,
#ifdef HAVE_HIREDIS
	.make = redis_make,
	.unmake = redis_unmake,
	.join = redis_join,
	.send = redis_send,
	.recv = redis_recv,
	.send_batch = redis_send_many,
	.recv_batch = redis_recv_many,
	.ack = redis_ack,
	.used = redis_used,
	.server_cpu = redis_cpu,
#endif
};
