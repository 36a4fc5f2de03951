// SPDX-License-Identifier: GPL-2.0
/*
 * The options that a queue can have. The table and the functions that print it are
 * the kernel's own, which options.awk takes from its sources; a module that is
 * loaded prints its own table, which may be of another version.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "mqctl.h"
#include "options.h"

/* What the kernel's sources use of other headers. */
#define SZ_64K			0x10000
#define SZ_1M			0x100000
#define SZ_16M			0x1000000
#define SZ_64M			0x4000000
#define SZ_256M			0x10000000
#define U16_MAX			UINT16_MAX
#define U32_MAX			UINT32_MAX
#define INT_MAX			INT32_MAX
#define sizeof_field(_t, _m)	sizeof(((_t *)0)->_m)
/* mqctl has no struct mq_options: where an option is in it does not matter. */
#define MQ_FIELD(_name)		.name = #_name

/* As in kernel/device/option.h. */
#define mq_option_is_name(_o) \
	((_o)->kind == MQ_QUEUE || (_o)->kind == MQ_JOURNAL)

typedef uint16_t u16;
typedef unsigned long long u64;

/* snprintf(3) that returns how many characters it has written. */
PRINTF(3, 4)
static int scnprintf(char *text, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, size, format, ap);
	va_end(ap);
	if (n < 0 || !size)
		return 0;
	return (size_t)n < size ? n : (int)size - 1;
}

#include "options.inc"

char *option_text_built_in(void)
{
	size_t size = 4096;
	char *text = NULL, *more;

	/* What fills the room to the end may have been cut off. */
	do {
		size *= 2;
		more = realloc(text, size);
		if (!more) {
			free(text);
			return NULL;
		}
		text = more;
	} while (mq_option_describe(text, size) >= size - 1);
	return text;
}

char *option_text(void)
{
	char *text;

	return devmq_option_table(&text) ? option_text_built_in() : text;
}

/* Cut the word that says what the option is for off the help, if it is there. */
static void take_types(struct option_row *row)
{
	static char queue[] = "queue";
	static const char *const words[] = { "queue", "topic", "both" };
	size_t i, size = strcspn(row->help, " ");

	row->types = queue;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (size == strlen(words[i]) &&
		    !memcmp(row->help, words[i], size) && row->help[size])
			row->types = strsep(&row->help, " ");
	}
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
	take_types(row);
	return true;
}

bool option_is_for(const struct option_row *row, bool topic)
{
	return !strcmp(row->types, "both") ||
	       !strcmp(row->types, topic ? "topic" : "queue");
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
