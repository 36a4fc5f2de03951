// SPDX-License-Identifier: GPL-2.0
/*
 * Topics: each message goes to several subscriptions, and is received and
 * acknowledged in each. The same is done by hand, with a queue for each
 * subscription and a message sent to each of them; there a peer needs no topics.
 * All figures are those of a message and subscription: of one that is delivered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "channel.h"
#include "crowd.h"
#include "fanout.h"
#include "result.h"
#include "stat.h"
#include "system.h"

/* Deliveries of a round, and the bytes of its messages, both at the most. */
#define ROUND_MESSAGES	1024
#define ROUND_BYTES	(8UL << 20)
/* Messages that a subscription has room for while processes wait for each other. */
#define STREAM_ROOM	256
/* Messages of a trial, to find out how many a round is to have. */
#define TRIAL		BATCH
/* Messages that stay in each subscription to see what memory they take. */
#define STORED		2048
#define STORED_BYTES	(128UL << 20)

/**
 * struct fan - a topic with its subscriptions
 * @by_hand: there is no topic, and messages are sent to each queue by itself
 * @topic: the topic, unless @by_hand
 * @queues: the subscriptions
 * @count: how many they are
 */
struct fan {
	bool		by_hand;
	struct channel	topic;
	struct channel	*queues;
	size_t		count;
};

/* -------------------------------------------- topics and subscriptions */

static void fan_close(struct fan *fan)
{
	while (fan->count)
		channel_close(&fan->queues[--fan->count]);
	if (!fan->by_hand)
		channel_close(&fan->topic);
	free(fan->queues);
}

static int fan_open(struct fan *fan, const struct peer *peer,
		    const struct setup *setup, size_t count, bool by_hand)
{
	struct setup topic = *setup, queue = *setup;
	int err = 0;

	topic.kind = KIND_TOPIC;
	queue.topic = by_hand ? NULL : &fan->topic;
	fan->by_hand = by_hand;
	fan->count = 0;
	fan->queues = calloc(count, sizeof(*fan->queues));
	if (!fan->queues)
		return -ENOMEM;
	if (!by_hand)
		err = channel_open(&fan->topic, peer, &topic);
	if (err) {
		free(fan->queues);
		return err;
	}
	while (fan->count < count && !err) {
		err = channel_open(&fan->queues[fan->count], peer, &queue);
		fan->count += !err;
	}
	if (err)
		fan_close(fan);
	return err;
}

static unsigned int batch_of(const struct fan *fan)
{
	unsigned int batch = fan->queues[0].setup.batch;

	return batch ? batch : 1;
}

static int send_to(struct channel *c, unsigned int count)
{
	return c->setup.batch ? c->peer->send_batch(c, count) : c->peer->send(c);
}

/* Send a batch to all. */
static int fan_send(struct fan *fan)
{
	unsigned int batch = batch_of(fan);
	size_t i;
	int err = 0;

	if (!fan->by_hand)
		return send_to(&fan->topic, batch);
	for (i = 0; i < fan->count && !err; i++)
		err = send_to(&fan->queues[i], batch);
	return err;
}

/* Receive so many messages, in as many calls as that takes, and acknowledge them. */
static int take(struct channel *c, size_t count)
{
	unsigned int batch = c->setup.batch;
	int n = 1, err = 0;

	for (; count && !err; count -= (size_t)n) {
		if (batch)
			n = c->peer->recv_batch(c, count < batch ?
						(unsigned int)count : batch);
		else
			err = c->peer->recv(c);
		if (n < 0)
			return n;
		if (!err && acks(c))
			err = c->peer->ack(c);
	}
	return err;
}

/* Receive a batch from each. */
static int fan_take(struct fan *fan)
{
	size_t i;
	int err = 0;

	for (i = 0; i < fan->count && !err; i++)
		err = take(&fan->queues[i], batch_of(fan));
	return err;
}

/* ------------------------------------------------------------ the plan */

static const char *fan_refused(const struct peer *peer,
			       const struct setup *setup, bool by_hand)
{
	struct setup topic = *setup;

	topic.kind = KIND_TOPIC;
	if (!(peer->can & CAN_KEEP) && !(peer->can & MUST_ACK))
		return "it stores nothing of its own in the kernel";
	return why_not(peer, by_hand ? setup : &topic);
}

