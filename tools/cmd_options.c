// SPDX-License-Identifier: GPL-2.0
/* Showing the options that a queue can have: options. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "complain.h"
#include "options.h"
#include "units.h"

/* Print a value; a size or a duration with the largest unit that fits it. */
static void print_readable(const struct option_row *row, const char *value)
{
	char text[UNITS_TEXT_MAX];
	uint64_t number;

	if (parse_number(value, UINT64_MAX, &number))
		fputs(value, stdout);
	else if (!strcmp(row->kind, "size"))
		fputs(exact_size(number, text), stdout);
	else if (!strcmp(row->kind, "duration"))
		fputs(exact_duration(number, text), stdout);
	else
		fputs(value, stdout);
}

static void show_option(const struct option_row *row)
{
	char *bounds = row->bounds, *min;

	printf("%s=", row->name);
	print_readable(row, row->def);
	fputs("\n    ", stdout);
	if (strcmp(row->kind, "word") != 0 && strstr(bounds, "..")) {
		min = strsep(&bounds, ".");
		print_readable(row, min);
		fputs(" to ", stdout);
		print_readable(row, bounds + 1);
	} else {
		while ((min = strsep(&bounds, "|")))
			printf("%s%s", min, !bounds ? "" :
			       strchr(bounds, '|') ? ", " : " or ");
	}
	printf("%s%s\n    %s\n", !strcmp(row->live, "live") ?
	       "; can be changed" : "; fixed", !strcmp(row->types, "topic") ?
	       "; topics only" : !strcmp(row->types, "both") ?
	       "; topics as well" : "", row->help);
}

/* Is the option among the operands? Those that are become NULL. */
static bool is_wanted(struct args *args, const char *name)
{
	bool wanted = false;
	int i;

	for (i = 0; i < args->count; i++) {
		if (args->operands[i] && !strcmp(args->operands[i], name)) {
			args->operands[i] = NULL;
			wanted = true;
		}
	}
	return wanted;
}

static int complain_unknown(const char *name)
{
	struct guess guess = GUESS(name);

	option_guess(&guess);
	complain(NULL, 0, "no option '%s'%s", name, guess_hint(&guess));
	return STATUS_OPTION;
}

static int run_options(struct args *args)
{
	int status = STATUS_DONE, count, i;
	struct option_row row;
	char *text, *p;

	while (args_next(args))
		;
	text = option_text();
	if (!text)
		return complain(NULL, -ENOMEM, "options");
	count = args->count;
	for (p = text; option_next(&p, &row);) {
		if (!count || is_wanted(args, row.name))
			show_option(&row);
	}
	for (i = 0; i < count; i++) {
		if (args->operands[i])
			status = complain_unknown(args->operands[i]);
	}
	free(text);
	return status;
}

static const struct opt options_opts[] = { OPTS_END };

const struct command cmd_options = {
	.name = "options",
	.run = run_options,
	.synopsis = "[OPTION...]",
	.summary = "Show the options that a queue can have",
	.text =
"Shows all options, or those given: the default, as create and set take it, the\n"
"values that the option can have, whether set can change it, whether topics have\n"
"it (as well, or only they), and what it is for. The options are those of the\n"
"module, if it is loaded and you may read /dev/mq/control, else those of the\n"
"version that mqctl was built with. The exit status is 5 if there is no option of\n"
"a name given.",
	.opts = options_opts,
	.operands = { COMPLETES_OPTION_NAME },
	.min = 0,
	.max = -1,
};
