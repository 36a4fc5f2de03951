/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that the files of the model share. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#define MS	1000000ULL

/* A shorter delay is over at once: retries use 1 ns for "no delay". */
#define MODEL_INSTANT	1000

/* The longest time that an option can have: a hundred years. */
#define MODEL_MS_MAX	(100ULL * 36525 * 864 * 1000)

#endif /* MODEL_LIMITS_H */
