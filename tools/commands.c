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
	&cmd_bind,
	&cmd_unbind,
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
	&cmd_journal_create,
	&cmd_journal_attach,
	&cmd_journal_detach,
	&cmd_journal_move,
	&cmd_journal_ls,
	&cmd_journal_info,
	&cmd_journal_check,
	&cmd_apply,
	&cmd_dump,
	&cmd_options,
	&cmd_help,
	NULL,
};

int command_words(const struct command *command)
{
	return strchr(command->name, ' ') ? 2 : 1;
}

static bool is_in_group(const struct command *command, const char *group)
{
	size_t size = strlen(group);

	return !strncmp(command->name, group, size) &&
	       command->name[size] == ' ';
}

bool is_group(const char *word)
{
	const struct command *const *c;

	for (c = commands; *c; c++) {
		if (is_in_group(*c, word))
			return true;
	}
	return false;
}

const struct command *find_command(int count, char **words)
{
	const struct command *const *c;

	for (c = commands; *c; c++) {
		if (!strcmp((*c)->name, words[0]))
			return *c;
		if (count > 1 && is_in_group(*c, words[0]) &&
		    !strcmp(strchr((*c)->name, ' ') + 1, words[1]))
			return *c;
	}
	return NULL;
}

/* The first word is that of a group, and no command follows. */
static int complain_member(int count, char **words)
{
	const struct command *const *c;
	struct guess guess;
	char name[64];

	if (count < 2) {
		complain(NULL, 0, "%s: one more word is needed (see mqctl help %s)",
			 words[0], words[0]);
		return STATUS_USAGE;
	}
	snprintf(name, sizeof(name), "%s %s", words[0], words[1]);
	guess = (struct guess)GUESS(name);
	for (c = commands; *c; c++) {
		if (is_in_group(*c, words[0]))
			guess_try(&guess, (*c)->name);
	}
	complain(NULL, 0, "no command '%s %s'%s (see mqctl help %s)", words[0],
		 words[1], guess_hint(&guess), words[0]);
	return STATUS_USAGE;
}

/* What others call a command of ours. */
static const char *const elsewhere[][2] = {
	{ "remove", "rm" },
	{ "delete", "rm" },
	{ "del", "rm" },
	{ "ack", "settle" },
	{ "nack", "settle" },
	{ "publish", "send" },
	{ "put", "send" },
	{ "push", "send" },
	{ "receive", "recv" },
	{ "read", "recv" },
	{ "pop", "recv" },
	{ "subscribe", "bind" },
	{ "unsubscribe", "unbind" },
	{ "list", "ls" },
	{ "show", "stat" },
	{ "new", "create" },
};

int complain_command(int count, char **words)
{
	struct guess guess = GUESS(words[0]);
	const struct command *const *c;
	size_t i;

	if (is_group(words[0]))
		return complain_member(count, words);
	for (c = commands; *c; c++)
		guess_try(&guess, (*c)->name);
	for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!strcmp(words[0], elsewhere[i][0]))
			snprintf(guess.best, sizeof(guess.best), "%s",
				 elsewhere[i][1]);
	complain(NULL, 0, "no command '%s'%s (see mqctl --help)", words[0],
		 guess_hint(&guess));
	return STATUS_USAGE;
}

static void show_commands(const char *group)
{
	const struct command *const *c;

	for (c = commands; *c; c++) {
		if (!group || is_in_group(*c, group))
			printf("  %-16s%s\n", (*c)->name, (*c)->summary);
	}
}

void show_overview(const char *group)
{
	if (group) {
		printf("Usage: mqctl %s COMMAND [OPTION]... [OPERAND]...\n\n"
		       "Commands:\n", group);
		show_commands(group);
		return;
	}
	puts("Usage: mqctl COMMAND [OPTION]... [OPERAND]...\n\n"
	     "Work with devmq queues, message queues as device files.\n\n"
	     "Commands:");
	show_commands(NULL);
	puts("\n"
	     "Options:\n"
	     "  -h, --help     show this help; behind a command: its own\n"
	     "  -V, --version  show the version\n\n"
	     "Sizes may end in K, M or G, durations end in ms, s, m, h or d.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing there\n"
	     "or it would have had to wait, 4 it exists already, or is another one, 5 no\n"
	     "such option of a queue, or not a value of it, 6 consume: something failed,\n"
	     "7 journal: it is damaged.");
}

static int run_help(struct args *args)
{
	const struct command *command;
	char **words = args->operands;

	while (args_next(args))
		;
	if (!args->count || (args->count == 1 && is_group(words[0]))) {
		show_overview(args->count ? words[0] : NULL);
		return STATUS_DONE;
	}
	command = find_command(args->count, words);
	if (!command && !is_group(words[0]) && args->count == 1)
		return complain_command(args->count, words);
	if (args->count > (command ? command_words(command) : 2) ||
	    (!command && !is_group(words[0])))
		usage(args, "too many operands: '%s'", words[args->count - 1]);
	if (!command)
		return complain_command(args->count, words);
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
	.max = 2,
};
