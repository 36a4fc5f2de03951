// SPDX-License-Identifier: GPL-2.0
/*
 * Running a command for every message, or for several at a time: consume.
 *
 * There is one slot for each command that may run at a time. A slot holds its
 * deliveries from the moment they are received until they are settled, which is
 * when the command has ended. If it runs longer than their lease, the kernel
 * has given them to the next consumer by then; the command is ended, and what
 * is left to do is to say so.
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
#define BATCH_MAX	DEVMQ_BATCH_MAX
/* Where the records of a batch go. */
#define BATCH_ROOM	(1 << 20)
/* No queue's option is larger. */
#define PREFETCH_MAX	65535

/*
 * A message that was released comes straight back. So that this goes on no
 * faster than need be, we take nothing for a while, and for twice as long if
 * that was in vain. Others may have it meanwhile.
 */
#define PAUSE_MIN_MS	100
#define PAUSE_MAX_MS	5000
/* How often to look again, where poll(2) would always say "end of file". */
#define LOOK_AGAIN_MS	100
/* How long a command may take to end when it is asked to. */
#define GRACE_MS	1000

#define OPT_UNTIL_EMPTY	(OPT_LONG + 0)
#define OPT_LEASE	(OPT_LONG + 1)
#define OPT_RETRY	(OPT_LONG + 2)
#define OPT_BATCH	(OPT_LONG + 3)

/*
 * A command that runs, if there is a process id. When the time is up it is
 * asked to end, and then, with some grace, made to.
 */
struct slot {
	pid_t		pid;
	uint64_t	*ids;
	size_t		count;
	uint64_t	end_ms;		/* zero: it has all the time */
	bool		asked;
};

struct consume {
	struct devmq_queue	*queue;
	struct devmq_buffer	*buffer;
	const char		*name;
	char			**argv;
	struct slot		*slots;
	uint64_t		*ids;		/* of all slots */
	unsigned int		jobs;
	unsigned int		batch;		/* messages for a command */
	enum child_input	input;
	unsigned int		busy;		/* commands that run */
	uint64_t		limit;		/* commands to run; 0: any */
	uint64_t		started;
	uint64_t		lease_ns;	/* 0: no end */
	uint64_t		retry_ns;	/* 0: the queue's back-off */
	unsigned int		releases;	/* since the last success */
	uint64_t		pause_ms;	/* until then, take nothing */
	bool			lease_given;
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

/* Of the clock that leases go by. */
static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
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
/* Settling                                                           */

static void pause_taking(struct consume *c)
{
	uint64_t ms = PAUSE_MIN_MS;
	unsigned int i;

	for (i = 0; i < c->releases && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	c->releases++;
	c->pause_ms = now_ms() + (ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
	/* What was released is there again. */
	c->empty = false;
}

/*
 * Settle what a slot holds, and make it free. Whether it could be: what the
 * lease took away is not ours any more, and no reason to give up.
 */
static bool settle_slot(struct consume *c, struct slot *slot,
			enum devmq_action action)
{
	struct devmq_settlement how = { .action = action };
	int err;

	if (action == DEVMQ_ACTION_RETRY)
		how.delay_ns = c->retry_ns;
	err = devmq_settle_ids(c->queue, slot->ids, slot->count, &how, NULL);
	slot->pid = 0;
	c->busy--;
	if (err && err != -ESTALE)
		give_up(c, err, action == DEVMQ_ACTION_ACK ?
			"cannot acknowledge" : "cannot give back");
	return !err;
}

/* Which messages it was about, for a line that says what came of them. */
static void name_messages(const struct slot *slot, char *text, size_t size)
{
	if (slot->count == 1)
		snprintf(text, size, "message %" PRIu64, slot->ids[0]);
	else
		snprintf(text, size, "message %" PRIu64 " and %zu more",
			 slot->ids[0], slot->count - 1);
}

static void name_end(int status, char *text, size_t size)
{
	int code = WEXITSTATUS(status);

	if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d%s", code,
			 code == EX_TEMPFAIL ? " (try again)" : "");
}

/* What is settled as the command said; or not, which is worth a line as well. */
static void tell(struct consume *c, const struct slot *slot, int status,
		 enum devmq_action action, bool settled)
{
	char messages[64], end[64];
	const char *result = "lost to its lease";

	if (settled && action == DEVMQ_ACTION_ACK)
		return;
	if (settled)
		result = action == DEVMQ_ACTION_RETRY ? "to be retried"
						      : "released";
	name_messages(slot, messages, sizeof(messages));
	name_end(status, end, sizeof(end));
	complain(c->name, 0, "%s: %s, %s", messages, end, result);
}

/* Commands that we killed ourselves, to stop, have not failed. */
static enum devmq_action outcome(const struct consume *c, int status)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return DEVMQ_ACTION_ACK;
	if (c->killed && WIFSIGNALED(status))
		return DEVMQ_ACTION_RELEASE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL)
		return DEVMQ_ACTION_RELEASE;
	return DEVMQ_ACTION_RETRY;
}

static void reap(struct consume *c)
{
	enum devmq_action action;
	struct slot *slot;
	bool settled;
	int status;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (!slot->pid ||
		    waitpid(slot->pid, &status, WNOHANG) != slot->pid)
			continue;
		action = outcome(c, status);
		settled = settle_slot(c, slot, action);
		if (!c->removed)
			tell(c, slot, status, action, settled);
		if (action == DEVMQ_ACTION_ACK)
			c->releases = 0;
		else if (action == DEVMQ_ACTION_RELEASE)
			pause_taking(c);
	}
}

