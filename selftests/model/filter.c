// SPDX-License-Identifier: GPL-2.0
/*
 * Keys and headers, and the filters that take them.
 */
#include <stdbool.h>
#include <string.h>

#include "model/filter.h"

const char * const key_texts[MODEL_KEYS] = {
	"a", "bb", "ccc", "dddd", "a.b", "a.b.c", "c.b", "a..c", "b.a.b.a",
};

const char * const pattern_texts[MODEL_PATTERNS] = {
	"#", "a.#", "*.b", "a.*.c", "#.b", "a.b", "*", "#.b.#", "a.#.c", "ccc",
};

const struct header_term header_terms[MODEL_TERMS] = {
	{ "n", "val" }, { "n", "other" }, { "m", "x" }, { "m", "" },
};

const unsigned int header_kinds[MODEL_HEADERS] = { 0, 0x1, 0x2, 0x5, 0x8 };

unsigned int key_size(int key)
{
	return key < 0 ? 0 : strlen(key_texts[key]);
}

unsigned int headers_size(int header)
{
	unsigned int i, size = 0;

	for (i = 0; i < MODEL_TERMS; i++)
		if (header_kinds[header] & 1U << i)
			size += sizeof(struct devmq_header) +
				strlen(header_terms[i].name) +
				strlen(header_terms[i].value);
	return size;
}

/* The word behind this one, or NULL. */
static const char *next_word(const char *word)
{
	const char *dot = strchr(word, '.');

	return dot ? dot + 1 : NULL;
}

static bool same_word(const char *a, const char *b)
{
	size_t size = strcspn(a, ".");

	return size == strcspn(b, ".") && !memcmp(a, b, size);
}

/* Does the pattern take the key? NULL stands for no more words. */
static bool matches(const struct model *m, const char *pattern, const char *key)
{
	if (!pattern)
		return !key;
	if (same_word(pattern, "#"))
		return matches(m, next_word(pattern), key) ||
		       (key && matches(m, pattern, next_word(key)));
	if (!key)
		return false;
	if (same_word(pattern, "*")) {
		if (m->mutation == MUTATION_STAR_IS_MANY &&
		    matches(m, pattern, next_word(key)))
			return true;
	} else if (!same_word(pattern, key)) {
		return false;
	}
	return matches(m, next_word(pattern), next_word(key));
}

bool takes(const struct model *m, const struct model_filter *f,
	   const struct model_entry *e)
{
	const char *key = e->key < 0 ? NULL : key_texts[e->key];
	unsigned int i, j;
	bool any;

	if (f->pattern >= 0 && !matches(m, pattern_texts[f->pattern], key))
		return false;
	for (i = 0; i < MODEL_TERMS; i++) {
		if (!(f->terms & 1U << i))
			continue;
		/* One of the terms with this name is enough. */
		any = false;
		for (j = 0; j < MODEL_TERMS; j++)
			any |= !strcmp(header_terms[i].name, header_terms[j].name) &&
			       f->terms & header_kinds[e->header] & 1U << j;
		if (!any)
			return false;
	}
	return true;
}

bool same_filter(const struct model_filter *a, const struct model_filter *b)
{
	return a->pattern == b->pattern && a->terms == b->terms;
}
