// SPDX-License-Identifier: GPL-2.0
/* Journals that the module uses: journal attach, detach, ls. */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "complain.h"
#include "journal_names.h"
#include "journal_use.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "units.h"

#define ENDING		".journal"

/* The name of a journal: that which is given, or made of its file's. */
static void choose_name(const struct args *args, char name[DEVMQ_NAME_MAX + 1])
{
	char *copy = strdup(args->operands[0]), *base;
	size_t size;

	if (!copy)
		exit(complain(NULL, -ENOMEM, "%s", args->command->name));
	base = args->count > 1 ? args->operands[1] : basename(copy);
	size = strlen(base);
	if (args->count == 1 && ends_with(base, size, ENDING))
		base[size - strlen(ENDING)] = '\0';
	if (devmq_check_name(base))
		usage(args, "'%s' is not a journal's name " NAME_RULE
		      "%s", base, args->count > 1 ? "" :
		      ": give one as the second operand");
	snprintf(name, DEVMQ_NAME_MAX + 1, "%s", base);
	free(copy);
}

static int run_attach(struct args *args)
{
	char name[DEVMQ_NAME_MAX + 1];
	struct devmq_journal_attach result;
	int status;

	while (args_next(args))
		;
	choose_name(args, name);
	status = journal_use_attach(name, args->operands[0], &result);
	if (status)
		return status;
	printf("queues %llu\nmessages %llu\n", result.queues, result.messages);
	if (result.cut)
		printf("cut %llu\n", result.cut);
	return STATUS_DONE;
}

static const struct opt attach_opts[] = { OPTS_END };

const struct command cmd_journal_attach = {
	.name = "journal attach",
	.run = run_attach,
	.synopsis = "FILE [NAME]",
	.summary = "Use a journal: its queues are there again",
	.text =
"The journal is called NAME while it is attached; without NAME, as its file,\n"
"less \".journal\". All of it is read, and its queues are created with their\n"
"messages, and the owners and permissions that they were created with: a chmod\n"
"or chown since is forgotten. The output says how many queues and messages these\n"
"are, and how many bytes a crash has torn (cut), of which nobody was told that\n"
"they were safe. If that fails, no queue is created; if the journal is damaged,\n"
"the exit status is 7.",
	.opts = attach_opts,
	.operands = { COMPLETES_FILE, COMPLETES_NOTHING },
	.min = 1,
	.max = 2,
};

static int detach(const char *name, unsigned int flags)
{
	char why[JOURNAL_REASON_MAX] = "";
	int err = devmq_journal_detach(name, flags, why, sizeof(why));

	return err ? journal_use_complain(name, err, "cannot detach", why) :
		     STATUS_DONE;
}

/* No module, or one without journals, has none to detach. */
static int detach_all(unsigned int flags)
{
	struct devmq_journal_info *infos;
	int n = devmq_journal_list(&infos, sizeof(*infos));
	int i, status = STATUS_DONE;

	if (n == -ENOENT || n == -ENOTTY)
		return STATUS_DONE;
	if (n < 0)
		return journal_use_complain(NULL, n, "cannot list journals", "");
	for (i = n - 1; i >= 0; i--) {
		if (detach(infos[i].name, flags))
			status = STATUS_FAILED;
	}
	free(infos);
	return status;
}

static int run_detach(struct args *args)
{
	unsigned int flags = 0;
	bool all = false;
	int code;

	while ((code = args_next(args))) {
		if (code == 'f')
			flags = DEVMQ_JOURNAL_FORCE;
		all = all || code == 'a';
	}
	if (all && args->count)
		usage(args, "--all and NAME exclude each other");
	if (all)
		return detach_all(flags);
	if (!args->count)
		usage(args, "too few operands: %s", args->command->synopsis);
	if (devmq_check_name(args->operands[0]))
		usage(args, "'%s' is not a journal's name " NAME_RULE,
		      args->operands[0]);
	return detach(args->operands[0], flags);
}

static const struct opt detach_opts[] = {
	{ 'a', "all", NULL, "all journals, the last attached first" },
	{ 'f', "force", NULL,
	  "even if its queues are open, or if it has failed" },
	OPTS_END
};

const struct command cmd_journal_detach = {
	.name = "journal detach",
	.run = run_detach,
	.synopsis = "[-f] NAME | -a",
	.summary = "Let go of a journal: its queues go away",
	.text =
"Writes what is not written yet. The queues are in the journal, and there again\n"
"when it is attached. If a program has one of them open, nothing is done, unless\n"
"--force is given: then programs get an error from their queues. A journal that\n"
"has failed is detached with --force only; what it could not write is lost.\n"
"\n"
"With --all, if one cannot be detached, the others are nevertheless, and the exit\n"
"status is 1.",
	.opts = detach_opts,
	.operands = { COMPLETES_JOURNAL },
	.min = 0,
	.max = 1,
};

struct listing {
	bool	json;
	bool	raw;
	bool	no_headings;
};

#define COLUMNS	11

static const char *const headings[COLUMNS] = {
	"NAME", "STATE", "QUEUES", "LIVE", "BYTES", "FREE", "SEGMENTS", "WRITTEN",
	"CLEANED", "FLUSHES", "WAITERS",
};

