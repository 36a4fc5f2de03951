// SPDX-License-Identifier: GPL-2.0
/*
 * Running a command for every message, or for several at a time: consume.
 *
 * There is one slot for each command that may run at a time. A slot holds its
 * deliveries from the moment they are received until they are settled, which is
 * when the command has ended. If it runs longer than their lease, the kernel
 * has given them to the next consumer by then; the command is ended, and what
 * is left to do is to say so. It can ask for more time (runner.c), and with --keep
 * it need not.
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
#include "runner.h"
#include "says.h"
#include "text.h"

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
#define OPT_KEEP	(OPT_LONG + 4)

/* What shells, and programs that run others, say of one that they cannot run. */
#define EXIT_NOT_EXECUTABLE	126
#define EXIT_NOT_FOUND		127

/*
 * What a command left running may still write to the standard error that it was
 * given, and would be killed if nobody read that; but not for more than so many.
 */
#define ORPHANS_MAX	64

/*
 * A command that runs, if there is a process id. When the time is up it is
 * asked to end, and then, with some grace, made to.
 */
struct slot {
	pid_t		pid;
	uint64_t	*ids;
	size_t		count;
	uint64_t	end_ms;		/* zero: it has all the time */
	uint64_t	keep_ms;	/* --keep: when to ask for more */
	bool		asked;
	struct says	says;
	char		secret[RUNNER_NAME];
};

struct consume {
	struct devmq_queue	*queue;
	struct devmq_buffer	*buffer;
	const char		*name;
	char			**argv;
	struct slot		*slots;
	uint64_t		*ids;		/* of all slots */
	struct devmq_settlement	*settlements;	/* for one of them */
	struct pollfd		*fds;
	struct says		orphans[ORPHANS_MAX];
	unsigned int		next_orphan;
	struct runner		runner;
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
	bool			keep;
	bool			failed;		/* a command, or its message */
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

/* What became of a slot's messages. */
struct outcome {
	enum devmq_action	action;
	bool			settled;	/* false: lost to their lease */
	unsigned int		dead;		/* so many of them are */
	char			note[DEVMQ_NOTE_MAX];
	size_t			note_size;
};

/* Once for each id, so that what is said of each is of that one. */
static int settle_ids(struct consume *c, const struct slot *slot,
		      const struct outcome *o)
{
	/* The error is that of a call which could not look at any of them. */
	struct devmq_settlement how = { .action = o->action, .error = -ENOMEM };
	size_t i;

	if (o->action == DEVMQ_ACTION_RETRY)
		how.delay_ns = c->retry_ns;
	if (o->note_size) {
		how.note = (uintptr_t)o->note;
		how.note_size = (uint16_t)o->note_size;
	}
	for (i = 0; i < slot->count; i++) {
		c->settlements[i] = how;
		c->settlements[i].first_id = slot->ids[i];
		c->settlements[i].last_id = slot->ids[i];
	}
	return devmq_settle(c->queue, c->settlements, slot->count, NULL);
}

static bool lacks_memory(int err)
{
	return err == -EDQUOT || err == -ENOMEM;
}

/* Those that there was no memory for go without a note. The first error. */
static int settle_without_note(struct consume *c, const struct slot *slot)
{
	struct devmq_settlement *s = c->settlements;
	int first = 0, err;

	for (; s < c->settlements + slot->count; s++) {
		err = s->error;
		if (lacks_memory(err)) {
			s->note = 0;
			s->note_size = 0;
			err = devmq_settle(c->queue, s, 1, NULL);
		}
		first = first ? first : err;
	}
	return first;
}

/*
 * Settle what a slot holds, and make it free. What the lease took away is not ours
 * any more, and no reason to give up. For want of memory the note is left out.
 */
static void settle_slot(struct consume *c, struct slot *slot,
			struct outcome *o)
{
	size_t i;
	int err;

