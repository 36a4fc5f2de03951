/* SPDX-License-Identifier: GPL-2.0 */
/* Comparing what a crash has left of topics with what is known of them. */
#ifndef MQ_CRASH_VERIFY_TOPICS_H
#define MQ_CRASH_VERIFY_TOPICS_H

#include <stdbool.h>

#include "journal_read.h"
#include "topics.h"
#include "verdict.h"

/*
 * Compare what a journal has with what is known. If it is @ready, all bindings are
 * there that stay. What is wrong goes to @verdict.
 */
void topics_verify(struct known_topics *t, const struct journal_contents *c,
		   bool ready, struct verdict *verdict);

/* Numbers for the report. */
struct topics_totals {
	uint64_t	copies;		/* found */
	uint64_t	required;	/* of copies that had to be there */
	uint64_t	half;		/* of these, of messages that were not confirmed */
	uint64_t	kept;		/* of retained messages that were there, and confirmed */
	uint64_t	bindings;	/* of those of QUEUE_LATE that had to be there */
};

extern struct topics_totals topics_totals;

#endif /* MQ_CRASH_VERIFY_TOPICS_H */
