/* SPDX-License-Identifier: GPL-2.0 */
/* Starting a command with a message, or several, as its standard input. */
#ifndef MQCTL_CHILD_H
#define MQCTL_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include <devmq.h>

/* Signals that consume has changed for itself, as a command is to have them. */
struct child_signals {
	sigset_t		mask;
	struct sigaction	pipe;
};

/* Standard input: one message as it is, or several with an end to each. */
enum child_input {
	INPUT_EXACT,
	INPUT_LINES,
	INPUT_NULS,
};

/*
 * Start a command with all messages of a buffer, and with RUNNER_VARIABLE set to
 * @runner. The kernel kills the command if this process dies. The command leads a
 * process group of its own, so that signals of a terminal do not reach it.
 * *@errors becomes a descriptor, which does not block, to read the standard error of
 * the command from.
 *
 * Returns its process id, or a negative errno: see child_may_start().
 */
pid_t child_start(char *const argv[], const char *queue,
		  struct devmq_buffer *buffer, enum child_input input,
		  const char *runner, const struct child_signals *signals,
		  int *errors);

/* May the error be gone when it is tried again, as memory was short or the like? */
bool child_may_start(int error);

#endif /* MQCTL_CHILD_H */
