/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A damaged journal, as if it were sound: what is not valid is left out. The result is
 * a journal that is read as any other, and exists in memory only, a segment at a
 * time.
 */
#ifndef MQCTL_JOURNAL_SALVAGE_H
#define MQCTL_JOURNAL_SALVAGE_H

#include "journal/record.h"
#include "journal/scan.h"

struct journal_place;
struct journal_serial;

/**
 * struct journal_salvage - a journal that is read in spite of its damage
 * @source: what is readable, as a sound journal
 * @shape: of both
 * @segments: segments that had to be there and of which nothing is left
 * @holes: places at which blocks are missing in the others
 * @records: records that were not valid in a valid block
 * @queues: queues with records of messages, and without one of their own: it is
 *	lost; or the queue was removed, then the messages are gone, too
 *
 * The rest is its own.
 */
struct journal_salvage {
	struct mq_j_source	source;
	struct mq_j_shape	shape;
	u64			segments;
	u64			holes;
	u64			records;
	u64			queues;

	const struct mq_j_source *from;
	struct journal_place	*places;
	u32			*seeds;
	u32			seed_count;
	u64			*map;
	u64			sequence;
	u64			serial;
	bool			counting;
	u8			*raw;
	u8			*built;
	u32			spare;
	void			*serials;
	struct journal_serial	*first;
};

/*
 * Look through a journal. Returns 0 or a negative errno; -EUCLEAN: nothing of it can
 * be read. It is to be closed in any case.
 */
int journal_salvage_open(struct journal_salvage *s,
			 const struct mq_j_source *from);

/* Whether a queue with this serial is one of which its own record is missing. */
bool journal_salvage_made_up(const struct journal_salvage *s, u64 serial);

void journal_salvage_close(struct journal_salvage *s);

#endif /* MQCTL_JOURNAL_SALVAGE_H */
