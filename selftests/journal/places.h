/* SPDX-License-Identifier: GPL-2.0 */
/* What stands where in a journal, and what has to be noticed if it is damaged. */
#ifndef MQ_TEST_JOURNAL_PLACES_H
#define MQ_TEST_JOURNAL_PLACES_H

#include "image.h"

enum place_kinds {
	PLACE_SUPER,		/* the superblock, of which there is a copy */
	PLACE_COPY,		/* that copy */
	PLACE_NEWEST,		/* the header of the newest segment */
	PLACE_HEADER,		/* that of another segment which is needed */
	PLACE_HOT,		/* a block of the hot stream */
	PLACE_COLD,		/* a block of the cold stream */
	PLACE_LAST,		/* the last block of a segment */
	PLACE_TAIL,		/* a block that no mark says is flushed */
	PLACE_UNUSED,		/* a header or a block that nobody needs */
	PLACE_KINDS
};

/**
 * struct place - a superblock, a header or a block
 * @kind: which of these
 * @position: of its segment
 * @at: where it begins in the file
 * @size: bytes
 * @used: how many of these say something
 * @guarded: whatever happens to it has to be noticed
 */
struct place {
	enum place_kinds	kind;
	u32			position;
	u64			at;
	u32			size;
	u32			used;
	bool			guarded;
};

struct places {
	struct place		*all;
	size_t			count;
};

/* Find all of a journal. Returns 0 or an error: it is not sound. */
int places_find(struct places *p, struct image *image);

void places_free(struct places *p);

#endif /* MQ_TEST_JOURNAL_PLACES_H */
