/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control node: calls of it, and why they failed. */
#ifndef LIBDEVMQ_CONTROL_H
#define LIBDEVMQ_CONTROL_H

#include "internal.h"

/*
 * Check a name, @whose is for the reason: "a queue's". Returns 0 or a negative errno;
 * the reason is stored then.
 */
int lmq_control_name(const char *name, const char *whose, char *reason,
		     size_t size);

/* Store a reason, if the caller wants it. Returns the error. */
int lmq_control_fail(int err, char *reason, size_t size, const char *why);

/*
 * ioctl(2) on the control node: 0 or a negative errno. The reason is stored, and is
 * empty on success.
 */
int lmq_control_ioctl(unsigned long command, void *arg, char *reason,
		      size_t size);

#endif /* LIBDEVMQ_CONTROL_H */
