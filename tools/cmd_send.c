// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: send.
 *
 * Standard input is one message, or with --line one message a line. Each message is
 * sent by a call of its own: if other processes send as well, the ids of a batch
 * have gaps, and the id of each message is to be printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "bounds.h"
#include "complain.h"
#include "facts.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "sync.h"

#define OPT_DEDUP	(OPT_LONG + 0)
#define OPT_NONBLOCK	(OPT_LONG + 1)
#define OPT_AT		(OPT_LONG + 2)

struct sender {
	struct devmq_queue	*queue;
	struct devmq_batch	*batch;
	const char		*name;
	/* what all messages get */
	const char		*key;
	const char		*dedup_id;
	char			**headers;
	size_t			n_headers;
	uint64_t		delay_ns;
	uint64_t		at_ns;
	uint64_t		ttl_ns;
	uint8_t			priority;
	bool			delay;		/* delay_ns counts */
	bool			at;		/* at_ns counts */
	bool			line;
	bool			json;
	bool			sync;
	bool			nonblock;
	/* what has been read of standard input */
	struct input		input;
	size_t			scanned;	/* bytes without a newline */
};

/* --delay=0 means none; to the kernel, a delay of zero is the queue's default. */
static int set_time(struct sender *s)
{
	if (s->at || (s->delay && !s->delay_ns))
		return devmq_batch_set_at(s->batch, s->at_ns);
	return devmq_batch_set_delay(s->batch, s->delay_ns);
}

static int set_attributes(struct sender *s)
{
	int err;

	err = devmq_batch_set_priority(s->batch, s->priority);
	if (!err)
		err = set_time(s);
	if (!err)
		err = devmq_batch_set_ttl(s->batch, s->ttl_ns);
	if (!err && s->key)
		err = devmq_batch_set_key(s->batch, s->key, strlen(s->key));
	if (!err && s->dedup_id)
		err = devmq_batch_set_dedup_id(s->batch, s->dedup_id,
					       strlen(s->dedup_id));
	if (!err)
		err = add_headers_to(s->batch, s->headers, s->n_headers);
	return err;
}

static bool refuses_empty(const struct sender *s)
{
	char value[COLUMN_VALUE_MAX];

	return devmq_get_option(s->name, "allow_empty", value,
				sizeof(value)) > 0 && !strcmp(value, "0");
}

/* Say which property of the message the queue refuses. */
static int complain_send(const struct sender *s, int err, size_t size)
{
	char priorities[COLUMN_VALUE_MAX];

	if (err == -EAGAIN) {
		complain_refused(s->name, devmq_fd(s->queue), "cannot send");
		return STATUS_NOTHING;
	}
	if (err == -EINVAL && !size && refuses_empty(s))
		return complain(s->name, 0, "cannot send: the message is "
				"empty, and the queue has allow_empty=0");
	if (err == -ENOSPC)
		return complain_refused(s->name, devmq_fd(s->queue),
					"cannot send");
	if (err == -EMSGSIZE)
		return complain_too_large(s->name, "cannot send", size);
	if (err == -ENOENT)
		return complain(s->name, 0, "cannot send: nobody takes it, and "
				"on_unrouted=refuse");
	if (err == -EINVAL && s->priority &&
	    !option_value(s->name, "priorities", priorities))
		return complain(s->name, 0, "cannot send: the queue has no priority "
				"%u, as it has priorities=%s", s->priority, priorities);
	return complain(s->name, err, "cannot send");
}

/*
 * The descriptor does not block. If the send would have to wait, print the ids of
 * the messages that have been sent first, and then wait.
 */
