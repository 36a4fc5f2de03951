// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <devmq.h>

#include "binding.h"
#include "complain.h"
#include "facts.h"
#include "filter.h"
#include "json.h"
#include "table.h"
#include "tree.h"

/* A queue or a topic. */
struct node {
	const char			*name;
	bool				topic;
	bool				fed;		/* by a topic */
	bool				shown;
	char				alternate[COLUMN_VALUE_MAX];
	struct devmq_bindings_list	*bindings;	/* NULL: none are known */
};

struct tree {
	char		**names;
	struct node	*nodes;		/* in the order of the names */
	size_t		count;
	struct table	table;
	int		status;
};

/* -- what there is ------------------------------------------------------------- */

static int compare_node(const void *name, const void *node)
{
	return strcmp(name, ((const struct node *)node)->name);
}

static struct node *find_node(const struct tree *t, const char *name)
{
	return bsearch(name, t->nodes, t->count, sizeof(*t->nodes),
		       compare_node);
}

static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -ENOTDIR;
}

/* List the bindings of a topic. One that has gone in the meantime has none. */
static void read_topic(struct tree *t, struct node *node)
{
	int err = binding_list(node->name, &node->bindings);

	if (err < 0 && !is_missing(err))
		t->status = complain(node->name, err, "cannot list its bindings");
	if (option_value(node->name, "alternate", node->alternate) ||
	    !strcmp(node->alternate, "none"))
		node->alternate[0] = '\0';
}

static void mark_fed(const struct tree *t, const char *name)
{
	struct node *node = find_node(t, name);

	if (node)
		node->fed = true;
}

static void mark_targets(const struct tree *t, const struct node *topic)
{
	const struct devmq_binding_view *b;

	while (topic->bindings && devmq_bindings_next(topic->bindings, &b))
		mark_fed(t, b->queue);
	if (topic->bindings)
		devmq_bindings_rewind(topic->bindings);
	if (*topic->alternate)
		mark_fed(t, topic->alternate);
}

static int read_tree(struct tree *t)
{
	int n = devmq_list(&t->names);
	size_t i;

	if (n == -ENOENT)
		return complain(NULL, 0, "cannot list queues: "
				"the devmq module is not loaded");
	if (n < 0)
		return complain(NULL, n, "cannot list queues");
	t->nodes = calloc((size_t)n + 1, sizeof(*t->nodes));
	if (!t->nodes)
		return complain(NULL, -ENOMEM, "cannot list queues");
	t->count = (size_t)n;
	for (i = 0; i < t->count; i++) {
		t->nodes[i].name = t->names[i];
		t->nodes[i].topic = is_topic(t->names[i]);
		if (t->nodes[i].topic)
			read_topic(t, &t->nodes[i]);
	}
	for (i = 0; i < t->count; i++)
		mark_targets(t, &t->nodes[i]);
	return STATUS_DONE;
}

static void free_tree(struct tree *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		devmq_bindings_free(t->nodes[i].bindings);
	free(t->nodes);
	free(t->names);
	table_free(&t->table);
}

static bool matches(char **patterns, const char *name)
{
	for (; *patterns; patterns++) {
		if (!fnmatch(*patterns, name, 0))
			return true;
	}
	return false;
}

/* Where the tree begins: without patterns, with what no topic feeds. */
static bool is_root(char **patterns, const struct node *node)
{
	return patterns && *patterns ? matches(patterns, node->name) : !node->fed;
}

/* -- as a table ---------------------------------------------------------------- */

enum { COLUMN_NAME, COLUMN_TYPE, COLUMN_TAKEN, COLUMN_MISSED, COLUMN_BEHIND,
       COLUMN_FILTER, COLUMNS };

/* What binding @b leads to; NULL: nothing, or an alternate. */
static int add_row(struct tree *t, int depth, const char *name,
		   const struct devmq_binding_view *b, const char *filter)
{
	const struct node *node = find_node(t, name);
	const uint64_t counts[] = { b ? b->taken : 0, b ? b->missed : 0,
				    b ? b->behind : 0 };
	char texts[ARRAY_SIZE(counts)][24];
	const char *cells[COLUMNS];
	char *indented;
	size_t i;
	int err;

	if (asprintf(&indented, "%*s%s", 2 * depth, "", name) < 0)
		return -ENOMEM;
	cells[COLUMN_NAME] = indented;
	cells[COLUMN_TYPE] = !node ? "-" : node->topic ? "topic" : "queue";
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, counts[i]);
		cells[COLUMN_TAKEN + i] = b ? texts[i] : "-";
	}
	cells[COLUMN_FILTER] = filter;
	err = table_add(&t->table, cells);
	free(indented);
	return err;
}

