// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: some send, some receive, and they wait for each other.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench.h"
#include "channel.h"
#include "crowd.h"
#include "flow.h"
#include "result.h"
#include "stat.h"

#define ROOM		1024
/* Messages of a trial, to find out how many a round is to have. */
#define TRIAL		1000
#define TRIAL_SERVER	100

/* ------------------------------------------------------------ streams */

struct shape {
	const char	*name;
	unsigned int	producers;
	unsigned int	consumers;
};

static int produce(struct channel *c, struct channel *back, size_t count)
{
	(void)back;
	return channel_fill(c, count);
}

static int send_stops(struct channel *c, unsigned int count)
{
	int err = 0;

	c->out[0] = STOP;
	while (count-- && !err)
		err = c->setup.batch ? c->peer->send_batch(c, 1) :
				       c->peer->send(c);
	c->out[0] = 0;
	return err;
}

/* A receiver that got more than one STOP sends the others on. */
static int consume(struct channel *c, struct channel *back, size_t count)
{
	bool ack = acks(c);
	int n, err = 0;

	(void)back;
	(void)count;
	for (c->stops = 0; !c->stops && !err;) {
		if (c->setup.batch) {
			n = c->peer->recv_batch(c, c->setup.batch);
			err = n < 0 ? n : 0;
		} else {
			err = c->peer->recv(c);
			c->stops = c->in[0] == STOP;
		}
		if (!err && ack)
			err = c->peer->ack(c);
	}
	return err ? err : send_stops(c, c->stops - 1);
}

/**
 * struct flow - the result of a round
 * @ns: from the start until the last receiver had its last message
 * @cpu_ns: processor time of all processes and of the server
 */
struct flow {
	uint64_t	ns;
	uint64_t	cpu_ns;
};

static uint64_t children_cpu(void)
{
	struct rusage r;

	getrusage(RUSAGE_CHILDREN, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

static uint64_t all_cpu(const struct peer *peer)
{
	return children_cpu() + (peer->server_cpu ? peer->server_cpu() : 0);
}

static int crowd_of(struct crowd *crowd, const struct shape *shape,
		    struct channel *c, size_t count)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < shape->producers && !err; i++)
		err = crowd_add(crowd, produce, c, NULL,
				count / shape->producers);
	for (i = 0; i < shape->consumers && !err; i++)
		err = crowd_add(crowd, consume, c, NULL, 0);
	return err;
}

static int flow_round(struct channel *c, const struct shape *shape,
		      size_t count, struct flow *flow)
{
	uint64_t start, end = 0, cpu = all_cpu(c->peer);
	struct crowd crowd;
	int err, late;

	err = crowd_open(&crowd);
	if (err)
		return err;
	err = crowd_of(&crowd, shape, c, count);
	start = crowd_start(&crowd);
	late = crowd_wait(&crowd, 0, shape->producers, &end);
	err = err ? err : late;
	if (!err)
		err = send_stops(c, shape->consumers);
	late = crowd_wait(&crowd, shape->producers, crowd.count, &end);
	crowd_close(&crowd);
	flow->ns = end - start;
	flow->cpu_ns = all_cpu(c->peer) - cpu;
	return err ? err : late;
}

/* Whole batches for every producer. */
static size_t share(const struct channel *c, const struct shape *shape,
		    size_t count)
{
	size_t unit = shape->producers *
		      (c->setup.batch ? c->setup.batch : 1);

	return count < unit ? unit : count / unit * unit;
}

/* Choose how many messages make a round take the time that was asked for. */
static int flow_count(const struct plan *plan, struct channel *c,
		      const struct shape *shape, size_t *count)
{
	size_t trial = c->peer->server_cpu ? TRIAL_SERVER : TRIAL;
	struct flow flow;
	int err;

	*count = share(c, shape, plan->count ? plan->count : trial);
	err = flow_round(c, shape, *count, &flow);
	if (!err && !plan->count)
		*count = share(c, shape, (size_t)((double)*count *
			       (double)plan->time_ns / (double)flow.ns));
	return err;
}

static int run_flow(struct channel *c, const struct plan *plan,
		    const struct shape *shape, struct json_object *o)
{
	double rate[ROUNDS_MAX], cpu[ROUNDS_MAX];
	struct flow flow;
	unsigned int i;
	size_t count;
	int err;

	err = flow_count(plan, c, shape, &count);
	for (i = 0; i < plan->rounds && !err; i++) {
		err = flow_round(c, shape, count, &flow);
		rate[i] = (double)count * 1e9 / (double)flow.ns;
		cpu[i] = (double)flow.cpu_ns / (double)count;
	}
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_rounds(o, "rate", rate, plan->rounds);
	/* What a server used is a part of it. */
	if (c->peer->server_cpu || !(c->peer->can & MUST_ACK))
		result_number(o, "cpu_ns", median(cpu, plan->rounds));
	json_object_object_add(o, "acked", json_object_new_boolean(acks(c)));
	result_text(o, "config", c->config);
	return 0;
}

