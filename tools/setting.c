// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "complain.h"
#include "facts.h"
#include "options.h"
#include "setting.h"
#include "text.h"

/* -ENOENT means the queue or the option. Every queue has a type. */
int setting_complain(const char *name, const char *option, int error,
		     const char *what)
{
	char value[COLUMN_VALUE_MAX];
	struct guess guess;

	if (error == -ENOENT &&
	    devmq_get_option(name, "type", value, sizeof(value)) < 0)
		return complain_open(name, error);
	if (error == -ENOENT && find_column(option)) {
		complain(name, 0, "%s %s: a %s has no such %s", what, option,
			 value, find_column(option)->counter ? "counter" :
			 "option");
		return STATUS_OPTION;
	}
	if (error == -ENOENT) {
		const struct column *c;

		guess = (struct guess)GUESS(option);
		for (c = columns; c->name; c++)
			guess_try(&guess, c->name);
		complain(name, 0, "%s %s: no such option%s", what, option,
			 guess_hint(&guess));
		return STATUS_OPTION;
	}
	return complain(name, error, "%s %s", what, option);
}

/* Why a value that the option can have was refused; NULL: it cannot have it. */
static const char *why_not(const char *name, const char *option,
			   const char *value, int error)
{
	char old[COLUMN_VALUE_MAX];

	bool alternate = !strcmp(option, "alternate");

	if (error == -ELOOP)
		return alternate ? "messages would go round in a circle, or through "
				   "too many topics" :
				   "the dead would go round in a circle";
	if (error == -ENOENT && (alternate || !strcmp(option, "dead_letter")) &&
	    devmq_get_option(name, option, old, sizeof(old)) > 0)
		return "no such queue";
	if (error == -EBUSY && (!strcmp(option, "allow_empty") ||
				!strcmp(option, "max_message_size") ||
				!strcmp(option, "max_bytes")))
		return "a topic feeds it, and it would refuse what that takes";
	if (error == -E2BIG && alternate)
		return "a message would pass too many topics";
	if (error == -EXDEV && alternate)
		return "it is not in the topic's journal";
	if (error == -EINVAL && alternate && !devmq_check_name(value))
		return "it would refuse what the topic takes (max_message_size, "
		       "max_bytes, allow_empty)";
	if (error != -EINVAL)
		return NULL;
	if (!strcmp(option, "retain_memory_bytes") &&
	    devmq_get_option(name, "journal", old, sizeof(old)) > 0 &&
	    !strcmp(old, "none") && !value[strspn(value, "0123456789KMG")])
		return "the topic has no journal";
	if (!strcmp(option, "overflow") && !strcmp(value, "dead-letter"))
		return "the queue has no dead_letter";
	if (!strcmp(option, "dead_letter") && !strcmp(value, "none"))
		return "overflow=dead-letter needs one";
	if (!strcmp(option, "dead_letter") && !devmq_check_name(value))
		return is_topic(value) ? "it is a topic, and the dead go to a queue" :
		       "it has order=key or fairness, so it cannot take the dead";
	return NULL;
}

/* The option cannot be written: by nobody, or not by this user. */
static int complain_fixed(const char *name, const char *option)
{
	struct option_row row;
	char *text;
	bool fixed = option_find(option, strlen(option), &text, &row) &&
		     !strcmp(row.live, "fixed");

	free(text);
	if (find_column(option) && find_column(option)->counter) {
		complain(name, 0, "cannot set %s: it is a counter", option);
		return STATUS_OPTION;
	}
	if (!fixed)
		return complain(name, -EACCES, "cannot set %s", option);
	complain(name, 0, "cannot set %s: it is fixed when a queue is created",
		 option);
	return STATUS_OPTION;
}

static int complain_value(const char *name, const char *option,
			  const char *value, int err)
{
	struct option_row row = { .bounds = NULL };
	char *text;
	bool found = option_find(option, strlen(option), &text, &row);

	complain(name, 0, "cannot set %s: %s is %s%s%s", option, value,
		 err == -ERANGE ? "out of bounds" : "not a value of it",
		 found ? ", which are " : "", found ? row.bounds : "");
	free(text);
	return STATUS_OPTION;
}

int setting_change(const char *name, const char *option, const char *value,
		   const char *written)
{
	int err = devmq_set_option(name, option, value);
	const char *why = err ? why_not(name, option, value, err) : NULL;

	if (why) {
		complain(name, 0, "cannot set %s=%s: %s", option, written, why);
		return STATUS_OPTION;
	}
	if (err == -EACCES)
		return complain_fixed(name, option);
	if (err == -EINVAL || err == -ERANGE)
		return complain_value(name, option, written, err);
	return err ? setting_complain(name, option, err, "cannot set") :
		     STATUS_DONE;
}
