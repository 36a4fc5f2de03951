/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that depend on a seed alone. */
#ifndef PLAY_DICE_H
#define PLAY_DICE_H

#include <stdbool.h>

#include <linux/types.h>

static inline __u64 roll64(__u64 *state)
{
	__u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline unsigned int roll(__u64 *state, unsigned int sides)
{
	return roll64(state) % sides;
}

static inline bool chance(__u64 *state, unsigned int sides)
{
	return !roll(state, sides);
}

#endif /* PLAY_DICE_H */
