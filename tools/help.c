// SPDX-License-Identifier: GPL-2.0
/* --help of a command, from its table. */
#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "help.h"

#define OPTION_WIDTH	26
#define LINE_WIDTH	80

/* Print text in a column that begins at OPTION_WIDTH, where the line is now. */
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
	if (command->lists_columns) {
		puts("\nColumns:");
		print_columns();
	}
}
