/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What commands write to their standard error: it goes on to ours, and the last
 * line of it is kept, as what is known of why a command failed.
 */
#ifndef MQCTL_SAYS_H
#define MQCTL_SAYS_H

#include <stdbool.h>
#include <stddef.h>

/* So much of a line is kept; no note is longer. */
#define SAYS_LINE	256

struct says {
	int	fd;		/* -1: nothing comes any more */
	char	last[SAYS_LINE];
	size_t	last_size;
	char	line[SAYS_LINE];	/* the one that has not ended */
	size_t	line_size;
};

/* Begin with this descriptor, which does not block. */
void says_begin(struct says *says, int fd);

/* Take what is there by now. */
void says_take(struct says *says);

/* The last line that has something in it: its size, zero if there was none. */
size_t says_last(const struct says *says, const char **line);

#endif /* MQCTL_SAYS_H */
