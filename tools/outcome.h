/* SPDX-License-Identifier: GPL-2.0 */
/* What becomes of the messages of a command that has ended, and why. */
#ifndef MQCTL_OUTCOME_H
#define MQCTL_OUTCOME_H

#include "consume.h"

/* Exit statuses of shells, and of programs that run others. */
#define EXIT_NOT_EXECUTABLE	126
#define EXIT_NOT_FOUND		127

/* What became of the messages of a slot. */
struct outcome {
	enum devmq_action	action;
	bool			settled;	/* false: the lease was over */
	unsigned int		dead;		/* how many are dead now */
	char			note[DEVMQ_NOTE_MAX];
	size_t			note_size;
};

/*
 * The action that an exit status asks for. Commands that consume has killed in
 * order to stop have not failed.
 */
enum devmq_action outcome_action(int status, bool killed);

/* The program is missing or not executable, which is not a message's fault. */
bool outcome_is_missing(int status);

/* Write the note: how the command ended, and its last line on standard error. */
void outcome_note(struct outcome *o, const struct slot *slot, int status);

/* Say what became of the messages, unless they were acknowledged. */
void outcome_tell(const struct outcome *o, const struct slot *slot,
		  const char *name, int status);

/* Which messages a slot holds, in words. */
void slot_messages(const struct slot *slot, char *text, size_t size);

#endif /* MQCTL_OUTCOME_H */
