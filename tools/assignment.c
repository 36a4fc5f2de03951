// SPDX-License-Identifier: GPL-2.0
/* Words of the form option=value. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assignment.h"
#include "complain.h"
#include "text.h"
#include "units.h"

/* The number of a user or a group; NULL: no memory. */
static char *owner_number(const struct args *args, const char *word,
			  const char *value, bool group)
{
	const struct passwd *pw = NULL;
	const struct group *gr = NULL;
	char *plain;

	if (!value[strspn(value, "0123456789")])
		return strdup(value);
	if (group)
		gr = getgrnam(value);
	else
		pw = getpwnam(value);
	if (!gr && !pw)
		bad_queue_option(args, "'%s': no such %s", word,
				 group ? "group" : "user");
	if (asprintf(&plain, "%u", group ? gr->gr_gid : pw->pw_uid) < 0)
		return NULL;
	return plain;
}

/* A number as text; NULL: no memory. The error is that of the parser. */
static char *number_text(const struct args *args, const char *word, int err,
			 uint64_t number, const char *kind)
{
	char *text;

	if (err == -ERANGE)
		bad_queue_option(args, "'%s': out of range", word);
	if (err)
		bad_queue_option(args, "'%s': not a %s", word, kind);
	return asprintf(&text, "%" PRIu64, number) < 0 ? NULL : text;
}

static char *size_text(const struct args *args, const char *word,
		       const char *value)
{
	uint64_t bytes = 0;
	int err = parse_size(value, &bytes);

	return number_text(args, word, err, bytes,
			   "size such as 512, 64K, 1M, 2G");
}

static char *duration_text(const struct args *args, const char *word,
			   const char *value)
{
	uint64_t ns = 0;
	int err = parse_duration(value, &ns);

	if (!err && ns % 1000000)
		bad_queue_option(args, "'%s': not a whole number of "
				 "milliseconds", word);
	return number_text(args, word, err, ns / 1000000,
			   "duration such as 500ms, 30s, 1.5h, 2d");
}

char *assignment_value(const struct args *args, const char *word)
{
	size_t size = strcspn(word, "=");
	const char *value = word + size + 1;
	char *text;

	if (!size || !word[size])
		usage(args, "'%s' is not option=value", word);
	if (ends_with(word, size, "_ms") && value[strspn(value, "0123456789")])
		text = duration_text(args, word, value);
	else if (ends_with(word, size, "_bytes") ||
		 ends_with(word, size, "_size"))
		text = size_text(args, word, value);
	else if (!strncmp(word, "uid=", 4) || !strncmp(word, "gid=", 4))
		text = owner_number(args, word, value, *word == 'g');
	else
		text = strdup(value);
	if (!text)
		exit(complain(NULL, -ENOMEM, "%s", args->command->name));
	return text;
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