	err = settle_ids(c, slot, o);
	if (o->note_size && lacks_memory(err))
		err = settle_without_note(c, slot);
	for (i = 0; i < slot->count; i++)
		o->dead += c->settlements[i].dead;
	o->settled = !err;
	slot->pid = 0;
	c->busy--;
	if (err && err != -ESTALE)
		give_up(c, err, o->action == DEVMQ_ACTION_ACK ?
			"cannot acknowledge" : "cannot give back");
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
			 code == EX_TEMPFAIL ? " (try again)" :
			 code == EX_DATAERR ? " (no good)" : "");
}

/* In what state the messages are now. */
static void name_result(const struct slot *slot, const struct outcome *o,
			char *text, size_t size)
{
	if (!o->settled)
		snprintf(text, size, "lost to its lease");
	else if (o->action == DEVMQ_ACTION_RELEASE)
		snprintf(text, size, "released");
	else if (o->dead == slot->count)
		snprintf(text, size, "dead");
	else if (o->dead)
		snprintf(text, size, "%u dead, the others to be retried",
			 o->dead);
	else
		snprintf(text, size, "to be retried%s",
			 o->action == DEVMQ_ACTION_REJECT ?
			 ", as there are max_dead already" : "");
}

/* What is settled as the command said; or not, which is worth a line as well. */
static void tell(struct consume *c, const struct slot *slot, int status,
		 const struct outcome *o)
{
	char messages[64], end[64], result[64];

	if (o->settled && o->action == DEVMQ_ACTION_ACK)
		return;
	name_messages(slot, messages, sizeof(messages));
	name_end(status, end, sizeof(end));
	name_result(slot, o, result, sizeof(result));
	complain(c->name, 0, "%s: %s, %s", messages, end, result);
}

