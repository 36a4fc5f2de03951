// SPDX-License-Identifier: GPL-2.0
/*
 * Finishing deliveries of a descriptor that was passed on: settle.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqctl.h"
#include "units.h"

#define OPT_FD	(OPT_LONG + 0)

static uint32_t parse_action(const struct args *args, const char *word)
{
	if (!strcmp(word, "ack"))
		return DEVMQ_ACTION_ACK;
	if (!strcmp(word, "release"))
		return DEVMQ_ACTION_RELEASE;
	usage(args, "'%s' is neither ack nor release", word);
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

static int settle(struct devmq_queue *queue, struct devmq_settlement *s,
		  size_t count, const char *action)
{
	struct devmq_consumer consumer;
	size_t i;
	int err;

	if (!s->first_id) {
		err = devmq_get_consumer(queue, &consumer, sizeof(consumer));
		if (err)
			return complain(devmq_name(queue), err,
					"cannot %s", action);
		if (!consumer.last_id)
			return STATUS_NOTHING;
		s->first_id = consumer.last_id;
		s->last_id = consumer.last_id;
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

static int complain_fd(int fd, int error)
{
	char subject[32];

	snprintf(subject, sizeof(subject), "descriptor %d", fd);
	return complain(subject, error, "cannot use it");
}

static int run_settle(struct args *args)
{
	struct devmq_settlement *s;
	struct devmq_queue *queue;
	int fd = -1, i, n, err, status;
	const char *action;
	uint32_t code;

	while (args_next(args))
		fd = (int)value_number(args, 0, INT_MAX);
	if (fd < 0)
		usage(args, "--fd is missing");
	n = args->count - 1;
	action = args->operands[n];
	code = parse_action(args, action);
	s = calloc((size_t)n + 1, sizeof(*s));
	if (!s)
		return complain(NULL, -ENOMEM, "settle");
	for (i = 0; i < n; i++)
		parse_ids(args, i, &s[i]);
	if (!n)
		n = 1;
	for (i = 0; i < n; i++)
		s[i].action = code;

	err = devmq_open_fd(&queue, fd);
	if (err) {
		status = complain_fd(fd, err);
	} else {
		status = settle(queue, s, (size_t)n, action);
		devmq_close(queue);
	}
	free(s);
	return status;
}

static const struct opt settle_opts[] = {
	{ OPT_FD, "fd", "N", "the descriptor that holds the deliveries" },
	OPTS_END
};

const struct command cmd_settle = {
	.name = "settle",
	.run = run_settle,
	.synopsis = "--fd=N [ID[-ID]]... ack|release",
	.summary = "Finish deliveries that a descriptor of the shell holds",
	.text =
"A delivery belongs to the open file that received it, so settle works on a\n"
"descriptor that it inherits, which must be open for reading with\n"
"ack=manual. Without ID, what that descriptor received last is settled; the\n"
"exit status is 3 if it has received nothing yet. A range settles what the\n"
"descriptor holds in it. With ack the message is done and gone; with release\n"
"it goes back to its place at once, as if it had not been delivered.",
	.opts = settle_opts,
	.min = 1,
	.max = -1,
};
