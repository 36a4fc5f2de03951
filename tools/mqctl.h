/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mqctl, the command for devmq queues: what all its files use. What one file
 * offers to others is in the header of its name; floors lists the files from
 * top to bottom.
 */
#ifndef MQCTL_MQCTL_H
#define MQCTL_MQCTL_H

#define NORETURN	__attribute__((noreturn))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* What mqctl exits with. */
enum {
	STATUS_DONE	= 0,
	STATUS_FAILED	= 1,
	STATUS_USAGE	= 2,
	STATUS_NOTHING	= 3,
	STATUS_EXISTS	= 4,	/* create, journal create */
	STATUS_OPTION	= 5,	/* there is no such option, or it takes no such value */
	STATUS_TRIED	= 6,	/* consume: it ended in order, but something failed */
	STATUS_DAMAGED	= 7,	/* a journal is */
};

#endif /* MQCTL_MQCTL_H */
