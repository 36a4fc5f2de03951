/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes as text: what may stand in JSON as it is, and what needs base64.
 */
#ifndef MQCTL_TEXT_H
#define MQCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the bytes are UTF-8 as RFC 3629 has it: nothing overlong, no
 * surrogates, nothing above U+10FFFF, nothing cut off.
 */
bool utf8_valid(const void *bytes, size_t size);

/* Base64 with padding (RFC 4648), ended by a NUL; to be freed. */
char *base64_encode(const void *bytes, size_t size);

#endif /* MQCTL_TEXT_H */
