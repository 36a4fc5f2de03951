/* SPDX-License-Identifier: GPL-2.0 */
/* Words of the form option=value. */
#ifndef MQCTL_ASSIGNMENT_H
#define MQCTL_ASSIGNMENT_H

#include "args.h"

/* Refuse a word with a space or the like: to the module, it would be two. */
void assignment_check(const struct args *args, const char *word);

/*
 * The value as the module takes it, to be freed: sizes in bytes, durations in
 * milliseconds, users and groups as numbers. A value without a unit is left as it
 * is: the module knows what each option takes.
 */
char *assignment_value(const struct args *args, const char *word);

#endif /* MQCTL_ASSIGNMENT_H */
