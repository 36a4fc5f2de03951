// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: how much less is free in the whole machine after messages were stored, or
 * queues made. This counts all that they take, wherever it was allocated; the
 * figures are only good if nothing else runs.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "channel.h"
#include "memory.h"
#include "result.h"
#include "stat.h"
#include "system.h"

/* So many that a few pages make no difference, and so few that they fit. */
#define MEMORY_MESSAGES	50000
#define MEMORY_BYTES	(64UL << 20)
/* Messages that an idle queue has room for. */
#define IDLE_ROOM	64
/* Bytes that this program itself needs for a channel, with room to spare. */
#define OURS		1024

static size_t fitting(const struct plan *plan, const struct peer *peer,
		      size_t size)
{
	size_t count = plan->count ? plan->count : MEMORY_MESSAGES;

	if (count > MEMORY_BYTES / size)
		count = MEMORY_BYTES / size;
	if (peer->max_depth && count > peer->max_depth)
		count = peer->max_depth;
	return count;
}

static double missing(uint64_t before, uint64_t after, size_t count)
{
	return before > after ? (double)(before - after) / (double)count : 0;
}

static int fill_and_look(struct channel *c, size_t count,
			 struct json_object *o)
{
	uint64_t before, after;
	int err;

	err = free_memory(&before);
	if (!err)
		err = channel_fill(c, count);
	if (!err)
		err = free_memory(&after);
	if (err)
		return err;
	result_number(o, "count", (double)count);
	result_number(o, "bytes", missing(before, after, count));
	result_text(o, "config", c->config);
	return 0;
}

static void run_stored(const struct plan *plan, const struct load *load,
		       const struct peer *peer, size_t size)
{
	size_t count = fitting(plan, peer, size);
	struct setup setup = { .size = size, .depth = count };
	struct json_object *o;
	const char *reason;
	struct channel c;
	int err;

	/* Messages of a batch are stored like others, and sent faster. */
	if (peer->can & CAN_BATCH)
		setup.batch = BATCH;
	o = result_new(plan, load, peer, &setup);
	reason = peer->can & CAN_KEEP ? why_not(peer, &setup) :
		 "it stores nothing of its own in the kernel";
	if (reason) {
		result_text(o, "reason", reason);
		return;
	}
	err = channel_open(&c, peer, &setup);
	if (!err) {
		err = fill_and_look(&c, count, o);
		channel_close(&c);
	}
	if (err)
		result_error(o, err);
}

void run_memory(const struct plan *plan, const struct load *load,
		const struct peer *peer)
{
	static const size_t sizes[] = { 16, 64, 1024, 8192 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		run_stored(plan, load, peer, sizes[i]);
}

static size_t largest(const size_t *list)
{
	size_t n = 0;

	for (; *list; list++)
		n = *list > n ? *list : n;
	return n;
}

/* Grow the heap before, so that what this process itself allocates does not count. */
static void warm_heap(size_t bytes)
{
	void *block;

	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	block = malloc(bytes);
	if (block)
		memset(block, 1, bytes);
	free(block);
}

static int make_all(struct channel *all, const struct peer *peer,
		    const struct setup *setup, size_t *count)
{
	size_t wanted = *count;
	int err;

	for (*count = 0; *count < wanted; ++*count) {
		err = channel_idle(&all[*count], peer, setup);
		if (err)
			return err;
	}
	return 0;
}

static int make_and_look(struct channel *all, const struct peer *peer,
			 const struct setup *setup, size_t count,
			 struct json_object *o)
{
	uint64_t before, after, start, made, gone;
	size_t wanted = count, left;
	int err;

	memset(all, 1, count * sizeof(*all));
	warm_heap(count * OURS);
	err = free_memory(&before);
	if (err)
		return err;
	start = now_ns();
	err = make_all(all, peer, setup, &count);
	made = now_ns() - start;
	if (!err)
		err = free_memory(&after);
	if (!err)
		result_text(o, "config", all[0].config);
	start = now_ns();
	for (left = count; left; left--)
		channel_close(&all[left - 1]);
	gone = now_ns() - start;
	if (err)
		return err;
	result_number(o, "count", (double)wanted);
	result_number(o, "bytes", missing(before, after, wanted));
	result_number(o, "create_ns", (double)made / (double)wanted);
	result_number(o, "remove_ns", (double)gone / (double)wanted);
	return 0;
}

void run_idle(const struct plan *plan, const struct load *load,
	      const struct peer *peer)
{
	struct setup setup = { .size = plan->size, .depth = IDLE_ROOM };
	size_t count = largest(plan->queues);
	struct channel *all = calloc(count, sizeof(*all));
	struct json_object *o = result_new(plan, load, peer, &setup);
	const char *reason = why_not(peer, &setup);
	int err = -ENOMEM;

	if (!reason && !(peer->can & CAN_KEEP))
		reason = "it stores nothing of its own in the kernel";
	if (reason)
		result_text(o, "reason", reason);
	else if (all)
		err = make_and_look(all, peer, &setup, count, o);
	if (!reason && err)
		result_error(o, err);
	free(all);
}