/* The note says why: how it ended, and the last that it said. */
static void make_note(const struct slot *slot, int status, struct outcome *o)
{
	const char *line;
	size_t size = says_last(&slot->says, &line), n, room;
	bool escaped;
	int length;

	if (WIFSIGNALED(status))
		length = snprintf(o->note, sizeof(o->note), "signal %d (%s)",
				  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		length = snprintf(o->note, sizeof(o->note), "exit status %d",
				  WEXITSTATUS(status));
	o->note_size = (size_t)length;
	if (!size)
		return;
	memcpy(o->note + o->note_size, ": ", 2);
	o->note_size += 2;
	/* No character is cut in two. */
	for (room = sizeof(o->note) - o->note_size; size; line += n, size -= n) {
		n = next_character(line, size, &escaped);
		if (n > room)
			break;
		memcpy(o->note + o->note_size, line, n);
		o->note_size += n;
		room -= n;
	}
}

static bool exited_with(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* The program is not there, or is none: that is no message's fault. */
static bool is_missing(int status)
{
	return exited_with(status, EXIT_NOT_EXECUTABLE) ||
	       exited_with(status, EXIT_NOT_FOUND);
}

/* Commands that we killed ourselves, to stop, have not failed. */
static enum devmq_action action_for(const struct consume *c, int status)
{
	if (exited_with(status, 0))
		return DEVMQ_ACTION_ACK;
	if (c->killed && WIFSIGNALED(status))
		return DEVMQ_ACTION_RELEASE;
	if (exited_with(status, EX_TEMPFAIL) || is_missing(status))
		return DEVMQ_ACTION_RELEASE;
	if (exited_with(status, EX_DATAERR))
		return DEVMQ_ACTION_REJECT;
	return DEVMQ_ACTION_RETRY;
}

/* Something that it has left running may say more. */
static void leave_orphan(struct consume *c, struct slot *slot)
{
	struct says *orphan = &c->orphans[c->next_orphan];

	if (slot->says.fd < 0)
		return;
	if (orphan->fd >= 0)
		close(orphan->fd);
	says_begin(orphan, slot->says.fd);
	slot->says.fd = -1;
	c->next_orphan = (c->next_orphan + 1) % ORPHANS_MAX;
}

/* The next one could not be run either. */
static void stop_for_missing(struct consume *c, int status)
{
	c->stop = true;
	c->status = complain(c->name, 0, "cannot run %s: exit status %d means "
			     "that it, or what it runs, is not %s", c->argv[0],
			     WEXITSTATUS(status),
			     exited_with(status, EXIT_NOT_FOUND) ?
			     "there" : "executable");
}

static void finish(struct consume *c, struct slot *slot, int status)
{
	struct outcome o = { .action = action_for(c, status) };
	bool fails = o.action == DEVMQ_ACTION_RETRY ||
		     o.action == DEVMQ_ACTION_REJECT;

	says_take(&slot->says);
	if (fails)
		make_note(slot, status, &o);
	settle_slot(c, slot, &o);
	if (!c->removed)
		tell(c, slot, status, &o);
	leave_orphan(c, slot);
	if (is_missing(status))
		stop_for_missing(c, status);
	c->failed = c->failed || fails || !o.settled;
	if (o.action == DEVMQ_ACTION_ACK)
		c->releases = 0;
	else if (o.action == DEVMQ_ACTION_RELEASE)
		pause_taking(c);
}

static void reap(struct consume *c)
{
	struct slot *slot;
	int status;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid &&
		    waitpid(slot->pid, &status, WNOHANG) == slot->pid)
			finish(c, slot, status);
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

/* When the lease that begins now ends, a little late rather than early. */
static uint64_t lease_end(uint64_t lease_ns)
{
	if (!lease_ns || lease_ns == DEVMQ_FOREVER)
		return 0;
	return now_ms() + lease_ns / 1000000 + 1;
}

/* With --keep more time is asked for when half of it is over. */
static uint64_t keep_time(const struct consume *c)
{
	return c->keep && c->lease_ns ? now_ms() + c->lease_ns / 2000000 : 0;
}

/* Its command is still working. Zero: for as long as before. */
static int extend_slot(struct consume *c, struct slot *slot, uint64_t lease_ns)
{
	struct devmq_settlement how = {
		.action = DEVMQ_ACTION_EXTEND, .delay_ns = lease_ns,
	};
	int err;

	if (slot->asked)
		return -ESTALE;
	err = devmq_settle_ids(c->queue, slot->ids, slot->count, &how, NULL);
	if (!err)
		slot->end_ms = lease_end(lease_ns ? lease_ns : c->lease_ns);
	return err;
}

/* What has been lost is ended by end_overdue(). */
static void keep_all(struct consume *c)
{
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (!slot->pid || !slot->keep_ms || now_ms() < slot->keep_ms)
			continue;
		slot->keep_ms = extend_slot(c, slot, 0) ? 0 : keep_time(c);
	}
}

/* A command asks for more time. */
static int answer(void *arg, const struct runner_request *request)
{
	struct consume *c = arg;
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid && !strcmp(slot->secret, request->secret))
			return extend_slot(c, slot, request->lease_ns);
	}
	return -ENOENT;
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
	slot->end_ms = lease_end(c->lease_ns);
	slot->keep_ms = keep_time(c);
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
	says_begin(&slot->says, pid > 0 ? errors : -1);
	return pid;
}

/* A command that cannot be run stops us before the next message. */
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
	name_messages(slot, messages, sizeof(messages));
	settle_slot(c, slot, &release);
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
		if (slot->pid && slot->keep_ms)
			sooner(&least, now, slot->keep_ms);
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

enum { FD_SIGNALS, FD_QUEUE, FD_RUNNER, FD_SAYS };

/*
 * At the end of file a queue is always readable. It is not watched then: a
 * message that comes while commands still run is seen by looking again.
 */
static nfds_t watch_all(struct consume *c, bool wanted)
{
	nfds_t n = FD_SAYS;
	unsigned int i;

	c->fds[FD_SIGNALS].fd = c->signal_fd;
	c->fds[FD_SIGNALS].events = POLLIN;
	c->fds[FD_QUEUE].fd = c->stop || (wanted && c->eof) ?
			      -1 : devmq_fd(c->queue);
	c->fds[FD_QUEUE].events = wanted ? POLLIN : 0;
	c->fds[FD_RUNNER].fd = c->runner.fd;
	c->fds[FD_RUNNER].events = POLLIN;
	for (i = 0; i < c->jobs; i++, n++) {
		c->fds[n].fd = c->slots[i].pid ? c->slots[i].says.fd : -1;
		c->fds[n].events = POLLIN;
	}
	for (i = 0; i < ORPHANS_MAX; i++, n++) {
		c->fds[n].fd = c->orphans[i].fd;
		c->fds[n].events = POLLIN;
	}
	return n;
}

