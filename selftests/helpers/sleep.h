/* SPDX-License-Identifier: GPL-2.0 */
/* Which threads sleep, according to /proc. */
#ifndef MQ_TEST_SLEEP_H
#define MQ_TEST_SLEEP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "helpers/clock.h"
#include "helpers/file.h"

/*
 * Does the thread sleep in system call @call, off its CPU? The kernel answers
 * only after it has seen that the thread does not run, so the thread has
 * completed everything that it does before it sleeps.
 */
static inline bool mq_is_asleep(pid_t process, pid_t thread, long call)
{
	char path[64], text[256];
	char state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, thread);
	if (mq_read_file(path, text, sizeof(text)) || !strrchr(text, ')'))
		return false;
	state = strrchr(text, ')')[2];
	if (state != 'S')
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", process,
		 thread);
	if (mq_read_file(path, text, sizeof(text)))
		return false;
	return text[0] >= '0' && text[0] <= '9' && atol(text) == call;
}

static inline bool mq_wait_asleep(pid_t process, pid_t thread, long call)
{
	return mq_wait_until(mq_is_asleep(process, thread, call));
}

/* The same for a thread of this process that stores its id at @thread. */
static inline bool mq_wait_thread_asleep(const pid_t *thread, long call)
{
	return mq_wait_until(__atomic_load_n(thread, __ATOMIC_ACQUIRE) &&
			     mq_is_asleep(getpid(), *thread, call));
}

/* How many times the thread has gone to sleep, or a negative errno. */
static inline long mq_switches(pid_t process, pid_t thread)
{
	char path[64], text[4096], *line;
	int error;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", process,
		 thread);
	error = mq_read_file(path, text, sizeof(text));
	if (error)
		return error;
	line = strstr(text, "\nvoluntary_ctxt_switches:");
	return line ? atol(strchr(line, ':') + 1) : -ENOENT;
}

#endif /* MQ_TEST_SLEEP_H */
