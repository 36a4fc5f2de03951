// SPDX-License-Identifier: GPL-2.0
/* Peers that are servers. */
#include <sys/socket.h>

#include "server.h"

const char *redis_socket, *beanstalkd_socket;
const char *journal_name, *journal_file;
const char *rabbitmq_address;

int server_pid(int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t size = sizeof(who);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	return who.pid;
}
