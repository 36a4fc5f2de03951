/* SPDX-License-Identifier: GPL-2.0 */
/* Finding results in reports, to show them. */
#ifndef MQBENCH_REPORT_H
#define MQBENCH_REPORT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct cursor - goes through the results of one workload, in all reports
 * @reports: an array of reports
 * @load: the name of the workload
 * @report: the report of the last result
 */
struct cursor {
	struct json_object	*reports;
	const char		*load;
	struct json_object	*report;
	size_t			next_report;
	size_t			next_result;
};

/* The next result, or NULL. */
struct json_object *next_result(struct cursor *cursor);

/* A member; "", or a negative number, if there is none. */
const char *member_text(struct json_object *o, const char *name);
double member_number(struct json_object *o, const char *name);

/* Did the clock count instructions? */
bool report_counts(struct json_object *report);

/* Is it the first report of its machine, kernel and module? */
bool report_new(struct json_object *reports, size_t index);

/* Print on what was measured, a line for each machine, behind @prefix. */
void show_systems(struct json_object *reports, const char *prefix);

#endif /* MQBENCH_REPORT_H */
