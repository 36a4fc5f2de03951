// SPDX-License-Identifier: GPL-2.0
/* The table of workloads. */
#include <string.h>

#include "bench.h"
#include "confirm.h"
#include "cost.h"
#include "fanout.h"
#include "flow.h"
#include "loads.h"
#include "memory.h"
#include "route.h"

const struct load loads[] = {
	{ "pair", "one process sends a message and receives it", run_pair },
	{ "sizes", "the same with messages of several sizes", run_sizes },
	{ "batch", "the same with several messages a call", run_batch },
	{ "send", "the sends of these alone", run_batch },
	{ "ack", "batches that are acknowledged afterwards", run_kind },
	{ "next", "the same by the call that receives the next batch", run_kind },
	{ "priority", "batches with priorities in turn", run_kind },
	{ "key", "batches with keys in turn, in order for each", run_kind },
	{ "delay", "batches of messages that are ready a bit later", run_kind },
	{ "depth", "pair and batches while messages are stored", run_depth },
	{ "others", "the same while other queues have messages", run_others },
	{ "memory", "bytes of memory that a stored message takes", run_memory },
	{ "idle", "bytes and time that an idle queue takes", run_idle },
	{ "stream", "processes send, others receive: 1-1, 1-N, N-1, N-N",
	  run_stream },
	{ "pingpong", "two processes answer each other; how late",
	  run_pingpong },
	{ "confirm", "1, 8 and 64 processes send, and wait for stable storage",
	  run_confirm },
	{ "fair", "how late a confirm is while another queue is flooded",
	  run_fair },
	{ "cleaner", "confirmed batches while half of the journal stays",
	  run_cleaner },
	{ "recovery", "a journal is attached; a million messages, or --count",
	  run_recovery },
	{ "fanout", "a topic, or queues by hand, and 1, 8, 64 subscriptions",
	  run_fanout },
	{ "fanstream", "the same with a process for each subscription",
	  run_fanstream },
	{ "fanmemory", "bytes that a message takes in each subscription",
	  run_fanmemory },
	{ "route", "sends to a topic with many bindings; one takes them",
	  run_route },
};

const size_t load_count = ARRAY_SIZE(loads);

const struct load *find_load(const char *name)
{
	size_t i;

	for (i = 0; i < load_count; i++) {
		if (!strcmp(loads[i].name, name))
			return &loads[i];
	}
	return NULL;
}
