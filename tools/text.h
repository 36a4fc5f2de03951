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

/*
 * The next character to be written to a terminal: how many bytes it takes. If it
 * would be acted on, or is none, @escaped is set: a control character of ASCII or
 * of Latin-1, the mark of the end of a line or paragraph, or a byte that is not
 * UTF-8. A newline and a tab are as good as letters.
 */
size_t next_character(const void *bytes, size_t size, bool *escaped);

/* How many letters have to be changed, left out, put in or swapped. */
unsigned int word_distance(const char *a, const char *b);

/*
 * What somebody may have meant: the nearest of the names that were tried, if one
 * is near.
 */
struct guess {
	const char	*word;
	char		best[64];
	unsigned int	distance;
	char		hint[96];
};

#define GUESS(_word)	{ .word = (_word), .distance = ~0U }

void guess_try(struct guess *guess, const char *name);
/* ", did you mean 'NAME'?", or nothing. */
const char *guess_hint(struct guess *guess);

/* Base64 with padding (RFC 4648), ended by a NUL; to be freed. */
char *base64_encode(const void *bytes, size_t size);

#endif /* MQCTL_TEXT_H */
