// SPDX-License-Identifier: GPL-2.0
/* Who calls the function that libdevmq(7) shows, for as long as there is work. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
@BLOCK@

static bool print(const void *payload, size_t size)
{
	printf("%.*s\n", (int)size, (const char *)payload);
	fflush(stdout);
	/* The last one: as a kill would, before it is acknowledged. */
	if (size == 3 && !memcmp(payload, "end", 3))
		_exit(0);
	return true;
}

int main(void)
{
	return consume("work", print) ? 1 : 2;
}
