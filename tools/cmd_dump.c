// SPDX-License-Identifier: GPL-2.0
/* Writing down the journals and queues that there are, as apply reads them: dump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "assignment.h"
#include "columns.h"
#include "complain.h"
#include "conf.h"
#include "facts.h"
#include "journal_names.h"
#include "journal_report.h"
#include "journal_use.h"
#include "options.h"

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
		       "#journal %s /var/lib/devmq/%s.journal\n",
		       uuid_text(info->uuid, uuid), info->name, info->name);
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

/* -- queues -------------------------------------------------------------------- */

struct dump {
	char		**names;	/* all queues */
	bool		*done;		/* whether they have been printed */
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
	struct option_row row;
	int err = text ? 0 : -ENOMEM;

	if (text)
		memcpy(text, d->options, d->size);
	while (!err && option_next(&p, &row)) {
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

/* A dead-letter queue has to be there before the queues whose dead go to it. */
static int dump_target(struct dump *d, const char *name)
{
	char target[COLUMN_VALUE_MAX], *key = target;
	char **found;

	if (option_value(name, "dead_letter", target))
		return STATUS_DONE;
	found = bsearch(&key, d->names, (size_t)d->count, sizeof(*d->names),
			compare_names);
	return found ? dump_queue(d, (int)(found - d->names)) : STATUS_DONE;
}

static int dump_queue(struct dump *d, int i)
{
	const char *name = d->names[i];
	char why[COLUMN_VALUE_MAX];
	int status, bad;

	if (d->done[i])
		return STATUS_DONE;
	d->done[i] = true;
	status = dump_target(d, name);
	if (is_temporary(name, why)) {
		printf("# %s is temporary: %s\n", name, why);
		return status;
	}
	bad = print_queue(d, name);
	return status ? status : bad;
}

static int dump_queues(void)
{
	struct dump d = { .count = devmq_list(&d.names) };
	int i, bad, status = STATUS_DONE;

	if (d.count < 0)
		return journal_use_complain(NULL, d.count, "cannot list queues",
					    "");
	qsort(d.names, (size_t)d.count, sizeof(*d.names), compare_names);
	d.done = calloc((size_t)d.count + 1, sizeof(*d.done));
	d.options = option_text();
	if (!d.done || !d.options)
		status = complain(NULL, -ENOMEM, "dump");
	else
		d.size = strlen(d.options) + 1;
	for (i = 0; d.size && i < d.count; i++) {
		bad = dump_queue(&d, i);
		status = status ? status : bad;
	}
	free(d.options);
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
	.summary = "Write down the queues that there are, as apply reads them",
	.text =
"The output has a line for each journal that is attached and for each queue, with\n"
"the options that differ from the defaults, and a dead-letter queue before the\n"
"queues whose dead go to it. The module does not know the paths of journals:\n"
"where no file in /etc/devmq.d has one, its line is a comment, to be completed.\n"
"Queues that go away by themselves (auto_delete, expires_ms) are a comment only.",
	.opts = dump_opts,
	.operands = { COMPLETES_NOTHING },
	.min = 0,
	.max = 0,
};
