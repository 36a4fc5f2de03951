/* SPDX-License-Identifier: GPL-2.0 */
/* Making room in a journal: see cleaner.c. */
#ifndef MQ_JOURNAL_CLEANER_H
#define MQ_JOURNAL_CLEANER_H

#include <linux/types.h>

struct mq_feed;
struct mq_journal;
struct mq_segment;

int mq_clean(struct mq_journal *j, bool must);
bool mq_clean_is_due(const struct mq_journal *j);
u64 mq_clean_dedup_end(struct mq_feed *f, u64 sent);
void mq_clean_window(struct mq_journal *j, struct mq_feed *f);
void mq_clean_count_end(struct mq_segment *g, u64 segment);

#endif /* MQ_JOURNAL_CLEANER_H */
