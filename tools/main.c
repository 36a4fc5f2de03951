// SPDX-License-Identifier: GPL-2.0
/* Finding the command that was asked for, and running it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "commands.h"
#include "complain.h"
#include "complete.h"
#include "doc.h"
#include "output.h"

/* The first word is not a command: an option of mqctl itself, or a mistake. */
static int run_global(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	int status;

	if (!word) {
		complain(NULL, 0, "no command (see mqctl --help)");
		return STATUS_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		show_overview(NULL);
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
	if (argc > 2 && is_group(word) &&
	    (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		show_overview(word);
		return STATUS_DONE;
	}
	if (word[0] != '-')
		return complain_command(argc - 1, argv + 1);
	complain(NULL, 0, "no option '%s' (see mqctl --help)", word);
	return STATUS_USAGE;
}

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
 * If a standard stream is closed, a queue that is opened would get its number, and
 * ids that are printed would be sent there. So open /dev/null in its place, in the
 * direction in which using it fails.
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
	int status, err, words;

	hold_standard_streams();
	command = argc > 1 ? find_command(argc - 1, argv + 1) : NULL;
	words = command ? command_words(command) : 0;
	if (command)
		status = run_command(command, argc - words, argv + words);
	else
		status = run_global(argc, argv);

	/* If the output could not be written, the command has failed. */
	err = flush_output();
	if (err && status != STATUS_FAILED)
		status = complain_output(NULL, err, "cannot write the output");
	return status;
}
