// SPDX-License-Identifier: GPL-2.0
/* Making what there is as files say: apply. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "assignment.h"
#include "binding.h"
#include "complain.h"
#include "conf.h"
#include "facts.h"
#include "filter.h"
#include "journal_report.h"
#include "journal_use.h"
#include "options.h"
#include "setting.h"

/* -- journals ------------------------------------------------------------------ */

static int attach(const struct conf_journal *j, bool dry)
{
	struct devmq_journal_attach result;
	int status;

	if (dry) {
		printf("journal %s %s\n", j->name, j->path);
		return STATUS_DONE;
	}
	status = journal_use_attach(j->name, j->path, &result);
	if (!status)
		printf("journal %s %s (%llu queues, %llu messages)\n", j->name,
		       j->path, result.queues, result.messages);
	return status;
}

/* A journal that is not the one of this line is attached. */
static int complain_attached(const struct conf_journal *j, const char *name)
{
	if (name)
		complain(j->path, 0, "it is attached as '%s', not as '%s'", name,
			 j->name);
	else
		complain(j->path, 0, "another journal is attached as '%s'",
			 j->name);
	return STATUS_EXISTS;
}

static int apply_journal(const struct conf_journal *j,
			 const struct devmq_journal_info *infos, int count,
			 bool dry)
{
	unsigned char uuid[16];
	int status = journal_report_uuid(j->path, uuid), i;
	bool known = status == STATUS_DONE;

	/* Of a file that is no journal the module says what is wrong. */
	if (status && status != STATUS_NOTHING)
		return status;
	for (i = 0; i < count; i++) {
		bool same = known && !memcmp(infos[i].uuid, uuid, sizeof(uuid));
		bool named = !strcmp(infos[i].name, j->name);

		if (same && named)
			return STATUS_DONE;
		if (same || named)
			return complain_attached(j, same ? infos[i].name : NULL);
	}
	return attach(j, dry);
}

static int apply_journals(const struct conf *conf, bool dry)
{
	struct devmq_journal_info *infos;
	int i, bad, status = STATUS_DONE;
	int n = devmq_journal_list(&infos, sizeof(*infos));

	if (n == -ENOTTY)
		return complain(NULL, 0, "cannot attach journals: the module that "
				"is loaded has none");
	if (n < 0)
		return journal_use_complain(NULL, n, "cannot list journals", "");
	for (i = 0; i < conf->journal_count; i++) {
		bad = apply_journal(&conf->journals[i], infos, n, dry);
		status = status ? status : bad;
	}
	free(infos);
	return status;
}

/* -- queues -------------------------------------------------------------------- */

static int create(const struct creation *want, bool dry)
{
	char why[CREATION_REASON_MAX] = "";
	int i, err = dry ? 0 : creation_try(want, why);

	if (err)
		return creation_complain(want, err, why);
	printf("create %s", want->name);
	for (i = 0; i < want->count; i++)
		printf(" %s", want->words[i]);
	putchar('\n');
	return STATUS_DONE;
}

static bool is_live(const char *option)
{
	struct option_row row;
	char *text;
	bool live = option_find(option, strlen(option), &text, &row) &&
		    !strcmp(row.live, "live");

	free(text);
	return live;
}

/* Make an option of a queue that exists as it should be. */
static int apply_option(const char *name, const char *option, const char *value,
			const char *written, bool dry)
{
	char now[COLUMN_VALUE_MAX];
	int err, status = STATUS_DONE;

	err = option_value(name, option, now);
	if (err)
		return setting_complain(name, option, err, "cannot read");
	if (assignment_same(option, value, now))
		return STATUS_DONE;
	if (!is_live(option)) {
		complain(name, 0, "%s is %s, not %s: it is fixed when a queue is "
			 "created", option, now, written);
		return STATUS_EXISTS;
	}
	if (!dry)
		status = setting_change(name, option, value, written);
	if (!status)
		printf("set %s %s=%s (%s %s)\n", name, option, written,
		       dry ? "is" : "was", now);
	return status;
}

