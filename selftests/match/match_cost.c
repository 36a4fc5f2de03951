// SPDX-License-Identifier: GPL-2.0
/*
 * match_cost KIND BINDINGS: searches among so many bindings, of which one takes
 * the message, for valgrind to count their instructions: see cost.
 */
#include <stdio.h>

#include "set.h"

#define SEARCHES	1000

static const struct {
	const char *name;
	const char *words;
	const char *key;
	const char *header;
} kinds[] = {
	{ "key", "key=orders.eu.customer%d", "orders.eu.customer0", NULL },
	{ "star", "key=orders.*.customer%d", "orders.eu.customer0", NULL },
	{ "hash", "key=orders.customer%d.#", "orders.customer0.eu.new", NULL },
	{ "inner", "key=#.customer%d.*.new", "orders.customer0.eu.new", NULL },
	{ "header", "header.customer=%d", "orders", "0" },
	{ "both", "key=orders.* header.customer=%d", "orders.eu", "0" },
	{ "headers", "header.customer=%d header.type=order", "orders", "0" },
};

/* Valgrind counts what is in here. */
__attribute__((noinline)) int measured(const struct mq_index *x,
				       const struct message *m,
				       struct mq_matches *s)
{
	int i, found = 0;

	for (i = 0; i < SEARCHES; i++) {
		mq_matches_begin(s);
		found += mq_match(x, &m->m, s);
	}
	return found;
}

int main(int argc, char **argv)
{
	int i, bindings = argc > 2 ? atoi(argv[2]) : 0, kind;
	struct binding *many = calloc(bindings, sizeof(*many));
	struct mq_index *x = mq_index_alloc();
	struct mq_matches s = { };
	static struct message m;
	const char *what;
	char words[300];

	for (kind = 0; strcmp(kinds[kind].name, argv[1]); kind++)
		;
	for (i = 0; i < bindings; i++) {
		sprintf(words, kinds[kind].words, i);
		if (set_bind(x, &many[i], &many[i], words, &what) < 0)
			break;
	}
	set_message(&m, kinds[kind].key);
	if (kinds[kind].header) {
		set_header(&m, "type", "order");
		set_header(&m, "customer", kinds[kind].header);
	}
	set_search(x, &m, &s);
	if (measured(x, &m, &s) != SEARCHES || s.count != 1)
		return 1;
	printf("%d\n", i);
	return 0;
}
