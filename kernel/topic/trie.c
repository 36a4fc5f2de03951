// SPDX-License-Identifier: GPL-2.0
/*
 * The patterns of an index, as a trie of words. Patterns without wildcards are
 * not taken apart, but are in the same table as whole keys.
 *
 * A word is linked before any rule ends at it or behind it, and unlinked after
 * the last one has gone, so searches find the same with it and without it.
 *
 * The bounds of a search are kept by counting shapes (struct mq_shape), which
 * only changes look at.
 */
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/base.h"
#include "memory/budget.h"
#include "topic/trie.h"

/**
 * struct mq_shape - words of all patterns that look alike: the same kinds of
 * words lead to them
 * @parent: the shape without the last word
 * @next: the shapes with one more word, by its kind
 * @users: words of this shape, and shapes in @next
 * @inner: how many of the words have others behind them
 * @headed: how many of the words end patterns of filters that ask for headers
 */
struct mq_shape {
	struct mq_shape	*parent;
	struct mq_shape	*next[MQ_WORD_ANY + 1];
	u32		users;
	u32		inner;
	u32		headed;
};

static u32 mq_salt(struct mq_trie *t)
{
	t->salts += 0x9e3779b9;
	return t->salts;
}

/* Return: 0 or -ENOMEM. */
int mq_trie_init(struct mq_trie *t)
{
	t->root.shape = kzalloc(sizeof(*t->root.shape), MQ_GFP);
	if (!t->root.shape)
		return -ENOMEM;
	t->root.shape->users = 1;
	get_random_bytes(&t->secret, sizeof(t->secret));
	t->root.kind = MQ_WORD_ONE;
	t->root.salt = mq_salt(t);
	t->whole.salt = mq_salt(t);
	t->all.salt = mq_salt(t);
	return 0;
}

/* There are no patterns any more. */
void mq_trie_exit(struct mq_trie *t)
{
	mq_table_free(&t->words);
	kfree(t->root.shape);
}

/* -- shapes ---------------------------------------------------------------- */

static struct mq_shape *mq_shape_get(struct mq_shape *parent, u8 kind)
{
	struct mq_shape *s = parent->next[kind];

	if (!s) {
		s = kzalloc(sizeof(*s), MQ_GFP);
		if (!s)
			return NULL;
		s->parent = parent;
		parent->next[kind] = s;
		parent->users++;
	}
	s->users++;
	return s;
}

static void mq_shape_put(struct mq_shape *s)
{
	struct mq_shape *parent;
	int i;

	while (--s->users == 0) {
		parent = s->parent;
		for (i = 0; i <= MQ_WORD_ANY; i++)
			if (parent->next[i] == s)
				parent->next[i] = NULL;
		kfree(s);
		s = parent;
	}
}

/* Return the counter that a word which others are behind counts in. */
static u32 *mq_inner_counter(struct mq_trie *t, const struct mq_word *w)
{
	return w->hashes ? &t->behind : &t->shapes;
}

/* The first word was linked behind @w. */
static void mq_word_enters(struct mq_trie *t, struct mq_word *w)
{
	u32 *counter = mq_inner_counter(t, w);

	if (w->shape && (w->shape->inner++ == 0 || w->hashes > 1))
		WRITE_ONCE(*counter, *counter + 1);
}

/* The last word behind @w was unlinked. */
static void mq_word_leaves(struct mq_trie *t, struct mq_word *w)
{
	u32 *counter = mq_inner_counter(t, w);

	if (w->shape && (--w->shape->inner == 0 || w->hashes > 1))
		WRITE_ONCE(*counter, *counter - 1);
}

/*
 * One more filter with headers has the pattern that ends at @w; NULL: it has no
 * pattern. Return: 0, or -E2BIG, and @what says why.
 */
int mq_end_headed(struct mq_trie *t, struct mq_end *end, struct mq_word *w,
		  const char **what)
{
	bool counts = !end->headed && w && w->shape &&
		      (!w->shape->headed || w->hashes > 1);

	if (counts && t->headed == MQ_HEADED_MAX) {
		*what = "too many kinds of patterns with headers";
		return -E2BIG;
	}
	if (counts)
		t->headed++;
	if (!end->headed && w && w->shape)
		w->shape->headed++;
	WRITE_ONCE(end->headed, end->headed + 1);
	return 0;
}

void mq_end_unheaded(struct mq_trie *t, struct mq_end *end, struct mq_word *w)
{
	WRITE_ONCE(end->headed, end->headed - 1);
	if (end->headed || !w || !w->shape)
		return;
	if (--w->shape->headed == 0 || w->hashes > 1)
		t->headed--;
}

/* -- words ----------------------------------------------------------------- */

/* Return the place where @parent has its next word of this kind. */
static struct mq_word __rcu **mq_word_place(struct mq_word *parent, u8 kind)
{
	return kind == MQ_WORD_ONE ? &parent->one : &parent->any;
}

static struct mq_word *mq_word_alloc(struct mq_trie *t, struct mq_word *parent,
				     u8 kind, const char *text, size_t size)
{
	struct mq_word *w;

	w = kzalloc(sizeof(*w) + size, MQ_GFP);
	if (!w)
		return NULL;
	if (parent->shape) {
		w->shape = mq_shape_get(parent->shape, kind);
		if (!w->shape) {
			kfree(w);
			return NULL;
		}
	}
	memcpy(w + 1, text, size);
	w->text = (const u8 *)(w + 1);
	w->size = size;
	w->parent = parent;
	w->kind = kind;
	w->hashes = parent->hashes + (kind == MQ_WORD_ANY);
	w->salt = mq_salt(t);
	w->end.salt = mq_salt(t);
	return w;
}

