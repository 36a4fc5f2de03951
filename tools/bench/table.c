// SPDX-License-Identifier: GPL-2.0
/*
 * Tables for people: one for each thing that was measured, a row for each peer,
 * each figure with its ratio to the first row's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "die.h"
#include "doors.h"
#include "report.h"
#include "table.h"

#define ROWS_MAX	64
#define COLUMNS_MAX	16
#define LABEL_MAX	32

/**
 * struct view - a table
 * @load: the workload
 * @axis: the member that has a column for each value; NULL: a column a figure
 * @figures: the members that are shown
 * @before: the title up to the unit of time
 * @timed: is there a unit of time in the title?
 * @behind: the title after the unit
 */
struct view {
	const char *load;
	const char *axis;
	const char *figures[4];
	const char *before;
	bool timed;
	const char *behind;
};

static const struct view views[] = {
	{ "pair", NULL, { "ns", "ns_min", "ns_max" },
	  "write and read in one process; ", true, " a message" },
	{ "sizes", "size", { "ns" },
	  "the same by size in bytes; ", true, " a message" },
	{ "batch", "batch", { "ns" },
	  "send and receive by messages a call; ", true, " a message" },
	{ "send", "batch", { "ns" },
	  "send alone by messages a call; ", true, " a message" },
	{ "ack", "batch", { "ns" },
	  "with acknowledgement by messages a call; ", true, " a message" },
	{ "next", "batch", { "ns" },
	  "with acknowledgement by the next call, by messages a call; ", true,
	  " a message" },
	{ "priority", "batch", { "ns" },
	  "priorities in turn by messages a call; ", true, " a message" },
	{ "key", "batch", { "ns" },
	  "keys in turn by messages a call; ", true, " a message" },
	{ "delay", "batch", { "ns" },
	  "a short delay by messages a call; ", true, " a message" },
	{ "depth", "depth", { "ns" },
	  "by messages stored meanwhile; ", true, " a message" },
	{ "others", "others", { "ns" },
	  "by other queues with a message; ", true, " a message" },
	{ "memory", "size", { "bytes" },
	  "memory by size in bytes; bytes a message", false, "" },
	{ "idle", NULL, { "bytes", "create_ns", "remove_ns" },
	  "an idle queue; bytes, and ", true, " to make and to remove it" },
	{ "stream", "shape", { "rate" },
	  "processes that send and receive; messages a second", false, "" },
	{ "stream", "shape", { "cpu_ns" },
	  "the same; ", true, " of processor time a message" },
	{ "pingpong", NULL, { "p50", "p99", "p999" },
	  "there and back between two processes; ", true, "" },
	{ "confirm", "shape", { "rate" },
	  "confirmed messages a second, by producers", false, "" },
	{ "confirm", "shape", { "raw_percent" },
	  "the same; percent of what raw groups of as many reach", false, "" },
	{ "fair", NULL, { "alone_ns", "busy_ns", "beside_ns", "percent" },
	  "a confirm alone, and beside a flood in memory and in its journal; ",
	  true, "" },
	{ "cleaner", NULL, { "alone_rate", "beside_rate", "percent" },
	  "confirmed batches beside what stays; messages a second", false, "" },
	{ "recovery", NULL, { "attach_ns", "read_ns", "percent" },
	  "to attach a journal, and to read its file; ", true, ", and percent" },
	{ "fanout", "shape", { "ns" },
	  "send, receive, acknowledge; ", true, " a message and subscription" },
	{ "fanout", "shape", { "send_ns" },
	  "the send of these; ", true, " a message and subscription" },
	{ "fanstream", "shape", { "rate" },
	  "a process for each; messages a second, of all subscriptions", false,
	  "" },
	{ "fanmemory", "shape", { "bytes" },
	  "memory that is stored; bytes a message and subscription", false, "" },
	{ "route", "bindings", { "ns" },
	  "by bindings, of which one takes it; ", true, " a send" },
};

/*
 * A table while it is put together; a cell is negative where there is none. Rows of
 * a group are shown together, and compared with its first one.
 */
struct table {
	char	rows[ROWS_MAX][LABEL_MAX];
	size_t	groups[ROWS_MAX];
	char	columns[COLUMNS_MAX][LABEL_MAX];
	size_t	row_count;
	size_t	column_count;
	double	cells[ROWS_MAX][COLUMNS_MAX];
	char	notes[ROWS_MAX][256];
	size_t	note_count;
};

