// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, durations, times, ranges, UTF-8 and base64. Needs no module.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "units.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define POISON		0xdeadbeefdeadbeefULL

static int count, failed;

static void result(int good, const char *what, const char *about)
{
	count++;
	if (!good)
		failed++;
	printf("%s %d %s '%s'\n", good ? "ok" : "not ok", count, what, about);
}

/* The expected result: a number, or an error with the number unchanged. */
struct number_case {
	const char	*text;
	int		err;
	uint64_t	number;
};

static void check(const char *what, const struct number_case *c, int err,
		  uint64_t number)
{
	int good = err == c->err && number == (err ? POISON : c->number);

	result(good, what, c->text);
	if (!good)
		printf("# error %d, number %" PRIu64 "\n", err, number);
}

static const struct number_case number_cases[] = {
	{ "0", 0, 0 },
	{ "1", 0, 1 },
	{ "007", 0, 7 },
	{ "1000", 0, 1000 },
	{ "1001", -ERANGE, 0 },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "1.0", -EINVAL, 0 },
	{ "99999999999999999999x", -EINVAL, 0 },
	{ "one", -EINVAL, 0 },
};

static const struct number_case size_cases[] = {
	{ "0", 0, 0 },
	{ "1023", 0, 1023 },
	{ "1K", 0, 1024 },
	{ "64M", 0, 64ULL << 20 },
	{ "3G", 0, 3ULL << 30 },
	{ "0K", 0, 0 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "17179869183G", 0, 17179869183ULL << 30 },
	{ "17179869184G", -ERANGE, 0 },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "99999999999999999999K", -ERANGE, 0 },
	{ "1k", -EINVAL, 0 },
	{ "1m", -EINVAL, 0 },
	{ "1T", -EINVAL, 0 },
	{ "1KB", -EINVAL, 0 },
	{ "1KiB", -EINVAL, 0 },
	{ "1 K", -EINVAL, 0 },
	{ "1.5M", -EINVAL, 0 },
	{ "K", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "1K1", -EINVAL, 0 },
	{ "1s", -EINVAL, 0 },
};

static const struct number_case duration_cases[] = {
	{ "0", 0, 0 },
	{ "0s", 0, 0 },
	{ "1ms", 0, 1000000 },
	{ "500ms", 0, 500000000 },
	{ "30s", 0, 30000000000ULL },
	{ "5m", 0, 300000000000ULL },
	{ "2h", 0, 7200000000000ULL },
	{ "1d", 0, 86400000000000ULL },
	{ "2d", 0, 172800000000000ULL },
	{ "1.5s", 0, 1500000000 },
	{ "1.5h", 0, 5400000000000ULL },
	{ "0.5d", 0, 43200000000000ULL },
	{ "0.25m", 0, 15000000000ULL },
	{ "0.000000001s", 0, 1 },
	{ "1.000000001s", 0, 1000000001 },
	{ "0.5ms", 0, 500000 },
	{ "0.000001ms", 0, 1 },
	{ "0.0000001ms", -EINVAL, 0 },
	{ "0.0000000001s", -EINVAL, 0 },
	{ "213503d", 0, 213503ULL * 86400 * 1000000000 },
	{ "213504d", -ERANGE, 0 },
	{ "213503.99d", -ERANGE, 0 },
	{ "99999999999999999999.5s", -ERANGE, 0 },
	{ "1.", -EINVAL, 0 },
	{ "1.s", -EINVAL, 0 },
	{ ".5s", -EINVAL, 0 },
	{ "1.5.5s", -EINVAL, 0 },
	{ "1.5", -EINVAL, 0 },
	{ "0.5", -EINVAL, 0 },
	{ "1,5s", -EINVAL, 0 },
	{ "1D", -EINVAL, 0 },
	{ "5124095h", 0, 5124095ULL * 3600 * 1000000000 },
	{ "5124096h", -ERANGE, 0 },
	{ "18446744073710ms", -ERANGE, 0 },
	{ "1", -EINVAL, 0 },
	{ "00", -EINVAL, 0 },
	{ "30", -EINVAL, 0 },
	{ "30S", -EINVAL, 0 },
	{ "30 s", -EINVAL, 0 },
	{ "1h30m", -EINVAL, 0 },
	{ "10us", -EINVAL, 0 },
	{ "s", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "-5s", -EINVAL, 0 },
	{ "5M", -EINVAL, 0 },
};

