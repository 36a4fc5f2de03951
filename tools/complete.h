/* SPDX-License-Identifier: GPL-2.0 */
/* Completion in a shell. */
#ifndef MQCTL_COMPLETE_H
#define MQCTL_COMPLETE_H

/* Print what the last of these words may become, a line each. */
int show_completions(int argc, char **argv);

#endif /* MQCTL_COMPLETE_H */
