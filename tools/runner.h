/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "Still working": what a command that consume runs says to consume, which holds
 * the delivery. The command has no descriptor of the queue, and need not have one
 * of consume either: an address and a secret are in its environment, which shells
 * and supervisors that close descriptors leave alone.
 */
#ifndef MQCTL_RUNNER_H
#define MQCTL_RUNNER_H

#include <stdint.h>

#define RUNNER_VARIABLE	"DEVMQ_CONSUME"

/* A random name, of an address or of a command, with its NUL. */
#define RUNNER_NAME	33

struct runner {
	int	fd;
	char	address[RUNNER_NAME];
};

/* What a command asks for: its lease, as for DEVMQ_ACTION_EXTEND. */
struct runner_request {
	char		secret[RUNNER_NAME];
	uint64_t	lease_ns;
};

/* Begin to listen: 0 or a negative errno. */
int runner_open(struct runner *runner);
void runner_close(struct runner *runner);

/* A new name: 0 or a negative errno. */
int runner_name(char name[RUNNER_NAME]);

/*
 * For every request that has come, or some of many, call @answer, whose result (0, or a negative
 * errno) the command gets.
 */
void runner_serve(const struct runner *runner,
		  int (*answer)(void *arg, const struct runner_request *request),
		  void *arg);

#endif /* MQCTL_RUNNER_H */
