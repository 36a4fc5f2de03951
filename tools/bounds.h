/* SPDX-License-Identifier: GPL-2.0 */
/* Which bound refused a message. */
#ifndef MQCTL_BOUNDS_H
#define MQCTL_BOUNDS_H

#include <stdint.h>

/* A send was refused as the queue is full. Returns STATUS_FAILED. */
int complain_full(const char *name, const char *what);

/*
 * A send was refused as the queue is full, or one that takes what is sent to the topic;
 * @fd is the sender's. Returns STATUS_FAILED.
 */
int complain_refused(const char *name, int fd, const char *what);

/* A message of @size bytes is too large for the queue. Returns STATUS_FAILED. */
int complain_too_large(const char *name, const char *what, uint64_t size);

#endif /* MQCTL_BOUNDS_H */
