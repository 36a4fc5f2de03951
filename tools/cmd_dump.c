// SPDX-License-Identifier: GPL-2.0
/* Writing down the journals, queues and topics that there are, as apply reads them: dump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "assignment.h"
#include "binding.h"
#include "columns.h"
#include "complain.h"
#include "conf.h"
#include "facts.h"
#include "filter.h"
#include "journal_names.h"
#include "journal_report.h"
#include "journal_use.h"
#include "options.h"
#include "output.h"

/* -- journals ------------------------------------------------------------------ */

/* The module does not know the path of a journal: it is that which a file names. */
static const char *find_path(const struct conf *conf,
			     const struct devmq_journal_info *info)
{
	unsigned char uuid[16];
	int i;

	for (i = 0; i < conf->journal_count; i++) {
		const struct conf_journal *j = &conf->journals[i];

		if (!strcmp(j->name, info->name) &&
		    !journal_report_uuid(j->path, uuid) &&
		    !memcmp(uuid, info->uuid, sizeof(uuid)))
			return j->path;
	}
	return NULL;
}

static void print_journal(const struct conf *conf,
			  const struct devmq_journal_info *info)
{
	const char *path = find_path(conf, info);
	char uuid[UUID_TEXT_MAX];

	if (path)
		printf("journal %s %s\n", info->name, path);
	else
		printf("# Which file this is, nobody has written down; its uuid is\n"
		       "# %s.\n"
		       "#journal %s FILE\n",
		       uuid_text(info->uuid, uuid), info->name);
}

static int dump_journals(void)
{
	struct devmq_journal_info *infos;
	struct conf conf = { .journals = NULL };
	int i, status, n = devmq_journal_list(&infos, sizeof(*infos));

	if (n == -ENOTTY)
		return STATUS_DONE;
	if (n < 0)
		return journal_use_complain(NULL, n, "cannot list journals", "");
	status = n ? conf_read(&conf, NULL) : STATUS_DONE;
	for (i = 0; i < n; i++)
		print_journal(&conf, &infos[i]);
	conf_free(&conf);
	free(infos);
	return status;
}

/* -- queues and topics --------------------------------------------------------- */

struct dump {
	char		**names;	/* all queues */
	bool		*done;		/* whether they have been printed */
	bool		*temporary;	/* or are temporary, and were left out */
	int		count;
	char		*options;	/* as option_text() has them */
	size_t		size;
};

/* Whether an option is as it would be without being given; an owner: to root. */
static bool is_default(const struct option_row *row, const char *value)
{
	const char *def = strcmp(row->def, "creator") ? row->def : "0";

	return assignment_same(row->name, value, def);
}

/* Whether a queue goes away by itself, and why. */
static bool is_temporary(const char *name, char why[COLUMN_VALUE_MAX])
{
	static const char *const options[] = { "auto_delete", "expires_ms" };
	char value[COLUMN_VALUE_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (option_value(name, options[i], value) ||
		    !strcmp(value, "0"))
			continue;
		snprintf(why, COLUMN_VALUE_MAX, "%s=%.32s", options[i], value);
		return true;
	}
	return false;
}

/* Print options that are not as they are by default. Returns 0, or an error. */
static int print_options(const struct dump *d, const char *name, FILE *out)
{
	char value[COLUMN_VALUE_MAX], *text = malloc(d->size), *p = text;
	bool topic = is_topic(name);
	struct option_row row;
	int err = text ? 0 : -ENOMEM;

	if (text)
		memcpy(text, d->options, d->size);
	while (!err && option_next(&p, &row)) {
		if (!option_is_for(&row, topic))
			continue;
		err = option_value(name, row.name, value);
		if (!err && !is_default(&row, value))
			fprintf(out, " %s=%s", row.name, value);
	}
	free(text);
	return err;
}

