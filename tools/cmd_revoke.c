// SPDX-License-Identifier: GPL-2.0
/* Settling deliveries of other consumers: release, reject. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "complain.h"
#include "look.h"
#include "revoke.h"
#include "select.h"

#define OPT_IN		(OPT_LONG + 1)
#define OPT_GIVE	(OPT_LONG + 2)
#define OPT_NOTE	(OPT_LONG + 3)

static void take_option(struct args *args, int code, struct revoke *r)
{
	switch (code) {
	case OPT_HOLDER:
		value_holder(args, r);
		break;
	case OPT_IN:
		r->how.action = DEVMQ_ACTION_EXTEND;
		r->how.delay_ns = value_duration(args);
		if (!r->how.delay_ns)
			usage(args, "--in takes a duration above zero");
		break;
	case OPT_GIVE:
		r->how.reason = (uint16_t)value_number(args, DEVMQ_REASON_USER,
						       UINT16_MAX);
		break;
	case OPT_NOTE:
		value_note(args, &r->how);
	}
}

static int run_revoke(struct args *args, uint32_t action)
{
	struct select select = { .states = 0 };
	struct revoke r = { .select = &select, .how.action = action };
	const char *name;
	int code, err;

	while ((code = args_next(args))) {
		if (!select_option(args, code, &select))
			take_option(args, code, &r);
	}
	if (!select.first && !r.holder && !select_looks(&select) &&
	    !select.older_ns && !select.reason)
		usage(args, "say which: --id, --holder, --key, --header, "
		      "--older-than, --reason");
	name = operand_queue(args, 0);
	err = open_to_look(&r.queue, name);
	if (err)
		return complain_open(name, err);
	err = revoke_selected(&r);
	devmq_close(r.queue);
	if (!err || r.settled)
		printf("%" PRIu64 "\n", r.settled);
	if (err)
		return complain(name, err, "cannot %s", args->command->name);
	return complain_busy(name, &r);
}

static int run_release(struct args *args)
{
	return run_revoke(args, DEVMQ_ACTION_RELEASE);
}

static int run_reject(struct args *args)
{
	return run_revoke(args, DEVMQ_ACTION_REJECT);
}

static const struct opt release_opts[] = {
	OPT_ID_RANGE,
	{ OPT_HOLDER, "holder", "PID", "only what this process has received" },
	OPTS_SELECT,
	{ OPT_IN, "in", "DURATION",
	  "after this time, unless its consumer settles it before" },
	OPTS_END
};

const struct command cmd_release = {
	.name = "release",
	.run = run_release,
	.synopsis = "NAME OPTION...",
	.summary = "Take messages back from their consumers",
	.text =
"Takes messages that are in flight from the consumers that hold them, puts them\n"
"back in their place for others, and prints how many. The delivery does not\n"
"count as an attempt. A consumer learns that it has lost a message when it\n"
"settles it. With --in, the lease of each message ends after that time; if it\n"
"has not been settled by then, the delivery counts as failed.\n"
"\n"
"Takes back the messages that match every option given, of which there must be\n"
"one. peek --state=in-flight --long shows who holds which message. Needs the\n"
"same permission as purge.",
	.opts = release_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 1,
};

static const struct opt reject_opts[] = {
	OPT_ID_RANGE,
	{ OPT_HOLDER, "holder", "PID", "only what this process has received" },
	OPTS_SELECT,
	{ OPT_GIVE, "give-reason", "NUMBER",
	  "why, a number from 256 on (default: rejected)" },
	{ OPT_NOTE, "note", "TEXT", "and in words, up to 256 bytes" },
	OPTS_END
};

const struct command cmd_reject = {
	.name = "reject",
	.run = run_reject,
	.synopsis = "NAME OPTION...",
	.summary = "Reject messages that consumers hold",
	.text =
"As release, but the messages are dead, as if their consumers had rejected them:\n"
"they go to the dead-letter queue, if there is one, or stay dead in this queue.",
	.opts = reject_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 1,
};