/*
 * When to set an option: overflow=dead-letter needs a dead_letter before, and must be
 * gone before there is none.
 */
static int turn(const char *option, const char *value)
{
	if (strcmp(option, "dead_letter") != 0)
		return 1;
	return strcmp(value, "none") ? 0 : 2;
}

static int apply_options(const struct creation *want, bool dry)
{
	int i, now, bad, status = STATUS_DONE;

	for (now = 0; now < 3; now++) {
		for (i = 0; i < want->count; i++) {
			size_t size = strcspn(want->words[i], "=");
			char *option = strndup(want->words[i], size);

			if (!option)
				return complain(want->name, -ENOMEM,
						"cannot compare its options");
			bad = STATUS_DONE;
			if (turn(option, want->values[i]) == now)
				bad = apply_option(want->name, option,
						   want->values[i],
						   want->words[i] + size + 1,
						   dry);
			status = status ? status : bad;
			free(option);
		}
	}
	return status;
}

/* Every queue has a type. */
static int apply_queue(const struct creation *want, bool dry)
{
	char type[COLUMN_VALUE_MAX];
	int n = devmq_get_option(want->name, "type", type, sizeof(type));

	if (n == -ENOENT && creation_loaded())
		return create(want, dry);
	if (n < 0)
		return complain_open(want->name, n);
	return apply_options(want, dry);
}

/* -- bindings ------------------------------------------------------------------ */

/* The bindings of a topic, those that the lines want, and those that are. */
struct bound {
	const struct conf		*conf;
	const char			*topic;
	struct devmq_bindings_list	*list;		/* NULL: there are none */
};

static bool is_bound(const struct bound *b, const struct conf_binding *line)
{
	const struct devmq_binding_view *v;

	if (!b->list)
		return false;
	devmq_bindings_rewind(b->list);
	while (devmq_bindings_next(b->list, &v)) {
		if (!strcmp(v->queue, line->queue) &&
		    filter_same(v->filter, line->filter))
			return true;
	}
	return false;
}

static int apply_binding(const struct bound *b, const struct conf_binding *line,
			 bool dry)
{
	const struct wanted want = {
		.topic = line->topic, .queue = line->queue, .filter = line->filter,
	};
	char why[BINDING_REASON_MAX] = "";
	const char *const *word;
	int err;

	if (is_bound(b, line))
		return STATUS_DONE;
	err = dry ? 0 : binding_make(&want, false, why);
	if (err)
		return binding_complain(&want, false, err, why);
	printf("bind %s %s", line->topic, line->queue);
	for (word = line->filter; *word; word++)
		printf(" %s", *word);
	putchar('\n');
	return STATUS_DONE;
}

/*
 * Whether lines bind these two, and none of them by this filter: then the binding differs
 * from what the lines say. Others are none of their business.
 */
static bool is_other(const struct bound *b, const struct devmq_binding_view *v)
{
	bool same_two = false;
	int i;

	for (i = 0; i < b->conf->binding_count; i++) {
		const struct conf_binding *line = &b->conf->bindings[i];

		if (strcmp(line->topic, b->topic) != 0 ||
		    strcmp(line->queue, v->queue) != 0)
			continue;
		if (filter_same(line->filter, v->filter))
			return false;
		same_two = true;
	}
	return same_two;
}

static int complain_other(const struct bound *b)
{
	const struct devmq_binding_view *v;
	int status = STATUS_DONE;
	char *filter;

	if (!b->list)
		return status;
	devmq_bindings_rewind(b->list);
	while (devmq_bindings_next(b->list, &v)) {
		if (!is_other(b, v))
			continue;
		filter = filter_text(v->filter);
		complain(b->topic, 0, "%s is bound %s%s as well, which no line says",
			 v->queue, filter && *filter ? "by " : "without a filter",
			 filter ? filter : "");
		free(filter);
		status = STATUS_EXISTS;
	}
	return status;
}