static int send_batch(struct sender *s, uint64_t *id, bool *duplicate)
{
	int fd = devmq_fd(s->queue), flags, err;
	size_t sent;

	err = devmq_send_some(s->queue, s->batch, &sent, id, duplicate);
	if (err != -EAGAIN || s->nonblock)
		return err;
	err = flush_output();
	flags = fcntl(fd, F_GETFL);
	if (err || flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return err ? err : -errno;
	err = devmq_send_some(s->queue, s->batch, &sent, id, duplicate);
	if (fcntl(fd, F_SETFL, flags) && !err)
		err = -errno;
	return err;
}

static void print_id_json(uint64_t id, bool duplicate)
{
	struct json_object *object = json_checked(json_object_new_object());

	json_add_number(object, "id", id);
	json_add(object, "duplicate",
		 json_checked(json_object_new_boolean(duplicate)));
	print_json(object);
}

static int send_message(struct sender *s, const void *payload, size_t size)
{
	bool duplicate;
	uint64_t id;
	int err;

	devmq_batch_clear(s->batch);
	err = devmq_batch_add(s->batch, payload, size);
	if (!err)
		err = set_attributes(s);
	if (!err)
		err = send_batch(s, &id, &duplicate);
	if (err)
		return complain_send(s, err, size);
	/* An error of these shows when the output is flushed. */
	if (s->json)
		print_id_json(id, duplicate);
	else
		printf("%" PRIu64 "\n", id);
	return STATUS_DONE;
}

/* Flush the ids that were printed. */
static int flush_ids(const struct sender *s)
{
	int err = flush_output();

	if (err)
		return complain_output(s->name, err,
				       "sent, but cannot write the id");
	return STATUS_DONE;
}

/* ------------------------------------------------------------------ */
/* Standard input                                                     */

/* Send the lines that are complete, and keep the rest. */
static int send_complete(struct sender *s)
{
	char *line = s->input.bytes, *end = line + s->input.size, *newline;
	char *from = line + s->scanned;
	int status = STATUS_DONE;

	while (status == STATUS_DONE && from < end) {
		newline = memchr(from, '\n', (size_t)(end - from));
		if (!newline)
			break;
		status = send_message(s, line, (size_t)(newline + 1 - line));
		line = newline + 1;
		from = line;
	}
	s->input.size = (size_t)(end - line);
	s->scanned = s->input.size;
	memmove(s->input.bytes, line, s->input.size);
	return status;
}

static int send_lines(struct sender *s)
{
	int more, status;

	while ((more = input_read(&s->input)) > 0) {
		status = send_complete(s);
		if (status == STATUS_DONE)
			status = flush_ids(s);
		if (status != STATUS_DONE)
			return status;
		if (s->input.size > INPUT_MAX)
			return complain(s->name, -EMSGSIZE, "cannot send");
	}
	if (more < 0)
		return complain_output(s->name, more,
				       "cannot read standard input");
	if (!s->input.size)
		return STATUS_DONE;
	return send_message(s, s->input.bytes, s->input.size);
}

static int send_input(struct sender *s)
{
	int err = input_read_all(&s->input);

	if (err == -EMSGSIZE)
		return complain(s->name, err, "cannot send");
	if (err)
		return complain_output(s->name, err,
				       "cannot read standard input");
	return send_message(s, s->input.bytes, s->input.size);
}

/* ------------------------------------------------------------------ */

static int send_all(struct sender *s, const char *message)
{
	int status;

	if (message)
		status = send_message(s, message, strlen(message));
	else if (s->line)
		status = send_lines(s);
	else
		status = send_input(s);
	return status == STATUS_DONE ? flush_ids(s) : status;
}

/*
 * With --sync, make sure that the queue can be synced before anything is sent, and
 * report success only after the messages are on stable storage.
 */
static int send_synced(struct sender *s, const char *message)
{
	int status = s->sync ? sync_check(s->queue, s->name) : STATUS_DONE;

	if (status != STATUS_DONE)
		return status;
	status = send_all(s, message);
	if (s->sync && sync_wait(s->queue, s->name, "sent") != STATUS_DONE)
		return STATUS_FAILED;
	return status;
}

static int send_to(struct sender *s, const char *message)
{
	int err, status;

	err = devmq_open(&s->queue, s->name,
			 DEVMQ_OPEN_WRITE | DEVMQ_OPEN_NONBLOCK);
	if (err)
		return complain_open(s->name, err);
	err = devmq_batch_new(&s->batch);
	if (err)
		status = complain(s->name, err, "cannot send");
	else
		status = send_synced(s, message);
	devmq_batch_free(s->batch);
	devmq_close(s->queue);
	return status;
}

static void send_option(struct args *args, struct sender *s, int code)
{
	switch (code) {
	case 'k':
		s->key = value_key(args);
		break;
	case 'H':
		s->headers[s->n_headers++] = value_header(args);
		break;
	case 'l':
		s->line = true;
		break;
	case 'p':
		s->priority = (uint8_t)value_number(args, 0, UINT8_MAX);
		break;
	case 'd':
		s->delay_ns = value_duration(args);
		s->delay = true;
		break;
	case OPT_AT:
		s->at_ns = value_time(args);
		s->at = true;
		break;
	case 't':
		s->ttl_ns = value_duration(args) ?: DEVMQ_FOREVER;
		break;
	case 'J':
		s->json = true;
		break;
	case OPT_SYNC:
		s->sync = true;
		break;
	case OPT_DEDUP:
		s->dedup_id = value_key(args);
		break;
	case OPT_NONBLOCK:
		s->nonblock = true;
		break;
	}
}

static int run_send(struct args *args)
{
	struct sender sender = { .headers = NULL };
	int code, status;

	sender.headers = calloc((size_t)args->argc, sizeof(char *));
	if (!sender.headers)
		return complain(NULL, -ENOMEM, "send");
	while ((code = args_next(args)))
		send_option(args, &sender, code);
	if (sender.line && args->count > 1)
		usage(args, "--line is for standard input, not for MESSAGE");
	if (sender.delay && sender.at)
		usage(args, "--delay and --at exclude each other");
	sender.name = operand_queue(args, 0);
	status = send_to(&sender, args->operands[1]);
	free(sender.input.bytes);
	free(sender.headers);
	return status;
}

static const struct opt send_opts[] = {
	{ 'k', "key", "KEY", "give the message a key" },
	{ 'H', "header", "NAME=VALUE", "give it a header; may be repeated" },
	{ 'l', "line", NULL, "each line of standard input is a message" },
	{ 'p', "priority", "N", "its priority, higher is delivered first" },
	{ 'd', "delay", "DURATION",
	  "how long it waits before it is ready (0: not at all)" },
	{ OPT_AT, "at", "TIME", "when it becomes ready; at once if that is past" },
	{ 't', "ttl", "DURATION",
	  "how long it may wait before it expires (0: for ever)" },
	{ OPT_DEDUP, "dedup-id", "ID", "store it only if the id is new" },
	OPTS_SYNC("return when all is on stable storage; the id is printed before"),
	{ OPT_NONBLOCK, "nonblock", NULL,
	  "do not wait for room in a full queue; exit with 3" },
	{ 'J', "json", NULL, "print ids as JSON, and whether it was a duplicate" },
	OPTS_END
};

const struct command cmd_send = {
	.name = "send",
	.run = run_send,
	.synopsis = "NAME [OPTION]... [MESSAGE]",
	.summary = "Send a message, or each line of standard input",
	.text =
"Without MESSAGE, all of standard input up to its end is one message, byte\n"
"for byte. An empty message is refused unless the queue has allow_empty=1.\n"
"With --line, every line of standard input is a message, sent as soon as it is\n"
"read; the newline belongs to the message, as with framing=line, and a last\n"
"line without one is a message without one. The id of each message is\n"
"printed, one a line. A MESSAGE that begins with '-' needs '--' before it.\n"
"\n"
"If the queue is full or paused, send waits, unless --nonblock or the queue's\n"
"overflow option says otherwise. A message is refused if it asks for something\n"
"that the queue does not have (--priority, --sync). With --sync, what was sent\n"
"is on stable storage when send ends with exit status 0.\n"
"\n"
"If NAME is a topic, the message goes to all queues that are bound to it and take\n"
"it, or, while one of them is full, to none. The id is that in the topic.\n"
"\n"
"Without --delay and --at, the queue's option delay_ms applies, and without\n"
"--ttl its option ttl_ms. TIME is in seconds since 1970, or in UTC as\n"
"2026-11-22T19:30:00Z.\n"
"\n"
"A message whose --dedup-id was sent before, within the queue's\n"
"dedup_window_ms, is not stored: the id printed is that of the first, and the\n"
"exit status is 0. With --json, each line is an object with the members id\n"
"and duplicate, which is true then. With dedup_window_ms=0, the default,\n"
"--dedup-id has no effect.",
	.opts = send_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_NOTHING },
	.min = 1,
	.max = 2,
};
