// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests and their replies. A reply has the correlation id of its request. Callers
 * may share a queue for replies, so each leaves the replies of the others there: to
 * look for its reply it peeks, and what it has to receive in order to get at the
 * reply it releases.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "batch.h"
#include "buffer.h"
#include "deadline.h"
#include "queue.h"
#include "wake.h"

/* How long to pause between looks while the queue has only replies to others. */
#define LMQ_PAUSE_MIN_MS	1
#define LMQ_PAUSE_MAX_MS	16

/* Bytes of a random correlation id, and of its text. */
#define LMQ_RANDOM		16
#define LMQ_RANDOM_TEXT		(2 * LMQ_RANDOM + 1)

/**
 * struct lmq_call - a call that waits for its reply
 * @replies: the queue for replies
 * @buffer: the message that was received last
 * @id: the correlation id
 * @id_size: bytes of it
 * @deadline_ns: until when to wait, as lmq_deadline() gives it
 * @seen: the last message that was looked at
 * @reply: the id of the reply, once it has been seen; or zero
 */
struct lmq_call {
	struct devmq_queue	*replies;
	struct devmq_buffer	*buffer;
	char			id[DEVMQ_KEY_MAX];
	size_t			id_size;
	uint64_t		deadline_ns;
	uint64_t		seen;
	uint64_t		reply;
};

static bool lmq_is_reply(const struct lmq_call *c, const struct devmq_msg *msg)
{
	size_t size;
	const void *id = devmq_msg_correlation_id(msg, &size);

	return id && size == c->id_size && !memcmp(id, c->id, size);
}

/* Look at the messages that have come since the last look. Return: 0 or an error. */
static int lmq_look(struct lmq_call *c)
{
	const struct devmq_msg *msg;
	int n = 0;

	while (!c->reply && (n = devmq_peek(c->replies, c->buffer, c->seen, 0,
					    0, 0)) > 0)
		while (!c->reply && devmq_buffer_next(c->buffer, &msg) > 0) {
			c->seen = devmq_msg_id(msg);
			if (lmq_is_reply(c, msg))
				c->reply = c->seen;
		}
	return n < 0 ? n : 0;
}

/* Receive one message. Return: 1 if it is the reply, 0 if not, or an error. */
static int lmq_take(struct lmq_call *c, int timeout_ms,
		    const struct devmq_msg **msg)
{
	int n = devmq_recv(c->replies, c->buffer, 1, timeout_ms);

	if (n == 0)
		return -EAGAIN;
	if (n > 0)
		n = devmq_buffer_next(c->buffer, msg);
	if (n == 0)
		return -EBADMSG;
	return n < 0 ? n : lmq_is_reply(c, *msg);
}

/*
 * The reply is in the queue: receive the messages before it, and release them when
 * the reply has been received. Return: as lmq_take(); 0 if the reply is not there, as
 * another caller holds it for a moment, and will release it.
 */
static int lmq_take_past_others(struct lmq_call *c,
				const struct devmq_msg **msg)
{
	static const struct devmq_settlement release = {
		.action = DEVMQ_ACTION_RELEASE,
	};
	uint64_t *others = NULL, *more;
	size_t count = 0, room = 0;
	int n;

	while (!(n = lmq_take(c, 0, msg))) {
		if (count == room) {
			room = 2 * room + 64;
			more = realloc(others, room * sizeof(*others));
			if (!more) {
				devmq_release(c->replies, devmq_msg_id(*msg));
				n = -ENOMEM;
				break;
			}
			others = more;
		}
		others[count++] = devmq_msg_id(*msg);
	}
	if (count)
		devmq_settle_ids(c->replies, others, count, &release, NULL);
	free(others);
	return n == -EAGAIN ? 0 : n;
}

/*
 * Wait for any message. If the handle does not sleep, sleep in poll(2). Return: as
 * lmq_take(); 0 also if no message came.
 */
static int lmq_wait(struct lmq_call *c, const struct devmq_msg **msg)
{
	int left = lmq_left_ms(c->deadline_ns), n = lmq_take(c, left, msg);

	if (n == 0)
		devmq_release(c->replies, devmq_msg_id(*msg));
	if (n == -ETIMEDOUT || (n == -EAGAIN && !left))
		return 0;
	if (n != -EAGAIN)
		return n;
	n = lmq_poll(c->replies, left);
	return n < 0 ? n : 0;
}

static int lmq_pause(const struct lmq_call *c, int ms)
{
	int left = lmq_left_ms(c->deadline_ns);
	struct timespec t;

	if (!left)
		return -ETIMEDOUT;
	if (left > 0 && left < ms)
		ms = left;
	t.tv_sec = 0;
	t.tv_nsec = ms * 1000000L;
	return nanosleep(&t, NULL) ? -errno : 0;
}

/*
 * Wait for the reply. While the queue has replies to others, poll(2) does not sleep,
 * so look again after a pause.
 */
