/* SPDX-License-Identifier: GPL-2.0 */
/* Standard output. */
#ifndef MQCTL_OUTPUT_H
#define MQCTL_OUTPUT_H

#include <stddef.h>

/*
 * Print bytes that other programs chose. On a terminal, control characters are
 * escaped; a file or a pipe gets the bytes as they are.
 */
void print_bytes(const void *bytes, size_t size);

/* Flush standard output; 0 or a negative errno. */
int flush_output(void);

#endif /* MQCTL_OUTPUT_H */
