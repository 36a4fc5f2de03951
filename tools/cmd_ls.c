// SPDX-License-Identifier: GPL-2.0
/* Listing queues: ls. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "args.h"
#include "columns.h"
#include "complain.h"
#include "facts.h"
#include "json.h"
#include "text.h"
#include "tree.h"
#include "units.h"
#include "watch.h"

#define DEFAULT_COLUMNS \
	"name,type,ready,in_flight,delayed,deferred,dead,bytes,consumers," \
	"producers,oldest_ms,node"
#define COLUMNS_MAX	64
/* Columns to sort by, which are not shown. */
#define HIDDEN_MAX	2

#define OPT_SORT	(OPT_LONG + 0)
#define OPT_TOTAL	(OPT_LONG + 1)
#define OPT_TREE	(OPT_LONG + 2)

/* What ls shows, and how. The cells of a row follow those of the row before. */
struct listing {
	const struct column	*column[COLUMNS_MAX + HIDDEN_MAX];
	size_t			columns;
	size_t			hidden;		/* and more, to sort by */
	const struct column	*sort;		/* NULL: by name */
	bool			reverse;
	bool			total;
	bool			tree;
	bool			chosen;		/* what the tree does not have */
	bool			json;
	bool			raw;
	bool			no_headings;
	bool			watched;	/* what is not there may come */
	char			**patterns;	/* NULL: all queues */
	char			(*cells)[COLUMN_VALUE_MAX];
	size_t			rows;
};

static void NORETURN no_column(const struct args *args, const char *name,
			       size_t size)
{
	char word[64];
	struct guess guess;
	const struct column *c;

	snprintf(word, sizeof(word), "%.*s", (int)size, name);
	guess = (struct guess)GUESS(word);
	for (c = columns; c->name; c++)
		guess_try(&guess, c->name);
	usage(args, "no column '%.*s'%s", (int)size, name, guess_hint(&guess));
}

static void choose_columns(const struct args *args, struct listing *l,
			   const char *list)
{
	const struct column *c;
	char name[32];
	size_t size;

	l->columns = 0;
	for (;;) {
		size = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)size, list);
		c = find_column(name);
		if (!c || size >= sizeof(name))
			no_column(args, list, size);
		if (l->columns == COLUMNS_MAX)
			usage(args, "more than %d columns", COLUMNS_MAX);
		l->column[l->columns++] = c;
		if (!list[size])
			return;
		list += size + 1;
	}
}

/* Sort by a column; if there is a '-' before its name, from the largest down. */
static void choose_order(const struct args *args, struct listing *l,
			 const char *name)
{
	l->reverse = *name == '-';
	name += l->reverse;
	l->sort = find_column(name);
	if (!l->sort)
		no_column(args, name, strlen(name));
}

/* Write a size or an age as people read it. */
static void make_readable(const struct column *column,
			  char value[COLUMN_VALUE_MAX])
{
	char text[UNITS_TEXT_MAX];
	uint64_t number;

	if (parse_number(value, UINT64_MAX, &number))
		return;
	if (column->kind == KIND_BYTES)
		format_size(number, text);
	else if (column->kind == KIND_MS)
		format_duration(number, text);
	else
		return;
	strcpy(value, text);
}

/*
 * Does the queue lack this column, as its module does not have it? The file "dev"
 * is the last one that a queue gets and the first one that it loses. So while that
 * is the same file, the queue has all its files.
 */
static bool lacks(const char *name, const struct column *column)
{
	ino_t before = facts_file(name, "dev");
	bool there = facts_file(name, column->name);

	return before && !there && facts_file(name, "dev") == before;
}

static char (*row_of(const struct listing *l, size_t row))[COLUMN_VALUE_MAX]
{
	return l->cells + row * (l->columns + l->hidden);
}

