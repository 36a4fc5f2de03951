// SPDX-License-Identifier: GPL-2.0
/* What becomes of the messages of a command that has ended, and why. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "complain.h"
#include "outcome.h"
#include "text.h"

void slot_messages(const struct slot *slot, char *text, size_t size)
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

/* The state that the messages are in now. */
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

void outcome_tell(const struct outcome *o, const struct slot *slot,
		  const char *name, int status)
{
	char messages[64], end[64], result[64];

	if (o->settled && o->action == DEVMQ_ACTION_ACK)
		return;
	slot_messages(slot, messages, sizeof(messages));
	name_end(status, end, sizeof(end));
	name_result(slot, o, result, sizeof(result));
	complain(name, 0, "%s: %s, %s", messages, end, result);
}

void outcome_note(struct outcome *o, const struct slot *slot, int status)
{
	const char *line;
	size_t size = errout_last(&slot->errout, &line), n, room;
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
	/* Cut it between two characters, not inside of one. */
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

bool outcome_is_missing(int status)
{
	return exited_with(status, EXIT_NOT_EXECUTABLE) ||
	       exited_with(status, EXIT_NOT_FOUND);
}

enum devmq_action outcome_action(int status, bool killed)
{
	if (exited_with(status, 0))
		return DEVMQ_ACTION_ACK;
	if (killed && WIFSIGNALED(status))
		return DEVMQ_ACTION_RELEASE;
	if (exited_with(status, EX_TEMPFAIL) || outcome_is_missing(status))
		return DEVMQ_ACTION_RELEASE;
	if (exited_with(status, EX_DATAERR))
		return DEVMQ_ACTION_REJECT;
	return DEVMQ_ACTION_RETRY;
}
