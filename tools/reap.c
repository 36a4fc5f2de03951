// SPDX-License-Identifier: GPL-2.0
/* The end of a command: settling its messages. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "complain.h"
#include "outcome.h"
#include "reap.h"

/*
 * A message that was released is delivered again at once. So pause before the next
 * receive, and twice as long if no command has succeeded since the last pause.
 * Other consumers may receive the message in the meantime.
 */
#define PAUSE_MIN_MS	100
#define PAUSE_MAX_MS	5000

void pause_receiving(struct consume *c)
{
	uint64_t ms = PAUSE_MIN_MS;
	unsigned int i;

	for (i = 0; i < c->releases && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	c->releases++;
	c->pause_ms = now_ms() + (ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
	/* The message that was released is there again. */
	c->empty = false;
}

/* A settlement for each id, so that each has a result of its own. */
static int settle_ids(struct consume *c, const struct slot *slot,
		      const struct outcome *o)
{
	/* If the call fails before it looks at them, this is the error of each. */
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

/*
 * Settle those that failed for want of memory, without a note. Returns the first
 * error that is left.
 */
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

void settle_slot(struct consume *c, struct slot *slot, struct outcome *o)
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

/* Processes that the command has left running may write more. */
static void leave_orphan(struct consume *c, struct slot *slot)
{
	struct errout *orphan = &c->orphans[c->next_orphan];

	if (slot->errout.fd < 0)
		return;
	if (orphan->fd >= 0)
		close(orphan->fd);
	errout_begin(orphan, slot->errout.fd);
	slot->errout.fd = -1;
	c->next_orphan = (c->next_orphan + 1) % ORPHANS_MAX;
}

/* The next command could not be run either. */
static void stop_for_missing(struct consume *c, int status)
{
	c->stop = true;
	c->status = complain(c->name, 0, "cannot run %s: exit status %d means "
			     "that it, or what it runs, is not %s", c->argv[0],
			     WEXITSTATUS(status),
			     WEXITSTATUS(status) == EXIT_NOT_FOUND ?
			     "there" : "executable");
}

static void finish(struct consume *c, struct slot *slot, int status)
{
	struct outcome o = { .action = outcome_action(status, c->killed) };
	bool fails = o.action == DEVMQ_ACTION_RETRY ||
		     o.action == DEVMQ_ACTION_REJECT;

	errout_read(&slot->errout);
	if (fails)
		outcome_note(&o, slot, status);
	settle_slot(c, slot, &o);
	if (!c->removed)
		outcome_tell(&o, slot, c->name, status);
	leave_orphan(c, slot);
	if (outcome_is_missing(status))
		stop_for_missing(c, status);
	c->failed = c->failed || fails || !o.settled;
	if (o.action == DEVMQ_ACTION_ACK)
		c->releases = 0;
	else if (o.action == DEVMQ_ACTION_RELEASE)
		pause_receiving(c);
}

void reap(struct consume *c)
{
	bool settled = false;
	struct slot *slot;
	int status, err;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid &&
		    waitpid(slot->pid, &status, WNOHANG) == slot->pid) {
			finish(c, slot, status);
			settled = true;
		}
	}
	/* Those that ended at the same time share what the disk does. */
	err = c->sync && settled && !c->removed ? devmq_sync(c->queue) : 0;
	if (err)
		give_up(c, err, "settled, but cannot sync");
}

void kill_all(struct consume *c)
{
	struct slot *slot;

	for (slot = c->slots; slot < c->slots + c->jobs; slot++) {
		if (slot->pid)
			kill(-slot->pid, SIGKILL);
	}
}
