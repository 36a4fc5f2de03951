// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at queues as a whole: ls, stat.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mqctl.h"
#include "units.h"

#define DEFAULT_COLUMNS \
	"name,ready,in_flight,delayed,deferred,dead,bytes,consumers," \
	"producers,oldest_ms,node"
#define COLUMNS_MAX	64

/* What ls shows, and how; cells are allocated, row after row. */
struct listing {
	const struct column	*column[COLUMNS_MAX];
	size_t			columns;
	bool			json;
	bool			raw;
	bool			no_headings;
	char			(*cells)[COLUMN_VALUE_MAX];
	size_t			rows;
};

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
			usage(args, "no column '%.*s'", (int)size, list);
		if (l->columns == COLUMNS_MAX)
			usage(args, "more than %d columns", COLUMNS_MAX);
		l->column[l->columns++] = c;
		if (!list[size])
			return;
		list += size + 1;
	}
}

/* Sizes and ages are for people, unless numbers are asked for. */
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

/* A file of a queue's in sysfs: its inode, 0 if it is not there. */
static ino_t find_file(const char *name, const char *file)
{
	struct stat st;
	ino_t number;
	char *path;

	if (asprintf(&path, "/sys/class/mq/%s/%s", name, file) < 0)
		return 0;
	number = stat(path, &st) ? 0 : st.st_ino;
	free(path);
	return number;
}

/*
 * It does not have this column, and never had. "dev" is the last file of a queue
 * to come and the first to go, so while it is there, and the same, all are.
 */
static bool lacks(const char *name, const struct column *column)
{
	ino_t before = find_file(name, "dev");
	bool there = find_file(name, column->name);

	return before && !there && find_file(name, "dev") == before;
}

/*
 * One queue's row. What its module does not have is empty: a "-" in the table,
 * and left out of JSON. A queue that goes away meanwhile (-ENOENT) has no row,
 * rather than half of one.
 */
