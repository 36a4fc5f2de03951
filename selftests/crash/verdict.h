/* SPDX-License-Identifier: GPL-2.0 */
/* What the judge found wrong first. */
#ifndef CRASH_VERDICT_H
#define CRASH_VERDICT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/**
 * struct verdict - whether a state is right
 * @why: what is wrong with it, if it @failed
 * @size: of @why
 * @failed: something is wrong
 */
struct verdict {
	char	*why;
	size_t	size;
	bool	failed;
};

/* Something is wrong. What comes first is what is told. */
static inline void __attribute__((format(printf, 2, 3)))
fail(struct verdict *v, const char *format, ...)
{
	va_list args;

	if (v->failed)
		return;
	v->failed = true;
	va_start(args, format);
	vsnprintf(v->why, v->size, format, args);
	va_end(args);
}

#endif /* CRASH_VERDICT_H */
