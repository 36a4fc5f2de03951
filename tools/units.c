// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

#define NSEC_PER_MSEC	1000000ULL
#define NSEC_PER_SEC	(1000 * NSEC_PER_MSEC)

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "",	1 },
	{ "K",	1ULL << 10 },
	{ "M",	1ULL << 20 },
	{ "G",	1ULL << 30 },
	{ NULL,	0 },
};

static const struct unit duration_units[] = {
	{ "ms",	NSEC_PER_MSEC },
	{ "s",	NSEC_PER_SEC },
	{ "m",	60 * NSEC_PER_SEC },
	{ "h",	3600 * NSEC_PER_SEC },
	{ NULL,	0 },
};

/* The digits at *text; moves *text behind them. */
static int take_digits(const char **text, uint64_t *number)
{
	const char *p = *text;
	uint64_t n = 0;
	int err = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			err = -ERANGE;
	}
	*text = p;
	*number = n;
	return err;
}

/* A number too large is still "not a number" if what follows is wrong. */
static int take_units(const char *text, const struct unit *unit,
		      uint64_t *result)
{
	uint64_t n;
	int err;

	err = take_digits(&text, &n);
	if (err == -EINVAL)
		return err;
	while (unit->suffix && strcmp(text, unit->suffix) != 0)
		unit++;
	if (!unit->suffix)
		return -EINVAL;
	if (err || __builtin_mul_overflow(n, unit->factor, &n))
		return -ERANGE;
	*result = n;
	return 0;
}

int parse_number(const char *text, uint64_t max, uint64_t *number)
{
	uint64_t n;
	int err;

	err = take_digits(&text, &n);
	if (err == -EINVAL || *text)
		return -EINVAL;
	if (err || n > max)
		return -ERANGE;
	*number = n;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	return take_units(text, size_units, bytes);
}

int parse_duration(const char *text, uint64_t *ns)
{
	if (!strcmp(text, "0")) {
		*ns = 0;
		return 0;
	}
	return take_units(text, duration_units, ns);
}

int parse_range(const char *text, uint64_t *first, uint64_t *last)
{
	uint64_t a, b;
	int err, late = 0;

	err = take_digits(&text, &a);
	if (err == -EINVAL)
		return err;
	b = a;
	if (*text == '-') {
		text++;
		late = take_digits(&text, &b);
	}
	if (late == -EINVAL || *text)
		return -EINVAL;
	if (err || late)
		return -ERANGE;
	if (a < 1 || b < a)
		return -EINVAL;
	*first = a;
	*last = b;
	return 0;
}

void format_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	static const char suffix[] = "KMGTPE";
	uint64_t whole = bytes, rest = 0;
	int unit = -1;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, whole);
	else if (whole < 10)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%c",
			 whole, rest * 10 / 1024, suffix[unit]);
	else
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%c", whole,
			 suffix[unit]);
}

void format_duration(uint64_t ms, char text[UNITS_TEXT_MAX])
{
	static const struct {
		uint64_t ms;
		const char *suffix;
	} scale[] = {
		{ 48 * 3600000ULL, "d" },
		{ 3600000, "h" },
		{ 60000, "m" },
		{ 1000, "s" },
		{ 1, "ms" },
	};
	size_t i = 0;

	if (!ms) {
		strcpy(text, "0");
		return;
	}
	while (ms < scale[i].ms)
		i++;
	if (i == 0)
		ms /= 24 * 3600000ULL;
	else
		ms /= scale[i].ms;
	snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%s", ms, scale[i].suffix);
}
