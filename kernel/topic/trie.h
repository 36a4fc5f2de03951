/* SPDX-License-Identifier: GPL-2.0 */
/* The structure of an index, which match.c searches. See trie.c. */
#ifndef MQ_TOPIC_TRIE_H
#define MQ_TOPIC_TRIE_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "topic/filter.h"
#include "topic/table.h"

struct mq_rule;
struct mq_shape;

/*
 * What bounds a search, however hostile the patterns and the key are.
 *
 * MQ_SHAPES_MAX: shapes that patterns begin with, before a "#"; a shape is a
 *	pattern in which all words that are neither "*" nor "#" look alike. At one
 *	depth a key fits one pattern of each shape at most
 * MQ_BEHIND_MAX: shapes that begin with a "#" or have one before, and go on
 *	behind; they are looked at again at each word of the key. Behind a second
 *	"#" it is not shapes that count, but patterns
 * MQ_HEADED_MAX: shapes of whole patterns with wildcards, whose filters ask for
 *	headers as well
 * MQ_POSTINGS_MAX: filters with the same pattern that are found by the same
 *	header, and have to be compared one by one
 */
#define MQ_SHAPES_MAX		4096
#define MQ_BEHIND_MAX		64
#define MQ_HEADED_MAX		16
#define MQ_POSTINGS_MAX		64

/**
 * struct mq_end - where patterns end: the filters that have this pattern
 * @plain: the rule that asks for no header, or NULL
 * @headed: how many rules ask for headers
 * @salt: what makes the hash of a header one of a header here
 */
struct mq_end {
	struct mq_rule __rcu	*plain;
	u32			headed;
	u32			salt;
};

/**
 * struct mq_word - a word of patterns, behind the same words before it
 * @hashed: in mq_trie.words, by @parent and @text, if it is neither * nor #
 * @rcu: to free it
 * @parent: the word before
 * @one: the word * behind it, or NULL
 * @any: the word # behind it, or NULL
 * @texts: how many other words are behind it
 * @nexts: how many words are behind it in all
 * @users: @nexts, and the rules whose pattern ends here
 * @end: the rules whose pattern ends here
 * @shape: what it looks like; NULL: it is a whole key
 * @text: its bytes
 * @size: how many they are
 * @kind: what it takes
 * @hashes: how many # there are up to here, this one included
 * @salt: what makes the hash of a text one of a word behind this one
 */
struct mq_word {
	struct mq_hashed	hashed;
	struct rcu_head		rcu;
	struct mq_word		*parent;
	struct mq_word __rcu	*one;
	struct mq_word __rcu	*any;
	u32			texts;
	u32			nexts;
	u32			users;
	struct mq_end		end;
	struct mq_shape		*shape;
	const u8		*text;
	u16			size;
	u8			kind;
	u8			hashes;
	u32			salt;
};

/**
 * struct mq_trie - the patterns of an index
 * @words: the words of all patterns, apart from wildcards, and the whole keys
 * @root: before the first word of patterns
 * @whole: behind it are the whole keys: patterns without wildcards, each as if
 *	it were a single word
 * @all: filters without a pattern
 * @secret: the key of all hashes
 * @salts: the last salt that was given
 * @shapes: shapes that count against MQ_SHAPES_MAX
 * @behind: what counts against MQ_BEHIND_MAX
 * @headed: what counts against MQ_HEADED_MAX
 */
struct mq_trie {
	struct mq_table		words;
	struct mq_word		root;
	struct mq_word		whole;
	struct mq_end		all;
	hsiphash_key_t		secret;
	u32			salts;
	u32			shapes;
	u32			behind;
	u32			headed;
};

int mq_trie_init(struct mq_trie *t);
void mq_trie_exit(struct mq_trie *t);
struct mq_word *mq_trie_get(struct mq_trie *t, const struct mq_filter *f,
			    const char **what);
void mq_trie_put(struct mq_trie *t, struct mq_word *w);
size_t mq_trie_cost(const struct mq_filter *f);
void mq_trie_trim(struct mq_trie *t);
int mq_end_headed(struct mq_trie *t, struct mq_end *end, struct mq_word *w,
		  const char **what);
void mq_end_unheaded(struct mq_trie *t, struct mq_end *end, struct mq_word *w);

/* Return the hash of some bytes. */
static inline u32 mq_trie_hash(const struct mq_trie *t, const void *at,
			       size_t size)
{
	return hsiphash(at, size, &t->secret);
}

/* Return the word behind @w with this text, whose hash is @hash, or NULL. */
static inline struct mq_word *mq_word_behind(const struct mq_trie *t,
					     const struct mq_word *w,
					     const void *text, size_t size,
					     u32 hash)
{
	const struct mq_buckets *b = mq_table_buckets(&t->words);
	struct mq_hashed *h;
	struct mq_word *next;

	for (h = mq_hashed_first(b, hash ^ w->salt); h;
	     h = mq_hashed_next(b, h)) {
		next = container_of(h, struct mq_word, hashed);
		if (next->parent == w && next->size == size &&
		    memcmp(next->text, text, size) == 0)
			return next;
	}
	return NULL;
}

#endif /* MQ_TOPIC_TRIE_H */
