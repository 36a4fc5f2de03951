/* SPDX-License-Identifier: GPL-2.0 */
/* Complaints: one line on standard error that says what failed, and why. */
#ifndef MQCTL_COMPLAIN_H
#define MQCTL_COMPLAIN_H

#include <stdarg.h>

#include "mqctl.h"

/*
 * "mqctl: SUBJECT: TEXTWHY", where TEXT is made by the format. The subject may be
 * NULL.
 */
void say(const char *subject, const char *format, va_list ap, const char *why)
	PRINTF(2, 0);

/*
 * "mqctl: SUBJECT: TEXT: WHY". The error is a negative errno, or zero if the text
 * says why; the subject may be NULL. Returns STATUS_FAILED.
 */
int complain(const char *subject, int error, const char *format, ...)
	PRINTF(3, 4);

/* The same for an error of a file that is not a queue, such as standard output. */
int complain_output(const char *subject, int error, const char *what);

/* The same for a queue that could not be opened or found. */
int complain_open(const char *name, int error);

#endif /* MQCTL_COMPLAIN_H */
