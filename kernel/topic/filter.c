// SPDX-License-Identifier: GPL-2.0
/*
 * Filters. A filter has any of these words:
 *
 *	key=PATTERN		once. The key consists of words with dots between
 *				them; an empty key has none. In the pattern, the
 *				word * takes one word, # any number, and any
 *				other word itself
 *	header.NAME=VALUE	the message has a header of this name and value
 *
 * A message is taken if the pattern takes its key, and if for each NAME it has
 * a header of this name with one of the values that the filter has for it. A
 * message may have several headers of one name, and any of them will do.
 *
 * The same words in another order are the same filter.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/devmq.h>

#include "base/base.h"
#include "topic/filter.h"

#define MQ_WORD_KEY	"key="
#define MQ_WORD_HEADER	"header."

/* Say what is wrong with the word that is looked at. */
static int mq_fault(struct mq_filter_fault *fault, int err, const char *what)
{
	fault->what = what;
	return err;
}

/* Check one word of a pattern. */
static int mq_pattern_word(const char *at, size_t size, unsigned int *hashes,
			   bool *wildcard, struct mq_filter_fault *fault)
{
	const char *p;

	for (p = at; p < at + size; p++) {
		if (*p != '*' && *p != '#')
			continue;
		if (size != 1)
			return mq_fault(fault, -EINVAL,
					"* and # have to be whole words, between dots");
		*wildcard = true;
		if (*p == '#' && ++*hashes > MQ_FILTER_HASHES)
			return mq_fault(fault, -E2BIG,
					"the pattern has more than 2 words #");
	}
	return 0;
}

/*
 * Check the pattern, and count its words. Only one with wildcards is limited in
 * its words: any other is compared with the key as a whole.
 */
static int mq_pattern_check(struct mq_filter *f, const char *pattern,
			    struct mq_filter_fault *fault)
{
	unsigned int words = 0, hashes = 0;
	size_t size = strlen(pattern), n;
	const char *at = pattern;
	int err;

	if (size > DEVMQ_KEY_MAX)
		return mq_fault(fault, -E2BIG, "the pattern is longer than any key");
	f->pattern_size = size;
	while (size && at <= pattern + size) {
		n = strcspn(at, ".");
		err = mq_pattern_word(at, n, &hashes, &f->wildcards, fault);
		if (err)
			return err;
		words++;
		at += n + 1;
	}
	if (f->wildcards && words > MQ_FILTER_WORDS)
		return mq_fault(fault, -E2BIG, "the pattern has more than 16 words");
	return 0;
}

/* Check a word header.NAME=VALUE, whose part behind the dot is @at. */
static int mq_pair_check(struct mq_filter *f, const char *at,
			 struct mq_filter_fault *fault)
{
	const char *p;

	for (p = at; isascii(*p) && isgraph(*p) && *p != '='; p++)
		;
	if (p == at)
		return mq_fault(fault, -EINVAL, "the header has no name");
	if (*p != '=')
		return mq_fault(fault, -EINVAL, *p ?
				"a header's name is printable ASCII" :
				"the header has no value: header.NAME=VALUE");
	if (p - at > 255)
		return mq_fault(fault, -E2BIG, "the header's name is longer than 255 bytes");
	if (f->pairs == MQ_FILTER_HEADERS)
		return mq_fault(fault, -E2BIG, "the filter has more than 16 headers");
	f->pair[f->pairs].at = at;
	f->pair[f->pairs].name_size = p - at;
	f->pair[f->pairs++].size = strlen(at) - 1;	/* without the "=" */
	return 0;
}

/* Check one word of a filter, and note in @f what it asks for. */
static int mq_filter_word(struct mq_filter *f, const char *word,
			  struct mq_filter_fault *fault)
{
	if (strncmp(word, MQ_WORD_HEADER, strlen(MQ_WORD_HEADER)) == 0)
		return mq_pair_check(f, word + strlen(MQ_WORD_HEADER), fault);
	if (strncmp(word, MQ_WORD_KEY, strlen(MQ_WORD_KEY)) != 0)
		return mq_fault(fault, -EINVAL,
				"a filter is key=PATTERN or header.NAME=VALUE");
	if (f->has_key)
		return mq_fault(fault, -EINVAL, "the filter has two patterns");
	f->has_key = true;
	f->pattern = word + strlen(MQ_WORD_KEY);
	return mq_pattern_check(f, f->pattern, fault);
}

