// SPDX-License-Identifier: GPL-2.0
/* The table of workloads. */
#include <string.h>

#include "bench.h"
#include "cost.h"
#include "flow.h"
#include "loads.h"
#include "memory.h"

const struct load loads[] = {
	{ "pair", "one process sends a message and receives it", run_pair },
	{ "sizes", "the same with messages of several sizes", run_sizes },
	{ "batch", "the same with several messages a call", run_batch },
	{ "ack", "batches that are acknowledged afterwards", run_kind },
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
