/* SPDX-License-Identifier: GPL-2.0 */
/* The options that a queue can have. */
#ifndef MQCTL_OPTIONS_H
#define MQCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/*
 * An option, as the module describes it when its control node is read: sizes are in
 * bytes and durations in milliseconds; bounds are MIN..MAX, or words with '|'
 * between them. An option is for queues, for topics or for both; a module that does not
 * say so has none for topics.
 */
struct option_row {
	char	*name;
	char	*kind;
	char	*def;
	char	*bounds;
	char	*live;		/* "live" or "fixed" */
	char	*types;		/* "queue", "topic" or "both" */
	char	*help;
};

/*
 * All options, a line each: those of the module, if it is loaded and its control
 * node may be read, else those of this version. To be freed; NULL if there is no
 * memory.
 */
char *option_text(void);

/* All options of this version, likewise. */
char *option_text_built_in(void);

/*
 * Take the next line off *text, which is written to: the row points into it.
 * Returns false at the end.
 */
bool option_next(char **text, struct option_row *row);

/*
 * Find an option. The row points into *text, which is to be freed in any case.
 */
bool option_find(const char *name, size_t name_size, char **text,
		 struct option_row *row);

/* Whether topics, or queues, have the option. */
bool option_is_for(const struct option_row *row, bool topic);

/* Try all options as a guess. */
void option_guess(struct guess *guess);

#endif /* MQCTL_OPTIONS_H */
