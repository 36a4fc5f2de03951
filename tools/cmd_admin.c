// SPDX-License-Identifier: GPL-2.0
/*
 * Making, removing and changing queues: create, rm, get, set.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mqctl.h"
#include "options.h"
#include "text.h"
#include "units.h"

#define REASON_MAX	512

#define OPT_EXIST_OK	(OPT_LONG + 0)

static const struct opt no_opts[] = { OPTS_END };

static void no_options(struct args *args)
{
	while (args_next(args))
		;
}

static bool ends_with(const char *word, size_t size, const char *end)
{
	size_t n = strlen(end);

	return size >= n && !memcmp(word + size - n, end, n);
}

/* A user's or group's number, if it is not one already; NULL: no memory. */
static char *owner_number(const struct args *args, const char *word,
			  const char *value, bool group)
{
	const struct passwd *pw = NULL;
	const struct group *gr = NULL;
	char *plain;

	if (!value[strspn(value, "0123456789")])
		return strdup(value);
	if (group)
		gr = getgrnam(value);
	else
		pw = getpwnam(value);
	if (!gr && !pw)
		bad_queue_option(args, "'%s': no such %s", word,
				 group ? "group" : "user");
	if (asprintf(&plain, "%u", group ? gr->gr_gid : pw->pw_uid) < 0)
		return NULL;
	return plain;
}

/*
 * The value of an "option=value" word as the module takes it: sizes in bytes,
 * durations in milliseconds, users and groups as numbers. What is no number of a
 * unit that is known here is left to the module, which knows the options.
 */
static char *plain_value(const struct args *args, const char *word)
{
	size_t name_size = strcspn(word, "=");
	const char *value = word + name_size + 1;
	const char *kind = "";
	uint64_t number;
	char *plain;
	int err = 0;

	if (!name_size || !word[name_size])
		usage(args, "'%s' is not option=value", word);
	if (ends_with(word, name_size, "_ms") &&
	    value[strspn(value, "0123456789")]) {
		kind = "duration such as 500ms, 30s, 1.5h, 2d";
		err = parse_duration(value, &number);
		if (!err && number % 1000000)
			bad_queue_option(args, "'%s': not a whole number of "
					 "milliseconds", word);
		number /= 1000000;
	} else if (ends_with(word, name_size, "_bytes") ||
		   ends_with(word, name_size, "_size")) {
		kind = "size such as 512, 64K, 1M, 2G";
		err = parse_size(value, &number);
	} else {
		if (!strncmp(word, "uid=", 4) || !strncmp(word, "gid=", 4))
			plain = owner_number(args, word, value, *word == 'g');
		else
			plain = strdup(value);
		goto out;
	}
	if (err == -ERANGE)
		bad_queue_option(args, "'%s': out of range", word);
	if (err)
		bad_queue_option(args, "'%s': not a %s", word, kind);
	if (asprintf(&plain, "%" PRIu64, number) < 0)
		plain = NULL;
out:
	if (!plain)
		exit(complain(NULL, -ENOMEM, "%s", args->command->name));
	return plain;
}

/* A command to the module is words between spaces, so no word has any. */
static void check_word(const struct args *args, const char *word)
{
	const char *p;

	for (p = word; *p; p++) {
		if (*p <= ' ' || *p > '~')
			usage(args, "'%s' has a character that no option has",
			      word);
	}
}

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
		check_word(args, args->operands[i]);
		plain = plain_value(args, args->operands[i]);
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

