/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mqctl, the command for devmq queues: what its files share.
 *
 *	main.c		the commands, and finding the one that is asked for
 *	args.c		options and operands, driven by the commands' tables
 *	doc.c		--help, the man page and lists for completion, likewise
 *	complete.c	what completion in a shell offers, likewise
 *	options.c	the options that a queue can have, from the kernel's table
 *	columns.c	what there is to know of a queue: options and counters
 *	out.c		messages as text and JSON, and complaints
 *	select.c	messages by key, header, reason and age
 *	watch.c		the same again and again
 *	says.c		what the commands of consume say on standard error
 *	runner.c	"still working": what extend says to consume
 *	limits.c	which bound a message met
 *	input.c		what a message is made of
 *	units.c, text.c	sizes, durations, times, ids; UTF-8, base64, escapes
 *	cmd_*.c		the commands
 *
 * Every command is described by one struct command. What is in it is all that
 * dispatch, option parsing, help, man page and completion know of it.
 */
#ifndef MQCTL_H
#define MQCTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <devmq.h>

#define NORETURN	__attribute__((noreturn))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* What mqctl exits with. */
enum {
	STATUS_DONE	= 0,
	STATUS_FAILED	= 1,
	STATUS_USAGE	= 2,
	STATUS_NOTHING	= 3,
	STATUS_EXISTS	= 4,	/* create */
	STATUS_OPTION	= 5,	/* there is no such option, or it takes no such value */
	STATUS_TRIED	= 6,	/* consume: it ended in order, but something failed */
};

/* ------------------------------------------------------------------ */
/* Commands and their options: main.c, args.c                         */

/*
 * An option. The code is its letter, or a number above that has none. Help is
 * a phrase; value is what help calls the option's value, NULL if it has none.
 */
struct opt {
	int		code;
	const char	*name;
	const char	*value;
	const char	*help;
};

/* The last row of every table of options. */
#define OPT_HELP	'h'
#define OPTS_END	{ OPT_HELP, "help", NULL, "show this help" }, \
			{ 0, NULL, NULL, NULL }
/* Codes of options that have no letter. */
#define OPT_LONG	256

/* What a queue's name must be, as devmq_check_name(3) checks it. */
#define NAME_RULE	"(1 to 63 of A-Z a-z 0-9 . _ -, but not ., .., control or none)"

struct args;

/* What stands where an operand or an option's value is asked for. */
enum completes {
	COMPLETES_NOTHING,	/* or nothing that is known here */
	COMPLETES_QUEUE,
	COMPLETES_OPTION,	/* option=value of a queue */
	COMPLETES_OPTION_NAME,
	COMPLETES_COLUMN,
	COMPLETES_COLUMNS,	/* with commas between */
	COMPLETES_STATES,	/* likewise */
	COMPLETES_REASON,
	COMPLETES_ACTION,
	COMPLETES_COMMAND,	/* of mqctl */
	COMPLETES_PROGRAM,	/* of the system: the shell's own business */
};

#define OPERANDS_MAX	3

/*
 * A command. Text has paragraphs separated by an empty line. Operands beyond
 * max are refused (a negative max: any number). Options may stand before,
 * between and behind operands, unless tail is set: then they end at the
 * second operand, so that the options of a command there are its own. The last
 * of its kinds of operands is that of all that follow.
 */
struct command {
	const char		*name;
	int			(*run)(struct args *args);
	const char		*synopsis;
	const char		*summary;
	const char		*text;
	const struct opt	*opts;
	enum completes		operands[OPERANDS_MAX];
	int			min;
	int			max;
	bool			tail;
};

extern const struct command cmd_create, cmd_rm, cmd_ls, cmd_stat, cmd_get,
			    cmd_set, cmd_send, cmd_recv, cmd_consume,
			    cmd_peek, cmd_purge, cmd_redrive, cmd_settle,
			    cmd_release, cmd_reject, cmd_move, cmd_call,
			    cmd_reply, cmd_extend, cmd_options, cmd_help;

/* All of them; ends with NULL. */
extern const struct command *const commands[];
const struct command *find_command(const char *name);
/* There is none of that name: say so. Returns STATUS_USAGE. */
int complain_command(const char *word);

struct args {
	const struct command	*command;
	char			**argv;
	int			argc;
	const struct opt	*opt;		/* the current option */
	char			*value;		/* and its value */
	char			**operands;	/* complete at the end */
	int			count;
};

/*
 * The next option's code, 0 when all is parsed. Wrong usage, and --help, end
 * the program.
 */
int args_next(struct args *args);

/* Say what is wrong with the way the command was called, and exit. */
void usage(const struct args *args, const char *format, ...)
	NORETURN PRINTF(2, 3);

/* The same for an option of a queue, with its own exit status. */
void bad_queue_option(const struct args *args, const char *format, ...)
	NORETURN PRINTF(2, 3);

/* The current option's value, or a usage error that names the option. */
uint64_t value_number(struct args *args, uint64_t min, uint64_t max);
uint64_t value_duration(struct args *args);
uint64_t value_time(struct args *args);
void value_range(struct args *args, uint64_t *first, uint64_t *last);
unsigned int value_states(struct args *args);
unsigned int value_reason(struct args *args);

