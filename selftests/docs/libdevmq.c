// SPDX-License-Identifier: GPL-2.0
/* A program that calls the function of libdevmq(7) until the last message. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
@BLOCK@

static bool print(const void *payload, size_t size)
{
	printf("%.*s\n", (int)size, (const char *)payload);
	fflush(stdout);
	/*
	 * Exit before the last message is acknowledged, as a killed process
	 * would.
	 */
	if (size == 3 && !memcmp(payload, "end", 3))
		_exit(0);
	return true;
}

int main(void)
{
	return consume("work", print) ? 1 : 2;
}
