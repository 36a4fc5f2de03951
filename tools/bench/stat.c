// SPDX-License-Identifier: GPL-2.0
/* Time, and statistics of many measurements. */
#include <stdlib.h>
#include <time.h>

#include "stat.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_double);
	if (count % 2)
		return values[count / 2];
	return (values[count / 2 - 1] + values[count / 2]) / 2;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void sort_u64(uint64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_u64);
}

uint64_t permille(const uint64_t *sorted, size_t count, unsigned int n)
{
	size_t rank = (count * n + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}
