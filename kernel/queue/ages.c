// SPDX-License-Identifier: GPL-2.0
/*
 * The age of the oldest of many things that come and go in any order. Instead
 * of an element for each thing, mq_ages counts how many things began in each
 * step of time; the steps get longer as the things get older. The caller holds
 * the lock that protects the mq_ages.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "queue/ages.h"
#include "queue/clock.h"

/* Shift of the shortest step, about a millisecond. */
#define MQ_AGES_SHIFT	20

/*
 * Return the index of the step in which @since lies. All times before the first
 * step count in the first.
 */
static u64 mq_ages_index(const struct mq_ages *a, u64 since)
{
	u64 step = since >> a->shift;

	return step > a->base ? step - a->base : 0;
}

/* Shift out empty steps at the beginning, @at at most. */
static void mq_ages_advance(struct mq_ages *a, u64 at)
{
	unsigned int n = 0;

	while (n < MQ_AGES && !a->count[n])
		n++;
	n = min_t(u64, n, at);
	memmove(a->count, a->count + n, (MQ_AGES - n) * sizeof(*a->count));
	memset(a->count + MQ_AGES - n, 0, n * sizeof(*a->count));
	a->base += n;
}

/* Make each step twice as long. */
static void mq_ages_widen(struct mq_ages *a)
{
	u32 count[MQ_AGES + 1] = {};
	unsigned int i, odd = a->base & 1;

	memcpy(count + odd, a->count, sizeof(a->count));
	memset(a->count, 0, sizeof(a->count));
	for (i = 0; i <= MQ_AGES; i++)
		a->count[i / 2] += count[i];
	a->base >>= 1;
	a->shift++;
}

/* Count @n things that began at @since (CLOCK_BOOTTIME). */
void mq_ages_add(struct mq_ages *a, u64 since, u32 n)
{
	if (!a->total) {
		a->shift = MQ_AGES_SHIFT;
		a->base = since >> a->shift;
	}
	if (unlikely(mq_ages_index(a, since) >= MQ_AGES))
		mq_ages_advance(a, mq_ages_index(a, since));
	while (unlikely(mq_ages_index(a, since) >= MQ_AGES))
		mq_ages_widen(a);
	a->count[mq_ages_index(a, since)] += n;
	a->total += n;
}

/* Remove @n of the things that began at @since. */
void mq_ages_del(struct mq_ages *a, u64 since, u32 n)
{
	a->count[mq_ages_index(a, since)] -= n;
	a->total -= n;
}

/*
 * Return the age of the oldest thing in nanoseconds, rounded down to the end of
 * its step, or 0 if there is none.
 */
u64 mq_ages_oldest(const struct mq_ages *a)
{
	u64 now = mq_now(MQ_BOOTTIME), end;
	unsigned int n = 0;

	if (!a->total)
		return 0;
	while (n < MQ_AGES - 1 && !a->count[n])
		n++;
	end = (a->base + n + 1) << a->shift;
	return now > end ? now - end : 0;
}
