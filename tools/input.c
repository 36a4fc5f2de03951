// SPDX-License-Identifier: GPL-2.0
/* What a message is made of: standard input, and headers that are given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"

#define INPUT_MIN	((size_t)64 << 10)

int input_read(struct input *input)
{
	char *more;
	ssize_t n;

	if (input->size == input->room) {
		more = realloc(input->bytes, input->room * 2 + INPUT_MIN);
		if (!more)
			return -ENOMEM;
		input->bytes = more;
		input->room = input->room * 2 + INPUT_MIN;
	}
	do {
		n = read(STDIN_FILENO, input->bytes + input->size,
			 input->room - input->size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	input->size += (size_t)n;
	return n > 0;
}

int input_read_all(struct input *input)
{
	int more;

	while ((more = input_read(input)) > 0) {
		if (input->size > INPUT_MAX)
			return -EMSGSIZE;
	}
	return more;
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
