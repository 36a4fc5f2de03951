/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers that end at an inaccessible page. */
#ifndef MQ_TEST_MEMORY_H
#define MQ_TEST_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helpers/call.h"

/*
 * Returns the end of four poisoned pages, which an inaccessible page follows:
 * access to a buffer that extends beyond this address fails with EFAULT.
 */
static inline char *mq_edge(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 5 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + 4 * page, page, PROT_NONE))
		abort();
	memset(map, MQ_POISON, 4 * page);
	return map + 4 * page;
}

#endif /* MQ_TEST_MEMORY_H */
