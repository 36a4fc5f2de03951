// SPDX-License-Identifier: GPL-2.0
/* Receiving and browsing messages: recv, peek. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "complain.h"
#include "facts.h"
#include "format.h"
#include "look.h"
#include "message.h"
#include "output.h"
#include "select.h"
#include "sync.h"

#define OPT_WAIT	(OPT_LONG + 0)

/* How often peek --follow looks: poll(2) does not tell of every message. */
#define FOLLOW_NS	100000000L

#define NSEC_PER_MSEC	1000000ULL

/* What recv and peek were asked for, and how far they are. */
struct reader {
	struct devmq_queue	*queue;
	struct devmq_buffer	*buffer;
	const char		*name;
	enum message_format	format;
	uint64_t		limit;		/* zero: no limit */
	uint64_t		count;
	uint64_t		deadline_ns;	/* recv; DEVMQ_FOREVER */
	uint64_t		id;		/* recv: the deferred one */
	bool			sync;		/* recv: the journal has the end */
	struct select		select;		/* peek: which */
	bool			follow;		/* peek: and what comes */
};

/* Most messages to ask for next; zero: as many as fit. */
static unsigned int next_max(const struct reader *r)
{
	uint64_t left = r->limit - r->count;

	if (!r->limit)
		return 0;
	return left < UINT_MAX ? (unsigned int)left : UINT_MAX;
}

static bool at_limit(const struct reader *r)
{
	return r->limit && r->count >= r->limit;
}

