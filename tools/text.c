// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdlib.h>

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
