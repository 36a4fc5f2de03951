// SPDX-License-Identifier: GPL-2.0
/*
 * The options of queues: their names, and the values that sequences draw.
 */
#include <stdbool.h>

#include "play/dice.h"
#include "play/options.h"
#include "play/pace.h"

const struct option_info options[MODEL_OPTIONS] = {
	[OPT_MAX_MESSAGES] = { "max_messages", true, .usual = 1048576,
		.draws = 5, .draw = { 1, 3, 8, 20, 50 } },
	[OPT_MAX_BYTES] = { "max_bytes", true, FOR_BOTH, .usual = 64 << 20,
		.draws = 4, .draw = { 60, 200, 500, 1000 } },
	[OPT_MAX_MESSAGE_SIZE] = { "max_message_size", true, FOR_BOTH,
		.usual = 1 << 20,
		.draws = 2, .draw = { 20, 40 } },
	[OPT_OVERFLOW] = { "overflow", true, FOR_QUEUE,
		{ "block", "reject", "drop-head", "dead-letter" },
		.draws = 4, .draw = { 0, 1, 2, 3 } },
	[OPT_EOF] = { "eof", true, FOR_QUEUE, { "never", "empty", "hangup" },
		.draws = 3, .draw = { 0, 1, 2 } },
	[OPT_ALLOW_EMPTY] = { "allow_empty", true, FOR_BOTH,
		.draws = 3, .draw = { 0, 1, 1 } },
	[OPT_ACK] = { "ack", true, FOR_QUEUE, { "auto", "manual" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_PREFETCH] = { "prefetch", true,
		.draws = 4, .draw = { 0, 1, 2, 5 } },
	[OPT_LEASE_MS] = { "lease_ms", true,
		.draws = 4, .draw = { 0, LONG_MS, LONG_MS, SHORT(1) } },
	[OPT_MAX_DELIVERIES] = { "max_deliveries", true, .usual = 20,
		.draws = 5, .draw = { 0, 1, 2, 2, 3 } },
	[OPT_MAX_DEAD] = { "max_dead", true, .usual = 65536,
		.draws = 3, .draw = { 0, 1, 3 } },
	[OPT_DEAD_LETTER] = { "dead_letter", true,
		.draws = 4, .draw = { 0, 1, 2, 3 } },
	[OPT_ON_EXPIRY] = { "on_expiry", true, FOR_QUEUE, { "drop", "dead" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_RETRY_MS] = { "retry_ms", true, .told = true,
		.draws = 3, .draw = { 0, LONG_MS, SHORT(1) } },
	[OPT_RETRY_BACKOFF] = { "retry_backoff", true, .told = true, .usual = 1,
		.draws = 4, .draw = { 2, 2, 3, 1000 } },
	[OPT_RETRY_MAX_MS] = { "retry_max_ms", true, .told = true,
		.draws = 4, .draw = { 0, LONG_MS, SHORT(1), SHORT(2) } },
	[OPT_DELAY_MS] = { "delay_ms", true,
		.draws = 4, .draw = { 0, 0, LONG_MS, SHORT(1) } },
	[OPT_TTL_MS] = { "ttl_ms", true,
		.draws = 4, .draw = { 0, 0, LONG_MS, SHORT(1) } },
	[OPT_PRIORITIES] = { "priorities", .usual = 1,
		.draws = 3, .draw = { 1, 2, MODEL_LEVELS } },
	[OPT_ORDER] = { "order", .word = { "fifo", "key" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_FAIRNESS] = { "fairness", .word = { "none", "key", "uid" },
		.draws = 3, .draw = { 0, 1, 2 } },
	[OPT_DEDUP_WINDOW_MS] = { "dedup_window_ms",
		.draws = 4, .draw = { LONG_MS, LONG_MS, SHORT(1), SHORT(2) } },
	[OPT_DEDUP_MAX] = { "dedup_max", true, .usual = 65536,
		.draws = 3, .draw = { 1, 2, 4 } },
	[OPT_SINGLE_ACTIVE] = { "single_active", true,
		.draws = 2, .draw = { 0, 1 } },
	[OPT_PAUSED] = { "paused", true, FOR_BOTH,
		{ "none", "send", "receive", "both" },
		.draws = 7, .draw = { 0, 0, 0, 0, 1, 2, 3 } },
	[OPT_ON_UNROUTED] = { "on_unrouted", true, FOR_TOPIC,
		{ "drop", "refuse" }, .draws = 2, .draw = { 0, 1 } },
	[OPT_ALTERNATE] = { "alternate", true, FOR_TOPIC,
		.draws = 8, .draw = { 0, 1, 2, 3, 4, 9, 10, 11 } },
	[OPT_RETAIN_MESSAGES] = { "retain_messages", true, FOR_TOPIC,
		.draws = 4, .draw = { 1, 3, 10, 40 } },
	[OPT_RETAIN_BYTES] = { "retain_bytes", true, FOR_TOPIC,
		.draws = 3, .draw = { 50, 200, 1000 } },
	[OPT_COMPACT] = { "compact", true, FOR_TOPIC, { "none", "key" },
		.draws = 2, .draw = { 0, 1 } },
	[OPT_TOMBSTONE_MS] = { "tombstone_ms", true, FOR_TOPIC,
		.usual = LONG_MS, .told = true,
		.draws = 2, .draw = { LONG_MS, SHORT(1) } },
};

bool has_option(int queue, enum model_option option)
{
	return options[option].what == FOR_BOTH ||
	       (options[option].what == FOR_TOPIC) == model_is_topic(queue);
}

bool is_usual(const struct model_queue *q, enum model_option option)
{
	return q->option[option] == options[option].usual;
}

static __u64 resolve_duration(__u64 value)
{
	return value & SHORT(0) ? (value & ~SHORT(0)) * short_ms : value;
}

const __u64 *resolve_options(const __u64 *option)
{
	static __u64 resolved[MODEL_OPTIONS];
	int i;

	for (i = 0; i < MODEL_OPTIONS; i++)
		resolved[i] = resolve_duration(option[i]);
	return resolved;
}

__u64 call_time_ns(void)
{
	return short_ms * NSEC_PER_MSEC / SLOP_SHARE;
}

__u64 option_raw(enum model_option option, __u64 *dice)
{
	return options[option].draw[roll(dice, options[option].draws)];
}

__u64 option_draw(enum model_option option, __u64 *dice)
{
	return resolve_duration(option_raw(option, dice));
}
