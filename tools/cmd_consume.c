// SPDX-License-Identifier: GPL-2.0
/*
 * Running a command for every message, or for several at a time: consume.
 *
 * Everything happens in one loop around poll(2), signals included: commands that
 * have ended are settled (reap.c), leases are extended or come to their end
 * (lease.c), and messages are received for the slots that are free.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "args.h"
#include "complain.h"
#include "consume.h"
#include "format.h"
#include "lease.h"
#include "look.h"
#include "outcome.h"
#include "reap.h"
#include "sync.h"

#define JOBS_MAX	1024
#define BATCH_MAX	DEVMQ_BATCH_MAX
/* Bytes of the buffer for a batch. */
#define BATCH_ROOM	(1 << 20)
/* The largest value of the option prefetch. */
#define PREFETCH_MAX	65535

/* How often to receive at the end of file, where poll(2) does not wait. */
#define LOOK_AGAIN_MS	100

#define OPT_UNTIL_EMPTY	(OPT_LONG + 0)
#define OPT_LEASE	(OPT_LONG + 1)
#define OPT_RETRY	(OPT_LONG + 2)
#define OPT_BATCH	(OPT_LONG + 3)
#define OPT_KEEP	(OPT_LONG + 4)

static bool may_receive(const struct consume *c)
{
	if (c->stop || c->busy == c->jobs || now_ms() < c->pause_ms)
		return false;
	return !c->limit || c->started < c->limit;
}

static struct slot *free_slot(struct consume *c)
{
	struct slot *slot = c->slots;

	while (slot->pid)
		slot++;
	return slot;
}

static void fill_slot(struct consume *c, struct slot *slot)
{
	const struct devmq_msg *msg;

	slot->count = 0;
	lease_begin(c, slot);
	while (slot->count < c->batch &&
	       devmq_buffer_next(c->buffer, &msg) > 0)
		slot->ids[slot->count++] = devmq_msg_id(msg);
}

/* The process id of the slot's command, or a negative errno. */
static pid_t start_command(struct consume *c, struct slot *slot)
{
	char runner[2 * RUNNER_NAME];
	int err, errors;
	pid_t pid;

	err = runner_name(slot->secret);
	if (err)
		return err;
	snprintf(runner, sizeof(runner), "%s:%s", c->runner.address,
		 slot->secret);
	pid = child_start(c->argv, c->name, c->buffer, c->input, runner,
			  &c->signals, &errors);
	errout_begin(&slot->errout, pid > 0 ? errors : -1);
	return pid;
}

/* If the command cannot be run, receive no further message. */
static void start(struct consume *c)
{
	struct outcome release = { .action = DEVMQ_ACTION_RELEASE };
	struct slot *slot = free_slot(c);
	char messages[64];
	pid_t pid;

	fill_slot(c, slot);
	c->busy++;
	pid = start_command(c, slot);
	if (pid > 0) {
		slot->pid = pid;
		c->started++;
		return;
	}
	slot_messages(slot, messages, sizeof(messages));
	settle_slot(c, slot, &release);
	if (child_may_start(pid)) {
		complain(c->name, 0, "%s: cannot run %s: %s", messages,
			 c->argv[0], strerror(-pid));
		pause_receiving(c);
		return;
	}
	c->stop = true;
	c->status = complain(c->name, 0, "cannot run %s: %s", c->argv[0],
			     strerror(-pid));
}

static void receive(struct consume *c)
{
	int n;

	n = devmq_recv(c->queue, c->buffer, c->batch, 0);
	c->eof = n == 0;
	c->empty = n == 0 || n == -EAGAIN;
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		give_up(c, n, "cannot receive");
	if (n > 0)
		start(c);
}

static void receive_all(struct consume *c)
{
	c->empty = false;
	while (may_receive(c) && !c->empty)
		receive(c);
}

static void sooner(uint64_t *least, uint64_t now, uint64_t then)
{
	uint64_t left = then > now ? then - now : 0;

	if (left < *least)
		*least = left;
}

