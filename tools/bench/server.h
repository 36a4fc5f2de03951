/* SPDX-License-Identifier: GPL-2.0 */
/* Peers that are servers. */
#ifndef MQBENCH_SERVER_H
#define MQBENCH_SERVER_H

/* The unix sockets that the servers listen on; NULL if none was given. */
extern const char *redis_socket, *beanstalkd_socket;

/* The process that listens at the other end of a unix socket; zero if unknown. */
int server_pid(int fd);

#endif /* MQBENCH_SERVER_H */
