/* SPDX-License-Identifier: GPL-2.0 */
/* Comparing what a crash has left with what is known. */
#ifndef MQ_CRASH_VERIFY_H
#define MQ_CRASH_VERIFY_H

#include "journal_read.h"
#include "model.h"

/*
 * Read the journal at the beginning of the disk, and compare it with what is
 * known. Returns 0, or -1 with what is wrong in @why.
 */
int verify(struct model *m, const struct mq_j_source *source, char *why,
	   size_t size);

/* Numbers for the report. */
struct verify_totals {
	uint64_t	messages;	/* found */
	uint64_t	required;	/* of messages that had to be there */
	uint64_t	ended;		/* of those that must not be there */
	uint64_t	dedups;
	uint64_t	noteless;	/* rejected, when a full journal had no room for a note */
	uint64_t	torn;		/* states with a torn tail */
};

extern struct verify_totals verify_totals;

#endif /* MQ_CRASH_VERIFY_H */
