/* SPDX-License-Identifier: GPL-2.0 */
/* The options that a queue can have. */
#ifndef MQCTL_OPTIONS_H
#define MQCTL_OPTIONS_H

#include <stdbool.h>

/*
 * What there is to say of an option, as the module says it when its control node
 * is read: sizes are in bytes and durations in milliseconds, and the bounds are
 * MIN..MAX, or words with '|' between them.
 */
struct option_row {
	char	*name;
	char	*kind;
	char	*def;
	char	*bounds;
	char	*live;		/* "live" or "fixed" */
	char	*help;
};

/*
 * The table: that of the module, if it is loaded and may be asked, else as it was
 * when mqctl was built. To be freed; or NULL if there is no memory.
 */
char *option_text(void);

/* The same, never asking the module. */
char *option_text_built_in(void);

/* The next option, in place: *text moves on. False at the end. */
bool option_next(char **text, struct option_row *row);

#endif /* MQCTL_OPTIONS_H */
