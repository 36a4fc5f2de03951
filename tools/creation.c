// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "assignment.h"
#include "complain.h"
#include "creation.h"
#include "facts.h"
#include "options.h"
#include "text.h"

/* The options as the module takes them, to be freed; NULL: no memory. */
static char *join_options(const struct creation *c)
{
	char *options = NULL;
	size_t size;
	FILE *out;
	int i;

	out = open_memstream(&options, &size);
	if (!out)
		return NULL;
	for (i = 0; i < c->count; i++)
		fprintf(out, "%s%.*s=%s", i ? " " : "",
			(int)strcspn(c->words[i], "="), c->words[i],
			c->values[i]);
	if (fclose(out)) {
		free(options);
		return NULL;
	}
	return options;
}

bool creation_loaded(void)
{
	char **names;

	if (devmq_list(&names) < 0)
		return false;
	free(names);
	return true;
}

int creation_complain_control(const char *name, int error, const char *what,
			      const char *why)
{
	if (error == -ENOENT && !creation_loaded())
		return complain_open(name, error);
	if (*why)
		return complain(name, 0, "%s: %s", what, why);
	return complain(name, error, "%s", what);
}

/* The first option that the module does not have, to be freed. */
static char *unknown_option(const struct creation *c)
{
	struct option_row row;
	char *text;
	int i;

	for (i = 0; i < c->count; i++) {
		const char *word = c->words[i];
		size_t size = strcspn(word, "=");
		bool known = option_find(word, size, &text, &row) || !text;

		free(text);
		if (!known)
			return strndup(word, size);
	}
	return NULL;
}

/* Whether the module says with this error that it does not take an option. */
static bool is_of_option(int err)
{
	switch (err) {
	case -EINVAL:
	case -ERANGE:
	case -ENAMETOOLONG:
	case -EOVERFLOW:	/* no such user in this namespace */
	case -E2BIG:		/* of an alternate: too many topics to pass */
	case -ELOOP:
	case -EXDEV:		/* of another queue: it is in another journal */
	case -ENOTCONN:		/* no such journal */
	case -EIO:		/* it has failed */
		return true;
	case -ENOENT:		/* no such other queue, or no module */
		return creation_loaded();
	default:
		return false;
	}
}

int creation_complain(const struct creation *c, int err, const char *why)
{
	struct guess guess;
	char *unknown;

	if (err == -EEXIST) {
		creation_complain_control(c->name, err, "cannot create", why);
		return STATUS_EXISTS;
	}
	if (!is_of_option(err))
		return creation_complain_control(c->name, err, "cannot create",
						 why);
	unknown = err == -EINVAL ? unknown_option(c) : NULL;
	if (unknown) {
		guess = (struct guess)GUESS(unknown);
		option_guess(&guess);
	}
	complain(c->name, 0, "cannot create: %s%s", why,
		 unknown ? guess_hint(&guess) : "");
	free(unknown);
	return STATUS_OPTION;
}

int creation_compare(const struct creation *c, char **differs)
{
	char value[COLUMN_VALUE_MAX], *option;
	int i, n = 0, err = 0;
	size_t size;
	FILE *out;

	*differs = NULL;
	out = open_memstream(differs, &size);
	if (!out)
		return -ENOMEM;
	for (i = 0; !err && i < c->count; i++) {
		option = strndup(c->words[i], strcspn(c->words[i], "="));
		err = option ? option_value(c->name, option, value) : -ENOMEM;
		if (!err && !assignment_same(option, c->values[i], value))
			fprintf(out, "%s%s is %s, not %s", n++ ? "; " : "",
				option, value, c->values[i]);
		free(option);
	}
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (!err)
		return n;
	free(*differs);
	*differs = NULL;
	return err;
}

int creation_try(const struct creation *c, char why[CREATION_REASON_MAX])
{
	char *options = join_options(c);
	int err = -ENOMEM;

	if (options)
		err = devmq_create(c->name, options, why, CREATION_REASON_MAX);
	free(options);
	return err;
}
