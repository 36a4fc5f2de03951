// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "mqctl.h"

#define KEY	"key="
#define HEADER	"header."

PRINTF(2, 3)
static bool refuse(char why[FILTER_WHY_MAX], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, FILTER_WHY_MAX, format, ap);
	va_end(ap);
	return false;
}

bool filter_check(const char *word, char why[FILTER_WHY_MAX])
{
	if (strpbrk(word, "\n\r"))
		return refuse(why, "'%s' has a line's end in it", word);
	if (!strncmp(word, KEY, strlen(KEY)))
		return true;
	if (!strncmp(word, HEADER, strlen(HEADER)) &&
	    strcspn(word + strlen(HEADER), "=") > 0 && strchr(word, '='))
		return true;
	return refuse(why, "'%s' is neither key=PATTERN nor header.NAME=VALUE",
		      word);
}

bool filter_is_plain(const char *const *filter)
{
	for (; *filter; filter++) {
		if (strpbrk(*filter, " \t\r\n"))
			return false;
	}
	return true;
}

static bool has_word(const char *const *filter, const char *word)
{
	for (; *filter; filter++) {
		if (!strcmp(*filter, word))
			return true;
	}
	return false;
}

/* Whether all words of @a are in @b. */
static bool is_part(const char *const *a, const char *const *b)
{
	for (; *a; a++) {
		if (!has_word(b, *a))
			return false;
	}
	return true;
}

bool filter_same(const char *const *a, const char *const *b)
{
	return is_part(a, b) && is_part(b, a);
}

char *filter_text(const char *const *filter)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (i = 0; filter[i]; i++)
		fprintf(out, "%s%s", i ? " " : "", filter[i]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
