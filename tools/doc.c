// SPDX-License-Identifier: GPL-2.0
/*
 * What the tables say, for people (--help) and for the man page, whose part on
 * commands, columns and options is made when it is built; that is asked for by
 * options that are not documented.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqctl.h"
#include "options.h"

#define OPTION_WIDTH	26

#define LINE_WIDTH	80

/* Text in a column of its own that begins where the line is now. */
static void print_wrapped(const char *text)
{
	const char *end;
	size_t room = LINE_WIDTH - OPTION_WIDTH;

	while (strlen(text) > room) {
		for (end = text + room; end > text && *end != ' '; end--)
			;
		if (end == text)
			break;
		printf("%.*s\n%*s", (int)(end - text), text, OPTION_WIDTH, "");
		text = end + 1;
	}
	puts(text);
}

static void print_columns(void)
{
	const struct column *c;

	for (c = columns; c->name; c++) {
		printf("  %-*s", OPTION_WIDTH - 2, c->name);
		print_wrapped(c->help);
	}
}

static void print_option(const struct opt *opt)
{
	int n;

	if (opt->code < OPT_LONG)
		n = printf("  -%c, --%s", opt->code, opt->name);
	else
		n = printf("      --%s", opt->name);
	if (opt->value)
		n += printf("=%s", opt->value);
	if (n > OPTION_WIDTH - 2) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", OPTION_WIDTH - n, "");
	print_wrapped(opt->help);
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
	     "Sizes may end in K, M or G, durations end in ms, s, m, h or d.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing there\n"
	     "or it would have had to wait, 4 create: it exists already, 5 no such\n"
	     "option of a queue, or not a value of it, 6 consume: something failed.");
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
	if (opt->code < OPT_LONG)
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

/* The options of a queue, as they are in this version. */
static int print_roff_queue_options(void)
{
	char *text = option_text_built_in(), *p = text;
	struct option_row row;

	if (!text)
		return STATUS_FAILED;
	while (option_next(&p, &row)) {
		printf(".TP\n\\fB%s\\fR=\\fI", row.name);
		print_roff(row.bounds);
		fputs("\\fR (", stdout);
		print_roff(row.def);
		puts(!strcmp(row.live, "live") ? ")" : ", fixed)");
		print_roff_sentence(row.help);
	}
	free(text);
	return STATUS_DONE;
}

int show_list(int argc, char **argv)
{
	const struct command *const *c;

	(void)argc;
	if (!strcmp(argv[1], "--roff-options"))
		return print_roff_queue_options();
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
