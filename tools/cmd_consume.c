// SPDX-License-Identifier: GPL-2.0
/*
 * Running a command for every message: consume.
 *
 * There is one slot for each command that may run at a time. A slot holds one
 * delivery from the moment it is received until it is settled:
 *
 *	FREE -> RUNNING		received, the command has been started
 *	RUNNING -> FREE		exit status 0: acknowledged
 *	RUNNING -> WAITING	failed: held back, so that it does not come
 *				straight back to us again and again
 *	WAITING -> FREE		the wait is over: released
 *
 * Everything happens in one loop around poll(2), signals included.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

#define JOBS_MAX	1024

/* How long a failed message is held: doubled with every further failure. */
#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	5000
/* How often to look again, where poll(2) would always say "end of file". */
#define LOOK_AGAIN_MS	100

#define OPT_UNTIL_EMPTY	(OPT_LONG + 0)

enum slot_state {
	SLOT_FREE,
	SLOT_RUNNING,
	SLOT_WAITING,
};

struct slot {
	enum slot_state	state;
	pid_t		pid;
	uint64_t	id;
	uint64_t	until_ms;	/* WAITING: when to release */
};

struct consume {
	struct devmq_queue	*queue;
	struct devmq_buffer	*buffer;
	const char		*name;
	char			**argv;
	struct slot		*slots;
	unsigned int		jobs;
	unsigned int		busy;		/* slots that are not FREE */
	uint64_t		limit;		/* commands to run; 0: any */
	uint64_t		started;
	unsigned int		failures;	/* since the last success */
	bool			until_empty;
	bool			empty;		/* the last time we looked */
	bool			eof;		/* likewise: end of file */
	bool			stop;		/* take no more messages */
	bool			killed;		/* and end the commands */
	bool			removed;	/* the queue is no more */
	int			status;
	int			signal_fd;
	struct child_signals	signals;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* An error that ends it all, in order: commands that run may finish. */
static void give_up(struct consume *c, int err, const char *what)
{
	if (err == -ENODEV && c->removed)
		return;
	c->removed = c->removed || err == -ENODEV;
	c->stop = true;
	c->status = complain(c->name, err, "%s", what);
}

/* ------------------------------------------------------------------ */
/* Slots                                                              */

static void settle_slot(struct consume *c, struct slot *slot, bool done)
{
	int err;

	if (done)
		err = devmq_ack(c->queue, slot->id);
	else
		err = devmq_release(c->queue, slot->id);
	slot->state = SLOT_FREE;
	c->busy--;
	if (err)
		give_up(c, err, done ? "cannot acknowledge"
				     : "cannot release");
}

/* Keep a message from coming back at once; the longer, the more go wrong. */
static uint64_t hold_back(struct consume *c, struct slot *slot)
{
	uint64_t ms = BACKOFF_MIN_MS;
	unsigned int i;

	for (i = 0; i < c->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	c->failures++;
	slot->state = SLOT_WAITING;
	slot->until_ms = now_ms() + ms;
	return ms;
}

/* What becomes of the message, for the line that tells of a failure. */
static void tell_failure(struct consume *c, struct slot *slot, int status)
{
	char when[48] = "released";
	int code = WEXITSTATUS(status);

	if (!c->stop)
		snprintf(when, sizeof(when), "held for %" PRIu64 " ms",
			 hold_back(c, slot));
	if (WIFSIGNALED(status))
		complain(c->name, 0, "message %" PRIu64 ": killed by signal "
			 "%d (%s), %s", slot->id, WTERMSIG(status),
			 strsignal(WTERMSIG(status)), when);
	else
		complain(c->name, 0, "message %" PRIu64 ": exit status %d%s, "
			 "%s", slot->id, code, code == EX_TEMPFAIL ?
			 " (try again)" : "", when);
	if (slot->state == SLOT_RUNNING)
		settle_slot(c, slot, false);
}

static void reap(struct consume *c)
{
	struct slot *slot;
	int status;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->state != SLOT_RUNNING ||
		    waitpid(slot->pid, &status, WNOHANG) != slot->pid)
			continue;
		if (WIFEXITED(status) && !WEXITSTATUS(status)) {
			c->failures = 0;
			settle_slot(c, slot, true);
		} else {
			tell_failure(c, slot, status);
		}
	}
}

/* Release what has been held back long enough, or all of it at the end. */
static void release_due(struct consume *c)
{
	uint64_t now = now_ms();
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->state == SLOT_WAITING &&
		    (c->stop || slot->until_ms <= now))
			settle_slot(c, slot, false);
	}
}

static void kill_all(struct consume *c)
{
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->state == SLOT_RUNNING)
			kill(-slot->pid, SIGKILL);
	}
}

/* ------------------------------------------------------------------ */
/* Taking messages                                                    */

static unsigned int may_take(const struct consume *c)
{
	unsigned int n = c->jobs - c->busy;

	if (c->stop)
		return 0;
	if (c->limit && c->limit - c->started < n)
		n = (unsigned int)(c->limit - c->started);
	return n;
}

static struct slot *free_slot(struct consume *c)
{
	struct slot *slot = c->slots;

	while (slot->state != SLOT_FREE)
		slot++;
	return slot;
}

