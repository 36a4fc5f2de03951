/* SPDX-License-Identifier: GPL-2.0 */
/* --watch: showing something again and again. */
#ifndef MQCTL_WATCH_H
#define MQCTL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"

#define OPT_INTERVAL	310
#define OPTS_WATCH \
	{ 'w', "watch", NULL, "show it anew every second, until interrupted" }, \
	{ OPT_INTERVAL, "interval", "DURATION", "the same, so often" }

struct watch {
	bool		on;
	bool		dense;		/* no empty line between */
	uint64_t	interval_ns;	/* 0: a second */
};

/* Take the code of one of these options; false if it is another option's. */
bool watch_option(struct args *args, int code, struct watch *watch);

/*
 * Call @show once, or again and again until it fails. On a terminal, each output
 * replaces the one before. Returns an exit status.
 */
int watch(const struct watch *watch, int (*show)(void *arg), void *arg);

#endif /* MQCTL_WATCH_H */
