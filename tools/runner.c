// SPDX-License-Identifier: GPL-2.0
/*
 * "Still working": the side of consume. Requests are datagrams on an abstract
 * socket. Every process can read its address in /proc/net/unix; a request counts
 * only with the secret of a command, which is in the environment of that command.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "runner.h"

/* Requests to answer at a time: any process can send some, and consume has other work. */
#define SERVE_MAX	64

int runner_name(char name[RUNNER_NAME])
{
	unsigned char bytes[(RUNNER_NAME - 1) / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(name + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

socklen_t runner_address(struct sockaddr_un *sa, const char *name)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	/* A NUL in front makes it abstract. */
	snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "devmq-%s", name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   strlen(sa->sun_path + 1));
}

int runner_open(struct runner *r)
{
	struct sockaddr_un sa;
	int err;

	err = runner_name(r->address);
	if (err)
		return err;
	r->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0)
		return -errno;
	if (!bind(r->fd, (struct sockaddr *)&sa, runner_address(&sa, r->address)))
		return 0;
	err = -errno;
	runner_close(r);
	return err;
}

void runner_close(struct runner *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

void runner_serve(const struct runner *r,
		  int (*answer)(void *arg, const struct runner_request *request),
		  void *arg)
{
	struct runner_request request;
	struct sockaddr_un from;
	socklen_t size = sizeof(from);
	int32_t result;
	ssize_t n;
	int i;

	for (i = 0; i < SERVE_MAX; i++) {
		n = recvfrom(r->fd, &request, sizeof(request), 0,
			     (struct sockaddr *)&from, &size);
		if (n < 0)
			return;
		if (n == sizeof(request) &&
		    !request.secret[RUNNER_NAME - 1]) {
			result = answer(arg, &request);
			/* A command that does not wait for the answer does not get it. */
			sendto(r->fd, &result, sizeof(result), MSG_DONTWAIT,
			       (struct sockaddr *)&from, size);
		}
		size = sizeof(from);
	}
}
