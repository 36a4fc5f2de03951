// SPDX-License-Identifier: GPL-2.0
/* Giving dead messages another attempt: redrive. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "complain.h"
#include "look.h"
#include "select.h"

struct redrive {
	const char		*name;
	const char		*to;		/* NULL: where they came from */
	struct devmq_queue	*target;
	struct devmq_queue	*queue;
	struct select		select;
	uint64_t		moved;
	uint64_t		stranded;
};

static int redrive_range(uint64_t first, uint64_t last, void *arg)
{
	struct redrive *r = arg;
	struct devmq_redrive a = {
		.flags = r->target ? DEVMQ_REDRIVE_TO : 0,
		.first_id = first,
		.last_id = last,
		.target_fd = r->target ? devmq_fd(r->target) : 0,
		.reason = r->select.reason,
	};
	int err;

	err = devmq_redrive_by(r->queue, &a, sizeof(a));
	if (!err) {
		r->moved += a.moved;
		r->stranded += a.stranded;
	}
	return err;
}

static int redrive(struct redrive *r)
{
	int err;

	err = open_to_look(&r->queue, r->name);
	if (err)
		return complain_open(r->name, err);
	/* The kernel redrives messages of any age, so their age is compared here. */
	if (select_looks(&r->select) || r->select.older_ns)
		err = select_each(r->queue, &r->select, redrive_range, r);
	else
		err = redrive_range(r->select.first, r->select.last, r);
	devmq_close(r->queue);
	if (!err || r->moved)
		printf("%" PRIu64 "\n", r->moved);
	if (err)
		return complain(r->name, err, "cannot redrive");
	if (r->stranded)
		return complain(r->name, 0, "%" PRIu64 " not moved: the queue "
				"that they came from is gone, or you may not "
				"write to it", r->stranded);
	return STATUS_DONE;
}

static int run_redrive(struct args *args)
{
	struct redrive r = { .to = NULL };
	int code, err, status;

	while ((code = args_next(args)))
		select_option(args, code, &r.select);
	r.name = operand_queue(args, 0);
	if (args->count > 1)
		r.to = operand_queue(args, 1);
	if (r.to) {
		err = open_queue(&r.target, r.to, DEVMQ_OPEN_WRITE);
		if (err)
			return complain_open(r.to, err);
	}
	status = redrive(&r);
	devmq_close(r.target);
	return status;
}

static const struct opt redrive_opts[] = {
	OPT_ID_RANGE,
	OPTS_SELECT,
	OPTS_END
};

const struct command cmd_redrive = {
	.name = "redrive",
	.run = run_redrive,
	.synopsis = "NAME [TARGET] [OPTION]...",
	.summary = "Make dead messages ready again",
	.text =
"Moves the messages that are dead in the queue NAME, and those that came\n"
"there as dead from other queues, and prints how many. Each goes back to\n"
"where it came from: in its own queue it is ready in its place, in another\n"
"one under a new id. With TARGET, all go to that queue. Failures count from\n"
"zero again, and no bound of a queue keeps them out. If the queue that a\n"
"message came from was removed, or you may not write to it, the message stays\n"
"where it is, and the exit status is 1. A new queue of the same name is another\n"
"one: give it as TARGET. With options, only messages that match every one of\n"
"them are moved.",
	.opts = redrive_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = 2,
};
