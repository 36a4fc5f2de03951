/* SPDX-License-Identifier: GPL-2.0 */
/* What is to be measured, and how a workload does that. */
#ifndef MQBENCH_PLAN_H
#define MQBENCH_PLAN_H

#include <json-c/json.h>

#include "peer.h"

#define LIST_MAX	16
#define ROUNDS_MAX	101

/**
 * struct plan - what the command line asks for
 * @size: bytes of a message where the workload does not vary it
 * @sizes: for the workloads that do; a zero ends this list and the next four
 * @batches: messages a call
 * @depths: messages that are stored in the meantime
 * @queues: how many other queues there are
 * @subscriptions: how many queues subscribe to a topic
 * @count: messages a round; zero: the workload chooses
 * @rounds: how often each is measured; the median counts
 * @time_ns: how long a round of several processes takes, if there is no @count
 * @procs: what N is in 1->N
 * @peers: those to be measured, NULL behind the last
 * @results: an array to which the results are added
 */
struct plan {
	size_t			size;
	size_t			sizes[LIST_MAX + 1];
	size_t			batches[LIST_MAX + 1];
	size_t			depths[LIST_MAX + 1];
	size_t			queues[LIST_MAX + 1];
	size_t			subscriptions[LIST_MAX + 1];
	size_t			count;
	unsigned int		rounds;
	uint64_t		time_ns;
	unsigned int		procs;
	const struct peer	*peers[32];
	struct json_object	*results;
};

/**
 * struct load - a workload
 * @name: as users call it
 * @what: what it does, in one line
 * @run: measure it with one peer
 */
struct load {
	const char	*name;
	const char	*what;
	void		(*run)(const struct plan *plan, const struct load *load,
			       const struct peer *peer);
};

#endif /* MQBENCH_PLAN_H */
