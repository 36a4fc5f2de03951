/* SPDX-License-Identifier: GPL-2.0 */
/* A new journal: its shape, and what it begins with. */
#ifndef MQCTL_JOURNAL_NEW_H
#define MQCTL_JOURNAL_NEW_H

#include "journal_file.h"

/*
 * Choose the shape of a journal of at most @size bytes; a @segment_size of zero is
 * chosen, too. Returns an exit status, after a complaint about @path.
 */
int journal_new_shape(struct mq_j_shape *shape, const char *path, u64 size,
		      u64 segment_size);

/* Give a shape an identity, of which there is no second one. 0 or a negative errno. */
int journal_new_identity(struct mq_j_shape *shape);

/* A random number, or 0 after an error, as a number of an epoch. */
u64 journal_new_epoch(void);

/* Fill a file with zeros, as many as the shape needs. Returns an exit status. */
int journal_new_zero(struct journal_file *file, const struct mq_j_shape *shape);

/* Make an empty journal in a file of zeros. Returns an exit status. */
int journal_new_make(struct journal_file *file, struct mq_j_shape *shape);

#endif /* MQCTL_JOURNAL_NEW_H */