/* Print all messages of the buffer, and flush. */
static int print_buffer(struct reader *r, uint64_t *last_id)
{
	const struct devmq_msg *msg;
	int err;

	while ((err = devmq_buffer_next(r->buffer, &msg)) > 0) {
		err = print_message(msg, r->format);
		if (err)
			return err;
		*last_id = devmq_msg_id(msg);
	}
	return err ? err : flush_output();
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* A wait that overflows the clock has no end. */
static uint64_t deadline(uint64_t wait_ns)
{
	uint64_t ns;

	if (__builtin_add_overflow(now_ns(), wait_ns, &ns))
		return DEVMQ_FOREVER;
	return ns;
}

/* The time that is left, as the library takes it. */
static int timeout_ms(const struct reader *r)
{
	uint64_t now = now_ns(), left_ms;

	if (r->count)
		return 0;
	if (r->deadline_ns == DEVMQ_FOREVER)
		return -1;
	if (now >= r->deadline_ns)
		return 0;
	left_ms = (r->deadline_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* Only the first message is waited for. */
static int receive(struct reader *r)
{
	int n;

	if (r->id)
		return devmq_recv_deferred(r->queue, r->buffer, r->id);
	do {
		n = devmq_recv(r->queue, r->buffer, next_max(r),
			       timeout_ms(r));
	} while (n == -ETIMEDOUT && now_ns() < r->deadline_ns);
	return n;
}

/*
 * Acknowledge messages only after they have been written. If they cannot be
 * written, release them: they go back to their place.
 */
static int deliver(struct reader *r)
{
	uint64_t last_id;
	int err;

	err = print_buffer(r, &last_id);
	if (err) {
		devmq_release_buffer(r->queue, r->buffer, NULL);
		return complain_output(r->name, err,
				       "cannot write what was received");
	}
	err = devmq_ack_buffer(r->queue, r->buffer, NULL);
	if (err)
		return complain(r->name, err, "cannot acknowledge");
	return r->sync ? sync_wait(r->queue, r->name, "acknowledged") :
			 STATUS_DONE;
}

static int receive_all(struct reader *r)
{
	int n, status;

	while (!at_limit(r)) {
		n = receive(r);
		if (n == 0 || n == -EAGAIN || n == -ETIMEDOUT ||
		    (n == -ENOENT && r->id))
			break;
		if (n < 0)
			return complain(r->name, n, "cannot receive");
		r->count += (unsigned int)n;
		status = deliver(r);
		if (status != STATUS_DONE)
			return status;
	}
	return r->count ? STATUS_DONE : STATUS_NOTHING;
}

static int receive_from(struct reader *r)
{
	int err, status;

	/* If the reader has gone, write(2) is to fail, so that nothing is lost. */
	signal(SIGPIPE, SIG_IGN);
	err = open_queue(&r->queue, r->name, DEVMQ_OPEN_READ);
	if (err)
		return complain_open(r->name, err);
	err = devmq_set_ack(r->queue, DEVMQ_ACK_MANUAL, 0);
	if (!err)
		err = devmq_buffer_new(&r->buffer, 0);
	if (err)
		status = complain(r->name, err, "cannot receive");
	else
		status = r->sync ? sync_check(r->queue, r->name) : STATUS_DONE;
	if (status == STATUS_DONE)
		status = receive_all(r);
	devmq_buffer_free(r->buffer);
	devmq_close(r->queue);
	return status;
}

static int run_recv(struct args *args)
{
	struct reader reader = { .limit = 1, .deadline_ns = DEVMQ_FOREVER };
	bool others = false;
	int code;

	while ((code = args_next(args))) {
		if (format_option(args, code, &reader.format))
			continue;
		if (code == OPT_SYNC) {
			reader.sync = true;
			continue;
		}
		others = others || code != OPT_ID;
		if (code == 'n')
			reader.limit = value_number(args, 0, UINT64_MAX);
		else if (code == OPT_ID)
			reader.id = value_number(args, 1, UINT64_MAX);
		else
			reader.deadline_ns = deadline(value_duration(args));
	}
	if (reader.id && others)
		usage(args, "--id takes one message, and does not wait");
	reader.name = operand_queue(args, 0);
	return receive_from(&reader);
}

static const struct opt recv_opts[] = {
	{ 'n', "number", "N",
	  "take at most N messages (default 1; 0: all there are)" },
	{ OPT_WAIT, "wait", "DURATION",
	  "how long to wait for the first (default: for ever)" },
	{ OPT_ID, "id", "N", "take the deferred message with this id" },
	OPTS_SYNC("return when its end is on stable storage"),
	OPTS_FORMAT,
	OPTS_END
};

const struct command cmd_recv = {
	.name = "recv",
	.run = run_recv,
	.synopsis = "NAME [OPTION]...",
	.summary = "Take messages and acknowledge them",
	.text =
"Prints the payloads, each ended by a newline if it has none. A message is\n"
"acknowledged after it has been written to standard output; if it cannot be\n"
"written it goes back to its place in the queue. recv waits for the first\n"
"message only. The exit status is 3 if none came in that time, or if the queue\n"
"reports end of file (option eof). --wait=0 does not wait.\n"
"\n"
"A deferred message is received with --id only, and without waiting; the exit\n"
"status is 3 if no message with that id is deferred. \"peek --state=deferred\"\n"
"shows all that are.\n"
"\n"
"If the queue has a journal, a message that was acknowledged may come again after\n"
"a crash, marked as redelivered, until the journal has that it is gone. --sync\n"
"waits for that.",
	.opts = recv_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 1,
};

/* Print the messages of the buffer that match: 0 or an error. */
static int show_buffer(struct reader *r, uint64_t *last_id)
{
	const struct devmq_msg *msg;
	int err;

	while ((err = devmq_buffer_next(r->buffer, &msg)) > 0) {
		*last_id = devmq_msg_id(msg);
		if (r->select.last && *last_id > r->select.last)
			break;
		if (at_limit(r) || !select_takes(&r->select, msg))
			continue;
		err = print_message(msg, r->format);
		if (err)
			return err;
		r->count++;
	}
	return err < 0 ? err : flush_output();
}

static bool at_end(const struct reader *r, uint64_t last_id)
{
	return at_limit(r) || (r->select.last && last_id >= r->select.last);
}

/* Where not all that are compared match, ask for as many as fit. */
static unsigned int look_at_most(const struct reader *r)
{
	return select_looks(&r->select) || r->select.reason ||
	       r->select.older_ns ? 0 : next_max(r);
}

/* Whether it is a topic that keeps nothing of what is sent to it. */
static bool retains_nothing(const char *name)
{
	static const struct { const char *option, *off; } keeps[] = {
		{ "retain_messages", "0" }, { "retain_bytes", "0" },
		{ "retain_ms", "0" }, { "compact", "none" },
	};
	char value[COLUMN_VALUE_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keeps); i++)
		if (option_value(name, keeps[i].option, value) ||
		    strcmp(value, keeps[i].off) != 0)
			return false;
	return true;
}

static int peek_all(struct reader *r)
{
	uint64_t last_id = r->select.first ? r->select.first - 1 : 0;
	int n, err;

	while (!at_end(r, last_id)) {
		n = devmq_peek(r->queue, r->buffer, last_id, r->select.states,
			       look_at_most(r), DEVMQ_FOREVER);
		if (n == 0 && !r->follow)
			break;
		if (n == 0)
			nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_NS },
				  NULL);
		if (n < 0)
			return complain(r->name, n, "cannot peek");
		err = show_buffer(r, &last_id);
		if (err)
			return complain_output(r->name, err, "cannot write");
	}
	if (!r->count && retains_nothing(r->name))
		complain(r->name, 0, "it is a topic, and retains nothing "
			 "(retain_messages, retain_bytes, retain_ms, compact)");
	return r->count ? STATUS_DONE : STATUS_NOTHING;
}

