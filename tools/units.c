// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
	{ "d",	86400 * NSEC_PER_SEC },
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

/* So many tenths, hundredths... of a unit; -EINVAL for less than one in all. */
static int add_fraction(const char *digits, size_t count, uint64_t unit,
			uint64_t *n)
{
	for (; count; count--, digits++) {
		if (unit % 10)
			return -EINVAL;
		unit /= 10;
		if (__builtin_add_overflow(*n, unit * (uint64_t)(*digits - '0'),
					   n))
			return -ERANGE;
	}
	return 0;
}

/* The point at *text, if it may stand there, and the digits behind it. */
static int take_point(const char **text, const char **digits, size_t *count)
{
	*count = 0;
	if (**text != '.')
		return 0;
	*digits = *text + 1;
	*count = strspn(*digits, "0123456789");
	*text = *digits + *count;
	return *count ? 0 : -EINVAL;
}

/*
 * A number too large is still "not a number" if what follows is wrong. With
 * @point it may have a fraction.
 */
static int take_units(const char *text, const struct unit *unit, bool point,
		      uint64_t *result)
{
	const char *digits = NULL;
	size_t count = 0;
	uint64_t n;
	int err;

	err = take_digits(&text, &n);
	if (err == -EINVAL || (point && take_point(&text, &digits, &count)))
		return -EINVAL;
	while (unit->suffix && strcmp(text, unit->suffix) != 0)
		unit++;
	if (!unit->suffix)
		return -EINVAL;
	if (err || __builtin_mul_overflow(n, unit->factor, &n))
		return -ERANGE;
	err = add_fraction(digits, count, unit->factor, &n);
	if (!err)
		*result = n;
	return err;
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
	return take_units(text, size_units, false, bytes);
}

int parse_duration(const char *text, uint64_t *ns)
{
	if (!strcmp(text, "0")) {
		*ns = 0;
		return 0;
	}
	return take_units(text, duration_units, true, ns);
}

/* So many digits and no more, as a number; moves *text behind them. */
static bool take_field(const char **text, int digits, int *number)
{
	int n = 0;

	for (; digits; digits--, ++*text) {
		if (**text < '0' || **text > '9')
			return false;
		n = n * 10 + (**text - '0');
	}
	*number = n;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* What may stand behind seconds: a point and up to nine digits. */
static bool take_fraction(const char **text, uint64_t *ns)
{
	uint64_t unit = NSEC_PER_SEC;

	*ns = 0;
	if (!take_char(text, '.'))
		return true;
	while (**text >= '0' && **text <= '9' && unit > 1) {
		unit /= 10;
		*ns += unit * (uint64_t)(*(*text)++ - '0');
	}
	return unit < NSEC_PER_SEC;
}

/* A day that there is not, such as 30 February, is another one afterwards. */
static bool take_iso(const char **text, uint64_t *seconds)
{
	struct tm tm = { .tm_isdst = 0 }, same;
	time_t time;

	if (!take_field(text, 4, &tm.tm_year) || !take_char(text, '-') ||
	    !take_field(text, 2, &tm.tm_mon) || !take_char(text, '-') ||
	    !take_field(text, 2, &tm.tm_mday) || !take_char(text, 'T') ||
	    !take_field(text, 2, &tm.tm_hour) || !take_char(text, ':') ||
	    !take_field(text, 2, &tm.tm_min) || !take_char(text, ':') ||
	    !take_field(text, 2, &tm.tm_sec))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	time = timegm(&same);
	*seconds = (uint64_t)time;
	return time >= 0 && same.tm_mday == tm.tm_mday &&
	       same.tm_mon == tm.tm_mon && same.tm_hour == tm.tm_hour &&
	       same.tm_min == tm.tm_min && same.tm_sec == tm.tm_sec;
}

int parse_time(const char *text, uint64_t *ns)
{
	bool iso = text[strspn(text, "0123456789")] == '-';
	uint64_t seconds, fraction;
	int err = 0;

	if (iso && !take_iso(&text, &seconds))
		return -EINVAL;
	if (!iso)
		err = take_digits(&text, &seconds);
	if (err == -EINVAL || !take_fraction(&text, &fraction) ||
	    (iso && !take_char(&text, 'Z')) || *text)
		return -EINVAL;
	if (err || __builtin_mul_overflow(seconds, NSEC_PER_SEC, &seconds) ||
	    __builtin_add_overflow(seconds, fraction, &seconds))
		return -ERANGE;
	*ns = seconds;
	return 0;
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

static const char *exact(uint64_t number, const struct unit *units,
			 uint64_t scale, char text[UNITS_TEXT_MAX])
{
	const struct unit *unit = units;

	while (unit[1].suffix && number && !(number % (unit[1].factor / scale)))
		unit++;
	snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%s",
		 number / (unit->factor / scale), number ? unit->suffix : "");
	return text;
}

const char *exact_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	return exact(bytes, size_units, 1, text);
}

const char *exact_duration(uint64_t ms, char text[UNITS_TEXT_MAX])
{
	return exact(ms, duration_units, NSEC_PER_MSEC, text);
}

void format_time(uint64_t ns, char text[UNITS_TEXT_MAX])
{
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	unsigned int ms = (unsigned int)(ns % NSEC_PER_SEC / NSEC_PER_MSEC);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, UNITS_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, UNITS_TEXT_MAX - n, ".%03uZ", ms);
}
