/* SPDX-License-Identifier: GPL-2.0 */
/* What searches found: see matches.c. */
#ifndef MQ_TOPIC_MATCHES_H
#define MQ_TOPIC_MATCHES_H

#include <linux/types.h>

#include "topic/index.h"

/**
 * struct mq_matches - what a search found, and the room that it needs
 * @found: the bindings that take the message, one for each target
 * @count: how many these are
 * @room: how many @found has room for
 * @set: what was found, by address: targets, and words # that were met
 * @set_mask: how many places @set has, less one; 0: it has none
 * @used: the places in @set that are taken
 * @used_count: how many these are
 * @area: room for the search itself
 * @area_size: bytes of @area
 * @wants_found: @found is too small, it shall have room for so many
 * @wants_set: the same of @set
 * @wants_area: the same of @area
 * @pause: called in a long search, in which rcu_read_lock() may be dropped then. Returns
 *	false if what the index had then may be gone. NULL: is not called
 * @steps: how many steps the searches took, for the tests: words that were gone
 *	on from, headers that were looked up, and headers that were compared
 *
 * All zero: there is no room yet.
 */
struct mq_matches {
	struct mq_bound		**found;
	u32			count;
	u32			room;
	const void		**set;
	u32			set_mask;
	u32			used_count;
	u32			*used;
	void			*area;
	u32			area_size;
	u32			wants_found;
	u32			wants_set;
	u32			wants_area;
	bool			(*pause)(struct mq_matches *s);
	u64			steps;
};

void mq_matches_begin(struct mq_matches *s);
int mq_matches_mark(struct mq_matches *s, const void *what);
int mq_matches_add(struct mq_matches *s, struct mq_bound *b);
size_t mq_matches_wants(const struct mq_matches *s);
size_t mq_matches_size(const struct mq_matches *s);
int mq_matches_grow(struct mq_matches *s);
void mq_matches_free(struct mq_matches *s);

#endif /* MQ_TOPIC_MATCHES_H */
