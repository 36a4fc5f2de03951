// SPDX-License-Identifier: GPL-2.0
/* Showing and changing the options of a queue: get, set. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "assignment.h"
#include "columns.h"
#include "complain.h"
#include "facts.h"
#include "options.h"
#include "text.h"

static const struct opt no_opts[] = { OPTS_END };

static void no_options(struct args *args)
{
	while (args_next(args))
		;
}

static int print_option(const char *name, const char *option, bool with_name)
{
	char value[COLUMN_VALUE_MAX];
	int err;

	err = option_value(name, option, value);
	if (err)
		return err;
	if (with_name)
		printf("%s=%s\n", option, value);
	else
		printf("%s\n", value);
	return 0;
}

/* -ENOENT means the queue or the option. Every queue has a type. */
static int complain_option(const char *name, const char *option, int error,
			   const char *what)
{
	char value[COLUMN_VALUE_MAX];
	struct guess guess;

	if (error == -ENOENT &&
	    devmq_get_option(name, "type", value, sizeof(value)) < 0)
		return complain_open(name, error);
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

static int print_all_options(const char *name)
{
	const struct column *c;
	int err;

	for (c = columns + 1; c->name; c++) {
		if (c->counter)
			continue;
		err = print_option(name, c->name, true);
		if (err == -ENOENT && strcmp(c->name, "type") != 0)
			continue;
		if (err)
			return complain_option(name, c->name, err,
					       "cannot read");
	}
	return STATUS_DONE;
}

static int run_get(struct args *args)
{
	const char *name;
	int i, err;

	no_options(args);
	name = operand_queue(args, 0);
	if (args->count == 1)
		return print_all_options(name);
	for (i = 1; i < args->count; i++) {
		err = print_option(name, args->operands[i], false);
		if (err)
			return complain_option(name, args->operands[i], err,
					       "cannot read");
	}
	return STATUS_DONE;
}

const struct command cmd_get = {
	.name = "get",
	.run = run_get,
	.synopsis = "NAME [OPTION...]",
	.summary = "Show options of a queue",
	.text =
"Without OPTION: all options as option=value, one a line, as create takes\n"
"them. With OPTION, which may also be a counter: the value alone, one a\n"
"line. mode, uid and gid are those that the device file has now. The exit\n"
"status is 5 if there is no such option.",
	.opts = no_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_COLUMN },
	.min = 1,
	.max = -1,
};

/* Why a value that the option can have was refused; NULL: it cannot have it. */
static const char *why_not(const char *name, const char *option,
			   const char *value, int error)
{
	char old[COLUMN_VALUE_MAX];

	if (error == -ELOOP)
		return "the dead would go round in a circle";
	if (error == -ENOENT && !strcmp(option, "dead_letter") &&
	    devmq_get_option(name, option, old, sizeof(old)) > 0)
		return "no such queue";
	if (error != -EINVAL)
		return NULL;
	if (!strcmp(option, "overflow") && !strcmp(value, "dead-letter"))
		return "the queue has no dead_letter";
	if (!strcmp(option, "dead_letter") && !strcmp(value, "none"))
		return "overflow=dead-letter needs one";
	if (!strcmp(option, "dead_letter") && !devmq_check_name(value))
		return "it has order=key or fairness, so it cannot take "
		       "the dead";
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

static int set_option(const struct args *args, const char *name,
		      const char *word)
{
	size_t size = strcspn(word, "=");
	char *value = assignment_value(args, word);
	char *option = strndup(word, size);
	const char *why = NULL;
	int err;

	err = option ? devmq_set_option(name, option, value) : -ENOMEM;
	if (err && option)
		why = why_not(name, option, value, err);
	if (why) {
		complain(name, 0, "cannot set %s=%s: %s", option,
			 word + size + 1, why);
		err = STATUS_OPTION;
	} else if (err == -EACCES) {
		err = complain_fixed(name, option);
	} else if (err == -EINVAL || err == -ERANGE) {
		err = complain_value(name, option, word + size + 1, err);
	} else if (err) {
		err = complain_option(name, option ? option : word, err,
				      "cannot set");
	}
	free(option);
	free(value);
	return err;
}

static int run_set(struct args *args)
{
	int status = STATUS_DONE;
	const char *name;
	int i;

	no_options(args);
	name = operand_queue(args, 0);
	for (i = 1; i < args->count; i++) {
		assignment_check(args, args->operands[i]);
		free(assignment_value(args, args->operands[i]));
	}
	for (i = 1; i < args->count && status == STATUS_DONE; i++)
		status = set_option(args, name, args->operands[i]);
	return status;
}

const struct command cmd_set = {
	.name = "set",
	.run = run_set,
	.synopsis = "NAME option=value...",
	.summary = "Change options of a queue while it is in use",
	.text =
"The options are changed in the order given, up to the first that is\n"
"refused. Values are written as for create. Options that are fixed when a\n"
"queue is created cannot be changed. The exit status is 5 if there is no such\n"
"option, if it is fixed, or if it cannot have the value.",
	.opts = no_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_OPTION },
	.min = 2,
	.max = -1,
};
