// SPDX-License-Identifier: GPL-2.0
/* Binding queues to topics: bind, unbind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "binding.h"
#include "complain.h"
#include "filter.h"

#define OPT_EXIST_OK	(OPT_LONG + 0)

/*
 * Take the operands TOPIC QUEUE [FILTER]...: the words end with NULL. Unless the
 * binding is to be @gone, one may be start=...
 */
static struct wanted take_operands(const struct args *args, bool gone)
{
	struct wanted want = { .topic = operand_queue(args, 0) };
	char why[FILTER_WHY_MAX];
	const char **filter;
	int i;

	want.queue = operand_queue(args, 1);
	for (i = 2; i < args->count; i++) {
		bool start = !gone && !strncmp(args->operands[i], "start=", 6) &&
			     !strpbrk(args->operands[i], "\n\r");

		if (!start && !filter_check(args->operands[i], why))
			usage(args, "%s", why);
	}
	filter = calloc((size_t)args->count, sizeof(*filter));
	if (!filter)
		exit(complain(want.topic, -ENOMEM, "%s", args->command->name));
	for (i = 2; i < args->count; i++)
		filter[i - 2] = args->operands[i];
	want.filter = filter;
	return want;
}

static int run(struct args *args, bool gone, int excused)
{
	char why[BINDING_REASON_MAX] = "";
	bool excuse = false;
	struct wanted want;
	int err;

	while (args_next(args))
		excuse = true;
	want = take_operands(args, gone);
	err = binding_make(&want, gone, why);
	if (err == excused && excuse)
		err = 0;
	if (err)
		err = binding_complain(&want, gone, err, why);
	free((void *)want.filter);
	return err;
}

static int run_bind(struct args *args)
{
	return run(args, false, -EEXIST);
}

static int run_unbind(struct args *args)
{
	return run(args, true, -ENOENT);
}

static const struct opt bind_opts[] = {
	{ OPT_EXIST_OK, "exist-ok", NULL, "succeed if there is such a binding" },
	OPTS_END
};

const struct command cmd_bind = {
	.name = "bind",
	.run = run_bind,
	.synopsis = "[OPTION]... TOPIC QUEUE [FILTER]... [start=WHERE]",
	.summary = "Let a queue get what is sent to a topic",
	.text =
"From now on QUEUE, which may be another topic, gets each message that is sent to\n"
"TOPIC and that the filter takes; without a filter, each one. The words of the\n"
"filter all have to be met:\n"
"\n"
"key=PATTERN: the key of the message, as words between dots. In the pattern, *\n"
"stands for one word, and # for any number of words, also none; quote them for\n"
"the shell. An empty key has no words.\n"
"\n"
"header.NAME=VALUE: the message has such a header. Of several words with the same\n"
"NAME one is enough.\n"
"\n"
"start=WHERE: begin with messages that the topic retains: earliest, id:N, or\n"
"time:SECONDS since 1970 (date +%s); latest is the default. The queue gets them\n"
"as it has room, and holds up no sender until it has caught up.\n"
"\n"
"A queue can be bound to a topic by several filters: it gets what any of them\n"
"takes, once. If there is such a binding already, the exit status is 4, with\n"
"--exist-ok it is 0. \"mqctl ls --tree\" shows the bindings.\n"
"\n"
"Who may write to /dev/mq/control may bind, and so may the owner of both device\n"
"files.",
	.opts = bind_opts,
	.operands = { COMPLETES_TOPIC, COMPLETES_QUEUE, COMPLETES_FILTER },
	.min = 2,
	.max = -1,
};

static const struct opt unbind_opts[] = {
	{ 'f', "force", NULL, "succeed if there is no such binding" },
	OPTS_END
};

const struct command cmd_unbind = {
	.name = "unbind",
	.run = run_unbind,
	.synopsis = "[-f] TOPIC QUEUE [key=PATTERN] [header.NAME=VALUE]...",
	.summary = "Let a queue get no more of what is sent to a topic",
	.text =
"Takes all bindings between the two away, or with a filter the one that has\n"
"exactly these words, in any order. What the queue has got stays there. The same\n"
"may unbind that may bind. With -f it is no error if there is nothing to take\n"
"away.",
	.opts = unbind_opts,
	.operands = { COMPLETES_TOPIC, COMPLETES_QUEUE, COMPLETES_FILTER },
	.min = 2,
	.max = -1,
};
