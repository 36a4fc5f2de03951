/* SPDX-License-Identifier: GPL-2.0 */
/* Creating a queue with options, and comparing them with those of one that exists. */
#ifndef MQCTL_CREATION_H
#define MQCTL_CREATION_H

#include <stdbool.h>

/* Room for the reason why the module refuses a command. */
#define CREATION_REASON_MAX	512

/* A queue that is wanted: words of the form option=value, and the values. */
struct creation {
	const char	*name;
	char		**words;	/* as they were written */
	char		**values;	/* as the module takes them */
	int		count;
};

/* Create the queue. Returns 0, or a negative errno and the module's reason. */
int creation_try(const struct creation *c, char why[CREATION_REASON_MAX]);

/* Say why the queue was not created. Returns an exit status. */
int creation_complain(const struct creation *c, int err, const char *why);

/*
 * Compare with the options of the queue that exists: the number of those that differ,
 * which are named in *@differs, to be freed; or a negative errno.
 */
int creation_compare(const struct creation *c, char **differs);

/* Whether the module is loaded. */
bool creation_loaded(void);

/* Say why the module refused a command. Returns STATUS_FAILED. */
int creation_complain_control(const char *name, int error, const char *what,
			      const char *why);

#endif /* MQCTL_CREATION_H */
