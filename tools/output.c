// SPDX-License-Identifier: GPL-2.0
/* Standard output. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "output.h"
#include "text.h"

/* Is standard output a terminal, which acts on control characters? */
static bool on_terminal(void)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	return terminal;
}

static void print_escaped(const unsigned char *p, size_t size)
{
	bool escaped;
	size_t n, i;

	for (; size; size -= n, p += n) {
		n = next_character(p, size, &escaped);
		for (i = 0; i < n && escaped; i++)
			printf("\\x%02x", p[i]);
		if (!escaped)
			fwrite(p, 1, n, stdout);
	}
}

void print_bytes(const void *bytes, size_t size)
{
	if (on_terminal())
		print_escaped(bytes, size);
	else
		fwrite(bytes, 1, size, stdout);
}

int flush_output(void)
{
	bool broken = ferror(stdout);

	if (fflush(stdout))
		return -errno;
	return broken ? -EIO : 0;
}
