// SPDX-License-Identifier: GPL-2.0
/* Bindings for the tests, and a simple answer to what takes a message. */
#include <stdio.h>
#include <linux/devmq.h>

#include "set.h"

/* Take the words apart: there are single blanks between them. */
void set_words(struct binding *b, const char *words)
{
	size_t n;

	for (b->count = 0; *words; words += n + (words[n] == ' ')) {
		n = strcspn(words, " ");
		snprintf(b->words[b->count++], sizeof(b->words[0]), "%.*s",
			 (int)n, words);
	}
}

/* Bind @target by a filter of these words. Return: 0 or what went wrong. */
int set_bind(struct mq_index *x, struct binding *b, void *target,
	     const char *words, const char **what)
{
	struct mq_filter_fault fault = { };
	const char *each[WORDS_MAX];
	struct mq_filter *f;
	struct mq_rule *r;
	int i;

	*what = NULL;
	memset(b, 0, sizeof(*b));
	set_words(b, words);
	for (i = 0; i < b->count; i++)
		each[i] = b->words[i];
	f = mq_filter_make(each, b->count, &fault);
	if (IS_ERR(f)) {
		*what = fault.what;
		return PTR_ERR(f);
	}
	b->b.target = target;
	r = mq_index_prepare(x, f, target, what);
	if (IS_ERR(r))
		return PTR_ERR(r);
	mq_index_add(x, r, &b->b);
	b->bound = true;
	return 0;
}

void set_unbind(struct mq_index *x, struct binding *b)
{
	mq_index_remove(x, &b->b);
	b->bound = false;
}

void set_message(struct message *m, const char *key)
{
	m->m.key_size = strlen(key);
	memcpy(m->key, key, m->m.key_size);
	m->m.key = m->key;
	m->m.headers = m->headers;
	m->m.headers_size = 0;
}

void set_header(struct message *m, const char *name, const char *value)
{
	struct devmq_header h = { strlen(name), strlen(value) };
	u8 *p = m->headers + m->m.headers_size;

	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), name, h.name_size);
	memcpy(p + sizeof(h) + h.name_size, value, h.value_size);
	m->m.headers_size += sizeof(h) + h.name_size + h.value_size;
}

/* Search, with as much room as it takes. */
int set_search(const struct mq_index *x, const struct message *m,
	       struct mq_matches *s)
{
	int err;

	for (;;) {
		mq_matches_begin(s);
		err = mq_match(x, &m->m, s);
		if (err != -ENOSPC)
			return err;
		err = mq_matches_grow(s);
		if (err)
			return err;
	}
}

bool set_found(const struct mq_matches *s, const void *target)
{
	u32 i, times = 0;

	for (i = 0; i < s->count; i++)
		times += s->found[i]->target == target;
	if (times > 1)
		abort();
	return times;
}

/* -- the simple answer ----------------------------------------------------- */

/* Return what is behind the first word of @s, or NULL: it was the last one. */
static const char *behind(const char *s)
{
	const char *dot = strchr(s, '.');

	return dot ? dot + 1 : NULL;
}

static bool same_word(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && memcmp(a, b, n) == 0;
}

/* NULL: there are no words any more. */
static bool takes(const char *pattern, const char *key)
{
	if (!pattern)
		return !key;
	if (same_word(pattern, "#"))
		return takes(behind(pattern), key) ||
		       (key && takes(pattern, behind(key)));
	return key && (same_word(pattern, "*") || same_word(pattern, key)) &&
	       takes(behind(pattern), behind(key));
}

bool simple_pattern(const char *pattern, const char *key)
{
	return takes(*pattern ? pattern : NULL, *key ? key : NULL);
}

/* The message has this header: NAME=VALUE. */
static bool has_header(const struct message *m, const char *pair)
{
	size_t name = strcspn(pair, "="), value = strlen(pair) - name - 1;
	const u8 *p = m->headers, *end = p + m->m.headers_size;
	struct devmq_header h;

	while (p < end) {
		memcpy(&h, p, sizeof(h));
		p += sizeof(h);
		if (h.name_size == name && h.value_size == value &&
		    memcmp(p, pair, name) == 0 &&
		    memcmp(p + name, pair + name + 1, value) == 0)
			return true;
		p += h.name_size + h.value_size;
	}
	return false;
}

/* The message has a header that this word asks for, or another one of its name. */
static bool has_any(const struct binding *b, const struct message *m,
		    const char *word)
{
	size_t name = strcspn(word, "=") + 1;
	int i;

	for (i = 0; i < b->count; i++)
		if (strncmp(b->words[i], word, name) == 0 &&
		    has_header(m, b->words[i] + strlen("header.")))
			return true;
	return false;
}

bool simple_takes(const struct binding *b, const struct message *m)
{
	char key[257] = "";
	int i;

	memcpy(key, m->key, m->m.key_size);
	for (i = 0; i < b->count; i++)
		if (strncmp(b->words[i], "key=", 4) == 0 ?
		    !simple_pattern(b->words[i] + 4, key) :
		    !has_any(b, m, b->words[i]))
			return false;
	return true;
}
