// SPDX-License-Identifier: GPL-2.0
/* Moving messages from one queue to another: move. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "bounds.h"
#include "complain.h"
#include "look.h"
#include "select.h"

/* What can be moved. */
#define MOVABLE	(DEVMQ_STATE_MASK(DEVMQ_STATE_READY) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DELAYED) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DEFERRED) | \
		 DEVMQ_STATE_MASK(DEVMQ_STATE_DEAD))

struct move {
	const char		*name;
	const char		*to;
	struct devmq_queue	*queue;
	struct devmq_queue	*target;
	struct select		select;
	uint64_t		limit;		/* 0: no limit */
	uint64_t		moved;
	uint64_t		stranded;
};

/* Move at most as many as the limit leaves; -ECANCELED if it leaves none. */
static int move_range(uint64_t first, uint64_t last, void *arg)
{
	struct move *m = arg;
	struct devmq_redrive a = {
		.flags = DEVMQ_REDRIVE_TO,
		.first_id = first,
		.last_id = last,
		.target_fd = devmq_fd(m->target),
		.states = m->select.states,
		.reason = m->select.reason,
	};
	int err;

	if (m->limit && m->moved == m->limit)
		return -ECANCELED;
	if (m->limit && last - first >= m->limit - m->moved)
		a.last_id = first + (m->limit - m->moved - 1);
	err = devmq_redrive_by(m->queue, &a, sizeof(a));
	if (!err || err == -ENOSPC) {
		m->moved += a.moved;
		m->stranded += a.stranded;
	}
	if (!err && a.last_id != last)
		return move_range(a.last_id + 1, last, m);
	return err;
}

static int move_all(struct move *m)
{
	int err;

	if (select_looks(&m->select) || m->select.older_ns || m->limit)
		err = select_each(m->queue, &m->select, move_range, m);
	else
		err = move_range(m->select.first, m->select.last, m);
	if (err == -ECANCELED)
		err = 0;
	if (!err || m->moved)
		printf("%" PRIu64 "\n", m->moved);
	if (err == -ENOSPC)
		return complain_full(m->to, "cannot move more there");
	if (err)
		return complain(m->name, err, "cannot move");
	if (m->stranded)
		return complain(m->name, 0, "%" PRIu64 " not moved: larger than "
				"%s takes (max_message_size, max_bytes)",
				m->stranded, m->to);
	return STATUS_DONE;
}

static int move(struct move *m)
{
	int err, status;

	err = open_queue(&m->target, m->to, DEVMQ_OPEN_WRITE);
	if (err)
		return complain_open(m->to, err);
	err = open_to_look(&m->queue, m->name);
	if (err)
		status = complain_open(m->name, err);
	else
		status = move_all(m);
	devmq_close(m->queue);
	devmq_close(m->target);
	return status;
}

static int run_move(struct args *args)
{
	struct move m = { .name = NULL };
	int code;

	m.select.states = DEVMQ_STATE_MASK(DEVMQ_STATE_READY);
	while ((code = args_next(args))) {
		if (code == 'n')
			m.limit = value_number(args, 0, UINT64_MAX);
		else
			select_option(args, code, &m.select);
	}
	if (m.select.states & ~MOVABLE)
		usage(args, "what is in flight cannot be moved");
	m.name = operand_queue(args, 0);
	m.to = operand_queue(args, 1);
	if (!strcmp(m.name, m.to))
		usage(args, "NAME and TARGET are both '%s'", m.to);
	return move(&m);
}

static const struct opt move_opts[] = {
	{ 'n', "number", "N", "move at most N messages (default 0: all)" },
	OPT_ID_RANGE,
	{ OPT_STATE, "state", "STATE,...",
	  "those that are ready (default), delayed, deferred, dead" },
	OPTS_SELECT,
	OPTS_END
};

const struct command cmd_move = {
	.name = "move",
	.run = run_move,
	.synopsis = "NAME TARGET [OPTION]...",
	.summary = "Move messages to another queue",
	.text =
"Moves the messages that are ready in the queue NAME to the queue TARGET, or\n"
"with options those that match every one of them, and prints how many. Messages\n"
"in flight stay. In TARGET the messages have new ids, in the same order, and a\n"
"delayed message stays delayed until its time. They keep what their senders gave\n"
"them, such as the time to live; attempts and failures count from zero. Needs\n"
"permission to write to TARGET.\n"
"\n"
"The bounds of TARGET hold as for a sender. When it is full, or paused for\n"
"senders, move ends, and the exit status is 1; messages moved before stay there.\n"
"Messages that are too large for TARGET stay in NAME, and the exit status is 1,\n"
"too. move never waits for room, and drops nothing to make room.\n"
"\n"
"If move is killed, each message is in one of the two queues.",
	.opts = move_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 2,
	.max = 2,
};