static int fill_row(struct listing *l, const char *name)
{
	char (*row)[COLUMN_VALUE_MAX] = l->cells + l->rows * l->columns;
	struct facts facts;
	size_t i;
	int err;

	err = facts_get(&facts, name);
	if (err)
		return err;
	for (i = 0; i < l->columns; i++) {
		err = facts_value(&facts, l->column[i], row[i]);
		if (err == -ENOENT && lacks(name, l->column[i]))
			row[i][0] = '\0';
		else if (err)
			return err;
		else if (!l->raw && !l->json)
			make_readable(l->column[i], row[i]);
	}
	l->rows++;
	return 0;
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
	return l->cells[row * l->columns + i];
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

static int print_array(const struct listing *l)
{
	struct json_object *top = json_object_new_object();
	struct json_object *array = json_object_new_array();
	struct json_object *object;
	size_t row, i;

	if (!top || !array || json_object_object_add(top, "queues", array))
		return -ENOMEM;
	for (row = 0; row < l->rows; row++) {
		object = json_object_new_object();
		if (!object || json_object_array_add(array, object))
			return -ENOMEM;
		for (i = 0; i < l->columns; i++) {
			if (!*cell(l, row, i))
				continue;
			if (json_object_object_add(object, l->column[i]->name,
					json_value(l->column[i],
						   cell(l, row, i))))
				return -ENOMEM;
		}
	}
	return print_json(top);
}

static int show_listing(struct listing *l, char **names, size_t count)
{
	size_t i;
	int err;

	l->cells = calloc(count * l->columns + 1, sizeof(*l->cells));
	if (!l->cells)
		return complain(NULL, -ENOMEM, "cannot list queues");
	for (i = 0; i < count; i++) {
		err = fill_row(l, names[i]);
		if (err && err != -ENOENT) {
			free(l->cells);
			return complain(names[i], err, "cannot look at it");
		}
	}
	err = 0;
	if (l->json)
		err = print_array(l);
	else
		print_table(l);
	free(l->cells);
	return err ? complain_output(NULL, err, "cannot write the list")
		   : STATUS_DONE;
}

static int run_ls(struct args *args)
{
	struct listing listing = { .columns = 0 };
	char **names;
	int code, n, status;

	choose_columns(args, &listing, DEFAULT_COLUMNS);
	while ((code = args_next(args))) {
		if (code == 'o')
			choose_columns(args, &listing, args->value);
		else if (code == 'n')
			listing.no_headings = true;
		else if (code == 'r')
			listing.raw = true;
		else
			listing.json = true;
	}
	n = devmq_list(&names);
	if (n == -ENOENT)
		return complain(NULL, 0, "cannot list queues: "
				"the devmq module is not loaded");
	if (n < 0)
		return complain(NULL, n, "cannot list queues");
	status = show_listing(&listing, names, (size_t)n);
	free(names);
	return status;
}

static const struct opt ls_opts[] = {
	{ 'o', "output", "COL,COL...", "show these columns, in this order" },
	{ 'n', "noheadings", NULL, "no line of headings" },
	{ 'r', "raw", NULL, "sizes in bytes and durations in milliseconds" },
	{ 'J', "json", NULL, "one JSON object with an array of queues" },
	OPTS_END
};

const struct command cmd_ls = {
	.name = "ls",
	.run = run_ls,
	.synopsis = "[OPTION]...",
	.summary = "List queues",
	.text =
"Queues come sorted by name. Without --output the columns are name, ready,\n"
"in_flight, delayed, deferred, dead, bytes, consumers, producers, oldest_ms\n"
"and node. Sizes and durations are rounded down to be short, unless --raw or\n"
"--json is given. JSON has all queues in the array \"queues\", with columns by\n"
"their names and numbers as numbers. That there is no queue is no error.\n"
"\n"
"A node that is not ok means that nobody can use the queue: its device file\n"
"is missing, or another file stands in its place (wrong), which keeps what is\n"
"written to it and sends nothing.",
	.opts = ls_opts,
	.min = 0,
	.max = 0,
};

static int print_stat_json(const struct facts *facts)
{
	struct json_object *object = json_object_new_object();
	char value[COLUMN_VALUE_MAX];
	const struct column *c;
	int err;

	if (!object)
		return -ENOMEM;
	for (c = columns; c->name; c++) {
		err = facts_value(facts, c, value);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		if (json_object_object_add(object, c->name,
					   json_value(c, value)))
			return -ENOMEM;
	}
	return print_json(object);
}

static int print_stat_text(const struct facts *facts)
{
	char value[COLUMN_VALUE_MAX];
	const struct column *c;
	int err;

	for (c = columns; c->name; c++) {
		err = facts_value(facts, c, value);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		printf("%-18s%s\n", c->name, value);
	}
	return 0;
}

static int run_stat(struct args *args)
{
	struct facts facts;
	bool json = false;
	const char *name;
	int err;

	while (args_next(args))
		json = true;
	if (!args->count)
		return show_memory(json);
	name = operand_queue(args, 0);
	err = facts_get(&facts, name);
	if (err)
		return complain_open(name, err);
	err = json ? print_stat_json(&facts) : print_stat_text(&facts);
	if (err)
		return complain(name, err, "cannot look at it");
	return STATUS_DONE;
}

static const struct opt stat_opts[] = {
	{ 'J', "json", NULL, "one JSON object" },
	OPTS_END
};

const struct command cmd_stat = {
	.name = "stat",
	.run = run_stat,
	.synopsis = "[-J] [NAME]",
	.summary = "Show options and counters of a queue, or the memory of all",
	.text =
"One a line, its name and its value, numbers in full. The counters are one\n"
"consistent snapshot if you may open the queue for reading and writing, else\n"
"they are read one by one. Without NAME: how much memory the messages of all\n"
"queues and those of one user may take, how much is used, and by which users;\n"
"all in bytes.",
	.opts = stat_opts,
	.min = 0,
	.max = 1,
};