/**
 * struct part - one measurement
 * @measure: measure it, and add the figures to the result
 * @room: messages that each subscription has room for
 */
struct part {
	int	(*measure)(const struct plan *plan, struct fan *fan,
			   struct json_object *o);
	size_t	room;
};

static void run_part(const struct plan *plan, const struct load *load,
		     const struct peer *peer, const struct part *part,
		     struct setup *setup, size_t count, bool by_hand)
{
	struct json_object *o;
	const char *reason;
	struct fan fan;
	char shape[24];
	int err;

	setup->depth = part->room;
	setup->kind = peer->can & CAN_ACK ? KIND_ACK : KIND_PLAIN;
	o = result_new(plan, load, peer, setup);
	snprintf(shape, sizeof(shape), "1-%zu", count);
	result_text(o, "shape", shape);
	result_text(o, "way", by_hand ? "by hand" : "topic");
	result_number(o, "subscriptions", (double)count);
	reason = fan_refused(peer, setup, by_hand);
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = fan_open(&fan, peer, setup, count, by_hand);
	if (!err) {
		result_text(o, "config", fan.queues[0].config);
		err = part->measure(plan, &fan, o);
		fan_close(&fan);
	}
	if (err)
		result_error(o, err);
}

/* Peers that have topics, and those that are not servers by hand as well. */
static void run_ways(const struct plan *plan, const struct load *load,
		     const struct peer *peer, const struct part *part,
		     struct setup *setup, size_t count)
{
	if (peer->can & CAN_TOPIC)
		run_part(plan, load, peer, part, setup, count, false);
	if (!(peer->can & MUST_ACK && peer->can & CAN_TOPIC))
		run_part(plan, load, peer, part, setup, count, true);
}

/* One message a call, and 64 where there are batches. */
static void run_all(const struct plan *plan, const struct load *load,
		    const struct peer *peer, const struct part *part)
{
	bool batches = peer->can & CAN_BATCH;
	struct setup setup = { .size = plan->size, .batch = batches };
	const size_t *count;

	for (count = plan->subscriptions; *count; count++)
		run_ways(plan, load, peer, part, &setup, *count);
	setup.batch = BATCH;
	for (count = plan->subscriptions; *count && batches; count++)
		run_ways(plan, load, peer, part, &setup, *count);
}

/* Whole batches, at least one, and not more bytes than that. */
static size_t whole(const struct fan *fan, size_t count, size_t bytes)
{
	size_t batch = batch_of(fan), size = fan->queues[0].setup.size;

	if (count > bytes / size)
		count = bytes / size;
	return count < batch ? batch : count / batch * batch;
}

/* -------------------------------------------------------- in one process */

static int exchange(struct fan *fan, size_t count)
{
	int err = 0;

	for (; count && !err; count -= batch_of(fan)) {
		err = fan_send(fan);
		if (!err)
			err = fan_take(fan);
	}
	return err;
}

/* As exchange(), but only the sends count. */
static int sends(struct fan *fan, size_t count, uint64_t *ns)
{
	uint64_t start;
	int err = 0;

	for (*ns = 0; count && !err; count -= batch_of(fan)) {
		start = now_ns();
		err = fan_send(fan);
		*ns += now_ns() - start;
		if (!err)
			err = fan_take(fan);
	}
	return err;
}

static int measure_cost(const struct plan *plan, struct fan *fan,
			struct json_object *o)
{
	size_t count = plan->count ? plan->count : ROUND_MESSAGES / fan->count;
	double each[ROUNDS_MAX], sent[ROUNDS_MAX], all;
	uint64_t start, ns;
	unsigned int i;
	int err;

	count = whole(fan, count, ROUND_BYTES);
	all = (double)count * (double)fan->count;
	err = exchange(fan, count);
	for (i = 0; i < plan->rounds && !err; i++) {
		start = now_ns();
		err = exchange(fan, count);
		each[i] = (double)(now_ns() - start) / all;
		if (!err)
			err = sends(fan, count, &ns);
		sent[i] = (double)ns / all;
	}
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_rounds(o, "ns", each, plan->rounds);
	result_number(o, "send_ns", median(sent, plan->rounds));
	return 0;
}

