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
#include "setting.h"

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
			return setting_complain(name, c->name, err,
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
			return setting_complain(name, args->operands[i], err,
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

static int set_option(const struct args *args, const char *name,
		      const char *word)
{
	size_t size = strcspn(word, "=");
	char *value = assignment_value(args, word);
	char *option = strndup(word, size);
	int status;

	if (option)
		status = setting_change(name, option, value, word + size + 1);
	else
		status = complain(name, -ENOMEM, "cannot set %s", word);
	free(option);
	free(value);
	return status;
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
