// SPDX-License-Identifier: GPL-2.0
/* Options and operands of a command, parsed by its table. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "complain.h"
#include "help.h"
#include "names.h"
#include "text.h"
#include "units.h"

#define OPTS_MAX	32

void usage(const struct args *args, const char *format, ...)
{
	const char *name = args->command->name;
	char hint[48];
	va_list ap;

	snprintf(hint, sizeof(hint), " (see mqctl %s --help)", name);
	va_start(ap, format);
	say(name, format, ap, hint);
	va_end(ap);
	exit(STATUS_USAGE);
}

void bad_queue_option(const struct args *args, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(args->command->name, format, ap, " (see mqctl options)");
	va_end(ap);
	exit(STATUS_OPTION);
}

/*
 * The table of options as getopt_long(3) takes it. The '+' makes it stop at an
 * operand; with the ':' it tells a missing value from an unknown option.
 */
static void build_tables(const struct opt *opt, char *letters,
			 struct option *longs)
{
	*letters++ = '+';
	*letters++ = ':';
	for (; opt->name; opt++, longs++) {
		if (opt->code < OPT_LONG) {
			*letters++ = (char)opt->code;
			if (opt->value)
				*letters++ = ':';
		}
		*longs = (struct option) {
			.name = opt->name,
			.has_arg = opt->value ? required_argument
					      : no_argument,
			.val = opt->code,
		};
	}
	*letters = '\0';
	*longs = (struct option) { .name = NULL };
}

static const struct opt *find_opt(const struct command *command, int code)
{
	const struct opt *opt = command->opts;

	while (opt->name && opt->code != code)
		opt++;
	return opt->name ? opt : NULL;
}

/* No option has that name, or several begin with it. */
static void NORETURN no_option(const struct args *args, const char *word)
{
	int size = (int)strcspn(word, "=");
	const struct opt *opt;
	struct guess guess;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", size, word);
	guess = (struct guess)GUESS(name);
	for (opt = args->command->opts; opt->name; opt++) {
		char full[64];

		snprintf(full, sizeof(full), "--%s", opt->name);
		guess_try(&guess, full);
	}
	usage(args, "no option '%.*s'%s", size, word, guess_hint(&guess));
}

static void NORETURN bad_option(const struct args *args, int code)
{
	const struct opt *opt = find_opt(args->command, optopt);
	const char *word = args->argv[optind - 1];

	if (code == ':' && opt)
		usage(args, "--%s needs a value", opt->name);
	if (opt && !opt->value)
		usage(args, "--%s takes no value", opt->name);
	if (optopt && optopt < OPT_LONG)
		usage(args, "no option '-%c'", optopt);
	no_option(args, word);
}

/* Did getopt stop at a "--" that is not the value of an option? */
static bool stopped_by_dashes(const struct args *args)
{
	char *last = args->argv[optind - 1];

	return !strcmp(last, "--") && last != args->value;
}

static void take_rest(struct args *args)
{
	while (optind < args->argc)
		args->operands[args->count++] = args->argv[optind++];
}

static void check_operands(const struct args *args)
{
	const struct command *c = args->command;

	if (args->count < c->min)
		usage(args, "too few operands: %s", c->synopsis);
	if (c->max >= 0 && args->count > c->max)
		usage(args, "too many operands: '%s'",
		      args->operands[c->max]);
}

int args_next(struct args *args)
{
	struct option longs[OPTS_MAX];
	char letters[2 * OPTS_MAX];
	int code;

	build_tables(args->command->opts, letters, longs);
	opterr = 0;
	while ((code = getopt_long(args->argc, args->argv, letters, longs,
				   NULL)) == -1) {
		if (optind >= args->argc || stopped_by_dashes(args) ||
		    (args->command->tail && args->count > 0)) {
			take_rest(args);
			check_operands(args);
			return 0;
		}
		args->operands[args->count++] = args->argv[optind++];
		args->value = NULL;
	}
	if (code == '?' || code == ':')
		bad_option(args, code);
	if (code == OPT_HELP) {
		show_help(args->command);
		exit(STATUS_DONE);
	}
	args->opt = find_opt(args->command, code);
	args->value = optarg;
	return code;
}

