/* SPDX-License-Identifier: GPL-2.0 */
/* What a message is made of: standard input, and headers that are given. */
#ifndef MQCTL_INPUT_H
#define MQCTL_INPUT_H

#include <stddef.h>

#include "args.h"

/* No queue takes a larger message. */
#define INPUT_MAX	((size_t)256 << 20)

/* What has been read of standard input; the bytes are to be freed. */
struct input {
	char	*bytes;
	size_t	size;
	size_t	room;
};

/* Read once more: 1, 0 at the end, or a negative errno. */
int input_read(struct input *input);

/*
 * Read to the end: 0, or a negative errno; -EMSGSIZE for more than any queue takes.
 */
int input_read_all(struct input *input);

/*
 * The value NAME=VALUE of an option, or a usage error. Returns the name, with a NUL
 * in place of the '=', so that the value follows it.
 */
char *value_header(struct args *args);

/* Add such headers to the last message of a batch. */
int add_headers_to(struct devmq_batch *batch, char *const headers[],
		   size_t count);

#endif /* MQCTL_INPUT_H */
