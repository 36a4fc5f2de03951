/* SPDX-License-Identifier: GPL-2.0 */
/* The table of all commands. */
#ifndef MQCTL_COMMANDS_H
#define MQCTL_COMMANDS_H

#include "command.h"

/* All commands; ends with NULL. */
extern const struct command *const commands[];

/* The command of that name, or NULL. */
const struct command *find_command(const char *name);

/* Say that there is no such command. Returns STATUS_USAGE. */
int complain_command(const char *word);

/* mqctl --help. */
void show_overview(void);

#endif /* MQCTL_COMMANDS_H */
