// SPDX-License-Identifier: GPL-2.0
/* Bytes as text, and what somebody may have meant. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/*
 * Bytes of the character that begins with this byte, and the bounds of its
 * second byte, which is where overlong forms, surrogates and what lies beyond
 * the last character show. Zero: no character begins so.
 */
static int utf8_sequence(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0) {
		if (lead == 0xe0)
			*low = 0xa0;
		else if (lead == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (lead > 0xf4)
		return 0;
	if (lead == 0xf0)
		*low = 0x90;
	else if (lead == 0xf4)
		*high = 0x8f;
	return 4;
}

bool utf8_valid(const void *bytes, size_t size)
{
	const uint8_t *p = bytes, *end = p + size;
	uint8_t low, high;
	int n, i;

	while (p < end) {
		n = utf8_sequence(*p, &low, &high);
		if (!n || n > end - p)
			return false;
		if (n > 1 && (p[1] < low || p[1] > high))
			return false;
		for (i = 2; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
		}
		p += n;
	}
	return true;
}

char *base64_encode(const void *bytes, size_t size)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = bytes;
	char *text, *out;
	uint32_t bits;
	size_t left;

	text = malloc((size + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	out = text;
	for (left = size; left; p += 3) {
		bits = (uint32_t)p[0] << 16;
		if (left > 1)
			bits |= (uint32_t)p[1] << 8;
		if (left > 2)
			bits |= p[2];
		*out++ = digit[bits >> 18];
		*out++ = digit[bits >> 12 & 63];
		*out++ = left > 1 ? digit[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? digit[bits & 63] : '=';
		left -= left < 3 ? left : 3;
	}
	*out = '\0';
	return text;
}

/* The code point of a character that is valid UTF-8. */
static uint32_t decode(const unsigned char *p, size_t size)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = p[0] & mask[size];
	size_t i;

	for (i = 1; i < size; i++)
		code = code << 6 | (p[i] & 0x3f);
	return code;
}

size_t next_character(const void *bytes, size_t size, bool *escaped)
{
	const unsigned char *p = bytes;
	uint32_t code;
	size_t n;

	for (n = 1; n <= 4 && n <= size; n++) {
		if (!utf8_valid(p, n))
			continue;
		code = decode(p, n);
		*escaped = (code < ' ' && code != '\n' && code != '\t') ||
			   (code >= 0x7f && code < 0xa0) ||
			   code == 0x2028 || code == 0x2029;
		return n;
	}
	*escaped = true;
	return 1;
}

bool ends_with(const char *word, size_t size, const char *end)
{
	size_t n = strlen(end);

	return size >= n && !memcmp(word + size - n, end, n);
}

#define WORD_MAX	64

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* The rows of the table of distances, of which the last three are kept. */
unsigned int word_distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_MAX + 1], *old, *row, *next, change;
	size_t m = strlen(a), n = strlen(b), i, j;

	if (m > WORD_MAX || n > WORD_MAX)
		return ~0U;
	for (j = 0; j <= n; j++)
		rows[0][j] = (unsigned int)j;
	for (i = 1; i <= m; i++) {
		old = rows[(i + 1) % 3];
		row = rows[(i + 2) % 3];
		next = rows[i % 3];
		next[0] = (unsigned int)i;
		for (j = 1; j <= n; j++) {
			change = a[i - 1] != b[j - 1];
			next[j] = least(row[j - 1] + change,
					least(row[j], next[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				next[j] = least(next[j], old[j - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

/* One letter in three may be wrong; what differs more is no guess. */
void guess_try(struct guess *guess, const char *name)
{
	unsigned int distance = word_distance(guess->word, name);

	if (distance >= guess->distance ||
	    distance > (strlen(name) + 1) / 3)
		return;
	guess->distance = distance;
	snprintf(guess->best, sizeof(guess->best), "%s", name);
}

const char *guess_hint(struct guess *guess)
{
	if (*guess->best)
		snprintf(guess->hint, sizeof(guess->hint),
			 ", did you mean '%s'?", guess->best);
	return guess->hint;
}
