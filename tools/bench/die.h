/* SPDX-License-Identifier: GPL-2.0 */
/* The end of the program when it cannot go on. */
#ifndef MQBENCH_DIE_H
#define MQBENCH_DIE_H

/* Print one line on standard error, and exit with that status. */
__attribute__((noreturn, format(printf, 2, 3)))
void die(int status, const char *format, ...);

#endif /* MQBENCH_DIE_H */
