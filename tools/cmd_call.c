// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and their replies: call, reply.
 *
 * The headers of a request name the queue that the reply goes to, and the
 * correlation id that the reply has there.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "complain.h"
#include "format.h"
#include "input.h"
#include "look.h"
#include "message.h"
#include "output.h"

#define OPT_REPLIES	(OPT_LONG + 0)
#define OPT_TIMEOUT	(OPT_LONG + 1)
#define OPT_TO		(OPT_LONG + 2)
#define OPT_CORRELATION	(OPT_LONG + 3)
#define OPT_PREFIX	(OPT_LONG + 4)

#define NSEC_PER_MSEC	1000000ULL

/* What call and reply were asked for. */
struct call {
	const char		*name;		/* of the queue to send to */
	const char		*replies;
	const char		*key;
	const char		*id;		/* the correlation id */
	const char		*prefix;
	char			**headers;
	size_t			n_headers;
	int			timeout_ms;
	enum message_format	format;
};

/* A duration in milliseconds, as the library takes it, rounded up. */
static int value_timeout(struct args *args)
{
	uint64_t ms;

	ms = (value_duration(args) + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* The only message of a batch, from the operand or from standard input. */
static int make_message(const struct call *c, struct devmq_batch **batch,
			const char *text)
{
	struct input input = { .bytes = NULL };
	int err = 0;

	if (!text)
		err = input_read_all(&input);
	if (!err)
		err = devmq_batch_new(batch);
	if (!err)
		err = devmq_batch_add(*batch, text ? text : input.bytes,
				      text ? strlen(text) : input.size);
	if (!err && c->key)
		err = devmq_batch_set_key(*batch, c->key, strlen(c->key));
	if (!err)
		err = add_headers_to(*batch, c->headers, c->n_headers);
	if (!err && c->id)
		err = devmq_batch_add_header(*batch,
					     DEVMQ_HEADER_CORRELATION_ID,
					     c->id, strlen(c->id));
	free(input.bytes);
	return err;
}

/* ------------------------------------------------------------------ */

static int wait_for_reply(const struct call *c, struct devmq_queue *queue,
			  struct devmq_queue *replies,
			  struct devmq_batch *request)
{
	const struct devmq_msg *reply;
	struct devmq_buffer *buffer;
	int err;

	err = devmq_buffer_new(&buffer, 0);
	if (err)
		return complain(c->name, err, "cannot call");
	err = devmq_call(queue, request, replies, buffer, c->timeout_ms,
			 &reply);
	if (err == -ETIMEDOUT) {
		devmq_buffer_free(buffer);
		return STATUS_NOTHING;
	}
	if (err) {
		devmq_buffer_free(buffer);
		return complain(c->name, err, "cannot call");
	}
	err = print_message(reply, c->format);
	if (!err)
		err = flush_output();
	devmq_buffer_free(buffer);
	return err ? complain_output(c->replies, err,
				     "cannot write the reply") : STATUS_DONE;
}

static int call(const struct call *c, const char *text)
{
	struct devmq_queue *queue = NULL, *replies = NULL;
	struct devmq_batch *request = NULL;
	int err, status;

	/* If the reader has gone, write(2) is to fail, so that it can be said. */
	signal(SIGPIPE, SIG_IGN);
	err = devmq_open(&queue, c->name, DEVMQ_OPEN_WRITE);
	if (err)
		return complain_open(c->name, err);
	err = open_queue(&replies, c->replies, DEVMQ_OPEN_READ);
	if (err) {
		status = complain_open(c->replies, err);
	} else {
		err = make_message(c, &request, text);
		status = err ? complain(c->name, err, "cannot call") :
			       wait_for_reply(c, queue, replies, request);
	}
	devmq_batch_free(request);
	devmq_close(replies);
	devmq_close(queue);
	return status;
}

static void call_option(struct args *args, struct call *c, int code)
{
	switch (code) {
	case OPT_REPLIES:
		c->replies = value_queue(args);
		break;
	case OPT_TIMEOUT:
		c->timeout_ms = value_timeout(args);
		break;
	case 'k':
		c->key = value_key(args);
		break;
	default:
		c->headers[c->n_headers++] = value_header(args);
	}
}

static int run_call(struct args *args)
{
	struct call c = { .timeout_ms = -1 };
	int code, status;

	c.headers = calloc((size_t)args->argc, sizeof(char *));
	if (!c.headers)
		return complain(NULL, -ENOMEM, "call");
	while ((code = args_next(args))) {
		if (!format_option(args, code, &c.format))
			call_option(args, &c, code);
	}
	if (!c.replies)
		usage(args, "--replies is missing");
	c.name = operand_queue(args, 0);
	if (!strcmp(c.name, c.replies))
		usage(args, "NAME and --replies are both '%s'", c.name);
	status = call(&c, args->operands[1]);
	free(c.headers);
	return status;
}

static const struct opt call_opts[] = {
	{ OPT_REPLIES, "replies", "QUEUE", "where the reply comes" },
	{ OPT_TIMEOUT, "timeout", "DURATION",
	  "how long to wait for it (default: for ever)" },
	{ 'k', "key", "KEY", "give the request a key" },
	{ 'H', "header", "NAME=VALUE", "give it a header; may be repeated" },
	OPTS_FORMAT,
	OPTS_END
};

const struct command cmd_call = {
	.name = "call",
	.run = run_call,
	.synopsis = "NAME --replies=QUEUE [OPTION]... [MESSAGE]",
	.summary = "Send a request and wait for its reply",
	.text =
"Sends MESSAGE, or all of standard input, to the queue NAME, with the headers\n"
"reply-to (the QUEUE given) and correlation-id (random), and prints the message\n"
"that comes to QUEUE with the same correlation-id; other messages stay there. A\n"
"correlation-id that --header gives is used instead. The exit status is 3 if no\n"
"reply came in time. If no consumer has received the request by then, it\n"
"expires; otherwise its reply may still come to QUEUE, and stays there. Needs\n"
"permission to write to NAME and to read QUEUE; the program that replies needs\n"
"permission to write to QUEUE.",
	.opts = call_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_NOTHING },
	.min = 1,
	.max = 2,
};

/* ------------------------------------------------------------------ */

static int send_reply(const struct call *c, const char *text)
{
	struct devmq_batch *batch = NULL;
	struct devmq_queue *queue;
	int err;

	err = devmq_open(&queue, c->name, DEVMQ_OPEN_WRITE);
	if (err)
		return complain_open(c->name, err);
	err = make_message(c, &batch, text);
	if (!err)
		err = devmq_send_batch(queue, batch, NULL, NULL, NULL);
	devmq_batch_free(batch);
	devmq_close(queue);
	return err ? complain(c->name, err, "cannot reply") : STATUS_DONE;
}

static void reply_option(struct args *args, struct call *c, int code)
{
	switch (code) {
	case OPT_TO:
		c->name = value_queue(args);
		break;
	case OPT_CORRELATION:
		c->id = value_key(args);
		break;
	case OPT_PREFIX:
		c->prefix = args->value;
		break;
	default:
		c->headers[c->n_headers++] = value_header(args);
	}
}

/* The defaults, which consume puts into the environment of a command. */
static void ask_environment(const struct args *args, struct call *c)
{
	if (!c->name)
		c->name = getenv("DEVMQ_HEADER_REPLY_TO");
	if (!c->id)
		c->id = getenv("DEVMQ_HEADER_CORRELATION_ID");
	if (!c->name)
		usage(args, "the request has no reply-to "
		      "(DEVMQ_HEADER_REPLY_TO), and --to is missing");
}

static int run_reply(struct args *args)
{
	struct call c = { .prefix = "" };
	int code, status;

	c.headers = calloc((size_t)args->argc, sizeof(char *));
	if (!c.headers)
		return complain(NULL, -ENOMEM, "reply");
	while ((code = args_next(args)))
		reply_option(args, &c, code);
	ask_environment(args, &c);
	/* The sender of the request chose this name. */
	if (devmq_check_name(c.name))
		status = complain(NULL, 0, "reply: '%s' is not a queue's name "
				  NAME_RULE, c.name);
	else if (strncmp(c.name, c.prefix, strlen(c.prefix)) != 0)
		status = complain(c.name, 0, "cannot reply: its name does not "
				  "begin with '%s'", c.prefix);
	else
		status = send_reply(&c, args->operands[0]);
	free(c.headers);
	return status;
}

static const struct opt reply_opts[] = {
	{ OPT_TO, "to", "QUEUE",
	  "where it goes (default: $DEVMQ_HEADER_REPLY_TO)" },
	{ OPT_CORRELATION, "correlation-id", "ID",
	  "of the request (default: $DEVMQ_HEADER_CORRELATION_ID)" },
	{ OPT_PREFIX, "prefix", "TEXT",
	  "refuse queues with names that do not begin so" },
	{ 'H', "header", "NAME=VALUE", "give it a header; may be repeated" },
	OPTS_END
};

const struct command cmd_reply = {
	.name = "reply",
	.run = run_reply,
	.synopsis = "[OPTION]... [MESSAGE]",
	.summary = "Reply to a request, from a command of consume",
	.text =
"Sends MESSAGE, or all of standard input, to the queue that the request names in\n"
"its header reply-to, with its correlation-id. Both are in the environment of a\n"
"command that consume runs:\n"
"\n"
"    mqctl consume requests -- sh -c './answer | mqctl reply'\n"
"\n"
"The sender of a request chooses where the reply goes: to any queue that reply\n"
"may write to. --prefix restricts that to queues for replies.",
	.opts = reply_opts,
	.operands = { COMPLETES_NOTHING },
	.min = 0,
	.max = 1,
};