/*
 * Fill the row of a queue. A column that its module does not have stays empty: a
 * "-" in the table, left out of JSON. A queue that is removed in the meantime
 * (-ENOENT) gets no row.
 */
static int fill_row(struct listing *l, const char *name)
{
	char (*row)[COLUMN_VALUE_MAX] = row_of(l, l->rows);
	struct facts facts;
	size_t i;
	int err;

	err = facts_get(&facts, name);
	if (err)
		return err;
	for (i = 0; i < l->columns + l->hidden; i++) {
		err = facts_value(&facts, l->column[i], row[i]);
		if (err == -ENOENT && lacks(name, l->column[i]))
			row[i][0] = '\0';
		else if (err)
			return err;
	}
	l->rows++;
	return 0;
}

/* Call this last: numbers are compared and added before. */
static void make_all_readable(struct listing *l)
{
	size_t row, i;

	for (row = 0; row < l->rows && !l->raw && !l->json; row++) {
		for (i = 0; i < l->columns; i++)
			make_readable(l->column[i], row_of(l, row)[i]);
	}
}

/* Compare two rows; rows with the same value are sorted by name. */
static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct listing *l = arg;
	const char (*x)[COLUMN_VALUE_MAX] = a, (*y)[COLUMN_VALUE_MAX] = b;
	uint64_t m, n;
	int order;

	if (!parse_number(x[l->columns], UINT64_MAX, &m) &&
	    !parse_number(y[l->columns], UINT64_MAX, &n))
		order = m < n ? -1 : m > n;
	else
		order = strcmp(x[l->columns], y[l->columns]);
	if (order)
		return l->reverse ? -order : order;
	return strcmp(x[l->columns + 1], y[l->columns + 1]);
}

/* Add up the counters; of ages, the total is the largest. */
static void add_total(struct listing *l)
{
	char (*total)[COLUMN_VALUE_MAX] = row_of(l, l->rows);
	uint64_t sum, n;
	size_t row, i;

	for (i = 0; i < l->columns; i++) {
		const struct column *c = l->column[i];

		if (!c->counter) {
			strcpy(total[i], strcmp(c->name, "name") ? "" :
					 "total");
			continue;
		}
		for (sum = 0, row = 0; row < l->rows; row++) {
			if (parse_number(row_of(l, row)[i], UINT64_MAX, &n))
				continue;
			if (c->kind == KIND_MS)
				sum = n > sum ? n : sum;
			else
				sum += n;
		}
		snprintf(total[i], COLUMN_VALUE_MAX, "%" PRIu64, sum);
	}
	l->rows++;
}

static void print_row(const struct listing *l, const int *widths,
		      const char *(*cell)(const struct listing *, size_t,
					  size_t), size_t row)
{
	const char *text;
	size_t i;
	int width;

	for (i = 0; i < l->columns; i++) {
		text = cell(l, row, i);
		if (!*text)
			text = "-";
		width = widths[i];
		if (l->column[i]->kind == KIND_TEXT)
			width = i + 1 < l->columns ? -width : 0;
		printf("%s%*s", i ? "  " : "", width, text);
	}
	putchar('\n');
}

static const char *heading(const struct listing *l, size_t row, size_t i)
{
	(void)row;
	return l->column[i]->heading;
}

static const char *cell(const struct listing *l, size_t row, size_t i)
{
	return row_of(l, row)[i];
}

static void print_table(const struct listing *l)
{
	int widths[COLUMNS_MAX], n;
	size_t row, i;

	for (i = 0; i < l->columns; i++) {
		widths[i] = l->no_headings ? 0 :
			    (int)strlen(l->column[i]->heading);
		for (row = 0; row < l->rows; row++) {
			n = (int)strlen(cell(l, row, i));
			if (n > widths[i])
				widths[i] = n;
		}
	}
	if (!l->no_headings)
		print_row(l, widths, heading, 0);
	for (row = 0; row < l->rows; row++)
		print_row(l, widths, cell, row);
}

