/* SPDX-License-Identifier: GPL-2.0 */
/* Words of the form option=value. */
#ifndef MQCTL_ASSIGNMENT_H
#define MQCTL_ASSIGNMENT_H

#include <stdbool.h>

#include "args.h"

/* Refuse a word with a space or the like: to the module, it would be two. */
void assignment_check(const struct args *args, const char *word);

/*
 * The value as the module takes it, to be freed: sizes in bytes, durations in
 * milliseconds, users and groups as numbers. A value without a unit is left as it
 * is: the module knows what each option takes.
 */
char *assignment_value(const struct args *args, const char *word);

/* What is wrong with a word: an exit status, and why. */
struct assignment_fault {
	int	status;
	char	why[512];
};

/* The same for a word that is no operand: NULL, and what is wrong with it. */
char *assignment_plain(const char *word, struct assignment_fault *fault);

/* Compare two values of an option: numbers by what they are, not how they are written. */
bool assignment_same(const char *option, const char *a, const char *b);

#endif /* MQCTL_ASSIGNMENT_H */
