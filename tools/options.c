// SPDX-License-Identifier: GPL-2.0
/*
 * The options that a queue can have, and the command that shows them. The table is
 * the kernel's own, of which options.awk makes a copy when mqctl is built; where
 * the module can be asked, it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqctl.h"
#include "options.h"
#include "text.h"
#include "units.h"

/* What the table is written with in the kernel. */
#define SZ_1K		0x400
#define SZ_4K		0x1000
#define SZ_64K		0x10000
#define SZ_1M		0x100000
#define SZ_16M		0x1000000
#define SZ_64M		0x4000000
#define SZ_256M		0x10000000
#define SZ_1G		0x40000000
#define U16_MAX		UINT16_MAX
#define U32_MAX		UINT32_MAX
#define INT_MAX		INT32_MAX
#define MQ_FIELD(_name)	.name = #_name

struct mq_option {
	const char		*name;
	const char		*help;
	unsigned int		kind;
	bool			live;
	uint64_t		min;
	uint64_t		max;
	uint64_t		def;
	const char *const	*words;
};

#include "options.inc"

static const char *const kinds[] = {
	[MQ_NUMBER] = "number", [MQ_SIZE] = "size", [MQ_OCTAL] = "octal",
	[MQ_CREATOR] = "number", [MQ_ENUM] = "word",
	[MQ_DURATION] = "duration", [MQ_QUEUE] = "queue",
};

static void print_value(FILE *out, const struct mq_option *o, uint64_t value)
{
	if (o->kind == MQ_ENUM)
		fprintf(out, "%s", o->words[value]);
	else
		fprintf(out, o->kind == MQ_OCTAL ? "%04" PRIo64 : "%" PRIu64,
			value);
}

static void print_default(FILE *out, const struct mq_option *o)
{
	if (o->kind == MQ_CREATOR)
		fputs("creator", out);
	else if (o->kind == MQ_QUEUE)
		fputs("none", out);
	else
		print_value(out, o, o->def);
}

static void print_bounds(FILE *out, const struct mq_option *o)
{
	size_t i;

	if (o->kind == MQ_QUEUE) {
		fputs("none|QUEUE", out);
	} else if (o->kind == MQ_ENUM) {
		for (i = 0; o->words[i]; i++)
			fprintf(out, "%s%s", i ? "|" : "", o->words[i]);
	} else {
		print_value(out, o, o->min);
		fputs("..", out);
		print_value(out, o, o->max);
	}
}

char *option_text_built_in(void)
{
	const struct mq_option *o = mq_option_table;
	char *text = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (; o < mq_option_table + ARRAY_SIZE(mq_option_table); o++) {
		fprintf(out, "%s %s ", o->name, kinds[o->kind]);
		print_default(out, o);
		fputc(' ', out);
		print_bounds(out, o);
		fprintf(out, " %s %s\n", o->live ? "live" : "fixed", o->help);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

char *option_text(void)
{
	char *text;

	return devmq_option_table(&text) ? option_text_built_in() : text;
}

bool option_next(char **text, struct option_row *row)
{
	char **word[] = {
		&row->name, &row->kind, &row->def, &row->bounds, &row->live,
	};
	size_t i;

	row->help = strsep(text, "\n");
	if (!row->help || !*row->help)
		return false;
	for (i = 0; i < ARRAY_SIZE(word); i++) {
		*word[i] = strsep(&row->help, " ");
		if (!row->help)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ */

/* A size or a duration as one would write it, if that is what it is. */
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
	printf("%s\n    %s\n", !strcmp(row->live, "live") ?
	       "; can be changed" : "; fixed", row->help);
}

/* Was it asked for? Each that was is crossed out. */
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
	char *text = option_text(), *p = text;
	struct guess guess = GUESS(name);
	struct option_row row;

	while (p && option_next(&p, &row))
		guess_try(&guess, row.name);
	complain(NULL, 0, "no option '%s'%s", name, guess_hint(&guess));
	free(text);
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
"Each with its default, as create and set take it, the values that it can have,\n"
"whether set can change it, and what it is; all options, or those given. Where\n"
"the module is loaded and you may read /dev/mq/control it is asked, else the\n"
"options are those of the version that mqctl was built with. The exit status is\n"
"5 if there is no option of a name given.",
	.opts = options_opts,
	.operands = { COMPLETES_OPTION_NAME },
	.min = 0,
	.max = -1,
};
