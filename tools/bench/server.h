/* SPDX-License-Identifier: GPL-2.0 */
/* Peers that are servers. */
#ifndef MQBENCH_SERVER_H
#define MQBENCH_SERVER_H

#include <sys/socket.h>

/* Which process listens at the other end of a unix socket; zero if unknown. */
static inline int server_pid(int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t size = sizeof(who);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	return who.pid;
}

#endif /* MQBENCH_SERVER_H */
