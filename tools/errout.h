/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The standard error of the commands that consume runs. What they write there goes
 * on to the standard error of consume. The last line is kept: it is all that is
 * known of why a command failed.
 */
#ifndef MQCTL_ERROUT_H
#define MQCTL_ERROUT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a line that are kept; no note is longer. */
#define ERROUT_LINE	256

struct errout {
	int	fd;		/* -1 after its end */
	char	last[ERROUT_LINE];
	size_t	last_size;
	char	line[ERROUT_LINE];	/* one without a newline so far */
	size_t	line_size;
};

/* Begin to read this descriptor, which does not block. */
void errout_begin(struct errout *errout, int fd);

/* Read what has been written by now, and pass it on. */
void errout_read(struct errout *errout);

/* The last line that is not blank. Returns its size; zero if there was none. */
size_t errout_last(const struct errout *errout, const char **line);

#endif /* MQCTL_ERROUT_H */
