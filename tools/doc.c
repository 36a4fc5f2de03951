// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of the manual pages that come from the tables: commands, columns and
 * the options of queues. The build asks for them by options that are not
 * documented.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "commands.h"
#include "doc.h"
#include "mqctl.h"
#include "options.h"

/* Print text with what roff(7) would interpret escaped. */
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

/* The options of a queue in this version, whatever module is loaded. */
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
		printf("%s%s)\n", !strcmp(row.live, "live") ? "" : ", fixed",
		       !strcmp(row.types, "topic") ? ", topics only" :
		       !strcmp(row.types, "both") ? ", topics as well" : "");
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
