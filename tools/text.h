/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes as text: UTF-8, base64, and guessing what a mistyped word was meant to be.
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
 * How many bytes the next character takes. *@escaped says whether it must not go to
 * a terminal as it is: a control character of ASCII or Latin-1, a line or paragraph
 * separator, or a byte that is not UTF-8; but a newline and a tab may.
 */
size_t next_character(const void *bytes, size_t size, bool *escaped);

/* How many letters have to be changed, removed, added or swapped. */
unsigned int word_distance(const char *a, const char *b);

/* The name that is most like a word, among those that were tried. */
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

/* Does the word, of @size bytes, end so? */
bool ends_with(const char *word, size_t size, const char *end);

/* Base64 with padding (RFC 4648), ended by a NUL; to be freed. */
char *base64_encode(const void *bytes, size_t size);

#endif /* MQCTL_TEXT_H */
