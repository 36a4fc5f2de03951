/* SPDX-License-Identifier: GPL-2.0 */
/* The memory that messages take: its bounds, and who has how much. */
#ifndef MQCTL_MEMORY_H
#define MQCTL_MEMORY_H

#include <stdint.h>

/* A parameter of the module: 0, or a negative errno. */
int memory_parameter(const char *name, uint64_t *value);

/*
 * Call @each for every user who has messages, up to the first error, which is
 * returned.
 */
int memory_each_user(int (*each)(unsigned int uid, uint64_t bytes, void *arg),
		     void *arg);

/* Which bound a message met when the kernel says EDQUOT, in words. */
const char *memory_reason(void);

#endif /* MQCTL_MEMORY_H */