static void NORETURN bad_value(const struct args *args, int error,
			       const char *what)
{
	if (error == -ERANGE)
		usage(args, "--%s: %s is out of range", args->opt->name,
		      args->value);
	usage(args, "--%s: '%s' is not %s", args->opt->name, args->value,
	      what);
}

uint64_t value_number(struct args *args, uint64_t min, uint64_t max)
{
	uint64_t number;
	int err;

	err = parse_number(args->value, max, &number);
	if (!err && number < min)
		err = -ERANGE;
	if (err)
		bad_value(args, err, "a number");
	return number;
}

uint64_t value_duration(struct args *args)
{
	uint64_t ns;
	int err;

	err = parse_duration(args->value, &ns);
	if (err)
		bad_value(args, err, "a duration such as 500ms, 30s, 1.5h, 2d");
	return ns;
}

uint64_t value_time(struct args *args)
{
	uint64_t ns;
	int err;

	err = parse_time(args->value, &ns);
	if (err)
		bad_value(args, err, "a time such as 2026-11-22T19:30:00Z, or "
			  "in seconds since 1970");
	return ns;
}

void value_range(struct args *args, uint64_t *first, uint64_t *last)
{
	int err;

	err = parse_range(args->value, first, last);
	if (err)
		bad_value(args, err, "an id or a range of ids such as 3-7");
}

unsigned int value_reason(struct args *args)
{
	unsigned int reason = parse_reason(args->value);

	if (!reason)
		bad_value(args, -EINVAL, "a reason: failures, rejected, expired, "
			  "overflow or a number from 256 to 65535");
	return reason;
}

/* The mask of one state; zero if no state has that name. */
static unsigned int parse_state(const char *word, size_t size)
{
	unsigned int state;
	const char *name;

	for (state = 1; (name = state_name(state)); state++) {
		if (strlen(name) == size && !memcmp(name, word, size))
			return DEVMQ_STATE_MASK(state);
	}
	return 0;
}

unsigned int value_states(struct args *args)
{
	unsigned int states = 0, state;
	const char *word = args->value;
	size_t size;

	for (;;) {
		size = strcspn(word, ",");
		state = parse_state(word, size);
		if (!state)
			bad_value(args, -EINVAL, "a state: ready, in-flight, "
				  "delayed, deferred, dead or retained");
		states |= state;
		if (!word[size])
			return states;
		word += size + 1;
	}
}

const char *value_key(struct args *args)
{
	if (!*args->value || strlen(args->value) > DEVMQ_KEY_MAX)
		usage(args, "--%s takes 1 to %d bytes", args->opt->name,
		      DEVMQ_KEY_MAX);
	return args->value;
}

const char *value_queue(struct args *args)
{
	if (devmq_check_name(args->value))
		usage(args, "--%s: '%s' is not a queue's name " NAME_RULE,
		      args->opt->name, args->value);
	return args->value;
}

void value_note(struct args *args, struct devmq_settlement *how)
{
	size_t size = strnlen(args->value, DEVMQ_NOTE_MAX + 1);

	if (!size || size > DEVMQ_NOTE_MAX)
		usage(args, "--%s takes 1 to %d bytes", args->opt->name,
		      DEVMQ_NOTE_MAX);
	how->note = (uintptr_t)args->value;
	how->note_size = (uint16_t)size;
}

const char *operand_queue(const struct args *args, int index)
{
	static const char dir[] = "/dev/mq/";
	const char *name = args->operands[index];

	if (!strncmp(name, dir, sizeof(dir) - 1))
		name += sizeof(dir) - 1;
	if (devmq_check_name(name))
		usage(args, "'%s' is not a queue's name " NAME_RULE, name);
	return name;
}
