// SPDX-License-Identifier: GPL-2.0
/* The end of the program when it cannot go on. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "die.h"

void die(int status, const char *format, ...)
{
	va_list args;

	fputs("mqbench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}
