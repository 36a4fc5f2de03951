/* SPDX-License-Identifier: GPL-2.0 */
/* Results: a JSON object for every measurement. */
#ifndef MQBENCH_RESULT_H
#define MQBENCH_RESULT_H

#include <stdbool.h>

#include "plan.h"

/*
 * A new result of the plan, with the members that all results have. It gets figures
 * next; or the reason why the peer cannot take part; or an error, which is printed
 * at once, and makes the program fail at its end.
 */
struct json_object *result_new(const struct plan *plan, const struct load *load,
			       const struct peer *peer,
			       const struct setup *setup);
void result_number(struct json_object *result, const char *name, double value);
/* How many rounds there were, and the median of @values, the least and the most. */
void result_rounds(struct json_object *result, const char *name, double *values,
		   unsigned int rounds);
void result_text(struct json_object *result, const char *name,
		 const char *text);
void result_error(struct json_object *result, int err);

/* Has result_error() been called? */
extern bool anything_failed;

#endif /* MQBENCH_RESULT_H */
