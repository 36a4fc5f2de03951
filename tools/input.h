/* SPDX-License-Identifier: GPL-2.0 */
/* What a message is made of: standard input, and headers that are given. */
#ifndef MQCTL_INPUT_H
#define MQCTL_INPUT_H

#include "mqctl.h"

/* All of standard input; the bytes are to be freed. */
struct input {
	char	*bytes;
	size_t	size;
};

/* 0, or a negative errno: -EMSGSIZE for more than any queue takes. */
int input_read_all(struct input *input);

/*
 * The value NAME=VALUE of an option, or a usage error: the name, with a NUL for the
 * '=', so that the value stands behind it.
 */
char *value_header(struct args *args);

/* Such headers for the last message of a batch. */
int add_headers_to(struct devmq_batch *batch, char *const headers[],
		   size_t count);

#endif /* MQCTL_INPUT_H */
