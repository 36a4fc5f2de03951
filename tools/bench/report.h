/* SPDX-License-Identifier: GPL-2.0 */
/* Results, as those who show them look for them. */
#ifndef MQBENCH_REPORT_H
#define MQBENCH_REPORT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct cursor - goes through the results of one workload, in all reports
 * @reports: an array of them
 * @load: the workload
 * @report: the report that the result is in
 */
struct cursor {
	struct json_object	*reports;
	const char		*load;
	struct json_object	*report;
	size_t			next_report;
	size_t			next_result;
};

struct json_object *next_result(struct cursor *cursor);

/* Members, or "" and a negative number if there are none. */
const char *member_text(struct json_object *o, const char *name);
double member_number(struct json_object *o, const char *name);

/* Do the reports count instructions, where they time what costs? */
bool report_counts(struct json_object *report);

/* Is it the first of the reports that tells of such a machine? */
bool report_new(struct json_object *reports, size_t index);

#endif /* MQBENCH_REPORT_H */
