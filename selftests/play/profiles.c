// SPDX-License-Identifier: GPL-2.0
/*
 * What the sequences of each test are made of.
 */
#include <errno.h>

#include "play/options.h"
#include "play/profiles.h"

const struct profile profiles[PROFILES] = {
	[PROFILE_plain_queue] = {
		.name = "plain_queue", .share = 4, .queues = 1,
		.draws = OPTION(EOF) | OPTION(ALLOW_EMPTY) | OPTION(PAUSED),
		.with = WITH_HEADER,
		.weight = { COMMON_WEIGHTS, [CALL_OPTION] = 1 },
	},
	[PROFILE_manual_ack] = {
		.name = "manual_ack", .share = 4, .queues = 1,
		.draws = CONSUMING | GATES,
		.with = WITH_HEADER | WITH_LEASE,
		.actions = ACTION(ACK) | ACTION(RELEASE) | ACTION(EXTEND),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_CONSUMER] = 4, [CALL_OPTION] = 1 },
	},
	[PROFILE_failures_and_dead] = {
		.name = "failures_and_dead", .share = 7, .queues = 1,
		.draws = CONSUMING | FAILING,
		.forced = OPTION(ACK), .value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 25,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 2,
			    [CALL_RECV_ID] = 5, [CALL_REDRIVE] = 3 },
	},
	[PROFILE_dead_letter_queue] = {
		.name = "dead_letter_queue", .share = 8, .queues = 3,
		.draws = CONSUMING | FAILING | BOUNDS | OPTION(DEAD_LETTER),
		.forced = OPTION(ACK), .value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 25,
			    [CALL_OPTION] = 3, [CALL_RECV_ID] = 5,
			    [CALL_REDRIVE] = 8, [CALL_REMOVE] = 1,
			    [CALL_CREATE] = 3 },
	},
	[PROFILE_time] = {
		.name = "time", .share = 8, .queues = 2,
		.draws = TIMES | CONSUMING | FAILING | OPTION(DEAD_LETTER),
		.with = WITH_DELAY | WITH_TTL | WITH_LEASE,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 1,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 1,
			    [CALL_STEP] = 1 },
	},
	[PROFILE_leases] = {
		.name = "leases", .share = 5, .queues = 2,
		.draws = CONSUMING | FAILING | GATES | OPTION(DEAD_LETTER),
		.forced = OPTION(LEASE_MS), .value[OPT_LEASE_MS] = SHORT(1),
		.with = WITH_LEASE,
		.actions = ~ACTION(RELEASE),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 10,
			    [CALL_CONSUMER] = 2, [CALL_RECV_ID] = 3,
			    [CALL_STEP] = 4 },
	},
	[PROFILE_retries] = {
		.name = "retries", .share = 5, .queues = 2,
		.draws = FAILING | OPTION(RETRY_BACKOFF) |
			 OPTION(RETRY_MAX_MS) | OPTION(TTL_MS) |
			 OPTION(ON_EXPIRY) | OPTION(DEAD_LETTER),
		.forced = OPTION(ACK) | OPTION(RETRY_MS),
		.value[OPT_ACK] = DEVMQ_ACK_MANUAL,
		.value[OPT_RETRY_MS] = SHORT(1),
		.actions = ACTION(RETRY) | ACTION(REJECT),
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 35,
			    [CALL_REDRIVE] = 2, [CALL_STEP] = 4 },
	},
	[PROFILE_priorities] = {
		.name = "priorities", .share = 5, .queues = 2,
		.draws = CONSUMING | BOUNDS | OPTION(DEAD_LETTER) | FAILING,
		.forced = OPTION(PRIORITIES),
		.value[OPT_PRIORITIES] = MODEL_LEVELS,
		.with = WITH_PRIORITY, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 1 },
	},
	[PROFILE_keys] = {
		.name = "keys", .share = 6, .queues = 2,
		.draws = CONSUMING | FAILING | OPTION(PRIORITIES) |
			 OPTION(DEAD_LETTER) | OPTION(RETRY_MS),
		.forced = OPTION(ORDER), .value[OPT_ORDER] = ORDER_KEY,
		.with = WITH_KEY | WITH_PRIORITY, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 1, [CALL_RECV_ID] = 3,
			    [CALL_REDRIVE] = 2, [CALL_STEP] = 1 },
	},
	[PROFILE_fairness] = {
		.name = "fairness", .share = 5, .queues = 2,
		.draws = CONSUMING | FAILING | OPTION(PRIORITIES) |
			 OPTION(ORDER) | OPTION(FAIRNESS) |
			 OPTION(DEAD_LETTER),
		.with = WITH_KEY | WITH_PRIORITY | WITH_USER, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 15,
			    [CALL_RECV_ID] = 2, [CALL_REDRIVE] = 1 },
	},
	[PROFILE_dedup] = {
		.name = "dedup", .share = 4, .queues = 1,
		.draws = DEDUP | BOUNDS | OPTION(PAUSED),
		.with = WITH_DEDUP, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 5,
			    [CALL_OPTION] = 1, [CALL_STEP] = 1 },
	},
	[PROFILE_bounds] = {
		.name = "bounds", .share = 4, .queues = 2,
		.draws = BOUNDS | OPTION(DEAD_LETTER) | OPTION(PAUSED),
		.with = WITH_KEY | WITH_HEADER, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 5,
			    [CALL_OPTION] = 4 },
	},
	[PROFILE_everything] = {
		.name = "everything", .share = 8, .queues = 3,
		.draws = ~0, .with = WITH_ALL, .actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 20,
			    [CALL_CONSUMER] = 2, [CALL_OPTION] = 2,
			    [CALL_RECV_ID] = 3, [CALL_REDRIVE] = 2,
			    [CALL_REMOVE] = 1, [CALL_CREATE] = 3,
			    [CALL_STEP] = 1 },
	},
	[PROFILE_durable] = {
		.name = "durable", .share = 7, .queues = 3, .durable = true,
		.draws = OPTION(ACK) | OPTION(PREFETCH) | OPTION(EOF) | FAILING |
			 BOUNDS | OPTION(DEAD_LETTER) | OPTION(PRIORITIES) |
			 OPTION(PAUSED),
		.with = WITH_PRIORITY | WITH_KEY | WITH_USER | WITH_HEADER,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 25,
			    [CALL_OPTION] = 3, [CALL_RECV_ID] = 4,
			    [CALL_REDRIVE] = 6, [CALL_REMOVE] = 1,
			    [CALL_CREATE] = 3, [CALL_SYNC] = 4,
			    [CALL_AGAIN] = 2, [CALL_CRASH] = 4 },
	},
	[PROFILE_topics] = {
		.name = "topics", .share = 20, .operations = 100000,
		.queues = MODEL_PLAIN, .topics = MODEL_TOPICS,
		.draws = BOUNDS | DEDUP | OPTION(ACK) | OPTION(PRIORITIES) |
			 OPTION(ORDER) | OPTION(TTL_MS) | OPTION(DELAY_MS) |
			 OPTION(DEAD_LETTER) | OPTION(PAUSED) |
			 OPTION(ALLOW_EMPTY) | FAILING,
		.topic_draws = RETAINING | OPTION(MAX_BYTES) |
			       OPTION(MAX_MESSAGE_SIZE) | OPTION(ALLOW_EMPTY) |
			       OPTION(ON_UNROUTED) | OPTION(ALTERNATE) |
			       OPTION(PAUSED),
		.with = WITH_WORDS | WITH_KEY | WITH_HEADER | WITH_PRIORITY |
			WITH_DEDUP | WITH_USER | WITH_DELAY | WITH_TTL,
		.actions = ~0,
		.weight = { COMMON_WEIGHTS, [CALL_SETTLE] = 6, [CALL_OPTION] = 6,
			    [CALL_REDRIVE] = 1, [CALL_REMOVE] = 1,
			    [CALL_CREATE] = 4, [CALL_BIND] = 12,
			    [CALL_UNBIND] = 3, [CALL_BINDINGS] = 4,
			    [CALL_SEEK] = 3 },
	},
};
