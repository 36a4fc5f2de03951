/* SPDX-License-Identifier: GPL-2.0 */
/* Bindings for the tests, and a simple answer to what takes a message: set.c. */
#ifndef MATCH_SET_H
#define MATCH_SET_H

#include "topic/match.h"
#include "user.h"

#define WORDS_MAX	20

/* A binding, and the words that its filter was made of. */
struct binding {
	struct mq_bound b;
	char words[WORDS_MAX][300];
	int count;
	bool bound;
};

/* A message. */
struct message {
	u8 key[256];
	u8 headers[65536];
	struct mq_matched m;
};

void set_words(struct binding *b, const char *words);
int set_bind(struct mq_index *x, struct binding *b, void *target,
	     const char *words, const char **what);
void set_unbind(struct mq_index *x, struct binding *b);
void set_message(struct message *m, const char *key);
void set_header(struct message *m, const char *name, const char *value);
int set_search(const struct mq_index *x, const struct message *m,
	       struct mq_matches *s);
bool set_found(const struct mq_matches *s, const void *target);
bool simple_pattern(const char *pattern, const char *key);
bool simple_takes(const struct binding *b, const struct message *m);

#endif /* MATCH_SET_H */
