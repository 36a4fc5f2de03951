/* SPDX-License-Identifier: GPL-2.0 */
/* Commands that show something can show it again and again. */
#ifndef MQCTL_WATCH_H
#define MQCTL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "mqctl.h"

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
 * Show it once, or again and again until that fails. On a terminal each takes the
 * place of the one before.
 */
int watch(const struct watch *watch, int (*show)(void *arg), void *arg);

#endif /* MQCTL_WATCH_H */