static void start(struct consume *c, const struct devmq_msg *msg)
{
	struct slot *slot = free_slot(c);
	pid_t pid;

	slot->id = devmq_msg_id(msg);
	c->busy++;
	/* A command that cannot be run stops us before the next message. */
	pid = c->stop ? -ECANCELED : child_start(c->argv, c->name, msg,
						 &c->signals);
	if (pid > 0) {
		slot->state = SLOT_RUNNING;
		slot->pid = pid;
		c->started++;
		return;
	}
	if (child_may_start(pid)) {
		complain(c->name, 0, "message %" PRIu64 ": cannot run %s: %s",
			 slot->id, c->argv[0], strerror(-pid));
		hold_back(c, slot);
		return;
	}
	if (!c->stop) {
		c->stop = true;
		c->status = complain(c->name, 0, "cannot run %s: %s",
				     c->argv[0], strerror(-pid));
	}
	settle_slot(c, slot, false);
}

static void take(struct consume *c)
{
	const struct devmq_msg *msg;
	int n;

	n = devmq_recv(c->queue, c->buffer, may_take(c), 0);
	c->eof = n == 0;
	c->empty = n == 0 || n == -EAGAIN;
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		give_up(c, n, "cannot receive");
	while (devmq_buffer_next(c->buffer, &msg) > 0)
		start(c, msg);
}

/* ------------------------------------------------------------------ */
/* Waiting                                                            */

/* Until when poll(2) may sleep, for the slots that wait. */
static int sleep_ms(const struct consume *c, bool look_again)
{
	uint64_t now = now_ms(), least = UINT64_MAX, left;
	const struct slot *slot;

	if (look_again)
		least = LOOK_AGAIN_MS;
	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->state != SLOT_WAITING)
			continue;
		left = slot->until_ms > now ? slot->until_ms - now : 0;
		if (left < least)
			least = left;
	}
	return least == UINT64_MAX ? -1 : (int)least;
}

/* The first signal to end lets commands finish, the second kills them. */
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

/*
 * At the end of file a queue is always readable. It is not watched then: a
 * message that comes while commands still run is seen by looking again.
 */
static void wait_for_work(struct consume *c)
{
	bool wanted = may_take(c) > 0;
	struct pollfd fds[] = {
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = wanted && c->eof ? -1 : devmq_fd(c->queue),
		  .events = wanted ? POLLIN : 0 },
	};

	if (c->stop)
		fds[1].fd = -1;
	if (poll(fds, 2, sleep_ms(c, wanted && c->eof)) < 0) {
		if (errno != EINTR)
			give_up(c, -errno, "cannot wait");
		return;
	}
	if (fds[0].revents)
		take_signals(c);
	if (fds[1].revents & (POLLHUP | POLLERR))
		give_up(c, -ENODEV, "cannot receive");
}

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
		release_due(c);
		if (may_take(c))
			take(c);
		if (finished(c))
			return;
		wait_for_work(c);
	}
}

/* ------------------------------------------------------------------ */

/*
 * Signals come by a descriptor. One that this process was told to ignore, as
 * by nohup(1), stays ignored, but without SIGCHLD nothing could be reaped.
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

static int consume_from(struct consume *c)
{
	int err;

	err = devmq_open(&c->queue, c->name,
			 DEVMQ_OPEN_READ | DEVMQ_OPEN_NONBLOCK);
	if (err)
		return complain_open(c->name, err);
	err = devmq_set_ack(c->queue, DEVMQ_ACK_MANUAL, c->jobs);
	if (!err)
		err = devmq_buffer_new(&c->buffer, 0);
	if (!err)
		err = set_signals(c);
	if (err)
		c->status = complain(c->name, err, "cannot consume");
	else
		consume(c);
	devmq_buffer_free(c->buffer);
	devmq_close(c->queue);
	return c->status;
}

static int run_consume(struct args *args)
{
	struct consume c = { .jobs = 1 };
	int code;

	while ((code = args_next(args))) {
		if (code == 'j')
			c.jobs = (unsigned int)value_number(args, 1, JOBS_MAX);
		else if (code == 'n')
			c.limit = value_number(args, 0, UINT64_MAX);
		else
			c.until_empty = true;
	}
	c.name = operand_queue(args, 0);
	c.argv = args->operands + 1;
	c.slots = calloc(c.jobs, sizeof(*c.slots));
	if (!c.slots)
		return complain(c.name, -ENOMEM, "cannot consume");
	code = consume_from(&c);
	free(c.slots);
	return code;
}

static const struct opt consume_opts[] = {
	{ 'j', "jobs", "N", "run up to N commands at a time (default 1)" },
	{ 'n', "number", "N", "end after N commands (default 0: never)" },
	{ OPT_UNTIL_EMPTY, "until-empty", NULL,
	  "end when nothing is ready and no command runs" },
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
"Exit status 0 acknowledges the message. With any other, or death by a\n"
"signal, it is held back for a while and then released to its place in the\n"
"queue, where the next consumer gets it: 100 ms after the first failure,\n"
"twice as long after each that follows without a success in between, at most\n"
"5 s. It takes up one of the --jobs meanwhile. A COMMAND that cannot be run\n"
"at all ends consume with exit status 1.\n"
"\n"
"On SIGTERM, SIGINT or SIGHUP no more messages are taken, commands that run\n"
"may finish and are settled as they end, and the exit status is 0; a second\n"
"signal kills them (SIGKILL to their process groups) and releases their\n"
"messages. If consume itself is killed, its messages go to other consumers\n"
"at once and its commands are killed (SIGKILL to each, but not to processes\n"
"that they started). Where the queue's option eof reports end of file,\n"
"consume ends as with --until-empty.",
	.opts = consume_opts,
	.min = 2,
	.max = -1,
	.tail = true,
};
