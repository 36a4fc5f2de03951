/* SPDX-License-Identifier: GPL-2.0 */
/* The options of queues: their names, and the values that sequences draw. */
#ifndef PLAY_OPTIONS_H
#define PLAY_OPTIONS_H

#include <stdbool.h>

#include "model/model.h"

/* In the table: @n times the short duration. */
#define SHORT(n)	(1ULL << 63 | (n))

struct option_info {
	const char	*name;
	bool		live;
	enum { FOR_QUEUE, FOR_TOPIC, FOR_BOTH } what;
	const char	*word[4];
	bool		told;	/* the usual value is not the module's default */
	__u64		usual;
	unsigned int	draws;
	__u64		draw[8];
};

extern const struct option_info options[MODEL_OPTIONS];

/* Does the queue or topic with this index have the option? */
bool has_option(int queue, enum model_option option);

bool is_usual(const struct model_queue *q, enum model_option option);

/*
 * The option values with the present short duration.  Valid until the next
 * call.
 */
const __u64 *resolve_options(const __u64 *option);

__u64 call_time_ns(void);

/* A value from the table, with short durations as they stand there, or resolved. */
__u64 option_raw(enum model_option option, __u64 *dice);
__u64 option_draw(enum model_option option, __u64 *dice);

#endif /* PLAY_OPTIONS_H */
