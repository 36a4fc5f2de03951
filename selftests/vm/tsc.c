// SPDX-License-Identifier: GPL-2.0
/*
 * Print the frequency of this machine's time-stamp counter in kHz, or nothing if it has
 * none. An emulated machine has the same counter. Its kernel would measure it with
 * emulated timers, and be wrong by factors if other programs run at that moment.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* How long to measure, and how often to try to read both clocks at once. */
#define SPAN_NS		50000000
#define TRIES		100

struct reading {
	uint64_t ns, ticks;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

/* Read both clocks, as close together as can be had. */
static struct reading read_clocks(void)
{
	uint64_t least = UINT64_MAX;
	struct reading r = { 0 };
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = now_ns(), now = ticks(), width = now_ns() - before;

		if (width < least) {
			least = width;
			r = (struct reading){ before + width / 2, now };
		}
	}
	return r;
}

int main(void)
{
	const struct timespec span = { .tv_nsec = SPAN_NS };
	struct reading from = read_clocks(), to;

	nanosleep(&span, NULL);
	to = read_clocks();
	if (to.ticks > from.ticks)
		printf("%.0f\n", (to.ticks - from.ticks) * 1e6 / (to.ns - from.ns));
	return 0;
}