static int fill_object(const struct listing *l, size_t row,
		       struct json_object *object)
{
	const struct column *c;
	size_t i;

	for (i = 0; i < l->columns; i++) {
		c = l->column[i];
		if (!*cell(l, row, i))
			continue;
		if (json_object_object_add(object, c->name,
					   json_value(c, cell(l, row, i))))
			return -ENOMEM;
	}
	return 0;
}

/* The total is not a queue: it is a member of its own, without a name. */
static int print_array(const struct listing *l)
{
	struct json_object *top = json_object_new_object();
	struct json_object *array = json_object_new_array();
	struct json_object *object;
	size_t row;
	int err = 0;

	if (!top || !array || json_object_object_add(top, "queues", array))
		return -ENOMEM;
	for (row = 0; !err && row < l->rows; row++) {
		object = json_object_new_object();
		if (!object)
			return -ENOMEM;
		if (l->total && row + 1 == l->rows)
			err = json_object_object_add(top, "total", object);
		else
			err = json_object_array_add(array, object);
		err = err ? -ENOMEM : fill_object(l, row, object);
		if (l->total && row + 1 == l->rows)
			json_object_object_del(object, "name");
	}
	return err ? err : print_json(top);
}

static bool is_listed(const struct listing *l, const char *name)
{
	char **pattern = l->patterns;

	if (!pattern || !*pattern)
		return true;
	for (; *pattern; pattern++) {
		if (!fnmatch(*pattern, name, 0))
			return true;
	}
	return false;
}

static int fill_rows(struct listing *l, char **names)
{
	size_t wide;
	int err;

	for (; *names; names++) {
		err = is_listed(l, *names) ? fill_row(l, *names) : 0;
		if (err && err != -ENOENT)
			return complain(*names, err, "cannot read its options and counters");
	}
	wide = (l->columns + l->hidden) * sizeof(*l->cells);
	if (l->sort)
		qsort_r(l->cells, l->rows, wide, compare_rows, l);
	if (l->total)
		add_total(l);
	make_all_readable(l);
	return STATUS_DONE;
}

static int show_listing(struct listing *l, char **names, size_t count)
{
	size_t wide = l->columns + l->hidden;
	int err;

	l->rows = 0;
	l->cells = calloc((count + 1) * wide, sizeof(*l->cells));
	if (!l->cells)
		return complain(NULL, -ENOMEM, "cannot list queues");
	err = fill_rows(l, names);
	if (err) {
		free(l->cells);
		return err;
	}
	if (l->json)
		err = print_array(l);
	else
		print_table(l);
	free(l->cells);
	return err ? complain_output(NULL, err, "cannot write the list")
		   : STATUS_DONE;
}

/* A name, rather than a pattern, that no queue has is a mistake. */
static int complain_missing(const struct listing *l, char **names)
{
	char **pattern = l->patterns, **name;
	int status = STATUS_DONE;

	for (; pattern && *pattern; pattern++) {
		if (strpbrk(*pattern, "*?[\\"))
			continue;
		for (name = names; *name && strcmp(*name, *pattern); name++)
			;
		if (!*name)
			status = complain(*pattern, 0, "no such queue");
	}
	return status;
}

static int list_queues(void *arg)
{
	struct listing *listing = arg;
	char **names;
	int n, status;

	if (listing->tree)
		return tree_show(listing->patterns, listing->json,
				 !listing->no_headings);
	n = devmq_list(&names);
	if (n == -ENOENT)
		return complain(NULL, 0, "cannot list queues: "
				"the devmq module is not loaded");
	if (n < 0)
		return complain(NULL, n, "cannot list queues");
	status = show_listing(listing, names, (size_t)n);
	if (status == STATUS_DONE && !listing->watched)
		status = complain_missing(listing, names);
	free(names);
	return status;
}