static void mq_word_link(struct mq_trie *t, struct mq_word *w)
{
	struct mq_word *parent = w->parent;

	parent->users++;
	if (parent->nexts == 0)
		mq_word_enters(t, parent);
	if (w->kind == MQ_WORD_TEXT) {
		mq_table_add(&t->words, &w->hashed,
			     mq_trie_hash(t, w->text, w->size) ^ parent->salt);
		WRITE_ONCE(parent->texts, parent->texts + 1);
	} else {
		rcu_assign_pointer(*mq_word_place(parent, w->kind), w);
	}
	WRITE_ONCE(parent->nexts, parent->nexts + 1);
}

static void mq_word_unlink(struct mq_trie *t, struct mq_word *w)
{
	struct mq_word *parent = w->parent;

	parent->users--;
	WRITE_ONCE(parent->nexts, parent->nexts - 1);
	if (w->kind == MQ_WORD_TEXT) {
		WRITE_ONCE(parent->texts, parent->texts - 1);
		mq_table_remove(&t->words, &w->hashed);
	} else {
		RCU_INIT_POINTER(*mq_word_place(parent, w->kind), NULL);
	}
	if (parent->nexts == 0)
		mq_word_leaves(t, parent);
}

/* Return the word behind @parent that is there already, or NULL. */
static struct mq_word *mq_word_find(struct mq_trie *t, struct mq_word *parent,
				    u8 kind, const char *text, size_t size)
{
	if (kind != MQ_WORD_TEXT)
		return rcu_dereference_protected(*mq_word_place(parent, kind),
						 true);
	return mq_word_behind(t, parent, text, size,
			      mq_trie_hash(t, text, size));
}

/* Find the word behind @parent, or make it. Return: the word, or NULL. */
static struct mq_word *mq_word_get(struct mq_trie *t, struct mq_word *parent,
				   u8 kind, const char *text, size_t size)
{
	struct mq_word *w = mq_word_find(t, parent, kind, text, size);

	if (w)
		return w;
	if (mq_table_reserve(&t->words, 1) < 0)
		return NULL;
	w = mq_word_alloc(t, parent, kind, text, size);
	if (w)
		mq_word_link(t, w);
	return w;
}

/* Free @w, and the words before it, as far as nobody uses them. */
static void mq_words_free(struct mq_trie *t, struct mq_word *w)
{
	struct mq_word *parent;

	while (!w->users && w->parent) {
		parent = w->parent;
		mq_word_unlink(t, w);
		if (w->shape)
			mq_shape_put(w->shape);
		kfree_rcu(w, rcu);
		w = parent;
	}
}

/* Return the last word of the pattern, or NULL if there is no memory. */
static struct mq_word *mq_pattern_get(struct mq_trie *t, const char *pattern)
{
	struct mq_word *w = &t->root, *next;
	size_t n;
	u8 kind;

	for (;;) {
		n = strcspn(pattern, ".");
		kind = n == 1 && *pattern == '*' ? MQ_WORD_ONE :
		       n == 1 && *pattern == '#' ? MQ_WORD_ANY : MQ_WORD_TEXT;
		next = mq_word_get(t, w, kind, pattern, n);
		if (!next) {
			mq_words_free(t, w);
			return NULL;
		}
		w = next;
		if (!pattern[n])
			return w;
		pattern += n + 1;
	}
}

/* Return: 0, or -E2BIG if searches could become too long, and @what says why. */
static int mq_trie_check(const struct mq_trie *t, const char **what)
{
	if (t->shapes > MQ_SHAPES_MAX) {
		*what = "too many kinds of patterns";
		return -E2BIG;
	}
	if (t->behind > MQ_BEHIND_MAX) {
		*what = "too many kinds of patterns that go on behind #";
		return -E2BIG;
	}
	return 0;
}

/*
 * Return the word with which the pattern of @f ends, or ERR_PTR: -ENOMEM;
 * -E2BIG, and @what says why. mq_trie_put() gives it back.
 */
struct mq_word *mq_trie_get(struct mq_trie *t, const struct mq_filter *f,
			    const char **what)
{
	struct mq_word *w;
	int err;

	w = f->wildcards ? mq_pattern_get(t, f->pattern) :
	    mq_word_get(t, &t->whole, MQ_WORD_TEXT, f->pattern, f->pattern_size);
	if (!w)
		return ERR_PTR(-ENOMEM);
	w->users++;
	err = mq_trie_check(t, what);
	if (err) {
		mq_trie_put(t, w);
		return ERR_PTR(err);
	}
	return w;
}

void mq_trie_put(struct mq_trie *t, struct mq_word *w)
{
	w->users--;
	mq_words_free(t, w);
}

/* Return what the pattern of a filter takes of memory at most. */
size_t mq_trie_cost(const struct mq_filter *f)
{
	size_t word = mq_kmalloc_bytes(sizeof(struct mq_word));
	const char *p = f->pattern;
	size_t words = 1;

	if (!f->has_key)
		return 0;
	if (!f->wildcards)
		return mq_kmalloc_bytes(sizeof(struct mq_word) + f->pattern_size) +
		       MQ_PLACE_COST;
	while ((p = strchr(p, '.'))) {
		p++;
		words++;
	}
	return words * (word + mq_kmalloc_bytes(sizeof(struct mq_shape)) +
			MQ_PLACE_COST) + 2 * f->pattern_size;
}

/* Give memory back that has become unused. May sleep. */
void mq_trie_trim(struct mq_trie *t)
{
	mq_table_trim(&t->words);
}