static int run_peek(struct args *args)
{
	struct reader reader = { .limit = 0 };
	int code, err, status;

	while ((code = args_next(args))) {
		if (format_option(args, code, &reader.format) ||
		    select_option(args, code, &reader.select))
			continue;
		if (code == 'n')
			reader.limit = value_number(args, 0, UINT64_MAX);
		else
			reader.follow = true;
	}
	reader.name = operand_queue(args, 0);
	err = open_to_browse(&reader.queue, reader.name);
	if (err)
		return complain_open(reader.name, err);
	err = devmq_buffer_new(&reader.buffer, 0);
	if (err)
		status = complain(reader.name, err, "cannot peek");
	else
		status = peek_all(&reader);
	devmq_buffer_free(reader.buffer);
	devmq_close(reader.queue);
	return status;
}

static const struct opt peek_opts[] = {
	{ 'n', "number", "N", "show at most N messages (default 0: all)" },
	{ OPT_STATE, "state", "STATE,...",
	  "only these: ready, in-flight, delayed, deferred, dead, retained" },
	OPT_ID_RANGE,
	OPTS_SELECT,
	{ 'f', "follow", NULL, "go on with messages that come, until interrupted" },
	{ 'l', "long", NULL, "a line about each message before its payload" },
	OPTS_FORMAT,
	OPTS_END
};

const struct command cmd_peek = {
	.name = "peek",
	.run = run_peek,
	.synopsis = "NAME [OPTION]...",
	.summary = "Show messages without receiving them",
	.text =
"Prints the payloads, in the order of ids, each ended by a newline if it has\n"
"none. No counter changes. The exit status is 3 if there was no message to\n"
"show.\n"
"\n"
"With --long, a line before each payload has the message's id and state, and\n"
"then, as NAME=VALUE: when it was sent and by whom, attempts and failures,\n"
"priority and key, who holds it and since when, when it is due (delayed: it\n"
"becomes ready; in flight: its lease ends) and when it expires; and, if it is or\n"
"was dead: the reason (failures, rejected, expired, overflow, or the number that\n"
"a consumer gave), the note, and its origin as QUEUE/ID; and the topic that it\n"
"was sent to, as TOPIC/ID. What does not apply is left out. Times are UTC. --json\n"
"has the same and more.\n"
"\n"
"--follow also shows messages that come later, in the order of ids. It looks for\n"
"them ten times a second, so it may miss a message that a consumer receives at\n"
"once.\n"
"\n"
"With permission only to read, peek counts as a consumer while it runs.",
	.opts = peek_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 1,
};