static void kill_all(struct consume *c)
{
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid)
			kill(-slot->pid, SIGKILL);
	}
}

/* Commands that have outlived their lease work on what others may have now. */
static void end_overdue(struct consume *c)
{
	uint64_t now = now_ms();
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (!slot->pid || !slot->end_ms || now < slot->end_ms)
			continue;
		kill(-slot->pid, slot->asked ? SIGKILL : SIGTERM);
		slot->end_ms = slot->asked ? 0 : now + GRACE_MS;
		slot->asked = true;
	}
}

/* ------------------------------------------------------------------ */
/* Taking messages                                                    */

static bool may_take(const struct consume *c)
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
	slot->asked = false;
	slot->end_ms = 0;
	if (c->lease_ns)
		slot->end_ms = now_ms() + c->lease_ns / 1000000 + 1;
	while (slot->count < c->batch &&
	       devmq_buffer_next(c->buffer, &msg) > 0)
		slot->ids[slot->count++] = devmq_msg_id(msg);
}

/* A command that cannot be run stops us before the next message. */
static void start(struct consume *c)
{
	struct slot *slot = free_slot(c);
	char messages[64];
	pid_t pid;

	fill_slot(c, slot);
	c->busy++;
	pid = child_start(c->argv, c->name, c->buffer, c->input, &c->signals);
	if (pid > 0) {
		slot->pid = pid;
		c->started++;
		return;
	}
	name_messages(slot, messages, sizeof(messages));
	settle_slot(c, slot, DEVMQ_ACTION_RELEASE);
	if (child_may_start(pid)) {
		complain(c->name, 0, "%s: cannot run %s: %s", messages,
			 c->argv[0], strerror(-pid));
		pause_taking(c);
		return;
	}
	c->stop = true;
	c->status = complain(c->name, 0, "cannot run %s: %s", c->argv[0],
			     strerror(-pid));
}

static void take(struct consume *c)
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

static void take_all(struct consume *c)
{
	c->empty = false;
	while (may_take(c) && !c->empty)
		take(c);
}

/* ------------------------------------------------------------------ */
/* Waiting                                                            */

static void sooner(uint64_t *least, uint64_t now, uint64_t then)
{
	uint64_t left = then > now ? then - now : 0;

	if (left < *least)
		*least = left;
}

/* Until when poll(2) may sleep; its milliseconds are no more than an int. */
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
	}
	if (least == UINT64_MAX)
		return -1;
	return least < INT32_MAX ? (int)least : INT32_MAX;
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
	bool wanted = may_take(c);
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

/*
 * Empty is a queue that has nothing for us now: messages that wait for a retry
 * or for their time do not keep us here.
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
		end_overdue(c);
		if (may_take(c))
			take_all(c);
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

/* How this open file receives; the lease is the queue's, or as it was given. */
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

	err = devmq_open(&c->queue, c->name,
			 DEVMQ_OPEN_READ | DEVMQ_OPEN_NONBLOCK);
	if (err)
		return complain_open(c->name, err);
	err = set_mode(c);
	if (!err)
		err = devmq_buffer_new(&c->buffer,
				       c->batch > 1 ? BATCH_ROOM : 0);
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

static int make_slots(struct consume *c)
{
	unsigned int i;

	c->slots = calloc(c->jobs, sizeof(*c->slots));
	c->ids = calloc((size_t)c->jobs * c->batch, sizeof(*c->ids));
	if (!c->slots || !c->ids)
		return -ENOMEM;
	for (i = 0; i < c->jobs; i++)
		c->slots[i].ids = c->ids + (size_t)i * c->batch;
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
		/* To the kernel, zero is the queue's back-off. */
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
	}
}

static int run_consume(struct args *args)
{
	struct consume c = { .jobs = 1 };
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
	return code;
}

static const struct opt consume_opts[] = {
	{ 'j', "jobs", "N", "run up to N commands at a time (default 1)" },
	{ 'n', "number", "N", "end after N commands (default 0: never)" },
	{ OPT_LEASE, "lease", "DURATION",
	  "how long one may run (default: the queue's lease_ms)" },
	{ OPT_RETRY, "retry", "DURATION",
	  "how long a failed one waits (default: the back-off)" },
	{ OPT_BATCH, "batch", "N",
	  "give up to N messages to a command, a line each" },
	{ OPT_NULL, "null", NULL,
	  "with --batch: a NUL behind each, and no newline" },
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
"Exit status 0 acknowledges the message. 75 releases it: it is in its place\n"
"again at once, for anybody, and has not failed; consume takes no more\n"
"messages for 100 ms then, and twice as long after each that follows without\n"
"a success in between, at most 5 s. With any other status, or death by a\n"
"signal, the message is retried: it has failed, and waits as long as --retry\n"
"or the queue's options retry_ms, retry_backoff and retry_max_ms say. After\n"
"max_deliveries failures it is dead. A COMMAND that cannot be run at all ends\n"
"consume with exit status 1.\n"
"\n"
"A message that is not settled when its lease ends goes to the next consumer,\n"
"as failed. A COMMAND that runs longer is killed: by SIGTERM to its process\n"
"group when the lease ends, by SIGKILL a second later. --lease=0 is no end.\n"
"\n"
"With --batch, as many messages as are there, up to N, are the standard input\n"
"of one COMMAND, each ended by a newline if it has none. It has DEVMQ_COUNT\n"
"and DEVMQ_IDS (with spaces between) in its environment, and no other\n"
"metadata. The outcome is that of all of them.\n"
"\n"
"--until-empty ends consume when there is nothing that it could be given now.\n"
"Messages that wait for a retry or for their time are not waited for.\n"
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
