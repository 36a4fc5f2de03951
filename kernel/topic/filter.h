/* SPDX-License-Identifier: GPL-2.0 */
/* What a binding takes: the words of its filter, checked. See filter.c. */
#ifndef MQ_TOPIC_FILTER_H
#define MQ_TOPIC_FILTER_H

#include <linux/types.h>

/* The most words of a pattern, and of these the most that are "#". */
#define MQ_FILTER_WORDS		16
#define MQ_FILTER_HASHES	2
/* The most words header.NAME=VALUE, and the most bytes of all words together. */
#define MQ_FILTER_HEADERS	16
#define MQ_FILTER_TEXT		4096

/**
 * enum mq_word_kind - what a word of a pattern takes
 * @MQ_WORD_TEXT: itself
 * @MQ_WORD_ONE: "*", one word
 * @MQ_WORD_ANY: "#", any number of words, none included
 */
enum mq_word_kind { MQ_WORD_TEXT, MQ_WORD_ONE, MQ_WORD_ANY };

/**
 * struct mq_pair - a header that a filter asks for
 * @at: the name and the value, one directly behind the other, as in a message
 * @name_size: bytes of the name
 * @size: bytes of both
 * @group: pairs with the same name have the same one, counted from 0; one of
 *	them is enough
 * @hash: hash of @at, with the key of the index that has the filter
 */
struct mq_pair {
	const char	*at;
	u16		name_size;
	u16		size;
	u16		group;
	u32		hash;
};

/**
 * struct mq_filter - what a binding takes
 * @rcu: to free it when searches may have it
 * @text_size: bytes of @text
 * @pattern_size: bytes of the pattern
 * @has_key: there is a word key=PATTERN
 * @wildcards: the pattern has words that are "*" or "#"
 * @pairs: how many headers the filter asks for
 * @groups: how many names these have; one pair of each name has to be there
 * @pattern: the pattern, in @text
 * @text: the words in their canonical order, key first, each ended by a NUL.
 *	Two filters with the same text are the same filter
 * @pair: the headers, sorted by name and value
 */
struct mq_filter {
	struct rcu_head	rcu;
	u16		text_size;
	u16		pattern_size;
	bool		has_key;
	bool		wildcards;
	u8		pairs;
	u8		groups;
	const char	*pattern;
	char		*text;
	struct mq_pair	pair[];
};

/**
 * struct mq_filter_fault - why a filter is refused
 * @word: number of the offending word, from 0
 * @what: what is wrong with it, for the line that the control node answers:
 *	"the pattern has more than 16 words"
 */
struct mq_filter_fault {
	unsigned int	word;
	const char	*what;
};

struct mq_filter *mq_filter_make(const char *const *words, unsigned int count,
				 struct mq_filter_fault *fault);
struct mq_filter *mq_filter_of_text(const char *text, size_t size);
void mq_filter_free(struct mq_filter *f);

#endif /* MQ_TOPIC_FILTER_H */
