/* SPDX-License-Identifier: GPL-2.0 */
/* What an index consists of, for index.c and match.c. */
#ifndef MQ_TOPIC_RULE_H
#define MQ_TOPIC_RULE_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "topic/filter.h"
#include "topic/table.h"
#include "topic/trie.h"

struct mq_rule;

/**
 * struct mq_posting - a header by which a rule is found
 * @hashed: in mq_index.postings, by the header and the end of the pattern
 * @rule: the rule
 * @pair: the header
 */
struct mq_posting {
	struct mq_hashed	hashed;
	struct mq_rule		*rule;
	const struct mq_pair	*pair;
};

/**
 * struct mq_rule - a filter, and the bindings that have it
 * @hashed: in mq_index.rules, by the text of the filter
 * @rcu: to free it
 * @filter: the filter
 * @word: the last word of its pattern; NULL: it has none
 * @end: where its pattern ends
 * @bound: the bindings
 * @idle: in mq_index.idle, if it has no bindings any more
 * @count: how many bindings it has
 * @prepared: how many are about to be added
 * @salt: what makes the hash of a target one of a binding here
 * @postings: how many headers it is found by; 0: it asks for none
 * @posting: these: all pairs of one group
 */
struct mq_rule {
	struct mq_hashed	hashed;
	struct rcu_head		rcu;
	struct mq_filter	*filter;
	struct mq_word		*word;
	struct mq_end		*end;
	struct hlist_head	bound;
	struct list_head	idle;
	u32			count;
	u32			prepared;
	u32			salt;
	u32			postings;
	struct mq_posting	posting[];
};

/**
 * struct mq_index - the index of a topic's bindings
 * @trie: the patterns
 * @rules: the rules, by their text
 * @postings: the headers by which rules are found
 * @bounds: the bindings, by rule and target; no search looks there
 * @idle: rules without bindings
 * @generation: changes with each binding that comes or goes, and before anything is freed
 * @rcu: to free it
 */
struct mq_index {
	struct mq_trie		trie;
	struct mq_table		rules;
	struct mq_table		postings;
	struct mq_table		bounds;
	struct list_head	idle;
	u64			generation;
	struct rcu_head		rcu;
};

/* Return true if the posting is of an end and of these bytes. */
static inline bool mq_posting_is(const struct mq_posting *p,
				 const struct mq_end *end, const void *at,
				 size_t name_size, size_t size)
{
	return p->rule->end == end && p->pair->size == size &&
	       p->pair->name_size == name_size &&
	       memcmp(p->pair->at, at, size) == 0;
}

#endif /* MQ_TOPIC_RULE_H */
