// SPDX-License-Identifier: GPL-2.0
/*
 * What a message costs: one process sends and receives in turn, nobody waits,
 * and the time of the whole loop is divided by the messages. Nothing is
 * subtracted. Where instructions are counted, they are what is seen.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "cost.h"
#include "result.h"
#include "stat.h"

/* A queue has room for this, or for more if need be: messages, and bytes. */
#define ROOM		1024
#define ROOM_BYTES	(64UL << 20)
/* Messages that stay in the queue while priorities and the like are measured. */
#define KIND_LAG	512

/* ------------------------------------------------------- the loops */

static int exchange_one(struct channel *c, size_t count)
{
	int (*const send)(struct channel *c) = c->peer->send;
	int (*const recv)(struct channel *c) = c->peer->recv;
	int err = 0;
	size_t i;

	for (i = 0; i < count && !err; i++) {
		err = send(c);
		if (!err)
			err = recv(c);
	}
	return err;
}

static int exchange_acked(struct channel *c, size_t count)
{
	int (*const send)(struct channel *c) = c->peer->send;
	int (*const recv)(struct channel *c) = c->peer->recv;
	int (*const ack)(struct channel *c) = c->peer->ack;
	int err = 0;
	size_t i;

	for (i = 0; i < count && !err; i++) {
		err = send(c);
		if (!err)
			err = recv(c);
		if (!err)
			err = ack(c);
	}
	return err;
}

/* Receive @count messages, in as many calls as that takes. */
static int receive(struct channel *c, unsigned int count)
{
	bool ack = acks(c);
	int n, err;

	while (count) {
		n = c->peer->recv_batch(c, count);
		if (n < 0)
			return n;
		err = ack ? c->peer->ack(c) : 0;
		if (err)
			return err;
		count -= (unsigned int)n;
	}
	return 0;
}

static int exchange_batch(struct channel *c, size_t count)
{
	unsigned int batch = c->setup.batch;
	int err = 0;

	for (; count >= batch && !err; count -= batch) {
		err = c->peer->send_batch(c, batch);
		if (!err)
			err = receive(c, batch);
	}
	return err;
}

static int exchange(struct channel *c, size_t count)
{
	if (c->setup.batch)
		return exchange_batch(c, count);
	if (acks(c))
		return exchange_acked(c, count);
	return exchange_one(c, count);
}

/* -------------------------------------------------- measuring them */

/**
 * struct cost - one measurement
 * @lag: messages that stay in the queue in the meantime
 * @others: how many other queues there are, with a message in each
 * @sends: only the sends count
 */
struct cost {
	struct setup	setup;
	size_t		lag;
	size_t		others;
	bool		sends;
};

static size_t room_for(const struct setup *setup, size_t lag)
{
	size_t least = lag + (setup->batch ? setup->batch : 1);
	size_t room = ROOM_BYTES / setup->size;

	/* A page of a pipe that is partly read has no room for more. */
	if (lag)
		least += 2 * 4096 / setup->size;
	if (room > ROOM)
		room = ROOM;
	return room > least ? room : least;
}

/* Whole batches, and not more than some megabytes unless asked for. */
static size_t round_count(const struct plan *plan, const struct setup *setup)
{
	size_t count = plan->count ? plan->count : 2048;
	size_t bytes = 16UL << 20, batch = setup->batch ? setup->batch : 1;

	if (!plan->count && count * setup->size > bytes)
		count = bytes / setup->size;
	if (count < batch)
		count = batch;
	return count / batch * batch;
}

static int measure(struct channel *c, size_t count, unsigned int rounds,
		   double *each)
{
	size_t warm = count / 8 > c->setup.batch ? count / 8 : count;
	unsigned int i;
	uint64_t start;
	int err;

	err = exchange(c, warm);
	for (i = 0; i < rounds && !err; i++) {
		start = now_ns();
		err = exchange(c, count);
		each[i] = (double)(now_ns() - start) / (double)count;
	}
	return err;
}

/* As measure(), of the sends alone: the queue is emptied in between. */
static int measure_sends(struct channel *c, size_t count, unsigned int rounds,
			 double *each)
{
	unsigned int batch = c->setup.batch, i;
	uint64_t took, start;
	size_t left;
	int err;

	err = exchange(c, count);
	for (i = 0; i < rounds && !err; i++) {
		took = 0;
		for (left = count; left && !err; left -= batch) {
			start = now_ns();
			err = c->peer->send_batch(c, batch);
			took += now_ns() - start;
			if (!err)
				err = receive(c, batch);
		}
		each[i] = (double)took / (double)count;
	}
	return err;
}

static void report(struct json_object *o, const struct channel *c,
		   size_t count, unsigned int rounds, double *each)
{
	result_number(o, "count", (double)count);
	result_rounds(o, "ns", each, rounds);
	json_object_object_add(o, "acked", json_object_new_boolean(acks(c)));
	result_text(o, "config", c->config);
}

static int run_in(struct channel *c, const struct plan *plan,
		  const struct cost *cost, struct json_object *o)
{
	size_t count = round_count(plan, &c->setup);
	double each[ROUNDS_MAX];
	int err;

	err = channel_fill(c, cost->lag);
	if (!err)
		err = (cost->sends ? measure_sends : measure)(c, count,
							      plan->rounds, each);
	if (!err)
		report(o, c, count, plan->rounds, each);
	return err;
}