static void run_shape(const struct plan *plan, const struct load *load,
		      const struct peer *peer, const struct setup *setup,
		      const struct shape *shape)
{
	struct json_object *o = result_new(plan, load, peer, setup);
	const char *reason = why_not(peer, setup);
	struct channel c;
	int err;

	result_text(o, "shape", shape->name);
	result_number(o, "producers", shape->producers);
	result_number(o, "consumers", shape->consumers);
	if (!reason && !(peer->can & CAN_SHARE))
		reason = "it is not for several processes";
	if (!reason && peer == &peer_pipe && setup->size > 4096 &&
	    shape->producers + shape->consumers > 2)
		reason = "several writers of more than a page mix";
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&c, peer, setup);
	if (!err) {
		err = run_flow(&c, plan, shape, o);
		channel_close(&c);
	}
	if (err)
		result_error(o, err);
}

void run_stream(const struct plan *plan, const struct load *load,
		const struct peer *peer)
{
	const struct shape shapes[] = {
		{ "1-1", 1, 1 },
		{ "1-N", 1, plan->procs },
		{ "N-1", plan->procs, 1 },
		{ "N-N", plan->procs, plan->procs },
	};
	struct setup setup = { .size = plan->size, .depth = ROOM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		setup.batch = 0;
		run_shape(plan, load, peer, &setup, &shapes[i]);
		setup.batch = BATCH;
		if (peer->can & CAN_BATCH)
			run_shape(plan, load, peer, &setup, &shapes[i]);
	}
}

/* ---------------------------------------------------------- ping-pong */

static int take(struct channel *c)
{
	int err = c->peer->recv(c);

	if (!err && acks(c))
		err = c->peer->ack(c);
	return err;
}

static int answer(struct channel *c, struct channel *back, size_t count)
{
	int err = 0;

	(void)count;
	for (;;) {
		err = take(c);
		if (err || c->in[0] == STOP)
			return err;
		err = back->peer->send(back);
		if (err)
			return err;
	}
}

static int ask(struct channel *c, struct channel *back, size_t count,
	       uint64_t *took)
{
	uint64_t start;
	size_t i;
	int err;

	for (i = 0; i < count; i++) {
		start = now_ns();
		err = c->peer->send(c);
		if (!err)
			err = take(back);
		if (err)
			return err;
		took[i] = now_ns() - start;
	}
	return 0;
}

static int pingpong(struct channel *c, struct channel *back, size_t warm,
		    size_t count, uint64_t *took)
{
	struct crowd crowd;
	uint64_t end = 0;
	int err, late;

	err = crowd_open(&crowd);
	if (err)
		return err;
	err = crowd_add(&crowd, answer, c, back, 0);
	crowd_start(&crowd);
	if (!err)
		err = ask(c, back, warm, took);
	if (!err)
		err = ask(c, back, count, took);
	if (!err)
		err = send_stops(c, 1);
	late = crowd_wait(&crowd, 0, crowd.count, &end);
	crowd_close(&crowd);
	return err ? err : late;
}

/* A tenth more messages before, which is not measured. */
static int pingpong_round(struct channel *c, struct channel *back,
			  uint64_t *took, size_t count, double *p)
{
	static const unsigned int n[] = { 500, 990, 999 };
	size_t i;
	int err;

	err = pingpong(c, back, count / 10, count, took);
	if (err)
		return err;
	sort_u64(took, count);
	for (i = 0; i < ARRAY_SIZE(n); i++)
		p[i * ROUNDS_MAX] = (double)permille(took, count, n[i]);
	return 0;
}

static int run_pairs(struct channel *c, struct channel *back,
		     const struct plan *plan, struct json_object *o)
{
	static const char *const names[] = { "p50", "p99", "p999" };
	size_t count = plan->count ? plan->count : 5000, i;
	uint64_t *took = calloc(count, sizeof(*took));
	double p[ARRAY_SIZE(names)][ROUNDS_MAX];
	int err = took ? 0 : -ENOMEM;

	for (i = 0; i < plan->rounds && !err; i++)
		err = pingpong_round(c, back, took, count, &p[0][i]);
	free(took);
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_number(o, "rounds", plan->rounds);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		result_number(o, names[i], median(p[i], plan->rounds));
	result_text(o, "config", c->config);
	return 0;
}

void run_pingpong(const struct plan *plan, const struct load *load,
		  const struct peer *peer)
{
	struct setup setup = { .size = plan->size, .depth = ROOM };
	struct json_object *o = result_new(plan, load, peer, &setup);
	const char *reason = why_not(peer, &setup);
	struct channel c, back;
	int err;

	if (!reason && !(peer->can & CAN_SHARE))
		reason = "it is not for several processes";
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&c, peer, &setup);
	if (!err) {
		err = channel_open(&back, peer, &setup);
		if (!err) {
			err = run_pairs(&c, &back, plan, o);
			channel_close(&back);
		}
		channel_close(&c);
	}
	if (err)
		result_error(o, err);
}
