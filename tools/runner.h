/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "Still working": a command that consume runs asks consume, which holds the
 * delivery, for more time. The command finds the address of consume, and a secret of
 * its own, in its environment: shells and supervisors that close descriptors leave
 * the environment alone.
 */
#ifndef MQCTL_RUNNER_H
#define MQCTL_RUNNER_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RUNNER_VARIABLE	"DEVMQ_CONSUME"

/* Bytes of a random name, which is an address or a secret, with its NUL. */
#define RUNNER_NAME	33

struct runner {
	int	fd;
	char	address[RUNNER_NAME];
};

/* What a command asks for: a lease, as for DEVMQ_ACTION_EXTEND. */
struct runner_request {
	char		secret[RUNNER_NAME];
	uint64_t	lease_ns;
};

/* Begin to listen: 0 or a negative errno. */
int runner_open(struct runner *runner);
void runner_close(struct runner *runner);

/* Make a new name: 0 or a negative errno. */
int runner_name(char name[RUNNER_NAME]);

/* The socket address that belongs to a name. Returns its size. */
socklen_t runner_address(struct sockaddr_un *sa, const char *name);

/*
 * Call @answer for the requests that have come, and send its result to the command:
 * 0 or a negative errno. If there are many, some are left for the next call.
 */
void runner_serve(const struct runner *runner,
		  int (*answer)(void *arg, const struct runner_request *request),
		  void *arg);

#endif /* MQCTL_RUNNER_H */
