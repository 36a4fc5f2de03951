// SPDX-License-Identifier: GPL-2.0
/*
 * Sends to a topic with many bindings of which one takes the message: what it
 * costs to find that one. The first row is a send to a queue by itself, and the last
 * a topic with the patterns that cost the most, as many as the module accepts.
 * Only sends count; the queue is emptied in between.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "bench.h"
#include "channel.h"
#include "peer.h"
#include "result.h"
#include "route.h"
#include "stat.h"

/* Sends that are measured together, and in a round, if none costs much. */
#define SENDS		64
#define ROUND		(8 * SENDS)
/* Words of hostile patterns without a word "#", and behind one. */
#define BEFORE		13
#define BEHIND		8

/**
 * struct kind_of_binding - a kind of patterns
 * @name: the name of its row
 * @pattern: the patterns, by number; NULL: there is no topic
 * @key: the key that the first of them takes, and no other one
 */
struct kind_of_binding {
	const char	*name;
	const char	*pattern;
	const char	*key;
};

static const struct kind_of_binding kinds[] = {
	{ "queue alone", NULL, "orders.eu.customer0" },
	{ "key", "key=orders.eu.customer%zu", "orders.eu.customer0" },
	{ "one *", "key=orders.*.customer%zu", "orders.eu.customer0" },
	{ "# last", "key=orders.customer%zu.#", "orders.customer0.eu.new" },
	{ "# first", "key=#.customer%zu.*.new", "orders.customer0.eu.new" },
};

/**
 * struct route - a topic, and queues that are bound to it
 * @taker: gets the messages
 * @other: all bindings that take nothing lead there
 * @topic: the topic's name
 * @tx: where to send
 * @rx: where to receive
 */
struct route {
	char			taker[DEVMQ_NAME_SIZE];
	char			other[DEVMQ_NAME_SIZE];
	char			topic[DEVMQ_NAME_SIZE];
	struct devmq_queue	*tx;
	struct devmq_queue	*rx;
	struct devmq_batch	*batch;
	struct devmq_buffer	*buffer;
};

static int make(char name[DEVMQ_NAME_SIZE], const char *options)
{
	char reason[160];
	int err;

	snprintf(name, DEVMQ_NAME_SIZE, "%s", fresh_name());
	err = devmq_create(name, options, reason, sizeof(reason));
	if (err) {
		fprintf(stderr, "mqbench: devmq: %s\n", reason);
		*name = 0;
	}
	return err;
}

static void route_close(struct route *r)
{
	char *const names[] = { r->topic, r->taker, r->other };
	size_t i;

	devmq_close(r->tx);
	devmq_close(r->rx);
	devmq_batch_free(r->batch);
	devmq_buffer_free(r->buffer);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (*names[i])
			devmq_remove(names[i], true, NULL, 0);
	}
}

/* Make the topic, unless only a queue is wanted, and the queues. */
static int route_open(struct route *r, size_t size, bool topic)
{
	int err;

	memset(r, 0, sizeof(*r));
	err = make(r->taker, "");
	if (!err)
		err = make(r->other, "");
	if (!err && topic)
		err = make(r->topic, "type=topic");
	if (!err)
		err = devmq_open(&r->tx, topic ? r->topic : r->taker,
				 DEVMQ_OPEN_WRITE);
	if (!err)
		err = devmq_open(&r->rx, r->taker, DEVMQ_OPEN_READ);
	if (!err)
		err = devmq_batch_new(&r->batch);
	if (!err)
		err = devmq_buffer_new(&r->buffer, SENDS * (size + 512));
	if (err)
		route_close(r);
	return err;
}

static int bind_to(const struct route *r, const char *queue, const char *word)
{
	const char *const filter[] = { word, NULL };

	return devmq_bind(r->topic, queue, filter, NULL, 0);
}

/* The first binding takes the messages. */
static int bind_many(const struct route *r, const char *pattern, size_t count)
{
	char word[64];
	size_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		snprintf(word, sizeof(word), pattern, i);
		err = bind_to(r, i ? r->other : r->taker, word);
	}
	return err;
}

/* -------------------------------------------------- the dearest patterns */

/* Append empty words and words "*", as the bits of @number are, and a word "z". */
static void hostile(char *at, size_t number, unsigned int words)
{
	while (words--) {
		at = stpcpy(at, number & 1 ? "*." : ".");
		number >>= 1;
	}
	memcpy(at, "z", 2);
}

/*
 * Bind all there are of one kind, until it is refused as too costly. A key of
 * empty words leads to nearly all of their words, and to the end of none.
 */
static int bind_hostile(const struct route *r, const char *begin,
			unsigned int words, size_t *count)
{
	char word[128];
	size_t i;
	int err = 0;

	for (i = 0; i < 1UL << words && !err; i++) {
		hostile(stpcpy(word, begin), i, words);
		err = bind_to(r, r->other, word);
		*count += !err;
	}
	return err == -E2BIG ? 0 : err;
}

