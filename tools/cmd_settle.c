// SPDX-License-Identifier: GPL-2.0
/* Settling deliveries that an inherited descriptor holds: settle. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "complain.h"
#include "names.h"
#include "sync.h"
#include "text.h"
#include "units.h"

#define OPT_FD		(OPT_LONG + 0)
#define OPT_DELAY	(OPT_LONG + 1)
#define OPT_LEASE	(OPT_LONG + 2)
#define OPT_REASON	(OPT_LONG + 3)
#define OPT_NOTE	(OPT_LONG + 4)

static uint32_t parse_action(const struct args *args, const char *word)
{
	struct guess guess = GUESS(word);
	uint32_t i;

	for (i = 0; settle_actions[i]; i++) {
		if (!strcmp(settle_actions[i], word))
			return i + 1;
		guess_try(&guess, settle_actions[i]);
	}
	usage(args, "'%s' is none of ack, release, retry, reject, extend and "
	      "defer%s", word, guess_hint(&guess));
}

/* To the kernel, zero means its default: for the delay of a retry, for a lease. */
static void take_option(struct args *args, struct devmq_settlement *how,
			int code)
{
	switch (code) {
	case OPT_DELAY:
		how->action = DEVMQ_ACTION_RETRY;
		how->delay_ns = value_duration(args) ?: 1;
		break;
	case OPT_LEASE:
		how->action = DEVMQ_ACTION_EXTEND;
		how->delay_ns = value_duration(args) ?: DEVMQ_FOREVER;
		break;
	case OPT_REASON:
		how->action = DEVMQ_ACTION_REJECT;
		how->reason = (uint16_t)value_number(args, DEVMQ_REASON_USER,
						     UINT16_MAX);
		break;
	default:
		value_note(args, how);
	}
}

/* Each option belongs to one action, which must be the one that is named. */
static void parse_how(struct args *args, struct devmq_settlement *how, int *fd,
		      bool *sync)
{
	uint32_t meant = 0, action;
	const char *opt = NULL;
	int code;

	while ((code = args_next(args))) {
		if (code == OPT_FD) {
			*fd = (int)value_number(args, 0, INT_MAX);
			continue;
		}
		if (code == OPT_SYNC) {
			*sync = true;
			continue;
		}
		how->action = meant;
		take_option(args, how, code);
		if (meant && meant != how->action)
			usage(args, "--%s and --%s exclude each other", opt,
			      args->opt->name);
		if (code == OPT_NOTE)
			continue;
		meant = how->action;
		opt = args->opt->name;
	}
	if (*fd < 0)
		usage(args, "--fd is missing");
	action = parse_action(args, args->operands[args->count - 1]);
	if (meant && meant != action)
		usage(args, "--%s does not go with %s", opt,
		      args->operands[args->count - 1]);
	if (how->note && action != DEVMQ_ACTION_RETRY &&
	    action != DEVMQ_ACTION_REJECT)
		usage(args, "--note does not go with %s",
		      args->operands[args->count - 1]);
	how->action = action;
}

static void parse_ids(const struct args *args, int index,
		      struct devmq_settlement *s)
{
	uint64_t first, last;

	if (parse_range(args->operands[index], &first, &last))
		usage(args, "'%s' is not an id or a range of ids such as 3-7",
		      args->operands[index]);
	s->first_id = first;
	s->last_id = last;
}

static int complain_settlement(const char *name, const char *action,
			       const struct devmq_settlement *s)
{
	if (s->first_id == s->last_id)
		return complain(name, s->error, "cannot %s %" PRIu64, action,
				(uint64_t)s->first_id);
	return complain(name, s->error, "cannot %s %" PRIu64 "-%" PRIu64,
			action, (uint64_t)s->first_id, (uint64_t)s->last_id);
}

/* Most ids that a complaint names. */
#define IDS_NAMED	8

/* Several deliveries are held: say which, so that the user can name one. */
static int complain_held(struct devmq_queue *queue, const char *action,
			 uint64_t held)
{
	const struct devmq_msg *msg;
	struct devmq_buffer *buffer;
	char ids[IDS_NAMED * 24] = "";
	size_t n = 0;

	if (devmq_buffer_new(&buffer, 0))
		return complain(devmq_name(queue), -ENOMEM, "cannot %s",
				action);
	if (devmq_peek_held(queue, buffer, 0, IDS_NAMED, 0) > 0) {
		while (devmq_buffer_next(buffer, &msg) > 0)
			n += (size_t)snprintf(ids + n, sizeof(ids) - n,
					      "%s%" PRIu64, n ? " " : ": ",
					      devmq_msg_id(msg));
	}
	devmq_buffer_free(buffer);
	return complain(devmq_name(queue), 0, "cannot %s without an id: "
			"%" PRIu64 " deliveries are held%s%s", action, held,
			ids, held > IDS_NAMED ? " ..." : "");
}

/*
 * Without an id, settle the delivery that came last; but only if it is the only
 * one and was read to its end, so that there can be no doubt which is meant.
 */