/* Make the bindings of a topic as the lines say. */
static int apply_topic(const struct conf *conf, const char *topic, bool dry)
{
	struct bound b = { .conf = conf, .topic = topic };
	int i, bad, status = STATUS_DONE;
	int n = binding_list(topic, &b.list);

	if (n == -ENOTDIR)
		return complain(topic, 0, "cannot bind: it is a queue, not a topic");
	if (n < 0 && (n != -ENOENT || !creation_loaded()))
		return complain_open(topic, n);
	for (i = 0; i < conf->binding_count; i++) {
		const struct conf_binding *line = &conf->bindings[i];

		if (strcmp(line->topic, topic) != 0)
			continue;
		bad = apply_binding(&b, line, dry);
		status = status ? status : bad;
	}
	bad = complain_other(&b);
	devmq_bindings_free(b.list);
	return status ? status : bad;
}

static int apply_bindings(const struct conf *conf, bool dry)
{
	int i, j, bad, status = STATUS_DONE;

	for (i = 0; i < conf->binding_count; i++) {
		for (j = 0; strcmp(conf->bindings[j].topic,
				   conf->bindings[i].topic) != 0; j++)
			;
		/* Once for each topic. */
		if (j < i)
			continue;
		bad = apply_topic(conf, conf->bindings[i].topic, dry);
		status = status ? status : bad;
	}
	return status;
}

/* ------------------------------------------------------------------------------ */

static int apply(const struct conf *conf, bool dry)
{
	int i, bad, status = STATUS_DONE;

	if (conf->journal_count)
		status = apply_journals(conf, dry);
	for (i = 0; i < conf->queue_count; i++) {
		bad = apply_queue(&conf->queues[i].want, dry);
		status = status ? status : bad;
	}
	bad = apply_bindings(conf, dry);
	return status ? status : bad;
}

static int run_apply(struct args *args)
{
	struct conf conf = { .journals = NULL };
	int i, bad, status = STATUS_DONE;
	bool dry = false;

	while (args_next(args))
		dry = true;
	if (!args->count) {
		status = conf_read(&conf, NULL);
		if (!status && !conf.files)
			complain(CONF_DIR, 0, "there is no *.conf, so there is nothing to do");
	}
	for (i = 0; i < args->count; i++) {
		bad = conf_read(&conf, args->operands[i]);
		status = status ? status : bad;
	}
	if (!status)
		status = apply(&conf, dry);
	conf_free(&conf);
	return status;
}

static const struct opt apply_opts[] = {
	{ 'n', "dry-run", NULL, "only say what would be done" },
	OPTS_END
};

const struct command cmd_apply = {
	.name = "apply",
	.run = run_apply,
	.synopsis = "[-n] [FILE]...",
	.summary = "Attach journals, create and bind queues as files say",
	.text =
"The files, /etc/devmq.d/*.conf unless others are given, have lines \"journal NAME\n"
"FILE\", \"create NAME [option=value]...\" and \"bind TOPIC QUEUE [filter]...\", see\n"
"devmq.d(5). First the journals that are not attached are. Then, in the order of\n"
"the lines, queues and topics that are missing are created, and of those that\n"
"exist the options given are changed where they differ. At last bindings that\n"
"are missing are made. Options that are not given, and queues that are in no\n"
"file, are left alone. What is done is printed, a line each; so if all is as it\n"
"should be, nothing is done and nothing printed.\n"
"\n"
"If a line is not understood, nothing is done, and the exit status is 2, or 5 for\n"
"an option. If something fails, the rest is done nevertheless, and the exit\n"
"status is that of the first failure: 4 if an option differs that is fixed when a\n"
"queue is created, another journal has the name, or a queue in a line \"bind\" has\n"
"another binding to the same topic; 5 if an option cannot have the value; 7 if a\n"
"journal is damaged.\n"
"\n"
"With --dry-run, what is in a journal that is not attached yet counts as missing.",
	.opts = apply_opts,
	.operands = { COMPLETES_FILE },
	.min = 0,
	.max = -1,
};
