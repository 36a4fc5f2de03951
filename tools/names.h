/* SPDX-License-Identifier: GPL-2.0 */
/* Words for states, failures, reasons and actions. */
#ifndef MQCTL_NAMES_H
#define MQCTL_NAMES_H

/* What --state takes, and what JSON shows; NULL if there is no such state. */
const char *state_name(unsigned int state);

/* How a delivery failed last; NULL if there is no such failure. */
const char *failure_name(unsigned int failure);

/*
 * Why a message is dead: a word for each reason that the kernel has; NULL for the
 * numbers that a consumer gives.
 */
const char *reason_name(unsigned int why);

/* What --reason takes: such a word, or a number of a consumer; zero: neither. */
unsigned int parse_reason(const char *text);

/* What settle can do, in the order of enum devmq_action; ends with NULL. */
extern const char *const settle_actions[];

#endif /* MQCTL_NAMES_H */
