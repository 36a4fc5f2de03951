/* SPDX-License-Identifier: GPL-2.0 */
/* Selecting messages: by id, state, key, header, reason and age. */
#ifndef MQCTL_SELECT_H
#define MQCTL_SELECT_H

#include <devmq.h>

#include "args.h"

#define OPT_STATE	320
#define OPT_ID		321
#define OPT_KEY		322
#define OPT_HEADER	323
#define OPT_REASON	324
#define OPT_OLDER	325

#define OPTS_SELECT \
	{ OPT_KEY, "key", "KEY", "only those with this key" }, \
	{ OPT_HEADER, "header", "NAME[=VALUE]", \
	  "only those with this header; may be repeated" }, \
	{ OPT_REASON, "reason", "REASON", \
	  "only what is or was dead for this reason" }, \
	{ OPT_OLDER, "older-than", "DURATION", \
	  "only what was sent longer ago, or, in flight, delivered longer ago" }
#define OPT_ID_RANGE \
	{ OPT_ID, "id", "A[-B]", "only this id, or those from A to B" }

#define HEADERS_MAX	16

struct select {
	uint64_t	first;			/* 0: from the first */
	uint64_t	last;			/* 0: to the last */
	unsigned int	states;			/* 0: all */
	unsigned int	reason;			/* 0: any */
	uint64_t	older_ns;		/* 0: of any age */
	const char	*key;			/* NULL: with any or none */
	struct {
		const char	*name;
		const char	*value;		/* NULL: any */
	} headers[HEADERS_MAX];
	size_t		n_headers;
};

/* Take the code of one of these options; false if it is another option's. */
bool select_option(struct args *args, int code, struct select *select);

/*
 * Does the message match? Id and state are not compared: the kernel does that.
 */
bool select_takes(const struct select *select, const struct devmq_msg *msg);

/* Do messages have to be compared here, as the kernel does not select so? */
bool select_looks(const struct select *select);

/*
 * Call @each for every message that matches and is there when this begins: with
 * its id as @first and @last, or once for several with consecutive ids. Ends at the
 * first error of @each, which is returned.
 */
int select_each(struct devmq_queue *queue, const struct select *select,
		int (*each)(uint64_t first, uint64_t last, void *arg),
		void *arg);

#endif /* MQCTL_SELECT_H */