/* A key with as many words as it can have: 256 empty ones. */
static void longest_key(char key[256])
{
	memset(key, '.', 255);
	key[255] = 0;
}

static int bind_dearest(const struct route *r, const char *key, size_t *count)
{
	char word[300];
	int err;

	snprintf(word, sizeof(word), "key=%s", key);
	err = bind_to(r, r->taker, word);
	*count = 1;
	if (!err)
		err = bind_hostile(r, "key=#.", BEHIND, count);
	if (!err)
		err = bind_hostile(r, "key=", BEFORE, count);
	return err;
}

/* ------------------------------------------------------------ measuring */

static int send_keyed(struct route *r, const void *payload, size_t size,
		      const char *key)
{
	int err = devmq_batch_add(r->batch, payload, size);

	if (!err)
		err = devmq_batch_set_key(r->batch, key, strlen(key));
	return err ? err : devmq_send_batch(r->tx, r->batch, NULL, NULL, NULL);
}

static int empty(struct route *r, size_t count)
{
	int n;

	for (; count; count -= (size_t)n) {
		n = devmq_recv(r->rx, r->buffer, (unsigned int)count, -1);
		if (n <= 0)
			return n ? n : -EPROTO;
	}
	return 0;
}

static int route_round(struct route *r, const void *payload, size_t size,
		       const char *key, size_t count, double *each)
{
	uint64_t start, ns = 0;
	size_t done, i;
	int err = 0;

	for (done = 0; done < count && !err; done += i) {
		start = now_ns();
		for (i = 0; i < SENDS && done + i < count && !err; i++)
			err = send_keyed(r, payload, size, key);
		ns += now_ns() - start;
		if (!err)
			err = empty(r, i);
	}
	*each = (double)ns / (double)count;
	return err;
}

/* How many messages a round has. */
static size_t round_of(const struct plan *plan, size_t usual)
{
	return plan->count ? plan->count : usual;
}

static int route_rounds(const struct plan *plan, struct route *r,
			const char *key, size_t count, struct json_object *o)
{
	void *payload = calloc(1, plan->size);
	double each[ROUNDS_MAX];
	unsigned int i;
	int err = -ENOMEM;

	if (payload)
		err = route_round(r, payload, plan->size, key, count, &each[0]);
	for (i = 0; i < plan->rounds && !err; i++)
		err = route_round(r, payload, plan->size, key, count, &each[i]);
	free(payload);
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_rounds(o, "ns", each, plan->rounds);
	return 0;
}

static struct json_object *new_result(const struct plan *plan,
				      const struct load *load,
				      const struct peer *peer, const char *way)
{
	const struct setup setup = { .size = plan->size };
	struct json_object *o = result_new(plan, load, peer, &setup);

	result_text(o, "way", way);
	return o;
}

static void run_bindings(const struct plan *plan, const struct load *load,
			 const struct peer *peer,
			 const struct kind_of_binding *k, size_t bindings)
{
	struct json_object *o = new_result(plan, load, peer, k->name);
	struct route r;
	int err;

	result_number(o, "bindings", (double)bindings);
	err = route_open(&r, plan->size, k->pattern);
	if (!err) {
		if (k->pattern)
			err = bind_many(&r, k->pattern, bindings);
		if (!err)
			err = route_rounds(plan, &r, k->key, round_of(plan, ROUND),
					   o);
		route_close(&r);
	}
	if (err)
		result_error(o, err);
}

static void run_dearest(const struct plan *plan, const struct load *load,
			const struct peer *peer)
{
	struct json_object *o = new_result(plan, load, peer, "hostile");
	size_t bindings = 0;
	struct route r;
	char key[256];
	int err;

	longest_key(key);
	err = route_open(&r, plan->size, true);
	if (!err) {
		err = bind_dearest(&r, key, &bindings);
		if (!err)
			err = route_rounds(plan, &r, key, round_of(plan, SENDS),
					   o);
		route_close(&r);
	}
	result_number(o, "bindings", (double)bindings);
	if (err)
		result_error(o, err);
}

void run_route(const struct plan *plan, const struct load *load,
	       const struct peer *peer)
{
	const char *reason = peer->missing ? peer->missing() : NULL;
	const size_t *bindings;
	size_t i;

	if (!reason && peer != &peer_devmq)
		reason = "only devmq's filters are measured";
	if (reason) {
		result_text(new_result(plan, load, peer, ""), "reason", reason);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (bindings = plan->queues; *bindings; bindings++)
			run_bindings(plan, load, peer, &kinds[i], *bindings);
	}
	run_dearest(plan, load, peer);
}
