/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers as people write them: sizes with K, M or G, durations with a unit,
 * instants, ranges of message ids; and sizes, ages and instants as people read
 * them.
 *
 * A parser returns 0 and sets its result, or returns -EINVAL (not such a
 * number) or -ERANGE (too large) and leaves the result alone. Nothing before
 * or behind the number is allowed, neither space nor sign.
 */
#ifndef MQCTL_UNITS_H
#define MQCTL_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_MAX	40

/* A decimal number from 0 to max. */
int parse_number(const char *text, uint64_t max, uint64_t *number);

/* Bytes: a number, with K, M or G behind it for powers of 1024. */
int parse_size(const char *text, uint64_t *bytes);

/*
 * A number with ms, s, m, h or d behind it, or 0 alone; in nanoseconds. It may have
 * a fraction, of whole nanoseconds.
 */
int parse_duration(const char *text, uint64_t *ns);

/*
 * An instant: seconds since 1970, or as ISO 8601 has it in UTC, such as
 * 2026-11-22T19:30:00Z; both may have a fraction. In nanoseconds since 1970.
 */
int parse_time(const char *text, uint64_t *ns);

/* A or A-B, with 1 <= A <= B. */
int parse_range(const char *text, uint64_t *first, uint64_t *last);

/* 999, 1.0K, 64K, 1.5M, ...: rounded down, four characters or so. */
void format_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);

/* 0, 250ms, 12s, 5m, 3h, 12d: rounded down to one unit. */
void format_duration(uint64_t ms, char text[UNITS_TEXT_MAX]);

/*
 * The same in the largest unit of which they are a whole number, as one would write
 * them. Returns the text.
 */
const char *exact_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);
const char *exact_duration(uint64_t ms, char text[UNITS_TEXT_MAX]);

/* 2026-11-22T19:30:00.123Z: rounded down to milliseconds. */
void format_time(uint64_t ns, char text[UNITS_TEXT_MAX]);

#endif /* MQCTL_UNITS_H */
