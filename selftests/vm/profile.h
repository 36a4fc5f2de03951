/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program that ./profile runs marks what to measure:
 *
 *	profile_begin();
 *	for (i = 0; i < n; i++)
 *		measured code;
 *	profile_end(n);
 *
 * The program has to run as root. Without ./profile both functions do nothing.
 * A window of a million instructions makes a log of a hundred megabytes; a few
 * hundred iterations are enough, since every instruction is counted.
 */
#ifndef VM_PROFILE_H
#define VM_PROFILE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/io.h>

/* The second serial port, which is connected to the script. */
#define PROFILE_PORT	0x2f8
#define PROFILE_LSR	(PROFILE_PORT + 5)
#define PROFILE_LSR_IN	0x01
#define PROFILE_LSR_OUT	0x20
#define PROFILE_ABSENT	0xff

static uint64_t profile_clock;

/* The window is from the first call of this function to the second. */
static uint64_t __attribute__((noinline)) profile_edge(void)
{
	return __builtin_ia32_rdtsc();
}

/* Send a line to the script, and wait until the script has handled it. */
static inline void profile_tell(const char *line)
{
	if (iopl(3) || inb(PROFILE_LSR) == PROFILE_ABSENT)
		return;
	for (; *line; line++) {
		while (!(inb(PROFILE_LSR) & PROFILE_LSR_OUT))
			;
		outb(*line, PROFILE_PORT);
	}
	while (!(inb(PROFILE_LSR) & PROFILE_LSR_IN))
		;
	inb(PROFILE_PORT);
	/* With I/O permissions, each return from the kernel takes longer. */
	iopl(0);
}

static inline void profile_begin(void)
{
	char line[64];

	snprintf(line, sizeof(line), "begin %016lx\n", (long)profile_edge);
	profile_tell(line);
	profile_clock = profile_edge();
}

static inline void profile_end(long iterations)
{
	uint64_t clock = profile_edge() - profile_clock;
	char line[64];

	snprintf(line, sizeof(line), "end %ld %llu\n", iterations,
		 (unsigned long long)clock);
	profile_tell(line);
}

#endif
