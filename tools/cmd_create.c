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
#include "facts.h"
#include "options.h"
#include "text.h"

#define REASON_MAX	512

#define OPT_EXIST_OK	(OPT_LONG + 0)

static char *join_options(const struct args *args)
{
	char *options = NULL, *plain;
	size_t size;
	FILE *out;
	int i;

	out = open_memstream(&options, &size);
	if (!out)
		return NULL;
	for (i = 1; i < args->count; i++) {
		assignment_check(args, args->operands[i]);
		plain = assignment_value(args, args->operands[i]);
		fprintf(out, "%s%.*s=%s", i > 1 ? " " : "",
			(int)strcspn(args->operands[i], "="),
			args->operands[i], plain);
		free(plain);
	}
	if (fclose(out)) {
		free(options);
		return NULL;
	}
	return options;
}

/* Without the module there are no queues. */
static bool is_loaded(void)
{
	char **names;

	if (devmq_list(&names) < 0)
		return false;
	free(names);
	return true;
}

/* The module refused a command, or is not loaded. */
static int complain_control(const char *name, int error, const char *what,
			    const char *why)
{
	if (error == -ENOENT && !is_loaded())
		return complain_open(name, error);
	if (*why)
		return complain(name, 0, "%s: %s", what, why);
	return complain(name, error, "%s", what);
}

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

/* The first option of the command that the module does not have, to be freed. */
static char *unknown_option(const struct args *args)
{
	struct option_row row;
	char *text;
	int i;

	for (i = 1; i < args->count; i++) {
		const char *word = args->operands[i];
		size_t size = strcspn(word, "=");
		bool known = option_find(word, size, &text, &row) || !text;

		free(text);
		if (!known)
			return strndup(word, size);
	}
	return NULL;
}

/* The module refused the command: an option is unknown, or a value is bad. */
static int complain_create(const struct args *args, const char *name, int err,
			   const char *why)
{
	struct guess guess;
	char *unknown;

	if (err == -EEXIST) {
		complain_control(name, err, "cannot create", why);
		return STATUS_EXISTS;
	}
	if (err != -EINVAL && err != -ERANGE && err != -ENAMETOOLONG &&
	    err != -ELOOP && (err != -ENOENT || !is_loaded()))
		return complain_control(name, err, "cannot create", why);
	unknown = err == -EINVAL ? unknown_option(args) : NULL;
	if (unknown) {
		guess = (struct guess)GUESS(unknown);
		option_guess(&guess);
	}
	complain(name, 0, "cannot create: %s%s", why,
		 unknown ? guess_hint(&guess) : "");
	free(unknown);
	return STATUS_OPTION;
}

/* Compare two values: numbers by what they are, not by how they are written. */
static bool same_value(const char *option, const char *a, const char *b)
{
	int base = !strcmp(option, "mode") ? 8 : 10;
	char *end_a, *end_b;
	unsigned long long x, y;

	if (!strcmp(a, b))
		return true;
	x = strtoull(a, &end_a, base);
	y = strtoull(b, &end_b, base);
	return end_a != a && end_b != b && !*end_a && !*end_b && x == y;
}

/*
 * The queue exists already. Compare its options with those that were given, and
 * name all that differ.
 */
static int compare_options(const struct args *args, const char *name)
{
	char value[COLUMN_VALUE_MAX], *plain, *option, *differs = NULL;
	size_t size;
	FILE *out = open_memstream(&differs, &size);
	int i, n = 0, err = out ? 0 : -ENOMEM;

	for (i = 1; !err && i < args->count; i++) {
		plain = assignment_value(args, args->operands[i]);
		option = strndup(args->operands[i],
				 strcspn(args->operands[i], "="));
		err = option ? option_value(name, option, value) : -ENOMEM;
		if (!err && !same_value(option, plain, value))
			fprintf(out, "%s%s is %s, not %s", n++ ? "; " : "",
				option, value, plain);
		free(option);
		free(plain);
	}
	if (out)
		fclose(out);
	if (err)
		err = complain(name, err, "it exists already; cannot compare "
			       "its options");
	else if (n)
		complain(name, 0, "it exists already, and differs: %s", differs);
	free(differs);
	return err ? err : n ? STATUS_EXISTS : STATUS_DONE;
}

/*
 * Create a queue. With @force, replace a file that is in the way; with @exist_ok,
 * accept a queue that has the options given.
 */
static int create_queue(const struct args *args, const char *name,
			const char *options, bool force, bool exist_ok)
{
	char why[REASON_MAX] = "";
	int err;

	err = devmq_create(name, options, why, sizeof(why));
	if (err == -EBUSY && force) {
		if (remove_stale(name))
			return STATUS_FAILED;
		err = devmq_create(name, options, why, sizeof(why));
	}
	if (err == -EBUSY && !force)
		return complain(name, 0, "cannot create: %s (--force replaces "
				"it)", why);
	if (err == -EEXIST && exist_ok)
		return compare_options(args, name);
	if (err)
		return complain_create(args, name, err, why);
	return STATUS_DONE;
}

static int run_create(struct args *args)
{
	bool force = false, exist_ok = false;
	const char *name;
	char *options;
	int code, status;

	while ((code = args_next(args))) {
		force = force || code == 'f';
		exist_ok = exist_ok || code == OPT_EXIST_OK;
	}
	name = operand_queue(args, 0);
	options = join_options(args);
	if (!options)
		return complain(name, -ENOMEM, "cannot create");
	status = create_queue(args, name, options, force, exist_ok);
	free(options);
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
	.summary = "Create a queue",
	.text =
"\"mqctl options\" shows all options with their bounds and defaults. Sizes\n"
"(max_bytes, max_message_size) may end in K, M or G, durations (options that\n"
"end in _ms) in ms, s, m, h or d, with a fraction if need be; a duration\n"
"without a unit is in milliseconds. uid and gid may be names. If the module\n"
"refuses an option, its message says why, and the exit status is 5.\n"
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
	char why[REASON_MAX] = "";
	int err;

	err = devmq_remove(name, force, why, sizeof(why));
	if (!err || (force && err == -ENOENT && is_loaded()))
		return STATUS_DONE;
	if (err == -ENOTEMPTY)
		return complain(name, 0, "cannot remove: it still stores "
				"messages (-f removes them as well)");
	return complain_control(name, err, "cannot remove", why);
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
	.summary = "Remove queues",
	.text =
"A queue that still stores messages is removed with -f only. Programs that have\n"
"it open get an error from then on. With -f it is no error if there is no such\n"
"queue. If one of several cannot be removed, the others are removed\n"
"nevertheless, and the exit status is 1.",
	.opts = rm_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = -1,
};