static int lmq_await(struct lmq_call *c, const struct devmq_msg **reply)
{
	int pause = LMQ_PAUSE_MIN_MS, n;

	do {
		n = lmq_wait(c, reply);
		if (!n)
			n = lmq_look(c);
		if (!n && c->reply)
			n = lmq_take_past_others(c, reply);
		if (!n)
			n = lmq_pause(c, pause);
		if (pause < LMQ_PAUSE_MAX_MS)
			pause *= 2;
	} while (!n);
	if (n > 0) {
		/* The reply is in the buffer, so it does not matter if its lease has ended. */
		devmq_ack(c->replies, devmq_msg_id(*reply));
		return 0;
	}
	lmq_buffer_reset(c->buffer);
	return n;
}

static int lmq_random_text(char text[LMQ_RANDOM_TEXT])
{
	unsigned char bytes[LMQ_RANDOM];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Add the headers that the request does not have yet. */
static int lmq_address(struct lmq_call *c, struct devmq_batch *request)
{
	const struct devmq_msg *msg = lmq_batch_msg(request);
	char text[LMQ_RANDOM_TEXT];
	const void *id;
	int err = 0;

	if (!devmq_msg_header(msg, DEVMQ_HEADER_REPLY_TO, NULL))
		err = devmq_batch_add_header(request, DEVMQ_HEADER_REPLY_TO,
					     c->replies->name,
					     strlen(c->replies->name));
	msg = lmq_batch_msg(request);
	if (!err && !devmq_msg_correlation_id(msg, NULL))
		err = lmq_random_text(text) ?:
		      devmq_batch_add_header(request,
					     DEVMQ_HEADER_CORRELATION_ID, text,
					     strlen(text));
	if (err)
		return err;
	id = devmq_msg_correlation_id(lmq_batch_msg(request), &c->id_size);
	if (!c->id_size || c->id_size > sizeof(c->id))
		return -EINVAL;
	memcpy(c->id, id, c->id_size);
	return 0;
}

/* Replies to others can only be released if receiving does not settle them. */
static int lmq_hold_replies(struct devmq_queue *replies)
{
	struct devmq_consumer consumer;
	int err = devmq_get_consumer(replies, &consumer, sizeof(consumer));

	if (err || consumer.ack == DEVMQ_ACK_MANUAL)
		return err;
	return devmq_set_ack(replies, DEVMQ_ACK_MANUAL, 0);
}

/*
 * Let the request expire when the call gives up, unless it has a time to live
 * already. If it cannot be sent, take the time to live off it again: the next call
 * may have another timeout.
 */
static int lmq_send_request(struct devmq_queue *queue,
			    struct devmq_batch *request, int timeout_ms)
{
	const struct devmq_msg *msg = lmq_batch_msg(request);
	bool ours = timeout_ms > 0 && !devmq_msg_record(msg)->ttl_ns;
	int err;

	if (ours)
		devmq_batch_set_ttl(request, DEVMQ_MS((uint64_t)timeout_ms));
	err = devmq_send_batch(queue, request, NULL, NULL, NULL);
	if (err && ours)
		devmq_batch_set_ttl(request, 0);
	return err;
}

LMQ_EXPORT int devmq_call(struct devmq_queue *queue,
			  struct devmq_batch *request,
			  struct devmq_queue *replies,
			  struct devmq_buffer *buffer, int timeout_ms,
			  const struct devmq_msg **reply)
{
	struct lmq_call c = { .replies = replies, .buffer = buffer };
	int err;

	*reply = NULL;
	lmq_buffer_reset(buffer);
	if (request->count != 1)
		return -EINVAL;
	err = lmq_hold_replies(replies);
	if (!err)
		err = lmq_address(&c, request);
	if (!err)
		err = lmq_send_request(queue, request, timeout_ms);
	if (err)
		return err;
	c.deadline_ns = lmq_deadline(timeout_ms);
	err = lmq_await(&c, reply);
	if (err)
		*reply = NULL;
	return err;
}

LMQ_EXPORT int devmq_reply(const struct devmq_msg *request,
			   struct devmq_batch *reply, const char *prefix,
			   unsigned int flags)
{
	char name[DEVMQ_NAME_SIZE];
	struct devmq_queue *queue;
	const void *id;
	size_t size;
	int err;

	if (reply->count != 1 || (flags & ~DEVMQ_OPEN_NONBLOCK))
		return -EINVAL;
	err = devmq_msg_reply_to(request, name, sizeof(name));
	if (err)
		return err;
	if (prefix && strncmp(name, prefix, strlen(prefix)))
		return -EPERM;
	id = devmq_msg_correlation_id(request, &size);
	if (id && !devmq_msg_correlation_id(lmq_batch_msg(reply), NULL))
		err = devmq_batch_add_header(reply,
					     DEVMQ_HEADER_CORRELATION_ID, id,
					     size);
	if (!err)
		err = devmq_open(&queue, name, DEVMQ_OPEN_WRITE | flags);
	if (err)
		return err;
	err = devmq_send_batch(queue, reply, NULL, NULL, NULL);
	devmq_close(queue);
	return err;
}
