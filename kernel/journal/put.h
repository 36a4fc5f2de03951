/* SPDX-License-Identifier: GPL-2.0 */
/* Adding the records of a group to the log: see put.c. */
#ifndef MQ_JOURNAL_PUT_H
#define MQ_JOURNAL_PUT_H

#include "journal/journal.h"

int mq_put_change(struct mq_journal *j, struct mq_feed *f,
		  struct mq_change *c);
int mq_put_dedup(struct mq_journal *j, struct mq_feed *f,
		 const struct mq_dedup_change *c);
int mq_put_queue(struct mq_journal *j, struct mq_feed *f);
int mq_put_ceilings(struct mq_journal *j, struct mq_feed *f);
struct mq_j_end *mq_put_ends(struct mq_journal *j, u32 n);
void mq_put_gone(struct mq_journal *j, struct mq_j_gone *gone, u64 serial,
		 u64 segment);

#endif /* MQ_JOURNAL_PUT_H */
