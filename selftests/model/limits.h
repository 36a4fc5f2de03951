/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that the files of the model share. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#define MS	1000000ULL

/* Whatever is shorter is over at once: a retry says 1 ns for "not at all". */
#define MODEL_INSTANT	1000

/* No time is longer: a hundred years. */
#define MODEL_MS_MAX	(100ULL * 36525 * 864 * 1000)

#endif /* MODEL_LIMITS_H */
