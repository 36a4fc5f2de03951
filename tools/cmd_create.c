// SPDX-License-Identifier: GPL-2.0
/* Creating and removing queues: create, rm. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "args.h"
#include "assignment.h"
#include "complain.h"
#include "creation.h"
#include "text.h"

#define OPT_EXIST_OK	(OPT_LONG + 0)

/* Is this the device file of a queue that exists? */
static bool is_live(const struct stat *st)
{
	char path[64], class[256];
	ssize_t n;

	if (!S_ISCHR(st->st_mode))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem",
		 major(st->st_rdev), minor(st->st_rdev));
	n = readlink(path, class, sizeof(class));
	return n > 0 && ends_with(class, (size_t)n, "/mq");
}

/*
 * Remove a file that is in the way of a queue's device file, unless it is a
 * directory or the device file of another queue.
 */
static int remove_stale(const char *name)
{
	char path[sizeof("/dev/mq/") + DEVMQ_NAME_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/mq/%s", name);
	if (lstat(path, &st))
		return errno == ENOENT ? STATUS_DONE :
		       complain(name, 0, "cannot replace %s: %s", path,
				strerror(errno));
	if (S_ISDIR(st.st_mode))
		return complain(name, 0, "cannot replace %s: it is a "
				"directory", path);
	if (is_live(&st))
		return complain(name, 0, "cannot replace %s: it is the device "
				"file of another queue", path);
	if (unlink(path) && errno != ENOENT)
		return complain(name, 0, "cannot replace %s: %s", path,
				strerror(errno));
	return STATUS_DONE;
}

/* The queue exists already: whether it has the options that were given. */
static int compare(const struct creation *c)
{
	char *differs;
	int n = creation_compare(c, &differs);

	if (n < 0)
		return complain(c->name, n, "it exists already; cannot compare "
				"its options");
	if (n)
		complain(c->name, 0, "it exists already, and differs: %s", differs);
	free(differs);
	return n ? STATUS_EXISTS : STATUS_DONE;
}

/*
 * Create a queue. With @force, replace a file that is in the way; with @exist_ok,
 * accept a queue that has the options given.
 */
static int create_queue(const struct creation *c, bool force, bool exist_ok)
{
	char why[CREATION_REASON_MAX] = "";
	int err;

	err = creation_try(c, why);
	if (err == -EBUSY && force) {
		if (remove_stale(c->name))
			return STATUS_FAILED;
		err = creation_try(c, why);
	}
	if (err == -EBUSY && !force)
		return complain(c->name, 0, "cannot create: %s (--force replaces "
				"it)", why);
	if (err == -EEXIST && exist_ok)
		return compare(c);
	return err ? creation_complain(c, err, why) : STATUS_DONE;
}

static int run_create(struct args *args)
{
	bool force = false, exist_ok = false;
	struct creation c;
	int code, i, status;

	while ((code = args_next(args))) {
		force = force || code == 'f';
		exist_ok = exist_ok || code == OPT_EXIST_OK;
	}
	c = (struct creation) {
		.name = operand_queue(args, 0),
		.words = args->operands + 1,
		.values = calloc((size_t)args->count, sizeof(*c.values)),
		.count = args->count - 1,
	};
	if (!c.values)
		return complain(c.name, -ENOMEM, "cannot create");
	for (i = 0; i < c.count; i++) {
		assignment_check(args, c.words[i]);
		c.values[i] = assignment_value(args, c.words[i]);
	}
	status = create_queue(&c, force, exist_ok);
	for (i = 0; i < c.count; i++)
		free(c.values[i]);
	free(c.values);
	return status;
}

static const struct opt create_opts[] = {
	{ 'f', "force", NULL, "replace a file that is in the way" },
	{ OPT_EXIST_OK, "exist-ok", NULL,
	  "succeed if it exists and has the options given" },
	OPTS_END
};

const struct command cmd_create = {
	.name = "create",
	.run = run_create,
	.synopsis = "[OPTION]... NAME [option=value]...",
	.summary = "Create a queue or a topic",
	.text =
"With type=topic it is a topic: what is sent to it goes to the queues that are\n"
"bound to it, see \"mqctl help bind\".\n"
"\n"
"\"mqctl options\" shows all options with their bounds and defaults. Sizes (of\n"
"bytes) are whole numbers, and may end in K, M or G. Durations (options that\n"
"end in _ms) may end in ms, s, m, h or d, and may then have a fraction, if that\n"
"is whole milliseconds; without a unit they are in milliseconds. uid and gid\n"
"may be names. If the module refuses an option, its message says why, and the\n"
"exit status is 5.\n"
"\n"
"If there is a queue of that name, the exit status is 4. With --exist-ok it is 0\n"
"if the queue has the options given, whatever its other options are; if not,\n"
"those that differ are named, nothing is changed, and the exit status is 4.\n"
"\n"
"Writing to /dev/mq/NAME before there is a queue makes a regular file, which is\n"
"then in the way of the queue's device file: no queue is created, unless --force\n"
"is given, which removes that file with its contents. --force removes neither a\n"
"directory nor the device file of another queue.",
	.opts = create_opts,
	.operands = { COMPLETES_NOTHING, COMPLETES_OPTION },
	.min = 1,
	.max = -1,
};

static int remove_queue(const char *name, bool force)
{
	char why[CREATION_REASON_MAX] = "";
	int err;

	err = devmq_remove(name, force, why, sizeof(why));
	if (!err || (force && err == -ENOENT && creation_loaded()))
		return STATUS_DONE;
	if (err == -ENOTEMPTY)
		return complain(name, 0, "cannot remove: it still stores "
				"messages (-f removes them as well)");
	return creation_complain_control(name, err, "cannot remove", why);
}

static int run_rm(struct args *args)
{
	int status = STATUS_DONE;
	bool force = false;
	const char *name;
	int i;

	while (args_next(args))
		force = true;
	for (i = 0; i < args->count; i++)
		operand_queue(args, i);
	for (i = 0; i < args->count; i++) {
		name = operand_queue(args, i);
		if (remove_queue(name, force))
			status = STATUS_FAILED;
	}
	return status;
}

static const struct opt rm_opts[] = {
	{ 'f', "force", NULL,
	  "even if it stores messages, which are lost, or is missing" },
	OPTS_END
};

const struct command cmd_rm = {
	.name = "rm",
	.run = run_rm,
	.synopsis = "[-f] NAME...",
	.summary = "Remove queues and topics",
	.text =
"A queue that still stores messages, or is the dead_letter or alternate of\n"
"another, is removed with -f only; that option of the other is none then.\n"
"Programs that have it open get an error from then on. With -f it is no error if\n"
"there is no such queue. If one of several cannot be removed, the others are\n"
"removed nevertheless, and the exit status is 1. The bindings of what is removed\n"
"go with it.",
	.opts = rm_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = -1,
};
