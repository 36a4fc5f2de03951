// SPDX-License-Identifier: GPL-2.0
/* Finding results in reports. */
#include <stdio.h>
#include <string.h>

#include "report.h"

struct json_object *next_result(struct cursor *c)
{
	struct json_object *results, *o;

	while (c->next_report < json_object_array_length(c->reports)) {
		c->report = json_object_array_get_idx(c->reports,
						      c->next_report);
		results = json_object_object_get(c->report, "results");
		while (results &&
		       c->next_result < json_object_array_length(results)) {
			o = json_object_array_get_idx(results,
						      c->next_result++);
			if (!strcmp(member_text(o, "workload"), c->load))
				return o;
		}
		c->next_report++;
		c->next_result = 0;
	}
	return NULL;
}

const char *member_text(struct json_object *o, const char *name)
{
	struct json_object *member = json_object_object_get(o, name);

	return member ? json_object_get_string(member) : "";
}

double member_number(struct json_object *o, const char *name)
{
	struct json_object *member = json_object_object_get(o, name);

	return member ? json_object_get_double(member) : -1;
}

bool report_counts(struct json_object *report)
{
	struct json_object *system = json_object_object_get(report, "system");

	return !strcmp(member_text(system, "clock"), "icount");
}

static bool same_system(struct json_object *a, struct json_object *b)
{
	static const char *const names[] = {
		"kernel", "devmq", "cpus", "clock", "cmdline", NULL
	};
	const char *const *name;

	a = json_object_object_get(a, "system");
	b = json_object_object_get(b, "system");
	for (name = names; *name; name++) {
		if (strcmp(member_text(a, *name), member_text(b, *name)))
			return false;
	}
	return true;
}

bool report_new(struct json_object *reports, size_t index)
{
	struct json_object *o = json_object_array_get_idx(reports, index);
	size_t i;

	for (i = 0; i < index; i++) {
		if (same_system(json_object_array_get_idx(reports, i), o))
			return false;
	}
	return true;
}

void show_systems(struct json_object *reports, const char *prefix)
{
	struct json_object *report, *s;
	size_t i;

	for (i = 0; i < json_object_array_length(reports); i++) {
		if (!report_new(reports, i))
			continue;
		report = json_object_array_get_idx(reports, i);
		s = json_object_object_get(report, "system");
		printf("%sLinux %s, devmq %s, %.0f CPU(s), %s\n", prefix,
		       member_text(s, "kernel"), member_text(s, "devmq"),
		       member_number(s, "cpus"), report_counts(report) ?
		       "instructions counted" : "in real time");
	}
}
