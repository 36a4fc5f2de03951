/* SPDX-License-Identifier: GPL-2.0 */
/* Filters of bindings: words of the form key=PATTERN and header.NAME=VALUE. */
#ifndef MQCTL_FILTER_H
#define MQCTL_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#define FILTER_WHY_MAX	160

/*
 * Check the form of a word; what a pattern may have the module says. Returns false, and
 * says why.
 */
bool filter_check(const char *word, char why[FILTER_WHY_MAX]);

/*
 * Whether the command of the control node, or a line of a file, can have the filter: no
 * word has a blank in it. Filters here end with NULL.
 */
bool filter_is_plain(const char *const *filter);

/* Whether two filters have the same words, in any order. */
bool filter_same(const char *const *a, const char *const *b);

/* The words with a space between them, to be freed; NULL: no memory. */
char *filter_text(const char *const *filter);

#endif /* MQCTL_FILTER_H */