/* Find a label, or add it. */
static size_t place(char labels[][LABEL_MAX], size_t *count, size_t max,
		    const char *label)
{
	size_t i;

	for (i = 0; i < *count; i++) {
		if (!strcmp(labels[i], label))
			return i;
	}
	if (*count == max)
		die(1, "a table with more than %zu of '%s'", max, label);
	snprintf(labels[i], LABEL_MAX, "%s", label);
	return (*count)++;
}

/* How a message gets to several queues; sizes and batches are groups. */
static size_t way_row_of(struct table *t, struct json_object *o)
{
	double batch = member_number(o, "batch"), size = member_number(o, "size");
	const char *way = member_text(o, "way");
	char label[LABEL_MAX], by[16] = "";
	size_t row;

	if (batch > 1)
		snprintf(by, sizeof(by), " x%.0f", batch);
	snprintf(label, sizeof(label), "%s%s%s %.0f%s", member_text(o, "peer"),
		 *way && strcmp(way, "topic") ? " " : "",
		 strcmp(way, "topic") ? way : "", size, by);
	row = place(t->rows, &t->row_count, ROWS_MAX, label);
	t->groups[row] = (size_t)size * 2048 + (size_t)(batch > 1 ? batch : 0);
	return row;
}

static size_t row_of(struct table *t, const struct view *view,
		     struct json_object *o)
{
	double batch = member_number(o, "batch");
	char label[LABEL_MAX];

	if (*member_text(o, "way"))
		return way_row_of(t, o);
	if (batch > 1 && (!view->axis || strcmp(view->axis, "batch")) &&
	    strcmp(view->load, "memory"))
		snprintf(label, sizeof(label), "%s x%.0f",
			 member_text(o, "peer"), batch);
	else
		snprintf(label, sizeof(label), "%s", member_text(o, "peer"));
	return place(t->rows, &t->row_count, ROWS_MAX, label);
}

/* Calls for one message, and batches of one, are in the same column. */
static size_t column_of(struct table *t, const struct view *view,
			struct json_object *o)
{
	const char *label = member_text(o, view->axis);

	if (!strcmp(view->axis, "batch") && !strcmp(label, "0"))
		label = "1";
	return place(t->columns, &t->column_count, COLUMNS_MAX, label);
}

/* Add a note: the reason, and the peers that it holds for. */
static void add_note(struct table *t, struct json_object *o)
{
	const char *why = member_text(o, "reason");
	const char *peer = member_text(o, "peer");
	char *note;
	size_t i;

	if (!*why)
		why = member_text(o, "error");
	if (!*why)
		return;
	for (i = 0; i < t->note_count; i++) {
		if (!strncmp(t->notes[i], why, strlen(why)))
			break;
	}
	if (i == ROWS_MAX)
		return;
	note = t->notes[i];
	if (i == t->note_count) {
		t->note_count++;
		snprintf(note, sizeof(t->notes[i]), "%s: %s", why, peer);
		return;
	}
	if (strstr(note + strlen(why), peer) ||
	    strlen(note) + strlen(peer) + 3 > sizeof(t->notes[i]))
		return;
	strcat(note, ", ");
	strcat(note, peer);
}