void run_fanout(const struct plan *plan, const struct load *load,
		const struct peer *peer)
{
	const struct part part = { measure_cost, 2 * BATCH };

	run_all(plan, load, peer, &part);
}

/* ------------------------------------------------- a process for each */

/* What is sent to; processes that are made from now on inherit it. */
static struct fan *sent_to;

static int publish(struct channel *c, struct channel *back, size_t count)
{
	int err = 0;

	(void)c;
	(void)back;
	for (; count && !err; count -= batch_of(sent_to))
		err = fan_send(sent_to);
	return err;
}

static int subscriber(struct channel *c, struct channel *back, size_t count)
{
	(void)back;
	return take(c, count);
}

static int stream_round(struct fan *fan, size_t count, uint64_t *ns)
{
	uint64_t start, end = 0;
	struct crowd crowd;
	int err, late;
	size_t i;

	err = crowd_open(&crowd);
	if (err)
		return err;
	sent_to = fan;
	for (i = 0; i < fan->count && !err; i++)
		err = crowd_add(&crowd, subscriber, &fan->queues[i], NULL, count);
	if (!err)
		err = crowd_add(&crowd, publish,
				fan->by_hand ? NULL : &fan->topic, NULL, count);
	start = crowd_start(&crowd);
	late = crowd_wait(&crowd, 0, crowd.count, &end);
	crowd_close(&crowd);
	*ns = end > start ? end - start : 1;
	return err ? err : late;
}

static int measure_stream(const struct plan *plan, struct fan *fan,
			  struct json_object *o)
{
	size_t count = whole(fan, plan->count ? plan->count : TRIAL, ROUND_BYTES);
	double rate[ROUNDS_MAX];
	unsigned int i;
	uint64_t ns;
	int err;

	err = stream_round(fan, count, &ns);
	if (!plan->count && !err)
		count = whole(fan, (size_t)((double)count *
					    (double)plan->time_ns / (double)ns),
			      ROUND_BYTES);
	for (i = 0; i < plan->rounds && !err; i++) {
		err = stream_round(fan, count, &ns);
		rate[i] = (double)count * (double)fan->count * 1e9 / (double)ns;
	}
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_rounds(o, "rate", rate, plan->rounds);
	return 0;
}

void run_fanstream(const struct plan *plan, const struct load *load,
		   const struct peer *peer)
{
	const struct part part = { measure_stream, STREAM_ROOM };

	run_all(plan, load, peer, &part);
}

/* --------------------------------------------------------------- memory */

/* What the peer counts itself, or else what is missing in the whole machine. */
static int memory_used(struct fan *fan, uint64_t *bytes)
{
	struct channel *c = fan->by_hand ? &fan->queues[0] : &fan->topic;
	uint64_t left;
	int err;

	if (c->peer->used)
		return c->peer->used(c, bytes);
	err = free_memory(&left);
	*bytes = UINT64_MAX - left;
	return err;
}

static int measure_memory(const struct plan *plan, struct fan *fan,
			  struct json_object *o)
{
	size_t count = plan->count && plan->count < STORED ? plan->count : STORED;
	uint64_t before, after;
	size_t left;
	int err;

	count = whole(fan, count, STORED_BYTES / fan->count);
	err = memory_used(fan, &before);
	for (left = count; left && !err; left -= batch_of(fan))
		err = fan_send(fan);
	if (!err)
		err = memory_used(fan, &after);
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_text(o, "bytes_of", fan->queues[0].peer->used ? "the peer" :
							       "the machine");
	result_number(o, "bytes", after > before ?
		      (double)(after - before) / (double)count /
		      (double)fan->count : 0);
	return 0;
}

/* Messages of a batch are stored like others, and sent faster. */
void run_fanmemory(const struct plan *plan, const struct load *load,
		   const struct peer *peer)
{
	const struct part part = { measure_memory, STORED };
	struct setup setup = {
		.size = plan->size, .batch = peer->can & CAN_BATCH ? BATCH : 0,
	};
	const size_t *count;

	for (count = plan->subscriptions; *count; count++)
		run_ways(plan, load, peer, &part, &setup, *count);
}