/* An option that there is not: what may have been meant instead. */
static void guess_option(struct guess *guess)
{
	char *text = option_text(), *p = text;
	struct option_row row;

	while (p && option_next(&p, &row))
		guess_try(guess, row.name);
	free(text);
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

/* What the module says of a command that it refused, if it is there. */
static int complain_control(const char *name, int error, const char *what,
			    const char *why)
{
	if (error == -ENOENT && !is_loaded())
		return complain_open(name, error);
	if (*why)
		return complain(name, 0, "%s: %s", what, why);
	return complain(name, error, "%s", what);
}

/* Is this device one of the module's, so that somebody can use it? */
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
 * Remove the file that stands where a queue's device file is to be, if that is
 * nothing more than a file.
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

/* The first word of the command whose option the module does not have. */
static const char *unknown_option(const struct args *args, struct guess *guess)
{
	char *text = option_text(), *p, *copy;
	struct option_row row;
	const char *found = NULL;
	bool known;
	int i;

	for (i = 1; text && !found && i < args->count; i++) {
		size_t size = strcspn(args->operands[i], "=");

		known = false;
		copy = strdup(text);
		for (p = copy; p && option_next(&p, &row);)
			known = known || (strlen(row.name) == size &&
				!memcmp(row.name, args->operands[i], size));
		free(copy);
		if (!known && copy)
			found = strndup(args->operands[i], size);
	}
	free(text);
	if (found) {
		*guess = (struct guess)GUESS(found);
		guess_option(guess);
	}
	return found;
}

/* The module refused it: an option there is not, a value it does not take. */
static int complain_create(const struct args *args, const char *name, int err,
			   const char *why)
{
	const char *unknown;
	struct guess guess;

	if (err == -EEXIST) {
		complain_control(name, err, "cannot create", why);
		return STATUS_EXISTS;
	}
	if (err != -EINVAL && err != -ERANGE && err != -ENAMETOOLONG &&
	    err != -ELOOP && (err != -ENOENT || !is_loaded()))
		return complain_control(name, err, "cannot create", why);
	unknown = err == -EINVAL ? unknown_option(args, &guess) : NULL;
	complain(name, 0, "cannot create: %s%s", why,
		 unknown ? guess_hint(&guess) : "");
	free((char *)unknown);
	return STATUS_OPTION;
}

/* Numbers are the same however they are written. */
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
 * There is a queue of that name. Is it as it was to be made? Names all options
 * given that are not as they were given.
 */
static int compare_options(const struct args *args, const char *name)
{
	char value[COLUMN_VALUE_MAX], *plain, *option, *differs = NULL;
	size_t size;
	FILE *out = open_memstream(&differs, &size);
	int i, n = 0, err = out ? 0 : -ENOMEM;

	for (i = 1; !err && i < args->count; i++) {
		plain = plain_value(args, args->operands[i]);
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

/* Create it; with @force in the place of another file, with @exist_ok if need be. */
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
"without a unit is in milliseconds. uid and gid may be names. What is wrong\n"
"with an option is said in the module's words, and the exit status is 5.\n"
"\n"
"If there is a queue of that name, the exit status is 4. With --exist-ok it is 0\n"
"if the options given are those of that queue, whatever the others are; those\n"
"that are not are named, nothing is changed, and the exit status is 4.\n"
"\n"
"What is written to /dev/mq/NAME before there is a queue ends up in a regular\n"
"file, which is then in the way of the queue's device file: nothing is created,\n"
"unless --force is given, which removes that file with what is in it. It\n"
"removes no directory, and no device file of another queue.",
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
	  "also if messages are stored, which are lost, or it is missing" },
	OPTS_END
};

const struct command cmd_rm = {
	.name = "rm",
	.run = run_rm,
	.synopsis = "[-f] NAME...",
	.summary = "Remove queues",
	.text =
"A queue that still stores messages is only removed with -f. Programs that\n"
"have it open get an error from then on. With -f it is no error if there is no\n"
"such queue. If one of several cannot be removed, the others are, and the exit\n"
"status is 1.",
	.opts = rm_opts,
	.operands = { COMPLETES_QUEUE },
	.min = 1,
	.max = -1,
};

static int print_option(const char *name, const char *option, bool with_name)
{
	char value[COLUMN_VALUE_MAX];
	int err;

	err = option_value(name, option, value);
	if (err)
		return err;
	if (with_name)
		printf("%s=%s\n", option, value);
	else
		printf("%s\n", value);
	return 0;
}

/* -ENOENT may mean the queue or the option: a queue has a type. */
static int complain_option(const char *name, const char *option, int error,
			   const char *what)
{
	char value[COLUMN_VALUE_MAX];
	struct guess guess;

	if (error == -ENOENT &&
	    devmq_get_option(name, "type", value, sizeof(value)) < 0)
		return complain_open(name, error);
	if (error == -ENOENT) {
		const struct column *c;

		guess = (struct guess)GUESS(option);
		for (c = columns; c->name; c++)
			guess_try(&guess, c->name);
		complain(name, 0, "%s %s: no such option%s", what, option,
			 guess_hint(&guess));
		return STATUS_OPTION;
	}
	return complain(name, error, "%s %s", what, option);
}

static int print_all_options(const char *name)
{
	const struct column *c;
	int err;

	for (c = columns + 1; c->name; c++) {
		if (c->counter)
			continue;
		err = print_option(name, c->name, true);
		if (err == -ENOENT && strcmp(c->name, "type") != 0)
			continue;
		if (err)
			return complain_option(name, c->name, err,
					       "cannot read");
	}
	return STATUS_DONE;
}

static int run_get(struct args *args)
{
	const char *name;
	int i, err;

	no_options(args);
	name = operand_queue(args, 0);
	if (args->count == 1)
		return print_all_options(name);
	for (i = 1; i < args->count; i++) {
		err = print_option(name, args->operands[i], false);
		if (err)
			return complain_option(name, args->operands[i], err,
					       "cannot read");
	}
	return STATUS_DONE;
}

const struct command cmd_get = {
	.name = "get",
	.run = run_get,
	.synopsis = "NAME [OPTION...]",
	.summary = "Show options of a queue",
	.text =
"Without OPTION: all options as option=value, one a line, as create takes\n"
"them. With OPTION, which may also be a counter: the value alone, one a\n"
"line. mode, uid and gid are those of the device file as it is now. The exit\n"
"status is 5 if there is no such option.",
	.opts = no_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_COLUMN },
	.min = 1,
	.max = -1,
};