/* Sort by name, then by value. */
static int mq_pair_compare(const void *a, const void *b)
{
	const struct mq_pair *x = a, *y = b;
	int by = memcmp(x->at, y->at, min(x->name_size, y->name_size));

	if (!by)
		by = x->name_size - y->name_size;
	if (!by)
		by = strcmp(x->at, y->at);
	return by;
}

/* Sort the headers, leave out what is there twice, and number the names. */
static void mq_pairs_sort(struct mq_filter *f)
{
	struct mq_pair *pair, *last = NULL;
	unsigned int i;

	sort(f->pair, f->pairs, sizeof(f->pair[0]), mq_pair_compare, NULL);
	for (i = 0; i < f->pairs; i++) {
		pair = &f->pair[i];
		if (last && mq_pair_compare(last, pair) == 0)
			continue;
		if (!last || last->name_size != pair->name_size ||
		    memcmp(last->at, pair->at, pair->name_size) != 0)
			f->groups++;
		last = last ? last + 1 : f->pair;
		*last = *pair;
		last->group = f->groups - 1;
	}
	f->pairs = last ? last - f->pair + 1 : 0;
}

/* Append @begin and @rest to the text, and return where @rest is there. */
static const char *mq_text_append(struct mq_filter *f, const char *begin,
				  const char *rest)
{
	size_t n = strlen(begin), m = strlen(rest) + 1;
	char *at = f->text + f->text_size;

	memcpy(at, begin, n);
	memcpy(at + n, rest, m);
	f->text_size += n + m;
	return at + n;
}

/*
 * Write the text of @f, and behind it the headers without a "=" between name and
 * value. Let what @f asks for point there.
 */
static void mq_filter_write(struct mq_filter *f)
{
	struct mq_pair *pair;
	unsigned int i;
	char *at;

	f->text_size = 0;
	if (f->has_key)
		f->pattern = mq_text_append(f, MQ_WORD_KEY, f->pattern);
	for (i = 0; i < f->pairs; i++)
		f->pair[i].at = mq_text_append(f, MQ_WORD_HEADER, f->pair[i].at);
	at = f->text + f->text_size;
	for (i = 0; i < f->pairs; i++) {
		pair = &f->pair[i];
		memcpy(at, pair->at, pair->name_size);
		memcpy(at + pair->name_size, pair->at + pair->name_size + 1,
		       pair->size - pair->name_size);
		pair->at = at;
		at += pair->size;
	}
}

/*
 * Make a filter of @count words. Return: the filter, or ERR_PTR: -EINVAL or
 * -E2BIG, and @fault says why; -ENOMEM.
 */
struct mq_filter *mq_filter_make(const char *const *words, unsigned int count,
				 struct mq_filter_fault *fault)
{
	struct mq_filter *f;
	size_t size = 0;
	unsigned int i, pairs;
	int err;

	for (i = 0; i < count; i++) {
		size += strlen(words[i]) + 1;
		if (size > MQ_FILTER_TEXT) {
			fault->word = i;
			fault->what = "the filter is longer than 4096 bytes";
			return ERR_PTR(-E2BIG);
		}
	}
	pairs = min_t(unsigned int, count, MQ_FILTER_HEADERS);
	f = kzalloc(struct_size(f, pair, pairs) + 2 * size, MQ_GFP);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->text = (char *)&f->pair[pairs];
	for (i = 0; i < count; i++) {
		fault->word = i;
		err = mq_filter_word(f, words[i], fault);
		if (err) {
			mq_filter_free(f);
			return ERR_PTR(err);
		}
	}
	mq_pairs_sort(f);
	mq_filter_write(f);
	return f;
}

/*
 * Make a filter of words that are each ended by a zero byte. Return: as
 * mq_filter_make(); EINVAL also if the last one has no end.
 */
struct mq_filter *mq_filter_of_text(const char *text, size_t size)
{
	const char *words[DEVMQ_FILTER_TERMS], *end = text + size;
	struct mq_filter_fault fault;
	unsigned int n = 0;

	if (size && end[-1])
		return ERR_PTR(-EINVAL);
	for (; text < end; text += strlen(text) + 1) {
		if (n == ARRAY_SIZE(words))
			return ERR_PTR(-E2BIG);
		words[n++] = text;
	}
	return mq_filter_make(words, n, &fault);
}

void mq_filter_free(struct mq_filter *f)
{
	kfree(f);
}
