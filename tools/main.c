// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of mqctl, and finding the one that is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mqctl.h"
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

/* What stands where a command is expected, and is none. */
static int run_global(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	int status;

	if (!word) {
		complain(NULL, 0, "no command (see mqctl --help)");
		return STATUS_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		show_overview();
		return STATUS_DONE;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("mqctl %s\n", devmq_version());
		return STATUS_DONE;
	}
	if (!strcmp(word, "--complete"))
		return show_completions(argc - 2, argv + 2);
	status = show_list(argc, argv);
	if (status >= 0)
		return status;
	if (word[0] != '-')
		return complain_command(word);
	complain(NULL, 0, "no option '%s' (see mqctl --help)", word);
	return STATUS_USAGE;
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

static int run_command(const struct command *command, int argc, char **argv)
{
	struct args args = {
		.command = command,
		.argc = argc,
		.argv = argv,
	};
	int status;

	args.operands = calloc((size_t)argc + 1, sizeof(*args.operands));
	if (!args.operands)
		return complain(NULL, -ENOMEM, "%s", command->name);
	status = command->run(&args);
	free(args.operands);
	return status;
}

/*
 * A standard stream that is closed must not become a queue's descriptor, into
 * which ids would then be printed. What stands in for it fails when used.
 */
static void hold_standard_streams(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			exit(STATUS_FAILED);
	}
}

int main(int argc, char **argv)
{
	const struct command *command;
	int status, err;

	hold_standard_streams();
	command = argc > 1 ? find_command(argv[1]) : NULL;
	if (command)
		status = run_command(command, argc - 1, argv + 1);
	else
		status = run_global(argc, argv);

	/* What could not be written has not been done. */
	err = flush_output();
	if (err && status != STATUS_FAILED)
		status = complain_output(NULL, err, "cannot write the output");
	return status;
}
