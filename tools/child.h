/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A command that runs with a message, or several, as its standard input.
 */
#ifndef MQCTL_CHILD_H
#define MQCTL_CHILD_H

#include <signal.h>
#include <sys/types.h>

#include "mqctl.h"

/* What a command gets back that its parent has changed for itself. */
struct child_signals {
	sigset_t		mask;
	struct sigaction	pipe;
};

/* What it gets: one message as it is, or several with an end to each. */
enum child_input {
	INPUT_EXACT,
	INPUT_LINES,
	INPUT_NULS,
};

/*
 * Start a command with all messages of a buffer, and with @runner for what
 * RUNNER_VARIABLE is. It is killed if this process dies, and leads a process
 * group of its own, so that a terminal's signals do not reach it. *errors becomes
 * a descriptor for what it writes to its standard error, which does not block.
 *
 * Returns its process id, or a negative errno: of what it takes to start any
 * command (see child_may_start()) or of this command.
 */
pid_t child_start(char *const argv[], const char *queue,
		  struct devmq_buffer *buffer, enum child_input input,
		  const char *runner, const struct child_signals *signals,
		  int *errors);

/* Whether that error may be gone when it is tried again. */
bool child_may_start(int error);

#endif /* MQCTL_CHILD_H */
