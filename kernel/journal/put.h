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
int mq_put_ends(struct mq_journal *j, struct mq_durable **d, u32 n);
int mq_put_queue_end(struct mq_journal *j, struct mq_feed *f);

void mq_put_copy(struct mq_journal *j, struct mq_feed *f, struct mq_change *c);
void mq_put_dedup_copy(struct mq_journal *j, struct mq_feed *f,
		       const struct mq_dedup_change *c);
void mq_put_queue_copy(struct mq_journal *j, struct mq_feed *f);

#endif /* MQ_JOURNAL_PUT_H */
