/* SPDX-License-Identifier: GPL-2.0 */
/* --help of a command, from its table. */
#ifndef MQCTL_HELP_H
#define MQCTL_HELP_H

#include "command.h"

void show_help(const struct command *command);

#endif /* MQCTL_HELP_H */
