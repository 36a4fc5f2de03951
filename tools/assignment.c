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

char *assignment_value(const struct args *args, const char *word)
{
	size_t name_size = strcspn(word, "=");
	const char *value = word + name_size + 1;
	const char *kind = "";
	uint64_t number;
	char *plain;
	int err = 0;

	if (!name_size || !word[name_size])
		usage(args, "'%s' is not option=value", word);
	if (ends_with(word, name_size, "_ms") &&
	    value[strspn(value, "0123456789")]) {
		kind = "duration such as 500ms, 30s, 1.5h, 2d";
		err = parse_duration(value, &number);
		if (!err && number % 1000000)
			bad_queue_option(args, "'%s': not a whole number of "
					 "milliseconds", word);
		number /= 1000000;
	} else if (ends_with(word, name_size, "_bytes") ||
		   ends_with(word, name_size, "_size")) {
		kind = "size such as 512, 64K, 1M, 2G";
		err = parse_size(value, &number);
	} else {
		if (!strncmp(word, "uid=", 4) || !strncmp(word, "gid=", 4))
			plain = owner_number(args, word, value, *word == 'g');
		else
			plain = strdup(value);
		goto out;
	}
	if (err == -ERANGE)
		bad_queue_option(args, "'%s': out of range", word);
	if (err)
		bad_queue_option(args, "'%s': not a %s", word, kind);
	if (asprintf(&plain, "%" PRIu64, number) < 0)
		plain = NULL;
out:
	if (!plain)
		exit(complain(NULL, -ENOMEM, "%s", args->command->name));
	return plain;
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