/* Print a queue's line, unless it has been removed meanwhile. */
static int print_queue(const struct dump *d, const char *name)
{
	char *options = NULL;
	size_t size;
	FILE *out = open_memstream(&options, &size);
	int err = out ? print_options(d, name, out) : -ENOMEM;

	if (out && fclose(out) && !err)
		err = -ENOMEM;
	if (!err)
		printf("create %s%s\n", name, options);
	free(options);
	return err && err != -ENOENT ?
	       complain(name, err, "cannot read its options") : STATUS_DONE;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int dump_queue(struct dump *d, int i);

/* Find a queue or a topic: its index, or -1. */
static int find_queue(const struct dump *d, const char *name)
{
	char **found = bsearch(&name, d->names, (size_t)d->count,
			       sizeof(*d->names), compare_names);

	return found ? (int)(found - d->names) : -1;
}

/*
 * A dead-letter queue has to be there before the queues whose dead go to it, and so has
 * what takes the messages that no binding of a topic takes.
 */
static int dump_target(struct dump *d, const char *name, const char *option)
{
	char target[COLUMN_VALUE_MAX];
	int i;

	if (option_value(name, option, target))
		return STATUS_DONE;
	i = find_queue(d, target);
	return i >= 0 ? dump_queue(d, i) : STATUS_DONE;
}

static int dump_queue(struct dump *d, int i)
{
	const char *name = d->names[i];
	char why[COLUMN_VALUE_MAX];
	int status, bad;

	if (d->done[i])
		return STATUS_DONE;
	d->done[i] = true;
	status = dump_target(d, name, "dead_letter");
	bad = dump_target(d, name, "alternate");
	status = status ? status : bad;
	d->temporary[i] = is_temporary(name, why);
	if (d->temporary[i]) {
		printf("# %s is temporary: %s\n", name, why);
		return status;
	}
	bad = print_queue(d, name);
	return status ? status : bad;
}

/* -- bindings ------------------------------------------------------------------ */

static bool is_dumped(const struct dump *d, const char *name)
{
	int i = find_queue(d, name);

	return i >= 0 && !d->temporary[i];
}

static int print_binding(const struct dump *d, const char *topic,
			 const struct devmq_binding_view *b)
{
	char *filter = filter_text(b->filter);

	if (!filter)
		return complain(topic, -ENOMEM, "cannot list its bindings");
	if (!filter_is_plain(b->filter))
		printf("# A line cannot have this filter, which has blanks in it:\n#");
	else if (!is_dumped(d, b->queue) || !is_dumped(d, topic))
		putchar('#');
	printf("bind %s %s%s", topic, b->queue, *filter ? " " : "");
	print_bytes(filter, strlen(filter));
	putchar('\n');
	free(filter);
	return STATUS_DONE;
}

/* Print the bindings of a topic, unless it has been removed meanwhile. */
static int dump_bindings(const struct dump *d, const char *topic)
{
	const struct devmq_binding_view *b;
	struct devmq_bindings_list *list;
	int status = STATUS_DONE, err;

	if (!is_topic(topic))
		return STATUS_DONE;
	err = binding_list(topic, &list);
	if (err == -ENOENT || err == -ENODEV)
		return STATUS_DONE;
	if (err < 0)
		return complain(topic, err, "cannot list its bindings");
	while (!status && devmq_bindings_next(list, &b))
		status = print_binding(d, topic, b);
	devmq_bindings_free(list);
	return status;
}

/* ------------------------------------------------------------------------------ */

static int dump_queues(void)
{
	struct dump d = { .count = devmq_list(&d.names) };
	int i, bad, status = STATUS_DONE;

	if (d.count < 0)
		return journal_use_complain(NULL, d.count, "cannot list queues",
					    "");
	qsort(d.names, (size_t)d.count, sizeof(*d.names), compare_names);
	d.done = calloc((size_t)d.count + 1, sizeof(*d.done));
	d.temporary = calloc((size_t)d.count + 1, sizeof(*d.temporary));
	d.options = option_text();
	if (!d.done || !d.temporary || !d.options)
		status = complain(NULL, -ENOMEM, "dump");
	else
		d.size = strlen(d.options) + 1;
	for (i = 0; d.size && i < d.count; i++) {
		bad = dump_queue(&d, i);
		status = status ? status : bad;
	}
	for (i = 0; d.size && i < d.count; i++) {
		bad = dump_bindings(&d, d.names[i]);
		status = status ? status : bad;
	}
	free(d.options);
	free(d.temporary);
	free(d.done);
	free(d.names);
	return status;
}

static int run_dump(struct args *args)
{
	int status, bad;

	while (args_next(args))
		;
	status = dump_journals();
	bad = dump_queues();
	return status ? status : bad;
}

static const struct opt dump_opts[] = { OPTS_END };

const struct command cmd_dump = {
	.name = "dump",
	.run = run_dump,
	.synopsis = "[OPTION]...",
	.summary = "Write down what queues and topics there are, as apply reads it",
	.text =
"The output has a line for each journal that is attached and for each queue and\n"
"topic, with the options that differ from the defaults, and a dead-letter queue\n"
"before the queues whose dead go to it; then a line for each binding. The module\n"
"does not know the paths of journals: where no file in /etc/devmq.d has one, its\n"
"line is a comment, to be completed. Queues that go away by themselves\n"
"(auto_delete, expires_ms) are a comment only, with their bindings, and so is a\n"
"binding whose filter has blanks in it.",
	.opts = dump_opts,
	.operands = { COMPLETES_NOTHING },
	.min = 0,
	.max = 0,
};
