// SPDX-License-Identifier: GPL-2.0
/* Dropping messages: purge. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "complain.h"
#include "look.h"
#include "revoke.h"
#include "select.h"

#define FLYING	DEVMQ_STATE_MASK(DEVMQ_STATE_IN_FLIGHT)

struct purge {
	struct devmq_queue	*queue;
	struct select		select;
	struct revoke		revoke;		/* what is in flight */
	uint64_t		purged;
};

static int purge_range(uint64_t first, uint64_t last, void *arg)
{
	struct purge *p = arg;
	struct devmq_purge a = {
		.first_id = first,
		.last_id = last,
		.older_than_ns = p->select.older_ns,
		.states = p->select.states,
		.reason = p->select.reason,
	};
	int err;

	err = devmq_purge_by(p->queue, &a, sizeof(a));
	if (!err)
		p->purged += a.purged;
	return err;
}

/* Messages in flight are dropped only if --state names them. */
static int purge(struct purge *p)
{
	bool flying = p->select.states & FLYING;
	int err = 0;

	p->select.states &= ~FLYING;
	if (flying) {
		p->revoke.queue = p->queue;
		p->revoke.select = &p->select;
		p->revoke.how.action = DEVMQ_ACTION_PURGE;
		err = revoke_selected(&p->revoke);
		p->purged = p->revoke.settled;
		if (err || !p->select.states)
			return err;
	}
	if (select_looks(&p->select))
		return select_each(p->queue, &p->select, purge_range, p);
	return purge_range(p->select.first, p->select.last, p);
}

static int run_purge(struct args *args)
{
	struct purge p = { .queue = NULL };
	const char *name;
	int code, err;

	while ((code = args_next(args))) {
		if (!select_option(args, code, &p.select))
			value_holder(args, &p.revoke);
	}
	if (p.revoke.holder && p.select.states != FLYING)
		usage(args, "--holder goes with --state=in-flight only");
	name = operand_queue(args, 0);
	err = open_to_browse(&p.queue, name);
	if (err)
		return complain_open(name, err);
	err = purge(&p);
	devmq_close(p.queue);
	if (!err || p.purged)
		printf("%" PRIu64 "\n", p.purged);
	if (err)
		return complain(name, err, "cannot purge");
	return complain_busy(name, &p.revoke);
}

static const struct opt purge_opts[] = {
	OPT_ID_RANGE,
	{ OPT_STATE, "state", "STATE,...",
	  "only these: ready, in-flight, delayed, deferred, dead, retained" },
	{ OPT_HOLDER, "holder", "PID",
	  "with --state=in-flight: only what this process has received" },
	OPTS_SELECT,
	OPTS_END
};

const struct command cmd_purge = {
	.name = "purge",
	.run = run_purge,
	.synopsis = "NAME [OPTION]...",
	.summary = "Drop messages",
	.text =
"Drops all messages, or those that match every option given, and prints how\n"
"many. Messages in flight stay, unless --state names that; the consumer of such\n"
"a message learns that it is gone when it settles it. To cancel a delayed\n"
"message, purge it; its de-duplication id can be sent once more. The age of a\n"
"message is the time that it has been in this queue and in its state; setting\n"
"the machine's clock does not change it. REASON is failures, rejected, expired,\n"
"overflow, or the number from 256 on that a consumer gave.",
	.opts = purge_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 1,
};
