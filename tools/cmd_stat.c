// SPDX-License-Identifier: GPL-2.0
/* Showing one queue, or the memory of all: stat. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "columns.h"
#include "complain.h"
#include "facts.h"
#include "json.h"
#include "memory.h"
#include "watch.h"

static const char *const memory_names[] = {
	"max_total_bytes", "max_user_bytes", "used_bytes", NULL
};

static int print_user(unsigned int uid, uint64_t bytes, void *arg)
{
	char name[32];

	(void)arg;
	snprintf(name, sizeof(name), "used by %u", uid);
	printf("%-18s  %" PRIu64 "\n", name, bytes);
	return 0;
}

static int add_user(unsigned int uid, uint64_t bytes, void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", uid);
	return json_object_object_add(arg, name,
				      json_object_new_uint64(bytes)) ?
	       -ENOMEM : 0;
}

static int print_memory_json(void)
{
	struct json_object *object = json_object_new_object();
	struct json_object *users = json_object_new_object();
	uint64_t value;
	int err = 0, i;

	if (!object || !users)
		return -ENOMEM;
	for (i = 0; !err && memory_names[i]; i++) {
		err = memory_parameter(memory_names[i], &value);
		if (!err && json_object_object_add(object, memory_names[i],
						   json_object_new_uint64(value)))
			err = -ENOMEM;
	}
	err = err ? err : memory_each_user(add_user, users);
	if (!err && json_object_object_add(object, "used_by", users))
		err = -ENOMEM;
	return err ? err : print_json(object);
}

static int print_memory_text(void)
{
	uint64_t value;
	int err, i;

	for (i = 0; memory_names[i]; i++) {
		err = memory_parameter(memory_names[i], &value);
		if (err)
			return err;
		printf("%-18s  %" PRIu64 "\n", memory_names[i], value);
	}
	return memory_each_user(print_user, NULL);
}

static int show_memory(bool json)
{
	int err = json ? print_memory_json() : print_memory_text();

	if (err == -ENOENT)
		return complain(NULL, 0, "cannot read the memory in use: "
				"the devmq module is not loaded");
	return err ? complain(NULL, err, "cannot read the memory in use") :
		     STATUS_DONE;
}

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
	int width = 0;
	int err;

	for (c = columns; c->name; c++)
		if (width < (int)strlen(c->name))
			width = strlen(c->name);
	for (c = columns; c->name; c++) {
		err = facts_value(facts, c, value);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		printf("%-*s  %s\n", width, c->name, value);
	}
	return 0;
}

/* What stat shows: a queue, or without a name the memory of all queues. */
struct stat_of {
	const char	*name;
	bool		json;
};

static int show_stat(void *arg)
{
	const struct stat_of *s = arg;
	struct facts facts;
	int err;

	if (!s->name)
		return show_memory(s->json);
	err = facts_get(&facts, s->name);
	if (err)
		return complain_open(s->name, err);
	err = s->json ? print_stat_json(&facts) : print_stat_text(&facts);
	if (err)
		return complain(s->name, err, "cannot read its options and counters");
	return STATUS_DONE;
}

static int run_stat(struct args *args)
{
	struct watch repeat = { .on = false };
	struct stat_of s = { .name = NULL };
	int code;

	while ((code = args_next(args))) {
		if (!watch_option(args, code, &repeat))
			s.json = true;
	}
	if (args->count)
		s.name = operand_queue(args, 0);
	repeat.dense = s.json;
	return watch(&repeat, show_stat, &s);
}

static const struct opt stat_opts[] = {
	OPTS_WATCH,
	{ 'J', "json", NULL, "one JSON object" },
	OPTS_END
};

const struct command cmd_stat = {
	.name = "stat",
	.run = run_stat,
	.synopsis = "[OPTION]... [NAME]",
	.summary = "Show options and counters of a queue or topic, or all memory",
	.text =
"One a line, its name and its value, numbers in full. The counters are one\n"
"consistent snapshot if you may open the queue for reading and writing, else\n"
"they are read one by one. Without NAME: how much memory the messages of all\n"
"queues, and those of one user, may take, how much they take, and of which\n"
"users; all in bytes.",
	.opts = stat_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 0,
	.max = 1,
};
