/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bindings of a topic take a message. To publish:
 *
 *	mq_matches_begin(s);
 *	rcu_read_lock();
 *	generation = mq_index_generation(index);
 *	err = mq_match(index, &message, s);
 *	... mq_match() of each found target that is a topic
 *	rcu_read_unlock();
 *	if (err == -ENOSPC)	mq_matches_grow(s), and again from the beginning
 *	the turn is taken
 *	if (mq_index_generation(index) != generation)	again from the beginning
 *
 * See match.c for what a search costs.
 */
#ifndef MQ_TOPIC_MATCH_H
#define MQ_TOPIC_MATCH_H

#include <linux/types.h>

#include "topic/index.h"
#include "topic/matches.h"

/**
 * struct mq_matched - a message that is to be routed
 * @key: its key, any bytes
 * @headers: its headers, well-formed, as struct devmq_header describes them
 * @key_size: bytes of the key; 0: it has no words
 * @headers_size: bytes of the headers
 */
struct mq_matched {
	const u8	*key;
	const u8	*headers;
	u16		key_size;
	u16		headers_size;
};

int mq_match(const struct mq_index *x, const struct mq_matched *m,
	     struct mq_matches *s);

#endif /* MQ_TOPIC_MATCH_H */
