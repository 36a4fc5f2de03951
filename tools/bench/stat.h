/* SPDX-License-Identifier: GPL-2.0 */
/* Time, and statistics of many measurements. */
#ifndef MQBENCH_STAT_H
#define MQBENCH_STAT_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* The median; sorts the values. */
double median(double *values, size_t count);

/* The smallest value that at least @n per mille of the sorted values do not exceed. */
uint64_t permille(const uint64_t *sorted, size_t count, unsigned int n);
void sort_u64(uint64_t *values, size_t count);

#endif /* MQBENCH_STAT_H */
