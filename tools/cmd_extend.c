// SPDX-License-Identifier: GPL-2.0
/* "Still working": the side of a command that consume runs: extend. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <devmq.h>

#include "args.h"
#include "complain.h"
#include "runner.h"
#include "units.h"

/* How often to check whether consume is still there. */
#define LOOK_MS	500

/* Connect to consume: a socket, or a negative errno. */
static int reach(const char *address)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Bind to an address that the kernel chooses, where the answer comes. */
	if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa_family_t)) &&
	    !connect(fd, (struct sockaddr *)&sa, runner_address(&sa, address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Is it still there? */
static bool is_there(const char *address)
{
	int fd = reach(address);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Send the request, and wait for the answer as long as consume is there. */
static int ask(int fd, const char *address,
	       const struct runner_request *request)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	int32_t result;

	if (send(fd, request, sizeof(*request), 0) != sizeof(*request))
		return -errno;
	while (poll(&in, 1, LOOK_MS) <= 0) {
		if (!is_there(address))
			return -ECONNREFUSED;
	}
	if (recv(fd, &result, sizeof(result), 0) != sizeof(result))
		return -ECONNREFUSED;
	return result;
}

static int say_extend(const char *address, const struct runner_request *request)
{
	int fd = reach(address), err;

	err = fd < 0 ? fd : ask(fd, address, request);
	if (fd >= 0)
		close(fd);
	switch (err) {
	case 0:
		return STATUS_DONE;
	case -ESTALE:
		return complain(NULL, 0, "cannot extend: the lease is over, and "
				"others may have the message");
	case -ENOENT:
		return complain(NULL, 0, "cannot extend: consume does not run "
				"this command (any more)");
	case -ECONNREFUSED:
		return complain(NULL, 0, "cannot extend: the consume that ran "
				"this command is not there (any more)");
	default:
		return complain(NULL, err, "cannot extend");
	}
}

static int run_extend(struct args *args)
{
	const char *variable = getenv(RUNNER_VARIABLE), *secret;
	struct runner_request request = { .lease_ns = 0 };
	char address[RUNNER_NAME];

	while (args_next(args))
		;
	if (args->count) {
		if (parse_duration(args->operands[0], &request.lease_ns))
			usage(args, "'%s' is not a duration such as 30s, 1.5h",
			      args->operands[0]);
		if (!request.lease_ns)
			request.lease_ns = DEVMQ_FOREVER;
	}
	secret = variable ? strchr(variable, ':') : NULL;
	if (!secret || secret - variable != RUNNER_NAME - 1 ||
	    strlen(secret + 1) != RUNNER_NAME - 1)
		usage(args, "works only in a command that consume runs, which gets "
		      RUNNER_VARIABLE " from it");
	snprintf(address, sizeof(address), "%.*s", RUNNER_NAME - 1, variable);
	memcpy(request.secret, secret + 1, RUNNER_NAME);
	return say_extend(address, &request);
}

static const struct opt extend_opts[] = { OPTS_END };

const struct command cmd_extend = {
	.name = "extend",
	.run = run_extend,
	.synopsis = "[DURATION]",
	.summary = "Say that a command of consume is still working",
	.text =
"For a command that consume runs: the lease of its messages begins anew, and\n"
"lasts as long as before, or DURATION; 0 is no end. The environment variable\n"
"DEVMQ_CONSUME tells extend how to reach consume. The exit status is 1 if the\n"
"lease has ended already; the command should give up then.\n"
"\n"
"    mqctl consume videos --lease=1m -- sh -c '\n"
"        while step; do mqctl extend || exit; done'\n"
"\n"
"consume must be on the same machine, and in the same network namespace.",
	.opts = extend_opts,
	.operands = { COMPLETES_NOTHING },
	.min = 0,
	.max = 1,
};
