/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every command is described by one struct command. Dispatch, option parsing,
 * help, man page and completion know no more of a command than that.
 */
#ifndef MQCTL_COMMAND_H
#define MQCTL_COMMAND_H

#include <stdbool.h>

struct args;

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

/* What kind of word completion offers for an operand or an option's value. */
enum completes {
	COMPLETES_NOTHING,	/* or nothing that mqctl knows of */
	COMPLETES_QUEUE,
	COMPLETES_TOPIC,
	COMPLETES_FILTER,	/* of a binding */
	COMPLETES_OPTION,	/* option=value of a queue */
	COMPLETES_OPTION_NAME,
	COMPLETES_COLUMN,
	COMPLETES_COLUMNS,	/* separated by commas */
	COMPLETES_STATES,	/* likewise */
	COMPLETES_REASON,
	COMPLETES_ACTION,
	COMPLETES_COMMAND,	/* of mqctl */
	COMPLETES_JOURNAL,	/* that is attached */
	COMPLETES_PROGRAM,	/* a program: the shell completes it */
	COMPLETES_FILE,		/* likewise */
};

#define OPERANDS_MAX	3

/*
 * A command. Its name is a word, or two: that of a group, and its own. Text has
 * paragraphs separated by an empty line. More than max operands are refused, unless
 * max is negative. Options may stand before, between and behind operands; but if tail
 * is set, all words from the second operand on are operands, so that a program named
 * there keeps its own options. Operands beyond the last kind listed are of that kind.
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
	bool			lists_columns;	/* help does */
};

extern const struct command cmd_create, cmd_rm, cmd_ls, cmd_stat, cmd_get,
			    cmd_set, cmd_send, cmd_recv, cmd_consume,
			    cmd_peek, cmd_purge, cmd_redrive, cmd_settle,
			    cmd_release, cmd_reject, cmd_move, cmd_call,
			    cmd_reply, cmd_extend, cmd_options, cmd_help,
			    cmd_journal_create, cmd_journal_attach,
			    cmd_journal_detach, cmd_journal_move, cmd_journal_ls,
			    cmd_journal_info,
			    cmd_journal_check, cmd_apply, cmd_dump,
			    cmd_bind, cmd_unbind;

#endif /* MQCTL_COMMAND_H */