static int add_below(struct tree *t, struct node *topic, int depth);

/* A queue or a topic that a topic feeds, and what is below it. */
static int add_target(struct tree *t, int depth, const char *name,
		      const struct devmq_binding_view *b, const char *filter)
{
	struct node *node = find_node(t, name);
	int err = add_row(t, depth, name, b, filter);

	return err || !node ? err : add_below(t, node, depth + 1);
}

static int add_binding(struct tree *t, int depth,
		       const struct devmq_binding_view *b)
{
	char *filter = filter_text(b->filter);
	int err;

	if (!filter)
		return -ENOMEM;
	err = add_target(t, depth, b->queue, b, *filter ? filter : "-");
	free(filter);
	return err;
}

/* What is below a topic is shown once, however many topics feed it. */
static int add_below(struct tree *t, struct node *topic, int depth)
{
	const struct devmq_binding_view *b;
	int err = 0;

	if (!topic->topic)
		return 0;
	if (topic->shown)
		return topic->bindings || *topic->alternate ?
		       add_row(t, depth, "(as above)", NULL, "-") : 0;
	topic->shown = true;
	while (!err && topic->bindings &&
	       devmq_bindings_next(topic->bindings, &b))
		err = add_binding(t, depth, b);
	if (!err && *topic->alternate)
		err = add_target(t, depth, topic->alternate, NULL, "(alternate)");
	return err;
}

static int show_table(struct tree *t, char **patterns, bool headings)
{
	static const char *const names[COLUMNS] = {
		"NAME", "TYPE", "TAKEN", "MISSED", "BEHIND", "FILTER"
	};
	static const bool left[COLUMNS] = { true, true, [COLUMN_FILTER] = true };
	size_t i;
	int err = 0;

	t->table = (struct table) {
		.columns = ARRAY_SIZE(names), .headings = names, .left = left,
	};
	for (i = 0; !err && i < t->count; i++) {
		if (is_root(patterns, &t->nodes[i]))
			err = add_target(t, 0, t->nodes[i].name, NULL, "-");
	}
	if (err)
		return complain(NULL, err, "cannot list queues");
	table_print(&t->table, headings);
	return t->status;
}

/* -- as JSON ------------------------------------------------------------------- */

static struct json_object *json_binding(const struct devmq_binding_view *b)
{
	struct json_object *object = json_checked(json_object_new_object());
	struct json_object *filter = json_checked(json_object_new_array());
	const char *const *word;

	json_add_number(object, "id", b->id);
	json_add_name(object, "queue", b->queue);
	json_add_number(object, "taken", b->taken);
	json_add_number(object, "missed", b->missed);
	json_add_number(object, "behind", b->behind);
	json_add(object, "filter", filter);
	for (word = b->filter; *word; word++) {
		if (json_object_array_add(filter,
					  json_checked(json_object_new_string(*word))))
			json_checked(NULL);
	}
	return object;
}

static struct json_object *json_topic(const struct node *topic)
{
	struct json_object *object = json_checked(json_object_new_object());
	struct json_object *array = json_checked(json_object_new_array());
	const struct devmq_binding_view *b;

	json_add_name(object, "name", topic->name);
	json_add_name(object, "alternate",
		      *topic->alternate ? topic->alternate : NULL);
	json_add(object, "bindings", array);
	while (topic->bindings && devmq_bindings_next(topic->bindings, &b)) {
		if (json_object_array_add(array, json_binding(b)))
			json_checked(NULL);
	}
	return object;
}

static int show_json(struct tree *t, char **patterns)
{
	struct json_object *top = json_checked(json_object_new_object());
	struct json_object *array = json_checked(json_object_new_array());
	size_t i;
	int err;

	json_add(top, "topics", array);
	for (i = 0; i < t->count; i++) {
		const struct node *node = &t->nodes[i];

		if (!node->topic || (patterns && *patterns &&
				     !matches(patterns, node->name)))
			continue;
		if (json_object_array_add(array, json_topic(node)))
			json_checked(NULL);
	}
	err = print_json(top);
	return err ? complain_output(NULL, err, "cannot write the list") :
		     t->status;
}

/* ------------------------------------------------------------------------------ */

int tree_show(char **patterns, bool json, bool headings)
{
	struct tree t = { .status = STATUS_DONE };
	int status = read_tree(&t);

	if (!status)
		status = json ? show_json(&t, patterns) :
				show_table(&t, patterns, headings);
	free_tree(&t);
	return status;
}