static int settle_last(struct devmq_queue *queue, struct devmq_settlement *s,
		       const char *action)
{
	struct devmq_consumer consumer;
	int err;

	err = devmq_get_consumer(queue, &consumer, sizeof(consumer));
	if (err)
		return complain(devmq_name(queue), err, "cannot %s", action);
	if (!consumer.last_id) {
		complain(devmq_name(queue), 0,
			 "cannot %s: nothing was received with this descriptor", action);
		return STATUS_NOTHING;
	}
	if (consumer.held > 1)
		return complain_held(queue, action, consumer.held);
	if (consumer.partial_id)
		return complain(devmq_name(queue), 0, "cannot %s without an "
				"id: %" PRIu64 " is only half read", action,
				(uint64_t)consumer.partial_id);
	s->first_id = consumer.last_id;
	s->last_id = consumer.last_id;
	return STATUS_DONE;
}

static int settle(struct devmq_queue *queue, struct devmq_settlement *s,
		  size_t count, const char *action)
{
	size_t i;
	int err;

	if (!s->first_id) {
		err = settle_last(queue, s, action);
		if (err)
			return err;
	}
	err = devmq_settle(queue, s, count, NULL);
	if (!err)
		return STATUS_DONE;
	for (i = 0; i < count; i++) {
		if (s[i].error)
			return complain_settlement(devmq_name(queue), action,
						   &s[i]);
	}
	return complain(devmq_name(queue), err, "cannot %s", action);
}

/* With --sync, refuse a queue that cannot do that before anything is settled. */
static int settle_synced(struct devmq_queue *queue, struct devmq_settlement *s,
			 size_t count, const char *action)
{
	const char *name = devmq_name(queue);
	int status = sync_check(queue, name);

	if (status != STATUS_DONE)
		return status;
	status = settle(queue, s, count, action);
	if (sync_wait(queue, name, "settled") != STATUS_DONE)
		return STATUS_FAILED;
	return status;
}

static int complain_fd(int fd, int error)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "descriptor %d", fd);
	return complain(subject, error, "cannot use it");
}

static int run_settle(struct args *args)
{
	struct devmq_settlement how = { .action = 0 }, *s;
	struct devmq_queue *queue;
	int fd = -1, i, n, err, status;
	const char *action;
	bool sync = false;

	parse_how(args, &how, &fd, &sync);
	n = args->count - 1;
	action = args->operands[n];
	s = calloc((size_t)n + 1, sizeof(*s));
	if (!s)
		return complain(NULL, -ENOMEM, "settle");
	s[0] = how;
	for (i = 0; i < n; i++) {
		s[i] = how;
		parse_ids(args, i, &s[i]);
	}
	if (!n)
		n = 1;

	err = devmq_open_fd(&queue, fd);
	if (err) {
		status = complain_fd(fd, err);
	} else {
		status = sync ? settle_synced(queue, s, (size_t)n, action) :
				settle(queue, s, (size_t)n, action);
		devmq_close(queue);
	}
	free(s);
	return status;
}

static const struct opt settle_opts[] = {
	{ OPT_FD, "fd", "N", "the descriptor that holds the deliveries" },
	{ OPT_DELAY, "delay", "DURATION",
	  "retry: how long it waits (default: back-off)" },
	{ OPT_LEASE, "lease", "DURATION",
	  "extend: how long from now (default: as before)" },
	{ OPT_REASON, "reason", "N", "reject: a number from 256 to 65535" },
	{ OPT_NOTE, "note", "TEXT",
	  "retry, reject: says why, at most 256 bytes" },
	OPTS_SYNC("return when that is on stable storage"),
	OPTS_END
};

const struct command cmd_settle = {
	.name = "settle",
	.run = run_settle,
	.synopsis = "--fd=N [OPTION]... [ID[-ID]]... ACTION",
	.summary = "Settle deliveries that a descriptor of the shell holds",
	.text =
"A delivery belongs to the open file that received it, so settle works on a\n"
"descriptor that it inherits, which must be open for reading with\n"
"ack=manual. Without ID, the delivery that the descriptor received last is\n"
"settled, if that is the only one that it holds and was read to its end; else\n"
"nothing is settled, and the ids are named. The exit status is 3 if the\n"
"descriptor has received nothing yet. A range settles all deliveries in it that\n"
"the descriptor holds. ACTION is one of:\n"
"\n"
"ack: the message is done, and is removed from the queue.\n"
"\n"
"release: it goes back to its place at once, as if it had not been delivered.\n"
"\n"
"retry: the delivery failed, and the message goes back to its place after a\n"
"while. After max_deliveries failures it is dead.\n"
"\n"
"reject: the message cannot be processed, and is dead: it goes to the\n"
"dead-letter queue, or stays dead in this queue.\n"
"\n"
"extend: the work goes on, and the lease begins anew; with --lease=0 it has no\n"
"end.\n"
"\n"
"defer: the message is set aside, until a consumer receives it by its id.\n"
"\n"
"--sync returns when the queue's journal has what was settled: a message that was\n"
"acknowledged does not come again after a crash.",
	.opts = settle_opts,
	.operands = { COMPLETES_ACTION },
	.min = 1,
	.max = -1,
};
