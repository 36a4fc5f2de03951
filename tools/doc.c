// SPDX-License-Identifier: GPL-2.0
/*
 * What the tables say, for people (--help), for the man page (its part on the
 * commands is made when it is built) and for completion. The last two are
 * asked for by options that are not documented.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mqctl.h"

#define OPTION_WIDTH	26

static void print_columns(void)
{
	const struct column *c;

	for (c = columns; c->name; c++)
		printf("  %-*s%s\n", OPTION_WIDTH - 2, c->name, c->help);
}

static void print_option(const struct opt *opt)
{
	int n;

	if (opt->code < OPT_HELP)
		n = printf("  -%c, --%s", opt->code, opt->name);
	else
		n = printf("      --%s", opt->name);
	if (opt->value)
		n += printf("=%s", opt->value);
	if (n > OPTION_WIDTH - 2) {
		putchar('\n');
		n = 0;
	}
	printf("%*s%s\n", OPTION_WIDTH - n, "", opt->help);
}

void show_help(const struct command *command)
{
	const struct opt *opt;

	printf("Usage: mqctl %s %s\n\n", command->name, command->synopsis);
	printf("%s.\n\n%s\n\nOptions:\n", command->summary, command->text);
	for (opt = command->opts; opt->name; opt++)
		print_option(opt);
	if (find_command("ls") == command) {
		puts("\nColumns:");
		print_columns();
	}
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
	     "Sizes may end in K, M or G, durations end in ms, s, m or h.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing there\n"
	     "or it would have had to wait.");
}

/* Text in the language of man pages. */
static void print_roff(const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (start && *text == '\n') {
			fputs(".PP", stdout);
		} else if (*text == '-') {
			fputs("\\-", stdout);
			start = false;
			continue;
		} else if (*text == '\\') {
			fputs("\\e", stdout);
			start = false;
			continue;
		}
		putchar(*text);
		start = *text == '\n';
	}
}

static void print_roff_sentence(const char *phrase)
{
	putchar(toupper((unsigned char)*phrase));
	print_roff(phrase + 1);
	puts(".");
}

static void print_roff_option(const struct opt *opt)
{
	fputs(".TP\n\\fB", stdout);
	if (opt->code < OPT_HELP)
		printf("\\-%c\\fR, \\fB", opt->code);
	fputs("\\-\\-", stdout);
	print_roff(opt->name);
	fputs("\\fR", stdout);
	if (opt->value)
		printf("=\\fI%s\\fR", opt->value);
	putchar('\n');
	print_roff_sentence(opt->help);
}

static void print_roff_command(const struct command *command)
{
	const struct opt *opt;

	printf(".SS mqctl %s ", command->name);
	print_roff(command->synopsis);
	putchar('\n');
	print_roff(command->summary);
	puts(".\n.PP");
	print_roff(command->text);
	putchar('\n');
	for (opt = command->opts; opt->name; opt++) {
		if (opt->code != OPT_HELP)
			print_roff_option(opt);
	}
}

static void print_roff_columns(void)
{
	const struct column *c;

	for (c = columns; c->name; c++) {
		printf(".TP\n.B %s\n", c->name);
		print_roff_sentence(c->help);
	}
}

static int list_commands(void)
{
	const struct command *const *c;

	for (c = commands; *c; c++)
		puts((*c)->name);
	return STATUS_DONE;
}

/* Those with a value end in '=', so that completion knows them. */
static int list_options(const char *name)
{
	const struct command *command = find_command(name);
	const struct opt *opt;

	if (!command)
		return STATUS_NOTHING;
	for (opt = command->opts; opt->name; opt++) {
		printf("--%s%s\n", opt->name, opt->value ? "=" : "");
		if (opt->code < OPT_HELP)
			printf("-%c%s\n", opt->code, opt->value ? "=" : "");
	}
	return STATUS_DONE;
}

static int list_columns(bool counters)
{
	const struct column *c;

	for (c = columns; c->name; c++) {
		if (counters || (!c->counter && strcmp(c->name, "name") != 0))
			puts(c->name);
	}
	return STATUS_DONE;
}

int show_list(int argc, char **argv)
{
	const struct command *const *c;

	if (!strcmp(argv[1], "--list-commands"))
		return list_commands();
	if (!strcmp(argv[1], "--list-options") && argc == 3)
		return list_options(argv[2]);
	if (!strcmp(argv[1], "--list-columns"))
		return list_columns(true);
	if (!strcmp(argv[1], "--list-queue-options"))
		return list_columns(false);
	if (!strcmp(argv[1], "--roff-columns")) {
		print_roff_columns();
		return STATUS_DONE;
	}
	if (strcmp(argv[1], "--roff-commands") != 0)
		return -1;
	for (c = commands; *c; c++)
		print_roff_command(*c);
	return STATUS_DONE;
}
