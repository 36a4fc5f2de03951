// SPDX-License-Identifier: GPL-2.0
/*
 * The options that a queue can have. The table is the kernel's own, of which
 * options.awk makes a copy when mqctl is built; where the module can be asked, it
 * is.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "mqctl.h"
#include "options.h"

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

bool option_find(const char *name, size_t name_size, char **text,
		 struct option_row *row)
{
	char *p;

	*text = option_text();
	for (p = *text; p && option_next(&p, row);) {
		if (strlen(row->name) == name_size &&
		    !memcmp(row->name, name, name_size))
			return true;
	}
	return false;
}

void option_guess(struct guess *guess)
{
	char *text = option_text(), *p = text;
	struct option_row row;

	while (p && option_next(&p, &row))
		guess_try(guess, row.name);
	free(text);
}