/* The heading of a figure. */
static const char *head_of(const char *figure)
{
	static const char *const heads[][2] = {
		{ "ns", "median" },
		{ "ns_min", "least" },
		{ "ns_max", "most" },
		{ "create_ns", "to make" },
		{ "remove_ns", "to remove" },
		{ "p999", "p99.9" },
		{ "alone_ns", "alone" },
		{ "busy_ns", "memory" },
		{ "beside_ns", "journal" },
		{ "alone_rate", "alone" },
		{ "beside_rate", "beside" },
		{ "attach_ns", "to attach" },
		{ "read_ns", "to read" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		if (!strcmp(heads[i][0], figure))
			return heads[i][1];
	}
	return figure;
}

static void add_result(struct table *t, const struct view *view,
		       struct json_object *o)
{
	size_t row = row_of(t, view, o), i;

	add_note(t, o);
	if (view->axis) {
		t->cells[row][column_of(t, view, o)] =
			member_number(o, view->figures[0]);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(view->figures) && view->figures[i]; i++) {
		place(t->columns, &t->column_count, COLUMNS_MAX,
		      head_of(view->figures[i]));
		t->cells[row][i] = member_number(o, view->figures[i]);
	}
}

static void print_number(double n)
{
	if (n < 0)
		printf(" %9s", "-");
	else if (n < 100)
		printf(" %9.1f", n);
	else if (n < 10000000)
		printf(" %9.0f", n);
	else
		printf(" %8.1fM", n / 1e6);
}

/* Does the row have a figure? */
static bool shown(const struct table *t, size_t row)
{
	size_t i;

	for (i = 0; i < t->column_count; i++) {
		if (t->cells[row][i] >= 0)
			return true;
	}
	return false;
}

/* The figure of the first row of the group that is shown. */
static double first_of(const struct table *t, size_t group, size_t column)
{
	size_t row = 0;

	while (row + 1 < t->row_count &&
	       (t->groups[row] != group || !shown(t, row)))
		row++;
	return t->cells[row][column];
}

/* Is it the first row of its group? */
static bool begins(const struct table *t, size_t row)
{
	size_t i;

	for (i = 0; i < row; i++) {
		if (t->groups[i] == t->groups[row])
			return false;
	}
	return true;
}

/* As wide as the widest label. */
static int label_width(const struct table *t)
{
	size_t width = 15, i;

	for (i = 0; i < t->row_count; i++) {
		if (strlen(t->rows[i]) > width)
			width = strlen(t->rows[i]);
	}
	return (int)width;
}

static void print_row(const struct table *t, size_t row)
{
	double first, n;
	size_t i;

	printf("  %-*s", label_width(t), t->rows[row]);
	for (i = 0; i < t->column_count; i++) {
		first = first_of(t, t->groups[row], i);
		n = t->cells[row][i];
		print_number(n);
		if (n >= 0 && first > 0)
			printf(" %4.*f", n / first < 10 ? 2 : 1, n / first);
		else
			printf(" %4s", "");
	}
	putchar('\n');
}

static void print_table(const struct table *t, const struct view *view,
			const char *unit)
{
	size_t i, k;

	printf("\n%s: %s%s%s\n  %-*s", view->load, view->before,
	       view->timed ? unit : "", view->behind, label_width(t), "");
	for (i = 0; i < t->column_count; i++)
		printf(" %9s %4s", t->columns[i], "");
	putchar('\n');
	for (i = 0; i < t->row_count; i++) {
		for (k = i; begins(t, i) && k < t->row_count; k++) {
			if (t->groups[k] == t->groups[i] && shown(t, k))
				print_row(t, k);
		}
	}
	for (i = 0; i < t->note_count; i++)
		printf("  - %s\n", t->notes[i]);
}

static void show_view(struct json_object *reports, const struct view *view)
{
	struct cursor cursor = { .reports = reports, .load = view->load };
	struct table *t = calloc(1, sizeof(*t));
	struct json_object *o;
	bool counts = false;
	size_t i, k;

	if (!t)
		die(1, "no memory");
	for (i = 0; i < ROWS_MAX; i++) {
		for (k = 0; k < COLUMNS_MAX; k++)
			t->cells[i][k] = -1;
	}
	while ((o = next_result(&cursor))) {
		add_result(t, view, o);
		counts = report_counts(cursor.report);
	}
	if (t->row_count)
		print_table(t, view, counts ? "instructions" : "ns");
	free(t);
}

static void show_system(struct json_object *report)
{
	struct json_object *s = json_object_object_get(report, "system");
	bool counts = report_counts(report);

	printf("mqbench %s, devmq %s, Linux %s, %.0f CPU(s), %s\n",
	       member_text(s, "mqbench"),
	       *member_text(s, "devmq") ? member_text(s, "devmq") : "not loaded",
	       member_text(s, "kernel"), member_number(s, "cpus"),
	       counts ? "instructions counted" : "real time");
	printf("  command line: %s\n", member_text(s, "cmdline"));
}

/* How each peer was configured. */
static void show_config(struct json_object *reports)
{
	struct cursor cursor = { .reports = reports, .load = "pair" };
	struct json_object *o;
	bool title = false;

	while ((o = next_result(&cursor))) {
		if (!*member_text(o, "config"))
			continue;
		if (!title)
			printf("\nconfiguration for pair, room for %.0f messages\n",
			       member_number(o, "capacity"));
		title = true;
		printf("  %-15s  %s\n", member_text(o, "peer"),
		       member_text(o, "config"));
	}
}

void show_tables(struct json_object *reports)
{
	size_t i;

	for (i = 0; i < json_object_array_length(reports); i++) {
		if (report_new(reports, i))
			show_system(json_object_array_get_idx(reports, i));
	}
	putchar('\n');
	show_doors(reports, "");
	puts("\nBelow, each figure has its ratio to the first row's behind it.");
	for (i = 0; i < ARRAY_SIZE(views); i++)
		show_view(reports, &views[i]);
	show_config(reports);
}
