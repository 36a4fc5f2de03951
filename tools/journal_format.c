// SPDX-License-Identifier: GPL-2.0
/*
 * Print the tables of devmq-journal(5), which journal_format.awk takes from the
 * kernel's sources: journal_format NAME, or journal_format -values.
 */
#include <stdio.h>
#include <string.h>

#include "journal/format.h"
#include "journal/pure.h"

struct shown {
	const char	*name;
	void		(*show)(void);
};

struct number {
	const char	*name;
	unsigned long	value;
};

/* Print a text of a comment; @name is another member. */
static void say(const char *text)
{
	const char *end;

	for (; *text; text++) {
		if (*text == '@') {
			end = text + 1 + strspn(text + 1,
						"abcdefghijklmnopqrstuvwxyz_.");
			/* The point at the end of a sentence is no part of it. */
			while (end[-1] == '.')
				end--;
			printf("\\fI%.*s\\fR", (int)(end - text - 1), text + 1);
			text = end - 1;
		} else if (*text == '-') {
			fputs("\\-", stdout);
		} else {
			putchar(*text);
		}
	}
}

static void begin(const char *heading)
{
	printf(".TS\nlb lb lb lb\nl l l lx.\n%s\n", heading);
}

/* A member; of an array without a length, the size of each. */
static void row(unsigned long offset, unsigned long size, const char *name,
		const char *type, const char *text)
{
	printf("%lu\t%lu%s\t%s\tT{\n", offset, size,
	       strstr(name, "[]") ? " each" : "", name);
	say(text);
	if (!strncmp(type, "struct ", 7))
		printf(" (%s)", type);
	puts("\nT}");
}

static void value(unsigned long number, const char *name, const char *text)
{
	printf("%lu\t\t%s\tT{\n", number, name);
	say(text);
	puts("\nT}");
}

static void end(unsigned long size, const char *rest)
{
	puts(".TE");
	if (size)
		printf(".PP\n%lu bytes in all.\n", size);
	if (*rest)
		say(rest);
	if (*rest)
		putchar('\n');
}

#include "journal_format.inc"

int main(int argc, char **argv)
{
	const struct number *n;
	const struct shown *s;

	if (argc > 1 && !strcmp(argv[1], "-values")) {
		for (n = numbers; n->name; n++)
			printf("s/@%s@/%lu/g\n", n->name, n->value);
		return 0;
	}
	for (s = shown; argc > 1 && s->name; s++) {
		if (!strcmp(s->name, argv[1])) {
			s->show();
			return 0;
		}
	}
	fprintf(stderr, "journal_format: no %s\n", argc > 1 ? argv[1] : "name");
	return 1;
}
