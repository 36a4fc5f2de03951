// SPDX-License-Identifier: GPL-2.0
/* Words of the form option=value. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assignment.h"
#include "complain.h"
#include "text.h"
#include "units.h"

/* Say what is wrong with a word. Returns NULL. */
PRINTF(3, 4)
static char *refuse(struct assignment_fault *fault, int status,
		    const char *format, ...)
{
	va_list ap;

	fault->status = status;
	va_start(ap, format);
	vsnprintf(fault->why, sizeof(fault->why), format, ap);
	va_end(ap);
	return NULL;
}

/* A copy of a text that has been made; NULL: no memory. */
static char *keep(struct assignment_fault *fault, char *text)
{
	return text ? text : refuse(fault, STATUS_FAILED, "%s",
				    devmq_strerror(-ENOMEM));
}

/* The number of a user or a group. */
static char *owner_number(struct assignment_fault *fault, const char *word,
			  const char *value, bool group)
{
	const struct passwd *pw = NULL;
	const struct group *gr = NULL;
	char *plain;

	if (!value[strspn(value, "0123456789")])
		return keep(fault, strdup(value));
	if (group)
		gr = getgrnam(value);
	else
		pw = getpwnam(value);
	if (!gr && !pw)
		return refuse(fault, STATUS_OPTION, "'%s': no such %s", word,
			      group ? "group" : "user");
	if (asprintf(&plain, "%u", group ? gr->gr_gid : pw->pw_uid) < 0)
		plain = NULL;
	return keep(fault, plain);
}

/* A number as text. The error is that of the parser. */
static char *number_text(struct assignment_fault *fault, const char *word,
			 int err, uint64_t number, const char *kind)
{
	char *text;

	if (err == -ERANGE)
		return refuse(fault, STATUS_OPTION, "'%s': out of range", word);
	if (err)
		return refuse(fault, STATUS_OPTION, "'%s': not a %s", word, kind);
	if (asprintf(&text, "%" PRIu64, number) < 0)
		text = NULL;
	return keep(fault, text);
}

static char *size_text(struct assignment_fault *fault, const char *word,
		       const char *value)
{
	uint64_t bytes = 0;
	int err = parse_size(value, &bytes);

	return number_text(fault, word, err, bytes,
			   "size such as 512, 64K, 1M, 2G");
}

static char *duration_text(struct assignment_fault *fault, const char *word,
			   const char *value)
{
	uint64_t ns = 0;
	int err = parse_duration(value, &ns);

	if (!err && ns % 1000000)
		return refuse(fault, STATUS_OPTION, "'%s': not a whole number of "
			      "milliseconds", word);
	return number_text(fault, word, err, ns / 1000000,
			   "duration such as 500ms, 30s, 1.5h, 2d");
}

char *assignment_plain(const char *word, struct assignment_fault *fault)
{
	size_t size = strcspn(word, "=");
	const char *value = word + size + 1;

	if (*word == '#')
		return refuse(fault, STATUS_USAGE, "'%s' is not option=value: "
			      "a comment has a line of its own", word);
	if (!size || !word[size])
		return refuse(fault, STATUS_USAGE, "'%s' is not option=value",
			      word);
	if (ends_with(word, size, "_ms") && value[strspn(value, "0123456789")])
		return duration_text(fault, word, value);
	if (ends_with(word, size, "_bytes") || ends_with(word, size, "_size"))
		return size_text(fault, word, value);
	if (!strncmp(word, "uid=", 4) || !strncmp(word, "gid=", 4))
		return owner_number(fault, word, value, *word == 'g');
	return keep(fault, strdup(value));
}

char *assignment_value(const struct args *args, const char *word)
{
	struct assignment_fault fault;
	char *text = assignment_plain(word, &fault);

	if (text)
		return text;
	if (fault.status == STATUS_USAGE)
		usage(args, "%s", fault.why);
	if (fault.status == STATUS_OPTION)
		bad_queue_option(args, "%s", fault.why);
	exit(complain(NULL, 0, "%s: %s", args->command->name, fault.why));
}

bool assignment_same(const char *option, const char *a, const char *b)
{
	int base = !strcmp(option, "mode") ? 8 : 10;
	char *end_a, *end_b;
	unsigned long long x, y;

	if (!strcmp(a, b))
		return true;
	x = strtoull(a, &end_a, base);
	y = strtoull(b, &end_b, base);
	return end_a != a && end_b != b && !*end_a && !*end_b && x == y;
}

void assignment_check(const struct args *args, const char *word)
{
	const char *p;

	for (p = word; *p; p++) {
		if (*p <= ' ' || *p > '~')
			usage(args, "'%s' has a character that no option has",
			      word);
	}
}