/* Keep the column to sort by, and the name, beside those that are shown. */
static void add_hidden(struct listing *l)
{
	if (!l->sort)
		return;
	l->column[l->columns] = l->sort;
	l->column[l->columns + 1] = find_column("name");
	l->hidden = HIDDEN_MAX;
}

static void ls_option(struct args *args, struct listing *l, int code)
{
	l->chosen = l->chosen || code == 'o' || code == 'r' ||
		    code == OPT_SORT || code == OPT_TOTAL;
	switch (code) {
	case 'o':
		choose_columns(args, l, args->value);
		break;
	case 'n':
		l->no_headings = true;
		break;
	case 'r':
		l->raw = true;
		break;
	case OPT_SORT:
		choose_order(args, l, args->value);
		break;
	case OPT_TOTAL:
		l->total = true;
		break;
	case OPT_TREE:
		l->tree = true;
		break;
	default:
		l->json = true;
	}
}

static int run_ls(struct args *args)
{
	struct listing listing = { .columns = 0 };
	struct watch repeat = { .on = false };
	int code;

	choose_columns(args, &listing, DEFAULT_COLUMNS);
	while ((code = args_next(args))) {
		if (!watch_option(args, code, &repeat))
			ls_option(args, &listing, code);
	}
	if (listing.tree && listing.chosen)
		usage(args, "--tree has columns of its own, and goes with neither "
		      "--output, --raw, --sort nor --total");
	listing.patterns = args->operands;
	listing.watched = repeat.on;
	repeat.dense = listing.json;
	add_hidden(&listing);
	return watch(&repeat, list_queues, &listing);
}

static const struct opt ls_opts[] = {
	{ OPT_SORT, "sort", "COL",
	  "sort by this column; with '-' before it from the largest down" },
	{ OPT_TOTAL, "total", NULL, "a line with the sums at the end" },
	{ OPT_TREE, "tree", NULL,
	  "topics, and below each what is bound to it, with the filters" },
	OPTS_WATCH,
	{ 'o', "output", "COL,COL...", "show these columns, in this order" },
	{ 'n', "noheadings", NULL, "no line of headings" },
	{ 'r', "raw", NULL, "sizes in bytes and durations in milliseconds" },
	{ 'J', "json", NULL, "one JSON object with an array of queues" },
	OPTS_END
};

const struct command cmd_ls = {
	.name = "ls",
	.run = run_ls,
	.synopsis = "[OPTION]... [PATTERN...]",
	.summary = "List queues and topics",
	.text =
"All queues, or those whose names match a shell's PATTERN such as 'job*', sorted\n"
"by name unless --sort is given. Without --output the columns are name, type,\n"
"ready, in_flight, delayed, deferred, dead, bytes, consumers, producers,\n"
"oldest_ms and node. Sizes and durations are rounded down to be short, unless\n"
"--raw or --json is given. JSON has all queues in the array \"queues\", with\n"
"columns by their names and numbers as numbers; topics have columns of their own.\n"
"It is no error if there is no queue, or none that matches; it is if none has a\n"
"name that is given without any of *?[, unless --watch waits for it.\n"
"\n"
"--total adds up the counters of the queues shown; of ages it shows the largest.\n"
"In JSON it is the object \"total\". With --watch, JSON is an object a line.\n"
"\n"
"--tree shows topics, and below each the queues and topics that it feeds: how\n"
"many messages each binding took, and its filter; of one with start=, how many\n"
"were gone when it came to them (missed), and how many ids it has yet to look at\n"
"(behind). What several bindings of the same two take counts in one of them. JSON\n"
"has the topics in the array \"topics\", each with its alternate and the array\n"
"\"bindings\".\n"
"\n"
"If the node of a queue is not ok, nobody can use the queue: its device file is\n"
"missing, or another file is in its place (wrong), which keeps what is written\n"
"to it and sends nothing.",
	.opts = ls_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 0,
	.max = -1,
	.lists_columns = true,
};