/* An operand that must be a queue's name; /dev/mq/NAME is taken as well. */
const char *operand_queue(const struct args *args, int index);

/* ------------------------------------------------------------------ */
/* Documentation: doc.c                                               */

void show_help(const struct command *command);
void show_overview(void);
/* An undocumented request of the build; or -1. */
int show_list(int argc, char **argv);

/* complete.c: what may stand where the last of these words is, a line each. */
int show_completions(int argc, char **argv);

/* ------------------------------------------------------------------ */
/* Options and counters of queues: columns.c                          */

enum column_kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_BYTES,
	KIND_MS,
};

/*
 * A counter has a place in struct devmq_stat, an option has none (zero). The
 * heading is that of ls.
 */
struct column {
	const char		*name;
	const char		*heading;
	enum column_kind	kind;
	unsigned short		counter;
	const char		*help;
};

#define COLUMN_VALUE_MAX	64

extern const struct column columns[];
const struct column *find_column(const char *name);

/*
 * An option or a counter of a queue by its name: 0, or a negative errno. Mode and
 * owner are those that the device file has now.
 */
int option_value(const char *name, const char *option,
		 char value[COLUMN_VALUE_MAX]);

/*
 * What is known of one queue: its counters, if it could be asked for them, and
 * whether its device file is there, as devmq_check_node() says.
 */
struct facts {
	const char		*name;
	int			node;
	bool			has_stat;
	struct devmq_stat	stat;
};

/*
 * Ask for the counters by a look that is no consumer. If that cannot be had,
 * for want of permission, they come from sysfs one by one, so this is no error.
 * -ENOENT: there is no such queue.
 */
int facts_get(struct facts *facts, const char *name);

/* The column's value as the module writes it; or a negative errno. */
int facts_value(const struct facts *facts, const struct column *column,
		char value[COLUMN_VALUE_MAX]);

/* ------------------------------------------------------------------ */
/* Output: out.c                                                      */

/* One line on standard error; the subject may be NULL. */
void say(const char *subject, const char *format, va_list ap, const char *why)
	PRINTF(2, 0);

/*
 * One line on standard error: "mqctl: subject: what: why". The error is a
 * negative errno, or zero if what says it all; the subject may be NULL.
 * Returns STATUS_FAILED.
 */
int complain(const char *subject, int error, const char *format, ...)
	PRINTF(3, 4);

/* The same for what is no queue, standard output above all. */
int complain_output(const char *subject, int error, const char *what);

/* The same for a queue that could not be opened or found. */
int complain_open(const char *name, int error);

/*
 * limits.c: a queue is full, or was for a moment, or a message of so many bytes is
 * too large for it: which bound it is. Return STATUS_FAILED.
 */
int complain_full(const char *name, const char *what);
int complain_too_large(const char *name, const char *what, uint64_t size);

/* memory.c: what messages take of the machine's. */
const char *memory_reason(void);
int show_memory(bool json);


enum message_format {
	FORMAT_TEXT,
	FORMAT_LONG,
	FORMAT_RAW,
	FORMAT_NULL,
	FORMAT_JSON,
};

/*
 * A message to standard output; 0 or a negative errno. The long format has a
 * line with what there is to say of it before the text.
 */
int print_message(const struct devmq_msg *msg, enum message_format format);

/* Take the code of one of these options; false if it is another option's. */
bool format_option(struct args *args, int code, enum message_format *format);

#define OPT_RAW		300
#define OPT_NULL	301
#define OPTS_FORMAT \
	{ 'J', "json", NULL, "one JSON object a line, with all metadata" }, \
	{ OPT_RAW, "raw", NULL, "payloads exactly, nothing between them" }, \
	{ OPT_NULL, "null", NULL, "payloads exactly, a NUL behind each" }

struct json_object;

/* The id of a message that was sent, or was there before, likewise. */
int print_sent_json(uint64_t id, bool duplicate);

/* One line of JSON to standard output; frees the object. */
int print_json(struct json_object *object);

/* A column's value with the type it has. */
struct json_object *json_value(const struct column *column,
			       const char *value);

/*
 * Bytes that others chose, to standard output. A terminal acts on control
 * characters, so where that is one they are escaped; all else gets the bytes.
 */
void print_bytes(const void *bytes, size_t size);

/* Flush standard output; 0 or a negative errno. */
int flush_output(void);

/*
 * To look is enough for what is done to a queue's messages from outside, and
 * disturbs nobody, but needs the permission to write as well as to read.
 * Without it, this is a consumer that takes nothing. 0 or a negative errno.
 */
int open_to_look(struct devmq_queue **queue, const char *name);

/* What --state takes, and JSON shows; NULL if there is no such state. */
const char *state_name(unsigned int state);

/* What --reason takes, and JSON shows: a name or a number; zero: neither. */
unsigned int parse_reason(const char *text);
const char *reason_name(unsigned int why);

/* The words for what settle can do; ends with NULL. */
extern const char *const settle_actions[];

#endif /* MQCTL_H */
