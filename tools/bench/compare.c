// SPDX-License-Identifier: GPL-2.0
/*
 * What changed since an older report: each figure that differs by more than two
 * percent. Results are the same if what was measured is: the version of mqbench, the
 * numbers of rounds and messages, and the order do not matter.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "compare.h"
#include "die.h"
#include "report.h"

#define PERCENT	2

/* What a figure is, and whether more of it is better. */
struct figure {
	const char	*name;
	bool		more;
};

static const struct figure figures[] = {
	{ "ns", false },
	{ "send_ns", false },
	{ "cpu_ns", false },
	{ "bytes", false },
	{ "create_ns", false },
	{ "remove_ns", false },
	{ "p50", false },
	{ "p99", false },
	{ "p999", false },
	{ "rate", true },
	{ "raw_percent", true },
	{ "alone_ns", false },
	{ "beside_ns", false },
	{ "alone_rate", true },
	{ "beside_rate", true },
	{ "attach_ns", false },
	{ "read_ns", false },
};

/* The members that say what was measured. */
static const char *const sames[] = {
	"workload", "peer", "kind", "way", "shape", "size", "batch", "depth", "others",
	"bindings", "producers", "subscriptions",
};

/* How many figures there were of each kind. */
struct counts {
	unsigned int	compared;
	unsigned int	changed;
	unsigned int	only_now;
	unsigned int	only_before;
};

static bool same_measurement(struct json_object *a, struct json_object *b)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sames); i++)
		if (strcmp(member_text(a, sames[i]), member_text(b, sames[i])))
			return false;
	return true;
}

/* Find the result of the same measurement by the same clock, or return NULL. */
static struct json_object *find_same(struct json_object *reports,
				     struct json_object *o, bool counts)
{
	struct cursor c = {
		.reports = reports, .load = member_text(o, "workload"),
	};
	struct json_object *found;

	while ((found = next_result(&c)))
		if (same_measurement(o, found) && report_counts(c.report) == counts)
			return found;
	return NULL;
}

/* Print what was measured. */
static void print_what(struct json_object *o)
{
	double batch = member_number(o, "batch");
	static const char *const beside[] = { "depth", "others", "bindings" };
	size_t i;

	printf("  %s %s %s %.0f bytes", member_text(o, "workload"),
	       member_text(o, "peer"), member_text(o, "way"), member_number(o, "size"));
	if (batch > 0)
		printf(" x%.0f", batch);
	if (*member_text(o, "shape"))
		printf(" %s", member_text(o, "shape"));
	for (i = 0; i < ARRAY_SIZE(beside); i++)
		if (member_number(o, beside[i]) > 0)
			printf(" %s %.0f", beside[i], member_number(o, beside[i]));
}

static void compare_figure(struct json_object *before, struct json_object *now,
			   const struct figure *f, struct counts *n)
{
	double old = member_number(before, f->name), new = member_number(now, f->name);
	double percent;

	if (old <= 0 || new < 0)
		return;
	n->compared++;
	percent = 100 * (new - old) / old;
	if (percent <= PERCENT && percent >= -PERCENT)
		return;
	n->changed++;
	print_what(now);
	printf(": %s %.1f, was %.1f: %+.1f %%, %s\n", f->name, new, old, percent,
	       (percent > 0) == f->more ? "better" : "worse");
}

/* Call @each with each result and its report. */
static void each_result(struct json_object *reports,
			void (*each)(struct json_object *o, bool counts,
				     struct json_object *others, struct counts *n),
			struct json_object *others, struct counts *n)
{
	struct json_object *report, *results;
	size_t i, k;

	for (i = 0; i < json_object_array_length(reports); i++) {
		report = json_object_array_get_idx(reports, i);
		results = json_object_object_get(report, "results");
		for (k = 0; results && k < json_object_array_length(results); k++)
			each(json_object_array_get_idx(results, k),
			     report_counts(report), others, n);
	}
}

/* Does it have figures, rather than a reason why not? */
static bool has_figures(struct json_object *o)
{
	return !*member_text(o, "reason") && !*member_text(o, "error");
}

static void compare_result(struct json_object *o, bool counts,
			   struct json_object *before, struct counts *n)
{
	struct json_object *old = find_same(before, o, counts);
	size_t i;

	if (!has_figures(o))
		return;
	if (!old || !has_figures(old)) {
		n->only_now++;
		return;
	}
	for (i = 0; i < ARRAY_SIZE(figures); i++)
		compare_figure(old, o, &figures[i], n);
}

static void find_gone(struct json_object *o, bool counts, struct json_object *now,
		      struct counts *n)
{
	struct json_object *found = find_same(now, o, counts);

	if (has_figures(o) && (!found || !has_figures(found)))
		n->only_before++;
}

void show_changes(struct json_object *before, struct json_object *now)
{
	struct counts n = {};

	show_systems(before, "before: ");
	show_systems(now, "now: ");
	printf("what changed by more than %d %%:\n", PERCENT);
	each_result(now, compare_result, before, &n);
	each_result(before, find_gone, now, &n);
	if (!n.compared)
		die(1, "nothing was measured in both: the same workloads, peers and sizes, by the same clock");
	printf("%u of %u figures; %u results are only in what is compared, %u only in what was before\n",
	       n.changed, n.compared, n.only_now, n.only_before);
}
