/* SPDX-License-Identifier: GPL-2.0 */
/* Peers that are servers. */
#ifndef MQBENCH_SERVER_H
#define MQBENCH_SERVER_H

/* The unix sockets that the servers listen on; NULL if none was given. */
extern const char *redis_socket, *beanstalkd_socket;

/* The journal that durable queues are made in, and its file; NULL if not named. */
extern const char *journal_name, *journal_file;
/* HOST:PORT where a RabbitMQ listens; NULL if none was given. */
extern const char *rabbitmq_address;

/* The process that listens at the other end of a unix socket; zero if unknown. */
int server_pid(int fd);

#endif /* MQBENCH_SERVER_H */
