// SPDX-License-Identifier: GPL-2.0
/* The checksum of journals, for their parts that also build in user space. */
#include "journal/pure.h"

/* Bytes that are taken at a time. */
#define STEP	8

/* tables[n][b]: what byte b does with n bytes behind it. */
static u32 tables[STEP][256];

static void fill_tables(void)
{
	u32 byte, n;

	for (byte = 0; byte < 256; byte++) {
		u32 c = byte;

		for (n = 0; n < 8; n++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
		tables[0][byte] = c;
	}
	for (n = 1; n < STEP; n++) {
		for (byte = 0; byte < 256; byte++) {
			u32 c = tables[n - 1][byte];

			tables[n][byte] = c >> 8 ^ tables[0][c & 0xff];
		}
	}
}

u32 mq_j_crc(u32 crc, const void *data, size_t size)
{
	const u8 *p = data;
	u32 n;

	if (!tables[0][1])
		fill_tables();
	for (; size >= STEP; size -= STEP, p += STEP) {
		u32 next = 0;

		for (n = 0; n < STEP; n++)
			next ^= tables[STEP - 1 - n]
				[n < 4 ? p[n] ^ (crc >> 8 * n & 0xff) : p[n]];
		crc = next;
	}
	while (size--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 0xff];
	return crc;
}