static const struct number_case time_cases[] = {
	{ "0", 0, 0 },
	{ "1", 0, 1000000000 },
	{ "1795376097", 0, 1795376097000000000ULL },
	{ "1795376097.5", 0, 1795376097500000000ULL },
	{ "1.000000001", 0, 1000000001 },
	{ "18446744073.709551615", 0, UINT64_MAX },
	{ "18446744073.709551616", -ERANGE, 0 },
	{ "18446744074", -ERANGE, 0 },
	{ "99999999999999999999", -ERANGE, 0 },
	{ "1.", -EINVAL, 0 },
	{ ".5", -EINVAL, 0 },
	{ "1.0000000001", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "5s", -EINVAL, 0 },
	{ "now", -EINVAL, 0 },
	{ "1970-01-01T00:00:00Z", 0, 0 },
	{ "2026-11-22T19:34:57Z", 0, 1795376097000000000ULL },
	{ "2026-11-22T19:34:57.25Z", 0, 1795376097250000000ULL },
	{ "2024-02-29T23:59:59Z", 0, 1709251199000000000ULL },
	{ "2023-02-29T00:00:00Z", -EINVAL, 0 },
	{ "2026-13-01T00:00:00Z", -EINVAL, 0 },
	{ "2026-00-01T00:00:00Z", -EINVAL, 0 },
	{ "2026-11-31T00:00:00Z", -EINVAL, 0 },
	{ "2026-11-22T24:00:00Z", -EINVAL, 0 },
	{ "2026-11-22T19:60:00Z", -EINVAL, 0 },
	{ "2026-11-22T19:00:60Z", -EINVAL, 0 },
	{ "1969-12-31T23:59:59Z", -EINVAL, 0 },
	{ "2026-11-22T19:34:57", -EINVAL, 0 },
	{ "2026-11-22T19:34:57+01:00", -EINVAL, 0 },
	{ "2026-11-22T19:34:57.Z", -EINVAL, 0 },
	{ "2026-11-22 19:34:57Z", -EINVAL, 0 },
	{ "2026-11-22T19:34Z", -EINVAL, 0 },
	{ "2026-11-22", -EINVAL, 0 },
	{ "2026-1-2T19:34:57Z", -EINVAL, 0 },
	{ "2026-11-22T19:34:57Zx", -EINVAL, 0 },
	{ "9999-12-31T23:59:59Z", -ERANGE, 0 },
};

static void test_numbers(void)
{
	uint64_t number;
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(number_cases); i++) {
		number = POISON;
		err = parse_number(number_cases[i].text, 1000, &number);
		check("number", &number_cases[i], err, number);
	}
	for (i = 0; i < ARRAY_SIZE(size_cases); i++) {
		number = POISON;
		err = parse_size(size_cases[i].text, &number);
		check("size", &size_cases[i], err, number);
	}
	for (i = 0; i < ARRAY_SIZE(duration_cases); i++) {
		number = POISON;
		err = parse_duration(duration_cases[i].text, &number);
		check("duration", &duration_cases[i], err, number);
	}
	for (i = 0; i < ARRAY_SIZE(time_cases); i++) {
		number = POISON;
		err = parse_time(time_cases[i].text, &number);
		check("time", &time_cases[i], err, number);
	}
}

static const struct {
	const char	*text;
	int		err;
	uint64_t	first, last;
} range_cases[] = {
	{ "1", 0, 1, 1 },
	{ "7-7", 0, 7, 7 },
	{ "3-18446744073709551615", 0, 3, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0, 0 },
	{ "1-18446744073709551616", -ERANGE, 0, 0 },
	{ "0", -EINVAL, 0, 0 },
	{ "0-4", -EINVAL, 0, 0 },
	{ "7-3", -EINVAL, 0, 0 },
	{ "3-", -EINVAL, 0, 0 },
	{ "-3", -EINVAL, 0, 0 },
	{ "3-4-5", -EINVAL, 0, 0 },
	{ "3,4", -EINVAL, 0, 0 },
	{ "", -EINVAL, 0, 0 },
	{ "ack", -EINVAL, 0, 0 },
};

static void test_ranges(void)
{
	uint64_t first, last;
	size_t i;
	int err, good;

	for (i = 0; i < ARRAY_SIZE(range_cases); i++) {
		first = POISON;
		last = POISON;
		err = parse_range(range_cases[i].text, &first, &last);
		good = err == range_cases[i].err;
		if (err)
			good = good && first == POISON && last == POISON;
		else
			good = good && first == range_cases[i].first &&
			       last == range_cases[i].last;
		result(good, "range", range_cases[i].text);
	}
}

static const struct {
	uint64_t	number;
	const char	*size, *duration;
} format_cases[] = {
	{ 0, "0", "0" },
	{ 1, "1", "1ms" },
	{ 999, "999", "999ms" },
	{ 1000, "1000", "1s" },
	{ 1023, "1023", "1s" },
	{ 1024, "1.0K", "1s" },
	{ 1536, "1.5K", "1s" },
	{ 10239, "9.9K", "10s" },
	{ 10240, "10K", "10s" },
	{ 59999, "58K", "59s" },
	{ 60000, "58K", "1m" },
	{ 1048575, "1023K", "17m" },
	{ 1048576, "1.0M", "17m" },
	{ 3599999, "3.4M", "59m" },
	{ 3600000, "3.4M", "1h" },
	{ 172799999, "164M", "47h" },
	{ 172800000, "164M", "2d" },
	{ UINT64_MAX, "15E", "213503982334d" },
};

