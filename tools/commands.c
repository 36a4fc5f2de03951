// SPDX-License-Identifier: GPL-2.0
/*
 * The table of all commands, and the command that is about that table: help.
 */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "commands.h"
#include "complain.h"
#include "help.h"
#include "text.h"

const struct command *const commands[] = {
	&cmd_create,
	&cmd_rm,
	&cmd_ls,
	&cmd_stat,
	&cmd_get,
	&cmd_set,
	&cmd_send,
	&cmd_recv,
	&cmd_consume,
	&cmd_peek,
	&cmd_purge,
	&cmd_redrive,
	&cmd_settle,
	&cmd_release,
	&cmd_reject,
	&cmd_move,
	&cmd_call,
	&cmd_reply,
	&cmd_extend,
	&cmd_options,
	&cmd_help,
	NULL,
};

const struct command *find_command(const char *name)
{
	const struct command *const *c;

	for (c = commands; *c; c++) {
		if (!strcmp((*c)->name, name))
			return *c;
	}
	return NULL;
}

int complain_command(const char *word)
{
	struct guess guess = GUESS(word);
	const struct command *const *c;

	for (c = commands; *c; c++)
		guess_try(&guess, (*c)->name);
	complain(NULL, 0, "no command '%s'%s (see mqctl --help)", word,
		 guess_hint(&guess));
	return STATUS_USAGE;
}

void show_overview(void)
{
	const struct command *const *c;

	puts("Usage: mqctl COMMAND [OPTION]... [OPERAND]...\n\n"
	     "Work with devmq queues, message queues as device files.\n\n"
	     "Commands:");
	for (c = commands; *c; c++)
		printf("  %-10s%s\n", (*c)->name, (*c)->summary);
	puts("\n"
	     "Options:\n"
	     "  -h, --help     show this help; behind a command: its own\n"
	     "  -V, --version  show the version\n\n"
	     "Sizes may end in K, M or G, durations end in ms, s, m, h or d.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing there\n"
	     "or it would have had to wait, 4 create: it exists already, 5 no such\n"
	     "option of a queue, or not a value of it, 6 consume: something failed.");
}

static int run_help(struct args *args)
{
	const struct command *command;

	while (args_next(args))
		;
	if (!args->count) {
		show_overview();
		return STATUS_DONE;
	}
	command = find_command(args->operands[0]);
	if (!command)
		return complain_command(args->operands[0]);
	show_help(command);
	return STATUS_DONE;
}

static const struct opt help_opts[] = { OPTS_END };

const struct command cmd_help = {
	.name = "help",
	.run = run_help,
	.synopsis = "[COMMAND]",
	.summary = "Show what a command does, or which there are",
	.text = "The same as \"mqctl COMMAND --help\" and \"mqctl --help\".",
	.opts = help_opts,
	.operands = { COMPLETES_COMMAND },
	.min = 0,
	.max = 1,
};