/* Values that are good in themselves, and yet refused; NULL if it is not one. */
static const char *why_not(const char *name, const char *option,
			   const char *value, int error)
{
	char old[COLUMN_VALUE_MAX];

	if (error == -ELOOP)
		return "the dead would go round in a circle";
	if (error == -ENOENT && !strcmp(option, "dead_letter") &&
	    devmq_get_option(name, option, old, sizeof(old)) > 0)
		return "no such queue";
	if (error != -EINVAL)
		return NULL;
	if (!strcmp(option, "overflow") && !strcmp(value, "dead-letter"))
		return "the queue has no dead_letter";
	if (!strcmp(option, "dead_letter") && !strcmp(value, "none"))
		return "overflow=dead-letter needs one";
	if (!strcmp(option, "dead_letter") && !devmq_check_name(value))
		return "it has order=key or fairness, so it cannot take "
		       "the dead";
	return NULL;
}

/* The option's row of the table, which is to be freed with *text. */
static bool find_row(const char *option, char **text, struct option_row *row)
{
	char *p;

	*text = option_text();
	for (p = *text; p && option_next(&p, row);) {
		if (!strcmp(row->name, option))
			return true;
	}
	return false;
}

/* It can be read, and not written: by nobody, or not by this user. */
static int complain_fixed(const char *name, const char *option)
{
	struct option_row row;
	char *text;
	bool fixed = find_row(option, &text, &row) &&
		     !strcmp(row.live, "fixed");

	free(text);
	if (find_column(option) && find_column(option)->counter) {
		complain(name, 0, "cannot set %s: it is a counter", option);
		return STATUS_OPTION;
	}
	if (!fixed)
		return complain(name, -EACCES, "cannot set %s", option);
	complain(name, 0, "cannot set %s: it is fixed when a queue is created",
		 option);
	return STATUS_OPTION;
}

static int complain_value(const char *name, const char *option,
			  const char *value, int err)
{
	struct option_row row = { .bounds = NULL };
	char *text;
	bool found = find_row(option, &text, &row);

	complain(name, 0, "cannot set %s: %s is %s%s%s", option, value,
		 err == -ERANGE ? "out of bounds" : "not a value of it",
		 found ? ", which are " : "", found ? row.bounds : "");
	free(text);
	return STATUS_OPTION;
}

static int set_option(const struct args *args, const char *name,
		      const char *word)
{
	size_t size = strcspn(word, "=");
	char *value = plain_value(args, word);
	char *option = strndup(word, size);
	const char *why = NULL;
	int err;

	err = option ? devmq_set_option(name, option, value) : -ENOMEM;
	if (err && option)
		why = why_not(name, option, value, err);
	if (why) {
		complain(name, 0, "cannot set %s=%s: %s", option,
			 word + size + 1, why);
		err = STATUS_OPTION;
	} else if (err == -EACCES) {
		err = complain_fixed(name, option);
	} else if (err == -EINVAL || err == -ERANGE) {
		err = complain_value(name, option, word + size + 1, err);
	} else if (err) {
		err = complain_option(name, option ? option : word, err,
				      "cannot set");
	}
	free(option);
	free(value);
	return err;
}

static int run_set(struct args *args)
{
	int status = STATUS_DONE;
	const char *name;
	int i;

	no_options(args);
	name = operand_queue(args, 0);
	for (i = 1; i < args->count; i++) {
		check_word(args, args->operands[i]);
		free(plain_value(args, args->operands[i]));
	}
	for (i = 1; i < args->count && status == STATUS_DONE; i++)
		status = set_option(args, name, args->operands[i]);
	return status;
}

const struct command cmd_set = {
	.name = "set",
	.run = run_set,
	.synopsis = "NAME option=value...",
	.summary = "Change options of a queue while it is in use",
	.text =
"The options are changed in the order given, up to the first that is\n"
"refused. Values are written as for create. Options that are fixed when a\n"
"queue is created cannot be changed. The exit status is 5 if there is no such\n"
"option, it is fixed, or the value is none of its.",
	.opts = no_opts,
	.operands = { COMPLETES_QUEUE, COMPLETES_OPTION },
	.min = 2,
	.max = -1,
};