/* How long poll(2) may sleep, which takes no more than an int; -1: for ever. */
static int sleep_ms(const struct consume *c, bool look_again)
{
	uint64_t now = now_ms(), least = UINT64_MAX;
	const struct slot *slot;

	if (look_again)
		least = LOOK_AGAIN_MS;
	if (!c->stop && now < c->pause_ms)
		sooner(&least, now, c->pause_ms);
	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid && slot->end_ms)
			sooner(&least, now, slot->end_ms);
		if (slot->pid && slot->keep_ms)
			sooner(&least, now, slot->keep_ms);
	}
	if (least == UINT64_MAX)
		return -1;
	return least < INT32_MAX ? (int)least : INT32_MAX;
}

/* After the first signal commands may finish, the second one kills them. */
static void take_signals(struct consume *c)
{
	struct signalfd_siginfo info;

	while (read(c->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		c->killed = c->stop;
		c->stop = true;
		if (c->killed)
			kill_all(c);
	}
}

enum { FD_SIGNALS, FD_QUEUE, FD_RUNNER, FD_ERROUT };

/*
 * A queue at its end of file is always readable, so it is not polled then. While
 * commands run, consume receives from it again every LOOK_AGAIN_MS.
 */
static nfds_t watch_all(struct consume *c, bool wanted)
{
	nfds_t n = FD_ERROUT;
	unsigned int i;

	c->fds[FD_SIGNALS].fd = c->signal_fd;
	c->fds[FD_SIGNALS].events = POLLIN;
	c->fds[FD_QUEUE].fd = c->stop || (wanted && c->eof) ?
			      -1 : devmq_fd(c->queue);
	c->fds[FD_QUEUE].events = wanted ? POLLIN : 0;
	c->fds[FD_RUNNER].fd = c->runner.fd;
	c->fds[FD_RUNNER].events = POLLIN;
	for (i = 0; i < c->jobs; i++, n++) {
		c->fds[n].fd = c->slots[i].pid ? c->slots[i].errout.fd : -1;
		c->fds[n].events = POLLIN;
	}
	for (i = 0; i < ORPHANS_MAX; i++, n++) {
		c->fds[n].fd = c->orphans[i].fd;
		c->fds[n].events = POLLIN;
	}
	return n;
}

static void read_errouts(struct consume *c)
{
	unsigned int i;

	for (i = 0; i < c->jobs; i++) {
		if (c->fds[FD_ERROUT + i].revents)
			errout_read(&c->slots[i].errout);
	}
	for (i = 0; i < ORPHANS_MAX; i++) {
		if (c->fds[FD_ERROUT + c->jobs + i].revents)
			errout_read(&c->orphans[i]);
	}
}

static void wait_for_work(struct consume *c)
{
	bool wanted = may_receive(c);
	nfds_t n = watch_all(c, wanted);

	if (poll(c->fds, n, sleep_ms(c, wanted && c->eof)) < 0) {
		if (errno != EINTR)
			give_up(c, -errno, "cannot wait");
		return;
	}
	if (c->fds[FD_SIGNALS].revents)
		take_signals(c);
	if (c->fds[FD_RUNNER].revents)
		runner_serve(&c->runner, lease_answer, c);
	read_errouts(c);
	if (c->fds[FD_QUEUE].revents & (POLLHUP | POLLERR))
		give_up(c, -ENODEV, "cannot receive");
}

/*
 * A queue is empty if nothing is ready. Messages that wait for a retry or for their
 * time do not count.
 */
static bool finished(const struct consume *c)
{
	if (c->busy)
		return false;
	if (c->stop || (c->limit && c->started >= c->limit))
		return true;
	return c->empty && (c->until_empty || c->eof);
}

static void consume(struct consume *c)
{
	for (;;) {
		reap(c);
		lease_keep_all(c);
		lease_end_overdue(c);
		if (may_receive(c))
			receive_all(c);
		if (finished(c))
			return;
		wait_for_work(c);
	}
}

/*
 * Read signals from a descriptor. A signal that is ignored, as by nohup(1), stays
 * so; except for SIGCHLD, without which no command could be waited for.
 */
static int set_signals(struct consume *c)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction old, ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		sigaction(ends[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	}
	sigaction(SIGPIPE, &ignore, &c->signals.pipe);
	sigprocmask(SIG_BLOCK, &set, &c->signals.mask);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd < 0 ? -errno : 0;
}

/* How this open file receives. Without --lease, the lease is that of the queue. */
static int set_mode(struct consume *c)
{
	unsigned int held = c->jobs * c->batch;
	int err;

	err = devmq_set_ack(c->queue, DEVMQ_ACK_MANUAL,
			    held <= PREFETCH_MAX ? held : 0);
	if (!err && c->lease_given)
		err = devmq_set_lease(c->queue, c->lease_ns);
	return err ? err : devmq_get_lease(c->queue, &c->lease_ns);
}

static int consume_from(struct consume *c)
{
	int err;

	err = open_queue(&c->queue, c->name,
			 DEVMQ_OPEN_READ | DEVMQ_OPEN_NONBLOCK);
	if (err)
		return complain_open(c->name, err);
	if (c->sync && sync_check(c->queue, c->name) != STATUS_DONE) {
		devmq_close(c->queue);
		return STATUS_FAILED;
	}
	err = set_mode(c);
	if (!err)
		err = devmq_buffer_new(&c->buffer,
				       c->batch > 1 ? BATCH_ROOM : 0);
	if (!err)
		err = set_signals(c);
	if (!err)
		err = runner_open(&c->runner);
	if (err)
		c->status = complain(c->name, err, "cannot consume");
	else
		consume(c);
	if (c->status == STATUS_DONE && c->failed)
		c->status = STATUS_TRIED;
	runner_close(&c->runner);
	devmq_buffer_free(c->buffer);
	devmq_close(c->queue);
	return c->status;
}

static int make_slots(struct consume *c)
{
	unsigned int i;

	c->slots = calloc(c->jobs, sizeof(*c->slots));
	c->ids = calloc((size_t)c->jobs * c->batch, sizeof(*c->ids));
	c->settlements = calloc(c->batch, sizeof(*c->settlements));
	c->fds = calloc((size_t)FD_ERROUT + c->jobs + ORPHANS_MAX,
			sizeof(*c->fds));
	if (!c->slots || !c->ids || !c->settlements || !c->fds)
		return -ENOMEM;
	for (i = 0; i < c->jobs; i++) {
		c->slots[i].ids = c->ids + (size_t)i * c->batch;
		errout_begin(&c->slots[i].errout, -1);
	}
	for (i = 0; i < ORPHANS_MAX; i++)
		errout_begin(&c->orphans[i], -1);
	return 0;
}

static void take_option(struct args *args, struct consume *c, int code)
{
	switch (code) {
	case 'j':
		c->jobs = (unsigned int)value_number(args, 1, JOBS_MAX);
		break;
	case 'n':
		c->limit = value_number(args, 0, UINT64_MAX);
		break;
	case OPT_LEASE:
		c->lease_ns = value_duration(args);
		c->lease_given = true;
		break;
	case OPT_RETRY:
		/* To the kernel, zero means the back-off of the queue. */
		c->retry_ns = value_duration(args) ?: 1;
		break;
	case OPT_BATCH:
		c->batch = (unsigned int)value_number(args, 1, BATCH_MAX);
		if (c->input == INPUT_EXACT)
			c->input = INPUT_LINES;
		break;
	case OPT_NULL:
		c->input = INPUT_NULS;
		break;
	case OPT_UNTIL_EMPTY:
		c->until_empty = true;
		break;
	case OPT_KEEP:
		c->keep = true;
		break;
	case OPT_SYNC:
		c->sync = true;
		break;
	}
}

static int run_consume(struct args *args)
{
	static struct consume c = { .jobs = 1, .runner.fd = -1 };
	int code;

	while ((code = args_next(args)))
		take_option(args, &c, code);
	if (c.input == INPUT_NULS && !c.batch)
		usage(args, "--null is for --batch");
	if (!c.batch)
		c.batch = 1;
	c.name = operand_queue(args, 0);
	c.argv = args->operands + 1;
	if (make_slots(&c))
		code = complain(c.name, -ENOMEM, "cannot consume");
	else
		code = consume_from(&c);
	free(c.slots);
	free(c.ids);
	free(c.settlements);
	free(c.fds);
	return code;
}

static const struct opt consume_opts[] = {
	{ 'j', "jobs", "N", "run up to N commands at a time (default 1)" },
	{ 'n', "number", "N", "end after N commands (default 0: never)" },
	{ OPT_LEASE, "lease", "DURATION",
	  "how long one may run (default: the queue's lease_ms)" },
	{ OPT_KEEP, "keep", NULL, "extend the lease as long as a command runs" },
	{ OPT_RETRY, "retry", "DURATION",
	  "how long a failed message waits (default: the back-off)" },
	{ OPT_BATCH, "batch", "N",
	  "give up to N messages to a command, a line each" },
	{ OPT_NULL, "null", NULL,
	  "with --batch: a NUL behind each, and no newline" },
	{ OPT_UNTIL_EMPTY, "until-empty", NULL,
	  "end when nothing is ready and no command runs" },
	OPTS_SYNC("go on when what became of a message is on stable storage"),
	OPTS_END
};

const struct command cmd_consume = {
	.name = "consume",
	.run = run_consume,
	.synopsis = "NAME [OPTION]... -- COMMAND [ARG]...",
	.summary = "Run a command for each message",
	.text =
"COMMAND gets the message as its standard input (a file in memory, which it\n"
"need not read), and in its environment DEVMQ_QUEUE, DEVMQ_ID,\n"
"DEVMQ_ATTEMPT, DEVMQ_FAILURES, DEVMQ_UID (the sender's), DEVMQ_KEY if there\n"
"is a key, and each header as DEVMQ_HEADER_ and its name in capitals, with _\n"
"for what is no letter or digit; the last one wins, and values with a NUL\n"
"are left out.\n"
"\n"
"Exit status 0 acknowledges the message. 75 releases it: it is back in its place\n"
"at once, for any consumer, and has not failed; consume receives no more\n"
"messages for 100 ms then, and for twice as long after each further release\n"
"without a success in between, at most 5 s. 65 rejects it: it is dead at once.\n"
"126 and 127 say that a program is not executable or missing, which is not the\n"
"message's fault: it is released, and consume ends with exit status 1, as it\n"
"does if COMMAND cannot be run at all. With any other status, or if a signal\n"
"kills COMMAND, the message is retried: it has failed, and waits as long as\n"
"--retry or the queue's options retry_ms, retry_backoff and retry_max_ms say.\n"
"After max_deliveries failures it is dead.\n"
"\n"
"The standard error of COMMAND is a pipe; consume writes what it reads there to\n"
"its own standard error, also from processes that COMMAND leaves running, as\n"
"long as consume runs. The exit status or signal and the last line, at most 256\n"
"bytes, are the note of a message that is retried or rejected: peek --long shows\n"
"it, and the next COMMAND has it in DEVMQ_NOTE. For a message that was not\n"
"acknowledged, consume prints a line that says what became of it. The exit\n"
"status of consume is 6 if it ended in order and any message was retried,\n"
"rejected or lost to its lease.\n"
"\n"
"A message that is not settled when its lease ends goes to the next consumer, as\n"
"failed. A COMMAND that runs longer is killed: by SIGTERM to its process group\n"
"when the lease ends, by SIGKILL a second later. --lease=0 is no end. If COMMAND\n"
"runs \"mqctl extend\" in time, the lease begins anew. With --keep, consume\n"
"extends the lease whenever half of it is over, as long as COMMAND runs; the\n"
"lease then ends only if consume itself hangs or is stopped.\n"
"\n"
"With --batch, as many messages as are ready, up to N, are the standard input\n"
"of one COMMAND, each ended by a newline if it has none. It has DEVMQ_COUNT\n"
"and DEVMQ_IDS (with spaces between) in its environment, and no other\n"
"metadata. Its exit status settles all of them.\n"
"\n"
"If the queue has a journal, a message that was acknowledged may come again after\n"
"a crash, marked as redelivered, until the journal has that it is gone. --sync\n"
"waits for that before it receives the next messages.\n"
"\n"
"--until-empty ends consume when no message is ready that it may receive. It\n"
"does not wait for messages that wait for a retry or for their time.\n"
"\n"
"On SIGTERM, SIGINT or SIGHUP, consume receives no more messages; commands that\n"
"run may finish, and their messages are settled as always. A second signal kills\n"
"them (SIGKILL to their process groups) and releases their messages. The exit\n"
"status is the same as without a signal. If consume itself is killed, its\n"
"messages go to other consumers at once and its commands are killed (SIGKILL to\n"
"each, but not to processes that they started). If the queue's option eof\n"
"reports end of file, consume ends as with --until-empty.",
	.opts = consume_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_PROGRAM },
	.min = 2,
	.max = -1,
	.tail = true,
};
