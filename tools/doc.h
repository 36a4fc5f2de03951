/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the manual pages that come from the tables. */
#ifndef MQCTL_DOC_H
#define MQCTL_DOC_H

/*
 * Print the part that argv[1] asks for. Returns an exit status, or -1 if it asks
 * for none.
 */
int show_list(int argc, char **argv);

#endif /* MQCTL_DOC_H */
