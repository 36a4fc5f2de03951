/* SPDX-License-Identifier: GPL-2.0 */
/* The table of all commands. */
#ifndef MQCTL_COMMANDS_H
#define MQCTL_COMMANDS_H

#include "command.h"

/* All commands; ends with NULL. */
extern const struct command *const commands[];

/* The command whose name the words begin with, or NULL. */
const struct command *find_command(int count, char **words);

/* How many words a command's name has. */
int command_words(const struct command *command);

/* Is this the first word of several commands? */
bool is_group(const char *word);

/* Say that there is no such command. Returns STATUS_USAGE. */
int complain_command(int count, char **words);

/* mqctl --help; of a group alone unless it is NULL. */
void show_overview(const char *group);

#endif /* MQCTL_COMMANDS_H */