static void test_formats(void)
{
	char text[UNITS_TEXT_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(format_cases); i++) {
		format_size(format_cases[i].number, text);
		result(!strcmp(text, format_cases[i].size), "as size",
		       format_cases[i].size);
		format_duration(format_cases[i].number, text);
		result(!strcmp(text, format_cases[i].duration), "as duration",
		       format_cases[i].duration);
	}
}

static const struct {
	uint64_t	ns;
	const char	*time;
} instants[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 1795376097999999999ULL, "2026-11-22T19:34:57.999Z" },
	{ UINT64_MAX, "2554-07-21T23:34:33.709Z" },
};

static void test_instants(void)
{
	char text[UNITS_TEXT_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(instants); i++) {
		format_time(instants[i].ns, text);
		result(!strcmp(text, instants[i].time), "as time",
		       instants[i].time);
	}
}

/* A string and its size, including NULs but the final one. */
#define BYTES(s)	s, sizeof(s) - 1

static const struct {
	const char	*name;
	const char	*bytes;
	size_t		size;
	bool		valid;
} utf8_cases[] = {
	{ "nothing", BYTES(""), true },
	{ "ASCII", BYTES("hello\n"), true },
	{ "a NUL", BYTES("a\0b"), true },
	{ "DEL", BYTES("\x7f"), true },
	{ "first of two bytes", BYTES("\xc2\x80"), true },
	{ "last of two bytes", BYTES("\xdf\xbf"), true },
	{ "first of three bytes", BYTES("\xe0\xa0\x80"), true },
	{ "before the surrogates", BYTES("\xed\x9f\xbf"), true },
	{ "behind the surrogates", BYTES("\xee\x80\x80"), true },
	{ "last of three bytes", BYTES("\xef\xbf\xbf"), true },
	{ "first of four bytes", BYTES("\xf0\x90\x80\x80"), true },
	{ "last character", BYTES("\xf4\x8f\xbf\xbf"), true },
	{ "mixed", BYTES("z\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!"), true },
	{ "continuation alone", BYTES("\x80"), false },
	{ "overlong two", BYTES("\xc0\xaf"), false },
	{ "overlong two, last", BYTES("\xc1\xbf"), false },
	{ "overlong three", BYTES("\xe0\x9f\xbf"), false },
	{ "overlong four", BYTES("\xf0\x8f\xbf\xbf"), false },
	{ "first surrogate", BYTES("\xed\xa0\x80"), false },
	{ "last surrogate", BYTES("\xed\xbf\xbf"), false },
	{ "beyond the last", BYTES("\xf4\x90\x80\x80"), false },
	{ "f5", BYTES("\xf5\x80\x80\x80"), false },
	{ "ff", BYTES("\xff"), false },
	{ "cut of two", BYTES("a\xc3"), false },
	{ "cut of three", BYTES("\xe2\x82"), false },
	{ "cut of four", BYTES("\xf0\x9f\x98"), false },
	{ "no continuation", BYTES("\xc3 "), false },
	{ "no third", BYTES("\xe2\x82 "), false },
	{ "no fourth", BYTES("\xf0\x9f\x98 "), false },
	{ "Latin 1", BYTES("caf\xe9"), false },
};

static void test_utf8(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(utf8_cases); i++)
		result(utf8_valid(utf8_cases[i].bytes, utf8_cases[i].size) ==
		       utf8_cases[i].valid, "UTF-8", utf8_cases[i].name);
}

static const struct {
	const char	*bytes;
	size_t		size;
	const char	*text;
} base64_cases[] = {
	{ BYTES(""), "" },
	{ BYTES("f"), "Zg==" },
	{ BYTES("fo"), "Zm8=" },
	{ BYTES("foo"), "Zm9v" },
	{ BYTES("foob"), "Zm9vYg==" },
	{ BYTES("fooba"), "Zm9vYmE=" },
	{ BYTES("foobar"), "Zm9vYmFy" },
	{ BYTES("\0\0\0"), "AAAA" },
	{ BYTES("\xff\xff\xff"), "////" },
	{ BYTES("\xfb\xef\xbe"), "++++" },
};

static void test_base64(void)
{
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(base64_cases); i++) {
		text = base64_encode(base64_cases[i].bytes,
				     base64_cases[i].size);
		result(text && !strcmp(text, base64_cases[i].text), "base64",
		       base64_cases[i].text);
		free(text);
	}
}

int main(void)
{
	puts("TAP version 13");
	test_numbers();
	test_ranges();
	test_formats();
	test_instants();
	test_utf8();
	test_base64();
	printf("1..%d\n", count);
	return failed != 0;
}
