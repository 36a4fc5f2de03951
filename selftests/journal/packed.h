/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A journal as the fuzzer has it: pieces of it, between which all is zero.
 *
 * A byte of flags comes first, then four bytes that choose what is damaged, then
 * pieces with their bytes behind them.
 */
#ifndef MQ_TEST_JOURNAL_PACKED_H
#define MQ_TEST_JOURNAL_PACKED_H

#include "journal/pure.h"

/* The checksums stay as they are. */
#define PACKED_RAW	1

#define PACKED_HEAD	5
/* The least journal, and some places more. */
#define PACKED_BYTES	(MQ_J_SEGMENTS + 12 * MQ_J_SEGMENT_MIN)

/**
 * struct packed_piece - a piece
 * @sector: of 512 bytes, where it begins
 * @size: bytes
 */
struct packed_piece {
	__le16	sector;
	__le16	size;
};

#endif /* MQ_TEST_JOURNAL_PACKED_H */
