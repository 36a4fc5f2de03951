// SPDX-License-Identifier: GPL-2.0
/* What a message is made of: standard input, and headers that are given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"

#define INPUT_MIN	((size_t)64 << 10)
/* No queue takes a larger message. */
#define MESSAGE_MAX	((size_t)256 << 20)

static int make_room(struct input *input, size_t *room)
{
	char *more;

	if (input->size < *room)
		return 0;
	if (input->size > MESSAGE_MAX)
		return -EMSGSIZE;
	more = realloc(input->bytes, *room * 2 + INPUT_MIN);
	if (!more)
		return -ENOMEM;
	input->bytes = more;
	*room = *room * 2 + INPUT_MIN;
	return 0;
}

int input_read_all(struct input *input)
{
	size_t room = 0;
	ssize_t n;
	int err;

	do {
		err = make_room(input, &room);
		if (err)
			return err;
		n = read(STDIN_FILENO, input->bytes + input->size,
			 room - input->size);
		if (n > 0)
			input->size += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return -errno;
	} while (n);
	return 0;
}

char *value_header(struct args *args)
{
	char *header = args->value, *equals = strchr(header, '=');
	const char *p;

	for (p = header; p != equals && *p > ' ' && *p <= '~'; p++)
		;
	if (!equals || p != equals || p == header || p - header > 255)
		usage(args, "--header: '%s' is not NAME=VALUE with a "
		      "printable NAME", header);
	*equals = '\0';
	return header;
}

int add_headers_to(struct devmq_batch *batch, char *const headers[],
		   size_t count)
{
	const char *value;
	int err = 0;
	size_t i;

	for (i = 0; i < count && !err; i++) {
		value = headers[i] + strlen(headers[i]) + 1;
		err = devmq_batch_add_header(batch, headers[i], value,
					     strlen(value));
	}
	return err;
}
