/* SPDX-License-Identifier: GPL-2.0 */
/* Options and operands of a command, parsed by its table. */
#ifndef MQCTL_ARGS_H
#define MQCTL_ARGS_H

#include <stdint.h>

#include <devmq.h>

#include "command.h"
#include "mqctl.h"

/* What a queue's name must be, as devmq_check_name(3) checks it. */
#define NAME_RULE	"(1 to 63 of A-Z a-z 0-9 . _ -, but not ., .., control or none)"

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
 * The next option's code, 0 when all are parsed. Wrong usage and --help exit.
 */
int args_next(struct args *args);

/* Say what is wrong with the way the command was called, and exit. */
void usage(const struct args *args, const char *format, ...)
	NORETURN PRINTF(2, 3);

/* The same for an option of a queue, with STATUS_OPTION. */
void bad_queue_option(const struct args *args, const char *format, ...)
	NORETURN PRINTF(2, 3);

/* The current option's value, or a usage error that names the option. */
uint64_t value_number(struct args *args, uint64_t min, uint64_t max);
uint64_t value_duration(struct args *args);
uint64_t value_time(struct args *args);
void value_range(struct args *args, uint64_t *first, uint64_t *last);
unsigned int value_states(struct args *args);
unsigned int value_reason(struct args *args);
/* A key, or what is as long: 1 to DEVMQ_KEY_MAX bytes. */
const char *value_key(struct args *args);
const char *value_queue(struct args *args);
/* The note of a settlement. */
void value_note(struct args *args, struct devmq_settlement *how);

/* An operand that must be a queue's name; /dev/mq/NAME is taken as well. */
const char *operand_queue(const struct args *args, int index);

#endif /* MQCTL_ARGS_H */