static const char *cost_refused(const struct peer *peer,
				const struct cost *cost)
{
	if ((cost->lag || cost->others) && !(peer->can & CAN_KEEP) &&
	    !(peer->can & MUST_ACK))
		return "it stores nothing of its own in the kernel";
	return why_not(peer, &cost->setup);
}

static void run_cost(const struct plan *plan, const struct load *load,
		     const struct peer *peer, struct cost *cost)
{
	struct json_object *o;
	const char *reason;
	struct channel c;
	int err;

	cost->setup.depth = room_for(&cost->setup, cost->lag);
	o = result_new(plan, load, peer, &cost->setup);
	result_number(o, "depth", (double)cost->lag);
	result_number(o, "others", (double)cost->others);
	reason = cost_refused(peer, cost);
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&c, peer, &cost->setup);
	if (!err) {
		err = run_in(&c, plan, cost, o);
		channel_close(&c);
	}
	if (err)
		result_error(o, err);
}

/* ------------------------------------------------------- workloads */

void run_pair(const struct plan *plan, const struct load *load,
	      const struct peer *peer)
{
	struct cost cost = { .setup.size = plan->size };

	run_cost(plan, load, peer, &cost);
}

void run_sizes(const struct plan *plan, const struct load *load,
	       const struct peer *peer)
{
	const size_t *size;

	for (size = plan->sizes; *size; size++) {
		struct cost cost = { .setup.size = *size };

		run_cost(plan, load, peer, &cost);
	}
}

void run_batch(const struct plan *plan, const struct load *load,
	       const struct peer *peer)
{
	const size_t *batch;

	for (batch = plan->batches; *batch; batch++) {
		struct cost cost = {
			.setup.size = plan->size,
			.setup.batch = (unsigned int)*batch,
			.sends = !strcmp(load->name, "send"),
		};

		run_cost(plan, load, peer, &cost);
	}
}

static enum kind kind_of(const struct load *load)
{
	if (!strcmp(load->name, "ack"))
		return KIND_ACK;
	if (!strcmp(load->name, "next"))
		return KIND_NEXT;
	if (!strcmp(load->name, "priority"))
		return KIND_PRIORITY;
	if (!strcmp(load->name, "key"))
		return KIND_KEY;
	return KIND_DELAY;
}

/* Acknowledgement needs nothing in the queue; order and time do. */
void run_kind(const struct plan *plan, const struct load *load,
	      const struct peer *peer)
{
	enum kind kind = kind_of(load);
	const size_t *batch;

	for (batch = plan->batches; *batch; batch++) {
		struct cost cost = {
			.setup.size = plan->size,
			.setup.batch = (unsigned int)*batch,
			.setup.kind = kind,
			.lag = kind <= KIND_NEXT ? 0 : KIND_LAG,
		};

		/* A peer without batches sends and receives one message a call. */
		if (*batch == 1 && !(peer->can & CAN_BATCH))
			cost.setup.batch = 0;
		run_cost(plan, load, peer, &cost);
	}
}

/* One message a call, and 64 where there are batches. */
static void run_both(const struct plan *plan, const struct load *load,
		     const struct peer *peer, struct cost *cost)
{
	cost->setup.size = plan->size;
	cost->setup.batch = 0;
	run_cost(plan, load, peer, cost);
	if (!(peer->can & CAN_BATCH))
		return;
	cost->setup.batch = BATCH;
	run_cost(plan, load, peer, cost);
}

void run_depth(const struct plan *plan, const struct load *load,
	       const struct peer *peer)
{
	const size_t *depth;

	for (depth = plan->depths; *depth; depth++) {
		struct cost cost = { .lag = *depth };

		run_both(plan, load, peer, &cost);
	}
}

/* Make other queues, with a message in each. Returns how many were made. */
static size_t open_others(struct channel *others, const struct peer *peer,
			  size_t size, size_t count, int *err)
{
	struct setup setup = { .size = size, .depth = 1 };
	size_t i;

	*err = 0;
	for (i = 0; i < count; i++) {
		*err = channel_open(&others[i], peer, &setup);
		if (*err)
			break;
		*err = peer->send(&others[i]);
		if (*err)
			return i + 1;
	}
	return i;
}

static void run_among(const struct plan *plan, const struct load *load,
		      const struct peer *peer, size_t count)
{
	struct cost cost = { .others = count, .setup.size = plan->size };
	struct channel *others = calloc(count, sizeof(*others));
	size_t made = 0;
	int err = others ? 0 : -ENOMEM;

	if (!err && !cost_refused(peer, &cost))
		made = open_others(others, peer, plan->size, count, &err);
	if (err)
		result_error(result_new(plan, load, peer, &cost.setup), err);
	else
		run_both(plan, load, peer, &cost);
	while (made)
		channel_close(&others[--made]);
	free(others);
}

void run_others(const struct plan *plan, const struct load *load,
		const struct peer *peer)
{
	const size_t *count;

	for (count = plan->queues; *count; count++)
		run_among(plan, load, peer, *count);
}
