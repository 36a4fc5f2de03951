/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the contents of a journal to a new one. */
#ifndef MQCTL_JOURNAL_COPY_H
#define MQCTL_JOURNAL_COPY_H

#include "journal_read.h"
#include "journal_salvage.h"
#include "journal_write.h"

/*
 * Write the contents of @s, with their queues, to a writer that has begun. Where
 * something of @s was lost, ids and deliveries may be, too: then a queue gives ids far
 * above the last known one, and all of its messages count as delivered before. Returns
 * 0 or a negative errno.
 */
int journal_copy(struct journal_writer *w, const struct journal_contents *c,
		 const struct journal_salvage *s);

/*
 * Whether a queue is to be left out: it was made up, and has no messages. Nobody knows
 * its name, so the de-duplication ids that it remembers are of no use either.
 */
bool journal_copy_omits(const struct journal_queue *q,
			const struct journal_salvage *s);

/* How many de-duplication ids the queues have that are not left out. */
u64 journal_copy_dedups(const struct journal_contents *c,
			const struct journal_salvage *s);

#endif /* MQCTL_JOURNAL_COPY_H */