static void take_says(struct consume *c)
{
	unsigned int i;

	for (i = 0; i < c->jobs; i++) {
		if (c->fds[FD_SAYS + i].revents)
			says_take(&c->slots[i].says);
	}
	for (i = 0; i < ORPHANS_MAX; i++) {
		if (c->fds[FD_SAYS + c->jobs + i].revents)
			says_take(&c->orphans[i]);
	}
}

static void wait_for_work(struct consume *c)
{
	bool wanted = may_take(c);
	nfds_t n = watch_all(c, wanted);

	if (poll(c->fds, n, sleep_ms(c, wanted && c->eof)) < 0) {
		if (errno != EINTR)
			give_up(c, -errno, "cannot wait");
		return;
	}
	if (c->fds[FD_SIGNALS].revents)
		take_signals(c);
	if (c->fds[FD_RUNNER].revents)
		runner_serve(&c->runner, answer, c);
	take_says(c);
	if (c->fds[FD_QUEUE].revents & (POLLHUP | POLLERR))
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
		keep_all(c);
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
	c->fds = calloc((size_t)FD_SAYS + c->jobs + ORPHANS_MAX,
			sizeof(*c->fds));
	if (!c->slots || !c->ids || !c->settlements || !c->fds)
		return -ENOMEM;
	for (i = 0; i < c->jobs; i++) {
		c->slots[i].ids = c->ids + (size_t)i * c->batch;
		says_begin(&c->slots[i].says, -1);
	}
	for (i = 0; i < ORPHANS_MAX; i++)
		says_begin(&c->orphans[i], -1);
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
	case OPT_KEEP:
		c->keep = true;
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
	{ OPT_KEEP, "keep", NULL, "let the lease begin anew while it runs" },
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
"a success in between, at most 5 s. 65 rejects it: it is no good, and dead at\n"
"once. 126 and 127 say that a program is not executable or not there, which is\n"
"no message's fault: the message is released and consume ends, with exit status\n"
"1, as it does if COMMAND cannot be run at all. With any other status, or death\n"
"by a signal, the message is retried: it has failed, and waits as long as\n"
"--retry or the queue's options retry_ms, retry_backoff and retry_max_ms say.\n"
"After max_deliveries failures it is dead.\n"
"\n"
"What COMMAND writes to its standard error, a pipe, goes on to that of\n"
"consume; from what it leaves running as well, as long as consume runs. The\n"
"last line of it, with the exit status or signal before it, is the note of a\n"
"message that is retried or rejected, at most 256 bytes: peek --long shows it,\n"
"and the next COMMAND has it in DEVMQ_NOTE. What came of a message that was\n"
"not acknowledged is said in a line, \"dead\" if it is that. The exit status\n"
"of consume is 6 if it ended in order and any message was retried, rejected or\n"
"lost to its lease.\n"
"\n"
"A message that is not settled when its lease ends goes to the next consumer,\n"
"as failed. A COMMAND that runs longer is killed: by SIGTERM to its process\n"
"group when the lease ends, by SIGKILL a second later. --lease=0 is no end. A\n"
"COMMAND that says \"mqctl extend\" in time gets more of it; with --keep the\n"
"lease begins anew whenever half of it is over, as long as COMMAND runs, so that\n"
"it matters only if consume itself hangs or is stopped.\n"
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
"may finish and are settled as they end, and the exit status is as without; a\n"
"second signal kills them (SIGKILL to their process groups) and releases their\n"
"messages. If consume itself is killed, its messages go to other consumers\n"
"at once and its commands are killed (SIGKILL to each, but not to processes\n"
"that they started). Where the queue's option eof reports end of file,\n"
"consume ends as with --until-empty.",
	.opts = consume_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_PROGRAM },
	.min = 2,
	.max = -1,
	.tail = true,
};