static const bool left[COLUMNS] = { true, true };

static void put_size(char cell[UNITS_TEXT_MAX], uint64_t bytes, bool raw)
{
	if (raw)
		snprintf(cell, UNITS_TEXT_MAX, "%" PRIu64, bytes);
	else
		format_size(bytes, cell);
}

static int add_row(struct table *table, const struct devmq_journal_info *j,
		   bool raw)
{
	const uint64_t sizes[] = { j->live, j->bytes, j->written, j->cleaned };
	char size[ARRAY_SIZE(sizes)][UNITS_TEXT_MAX];
	char number[5][UNITS_TEXT_MAX];
	const char *cells[COLUMNS] = {
		j->name, journal_state_name(j->state), number[0], size[0],
		size[1], number[1], number[2], size[2], size[3], number[3],
		number[4],
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		put_size(size[i], sizes[i], raw);
	snprintf(number[0], UNITS_TEXT_MAX, "%u", j->queues);
	snprintf(number[1], UNITS_TEXT_MAX, "%u", j->free_segments);
	snprintf(number[2], UNITS_TEXT_MAX, "%u", j->segments);
	snprintf(number[3], UNITS_TEXT_MAX, "%llu", j->flushes);
	snprintf(number[4], UNITS_TEXT_MAX, "%u", j->waiters);
	return table_add(table, cells);
}

static int print_table(const struct devmq_journal_info *infos, int count,
		       const struct listing *l)
{
	struct table table = {
		.columns = COLUMNS, .headings = headings, .left = left,
	};
	int i, err = 0;

	for (i = 0; !err && i < count; i++)
		err = add_row(&table, &infos[i], l->raw);
	if (!err)
		table_print(&table, !l->no_headings);
	table_free(&table);
	return err;
}

static struct json_object *json_journal(const struct devmq_journal_info *j)
{
	struct json_object *object = json_checked(json_object_new_object());
	char uuid[UUID_TEXT_MAX];

	json_add_name(object, "name", j->name);
	json_add_name(object, "uuid", uuid_text(j->uuid, uuid));
	json_add_name(object, "state", journal_state_name(j->state));
	json_add_name(object, "error", j->error ? strerror(-j->error) : NULL);
	json_add_number(object, "queues", j->queues);
	json_add_number(object, "live", j->live);
	json_add_number(object, "bytes", j->bytes);
	json_add_number(object, "free_segments", j->free_segments);
	json_add_number(object, "segments", j->segments);
	json_add_number(object, "segment_size", j->segment_size);
	json_add_number(object, "written", j->written);
	json_add_number(object, "cleaned", j->cleaned);
	json_add_number(object, "flushes", j->flushes);
	json_add_number(object, "waiters", j->waiters);
	return object;
}

static int print_array(const struct devmq_journal_info *infos, int count)
{
	struct json_object *top = json_checked(json_object_new_object());
	struct json_object *array = json_checked(json_object_new_array());
	int i;

	json_add(top, "journals", array);
	for (i = 0; i < count; i++) {
		if (json_object_array_add(array, json_journal(&infos[i])))
			json_checked(NULL);
	}
	return print_json(top);
}

static int run_ls(struct args *args)
{
	struct listing l = { .json = false };
	struct devmq_journal_info *infos;
	int code, n, err;

	while ((code = args_next(args))) {
		l.json = l.json || code == 'J';
		l.raw = l.raw || code == 'r';
		l.no_headings = l.no_headings || code == 'n';
	}
	n = devmq_journal_list(&infos, sizeof(*infos));
	if (n == -ENOTTY)
		return complain(NULL, 0, "cannot list journals: the module that "
				"is loaded has none");
	if (n < 0)
		return journal_use_complain(NULL, n, "cannot list journals", "");
	err = l.json ? print_array(infos, n) : print_table(infos, n, &l);
	free(infos);
	return err ? complain_output(NULL, err, "cannot write the list") :
		     STATUS_DONE;
}

static const struct opt ls_opts[] = {
	{ 'n', "noheadings", NULL, "no line of headings" },
	{ 'r', "raw", NULL, "sizes in bytes" },
	{ 'J', "json", NULL, "one JSON object with an array of journals" },
	OPTS_END
};

const struct command cmd_journal_ls = {
	.name = "journal ls",
	.run = run_ls,
	.synopsis = "[OPTION]...",
	.summary = "List the journals that are attached",
	.text =
"STATE is ok, frozen (its file system is, and it waits for that to end) or\n"
"failed: a write or a flush failed, and nothing can be confirmed or sent any\n"
"more. LIVE is how many of its BYTES are needed, FREE how many of its SEGMENTS\n"
"are free. WRITTEN is what was written since it was attached; CLEANED is that\n"
"part of it which was copied to make room. FLUSHES is how often the disk was\n"
"asked to confirm, and WAITERS how many calls wait for that now. It is no error\n"
"if there is none.",
	.opts = ls_opts,
	.operands = { COMPLETES_NOTHING },
	.min = 0,
	.max = 0,
};
