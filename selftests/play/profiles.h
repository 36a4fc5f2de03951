/* SPDX-License-Identifier: GPL-2.0 */
/* What the sequences of each test are made of. */
#ifndef PLAY_PROFILES_H
#define PLAY_PROFILES_H

#include <stdbool.h>

#include <linux/types.h>

/* Features that messages and deliveries of a profile have. */
#define WITH_PRIORITY	0x01
#define WITH_KEY	0x02
#define WITH_DELAY	0x04
#define WITH_TTL	0x08
#define WITH_DEDUP	0x10
#define WITH_USER	0x20
#define WITH_HEADER	0x40
#define WITH_LEASE	0x80	/* of deliveries */
#define WITH_ALL	0xff
#define WITH_WORDS	0x100	/* keys of several words, several headers */

#define OPTION(name)	(1U << OPT_##name)
#define ACTION(name)	(1U << DEVMQ_ACTION_##name)

#define BOUNDS	(OPTION(MAX_MESSAGES) | OPTION(MAX_BYTES) |		\
		 OPTION(MAX_MESSAGE_SIZE) | OPTION(OVERFLOW))
#define CONSUMING (OPTION(ACK) | OPTION(PREFETCH) | OPTION(EOF) |	\
		   OPTION(ALLOW_EMPTY))
#define FAILING	(OPTION(MAX_DELIVERIES) | OPTION(MAX_DEAD))
#define TIMES	(OPTION(LEASE_MS) | OPTION(ON_EXPIRY) | OPTION(RETRY_MS) | \
		 OPTION(RETRY_BACKOFF) | OPTION(RETRY_MAX_MS) |		\
		 OPTION(DELAY_MS) | OPTION(TTL_MS))
#define DEDUP	(OPTION(DEDUP_WINDOW_MS) | OPTION(DEDUP_MAX))
#define RETAINING (OPTION(RETAIN_MESSAGES) | OPTION(RETAIN_BYTES) |	\
		   OPTION(COMPACT) | OPTION(TOMBSTONE_MS))
#define GATES	(OPTION(SINGLE_ACTIVE) | OPTION(PAUSED))

/**
 * struct profile - what the sequences of a test are made of
 * @name: the test's
 * @share: of MODEL_OPS and MODEL_SECONDS, in percent
 * @operations: how many there are without MODEL_OPS (0: a thousand for each percent)
 * @queues: how many there are, or with topics at most
 * @topics: how many of these there are at most
 * @draws: options of queues that may be other than usual
 * @topic_draws: those of topics
 * @forced: those that always are as @value says
 * @with: what messages and deliveries have
 * @actions: settlements
 * @durable: the queues are in a journal
 * @weight: how often each kind of operation comes
 */
struct profile {
	const char	*name;
	unsigned int	share;
	unsigned int	operations;
	int		queues;
	int		topics;
	__u32		draws;
	__u32		topic_draws;
	__u32		forced;
	__u64		value[MODEL_OPTIONS];
	unsigned int	with;
	unsigned int	actions;
	bool		durable;
	unsigned int	weight[MODEL_KINDS];
};

#define COMMON_WEIGHTS							\
	[CALL_OPEN] = 5, [CALL_CLOSE] = 2, [CALL_WRITE] = 10,		\
	[CALL_SEND] = 15, [CALL_READ] = 15, [CALL_RECV] = 15,		\
	[CALL_POLL] = 3, [CALL_PEEK] = 2, [CALL_PURGE] = 1

enum {
	PROFILE_plain_queue,
	PROFILE_manual_ack,
	PROFILE_failures_and_dead,
	PROFILE_dead_letter_queue,
	PROFILE_time,
	PROFILE_leases,
	PROFILE_retries,
	PROFILE_priorities,
	PROFILE_keys,
	PROFILE_fairness,
	PROFILE_dedup,
	PROFILE_bounds,
	PROFILE_everything,
	PROFILE_durable,
	PROFILE_topics,
	PROFILES
};

extern const struct profile profiles[PROFILES];

#endif /* PLAY_PROFILES_H */
