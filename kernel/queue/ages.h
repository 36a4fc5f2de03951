/* SPDX-License-Identifier: GPL-2.0 */
/* The age of the oldest of many: see ages.c. */
#ifndef MQ_QUEUE_AGES_H
#define MQ_QUEUE_AGES_H

#include <linux/types.h>

#define MQ_AGES		32

/**
 * struct mq_ages - how old are those of a changing number of things
 * @base: what the first of @count stands for, in steps
 * @shift: a step is so many nanoseconds, as a power of two
 * @total: how many things there are
 * @count: how many have begun in each step; those that began earlier count in the
 *	first
 *
 * The steps get longer as what is counted gets older: so whatever comes and goes,
 * in any order, the age of the oldest is known to a sixteenth of the time between
 * that and the youngest, in O(1).
 */
struct mq_ages {
	u64	base;
	u32	shift;
	u32	total;
	u32	count[MQ_AGES];
};

void mq_ages_add(struct mq_ages *a, u64 since, u32 n);
void mq_ages_del(struct mq_ages *a, u64 since, u32 n);
u64 mq_ages_oldest(const struct mq_ages *a);

#endif /* MQ_QUEUE_AGES_H */
